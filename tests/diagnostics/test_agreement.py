"""Tests that lean on other assumptions, and what is said when they decide otherwise."""

from __future__ import annotations

from honestlift.diagnostics.agreement import methods_disagree


def test_the_same_decision_is_quiet():
    check = methods_disagree(
        "Minutes", 0.031, {"wild": 0.039, "randomization": 0.040}, {"wild": 2 / 1024, "randomization": 2 / 252}, 0.95
    )
    assert check.level == "ok"
    assert check.evidence["cr2"] == 0.031
    assert "0.04" in check.statement


def test_another_decision_is_a_caution():
    check = methods_disagree(
        "Minutes", 0.031, {"wild": 0.09, "randomization": 0.040}, {"wild": 2 / 1024, "randomization": 2 / 252}, 0.95
    )
    assert check.level == "caution"
    assert "Not robust" in check.remedy


def test_a_test_that_cannot_reject_contradicts_nothing():
    quiet = methods_disagree("Minutes", 0.30, {"randomization": 0.50}, {"randomization": 2 / 6}, 0.95)
    assert quiet.level == "ok"


def test_a_claim_that_no_test_could_confirm_is_a_caution():
    check = methods_disagree("Minutes", 0.03, {"randomization": 2 / 6}, {"randomization": 2 / 6}, 0.95)
    assert check.level == "caution"
    assert "Cannot be confirmed" in check.remedy


def test_p_values_close_to_the_line_are_said_to_be_close():
    smallest = {"wild": 1e-4, "randomization": 1e-4}
    for headline, other in ((0.048, 0.055), (0.055, 0.0405)):
        check = methods_disagree("Minutes", headline, {"wild": other, "randomization": headline}, smallest, 0.95)
        assert check.level == "ok"
        assert "both sides of 0.05" in check.statement
    for headline, other in ((0.048, 0.0626), (0.055, 0.0399)):
        check = methods_disagree("Minutes", headline, {"wild": other, "randomization": headline}, smallest, 0.95)
        assert check.level == "caution"
