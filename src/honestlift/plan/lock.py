"""The lock of a plan: its hash and the time, stamped before outcomes are read, in a small file beside the plan."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from honestlift.errors import PlanError

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """What was asked, and since when.

    Attributes:
        plan_sha256: hash of the question (``Study.sha256``): another wording of the same plan is the same question.
        locked: when, in ISO 8601, UTC.
        honestlift_version: the version that hashed it.
        after_result: whether a result of the plan was there already: such a lock does not show that the question came first.
        earlier: times of the locks that this one replaces.
    """

    plan_sha256: str
    locked: str
    honestlift_version: str
    after_result: bool = False
    earlier: tuple[str, ...] = ()

    def to_json(self) -> str:
        """The text of the file."""
        values = {"schema_version": SCHEMA_VERSION, **asdict(self)}
        return json.dumps(values, indent=2) + "\n"


def lock_path(plan: Path) -> Path:
    """Where the lock of a plan is: ``plan.lock.json`` beside ``plan.yaml``."""
    return plan.with_suffix(".lock.json")


def read_lock(plan: Path) -> Lock | None:
    """The lock of a plan; None if it was never locked.

    Raises:
        PlanError: if the file beside the plan is no lock that this version knows.
    """
    path = lock_path(plan)
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        return _lock(values)
    except FileNotFoundError:
        return None
    except OSError as reason:
        raise PlanError.bad_lock(str(path), reason.strerror or str(reason)) from reason
    except (AttributeError, KeyError, TypeError, ValueError) as reason:
        raise PlanError.bad_lock(str(path), "its keys are not those of a lock") from reason


def _lock(values: Any) -> Lock:
    if values["schema_version"] != SCHEMA_VERSION or not isinstance(values["plan_sha256"], str):
        raise ValueError
    datetime.fromisoformat(values["locked"])
    return Lock(
        plan_sha256=values["plan_sha256"],
        locked=values["locked"],
        honestlift_version=str(values["honestlift_version"]),
        after_result=values.get("after_result") is True,
        earlier=tuple(str(time) for time in values.get("earlier", ())),
    )
