"""The page of an opt-in study: its sections in order, the word observational in sight, what is refused shown as refused."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

import honestlift as hl
from honestlift.report import opt_in, words
from honestlift.report.gate import refused, selection
from honestlift.report.method import formal
from honestlift.report.page import locked
from honestlift.report.unmeasured import doubts
from pages import (
    CHOICES,
    Outline,
    choosers,
    chosen,
    opted,
    opted_apart,
    opted_crowded,
    opted_failing,
    opted_many,
    opted_plain,
    opted_rare,
    opted_trimmed,
    page_of,
    plain,
    with_attributes,
)
from studies import make_estimate

ORDER = [
    "verdict",
    "results",
    "guardrails",
    "checks",
    "choice",
    "overlap",
    "balance",
    "unmeasured",
    "weights",
    "method",
    "reproduce",
]


def sections(text: str) -> list[str]:
    return [a["id"] for a in with_attributes("section", Outline(text))]


def section(lift: hl.Lift, name: str) -> str:
    """The words of one section."""
    return Outline(page_of(lift).split(f'<section id="{name}"')[1].split("</section>")[0]).words()


def test_sections_in_the_order_of_the_specification():
    assert sections(page_of(opted())) == ORDER
    assert sections(page_of(opted_plain())) == [name for name in ORDER if name != "guardrails"]


def test_a_section_without_numbers_is_left_out():
    lift = opted()
    bare = replace(lift, tables={"metrics": lift.tables["metrics"]}, ledger=())
    assert sections(page_of(bare)) == ["verdict", "results", "guardrails", "checks", "method", "reproduce"]


@pytest.mark.parametrize("world", sorted(CHOICES))
def test_the_verdict_says_that_nobody_was_randomized(world: str):
    head = page_of(CHOICES[world]()).split("</header>")[0]
    assert "≈</span> Observational" in head
    assert "what lies outside is ruled out" not in head


def test_the_verdict_says_whose_effect_it_is():
    head = Outline(page_of(opted_rare()).split("</header>")[0]).words()
    assert "Effect on the people who chose it" in head


def test_roads_run_from_the_raw_difference_to_matching():
    seen = section(opted(), "results")
    steps = ["Raw difference", "Regression", "Weighting", "Doubly robust", "Matching", "Selection removed"]
    places = [seen.index(step) for step in steps]
    assert places == sorted(places)
    gone = opted().find("naive", "ATE", "Task done").estimate - opted().headline().estimate
    assert f"Selection removed: {100 * gone:.1f} of" in seen
    assert "points" in seen


def test_variances_are_folded():
    text = page_of(opted()).split('<section id="results"')[1].split("</section>")[0]
    before, _, folded = text.partition('<details class="variants">')
    assert "percentile bootstrap" not in before
    assert "percentile bootstrap" in folded
    assert "CR1" in folded


@pytest.mark.parametrize(
    ("raw", "left", "text"),
    [
        (0.211, 0.085, "Selection removed: 12.6 of 21.1 points"),
        (-0.211, -0.085, "Selection removed: 12.6 of 21.1 points"),
        (0.100, 0.150, "Selection hid 5.0 points: +10.0 raw, +15.0 left"),
        (0.100, -0.050, "Selection turned the sign: +10.0 raw, −5.0 points left"),
    ],
)
def test_selection_by_hand(raw: float, left: float, text: str):
    common = {"scale": "risk difference", "identified": "observational"}
    naive = make_estimate(method="naive", estimate=raw, headline=False, **common)
    honest = make_estimate(method="aipw", estimate=left, conf_low=left - 0.01, conf_high=left + 0.01, **common)
    found = selection(naive, honest)
    assert found is not None
    assert found.text == text


def test_the_bracket_spans_from_raw_to_honest():
    text = page_of(opted())
    left, width = (float(v) for v in re.search(r'class="bracket" style="left:([\d.]+)%;width:([\d.]+)%"', text).groups())
    dots = [float(v) for v in re.findall(r'class="dot" style="left:([\d.]+)%"', text.split('<section id="results"')[1])]
    assert left + width == pytest.approx(dots[0], abs=0.02)  # raw
    assert left == pytest.approx(dots[3], abs=0.02)  # doubly robust


def test_a_refused_estimand_is_shown_as_refused_with_the_reason():
    lift = opted_rare()
    assert set(refused(lift)) == {"ATE", "ATC"}
    assert lift.headline().estimand == "ATT"
    rows = page_of(lift).split('<section id="weights"')[1].split('<tr class="refused"')[1:]
    assert len(rows) == 2
    for row in rows:
        seen = Outline(row.split("</tr>")[0]).words()
        assert "✗ refused" in seen
        assert "effective opted-in users of" in seen
        assert 'class="dot"' not in row.split("</tr>")[0]
        assert not re.search(r"[+−]\d", seen)  # no number
    checks = section(lift, "checks")
    assert checks.index("! caution") < checks.index("Effect on everyone (ATE) ✗ refused")


def test_where_nothing_is_supported_no_number_is_to_be_quoted():
    lift = opted_apart()
    text = page_of(lift)
    assert lift.verdict.level == "not trustworthy"
    assert '<tr class="headline"' not in text
    assert "not to be quoted" in section(lift, "results")
    assert "No estimand is supported" in Outline(text).words() or "supported" in Outline(text).words()
    assert "hardly anybody to compare with" in section(lift, "overlap")


def test_trimming_changes_the_question_and_says_so():
    seen = section(opted_trimmed(), "overlap")
    assert "Users with a propensity from 30 % to 75 % were kept" in seen
    assert "changes the question" in seen
    assert "All users" in seen
    assert "Users kept" in seen
    head = Outline(page_of(opted_trimmed()).split("</header>")[0]).words()
    assert "only users with a propensity from 30 % to 75 %" in head
    assert "among users kept" in head
    assert "trimmed" not in section(opted_rare(), "overlap").replace("Nobody was trimmed", "")


def test_guardrails_negative_controls_and_other_metrics():
    lift = opted()
    rail = section(lift, "guardrails")
    assert "Latency" in rail
    assert "margin 5.0 %" in rail
    assert "✓ holds" in rail
    doubt = section(lift, "unmeasured")
    assert "Outcomes that the feature cannot move" in doubt
    assert "before" in doubt
    assert "Session minutes: robustness value" in doubt


def test_what_we_did_not_measure_in_words():
    lift = opted()
    row = dict(zip(lift.tables["sensitivity"].columns, lift.tables["sensitivity"].rows[0], strict=True))
    text = " ".join(doubts(lift))
    assert words.percent(row["robustness_value"]) in text
    assert f"E-value is {row['e_value']:.2f}" in text
    assert f"{row['erasing_times']:.2f} times as strong as tier" in text
    null = chosen(choosers(1_000, effect=0.0, seed=12))
    assert "its interval contains zero as it is" in " ".join(doubts(null))
    assert "0 % is enough" not in " ".join(doubts(null))


def test_drivers_by_their_strength():
    lift = opted()
    rows = opt_in.drivers(lift)
    assert {name for name, *_ in rows} == {"tier = light", "tier = medium", "age"}
    light = next(r for r in rows if r[0] == "tier = light")
    assert float(light[1]) < 0.3  # heavy users choose far more often: exp(−1.8) is 0.17
    seen = section(opted_crowded(), "choice")
    assert re.search(r"\d+ more", seen)


def test_every_method_of_the_result_is_explained():
    codes = {e.method for e in opted().estimates}
    explained = {entry.code for entry in formal(opted())}
    assert {code.partition(":")[0] for code in codes} | {":bootstrap", ":cr1"} <= explained
    assert {"sensitivity", "e_value", "balance", "weights", "trimming"} <= explained
    assert "e_value" not in {entry.code for entry in formal(opted_plain())}


def test_one_number_to_quote_per_metric():
    text = page_of(opted_many())
    assert text.split('<section id="checks"')[0].count('<tr class="headline"') >= 40


def test_all_checks_failing_is_still_a_page():
    seen = Outline(page_of(opted_failing())).words()
    assert "✗ Not trustworthy" in seen
    for check in opted_failing().checks:
        assert words.clean(check.statement) in seen.replace("\N{NO-BREAK SPACE}", " ")


def test_groups_under_ten_users_are_not_told():
    data = choosers(1_200, seed=4)
    data.loc[:7, "tier"] = "secret"
    lift = chosen(data)
    assert "secret" not in {row[1] for row in lift.tables["categories"].rows}
    assert all(row[3] == 0 or row[3] >= 10 for row in lift.tables["overlap"].rows)


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        ("2026-03-05T09:00:00+00:00", "locked on 5 March 2026, before outcomes were read"),
        ("2026-03-05", "locked on 5 March 2026, before outcomes were read"),
        (None, "not locked: it could still be changed after outcomes were seen"),
    ],
)
def test_the_lock_in_words(moment: str | None, text: str):
    for lift in (opted(), plain()):
        assert locked(replace(lift, provenance={**lift.provenance, "locked": moment})) == text


def test_the_lock_is_told_on_both_pages():
    for lift in (opted(), plain()):
        assert "not locked" in section(lift, "reproduce")
