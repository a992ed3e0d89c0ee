"""Buckets of users by a hash of their id: a column that is the same on every engine, thread and day."""

from __future__ import annotations

from typing import Literal

from honestlift.errors import DataError
from honestlift.source.table import Source

BUCKETS = 1024
"""Buckets of units for the one-scan bootstrap; the noise of a standard error from B buckets is 1/√(2B), 2.2 %."""

BUCKET = "\0bucket"
"""Name of the column; no user's column can bear it."""


def with_unit_type(source: Source, unit: str, kind: Literal["integer", "text"]) -> Source:
    """The same rows with the ids as whole numbers, or as text: numbers in decimal digits.

    Args:
        source: the rows.
        unit: column that names the unit; see ``units.not_integers`` for text that is no number.
        kind: what the ids shall be.

    Raises:
        DataError: if the ids are floating-point numbers.
    """
    if source.kind(unit) == "number":
        raise DataError.float_ids(unit)
    return source if source.kind(unit) == kind else source.with_unit_type(unit, kind)


def with_buckets(source: Source, unit: str, buckets: int = BUCKETS, name: str = BUCKET) -> Source:
    """The same rows with one more column: the bucket of each unit, 0 to buckets − 1.

    Whole numbers: x⁵ mod 2³¹ − 1 of the shifted id, in 64-bit arithmetic. Text: the first three hexadecimal digits of its md5.
    An id that is text in one file and a number in another gets another bucket, unless ``with_unit_type`` made them one.

    Args:
        source: the rows.
        unit: column that names the unit.
        buckets: number of buckets; at most 4,096 for text.
        name: of the new column.

    Raises:
        DataError: if the ids are floating-point numbers.
    """
    if source.kind(unit) == "number":
        raise DataError.float_ids(unit)
    return source.with_buckets(unit, buckets, name)
