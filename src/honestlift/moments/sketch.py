"""A first look at a table nobody has described: kind, different values and examples of each column."""

from __future__ import annotations

from honestlift.moments import scan
from honestlift.moments.table import Label
from honestlift.source.connect import Kind, Source

LOOKED_AT = 1_000_000
"""Rows looked at."""

FEW = 20
"""Different values up to which they are all fetched."""


def sketch(source: Source) -> list[tuple[str, Kind, int, int, tuple[Label, ...]]]:
    """Name, kind, different values, rows and (where few) the values of every column, from the first million rows."""
    head = source.head(LOOKED_AT)
    rows, different = scan.distinct(head)
    made: list[tuple[str, Kind, int, int, tuple[Label, ...]]] = []
    for name, kind, count in zip(source.columns, source.kinds, different, strict=True):
        few = count <= FEW and source.columns.count(name) == 1 and kind in ("integer", "number", "boolean", "text")
        values = scan.count_cells(head, [name]).keys[name].labels if few else ()
        made.append((name, kind, count, rows, values))
    return made
