"""The noun of a study that has not run: what it could see, from which unit, and what would change that.

A frozen value without input, output or plots. ``Proposal.to_dict`` is the contract of ``design.json``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from honestlift.plain import plain
from honestlift.result import Check, Number, Table

SCHEMA_VERSION = 1

Readiness = Literal["ready", "ready, with caveats", "too small", "open"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Power:
    """What a study can see of one estimand, by one method.

    Attributes:
        estimand: ``itt_user``, ``itt_cluster``, ``direct``, ``spillover``, ``gate``, ``ATE``, ``ATT`` or ``ATO``.
        method: ``formula`` or ``simulated``.
        effect: the effect that the study is to see, in the unit of the outcome; None if none was named.
        std_error: of the estimate.
        df: degrees of freedom; None where a simulation has none, or for the normal.
        mde: smallest effect that is announced with the target power.
        power: chance that the effect is announced; None without an effect.
        std_error_power: Monte Carlo error of the power; None for a formula.
        clusters_needed: fewest workspaces for the target power at the effect; None if unknown.
        users_needed: the same in users, for a study of users who choose.
        trusted: whether the method holds for a study of this shape.
        headline: whether this row is the answer for its estimand.

    Example:
        >>> row = hl.power(hl.Variation.of(clusters=50, mean_size=1000, icc=0.5, sd=0.4243), effect=0.2).answer("itt_user")
        >>> row.method, round(row.mde, 3), round(row.power, 2), row.clusters_needed
        ('formula', 0.243, 0.64, 74)
    """

    estimand: str
    method: Literal["formula", "simulated"]
    effect: Number
    std_error: Number
    df: Number
    mde: Number
    power: Number
    std_error_power: Number = None
    clusters_needed: int | None = None
    users_needed: int | None = None
    trusted: bool = True
    headline: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommendation:
    """What to do, in words: its level, the headline sentence, the reasons, and what would change it.

    Example:
        >>> hl.power(hl.Selection(users=20_000, adoption=0.2), effect=0.1).recommendation.level
        'ready'
    """

    level: Readiness
    headline: str
    because: tuple[str, ...]
    would_change_it: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A study before its data. Made once, never changed; the terminal, the page and the figures are made from it alone.

    Attributes:
        name: title of the study.
        kind: ``cluster`` or ``opt_in``.
        question: what the study asks, in a sentence.
        inputs: every number that the answers rest on, and where they come from.
        rows: what the study can see, a row per estimand and method.
        checks: what is wrong with it, or not.
        recommendation: what to do.
        tables: the numbers behind the figures.
        provenance: seed, draws, versions.
        honestlift_version: which version made it.

    Example:
        >>> proposal = hl.power(hl.Variation.of(clusters=50, mean_size=1000, icc=0.5, sd=0.4243), effect=0.3)
        >>> proposal.recommendation.level, round(proposal.answer().mde, 3)
        ('ready', 0.243)
    """

    name: str
    kind: Literal["cluster", "opt_in"]
    question: str
    inputs: Mapping[str, Any]
    rows: tuple[Power, ...]
    checks: tuple[Check, ...]
    recommendation: Recommendation
    tables: Mapping[str, Table]
    provenance: Mapping[str, Any]
    honestlift_version: str
    schema_version: int = field(default=SCHEMA_VERSION)

    def answer(self, estimand: str | None = None) -> Power:
        """The row that is the answer for an estimand; for the first one when none is named.

        Raises:
            LookupError: if there is none; the message lists those that there are.
        """
        for row in self.rows:
            if row.headline and estimand in (None, row.estimand):
                return row
        raise LookupError(
            f"No estimand is called {estimand!r}. Expected one of {list(dict.fromkeys(r.estimand for r in self.rows))}."
        )

    def to_dict(self) -> dict[str, Any]:
        """The contract of ``design.json``: plain dicts, lists, text and numbers; NaN and infinities are None."""
        order = ("schema_version", "honestlift_version", "name", "kind", "question", "inputs", "rows", "checks")
        order += ("recommendation", "tables", "provenance")
        return {key: plain(getattr(self, key)) for key in order}

    def to_json(self) -> str:
        """``to_dict`` as JSON text, two blanks a level, a final newline."""
        return json.dumps(self.to_dict(), indent=2, ensure_ascii=False, allow_nan=False) + "\n"

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Proposal:
        """The Proposal that ``to_dict`` was made from.

        Raises:
            ValueError: if the schema version is not known to this version of honestlift.
        """
        version = values.get("schema_version")
        if version != SCHEMA_VERSION:
            raise ValueError(
                f"The proposal has schema version {version!r}. Expected {SCHEMA_VERSION}. Make it anew with `design`."
            )
        parts = dict(values)
        parts["rows"] = tuple(Power(**row) for row in values["rows"])
        checks: list[dict[str, Any]] = [{**c, "concerns": tuple(c["concerns"])} for c in values["checks"]]
        parts["checks"] = tuple(Check(**c) for c in checks)
        r = values["recommendation"]
        parts["recommendation"] = Recommendation(
            level=r["level"], headline=r["headline"], because=tuple(r["because"]), would_change_it=tuple(r["would_change_it"])
        )
        parts["tables"] = {
            name: Table(columns=tuple(t["columns"]), rows=tuple(tuple(row) for row in t["rows"]))
            for name, t in values["tables"].items()
        }
        return cls(**parts)

    def __str__(self) -> str:
        from honestlift.report.proposal.terminal import as_text

        return as_text(self)
