"""The placebo lab's check: quiet where the headline keeps its promise, a caution where it does not."""

from __future__ import annotations

from honestlift.diagnostics.placebo import placebo_lab


def check(headline: float, error: float = 0.005, level: float = 0.95):
    rates = {"naive_ols": 0.84, "user_ols": headline}
    return placebo_lab(rates, error, outcome="minutes_before", basis="pre_period", redraws=2_000, level=level)


def test_a_method_that_keeps_its_promise_is_left_in_peace():
    found = check(0.049)
    assert (found.level, found.remedy) == ("ok", "")
    assert "84 of 100 launches; the headline's method in 5." in found.statement
    assert "minutes_before before the treatment, 2,000 re-drawn assignments" in found.statement
    assert found.evidence["user_ols"] == 0.049


def test_one_that_does_not_is_doubted_beyond_monte_carlo_error():
    assert check(0.109).level == "ok"
    assert check(0.111).level == "caution"
    assert check(0.111, error=0.006).level == "ok"
    assert check(0.111, level=0.9).level == "ok"
    assert "randomization test" in check(0.2).remedy
