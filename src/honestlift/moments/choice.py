"""From cells of the scan to patterns: who chose, which covariates become which columns, and which users are left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from honestlift.design.cluster import Treatment
from honestlift.design.opt_in import OptInDesign
from honestlift.design.study import Missing
from honestlift.errors import DataError
from honestlift.moments.patterns import Patterns, tally
from honestlift.moments.spec import Sum
from honestlift.moments.table import Key, Label, Moments, require_doubles

Floats = NDArray[np.float64]

ABSENT = "missing"
"""Name of the level that users without a covariate form when the plan says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arms:
    """Which values of the treatment column are the two arms, and how many rows have another."""

    treated: Label
    control: Label
    others: dict[str, int]


def read_choice(counts: Moments, design: OptInDesign) -> Arms:
    """Find those who opted in and those who did not among the values of the treatment column.

    Args:
        counts: rows per value of the treatment column; see ``scan.count_cells``.
        design: names the column and, if need be, the values.

    Raises:
        DataError: if the table is empty, a value is missing or not 0/1, or nobody, or everybody, opted in.
    """
    if counts.cells == 0:
        raise DataError.empty()
    key = counts.keys[design.arm]
    rows = {label: int(counts.rows[key.codes == code].sum()) for code, label in enumerate(key.labels)}
    if None in rows:
        raise DataError.missing_values(design.arm, "treatment", rows[None])
    if isinstance(design.treatment, Treatment):
        wanted = {"treated": design.treatment.arms[0], "control": design.treatment.control}
    else:
        if any(isinstance(label, str) or label not in (0, 1) for label in key.labels):
            raise DataError.treatment_not_binary(design.arm, key.labels)
        wanted = {"treated": 1, "control": 0}
    found: dict[str, Label] = {}
    for arm, value in wanted.items():
        hits = [label for label in key.labels if label == value or str(label) == str(value)]
        if not hits:
            raise DataError.arm_empty(design.arm, arm, value, key.labels)
        found[arm] = hits[0]
    others = {str(label): n for label, n in rows.items() if label not in found.values()}
    return Arms(treated=found["treated"], control=found["control"], others=others)


@dataclass(frozen=True, slots=True, kw_only=True)
class Covariate:
    """A covariate as the scan grouped it.

    Attributes:
        name: the column.
        category: whether its values are levels, each with a 0/1 column of its own but the first.
    """

    name: str
    category: bool


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Columns:
    """Covariate columns of the cells."""

    names: tuple[str, ...]
    covariates: tuple[str, ...]
    references: dict[str, str]
    x: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Grouped:
    """All users of an opt-in study, in cells of arm × covariates (× cluster or bucket).

    Attributes:
        moments: the sums.
        treated: (C,) whether a cell's users opted in.
        pattern: (C,) index of each cell's pattern.
        x: (P, k) covariate columns of the patterns.
        names, covariates, references: as in ``Patterns``.
        group: (P,) cluster or bucket; None without.
        groups: number of them.
        group_names: (G,) labels of the groups.
        dropped: users who were left out, by reason.
    """

    moments: Moments
    treated: NDArray[np.bool_]
    pattern: NDArray[np.int64]
    x: Floats
    names: tuple[str, ...]
    covariates: tuple[str, ...]
    references: dict[str, str]
    group: NDArray[np.int64] | None
    groups: int
    group_names: tuple[Label, ...]
    dropped: dict[str, int]

    def users(self) -> Patterns:
        """Everybody, without an outcome."""
        rows = self.moments.rows.astype(np.float64)
        return self._patterns(rows, rows * 0, rows * 0, 0.0)

    def outcome(self, column: str) -> Patterns:
        """The users who have a value of a measured column."""
        sums = self.moments.sums
        present = (column,)
        made = self._patterns(
            sums[Sum((), present)],
            sums[Sum((column,), present)],
            sums[Sum((column, column), present)],
            self.moments.origin[column],
        )
        there = made.count.sum(axis=1) > 0
        return made if there.all() else made.kept(there)

    def _patterns(self, count: Floats, total: Floats, square: Floats, origin: float) -> Patterns:
        size = self.x.shape[0]
        slot = 2 * self.pattern + self.treated

        def both(values: Floats) -> Floats:
            return tally(slot, values, 2 * size).reshape(size, 2)

        return Patterns(
            names=self.names,
            x=self.x,
            count=both(count),
            total=both(total),
            square=both(square),
            origin=origin,
            group=self.group,
            groups=self.groups,
            covariates=self.covariates,
            references=self.references,
        )


def group_users(
    moments: Moments,
    design: OptInDesign,
    arms: Arms,
    covariates: Sequence[Covariate],
    missing: Missing,
    group: str | None,
    *,
    named: bool,
) -> Grouped:
    """Give the cells their meaning.

    Args:
        moments: sums by treatment, covariates and group.
        design: names the treatment.
        arms: the values of the treatment.
        covariates: the grouped covariates, in the order of the study.
        missing: what becomes of users without a covariate.
        group: name of the key that is the cluster or bucket; None without.
        named: whether the groups are clusters, whose order must not depend on their names.

    Raises:
        DataError: if a covariate is missing and the study does not say what to do, is constant, or a level has one arm only.
    """
    if named and group is not None and None in moments.keys[group].labels:
        key = moments.keys[group]
        raise DataError.missing_values(group, "cluster", int(moments.rows[key.codes == key.labels.index(None)].sum()))
    moments, dropped = _complete(moments, covariates, missing)
    key = moments.keys[design.arm]
    treated = key.codes == key.labels.index(arms.treated)
    if not (treated.any() and (~treated).any()):
        raise DataError.no_users_left("Dropping users without a covariate")
    columns = _columns(moments, treated, covariates)
    parts = [moments.keys[c.name].codes for c in covariates]
    codes: NDArray[np.int64] | None = None
    names: tuple[Label, ...] = ()
    if group is not None:
        codes, names = _group(moments, moments.keys[group], treated, named)
    order = np.lexsort([*([codes] if codes is not None else []), *reversed(parts)])
    stacked = np.stack([*parts, *([codes] if codes is not None else [])], axis=1)[order]
    first = np.ones(order.size, dtype=np.bool_)
    first[1:] = (stacked[1:] != stacked[:-1]).any(axis=1)
    pattern = np.empty(order.size, dtype=np.int64)
    pattern[order] = np.cumsum(first) - 1
    starts = order[first]
    return Grouped(
        moments=moments,
        treated=treated,
        pattern=pattern,
        x=np.asfortranarray(columns.x[starts]),
        names=columns.names,
        covariates=columns.covariates,
        references=columns.references,
        group=None if codes is None else codes[starts],
        groups=len(names),
        group_names=names,
        dropped=dropped,
    )


def _complete(moments: Moments, covariates: Sequence[Covariate], missing: Missing) -> tuple[Moments, dict[str, int]]:
    """The cells with every covariate (all of them when missing values are a category), and the users left out."""
    gone = np.zeros(moments.cells, dtype=np.bool_)
    dropped: dict[str, int] = {}
    for covariate in covariates:
        key = moments.keys[covariate.name]
        if None not in key.labels:
            continue
        empty = key.codes == key.labels.index(None)
        count = int(moments.rows[empty].sum())
        if count and missing == "error":
            raise DataError.missing_values(covariate.name, "covariate", count)
        if missing == "drop":
            dropped[f"{covariate.name} missing"] = int(moments.rows[empty & ~gone].sum())
            gone |= empty
    if not gone.any():
        return moments, {}
    kept = ~gone
    keys = {name: Key(codes=key.codes[kept], labels=key.labels) for name, key in moments.keys.items()}
    sums = {s: values[kept] for s, values in moments.sums.items()}
    return Moments(keys=keys, rows=moments.rows[kept], sums=sums, origin=moments.origin), dropped


def _columns(moments: Moments, treated: NDArray[np.bool_], covariates: Sequence[Covariate]) -> _Columns:
    """Numbers as they are; categories as 0/1 columns, the first level without one; missing numbers beside an indicator."""
    names: list[str] = []
    owners: list[str] = []
    references: dict[str, str] = {}
    x: list[Floats] = []
    for covariate in covariates:
        key = moments.keys[covariate.name]
        there = np.unique(key.codes)
        present: list[int] = there[there != (key.labels.index(None) if None in key.labels else -1)].tolist()
        absent = key.codes == key.labels.index(None) if None in key.labels else np.zeros(key.codes.size, dtype=np.bool_)
        if len(present) + bool(absent.any()) < 2:
            raise _constant(covariate.name, key, present)
        if covariate.category:
            levels = [(f"{covariate.name} = {key.labels[c]}", key.codes == c) for c in present]
            levels += [(f"{covariate.name} = {ABSENT}", absent)] if absent.any() else []
            for level, inside in levels:
                _both_arms(covariate.name, level.removeprefix(f"{covariate.name} = "), inside, treated, moments.rows)
            references[covariate.name] = levels[0][0]
            made = [(level, inside.astype(np.float64)) for level, inside in levels[1:]]
        else:
            require_doubles(covariate.name, "covariate", key, moments.rows)
            numbers = key.numbers
            middle = (
                np.nanmin(numbers) + np.nanmax(numbers)
            ) / 2  # beside its indicator any value will do; this one costs no digits
            values = np.where(np.isnan(numbers), middle, numbers)[key.codes]
            made = [(covariate.name, values)] if len(present) > 1 else []
            made += [(f"{covariate.name} = {ABSENT}", absent.astype(np.float64))] if absent.any() else []
        names += [name for name, _ in made]
        owners += [covariate.name] * len(made)
        x += [values for _, values in made]
    return _Columns(names=tuple(names), covariates=tuple(owners), references=references, x=np.column_stack(x))


def _constant(name: str, key: Key, present: list[int]) -> DataError:
    label = key.labels[present[0]] if present else None
    if label is None:
        return DataError.all_missing(name, "covariate")
    return DataError.one_value(name, "covariate", label)


def _both_arms(name: str, level: str, inside: NDArray[np.bool_], treated: NDArray[np.bool_], rows: NDArray[np.int64]) -> None:
    control, opted = int(rows[inside & ~treated].sum()), int(rows[inside & treated].sum())
    if not control or not opted:
        raise DataError.one_arm_level(name, level, "treated" if opted else "controls", control + opted)


def _group(moments: Moments, key: Key, treated: NDArray[np.bool_], named: bool) -> tuple[NDArray[np.int64], tuple[Label, ...]]:
    """Each cell's group; clusters numbered by their rows, treated rows and sums, ties by name, so that no name moves a number."""
    g = len(key.labels)
    if not named:
        return key.codes, key.labels
    by = [tally(key.codes, values, g) for values in ((moments.rows * treated).astype(np.float64), *moments.sums.values())]
    order: NDArray[np.int64] = np.lexsort([np.arange(g), *reversed(by), tally(key.codes, moments.rows.astype(np.float64), g)])
    rank = np.empty(g, dtype=np.int64)
    rank[order] = np.arange(g)
    return rank[key.codes], tuple(key.labels[int(i)] for i in order)
