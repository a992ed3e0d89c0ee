"""The page of a roll-out in waves and the figures of effects over time: what they say is in the result, and all of it is drawn."""

from __future__ import annotations

import re
from functools import cache

import numpy as np
import pytest

import honestlift as hl
from honestlift.report.captions import caption
from honestlift.report.figures import figure_bytes, figures_of
from honestlift.report.html import report_html
from honestlift.report.index import entry
from honestlift.report.over_time import after, moments
from honestlift.report.terminal import as_text
from honestlift.report.twins import twin
from waves_data import rollout, study


@cache
def rolled(seed: int = 0, *, randomized: bool = False, growth: float = 0.0, weeks: int = 8, clusters: int = 60) -> hl.Lift:
    """A roll-out's answer."""
    rows = rollout(np.random.default_rng(seed), growth=growth, weeks=weeks, clusters=clusters)
    rows["<b>cost"] = 10 + np.random.default_rng(1).normal(0, 1, len(rows))
    metrics = (hl.Mean("y"), hl.Mean("<b>cost", better="lower", role="guardrail", margin=0.1))
    return hl.run(rows, study(*metrics, randomized=randomized))


def test_the_page_has_its_sections_and_no_script():
    page = report_html(rolled())
    assert re.findall(r'<section id="([a-z-]+)"', page) == [
        *("results", "guardrails", "checks", "over-time", "waves", "roads", "method", "reproduce")
    ]
    assert "<script" not in page
    assert "<b>cost" not in page
    assert "Rolled out in 2 waves, not drawn by lot" in page
    assert "Observational" in page
    assert "Observational" not in report_html(rolled(randomized=True))
    assert "drawn by lot" in report_html(rolled(randomized=True))


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("narrow", [False, True])
def test_the_event_study_is_drawn_the_same_every_time(dark: bool, narrow: bool):
    first = figure_bytes(rolled(), "event_study", dark=dark, narrow=narrow)
    assert first == figure_bytes(rolled(), "event_study", dark=dark, narrow=narrow)
    assert "gap before" in first.decode()
    assert figures_of(rolled()) == ["forest", "event_study"]


def test_the_caption_and_the_table_have_the_numbers_of_the_result():
    lift = rolled(growth=0.5)
    said, rows = caption(lift, "event_study"), twin(lift, "event_study").rows
    assert "it grows" in said.finding
    assert re.search(r"Before the start (all )?\d+ (of \d+ )?intervals of the gap hold zero", said.finding)
    assert [row[0] for row in rows][4:7] == ["1 period before", "the first period", "1 period later"]
    assert len(rows) == len(moments(lift)) == len(lift.tables["since"].rows) // 2
    for m in after(lift):
        assert m.told[0] in said.alt


def test_the_terminal_tells_the_first_periods_and_the_last():
    text = as_text(rolled())
    assert "Effect on y since the start" in text
    assert "the first period" in text
    assert "treated in the end, 8 periods" in text
    long = as_text(rolled(2, weeks=30, clusters=30))
    assert "more in the result" in long
    assert "26 periods later" in long


def test_the_index_and_the_paragraph_know_waves():
    assert entry(rolled(), "report.html").about.startswith("rolled out in waves")
    assert "observational" in rolled().paragraph()


def test_an_experiment_over_time_is_drawn_and_told():
    rng = np.random.default_rng(3)
    rows = rollout(rng, clusters=40).assign(arm=lambda d: d.ws % 2)
    design = hl.ClusterDesign(unit="user", cluster="ws", treatment="arm", period="week")
    lift = hl.analyze(rows, design, "y", bootstrap=0)
    assert "over_time" in figures_of(lift)
    assert "event_study" not in figures_of(lift)
    assert '<section id="over-time"' in report_html(lift)
    assert "The level line is the headline." in caption(lift, "over_time").finding
    assert "Effect on y by period" in as_text(lift)
    assert [row[0] for row in twin(lift, "over_time").rows] == [str(w) for w in range(8)]
    assert figure_bytes(lift, "over_time", "png").startswith(b"\x89PNG")
