"""How a case is timed: in turn with its rival, after a warm-up, and quoted as the median of the ratios."""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One case: ours against a rival's seconds, and the ratio that is the target."""

    case: str
    ours: float
    rival: float
    rival_is: str
    ratio: float
    target: str
    met: bool
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
