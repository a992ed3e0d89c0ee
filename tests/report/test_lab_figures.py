"""The figures of the placebo lab and of monitoring: they say the numbers of their tables, and nothing when there are none."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from functools import cache

import pytest

import honestlift as hl
from honestlift.report.figures.canvas import draw, look
from honestlift.report.figures.monitoring import looks, monitoring
from honestlift.report.figures.placebo import alarms, placebo
from studies import answer, frame, make_lift


@cache
def study() -> hl.Lift:
    """A study at its sixth look, with a lab."""
    f = frame(24, 60, between=1.0, seed=2)
    record, lift = None, None
    for i in range(6):
        lift = answer(f[f.user % 6 <= i])
        before = record or hl.Looks.of(lift)
        record, lift = before.with_look(lift), hl.monitor(lift, before)
    assert lift is not None
    return lift


def said(svg: bytes) -> list[str]:
    return ["".join(e.itertext()) for e in ET.fromstring(svg).iter() if e.tag.endswith("}text")]


@pytest.mark.parametrize("narrow", [False, True])
def test_the_lab_says_a_rate_per_method(narrow: bool):
    texts = said(draw(lambda paper: placebo(study(), paper), look(narrow=narrow)))
    assert "CR2 (the headline's)" in texts
    assert "promised: 5" in texts
    for alarm in alarms(study()):
        assert f"{100 * alarm.rate:.0f}" in texts


@pytest.mark.parametrize("dark", [False, True])
def test_monitoring_says_what_its_lines_are(dark: bool):
    texts = said(draw(lambda paper: monitoring(study(), paper), look(dark=dark)))
    assert {"for every look", "for one look", "Look", "Effect on minutes"} <= set(texts)
    assert [row["look"] for row in looks(study())] == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("make", [placebo, monitoring])
def test_same_numbers_same_bytes(make: object):
    one, two = (draw(lambda paper: make(study(), paper), look()) for _ in range(2))  # type: ignore[operator]
    assert one == two
    assert one != draw(lambda paper: make(study(), paper), look(dark=True))  # type: ignore[operator]


def test_without_tables_there_is_nothing_to_draw():
    assert alarms(make_lift()) == []
    assert looks(make_lift()) == []
