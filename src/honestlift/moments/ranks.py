"""Order statistics without sorting: bins that grow finer about the values that are asked for, until a bin holds one value.

A round is one scan that counts rows per bin. Each takes the spread of what is left down a thousandfold and more, so that two or
three are enough for most columns, and their number does not depend on the rows. What comes out is a value of the column, the same
on any engine, thread or order.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from honestlift.errors import QuantileError
from honestlift.moments.expressions import double, present
from honestlift.moments.fetched import key_of
from honestlift.moments.scan import collect
from honestlift.moments.table import Key, Label
from honestlift.source.connect import Source

BINS = 4096
"""Bins of a round."""

FEW = 20_000
"""Rows of which the distinct values are fetched as they are."""

ROUNDS = 24
"""Rounds after which a column is refused: its values then spread over more than 80 powers of ten."""

Span = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Binned:
    """Rows per combination of the keys and bin of a column; the bins are in ascending order of the column.

    Attributes:
        keys: the keys.
        place: (C,) a bin's place among all bins.
        rows: (C,) rows.
        low, high: (C,) least and greatest value among them.
    """

    keys: tuple[Key, ...]
    place: NDArray[np.int64]
    rows: NDArray[np.int64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


def rank_of(q: float, rows: int) -> int:
    """Rank of the least value that at least a share q of so many rows do not exceed: ⌈q·rows⌉, for q as it is written."""
    return max(1, math.ceil(Fraction(repr(float(q))) * rows))


def binned(source: Source, keys: Sequence[str], column: str, spans: Sequence[Span], bins: int) -> Binned:
    """Count, least and greatest value per combination of the keys and bin, in one scan; rows without a value are left out.

    Args:
        source: the rows.
        keys: discrete columns.
        column: what is counted into bins.
        spans: ascending, apart from each other; each is cut into bins of equal width, and what lies before, between and after
            them is one bin each. A span may be a single value.
        bins: bins of a span.
    """
    names = [f"c{i}" for i in range(len(keys))]
    value = nw.col("v")
    plain = double(f"c{len(keys)}", source.kind(column))
    frame = source.select((*keys, column)).filter(present(plain)).select(*names, plain.alias("v"))
    region = nw.lit(0)
    for low, high in spans:
        region = region + (value >= low).cast(nw.Int32) + (value > high).cast(nw.Int32)
    frame = frame.with_columns(region.alias("r"))
    place: nw.Expr = nw.lit(0)
    for j, (low, high) in enumerate(spans):
        per_unit = min(bins / (high - low), 1e300) if high > low else 0.0
        inside = ((value - low) * per_unit).clip(0.0, bins - 0.5).floor().cast(nw.Int64)
        place = nw.when(nw.col("r") == 2 * j + 1).then(inside).otherwise(place)
    frame = frame.with_columns((nw.col("r") * bins + place).alias("p"))
    counted = frame.group_by(*names, "p").agg(nw.len().alias("n"), value.min().alias("l"), value.max().alias("h"))
    table = collect(counted)
    found = [key_of(table.column(name)) for name in names]
    place_of = table.column("p").to_numpy().astype(np.int64)
    order = np.lexsort([place_of, *(key.codes for key in reversed(found))])
    return Binned(
        keys=tuple(Key(codes=key.codes[order], labels=key.labels) for key in found),
        place=place_of[order],
        rows=table.column("n").to_numpy().astype(np.int64)[order],
        low=table.column("l").to_numpy().astype(np.float64)[order] + 0.0,
        high=table.column("h").to_numpy().astype(np.float64)[order] + 0.0,
    )


def order_statistics(
    source: Source, column: str, wanted: Sequence[tuple[Label, int]], span: Span, *, by: str | None = None
) -> list[float]:
    """The value of each rank, counted from 1, within the rows of a group.

    Args:
        source: the rows.
        column: the column; rows without a value do not count.
        wanted: group (None for all rows) and rank, each.
        span: least and greatest value of the column.
        by: the column of the groups; None for all rows.

    Raises:
        QuantileError: if the values spread over more powers of ten than ``ROUNDS`` scans can tell apart.
        SourceError: if the engine fails.
    """
    found: dict[tuple[Label, int], float] = {}
    keys, spans = [] if by is None else [by], [span]
    for _ in range(ROUNDS):
        seen = binned(source, keys, column, spans, BINS)
        held = {target: _holding(seen, *target) for target in wanted if target not in found}
        found |= {target: h.low for target, h in held.items() if h.low == h.high}
        held = {target: h for target, h in held.items() if h.low < h.high}
        if not held:
            return [found[target] for target in wanted]
        spans = joined([(h.low, h.high) for h in held.values()])
        if sum(h.rows for h in held.values()) <= FEW:
            values = _distinct(source, keys, column, spans)
            return [found[target] if target in found else _counted(values, target[0], held[target]) for target in wanted]
    raise QuantileError.too_spread(column)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    """The bin that holds a rank: its least and greatest value, its rows over all groups, and the rank within it."""

    low: float
    high: float
    rows: int
    rank: int


def _holding(seen: Binned, group: Label, rank: int) -> _Held:
    mine = _of(seen, group)
    up_to = np.cumsum(seen.rows[mine])
    at = int(np.searchsorted(up_to, rank))
    low, high = float(seen.low[mine[at]]), float(seen.high[mine[at]])
    within = int(seen.rows[(seen.high >= low) & (seen.low <= high)].sum())
    return _Held(low=low, high=high, rows=within, rank=rank - int(up_to[at] - seen.rows[mine[at]]))


def _of(seen: Binned, group: Label) -> NDArray[np.int64]:
    """The cells of a group."""
    return np.flatnonzero(seen.keys[0].codes == seen.keys[0].labels.index(group)) if seen.keys else np.arange(seen.rows.size)


def _distinct(source: Source, keys: Sequence[str], column: str, spans: Sequence[Span]) -> Binned:
    """Rows per combination of the keys and value, for the values in the spans."""
    names, value = [f"c{i}" for i in range(len(keys))], nw.col("v")
    plain = double(f"c{len(keys)}", source.kind(column))
    frame = source.select((*keys, column)).filter(present(plain)).select(*names, plain.alias("v"))
    inside = nw.any_horizontal(*((value >= low) & (value <= high) for low, high in spans), ignore_nulls=False)
    table = collect(frame.filter(inside).group_by(*names, "v").agg(nw.len().alias("n")))
    found, values = [key_of(table.column(name)) for name in names], table.column("v").to_numpy().astype(np.float64) + 0.0
    order = np.lexsort([values, *(key.codes for key in reversed(found))])
    return Binned(
        keys=tuple(Key(codes=key.codes[order], labels=key.labels) for key in found),
        place=np.arange(order.size),
        rows=table.column("n").to_numpy().astype(np.int64)[order],
        low=values[order],
        high=values[order],
    )


def _counted(values: Binned, group: Label, held: _Held) -> float:
    mine = _of(values, group)
    mine = mine[(values.low[mine] >= held.low) & (values.low[mine] <= held.high)]
    return float(values.low[mine[int(np.searchsorted(np.cumsum(values.rows[mine]), held.rank))]])


def joined(spans: Sequence[Span]) -> list[Span]:
    """Spans in ascending order, those that touch made one."""
    made: list[Span] = []
    for low, high in sorted(spans):
        if made and low <= made[-1][1]:
            made[-1] = (made[-1][0], max(made[-1][1], high))
        else:
            made.append((low, high))
    return made
