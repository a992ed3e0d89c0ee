"""Where a result comes from: the hash of its question, the seed, the versions, when it was made and how long that took."""

from __future__ import annotations

import platform
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from typing import Any

from honestlift.design.opt_in import OptInStudy
from honestlift.design.study import Study


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """Started when it is made."""

    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    mark: float = field(default_factory=time.perf_counter)


def provenance(study: Study | OptInStudy, clock: Clock) -> dict[str, Any]:
    """The block of the result; all but ``started`` and ``seconds`` is the same for the same question and versions."""
    return {
        "plan_sha256": study.sha256(),
        "seed": study.seed,
        "versions": dict(_versions()),
        "started": clock.started.isoformat(timespec="seconds"),
        "seconds": round(time.perf_counter() - clock.mark, 3),
    }


@cache
def _versions() -> tuple[tuple[str, str], ...]:
    packages = ("duckdb", "narwhals", "numpy", "pyarrow", "scipy")
    return (("python", platform.python_version()), *((name, version(name)) for name in packages))
