"""What an engine sends back becomes NumPy: keys as codes and labels, sums with their high and low parts joined."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from honestlift.moments.spec import Sum
from honestlift.moments.table import Key, Label, Moments, order_of

_compute = cast("Any", pc)


def moments_of(table: pa.Table, keys: Sequence[str], fetched: Mapping[Sum, str], origin: Mapping[str, float]) -> Moments:
    """A fetched table as NumPy arrays, its cells in the order of their keys.

    Args:
        table: columns ``c0``, ``c1``, … of the keys, ``n`` rows, and each sum, either whole or as ``…h`` and ``…l``.
        keys: names of the keys.
        fetched: the column in which each sum stands.
        origin: what was taken off each measured column.
    """
    made = {key: key_of(table.column(f"c{i}")) for i, key in enumerate(keys)}
    order = np.lexsort([key.codes for key in reversed(made.values())]) if made else np.arange(table.num_rows)

    def total(name: str) -> NDArray[np.float64]:
        whole = name in table.column_names
        values = _numbers(table, name if whole else f"{name}h")
        if f"{name}l" in table.column_names:
            values = values + _numbers(table, f"{name}l")
        return values[order] + 0.0

    columns = {name: total(name) for name in dict.fromkeys(fetched.values())}
    return Moments(
        keys={name: Key(codes=key.codes[order], labels=key.labels) for name, key in made.items()},
        rows=table.column("n").to_numpy().astype(np.int64)[order],
        sums={s: columns[name] for s, name in fetched.items()},
        origin=dict(origin),
    )


def _numbers(table: pa.Table, name: str) -> NDArray[np.float64]:
    return table.column(name).to_numpy().astype(np.float64)


def key_of(column: pa.ChunkedArray[Any]) -> Key:
    """A column of keys as codes and sorted labels: NaN as NULL, whole numbers as integers, dates and the like as text."""
    encoded = _plain(column).combine_chunks().dictionary_encode(null_encoding="encode")
    kind = encoded.dictionary.type
    numeric = pa.types.is_floating(kind) or (pa.types.is_integer(kind) and not pa.types.is_uint64(kind))
    order, labels = (_numeric if numeric else _any)(encoded.dictionary)
    codes = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    rank = np.empty(len(labels), dtype=np.int64)
    rank[order] = np.arange(len(labels))
    return Key(codes=rank[codes], labels=tuple(labels))


def _any(values: Any) -> tuple[Sequence[int], list[Label]]:
    """Different values in their order, and which they are."""
    labels = [_label(value) for value in values.to_pylist()]
    order = sorted(range(len(labels)), key=lambda i: order_of(labels[i]))
    return order, [labels[i] for i in order]


def _numeric(values: Any) -> tuple[NDArray[np.int64], list[Label]]:
    """The same of numbers, of which there may be as many as users."""
    absent: NDArray[np.bool_] = values.is_null().to_numpy(zero_copy_only=False)
    number: NDArray[Any] = values.fill_null(0).to_numpy(zero_copy_only=False)
    order = np.lexsort([number, absent])
    labels: list[Label] = number[order].tolist()
    if number.dtype.kind == "f" and (np.floor(number) == number).any():
        labels = [_label(v) for v in labels]
    return order, [*labels[: absent.size - int(absent.sum())], *([None] if absent.any() else [])]


def _plain(column: pa.ChunkedArray[Any]) -> Any:
    kind = column.type
    if pa.types.is_floating(kind):
        whole = _compute.add(column, 0.0)  # −0 becomes 0: one group in the engine, which shows the one or the other of the two
        return _compute.if_else(_compute.is_nan(whole), None, whole)
    if pa.types.is_timestamp(kind) or pa.types.is_time(kind):
        return _clock(column)
    plain = pa.types.is_integer(kind) or pa.types.is_boolean(kind) or pa.types.is_decimal(kind) or pa.types.is_string(kind)
    return column if plain else cast("Any", column).cast(pa.string())


def _clock(column: Any) -> Any:
    """Times as text with microseconds, more where these count, whatever the unit and the zone that an engine keeps them in."""
    kind, unit = column.type, "ns" if column.type.unit == "ns" else "us"
    plain = pa.timestamp(unit, kind.tz and "UTC") if pa.types.is_timestamp(kind) else pa.time64(unit)  # the zone is the session's
    text = column.cast(plain).cast(pa.string())
    return _compute.replace_substring_regex(text, r"(\.\d{6})000(Z?)$", r"\1\2") if unit == "ns" else text


def _label(value: Any) -> Label:
    """A value as a label; 3.0 is the integer 3, whatever type it comes in, and 1.50 is 1.5 at any scale."""
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) < 2**53 else value
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else format(value, "f").rstrip("0")
    return cast("Label", value)
