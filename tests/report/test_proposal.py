"""The page of a proposal: sections, no request, no script, figures with words and tables, hostile names, the same bytes."""

from __future__ import annotations

import base64
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

import honestlift as hl
from honestlift.report import words
from honestlift.report.proposal.captions import caption, twin
from honestlift.report.proposal.figures import figure_bytes, figures_of
from honestlift.report.proposal.page import design_html
from pages import HOSTILE, Outline, with_attributes

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


@cache
def proposal(kind: str) -> hl.Proposal:
    if kind == "opt_in":
        return hl.power(hl.Selection(users=20_000, adoption=0.03, strength=1.2), effect=0.05)
    if kind == "open":
        return hl.power(hl.Variation.of(clusters=30, mean_size=100, icc=0.1, sd=1.0, size_cv=1.0), draws=500)
    if kind == "known":
        known = hl.Variation.of(clusters=40, mean_size=100, icc=0.1, sd=1.0, r2_between=0.6, covariates=1, mean=3.0)
        return hl.power(known, effect=0.2, share=0.3, draws=500)
    users = np.arange(400)
    graph = hl.Collaboration(workspace=users // 10, source=users, target=(users + 7) % 400)
    v = hl.Variation.of(clusters=40, mean_size=10, icc=0.1, sd=1.0)
    designs = hl.compare_designs(graph, v, ratio=0.5, effect=0.5, resolutions=())
    return hl.power(v, effect=0.5, designs=designs, name="Notes", question="Do notes help?", draws=500)


KINDS = ("graph", "opt_in", "open", "known")


@pytest.mark.parametrize("kind", KINDS)
def test_page_asks_for_nothing_and_runs_nothing(kind: str):
    page = design_html(proposal(kind))
    outline = Outline(page)
    policies = [a["content"] for a in with_attributes("meta", outline) if a.get("http-equiv") == "Content-Security-Policy"]
    assert policies == [POLICY]
    assert not re.search(r"https?:|url\(|@import|javascript:|<script", page)
    assert len(page) < 1_500_000
    ids = outline.attributes("id")
    assert len(ids) == len(set(ids))
    assert {link.removeprefix("#") for link in outline.attributes("href", "a")} <= set(ids)
    assert "None" not in outline.words()
    assert "nan" not in outline.words().lower().split()


@pytest.mark.parametrize("kind", KINDS)
def test_figures_are_pictures_with_words_and_a_table(kind: str):
    made = proposal(kind)
    page = design_html(made)
    outline = Outline(page)
    figures = figures_of(made)
    assert len(with_attributes("figure", outline)) == len(figures)
    assert all(len(alt) > 40 for alt in outline.attributes("alt", "img"))
    assert page.count('<details class="twin">') == len(figures)
    for value in outline.attributes("srcset"):
        ET.fromstring(base64.b64decode(value.partition(";base64,")[2]))
    for name in figures:
        assert re.search(r"\d", caption(made, name).finding)
        table = twin(made, name)
        assert all(len(row) == len(table.heads) for row in table.rows)
        assert figure_bytes(made, name) == figure_bytes(made, name)


def test_sections_in_order():
    order = ["verdict", "power", "unit", "help", "checks", "assignment", "method"]
    assert [a["id"] for a in with_attributes("section", Outline(design_html(proposal("graph"))))] == order
    assert "unit" not in [a["id"] for a in with_attributes("section", Outline(design_html(proposal("opt_in"))))]


def test_the_page_says_what_the_proposal_says():
    made = proposal("graph")
    text = Outline(design_html(made)).words()
    assert "Do notes help?" in text
    for sentence in (made.recommendation.headline, *made.recommendation.because, *made.recommendation.would_change_it):
        assert sentence.replace(" %", "\N{NO-BREAK SPACE}%").replace("\N{NO-BREAK SPACE}", " ") in text.replace(
            "\N{NO-BREAK SPACE}", " "
        )


def test_the_same_proposal_gives_the_same_page_and_comes_back_from_json(tmp_path: Path):
    import json

    made = proposal("known")
    again = hl.Proposal.from_dict(json.loads(made.to_json()))
    assert design_html(again) == design_html(made)
    hl.write_design(made, tmp_path / "a" / "design.html")
    assert (tmp_path / "a" / "design.html").read_text(encoding="utf-8") == design_html(made)


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_text(name: str):
    made = replace(proposal("open"), name=name, question=name)
    made = replace(made, inputs={**made.inputs, "metric": name})
    text = Outline(design_html(made)).words()
    assert words.clean(name) in text
    assert "\u202e" not in text
    assert words.clean(name)[:20] in str(made)


def test_an_unknown_figure_is_refused():
    with pytest.raises(LookupError, match="power_curve"):
        figure_bytes(proposal("open"), "designs")
