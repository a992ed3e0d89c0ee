"""The verdict: each level is reached, guardrails, and sentences that say what the numbers say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import honestlift as hl
from honestlift.analysis.verdict import guardrail_state
from studies import answer, frame, levels, make_estimate


def test_supported():
    lift = answer(frame(40, effect=1.0))
    assert set(levels(lift).values()) == {"ok"}
    assert lift.verdict.level == "supported"
    assert lift.verdict.headline.startswith("Supported. minutes: +")
    assert lift.verdict.would_change_it == ()


def test_likely_with_caveats_by_a_caution_or_by_a_stop_elsewhere():
    few = answer(frame(16, 40, effect=1.0))
    assert few.check("few_clusters").level == "caution"
    assert few.verdict.level == "likely, with caveats"
    assert any("degrees of freedom" in reason for reason in few.verdict.because)
    trait = answer(frame(40, effect=1.0), exposure=hl.Exposure(column="exposed"))
    assert trait.check("exposure_not_randomized").level == "stop"
    assert trait.verdict.level == "likely, with caveats"
    assert any("Both are associations" in reason for reason in trait.verdict.because)


def test_inconclusive_says_what_is_ruled_out_and_how_many_more_would_do():
    lift = answer(frame(40, effect=0.0, seed=4))
    e = lift.headline()
    assert lift.verdict.level == "inconclusive"
    assert lift.verdict.headline.startswith("We cannot tell. minutes: ")
    assert f"{e.conf_low:+.2f}".replace("-", "−") in lift.verdict.headline
    assert "workspaces" in lift.verdict.would_change_it[0]
    needed = 40 * ((e.conf_high - e.conf_low) / (2 * e.estimate)) ** 2 - 40  # type: ignore[operator]
    said = lift.verdict.would_change_it[0]
    assert f"About {needed:,.0f} more" in said if needed < 800 else "No reachable number" in said


def test_harmful_whichever_way_is_better():
    assert answer(frame(40, effect=-1.0)).verdict.level == "harmful"
    lower = answer(frame(40, effect=1.0), [hl.Mean("minutes", better="lower")])
    assert lower.verdict.level == "harmful"
    assert lower.verdict.headline.startswith("Harmful.")
    assert answer(frame(40, effect=-1.0), [hl.Mean("minutes", better="lower")]).verdict.level == "supported"


def test_harm_is_harm_even_with_a_caution():
    assert answer(frame(16, 40, effect=-1.0)).verdict.level == "harmful"


def test_not_trustworthy_when_a_stop_concerns_the_headline():
    lift = answer(frame(4, 40, effect=5.0))
    assert lift.check("few_clusters").level == "stop"
    assert lift.verdict.level == "not trustworthy"
    assert "but that rests on what does not hold: there are enough workspaces." in lift.verdict.headline
    assert lift.verdict.would_change_it


def test_a_stop_that_concerns_another_metric_does_not_break_the_headline():
    """The second metric is missing in half of the treated workspaces' users; the first is whole."""
    rng = np.random.default_rng(0)
    f = frame(40, 40, effect=1.0).assign(errors=lambda d: d.before.mask((d.treated == 1) & (rng.random(len(d)) < 0.5)))
    lift = answer(f, [hl.Mean("minutes"), hl.Mean("errors")])
    assert lift.check("missing_outcome", "errors").level == "stop"
    assert lift.check("missing_outcome", "minutes").level == "ok"
    assert lift.verdict.level == "likely, with caveats"
    assert answer(f, [hl.Mean("errors"), hl.Mean("minutes")]).verdict.level == "not trustworthy"


def test_the_verdict_is_about_the_primary_metric():
    f = frame(40, effect=1.0).assign(errors=lambda d: d.minutes * -1 + 20)
    lift = answer(f, [hl.Mean("errors", role="secondary"), hl.Mean("minutes", role="primary")])
    assert lift.verdict.level == "supported"
    assert "minutes" in lift.verdict.headline


def test_the_checks_of_few_workspaces_are_of_the_primary_metric():
    """Half of the workspaces have no value of the secondary metric, which comes first."""
    f = frame(24, effect=1.0).assign(errors=lambda d: d.before.where(d.workspace < 12))
    lift = answer(f, [hl.Mean("errors", role="secondary"), hl.Mean("minutes", role="primary")])
    assert lift.check("few_clusters").evidence["treated"] == 12
    assert lift.check("few_clusters").level == "ok"


def test_the_naive_number_is_put_beside_the_honest_one():
    between = answer(frame(40, 40, between=0.5))
    ratio = between.headline().std_error / between.find("naive_ols").std_error  # type: ignore[operator]
    assert ratio > 1.1
    assert f"{ratio:.1f} times too small" in between.verdict.because[0]
    alike = answer(frame(400, 3, between=0.0))
    assert "much the same" in alike.verdict.because[0]


def guardrail(low: float | None, high: float | None, **metric: object) -> str:
    e = make_estimate(relative=hl.Relative(estimate=0.001, conf_low=low, conf_high=high))
    return guardrail_state(e, hl.Mean("cost", role="guardrail", **metric))  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("low", "high", "metric", "state"),
    [
        (-0.01, 0.05, {"margin": 0.02}, "holds"),
        (-0.02, 0.05, {"margin": 0.02}, "holds"),
        (-0.03, 0.05, {"margin": 0.02}, "is unsettled"),
        (-0.09, -0.03, {"margin": 0.02}, "is breached"),
        (-0.09, -0.02, {"margin": 0.02}, "is unsettled"),
        (0.01, 0.03, {}, "holds"),
        (-0.01, 0.03, {}, "is unsettled"),
        (-0.03, -0.01, {}, "is breached"),
        (-0.05, 0.01, {"margin": 0.02, "better": "lower"}, "holds"),
        (-0.05, 0.03, {"margin": 0.02, "better": "lower"}, "is unsettled"),
        (0.03, 0.05, {"margin": 0.02, "better": "lower"}, "is breached"),
        (None, None, {"margin": 0.02}, "is unsettled"),
    ],
)
def test_guardrails_by_their_interval_and_margin(low: float | None, high: float | None, metric: dict[str, object], state: str):
    assert guardrail(low, high, **metric) == state


def test_a_guardrail_of_a_negative_mean_keeps_its_direction():
    """The control mean is −45, and the outcome falls by 5: bad where higher is better, whatever the sign of the fraction."""
    f = frame(40, effect=-5.0, mean=-45.0)
    for better, state in (("higher", "is breached"), ("lower", "holds")):
        metric = hl.Mean("minutes", role="guardrail", margin=0.02, better=better)  # pyright: ignore[reportArgumentType]
        lift = answer(f, [hl.Mean("before"), metric])
        assert any(f"Guardrail minutes {state}" in reason for reason in lift.verdict.because), lift.verdict.because


def test_guardrails_are_told_in_the_verdict():
    f = frame(60, 40, effect=1.0).assign(cost=lambda d: 100 + 30 * d.treated + d.before, calm=lambda d: 100 + d.before)
    lift = answer(
        f,
        [
            hl.Mean("minutes"),
            hl.Mean("cost", name="Cost", better="lower", role="guardrail", margin=0.02),
            hl.Mean("calm", role="guardrail", margin=0.02),
            hl.Mean("before", role="guardrail"),
        ],
    )
    said = [reason for reason in lift.verdict.because if reason.startswith("Guardrail")]
    assert [s.partition(":")[0] for s in said] == [
        "Guardrail Cost is breached",
        "Guardrail calm holds",
        "Guardrail before is unsettled",
    ]
    assert said[0].endswith("+30 % to +30 % of the control mean, margin 2.0 %.")


@pytest.mark.parametrize("level", [0.9, 0.975, 0.999])
def test_the_headline_says_its_level(level: float):
    text = answer(frame(40, effect=1.0), level=level).verdict.headline
    assert f"({100 * level:g} % interval" in text


def test_a_lift_of_the_same_numbers_says_the_same():
    lift = answer(frame())
    assert replace(lift, name="x").verdict == answer(frame(), name="x").verdict
