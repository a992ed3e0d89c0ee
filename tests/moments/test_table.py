"""Tests of the answer: merging is free of order to the bit, and another origin changes nothing but the origin."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from honestlift.errors import DataError
from honestlift.moments.spec import Spec, Sum
from honestlift.moments.table import Key, Moments, order_of
from rows_data import summed

ASKED = Spec.of_outcome("ws", "y", ["x"], cells=("arm",))


def frame(seed: int, rows: int = 60, level: float = 0.0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    made = pd.DataFrame(
        {"ws": rng.integers(seed, seed + 6, rows), "y": level + rng.normal(size=rows), "x": rng.normal(2, 3, rows)}
    )
    made["arm"] = made.ws % 2
    made.loc[rng.random(rows) < 0.2, "y"] = np.nan
    return made


@pytest.fixture(scope="module")
def parts() -> list[Moments]:
    return [summed(frame(seed, level=seed * 0.7), ASKED) for seed in range(5)]


@given(data=st.data())
@settings(max_examples=30, deadline=None)
def test_merging_is_associative_and_commutative_to_the_bit(parts, data):
    order = data.draw(st.permutations(range(len(parts))))
    left = parts[order[0]]
    for i in order[1:]:
        left = left + parts[i]
    cut = data.draw(st.integers(1, len(parts) - 1))
    groups = [order[:cut], order[cut:]]
    merged = [sum((parts[i] for i in g[1:]), start=parts[g[0]]) for g in groups]
    plain = sum(parts[1:], start=parts[0])
    assert left.digest() == (merged[1] + merged[0]).digest() == plain.digest()


def test_merged_sums_are_those_of_the_rows_together(parts):
    rows = pd.concat([frame(seed, level=seed * 0.7) for seed in range(5)], ignore_index=True)
    together, merged = summed(rows, ASKED), sum(parts[1:], start=parts[0])
    assert merged.rows.tolist() == together.rows.tolist()
    assert {n: k.values() for n, k in merged.keys.items()} == {n: k.values() for n, k in together.keys.items()}
    moved = merged.recentred(together.origin)
    for s in ASKED.sums:
        # some sixty numbers of size 10 and their products
        assert np.allclose(moved.sums[s], together.sums[s], rtol=0, atol=1e-10)


def test_another_origin_agrees_with_direct_sums():
    rows = frame(1)
    moments = summed(rows, ASKED)
    origin = {"y": 3.7, "x": -1.25}
    moved = moments.recentred(origin)
    assert moved.origin == origin
    here = rows[rows.y.notna()]
    for factors in (("y",), ("x",), ("y", "y"), ("y", "x"), ("x", "x")):
        product = math.prod(here[f] - origin[f] for f in factors)
        expected = product.groupby([here.ws, here.arm]).sum()
        assert np.allclose(moved.sums[Sum.of(*factors, present=["y", "x"])], expected, rtol=0, atol=1e-11)


def test_the_same_origin_changes_no_bit():
    moments = summed(frame(1), ASKED)
    assert moments.recentred(dict(moments.origin)) is moments


def test_a_sum_without_its_count_or_factors_cannot_move():
    """Rows of the cell would be the wrong count where the outcome has gaps."""
    alone = Spec("ws", (), (Sum.of("y"),))
    product = Spec("ws", (), (Sum.of(present=["x", "y"]), Sum.of("x", "y")))
    for asked, name in ((alone, "y"), (product, "x × y")):
        moments = summed(frame(1), asked)
        with pytest.raises(DataError, match=f"The sum of {name} cannot be moved to another origin"):
            moments.recentred(dict.fromkeys(moments.origin, 100.0))


def test_tables_that_were_asked_for_other_things_do_not_merge():
    a = summed(frame(1), ASKED)
    others = (Spec.of_outcome("ws", "y", cells=("arm",)), Spec.of_outcome("ws", "y", ["x"]), Spec.of_outcome("arm", "y", ["x"]))
    for other in others:
        with pytest.raises(DataError, match="cannot be merged"):
            a + summed(frame(2), other)


def test_the_digest_sees_every_part_of_the_table():
    base = summed(frame(1), ASKED)
    first = next(iter(base.sums))
    changed = [
        {"rows": base.rows + 1},
        {"origin": {**base.origin, "y": 0.123}},
        {"keys": {**base.keys, "arm": Key(codes=base.keys["arm"].codes, labels=("a", "b"))}},
        {"keys": {"team": base.keys["ws"], "arm": base.keys["arm"]}},
        {"sums": {**base.sums, first: np.nextafter(base.sums[first], np.inf)}},
    ]
    plain = {"keys": base.keys, "rows": base.rows, "sums": base.sums, "origin": base.origin}
    digests = [Moments(**{**plain, **c}).digest() for c in changed]
    assert base.digest() not in digests
    assert len(set(digests)) == len(changed)


def test_what_is_fetched_cannot_be_overwritten():
    moments = summed(frame(1), ASKED)
    for array in (moments.rows, moments.keys["ws"].codes, *moments.sums.values()):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1


def test_numbers_before_text_before_nothing():
    assert sorted(["b", None, 3, "a", 2.5, True], key=order_of) == [True, 2.5, 3, "a", "b", None]
