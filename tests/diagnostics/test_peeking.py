"""Was an interval for one look read repeatedly: where that matters, and where it does not."""

from __future__ import annotations

from honestlift.diagnostics.peeking import peeking


def level(looks: int, fixed: tuple[float, float], always: tuple[float, float]) -> str:
    return peeking("Minutes", looks, fixed, always, 0.95).level


def test_a_claim_that_only_one_look_supports_is_doubted_from_the_second_look_on():
    check = peeking("Minutes", 12, (0.1, 0.9), (-0.1, 1.1), 0.95)
    assert check.level == "caution"
    assert "look 12" in check.statement
    assert "for every look" in check.remedy
    assert check.evidence["looks"] == 12
    assert level(1, (0.1, 0.9), (-0.1, 1.1)) == "ok"


def test_agreement_is_quiet_either_way():
    assert level(12, (0.3, 0.7), (0.1, 0.9)) == "ok"
    assert level(12, (-0.1, 0.9), (-0.3, 1.1)) == "ok"
    assert level(12, (-0.9, -0.3), (-1.1, -0.1)) == "ok"
