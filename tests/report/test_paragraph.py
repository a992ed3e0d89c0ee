"""The paragraph to paste: what it holds, in which order, and a user's text that stays text in every style."""

from __future__ import annotations

import re

import pytest

import honestlift as hl
from honestlift.report.paragraph import STYLES, paragraph
from pages import RIGHT_TO_LEFT_OVERRIDE, exposed, hostile, stopped
from studies import make_check, make_lift


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("world", [exposed, hostile, stopped])
def test_it_is_one_paragraph(style: str, world):
    text = world().paragraph(style)
    assert "\n" not in text
    assert text == " ".join(text.split())
    assert RIGHT_TO_LEFT_OVERRIDE not in text


def test_result_interval_naive_why_caveats_and_next_step_in_this_order():
    lift = exposed()
    text = lift.paragraph()
    naive = lift.find("naive_ols", metric="Session minutes")
    wanted = [
        *("Exposed controls:", lift.verdict.headline, f"A test of users as if independent says {naive.estimate:+.2f}"[:45]),
        *("Guardrail Latency holds", "Caveats:", "exposed marks", "Next:", lift.verdict.would_change_it[0]),
    ]
    places = [text.index(part) for part in wanted]
    assert places == sorted(places)


def test_a_healthy_study_has_no_caveats():
    lift = make_lift(
        verdict=hl.Verdict(level="supported", headline="Supported. +1.", because=("Naive says +1.",), would_change_it=())
    )
    assert lift.paragraph() == "Study: Supported. +1. Naive says +1."


def test_the_statement_of_a_check_is_told_once_and_the_fourth_is_counted():
    checks = tuple(make_check(code=f"c{i}", level="stop" if i == 3 else "caution", statement=f"Statement {i}.") for i in range(5))
    verdict = hl.Verdict(level="not trustworthy", headline="No.", because=("Naive.", "Statement 3."), would_change_it=())
    text = make_lift(checks=checks, verdict=verdict).paragraph()
    assert text == "Study: No. Naive. Caveats: Statement 3. Statement 0. Statement 1. 2 more checks ask for care."


def test_a_stop_of_another_number_is_told_and_its_caution_is_not():
    checks = (
        make_check(level="caution", concerns=("direct",), statement="Doubtful."),
        make_check(level="stop", concerns=("direct",), statement="Broken."),
    )
    assert "Broken." in make_lift(checks=checks).paragraph()
    assert "Doubtful." not in make_lift(checks=checks).paragraph()


def test_markdown_is_escaped():
    text = make_lift(name="a_b *c* [x](y) <b> `d` # e | f \\ $g$ ~h~ &amp;").paragraph("markdown")
    assert text.startswith(r"**a\_b \*c\* \[x\](y) \<b\> \`d\` \# e \| f \\ \$g\$ \~h\~ \&amp;:** Supported.")


def test_slack_is_escaped():
    text = make_lift(name="<!channel> A & B <@U1>").paragraph("slack")
    assert text.startswith("*&lt;!channel&gt; A &amp; B &lt;@U1&gt;:* Supported.")
    assert not re.search(r"<|>|&(?!amp;|lt;|gt;)", hostile().paragraph("slack"))


def test_text_is_left_alone():
    assert make_lift(name="A & <b>").paragraph().startswith("A & <b>: Supported.")


def test_another_style_is_refused():
    with pytest.raises(ValueError, match=r"There is no style 'html'\. Expected one of text, markdown, slack"):
        paragraph(make_lift(), "html")  # pyright: ignore[reportArgumentType]


def test_a_notebook_that_knows_no_html_shows_the_markdown():
    assert make_lift()._repr_markdown_() == make_lift().paragraph("markdown")
