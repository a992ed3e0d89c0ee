"""Capped columns beside the plain ones, and which users are beyond a cap."""

from __future__ import annotations

from collections.abc import Mapping

import narwhals as nw

from honestlift.moments.expressions import double, present
from honestlift.source.connect import Source


def capped(
    source: Source, columns: Mapping[str, str], beyond: Mapping[str, str], *, below: float | None, above: float | None
) -> Source:
    """The rows with more columns.

    Args:
        source: the rows.
        columns: new name to the column that is capped; missing and infinite values stay as they are.
        beyond: new name to the column of which it says 1 beyond a cap, 0 within, and nothing where the value is missing.
        below: what a smaller value counts as; None for no cap.
        above: what a larger value counts as; None for no cap.
    """
    made = {name: _clipped(_value(source, column), below, above) for name, column in columns.items()}
    made |= {name: _beyond(_value(source, column), below, above) for name, column in beyond.items()}
    return source.with_columns(made, ["number" for _ in made])


def _value(source: Source, name: str) -> nw.Expr:
    return double(f"c{source.columns.index(name)}", source.kind(name))


def _clipped(value: nw.Expr, below: float | None, above: float | None) -> nw.Expr:
    made = value
    if above is not None:
        made = nw.when(present(value) & (value > above)).then(nw.lit(above)).otherwise(made)
    if below is not None:
        made = nw.when(present(value) & (value < below)).then(nw.lit(below)).otherwise(made)
    return made


def _beyond(value: nw.Expr, below: float | None, above: float | None) -> nw.Expr:
    marks = [value > above] if above is not None else []
    marks += [value < below] if below is not None else []
    return nw.when(present(value)).then(nw.any_horizontal(*marks, ignore_nulls=False).cast(nw.Int32).cast(nw.Float64))
