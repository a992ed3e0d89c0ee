"""Tests of keys: every kind of value becomes a label that sorts, repeats and survives."""

from __future__ import annotations

import datetime as dt
import math
import uuid
from decimal import Decimal

import pyarrow as pa
import pytest

from honestlift.moments.fetched import key_of


def labels(values, kind=None):
    key = key_of(pa.chunked_array([pa.array(values, kind)]))
    assert key.values() == [key.labels[c] for c in key.codes]
    return key.labels


def test_integers_beyond_2_to_the_53_stay_apart():
    big = 2**53
    assert labels([big + 1, big, big + 1, -big - 1]) == (-big - 1, big, big + 1)
    assert labels([2**64 - 1], pa.uint64()) == (2**64 - 1,)


def test_whole_floats_and_decimals_are_integers():
    assert labels([3.0, 1.5, 3.0, -0.0]) == (0, 1.5, 3)
    assert [type(v) for v in labels([3.0, 1.0])] == [int, int]
    assert labels([Decimal("1.00"), Decimal("0.50")]) == (1, "0.5")
    assert labels([Decimal(10) ** 30], pa.decimal128(38, 0)) == (10**30,)


def test_nan_is_null_and_null_comes_last():
    assert labels([2.0, math.nan, 1.0]) == (1, 2, None)
    assert labels(["b", None, "a"]) == ("a", "b", None)


def test_booleans_stay_booleans():
    assert labels([True, False]) == (False, True)
    assert labels([True, False])[1] is True


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([dt.date(2026, 1, 2), dt.date(2025, 1, 2)], ("2025-01-02", "2026-01-02")),
        (pa.array(["b", "a"]).dictionary_encode(), ("a", "b")),
        ([str(uuid.UUID(int=1))], ("00000000-0000-0000-0000-000000000001",)),
        (pa.array(["b", "a"], pa.large_string()), ("a", "b")),
    ],
    ids=["date", "dictionary", "uuid", "large text"],
)
def test_other_kinds_become_text(values, expected):
    assert labels(values) == expected


def test_text_sorts_by_code_point():
    assert labels(["é", "z", "Z", "😀", "\ufb01"]) == ("Z", "z", "é", "\ufb01", "😀")


def test_several_chunks_and_none():
    key = key_of(pa.chunked_array([["b"], ["a", "b"]]))
    assert (key.labels, key.codes.tolist()) == (("a", "b"), [1, 0, 1])
    assert key_of(pa.chunked_array([], pa.string())).labels == ()


def test_the_two_zeros_are_one_label():
    """An engine groups −0 and 0 together and shows either; two labels would put equal keys into an order that varies."""
    key = key_of(pa.chunked_array([[-0.0, 1.0, 0.0]]))
    assert key.labels == (0, 1)
    assert key.codes.tolist() == [0, 1, 0]
