"""Make all of it again: `python -m docs.make`, or one part of it: `python -m docs.make schematics`."""

import sys

from docs.make import ledger, notebooks, plan_keys, schematics, speed

PARTS = {
    "schematics": schematics.make,
    "speed": speed.make,
    "plan_keys": plan_keys.make,
    "ledger": ledger.make,
    "notebooks": notebooks.make,
}

for part in sys.argv[1:] or PARTS:
    for path in PARTS[part]():
        print(path)
