"""The figures and words of a collaboration graph say the numbers of their tables, and nothing when there are none."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from honestlift.report.captions import caption
from honestlift.report.figures.canvas import draw, look
from honestlift.report.figures.contamination import contamination, leaks
from honestlift.report.figures.dose import dose, doses
from honestlift.report.spillover import exposure, facts, lead
from honestlift.report.twins import twin
from pages import exposed, tied
from studies import make_lift
from tied import answered


def said(svg: bytes) -> list[str]:
    return ["".join(e.itertext()) for e in ET.fromstring(svg).iter() if e.tag.endswith("}text")]


@pytest.mark.parametrize("narrow", [False, True])
def test_dose_and_response_say_what_their_axes_are(narrow: bool) -> None:
    texts = said(draw(lambda paper: dose(tied(), paper), look(narrow=narrow)))
    assert {"Treated", "Control", "0 %", "100 %"} <= set(texts)
    rows = doses(tied())
    assert (rows[0]["arm"], rows[0]["estimate"], rows[0]["conf_low"]) == ("control", 0.0, None)
    assert {row["arm"] for row in rows} == {"control", "treated"}
    assert sum(row["users"] for row in rows) <= tied().data["n_units"]


@pytest.mark.parametrize("dark", [False, True])
def test_the_map_has_a_bar_for_each_workspace_the_leakiest_first(dark: bool) -> None:
    rows = leaks(answered())
    assert [r["share_within"] for r in rows] == sorted(r["share_within"] for r in rows)
    texts = said(draw(lambda paper: contamination(answered(), paper), look(dark=dark)))
    assert {"within", "to treated ones", "to control ones"} <= set(texts)
    assert {r["cluster"] for r in rows} <= set(texts)


def test_captions_and_twins_say_the_numbers() -> None:
    lift = answered()
    first = leaks(lift)[0]
    said_of = caption(lift, "contamination")
    assert said_of.finding.startswith(f"{first['cluster']} leaks most")
    assert len(twin(lift, "contamination").rows) == len(leaks(lift))
    assert len(twin(lift, "dose").rows) == len(doses(lift))
    assert "untouched controls" in caption(lift, "dose").finding


def test_what_leaks_in_words_and_levels() -> None:
    lift = answered()
    found = facts(lift)
    assert set(found) >= {"share_of_ties_between_workspaces", "control_exposure_by_user_split", "break_even_ratio"}
    assert "had users been split one by one" in lead(lift)
    assert [name for name, _, _ in exposure(lift)] == [
        "Control, unexposed",
        "Control, exposed",
        "Treated, unexposed",
        "Treated, exposed",
    ]


def test_without_a_graph_there_is_nothing_of_it() -> None:
    for lift in (make_lift(), exposed()):
        assert (doses(lift), leaks(lift), facts(lift), lead(lift)) == ([], [], {}, "")


@pytest.mark.parametrize("make", [dose, contamination])
def test_same_numbers_same_bytes(make: object) -> None:
    one, two = (draw(lambda paper: make(answered(), paper), look()) for _ in range(2))  # type: ignore[operator]
    assert one == two
    assert one != draw(lambda paper: make(answered(), paper), look(dark=True))  # type: ignore[operator]
