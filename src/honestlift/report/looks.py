"""The looks at a running study in words: each with the interval for one look and the one for every look."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.text import Text

from honestlift.report import words
from honestlift.result import Table

LATEST = 8
"""Looks that are shown; the table has all."""


def looks(table: Table, metric: str) -> RenderableType:
    """The latest looks at one metric, for a terminal."""
    rows = [row for row in (dict(zip(table.columns, values, strict=True)) for values in table.rows) if row["metric"] == metric]
    head = f"   {'look'.rjust(4)}  {'date':<10}  {'users'.rjust(9)}  {'estimate'.rjust(9)}  {'for one look'.rjust(18)}  "
    parts: list[RenderableType] = [
        Text(f" Looks at {words.clean(metric)}", style="bold"),
        Text(head + "for every look".rjust(18), style="dim"),
    ]
    for row in rows[-LATEST:]:
        places = words.places_of(row["always_low"], row["always_high"])
        one, every = (words.interval(row[f"{kind}_low"], row[f"{kind}_high"], places) for kind in ("conf", "always"))
        line = (
            f"   {row['look']:>4}  {row['when'][:10]:<10}  {row['users']:>9,}  {words.signed(row['estimate'], places).rjust(9)}"
        )
        parts.append(Text(f"{line}  {one.rjust(18)}  {every.rjust(18)}"))
    return Group(*parts)
