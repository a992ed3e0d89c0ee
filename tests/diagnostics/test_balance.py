"""Balance and negative controls: Holm's correction by hand, and the words for the worst."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from honestlift.diagnostics.balance import Contrast, negative_control, pre_period_balance
from honestlift.inference.multiplicity import holm


def contrast(p: float, name: str = "before") -> Contrast:
    return Contrast(name=name, effect=0.12, low=0.02, high=0.22, p_value=p)


def test_holm_by_hand():
    """Holm (1979): .01·4, then max of that and .02·3, and so on."""
    assert holm([0.04, 0.01, 0.03, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert holm([0.5]) == [0.5]
    assert holm([0.6, 0.7]) == [1.0, 1.0]
    assert holm([math.nan, 0.01]) == [1.0, 0.02]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_holm_keeps_the_order_and_never_lowers(p: list[float]):
    corrected = holm(p)
    assert all(before <= after <= 1 for before, after in zip(p, corrected, strict=True))
    assert all(corrected[i] <= corrected[j] for i in range(len(p)) for j in range(len(p)) if p[i] < p[j])
    assert min(corrected) == pytest.approx(min(1.0, min(p) * len(p)))


@pytest.mark.parametrize(
    ("p", "level"), [(0.02, "ok"), (0.019, "caution"), (0.001, "caution"), (0.0009, "stop"), (math.nan, "ok")]
)
def test_levels(p: float, level: str):
    for check in (pre_period_balance([contrast(p)]), negative_control([contrast(p)])):
        assert check.level == level
        assert bool(check.remedy) == (level != "ok")


def test_correction_is_for_the_number_of_columns():
    ten = [contrast(0.01, "worst"), *(contrast(0.5, f"x{i}") for i in range(9))]
    check = pre_period_balance(ten)
    assert (check.level, check.evidence["tested"]) == ("ok", 10)
    assert check.evidence["p_value"] == pytest.approx(0.1)
    assert check.statement.startswith("worst differs by +0.12 (+0.02 to +0.22) between the arms before the treatment")
    assert check.statement.endswith("the smallest of 10, corrected).")


def test_the_two_checks_say_different_things():
    assert negative_control([contrast(0.01)]).code == "negative_control"
    assert "cannot move it" in negative_control([contrast(0.01)]).statement
    assert "\u202e" not in pre_period_balance([contrast(0.01, "x\u202ey")]).statement
