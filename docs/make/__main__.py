"""Make all of it again: `python -m docs.make`."""

from docs.make import notebooks

for path in notebooks.make():
    print(path)
