"""Events to users: several rows per user become one, before anything else is counted.

A user's sum is made of multiples of two power-of-two grids, as all sums here are (see exact.py), so that the order of the events
does not touch its last bit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import narwhals as nw

from honestlift.errors import DataError, SourceError
from honestlift.moments.exact import Grid, grid
from honestlift.moments.expressions import double, levels, present, rounded
from honestlift.moments.profile import ColumnProfile
from honestlift.moments.scan import collect, summaries
from honestlift.source.connect import Kind, Source


def per_unit(source: Source, unit: str, fixed: Mapping[str, str], summed: Mapping[str, str], highest: Sequence[str]) -> Source:
    """One row per unit, in a copy that the engine holds and that goes with the Source.

    Args:
        source: the events.
        unit: column that names the unit.
        fixed: columns that have one value per unit, with their roles: cluster, treatment, ….
        summed: columns that are summed, with their roles; a unit whose values are all missing has a missing sum.
        highest: columns of which the greatest value counts, such as use of the feature.

    Raises:
        DataError: if a row names no unit, an event is infinite or too large, or a unit has more than one value of a fixed column.
        SourceError: if the engine fails.
    """
    units, largest = _units(source, unit)
    seen = dict(zip(summed, summaries(source, list(summed)), strict=True))
    for name, column in seen.items():
        _summable(name, summed[name], column)
    grids = {
        name: grid(max(abs(c.low), abs(c.high)), largest, 0.0, 1.0) if c.count else Grid(0.0, None) for name, c in seen.items()
    }
    columns = (unit, *fixed, *summed, *highest)
    kinds: list[Kind] = [source.kind(name) for name in (unit, *fixed)]
    kinds.extend("number" for _ in (*summed, *highest))
    made = source.kept(_grouped(source, unit, list(fixed), grids, highest), columns, kinds)
    _one_value_each(made, units, unit, fixed, len(columns))
    return made


def _units(source: Source, unit: str) -> tuple[int, int]:
    """How many units there are, and the events of the one with most."""
    counts = source.select([unit]).group_by("c0").agg(nw.len().alias("n"))
    missing = nw.when(nw.col("c0").is_null()).then(nw.col("n")).alias("m")
    row = collect(counts.select("n", missing).select(nw.len().alias("units"), nw.col("n").max(), nw.col("m").sum())).to_pylist()[
        0
    ]
    if row["n"] is None:
        raise DataError.empty()
    if row["m"]:
        raise DataError.missing_values(unit, "unit", int(row["m"]))
    return int(row["units"]), int(row["n"])


def _summable(name: str, role: str, column: ColumnProfile) -> None:
    if column.infinite:
        raise DataError.infinite(name, role, column.infinite)
    if column.count and max(abs(column.low), abs(column.high)) > 1e150:
        raise DataError.too_large(name, max(abs(column.low), abs(column.high)))


def _grouped(
    source: Source, unit: str, fixed: Sequence[str], grids: Mapping[str, Grid], highest: Sequence[str]
) -> nw.LazyFrame[Any]:
    """The unit, its value of each fixed column, whether it has several, its sums and its greatest values."""
    columns = [unit, *fixed, *grids, *highest]
    names = [f"c{i}" for i in range(len(columns))]
    kinds: list[Kind] = [source.kind(c) for c in columns]
    first, measured = names[1 : 1 + len(fixed)], names[1 + len(fixed) :]
    sums, most = measured[: len(grids)], measured[len(grids) :]
    made = [_without_nan(n, kind).alias(n) for n, kind in zip(names, kinds, strict=True) if n in first]
    for n, g in zip(sums, grids.values(), strict=True):
        value = double(n, kinds[names.index(n)])
        made += [part.alias(f"{n}{x}") for x, part in rounded(nw.when(present(value)).then(value), g).items()]
    for n in most:
        value = double(n, kinds[names.index(n)])
        made.append(nw.when(present(value)).then(value).alias(n))
    wanted = [nw.len().alias("n")]
    for n in first:
        wanted += [nw.col(n).min().alias(f"{n}a"), nw.col(n).max().alias(f"{n}b"), nw.col(n).count().alias(f"{n}n")]
    for n, g in zip(sums, grids.values(), strict=True):
        wanted += [nw.col(f"{n}{x}").sum() for x in levels(g)]
        wanted.append(nw.col(f"{n}h").count().alias(f"{n}n"))
    wanted += [nw.col(n).max() for n in most]
    frame = source.select(columns).select("c0", *made).group_by("c0").agg(*wanted)
    several = [(nw.col(f"{n}a") != nw.col(f"{n}b")).fill_null(False).cast(nw.Int32).alias(f"v{i}") for i, n in enumerate(first)]
    values = [nw.when(nw.col(f"{n}n") == nw.col("n")).then(nw.col(f"{n}a")).alias(n) for n in first]
    totals = [nw.when(nw.col(f"{n}n") > 0).then(_total(n, g)).alias(n) for n, g in zip(sums, grids.values(), strict=True)]
    return frame.select("c0", *values, *totals, *most, *several)


def _without_nan(name: str, kind: Kind) -> nw.Expr:
    column = nw.col(name)
    return nw.when(present(column.cast(nw.Float64))).then(column) if kind == "number" else column


def _total(name: str, g: Grid) -> nw.Expr:
    return nw.col(f"{name}h") if g.low is None else nw.col(f"{name}h") + nw.col(f"{name}l")


def _one_value_each(made: Source, units: int, unit: str, fixed: Mapping[str, str], start: int) -> None:
    """Raise if a unit has several values of a fixed column, as ``_grouped`` marked in the columns from ``start`` on."""
    marks = [f"c{start + i}" for i in range(len(fixed))]
    example = {m: nw.when(nw.col(m) == 1).then(nw.col("c0")).alias(f"{m}e") for m in marks}
    wanted = [nw.len().alias("units"), *(e for m in marks for e in (nw.col(m).sum(), nw.col(f"{m}e").min()))]
    row = collect(made.everything(start + len(fixed)).select(*marks, *example.values()).select(*wanted)).to_pylist()[0]
    if row["units"] != units:
        raise SourceError.changed()
    for mark, (name, role) in zip(marks, fixed.items(), strict=True):
        if row[mark]:
            what = role if role in ("cluster", "treatment") else f"value of {name!r}, the {role}"
            raise DataError.unit_in_clusters(unit, what, int(row[mark]), row[f"{mark}e"])
