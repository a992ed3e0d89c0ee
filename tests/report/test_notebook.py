"""A result in a notebook: verdict, naive beside honest, worst checks; one fragment that asks for nothing and escapes everything."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import pytest

import honestlift as hl
from honestlift.report.names import check_name
from pages import HOSTILE, RIGHT_TO_LEFT_OVERRIDE, Outline, failing, hostile, many, plain, stopped
from studies import frame, make_check, make_estimate, make_lift


def chosen() -> hl.Lift:
    data = frame(30, 30, effect=0.0, seed=5)
    data["choice"] = (data["before"] + data["exposed"] > 0.3).astype(int)
    data["minutes"] += 0.6 * data["choice"] + 0.5 * data["before"]
    return hl.analyze(
        data, hl.OptInDesign(unit="user", treatment="choice", estimands=("ATT",)), "minutes", covariates=["before"], bootstrap=0
    )


def test_the_verdict_comes_first_then_the_naive_number_beside_the_honest_one():
    lift = plain()
    text = Outline(lift._repr_html_()).words()
    naive, honest = lift.find("naive_ols"), lift.headline()
    assert (
        text.index("One metric")
        < text.index(lift.verdict.headline.removeprefix("Supported. "))
        < text.index("(naive)")
        < text.index("users, by workspace")
    )
    for e in (naive, honest):
        assert f"{e.estimate:+.2f}" in text
        assert f"{e.conf_low:+.2f} to {e.conf_high:+.2f}" in text


def test_an_opt_in_study_is_observational_in_sight_and_shows_the_naive_row_of_its_estimand():
    lift = chosen()
    text = Outline(lift._repr_html_()).words()
    assert "Effect on those who opted in (ATT), observational" in text
    assert text.index("opted in − others (naive)") < text.index("weighting and outcome models")


@pytest.mark.parametrize("world", [plain, hostile, many, failing, stopped, chosen])
def test_nothing_is_asked_for_and_nothing_runs(world: Callable[[], hl.Lift]):
    made = world()._repr_html_()
    outline = Outline(made)
    assert {tag for tag, _ in outline.tags} <= {"div", "style", "p", "span", "bdi", "i", "ul", "li", "code"}
    assert not re.search(r"url\(|@import|https?:|javascript:|<script", made)
    assert not [key for _, attrs in outline.tags for key in attrs if key.startswith("on") or key in ("src", "href", "id")]
    assert len(made) < 30_000
    assert made.count("<div") == made.count("</div>")


def test_every_rule_stays_within_the_fragment():
    style = re.search(r"<style>(.*?)</style>", plain()._repr_html_(), re.DOTALL)
    assert style is not None
    selectors = re.findall(r"([^{}]+)\{", re.sub(r"@media[^{]*\{", "", style[1]))
    parts = [part.strip() for s in selectors for part in s.split(",")]
    assert len(parts) > 20
    assert all(part.startswith(".hl-lift") for part in parts)
    assert "prefers-color-scheme: dark" in style[1]


def test_hostile_names_are_text():
    made = hostile()._repr_html_()
    assert HOSTILE[0] in "".join(Outline(made).text)
    assert RIGHT_TO_LEFT_OVERRIDE not in made
    assert "onerror=alert(1)>" not in made
    assert "7*7" in made


def test_the_worst_checks_are_shown_and_the_others_counted():
    lift = failing()
    text = Outline(lift._repr_html_()).words()
    headline = lift.headline()
    worst = next(c for c in lift.checks if c.level == "stop" and c.touches(headline.metric, headline.estimand))
    assert f"✗ stop: {check_name(worst.code)}. {worst.statement}" in text
    assert re.search(r"\d+ more checks not passed; 0 checks passed\.", text)
    assert "1 check passed." in Outline(make_lift()._repr_html_()).words()


def test_many_metrics_are_counted():
    text = Outline(many()._repr_html_()).words()
    assert "34 more metrics" in text


def test_undefined_numbers_are_dashes_without_a_bar():
    nothing = hl.Relative(estimate=None, conf_low=None, conf_high=None)
    empty = make_estimate(estimate=None, std_error=None, p_value=None, conf_low=None, conf_high=None, relative=nothing)
    made = make_lift(estimates=(empty,))._repr_html_()
    assert "no interval" in made
    assert 'class="hl-dot"' not in made
    assert make_lift(estimates=(replace(empty, headline=False),))._repr_html_()


def test_the_bars_lie_on_the_line():
    made = plain()._repr_html_()
    ends = [tuple(map(float, m)) for m in re.findall(r'hl-bar" style="left:([\d.]+)%;width:([\d.]+)%', made)]
    assert len(ends) == 2
    assert all(left >= 0 and left + width <= 100.01 for left, width in ends)
    assert ends[1][1] > ends[0][1]  # the honest interval is the wider one


def test_a_guardrail_says_its_state():
    rows = (("minutes", "primary", "higher", None, None), ("errors", "guardrail", "lower", 0.02, "is breached"))
    table = hl.Table(columns=("metric", "role", "better", "margin", "state"), rows=rows)
    estimates = (make_estimate(), make_estimate(metric="errors"))
    lift = make_lift(tables={"metrics": table}, estimates=estimates, checks=(make_check(level="caution"),))
    assert "guardrail breached ✗" in Outline(lift._repr_html_()).words()
