"""Sums as CSV: what a key was, NULL beside the empty text, and files that are none."""

from __future__ import annotations

import gzip
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from honestlift.moments.stored_text import read_text, with_typed_keys

KEYS: dict[str, tuple[list[str | None], list[Any]]] = {
    "whole": (["1", "-20", "0", None], [1, -20, 0, None]),
    "beyond 64 bits": (["1180591620717411303424", "1"], [Decimal(2**70), Decimal(1)]),
    "numbers": (["1.5", "2", "-3e-2"], [1.5, 2.0, -0.03]),
    "true and false": (["true", "False", None], [True, False, None]),
    "t and f": (["t", "f"], [True, False]),
    "text": (["a", "1"], ["a", "1"]),
    "leading zeros": (["001", "1"], ["001", "1"]),
    "a plus": (["+1", "1"], ["+1", "1"]),
    "not a number": (["NaN", "1"], ["NaN", "1"]),
    "nothing": ([None, None], [None, None]),
}


@pytest.mark.parametrize("name", KEYS)
def test_what_a_key_was_is_seen_from_its_text(name: str):
    texts, values = KEYS[name]
    made = with_typed_keys(pa.table({"k0": pa.array(texts, pa.string())}), 1, None)
    assert made.column("k0").to_pylist() == values


def test_text_stays_text_where_it_is_known_to_be():
    table = pa.table({"k0": ["1", "2"], "k1": ["1", "2"], "k2": ["1", "2"]})
    made = with_typed_keys(table, 3, ["text", "integer"])
    assert made.to_pylist() == [{"k0": "1", "k1": 1, "k2": 1}, {"k0": "2", "k1": 2, "k2": 2}]


@pytest.mark.parametrize("ending", ["csv", "csv.gz"])
def test_null_is_not_the_empty_text(tmp_path: Path, ending: str):
    path = tmp_path / f"m.{ending}"
    text = b'layout,k0\n"{""a"": ""b,\nc""}",\nx,""\ny,\\N\n'
    path.write_bytes(gzip.compress(text) if ending == "csv.gz" else text)
    assert read_text(str(path)).to_pylist() == [
        {"layout": '{"a": "b,\nc"}', "k0": None},
        {"layout": "x", "k0": ""},
        {"layout": "y", "k0": None},
    ]


def test_what_is_no_table(tmp_path: Path):
    path = tmp_path / "m.csv"
    with pytest.raises(FileNotFoundError):
        read_text(str(path))
    for text in ("", 'a,b\n"{\\"x\\": 1, \\"y\\": 2}",1\n'):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(pa.ArrowException):
            read_text(str(path))
