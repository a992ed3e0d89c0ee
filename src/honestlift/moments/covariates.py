"""Covariates as numeric design columns in the engine: numbers about their origins, categories and gaps as 0/1 columns."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from honestlift.design.opt_in import Missing
from honestlift.errors import DataError
from honestlift.moments.choice import ABSENT, Arms, Covariate
from honestlift.moments.expressions import double, present
from honestlift.moments.profile import ColumnProfile
from honestlift.moments.scan import Frame, collect
from honestlift.moments.table import Label, Moments
from honestlift.source.connect import Source

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class DesignColumn:
    """One column of the design.

    Attributes:
        name: as in ``Patterns``: the covariate, or ``covariate = level``.
        covariate: the column of the source that it is made from.
        kind: its numbers, one level of its text, or whether it is missing.
        level: the level.
        filled: what stands where a number is missing; None where none may be.
        origin, scale: z = (x − origin)/scale; the scale is a power of two, so that nothing is rounded.
        bound: the greatest size of z.
    """

    name: str
    covariate: str
    kind: Literal["number", "level", "absent"]
    level: Label = None
    filled: float | None = None
    origin: float = 0.0
    scale: float = 1.0
    bound: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DesignColumns:
    """All columns after the intercept.

    Attributes:
        columns: in the order of the covariates.
        references: category to the name of the level without a column.
        dropped: covariates whose gaps leave a row out.
    """

    columns: tuple[DesignColumn, ...]
    references: Mapping[str, str]
    dropped: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns."""
        return tuple(c.name for c in self.columns)

    @property
    def bound(self) -> Floats:
        """(k,) the greatest size of each column, the intercept first."""
        return np.array([1.0, *(c.bound for c in self.columns)])

    @property
    def origin(self) -> Floats:
        """(k − 1,) what is taken off each column."""
        return np.array([c.origin for c in self.columns])

    @property
    def scale(self) -> Floats:
        """(k − 1,) what it is divided by then."""
        return np.array([c.scale for c in self.columns])

    def varying(self, frame: Frame) -> tuple[list[int], DesignColumns]:
        """The columns that vary among rows, by position, and the design of them.

        A category whose reference level has no rows any more gets another.

        Args:
            frame: the rows.
        """
        spreads, complete = _spreads(frame, self)
        kept = [j for j in range(len(self.columns)) if spreads[j] > 0]
        references = dict(self.references)
        for covariate in self.references:
            inside = [j for j in kept if self.columns[j].covariate == covariate]
            if inside and covariate in complete:
                references[covariate] = self.columns[inside[0]].name
                kept.remove(inside.pop(0))
            if not inside:
                del references[covariate]
        return kept, DesignColumns(columns=tuple(self.columns[j] for j in kept), references=references, dropped=self.dropped)


def design_columns(
    covariates: Sequence[Covariate],
    levels: Mapping[str, Moments],
    profiles: Mapping[str, ColumnProfile],
    arms: Arms,
    arm: str,
    missing: Missing,
) -> DesignColumns:
    """The design of the covariates.

    Args:
        covariates: in the order of the study.
        levels: rows by arm and value of each category.
        profiles: of each numeric covariate.
        arms: the values of the treatment.
        arm: the treatment column.
        missing: what becomes of users without a covariate.

    Raises:
        DataError: if a covariate is missing and the study does not say what to do, is constant, or a level has one arm only.
    """
    made: list[DesignColumn] = []
    references: dict[str, str] = {}
    dropped: list[str] = []
    for covariate in covariates:
        if covariate.category:
            columns, gaps = _category(covariate.name, levels[covariate.name], arms, arm, missing)
            references[covariate.name] = columns[0].name
            made += columns[1:]
        else:
            columns, gaps = _number(covariate.name, profiles[covariate.name], missing)
            made += columns
        dropped += [covariate.name] if gaps and missing == "drop" else []
    return DesignColumns(columns=tuple(made), references=references, dropped=tuple(dropped))


def _category(name: str, counts: Moments, arms: Arms, arm: str, missing: Missing) -> tuple[list[DesignColumn], bool]:
    key, choice = counts.keys[name], counts.keys[arm]
    treated = choice.codes == choice.labels.index(arms.treated)
    gap = key.codes == key.labels.index(None) if None in key.labels else np.zeros(key.codes.size, dtype=np.bool_)
    gaps = int(counts.rows[gap].sum())
    if gaps and missing == "error":
        raise DataError.missing_values(name, "covariate", gaps)
    made: list[DesignColumn] = []
    for code, label in enumerate(key.labels):
        if label is None and missing != "category":
            continue
        inside = key.codes == code
        control, opted = int(counts.rows[inside & ~treated].sum()), int(counts.rows[inside & treated].sum())
        shown = ABSENT if label is None else str(label)
        if not control or not opted:
            raise DataError.one_arm_level(name, shown, "treated" if opted else "controls", control + opted)
        kind: Literal["level", "absent"] = "absent" if label is None else "level"
        made.append(DesignColumn(name=f"{name} = {shown}", covariate=name, kind=kind, level=label))
    if len(made) < 2:
        raise DataError.all_missing(name, "covariate") if not made else DataError.one_value(name, "covariate", made[0].level)
    return made, bool(gaps)


def _number(name: str, seen: ColumnProfile, missing: Missing) -> tuple[list[DesignColumn], bool]:
    if seen.missing and missing == "error":
        raise DataError.missing_values(name, "covariate", seen.missing)
    if not seen.count:
        raise DataError.all_missing(name, "covariate")
    flat = seen.low == seen.high
    if flat and not (seen.missing and missing == "category"):
        raise DataError.one_value(name, "covariate", seen.low)
    scale = 2.0 ** round(math.log2(seen.spread)) if seen.spread > 0 else 1.0
    filled = (seen.low + seen.high) / 2 if seen.missing else None
    column = DesignColumn(
        name=name, covariate=name, kind="number", filled=filled, origin=seen.origin, scale=scale, bound=seen.bound / scale
    )
    made = [] if flat else [column]
    if seen.missing and missing == "category":
        made.append(DesignColumn(name=f"{name} = {ABSENT}", covariate=name, kind="absent"))
    return made, bool(seen.missing)


def design_frame(
    source: Source, arm: str, arms: Arms, group: str | None, measures: Mapping[str, ColumnProfile], design: DesignColumns
) -> Frame:
    """The rows as doubles: ``t``, ``g`` (with a group), ``y0``, ``y1``, … about their origins, NULL where missing, and ``z1``, ….

    Args:
        source: the rows of the two arms.
        arm: the treatment column.
        arms: its values.
        group: column of the workspaces or buckets.
        measures: outcomes with their profiles.
        design: the covariates.
    """
    covariates = list(dict.fromkeys([*(c.covariate for c in design.columns), *design.dropped]))
    names = [arm, *([group] if group else []), *measures, *covariates]
    raw = {name: f"c{i}" for i, name in enumerate(names)}
    frame = source.select(names)
    for name in design.dropped:
        frame = frame.filter(_there(source, name, raw[name]))
    made = [(nw.col("c0") == arms.treated).cast(nw.Int32).cast(nw.Float64).alias("t")]
    made += [nw.col(raw[group]).alias("g")] if group else []
    for i, (name, seen) in enumerate(measures.items()):
        value = double(raw[name], source.kind(name))
        about = nw.when(present(value)).then(value) if seen.missing else value
        made.append((about - seen.origin).alias(f"y{i}"))
    made += [_column(source, c, raw[c.covariate]).alias(f"z{i}") for i, c in enumerate(design.columns, start=1)]
    return frame.select(*made)


def _there(source: Source, name: str, raw: str) -> nw.Expr:
    return ~nw.col(raw).is_null() if source.kind(name) == "text" else present(double(raw, source.kind(name)))


def _column(source: Source, column: DesignColumn, raw: str) -> nw.Expr:
    if column.kind == "level":
        return (nw.col(raw) == column.level).fill_null(False).cast(nw.Int32).cast(nw.Float64)
    there = _there(source, column.covariate, raw)
    if column.kind == "absent":
        return 1.0 - there.cast(nw.Int32).cast(nw.Float64)
    value = double(raw, source.kind(column.covariate))
    if column.filled is not None:
        value = nw.when(there).then(value).otherwise(column.filled)
    return (value - column.origin) / column.scale


def with_outcome(frame: Frame, index: int, *, missing: bool) -> Frame:
    """The rows that have one of the outcomes, as ``y``."""
    named = frame.with_columns(nw.col(f"y{index}").alias("y"))
    return named.filter(~nw.col("y").is_null()) if missing else named


def rescaled(design: DesignColumns, z: Floats) -> Floats:
    """The columns as they came, (n, k − 1), from those of the frame."""
    return z * design.scale + design.origin


def gaps(source: Source, dropped: Sequence[str]) -> dict[str, int]:
    """Rows that lack a covariate and none of those before it: who is left out, and why."""
    if not dropped:
        return {}
    names = [f"d{i}" for i in range(len(dropped))]
    lack = [1 - _there(source, name, f"c{i}").cast(nw.Int64) for i, name in enumerate(dropped)]
    frame = source.select(dropped).select(*[e.alias(n) for n, e in zip(names, lack, strict=True)])
    made: list[nw.Expr] = []
    left = nw.lit(1)
    for n in names:
        made.append((nw.col(n) * left).alias(n))
        left = left * (1 - nw.col(n))
    row: dict[str, Any] = collect(frame.select(*made).select(*[nw.col(n).sum() for n in names])).to_pylist()[0]
    return {f"{name} missing": int(row[n]) for name, n in zip(dropped, names, strict=True)}


def categories(levels: Mapping[str, Moments], arm: str, arms: Arms) -> tuple[tuple[str, str, int, int], ...]:
    """Users per level of each category: covariate, level, without the feature, with it."""
    made: list[tuple[str, str, int, int]] = []
    for name, counts in levels.items():
        key, choice = counts.keys[name], counts.keys[arm]
        treated = choice.codes == choice.labels.index(arms.treated)
        for code, label in enumerate(key.labels):
            inside = key.codes == code
            control, opted = int(counts.rows[inside & ~treated].sum()), int(counts.rows[inside & treated].sum())
            made.append((name, ABSENT if label is None else str(label), control, opted))
    return tuple(made)


def _spreads(frame: Frame, design: DesignColumns) -> tuple[list[float], set[str]]:
    """Greatest less least value of each design column, and the categories of which every row is in one of the columns."""
    names = [f"z{j}" for j in range(1, len(design.columns) + 1)]
    ends = [f(nw.col(n)).alias(f"{n}{end}") for n in names for end, f in (("l", nw.Expr.min), ("h", nw.Expr.max))]
    sums = [
        sum((nw.col(n) for n, c in zip(names, design.columns, strict=True) if c.covariate == covariate), start=nw.lit(0.0))
        for covariate in design.references
    ]
    held = frame.select(*names, *[e.alias(f"r{i}") for i, e in enumerate(sums)])
    row: dict[str, Any] = collect(held.select(*ends, *[nw.col(f"r{i}").min() for i in range(len(sums))])).to_pylist()[0]
    spreads = [float(row[f"{n}h"] or 0.0) - float(row[f"{n}l"] or 0.0) for n in names]
    return spreads, {covariate for i, covariate in enumerate(design.references) if row[f"r{i}"] == 1.0}


def chosen(frame: Frame, kept: Sequence[int]) -> Frame:
    """The frame with some of its design columns, by position, numbered anew."""
    others = [n for n in frame.collect_schema().names() if n[0] in "tgy" and n != "trim"]
    return frame.select(*others, *[nw.col(f"z{j + 1}").alias(f"z{i}") for i, j in enumerate(kept, start=1)])
