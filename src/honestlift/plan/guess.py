"""Guessing which column plays which role, from names, types and counts alone; every guess says why it was made."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from honestlift.plan.vocabulary import (
    ARM_WORDS,
    ARMS,
    BEFORE,
    CALENDAR,
    CHOICE,
    CONTROL_VALUES,
    GROUPS,
    IDENTIFIERS,
    LOSSES,
    NOT_ARMS,
    NOT_OUTCOMES,
    OUTCOMES,
    PEOPLE,
    TRAITS,
    TREATED_VALUES,
    USE,
)

Kind = Literal["number", "integer", "boolean", "text", "time"]
Value = str | int | float | bool
Design = Literal["cluster", "opt_in"]

FEWEST_CLUSTERS = 4
MOST_CATEGORIES = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnSketch:
    """What is known of a column without reading it closely.

    Attributes:
        name: name of the column.
        kind: ``number``, ``integer``, ``boolean``, ``text`` or ``time``.
        distinct: number of different values, missing ones left out; it may be approximate.
        rows: rows of the table.
        values: some of its values, or all of them where there are few.
    """

    name: str
    kind: Kind
    distinct: int
    rows: int
    values: tuple[Value, ...] = ()

    @property
    def words(self) -> tuple[str, ...]:
        """The words of the name in lower case: ``teamID`` and ``team_id`` are ``team`` and ``id``."""
        found = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[^\W\d_A-Z]+|\d+", self.name)
        words: list[str] = []
        for word in (w.lower() for w in found):
            stem = word.removesuffix("id")
            words += [stem, "id"] if stem != word and stem in PEOPLE + GROUPS else [word]
        return tuple(words)

    @property
    def labels(self) -> bool:
        """Whether it can name things: users, workspaces."""
        return self.kind in ("integer", "text")

    @property
    def binary(self) -> bool:
        """Whether it looks like 0/1 or true/false."""
        known = {v for v in self.values if isinstance(v, (bool, int, float))}
        return self.kind in ("integer", "boolean", "number") and self.distinct == 2 and known <= {0, 1}

    def named(self, nouns: Sequence[str]) -> bool:
        """Whether it names one of these things: ``user_id`` or ``user``, not ``user_count``."""
        words = self.words
        about = any(word in nouns for word in words)
        return about and (bool(IDENTIFIERS & set(words)) or all(word in nouns for word in words))


@dataclass(frozen=True, slots=True, kw_only=True)
class Roles:
    """The guessed roles; None or empty where there is no guess.

    Attributes:
        unit, cluster, treatment, exposure, uptake: one column each.
        arms: values of the treated and the control arm, where the treatment is no 0/1 column and they can be told.
        metrics: outcomes, the most likely first.
        covariates: columns known before the treatment.
        other_clusters: further columns that could be the cluster.
        unused: columns without a role.
        kind: ``opt_in`` where no column holds an arm but one says who chose, else ``cluster``.
    """

    unit: ColumnSketch | None
    cluster: ColumnSketch | None
    treatment: ColumnSketch | None
    exposure: ColumnSketch | None
    uptake: ColumnSketch | None
    arms: tuple[Value, Value] | None
    metrics: tuple[ColumnSketch, ...]
    covariates: tuple[ColumnSketch, ...]
    other_clusters: tuple[ColumnSketch, ...]
    unused: tuple[ColumnSketch, ...]
    kind: Design = "cluster"


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """Roles that the user names, by column; what is None or empty is guessed."""

    kind: Design | Literal["waves"] | None = None
    unit: str | None = None
    cluster: str | None = None
    treatment: str | None = None
    metrics: tuple[str, ...] = ()
    covariates: tuple[str, ...] = ()
    period: str | None = None

    def named(self) -> list[tuple[str, str]]:
        """Every column that is named, with its role."""
        one = [(self.unit, "unit"), (self.cluster, "cluster"), (self.treatment, "treatment"), (self.period, "period")]
        many = [(m, "metric") for m in self.metrics] + [(c, "covariate") for c in self.covariates]
        return [(name, role) for name, role in (*one, *many) if name is not None]


def guess_roles(columns: Sequence[ColumnSketch], given: Given | None = None) -> Roles:
    """A role for each column whose name, type and counts suggest one; no column gets two.

    Args:
        columns: what is known of each.
        given: roles that the user names; the others are guessed.
    """
    said = given or Given()
    named = {name for name, _ in said.named()}
    free = [c for c in columns if c.name not in named]
    unit = _called(columns, said.unit) or _unit(free)
    chosen = _called(columns, said.cluster)
    clusters = [*([chosen] if chosen else []), *_clusters(free, unit)]
    taken = [*clusters[:1], *([unit] if unit else [])]
    free = [c for c in free if c not in taken]
    treatment, choice = _first(_treatments(free)), _first([c for c in free if c.binary and CHOICE & set(c.words)])
    told = _called(columns, said.treatment)
    chose = bool(CHOICE & set(told.words)) if told else choice is not None and (treatment is None or not _usual(treatment))
    if said.kind == "opt_in" or (said.kind is None and chose):
        return _opt_in_roles(columns, unit, clusters, told or choice or treatment, said)
    treatment = told or treatment
    taken += [treatment] if treatment else []
    exposure = _first([c for c in columns if c not in taken and c.name not in named and c.binary and _about_exposure(c)])
    uptake = _first([c for c in columns if c not in taken and c.name not in named and c.binary and USE & set(c.words)])
    taken += [c for c in (exposure, uptake) if c]
    before = [c for c in columns if c.name in said.covariates]
    metrics = _all_called(columns, said.metrics) or _metrics([c for c in columns if c not in (*taken, *before)])
    covariates = before or [c for c in columns if c not in (*taken, *metrics) and _known_before(c)]
    used = (*taken, *metrics, *covariates)
    return Roles(
        unit=unit,
        cluster=_first(clusters),
        treatment=treatment,
        exposure=exposure,
        uptake=uptake,
        arms=_arms(treatment) if treatment else None,
        metrics=tuple(metrics),
        covariates=tuple(covariates),
        other_clusters=tuple(clusters[1:]),
        unused=tuple(c for c in columns if c not in used),
    )


def _opt_in_roles(
    columns: Sequence[ColumnSketch],
    unit: ColumnSketch | None,
    clusters: list[ColumnSketch],
    choice: ColumnSketch | None,
    said: Given,
) -> Roles:
    """Who chose, the outcomes, and the traits on which everything rests."""
    taken = [c for c in (unit, *clusters, choice) if c]
    before = [c for c in columns if c.name in said.covariates]
    guessed = [c for c in _metrics([c for c in columns if c not in (*taken, *before)]) if not TRAITS & set(c.words)]
    metrics = _all_called(columns, said.metrics) or guessed
    rest = [c for c in columns if c not in (*taken, *metrics)]
    covariates = before or [c for c in rest if _known_before(c) or _trait(c)]
    return Roles(
        unit=unit,
        cluster=_first(clusters),
        treatment=choice,
        exposure=None,
        uptake=None,
        arms=_arms(choice) if choice else None,
        metrics=tuple(metrics),
        covariates=tuple(covariates),
        other_clusters=tuple(clusters[1:]),
        unused=tuple(c for c in rest if c not in covariates),
        kind="opt_in",
    )


def _called(columns: Sequence[ColumnSketch], name: str | None) -> ColumnSketch | None:
    return next((c for c in columns if c.name == name), None)


def _all_called(columns: Sequence[ColumnSketch], names: Sequence[str]) -> list[ColumnSketch]:
    """The columns of these names, in the order of the names."""
    return [c for name in names for c in columns if c.name == name]


def _usual(treatment: ColumnSketch) -> bool:
    """Whether a column has the very name of an arm."""
    return "_".join(treatment.words) in ARMS


def _trait(column: ColumnSketch) -> bool:
    """A trait of a user: a number, or text of few values."""
    if column.kind == "time" or column.distinct < 2 or not TRAITS & set(column.words):
        return False
    return not (CALENDAR | IDENTIFIERS) & set(column.words) and (column.kind != "text" or column.distinct <= MOST_CATEGORIES)


def _first(columns: Sequence[ColumnSketch]) -> ColumnSketch | None:
    return columns[0] if columns else None


def _unit(columns: Sequence[ColumnSketch]) -> ColumnSketch | None:
    people = [c for c in columns if c.labels and c.distinct > 1 and c.named(PEOPLE)]
    if people:
        return max(people, key=lambda c: c.distinct)
    return _first([c for c in columns if c.labels and IDENTIFIERS & set(c.words) and 1 < c.distinct == c.rows])


def _clusters(columns: Sequence[ColumnSketch], unit: ColumnSketch | None) -> list[ColumnSketch]:
    found = [c for c in columns if c != unit and c.labels and c.named(GROUPS)]
    found = [c for c in found if FEWEST_CLUSTERS <= c.distinct < (unit.distinct if unit else c.rows)]
    return sorted(found, key=lambda c: (not IDENTIFIERS & set(c.words), min(GROUPS.index(w) for w in c.words if w in GROUPS)))


def _treatments(columns: Sequence[ColumnSketch]) -> list[ColumnSketch]:
    """Columns that may hold the arm: by a usual name first, 0/1 before text."""
    few = [c for c in columns if c.binary or (c.kind in ("text", "integer") and 2 <= c.distinct <= FEWEST_CLUSTERS)]
    usual = [c for c in few if "_".join(c.words) in ARMS]
    loose = [
        c for c in few if c not in usual and ARM_WORDS & set(c.words) and not NOT_ARMS & set(c.words) and not _about_exposure(c)
    ]
    return [
        *sorted(usual, key=lambda c: (not c.binary, ARMS.index("_".join(c.words)))),
        *sorted(loose, key=lambda c: not c.binary),
    ]


def _arms(treatment: ColumnSketch) -> tuple[Value, Value] | None:
    treated = [v for v in treatment.values if str(v).strip().lower() in TREATED_VALUES]
    control = [v for v in treatment.values if str(v).strip().lower() in CONTROL_VALUES]
    return None if treatment.binary or not len(treated) == len(control) == 1 else (treated[0], control[0])


def _about_exposure(column: ColumnSketch) -> bool:
    return any(word.startswith(("expos", "spill")) for word in column.words)


def _metrics(columns: Sequence[ColumnSketch]) -> list[ColumnSketch]:
    """Numbers with the name of an outcome, the likeliest first; of ``x`` and ``x_obs`` only the second."""
    numbers = [c for c in columns if c.kind in ("number", "integer", "boolean") and c.distinct > 1]
    numbers = [c for c in numbers if not NOT_OUTCOMES & set(c.words) and not _about_exposure(c)]
    scored = [(sum(OUTCOMES.get(word, word in LOSSES) for word in c.words), c) for c in numbers]
    stems = {c.name.removesuffix("_obs") for c in numbers if c.name.endswith("_obs")}
    return [c for score, c in sorted(scored, key=lambda pair: -pair[0]) if score and c.name not in stems]


def _known_before(column: ColumnSketch) -> bool:
    if column.kind == "time" or column.distinct < 2 or IDENTIFIERS & set(column.words):
        return False
    return bool(BEFORE & set(column.words)) and (column.kind != "text" or column.distinct <= MOST_CATEGORIES)
