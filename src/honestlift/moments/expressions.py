"""The expressions that every scan is made of: doubles, their presence, and their rounding to a grid."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import narwhals as nw

from honestlift.moments.exact import Grid
from honestlift.source.connect import Kind


def levels(g: Grid) -> tuple[str, ...]:
    """The parts that ``rounded`` makes."""
    return ("h",) if g.low is None else ("h", "l")


def rounded(e: Any, g: Grid) -> dict[str, Any]:
    """A summand as a multiple of its grid's unit, ``h``, and what that left over as a multiple of a finer one, ``l``."""
    high = (e + g.high) - g.high if g.high else e
    return {"h": high} if g.low is None else {"h": high, "l": ((e - high) + g.low) - g.low}


def double(name: str, kind: Kind) -> nw.Expr:
    """A measure as a double; booleans by way of an integer, as some engines ask."""
    column = nw.col(name)
    return (column.cast(nw.Int32) if kind == "boolean" else column).cast(nw.Float64)


def present(value: nw.Expr) -> nw.Expr:
    """Whether a double is there and finite; never NULL itself."""
    return ((~value.is_null()) & value.is_finite()).fill_null(False)


def infinite(value: nw.Expr) -> nw.Expr:
    """1 where a double is infinite, else 0: not finite itself, but its inverse is.

    DuckDB 2.0 answers "is NaN" from a parquet file's statistics, which leave NaN out, and so says no where the answer is yes.
    """
    inverse = nw.when((~value.is_finite()).fill_null(False)).then(1.0 / value)
    return ((~inverse.is_null()) & inverse.is_finite()).fill_null(False).cast(nw.Int32)


def moment(value: date | datetime) -> nw.Expr:
    """A day or a time to compare a column with; one without a zone is written out, for Spark would read it on this machine's clock."""
    if isinstance(value, datetime) and value.tzinfo is None:
        return nw.lit(value.isoformat(sep=" ")).cast(nw.Datetime("us"))
    return nw.lit(value)
