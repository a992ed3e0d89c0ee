"""Ctrl-C while the command line is still being loaded: one plain line, as later, instead of a traceback.

Imported before everything else, with next to nothing of its own to load. Nothing is open and nothing is written yet, so that the process
may leave at once. What comes before, the start of Python itself, answers as Python does.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress

SAID = b"Interrupted. No file was left half-written.\n"


def is_command(name: str, started: list[str]) -> bool:
    """Whether the process is the command line, and not a program that imports the package.

    Args:
        name: ``sys.argv[0]``, which is ``-m`` while a package is loaded to be run as a module.
        started: ``sys.orig_argv``.
    """
    if name == "-m":
        return "-m" in started and started[started.index("-m") + 1 :][:1] == ["honestlift"]
    return os.path.splitext(os.path.basename(name))[0] == "honestlift"


def leave(_number: int, _frame: object) -> None:
    """Say so and leave."""
    os.write(2, SAID)
    os._exit(130)


if is_command(sys.argv[0] if sys.argv else "", sys.orig_argv) and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    with suppress(ValueError):  # a thread other than the main one hears no signals
        signal.signal(signal.SIGINT, leave)
