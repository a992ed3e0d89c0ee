"""Executes: counts per cell, the profile, exact sums per cell, histograms, repeated units. Events are summed in events.py.

One set of Narwhals expressions for every engine. Columns bear the names ``c0``, ``c1``, … that the source gave them; every
measure is a double before anything is done with it; products are projected before they are summed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import narwhals as nw
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from honestlift.errors import SourceError
from honestlift.moments.exact import Grid, grid
from honestlift.moments.expressions import double, infinite, levels, present, rounded
from honestlift.moments.fetched import moments_of
from honestlift.moments.profile import ColumnProfile, Profile
from honestlift.moments.spec import Spec, Sum
from honestlift.moments.table import Moments
from honestlift.source.connect import Source
from honestlift.source.failure import is_failure, is_interrupted, stopped
from honestlift.source.repairs import fetched

Frame = nw.LazyFrame[Any]

SORT_ABOVE = 75
"""Sums in one query above which they wash the cells out of the cache: the rows are then sorted first, or the sums split."""

WIDEST_SORT = 25
"""Columns up to which the rows are sorted; wider ones are read again for every ``SORT_ABOVE`` sums."""

MOST_SMALL = 127
"""Bins that a byte can number."""

FEWEST_SORT = 15_000
"""Cells from which the rows are sorted: with fewer, sums split into several scans stay in the cache and cost less than a sort."""


def count_cells(source: Source, keys: Sequence[str]) -> Moments:
    """Rows per combination of the keys' values, without any sum; NULL is a value."""
    return moments_of(collect(_counts(source, keys)), keys, {}, {})


def few_cells(source: Source, keys: Sequence[str], most: int) -> Moments | None:
    """The same, or None if there are more than ``most`` combinations; no more than these ever leave the engine."""
    table = collect(_counts(source, keys).head(most + 1))
    return moments_of(table, keys, {}, {}) if table.num_rows <= most else None


def _counts(source: Source, keys: Sequence[str]) -> Frame:
    return source.select(keys).group_by(*[f"c{i}" for i in range(len(keys))]).agg(nw.len().alias("n"))


def length(frame: Frame) -> int:
    """Rows of a frame."""
    return int(collect(frame.select(nw.len().alias("n"))).to_pylist()[0]["n"])


def count_groups(source: Source, keys: Sequence[str]) -> tuple[int, int, int]:
    """Combinations of the keys' values, rows of the largest, and rows in all, without fetching the combinations."""
    names = [f"c{i}" for i in range(len(keys))]
    grouped = source.select(keys).group_by(*names).agg(nw.len().alias("n"))
    row = collect(grouped.select(nw.len().alias("g"), nw.col("n").max().alias("m"), nw.col("n").sum().alias("r"))).to_pylist()[0]
    return int(row["g"]), int(row["m"] or 0), int(row["r"] or 0)


def profile(source: Source, measures: Sequence[str], cells: Moments) -> Profile:
    """Count, range, mean and spread of each measured column, in one scan; in three where a mean is far from zero.

    A column with NaN or infinite values is looked at again without them, and one whose mean is over a hundred spreads from zero
    about its least value: there the square of the mean drowns the last digits of the spread, and with them the origin.
    """
    columns = summaries(source, measures)
    rows = cells.rows
    return Profile(
        rows=int(rows.sum()),
        cells=cells.cells,
        largest_cell=int(rows.max(initial=0)),
        typical_cell=float(np.mean(rows**-0.5) ** -2) if rows.size else 0.0,
        columns=dict(zip(measures, columns, strict=True)),
    )


def summaries(source: Source, measures: Sequence[str]) -> list[ColumnProfile]:
    """Count, range, mean and spread of each measured column."""
    plain = dict(zip(measures, _summaries(source, measures, [0.0] * len(measures), careful=False), strict=True))
    again = [m for m, s in plain.items() if not _settled(s)]
    if again:
        finite = _summaries(source, again, [0.0] * len(again), careful=True)
        origins = [0.0 if math.isnan(s.low) else s.low for s in finite]
        plain |= dict(zip(again, _summaries(source, again, origins, careful=True), strict=True))
    return [plain[m] for m in measures]


def _settled(column: ColumnProfile) -> bool:
    """Whether the plain summary will do: everything finite, and a spread that did not drown in the square of the mean."""
    return math.isfinite(column.low) and math.isfinite(column.high) and column.spread > 1e-2 * abs(column.mean)


def _summaries(source: Source, measures: Sequence[str], origins: Sequence[float], *, careful: bool) -> list[ColumnProfile]:
    if not measures:
        return []
    names = [f"c{i}" for i in range(len(measures))]
    made: list[nw.Expr] = []
    for name, measure, origin in zip(names, measures, origins, strict=True):
        raw = double(name, source.kind(measure))
        value = nw.when(present(raw)).then(raw) if careful else raw
        about = value - origin if origin else value
        made += [value.alias(name), (about * about).alias(f"s{name}")]
        made += [about.alias(f"d{name}")] if origin else []
        made += [infinite(raw).alias(f"i{name}")] if careful else []
    wanted = [nw.len().alias("rows")]
    for name, origin in zip(names, origins, strict=True):
        column = nw.col(name)
        wanted += [column.count().alias(f"n{name}"), column.min().alias(f"l{name}"), column.max().alias(f"h{name}")]
        wanted += [nw.col(f"d{name}" if origin else name).sum().alias(f"d{name}"), nw.col(f"s{name}").sum()]
        wanted += [nw.col(f"i{name}").sum()] if careful else []
    row: dict[str, Any] = collect(source.select(measures).select(*made).select(*wanted)).to_pylist()[0]
    return [_column_profile(row, name, origin) for name, origin in zip(names, origins, strict=True)]


def _column_profile(row: dict[str, Any], name: str, origin: float) -> ColumnProfile:
    count = int(row[f"n{name}"])
    infinite = int(row.get(f"i{name}") or 0)
    first, second = (row[f"d{name}"] or 0.0, row[f"s{name}"] or 0.0) if count else (math.nan, math.nan)
    mean = first / count if count else math.nan
    return ColumnProfile(
        count=count,
        missing=int(row["rows"]) - count - infinite,
        infinite=infinite,
        low=math.nan if row[f"l{name}"] is None else row[f"l{name}"],
        high=math.nan if row[f"h{name}"] is None else row[f"h{name}"],
        mean=origin + mean,
        spread=math.sqrt(max(second / count - mean * mean, 0.0)) if count else math.nan,
    )


def sums(source: Source, spec: Spec, seen: Profile) -> Moments:
    """The sums that the request asks for, per cell, exact in any order (see exact.py); in one scan up to ``SORT_ABOVE`` of them.

    Args:
        source: the rows.
        spec: what to sum by what.
        seen: the profile of these very rows, cells and columns: a bound that does not hold would lose exactness in silence.

    Raises:
        SourceError: if the engine fails, or the rows are no longer those of the profile.
    """
    keys = (spec.cluster, *spec.cells)
    asked = {s: s.where_missing(seen.incomplete) for s in spec.sums}
    distinct = tuple(dict.fromkeys(s for s in asked.values() if s != Sum()))
    grids = {s: _grid(s, seen) for s in distinct if s.factors}
    many = sum(1 if g.low is None else 2 for g in grids.values()) > SORT_ABOVE
    if many and seen.cells >= FEWEST_SORT and len(keys) + len(spec.measures) <= WIDEST_SORT:
        source, many = source.sorted_copy((*keys, *spec.measures), len(keys)), False
    step = max(SORT_ABOVE, 1) if many else max(len(distinct), 1)
    parts = [_fetch(source, spec, grids, distinct[i : i + step], seen) for i in range(0, max(len(distinct), 1), step)]
    rows, fetched = parts[0].rows, {s: v for part in parts for s, v in part.sums.items()}
    if any(not np.array_equal(part.rows, rows) for part in parts):
        raise SourceError.changed()
    whole = {s: rows.astype(np.float64) if plain == Sum() else fetched[plain] for s, plain in asked.items()}
    return Moments(keys=parts[0].keys, rows=rows, sums=whole, origin=parts[0].origin)


def _fetch(source: Source, spec: Spec, grids: Mapping[Sum, Grid], wanted: Sequence[Sum], seen: Profile) -> Moments:
    """Some of the sums, in one scan."""
    table = collect(_exact_sums(source, spec, grids, wanted, seen))
    origin = {m: seen.columns[m].origin for m in spec.measures}
    moments = moments_of(table, (spec.cluster, *spec.cells), {s: f"s{i}" for i, s in enumerate(wanted)}, origin)
    if int(moments.rows.sum()) != seen.rows or moments.rows.max(initial=0) > seen.largest_cell:
        raise SourceError.changed()
    if not all(np.isfinite(v).all() for v in moments.sums.values()):
        raise SourceError.engine("a sum of finite numbers is not finite")
    return moments


def _grid(s: Sum, seen: Profile) -> Grid:
    """A product counts by the spreads of its factors: an error of that share moves a correlation by as much, a square by less."""
    columns = [seen.columns[name] for name in s.factors]
    magnitude = columns[0].magnitude if len(columns) == 1 else math.prod(c.spread for c in columns)
    return grid(math.prod(c.bound for c in columns), seen.largest_cell, magnitude, seen.typical_cell)


def _exact_sums(source: Source, spec: Spec, grids: Mapping[Sum, Grid], wanted: Sequence[Sum], seen: Profile) -> Frame:
    """Project the products of doubles about their origins, rounded to their grids; then add up by cell.

    An expression that stands several times in a projection is computed once.
    """
    keys = [f"c{i}" for i in range(1 + len(spec.cells))]
    measures = tuple(dict.fromkeys(name for s in wanted for name in (*s.factors, *s.present)))
    columns = {m: double(f"c{len(keys) + i}", source.kind(m)) for i, m in enumerate(measures)}
    whole = {m: present(e) if seen.columns[m].missing else None for m, e in columns.items()}
    about: dict[str, nw.Expr] = {}
    for m, e in columns.items():
        valid, origin = whole[m], seen.columns[m].origin
        value = nw.when(valid).then(e) if valid is not None else e
        about[m] = value - origin if origin else value
    made: list[nw.Expr] = []
    for i, s in enumerate(wanted):
        others = [valid for m in s.present if m not in s.factors and (valid := whole[m]) is not None]
        if s.factors:
            product = math.prod((about[f] for f in s.factors[1:]), start=about[s.factors[0]])
            product = nw.when(*others).then(product) if others else product
            made += [part.alias(f"s{i}{level}") for level, part in rounded(product, grids[s]).items()]
        else:
            made.append(nw.all_horizontal(*others, ignore_nulls=False).cast(nw.Int32).cast(nw.Float64).alias(f"s{i}"))
    names = [f"s{i}{x}" for i, s in enumerate(wanted) for x in (levels(grids[s]) if s.factors else ("",))]
    frame = source.select((spec.cluster, *spec.cells, *measures)).select(*keys, *made)
    return frame.group_by(*keys).agg(nw.len().alias("n"), *[nw.col(name).sum() for name in names])


def histogram(
    source: Source, keys: Sequence[str], column: str, edges: NDArray[np.float64], *, complete: bool = False
) -> tuple[Moments, NDArray[np.int64]]:
    """Rows per combination of the keys and bin of a column, in one scan.

    Args:
        source: the rows.
        keys: discrete columns.
        column: what is counted into bins; missing values are left out.
        edges: (B+1,) equally spaced ends of the bins; the first and last bin also take what lies beyond.
        complete: that the column is known to have no missing values, so that none need to be looked for.

    Returns:
        The counts, and each cell's bin.
    """
    names = [f"c{i}" for i in range(len(keys))]
    value = f"c{len(keys)}"
    measure = double(value, source.kind(column))
    frame = source.select((*keys, column))
    frame = frame if complete else frame.filter(present(measure))
    per_unit, bins = (edges.size - 1) / (edges[-1] - edges[0]), edges.size - 1
    kind = nw.Int8 if bins <= MOST_SMALL else nw.Int64  # small whole numbers are grouped by place
    index = ((measure - float(edges[0])) * float(per_unit)).clip(0.0, bins - 0.5).floor().cast(kind)
    table = collect(frame.select(*names, index.alias(value)).group_by(*names, value).agg(nw.len().alias("n")))
    counts = moments_of(table, (*keys, column), {}, {})
    return counts, np.array([int(v or 0) for v in counts.keys[column].labels], dtype=np.int64)[counts.keys[column].codes]


def not_binary(source: Source, column: str, most: int = 5) -> list[float]:
    """Up to ``most`` values of a measured column that are neither 0 nor 1, sorted; missing ones do not count."""
    value = double("c0", source.kind(column))
    frame = source.select([column]).filter(present(value)).select(value.alias("c0"))
    other = frame.filter((nw.col("c0") != 0.0) & (nw.col("c0") != 1.0)).group_by("c0").agg(nw.len().alias("n"))
    found: list[float] = collect(other.sort("c0").head(most)).column("c0").to_numpy().tolist()
    return found


def distinct(source: Source) -> tuple[int, list[int]]:
    """Rows of the table, and different values of each of its columns (by position), missing ones left out."""
    table = collect(source.everything().select(nw.len().alias("n"), nw.all().n_unique()))
    gaps = collect(source.everything().select(nw.all().null_count()))
    row, empty = table.to_pylist()[0], gaps.to_pylist()[0]
    names = [f"c{i}" for i in range(len(source.columns))]
    return int(row["n"]), [int(row[n]) - (1 if empty[n] else 0) for n in names]


def count_rows(source: Source) -> int:
    """Rows of the table."""
    return length(source.everything())


def empty(source: Source) -> bool:
    """Whether the table has no rows."""
    return collect(source.everything().head(1)).num_rows == 0


def different(source: Source, column: str) -> int:
    """Different values of a column."""
    table = collect(source.select([column]).select(nw.col("c0").n_unique()))
    return int(table.column("c0")[0].as_py())


def missing(source: Source, column: str) -> int:
    """Rows without a value of a column."""
    return length(source.select([column]).filter(nw.col("c0").is_null()))


def collect(frame: Frame) -> pa.Table:
    """Execute.

    Raises:
        SourceError: if the engine fails.
    """
    try:
        return fetched(frame)
    except Exception as reason:
        if is_interrupted(reason):
            raise KeyboardInterrupt from reason
        if not is_failure(reason):
            raise
        raise stopped(reason) from reason
