"""The figures: the same bytes for the same numbers, colours one can read, text that stays text."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import matplotlib as mpl
import pytest

from honestlift.report import words
from honestlift.report.figures import figure_bytes, figures_of
from honestlift.report.figures.canvas import look, short
from pages import HOSTILE, SCRIPT, exposed, hostile, large, plain, stopped
from studies import answer, frame, make_lift

NAMES = ["forest", "density", "caterpillar"]


def luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.2)."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def said(svg: bytes) -> list[str]:
    """The texts of an SVG."""
    root = ET.fromstring(svg)
    return ["".join(e.itertext()) for e in root.iter() if e.tag.endswith("}text")]


@pytest.mark.parametrize("dark", [False, True])
def test_roles_can_be_read_on_their_paper(dark: bool):
    paper = look(dark=dark)
    for colour in (paper.control, paper.treated, paper.naive, paper.honest, paper.ink, paper.faint):
        light, deep = sorted((luminance(colour), luminance(paper.paper)), reverse=True)
        assert (light + 0.05) / (deep + 0.05) >= 4.5  # WCAG 2.2, 1.4.3


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", ["svg", "png"])
def test_same_bytes_whatever_the_users_settings(name: str, kind: str):
    first = figure_bytes(exposed(), name, kind, dpi=60)
    with mpl.rc_context({"axes.facecolor": "red", "font.size": 30, "svg.hashsalt": None, "lines.linewidth": 9}):
        assert figure_bytes(exposed(), name, kind, dpi=60) == first
        assert mpl.rcParams["axes.facecolor"] == "red"
    assert first != figure_bytes(exposed(), name, kind, dpi=60, dark=True)
    assert first[:4] == (b"<svg" if kind == "svg" else b"\x89PNG")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("narrow", [False, True])
def test_no_clock_and_no_library_in_the_bytes(name: str, narrow: bool):
    svg = figure_bytes(exposed(), name, narrow=narrow).decode()
    assert not re.search(r"20\d\d-\d\d|matplotlib v|Created with|DOCTYPE", svg, re.IGNORECASE)
    assert len(svg) < 40_000


def test_forest_says_each_number_of_the_result():
    lift = exposed()
    texts = said(figure_bytes(lift, "forest"))
    for e in lift.estimates:
        if e.metric == "Session minutes" and ":" not in e.method and e.conf_low is not None:
            places = words.places_of(e.conf_low, e.conf_high)
            assert any(
                words.signed(e.estimate, places) in t and words.interval(e.conf_low, e.conf_high, places) in t for t in texts
            )
    assert "an association" in texts
    assert "as published; not what a launch does" in texts


def test_density_says_counts_and_means():
    texts = said(figure_bytes(exposed(), "density"))
    counts = exposed().population["exposure_counts"]
    assert f"Treated: {counts['treated']:,} users" in texts
    assert f"Exposed control: {counts['exposed control']:,} users" in texts
    assert sum(t.startswith("mean ") for t in texts) == 3
    assert sum(t.startswith("mean ") for t in said(figure_bytes(plain(), "density"))) == 2


@pytest.mark.parametrize(("scale", "marks"), [(1.0, ["4", "6"]), (1e-12, ["4e-12", "6e-12"]), (1000.0, ["4,000", "6,000"])])
def test_marks_of_the_outcome_are_told_apart(scale: float, marks: list[str]):
    data = frame(20, 30)
    data["minutes"] *= scale
    texts = said(figure_bytes(answer(data), "density"))
    assert set(marks) <= set(texts)
    assert "0" not in texts


def test_whole_numbers_are_marked_whole():
    data = frame(20, 30)
    data["minutes"] = (data["minutes"] > 5).astype(int)
    texts = said(figure_bytes(answer(data), "density"))
    assert {"0", "1"} <= set(texts)
    assert not any(t.endswith(".5") for t in texts)


def test_negative_numbers_bear_a_real_minus():
    texts = said(figure_bytes(stopped(), "forest"))
    assert any("−" in t for t in texts)
    assert not any(re.search(r"-\d", t) for t in texts)


@pytest.mark.parametrize("name", NAMES)
def test_hostile_names_are_text_in_svg(name: str):
    svg = figure_bytes(hostile(), name)
    assert SCRIPT.encode() not in svg
    assert any(t for t in said(svg) if SCRIPT[:20] in t)


def test_long_names_are_cut():
    assert short(HOSTILE[3]) == "L" * 47 + "…"
    assert short("a\u202eb\n c") == "a b c"


def test_figures_without_numbers_are_left_out():
    assert figures_of(make_lift()) == ["forest"]
    with pytest.raises(LookupError, match="forest"):
        figure_bytes(make_lift(), "density")


def test_two_thousand_workspaces_are_drawn_by_eighty():
    svg = figure_bytes(large(), "caterpillar").decode()
    assert svg.count("<use ") + svg.count("<path") < 400
