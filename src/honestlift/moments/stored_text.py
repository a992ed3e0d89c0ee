"""Tables of sums as CSV: every field is text at first; a key becomes what it was in its table, as far as the text tells."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, cast

import pyarrow as pa
import pyarrow.csv as pc

_csv = cast("Any", pc)

_WHOLE = re.compile(r"-?(?:0|[1-9][0-9]*)")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_TRUE, _FALSE = ("true", "t"), ("false", "f")


def read_text(path: str) -> pa.Table:
    """A CSV file, gzipped or not; an empty field without quotes is NULL.

    Raises:
        FileNotFoundError: if it is not there.
        pyarrow.ArrowException: if it is no table.
    """
    with _csv.open_csv(path) as head:
        names: list[str] = head.schema.names
    options = _csv.ConvertOptions(
        column_types=dict.fromkeys(names, pa.string()),
        null_values=["", "\\N"],
        strings_can_be_null=True,
        quoted_strings_can_be_null=False,
    )
    return _csv.read_csv(path, parse_options=_csv.ParseOptions(newlines_in_values=True), convert_options=options)


def with_typed_keys(table: pa.Table, keys: int, kinds: Sequence[str | None] | None) -> pa.Table:
    """The same table with the keys ``k0``, ``k1``, … as text, whole numbers, numbers or booleans.

    Args:
        table: all text.
        keys: how many keys there are.
        kinds: what each holds, where that is known; without it, text that can be written as a number in one way only is one.
    """
    for i in range(keys):
        name = f"k{i}"
        kind = kinds[i] if kinds is not None and i < len(kinds) else None
        if kind != "text" and name in table.column_names:
            values = _typed(table.column(name).to_pylist())
            table = table.set_column(table.column_names.index(name), name, values)
    return table


def _typed(values: list[Any]) -> pa.Array[Any]:
    texts = {v for v in values if v is not None}
    if texts and all(_WHOLE.fullmatch(v) for v in texts):
        whole = [None if v is None else int(v) for v in values]
        if all(v is None or abs(v) < 2**63 for v in whole):
            return pa.array(whole, pa.int64())
        return pa.array([None if v is None else Decimal(v) for v in whole])
    if texts and all(_NUMBER.fullmatch(v) for v in texts):
        return pa.array([None if v is None else float(v) for v in values], pa.float64())
    if texts and {v.lower() for v in texts} <= {*_TRUE, *_FALSE}:
        return pa.array([None if v is None else v.lower() in _TRUE for v in values], pa.bool_())
    return pa.array(values, pa.string())
