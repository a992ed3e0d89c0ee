"""Checks of the assignment: each level by hand, Fisher's test against an outside answer, and what the words say."""

from dataclasses import replace

import pytest
from scipy.stats import fisher_exact

from honestlift import Assignment, Rule, assign
from honestlift.diagnostics.assignment import (
    assignment_followed,
    missing_outcome,
    sample_ratio,
    treatment_constant,
    unit_in_clusters,
)

RECORD = assign([f"w{i}" for i in range(40)], Rule(), seed=3)
ARMS = {name: arm == "treated" for name, arm in RECORD.assigned.items()}
TREATED = [name for name, treated in ARMS.items() if treated]
CONTROL = [name for name, treated in ARMS.items() if not treated]


def without(names: list[str]) -> dict[str, bool]:
    return {name: treated for name, treated in ARMS.items() if name not in names}


def test_without_a_record_the_split_is_not_tested_and_that_is_said():
    check = sample_ratio(None, {"a": True, "b": False, "c": False})
    assert check.level == "ok"
    assert "1 treated and 2 control" in check.statement
    assert "cannot be tested" in check.statement
    assert "assign" in check.remedy


@pytest.mark.parametrize(
    ("treated", "control", "level"), [(0, 0, "ok"), (4, 3, "ok"), (8, 0, "caution"), (12, 0, "stop"), (0, 12, "stop")]
)
def test_clusters_that_left_one_arm(treated: int, control: int, level: str):
    check = sample_ratio(RECORD, without(TREATED[:treated] + CONTROL[:control]))
    assert check.level == level
    assert check.evidence["missing"] == treated + control
    p = fisher_exact([[treated, 20 - treated], [control, 20 - control]]).pvalue if treated + control else 1.0
    assert check.evidence["p_value"] == pytest.approx(p, rel=1e-10)  # SciPy sums the same terms in floating point
    assert f"missing: {treated} treated, {control} control" in check.statement
    assert bool(check.remedy) == (level != "ok")


def test_data_that_follow_the_record():
    check = assignment_followed(RECORD, ARMS)
    assert (check.level, check.remedy) == ("ok", "")
    assert check.evidence == {"disagree": 0, "not_in_record": 0, "reproduces": 1}
    assert assignment_followed(RECORD, without(TREATED[:3])).level == "ok"  # that they left is another check's matter


def test_arms_that_were_swapped_are_named():
    swapped = {**ARMS, TREATED[0]: False, CONTROL[0]: True}
    check = assignment_followed(RECORD, swapped)
    assert check.level == "stop"
    assert check.evidence["disagree"] == 2
    assert check.statement.startswith("2 workspaces are in another arm than recorded (")
    assert TREATED[0] in check.statement
    assert assignment_followed(RECORD, {name: not arm for name, arm in ARMS.items()}).evidence["disagree"] == 40


def test_clusters_that_nobody_drew():
    check = assignment_followed(RECORD, {**ARMS, "new\x1b[31m": True})
    assert (check.level, check.evidence["not_in_record"]) == ("stop", 1)
    assert "\x1b" not in check.statement


def test_a_record_that_was_tampered_with():
    arms = dict(RECORD.assigned)
    arms[TREATED[0]], arms[CONTROL[0]] = "control", "treated"
    forged: Assignment = replace(RECORD, assigned=arms)
    check = assignment_followed(forged, {name: arm == "treated" for name, arm in arms.items()})
    assert (check.level, check.evidence["disagree"], check.evidence["reproduces"]) == ("stop", 0, 0)
    assert "do not come out of the recorded seed" in check.statement
    assert assignment_followed(replace(RECORD, seed=4), ARMS).level == "stop"


@pytest.mark.parametrize(
    ("shares", "p", "level"),
    [
        ((0.10, 0.11), 0.5, "ok"),
        ((0.10, 0.11), 0.009, "caution"),
        ((0.10, 0.11), 0.0001, "caution"),  # under two points
        ((0.10, 0.13), 0.0001, "stop"),
        ((0.13, 0.10), 0.0001, "stop"),
        ((0.10, 0.13), 0.002, "caution"),
    ],
)
def test_outcomes_that_are_missing_by_arm(shares: tuple[float, float], p: float, level: str):
    check = missing_outcome("Minutes", shares, p, 100)
    assert (check.level, check.metric) == (level, "Minutes")
    assert bool(check.remedy) == (level != "ok")
    assert check.evidence["share_control"] == shares[0]


def test_nothing_missing_is_said_so():
    check = missing_outcome("Min\u202eutes", (0.0, 0.0), None, 0)
    assert (check.level, check.statement) == ("ok", "Min utes is there for every user.")


def test_what_stops_the_run_elsewhere_is_counted_here():
    assert treatment_constant(1).statement == "Each of the 1 workspace is wholly in one arm."
    assert treatment_constant(2000).evidence == {"clusters": 2000, "violations": 0}
    assert "looked at" not in unit_in_clusters(5000, 1).statement
    assert "one user in 20" in unit_in_clusters(20_000_000, 20).statement
