"""Corrections for several tests: by hand, and against the step rules that define them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from honestlift.inference.multiplicity import benjamini_hochberg, holm

P = [0.01, 0.04, 0.03, 0.005]


def test_by_hand():
    """Sorted .005, .01, .03, .04. Holm ×4, ×3, ×2, ×1, never falling; the other ×4/1, ×4/2, ×4/3, ×4/4, never above the next."""
    assert holm(P) == pytest.approx([0.03, 0.06, 0.06, 0.02], rel=1e-12)
    assert benjamini_hochberg(P) == pytest.approx([0.02, 0.04, 0.04, 0.02], rel=1e-12)


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=12), st.integers(1, 500))
def test_rejections_are_those_of_the_step_rules(thousandths: list[int], alpha: int):
    """In thousandths, and half a thousandth above the level, so that no rounding decides."""
    p, level = [v / 1000 for v in thousandths], (alpha + 0.5) / 1000
    m, ordered = len(p), sorted(p)
    down = next((i for i, v in enumerate(ordered) if v * (m - i) > level), m)
    up = max((i + 1 for i, v in enumerate(ordered) if v * m / (i + 1) <= level), default=0)
    assert sum(v <= level for v in holm(p)) == down
    assert sum(v <= level for v in benjamini_hochberg(p)) == up


def test_one_test_is_not_corrected_and_an_undefined_one_counts_as_nothing_found():
    assert holm([0.03]) == benjamini_hochberg([0.03]) == [0.03]
    assert holm([0.03, math.nan]) == pytest.approx([0.06, 1.0])
    assert benjamini_hochberg([math.nan, 0.03]) == pytest.approx([1.0, 0.06])
