"""Checks of the assignment: each level by hand, Fisher's test against an outside answer, and what the words say."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binomtest, fisher_exact

from honestlift import Assignment, Rule, assign
from honestlift.diagnostics.assignment import (
    assignment_followed,
    balanced_covariates,
    missing_outcome,
    pair_weights,
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


def test_coins_are_tested_by_the_exact_binomial():
    record = assign([f"w{i}" for i in range(40)], Rule(kind="bernoulli", share=0.3), seed=3)
    for treated in (12, 20, 30):
        present = {f"w{i}": i < treated for i in range(40)}
        found = sample_ratio(record, present)
        expected = binomtest(treated, 40, 0.3).pvalue
        assert found.evidence["p_value"] == pytest.approx(expected, rel=1e-9)
        assert found.level == ("ok" if expected >= 0.01 else "caution" if expected >= 0.001 else "stop")
    assert "chance of 30" in found.statement
    kept = {name: arm == "treated" for name, arm in record.assigned.items()}
    lost = sample_ratio(record, {name: on for name, on in kept.items() if not on or name == "w1"})
    assert lost.level != "ok"
    assert lost.evidence["p_missing"] is not None


def test_lost_workspaces_are_tested_within_strata_and_pairs():
    """Two of three lost pairs lost their treated workspace, one its control: 2 or more apart from 3/2 on either side, all of it."""
    names = [f"w{i}" for i in range(12)]
    record = assign(
        names, Rule(kind="matched_pairs", covariates=("size",)), seed=1, covariates={n: [float(i)] for i, n in enumerate(names)}
    )
    arms = {name: arm == "treated" for name, arm in record.assigned.items()}
    lost = [n for n in names if arms[n]][:6]
    found = sample_ratio(record, {n: on for n, on in arms.items() if n not in lost})
    assert found.evidence["p_value"] == pytest.approx(2 / 2**6)  # all six treated, or none
    both = [n for n in names if record.strata and record.strata[n] == record.strata["w0"]]
    assert sample_ratio(record, {n: on for n, on in arms.items() if n not in both}).evidence["p_value"] == pytest.approx(1.0)
    strata = {n: "a" if i < 4 else "b" for i, n in enumerate(names)}
    record = assign(names, Rule(kind="stratified"), seed=1, strata=strata)
    arms = {name: arm == "treated" for name, arm in record.assigned.items()}
    lost = [n for n in names if arms[n]]
    found = sample_ratio(record, {n: on for n, on in arms.items() if not on})
    assert len(lost) == 6
    assert found.evidence["p_value"] == pytest.approx(2 / (6 * 70))  # C(4, 2)·C(8, 4) equally likely, and the mirror image


def test_late_workspaces_must_follow_the_records_rule():
    record = assign([f"w{i}" for i in range(40)], Rule(late="hash"), seed=3)
    late = {f"new {i}": record.late_arm(f"new {i}") == "treated" for i in range(5)}
    found = assignment_followed(record, {**ARMS, **late})
    assert (found.level, found.evidence["late"]) == ("ok", 5)
    assert "5 workspaces joined after the draw" in found.statement
    wrong = assignment_followed(record, {**ARMS, "new 0": not late["new 0"]})
    assert (wrong.level, wrong.evidence["disagree"]) == ("stop", 1)


def test_arms_by_other_names():
    record = assign([f"w{i}" for i in range(12)], Rule(arms={"control": 1, "short": 1, "long": 1}), seed=3)
    two = {name: arm == "short" for name, arm in record.assigned.items() if arm != "long"}
    assert assignment_followed(record, two, ("control", "short")).level == "ok"
    assert sample_ratio(record, two, ("control", "short")).evidence["missing"] == 0
    assert assignment_followed(record, two, ("control", "long")).level == "stop"
    everyone = {name: arm == "short" for name, arm in record.assigned.items()}
    assert assignment_followed(record, everyone, ("control", "short")).evidence["disagree"] == 4


def test_what_a_draw_balanced_must_be_adjusted_for():
    assert balanced_covariates("Minutes", ("size", "before"), ("before", "size", "tier")).level == "ok"
    found = balanced_covariates("Minutes", ("size", "before"), ("before",))
    assert (found.level, found.evidence["left_out"]) == ("caution", 1)
    assert "not adjusted for size" in found.statement
    assert found.remedy


def test_pairs_of_unequal_size_weigh_otherwise_than_their_users():
    arm, pair = np.array([True, False, True, False]), np.array([0, 0, 1, 1])
    even = pair_weights("Minutes", np.array([10.0, 10, 40, 40]), arm, pair)
    assert (even.level, even.evidence["moved_weight"]) == ("ok", pytest.approx(0))
    # By hand: 10·90/100 = 9 and 50·50/100 = 25 of 34, against 100 and 100 of 200 users.
    uneven = pair_weights("Minutes", np.array([10.0, 90, 50, 50]), arm, pair)
    assert uneven.evidence["moved_weight"] == pytest.approx(25 / 34 - 0.5)
    assert uneven.level == "caution"
    alone = pair_weights("Minutes", np.array([10.0, 10, 40, 40, 9]), np.append(arm, True), np.append(pair, 2))
    assert (alone.evidence["without_partner"], alone.evidence["pairs"]) == (1, 2)
    assert "without a say: 1 workspace." in alone.statement
