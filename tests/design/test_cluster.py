"""The cluster design: its defaults, and the name of the treatment column however it is given."""

import pytest

from honestlift import ClusterDesign, Treatment, assign
from honestlift.design.assignment import Rule
from honestlift.errors import DesignError


def test_defaults_assume_nothing():
    design = ClusterDesign(unit="u", cluster="w", treatment="t")
    assert (design.strata, design.exposure, design.uptake, design.assignment) == ((), None, None, None)


@pytest.mark.parametrize("treatment", ["arm", Treatment(column="arm", treated="on", control="off")])
def test_the_treatment_column_has_one_name(treatment: str | Treatment):
    assert ClusterDesign(unit="u", cluster="w", treatment=treatment).arm == "arm"


def test_only_keywords_so_that_no_column_takes_the_place_of_another():
    with pytest.raises(TypeError):
        ClusterDesign("u", "w", "t")  # type: ignore[misc]  # pyright: ignore[reportCallIssue]


def test_a_record_does_not_flood_the_display():
    record = assign([str(i) for i in range(1000)], Rule(), seed=1)
    assert len(repr(ClusterDesign(unit="u", cluster="w", treatment="t", assignment=record))) < 200


def test_the_arms_are_two_values():
    with pytest.raises(DesignError, match="another value than that of the treated arm"):
        Treatment(column="arm", treated=1, control=1)
