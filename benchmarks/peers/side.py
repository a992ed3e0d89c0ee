"""One side of a comparison as a process: warms up on a small file, then runs its task once for every line that it is sent.

Both environments run this file, so that it knows neither honestlift nor a peer. It answers in lines of JSON.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

Answer = Mapping[str, float]
"""What a task found, by name: an estimand's name is its estimate, ``se ATE`` the standard error of ``ATE``, ``p`` a p-value."""


def serve(task: Callable[[Any], Answer], warm: Any, counted: Any, packages: Sequence[str]) -> None:
    """Warm up on the one input, say so, then time the task on the other until the lines end.

    Args:
        task: what is timed.
        warm: a small input.
        counted: the one that is timed.
        packages: whose versions are told.
    """
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what libraries print is no answer
    task(warm)
    print(json.dumps({"versions": {name: version(name) for name in packages}}), file=answers)
    for _ in sys.stdin:
        start = time.perf_counter()
        found = task(counted)
        taken = time.perf_counter() - start
        print(json.dumps({"seconds": taken, "answer": dict(found), "peak_mb": peak_mb()}), file=answers)


def peak_mb() -> float:
    """The most memory that this process has held, in MB; what a parent held before it started this one is not counted."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text(encoding="utf-8").splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
