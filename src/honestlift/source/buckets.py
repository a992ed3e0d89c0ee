"""Buckets of users by a hash of their id: a column that is the same on every engine, thread and day."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from honestlift.errors import DataError
from honestlift.source.connect import Source

BUCKETS = 1024
"""Buckets of units for the one-scan bootstrap; the noise of a standard error from B buckets is 1/√(2B), 2.2 %."""

BUCKET = "\0bucket"
"""Name of the column; no user's column can bear it."""

PRIME = 2**31 - 1


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
    if source.kind(unit) == kind:
        return source
    place = source.columns.index(unit)
    made = f"CAST(#{place + 1} AS {'HUGEINT' if kind == 'integer' else 'VARCHAR'})"
    columns = [f"{made if i == place else f'#{i + 1}'} AS c{i}" for i in range(len(source.columns))]
    kinds = (*source.kinds[:place], kind, *source.kinds[place + 1 :])
    return replace(source, relation=source.relation.project(", ".join(columns)), kinds=kinds)


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
    every = source.relation.project(", ".join(f"#{i + 1} AS c{i}" for i in range(len(source.columns))))
    at = f"c{source.columns.index(unit)}"
    made = f"c{len(source.columns)}"
    if source.kind(unit) == "integer":
        shifted = every.project(f"*, (CAST({at} % {PRIME} AS BIGINT) + {PRIME} + 12345) % {PRIME} AS x")
        fourth = shifted.project(f"* EXCLUDE (x), x, ((x * x) % {PRIME}) * ((x * x) % {PRIME}) % {PRIME} AS x4")
        relation = fourth.project(f"* EXCLUDE (x, x4), CAST((x4 * x % {PRIME}) % {buckets} AS INTEGER) AS {made}")
    else:
        digits = f"CAST('0x' || substr(md5(CAST({at} AS VARCHAR)), 1, 3) AS INTEGER)"
        relation = every.project(f"*, {digits} % {buckets} AS {made}")
    return replace(source, relation=relation, columns=(*source.columns, name), kinds=(*source.kinds, "integer"))
