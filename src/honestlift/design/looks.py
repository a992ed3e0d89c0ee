"""The record of looks at a running study: when it was read, and what the headline said, so that later looks can allow for it."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from honestlift.errors import LooksError
from honestlift.result import Lift

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What the headline of one metric said at one look."""

    estimate: float
    std_error: float
    df: float
    units: int
    clusters: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One look.

    Attributes:
        when: when the result was made, ISO 8601.
        metrics: metric to what its headline said.
    """

    when: str
    metrics: Mapping[str, Seen]


@dataclass(frozen=True, slots=True, kw_only=True)
class Looks:
    """All looks at one question, in their order.

    Attributes:
        question: hash of the question (``plan_sha256``); the same at every look.
        level: nominal coverage of all looks together.
        looks: the looks, oldest first.

    Example:
        >>> looks = hl.Looks.of(lift).with_look(lift)
        >>> len(looks.looks)
        1
    """

    question: str
    level: float
    looks: tuple[Look, ...] = field(default=())

    def with_look(self, lift: Lift) -> Looks:
        """The record with one more look. A look at data that have not changed since the last one is none.

        Raises:
            LooksError: if the result answers another question, or is older than the last look.
        """
        if lift.provenance["plan_sha256"] != self.question:
            raise LooksError.another_question(self.question, str(lift.provenance["plan_sha256"]))
        look = Look(when=str(lift.provenance["started"]), metrics=_readings(lift))
        if self.looks and look.metrics == self.looks[-1].metrics:
            return self
        if self.looks and look.when < self.looks[-1].when:
            raise LooksError.out_of_order(look.when, self.looks[-1].when)
        return replace(self, looks=(*self.looks, look))

    def to_json(self) -> str:
        """The record as a file holds it."""
        return json.dumps({"schema_version": SCHEMA_VERSION, **asdict(self)}, indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str, path: str = "looks.json") -> Looks:
        """The record that ``to_json`` wrote.

        Raises:
            LooksError: if the text is no such record.
        """
        try:
            values: dict[str, Any] = json.loads(text)
            if values["schema_version"] != SCHEMA_VERSION:
                raise LooksError.malformed(path, f"its schema_version is {values['schema_version']!r}, not {SCHEMA_VERSION}")
            looks = tuple(
                Look(when=str(v["when"]), metrics={str(m): Seen(**r) for m, r in v["metrics"].items()}) for v in values["looks"]
            )
            return cls(question=str(values["question"]), level=float(values["level"]), looks=looks)
        except (json.JSONDecodeError, KeyError, TypeError, AttributeError, ValueError) as reason:
            if isinstance(reason, LooksError):
                raise
            raise LooksError.malformed(path, f"{type(reason).__name__}: {reason}") from reason

    @classmethod
    def of(cls, lift: Lift) -> Looks:
        """An empty record for the question that a result answers."""
        return cls(question=str(lift.provenance["plan_sha256"]), level=lift.headline().level)


def read_looks(path: str | os.PathLike[str], lift: Lift) -> Looks:
    """The record in a file, or an empty one for the question of a result if there is no file yet.

    Raises:
        LooksError: if the file cannot be read or is no record.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except FileNotFoundError:
        return Looks.of(lift)
    except (OSError, UnicodeDecodeError) as reason:
        raise LooksError.malformed(str(path), str(reason)) from reason
    return Looks.from_json(text, str(path))


def write_looks(looks: Looks, path: str | os.PathLike[str]) -> None:
    """Write the record, whole or not at all.

    Raises:
        LooksError: if the file cannot be written.
    """
    target = Path(path)
    try:
        handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    except OSError as reason:
        raise LooksError.cannot_write(str(target), reason.strerror or str(reason)) from reason
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(looks.to_json())
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(temporary, 0o666 & ~mask)
        os.replace(temporary, target)
    except BaseException as reason:
        Path(temporary).unlink(missing_ok=True)
        if isinstance(reason, OSError):
            raise LooksError.cannot_write(str(target), reason.strerror or str(reason)) from reason
        raise


def _readings(lift: Lift) -> dict[str, Seen]:
    """The headline of each metric that has a standard error."""
    return {
        e.metric: Seen(estimate=e.estimate, std_error=e.std_error, df=e.df, units=e.n_units, clusters=e.n_clusters or 0)
        for e in lift.estimates
        if e.headline and e.estimate is not None and e.std_error and e.df
    }
