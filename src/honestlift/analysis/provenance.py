"""Where a result comes from: the hash of its question, since when that is locked, the seed, the versions, the time it took."""

from __future__ import annotations

import platform
import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from typing import Any

from honestlift.design.asked import AnyStudy
from honestlift.result import Lift


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """Started when it is made."""

    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    mark: float = field(default_factory=time.perf_counter)


def provenance(study: AnyStudy, clock: Clock) -> dict[str, Any]:
    """The block of the result; all but ``started`` and ``seconds`` is the same for the same question and versions."""
    return {
        "plan_sha256": study.sha256(),
        "locked": None,
        "seed": study.seed,
        "versions": dict(_versions()),
        "started": clock.started.isoformat(timespec="seconds"),
        "seconds": round(time.perf_counter() - clock.mark, 3),
    }


def versions() -> dict[str, str]:
    """The versions that numbers may depend on."""
    return dict(_versions())


def with_lock(lift: Lift, locked: str | None, after_result: bool = False) -> Lift:
    """The result of a plan whose question has been locked since then; ``after_result`` says that this came too late to show much."""
    late = {"locked_after_result": True} if locked is not None and after_result else {}
    return replace(lift, provenance={**lift.provenance, "locked": locked, **late})


@cache
def _versions() -> tuple[tuple[str, str], ...]:
    packages = ("duckdb", "narwhals", "numpy", "pyarrow", "scipy")
    return (("python", platform.python_version()), *((name, version(name)) for name in packages))
