"""How a case is timed: in turn with its rival, after a warm-up, and quoted as the median of the ratios."""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One case: ours against a rival's seconds, and the ratio that is the target; where there is none, ``met`` is None."""

    case: str
    ours: float
    rival: float
    rival_is: str
    ratio: float
    target: str
    met: bool | None
    note: str = ""
    extra: dict[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Plain values for the record."""
        return asdict(self)


def seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def in_turn(ours: Callable[[], object], rival: Callable[[], object], *, runs: int, warm: int = 1) -> tuple[float, float, float]:
    """Median seconds of both, and the median ratio ours/rival of the pairs."""
    for _ in range(warm):
        ours()
        rival()
    pairs = [(seconds(ours), seconds(rival)) for _ in range(runs)]
    return (
        statistics.median(p[0] for p in pairs),
        statistics.median(p[1] for p in pairs),
        statistics.median(p[0] / p[1] for p in pairs),
    )


@dataclass(frozen=True, slots=True)
class Cost:
    """What a call costs in a process of its own: seconds, imports left out, and the peak of the process's memory in MB."""

    seconds: float
    peak: float
    said: str


_FRESH = """
import resource, sys, time
from benchmarks import {room}
arguments = [{arguments}]
start = time.perf_counter()
answer = {room}.{call}(*arguments)
seconds = time.perf_counter() - start
said = getattr({room}, "said", lambda _: 0)(answer)
print(seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, said)
"""


def cost(room: str, call: str, *arguments: object, runs: int = 1) -> Cost:
    """The median of so many calls of a function of a room, each in a fresh process; after one that is not counted, unless it is long.

    Args:
        room: a module of ``benchmarks``.
        call: its function; what it returns goes to the room's ``said``, if it has one.
        arguments: plain values.
        runs: counted calls.
    """
    code = _FRESH.format(room=room, call=call, arguments=", ".join(map(repr, arguments)))
    made: list[Cost] = []
    for _ in range(runs + 1):
        printed = (
            subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
            .stdout.splitlines()[-1]
            .split()
        )
        made.append(Cost(float(printed[0]), float(printed[1]), printed[2]))
        if len(made) == 1 and made[0].seconds > 60:
            break
    counted = sorted(made[1:] or made, key=lambda c: c.seconds)
    return counted[len(counted) // 2]


def machine() -> dict[str, Any]:
    """Where and with what this was run."""
    packages = (
        "honestlift",
        "duckdb",
        "narwhals",
        "numpy",
        "pandas",
        "pyarrow",
        "pyfixest",
        "pyspark",
        "scikit-learn",
        "scipy",
        "statsmodels",
        "wildboottest",
    )
    return {
        "python": platform.python_version(),
        "system": platform.system(),
        "processor": platform.machine(),
        "cores": os.cpu_count(),
        "load": load(),
        "versions": {name: found for name in packages if (found := _installed(name))},
    }


def load() -> list[float]:
    """Processes that waited for a core over the last 1, 5 and 15 minutes: a busy machine makes its numbers doubtful."""
    return [round(v, 2) for v in os.getloadavg()]


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
