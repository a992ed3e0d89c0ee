"""Tests of the request: normal form, merging, and nothing asked for twice."""

from __future__ import annotations

import pytest

from honestlift.errors import DesignError
from honestlift.moments.spec import Spec, Sum


def test_a_sum_has_one_normal_form():
    assert Sum.of("b", "a", present=["y", "a"]) == Sum(("a", "b"), ("a", "b", "y"))
    assert Sum.of() == Sum()


def test_only_columns_with_missing_values_need_be_present():
    s = Sum.of("y", "x", present=["y", "x", "z"])
    assert s.where_missing(frozenset({"z"})) == Sum(("x", "y"), ("z",))
    assert s.where_missing(frozenset()) == Sum(("x", "y"), ())


def test_an_outcome_with_two_covariates_asks_for_a_count_three_sums_and_six_products():
    spec = Spec.of_outcome("ws", "y", ["x", "z", "y"], cells=["arm"])
    assert spec.cells == ("arm",)
    assert [s.factors for s in spec.sums] == [
        (), ("y",), ("x",), ("z",), ("y", "y"), ("x", "y"), ("y", "z"), ("x", "x"), ("x", "z"), ("z", "z"),
    ]  # fmt: skip
    assert {s.present for s in spec.sums} == {("x", "y", "z")}
    assert spec.measures == ("y", "x", "z")


def test_merging_asks_once_in_stable_order_and_is_associative():
    a, b, c = (Spec.of_outcome("ws", y, ["x"], cells=["arm"]) for y in ("y1", "y2", "y1"))
    assert a | c == a
    assert (a | b) | c == a | (b | c)
    assert (a | b).sums[: len(a.sums)] == a.sums
    assert len((a | b).sums) == len(set((a | b).sums)) == 12


def test_merging_joins_the_cells_and_refuses_another_cluster():
    assert (Spec("ws", ("arm",)) | Spec("ws", ("tier", "arm"))).cells == ("arm", "tier")
    with pytest.raises(DesignError, match="same cluster in both requests"):
        Spec("ws") | Spec("team")
