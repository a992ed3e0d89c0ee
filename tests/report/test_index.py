"""The index of several runs: every verdict and effect, links that lead to the pages, nothing fetched, nothing run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from honestlift.report import words
from honestlift.report.index import index_html
from honestlift.result import Lift
from pages import HOSTILE, Outline, call, exposed, hostile, opted, opted_apart, opted_hostile, plain, stopped

RUNS = [(exposed, "a/report.html"), (opted, "b/report.html"), (stopped, "c/report.html"), (opted_apart, "d/report.html")]


def test_each_run_with_its_verdict_effect_and_link():
    text = index_html([(make(), page) for make, page in RUNS])
    outline = Outline(text)
    assert outline.attributes("href", "a") == [page for _, page in RUNS]
    seen = outline.words()
    for make, _ in RUNS:
        lift = make()
        e = lift.headline()
        assert words.clean(lift.name) in seen
        assert words.interval(e.conf_low, e.conf_high, words.places_of(e.conf_low, e.conf_high)) in seen
    assert "users chose: observational" in seen
    assert "whole workspaces randomized" in seen
    assert seen.count("✗ Not trustworthy") == 2
    assert text.count('<span class="plot"') == len(RUNS)
    assert re.search(r"\d+ \w+ 20\d\d", seen)


def test_the_index_is_as_safe_as_the_page():
    text = index_html([(hostile(), "a b/<x>.html"), (opted_hostile(), "c/report.html")])
    outline = Outline(text)
    assert "default-src 'none'" in text
    assert not re.search(r"https?:|url\(|@import|javascript:", text)
    assert outline.attributes("href", "a") == ["a%20b/%3Cx%3E.html", "c/report.html"]
    assert not any(tag in ("script", "img") for tag, _ in outline.tags)
    assert words.clean(hostile().name) in outline.words()
    assert words.clean(HOSTILE[0]) in outline.words()


def test_same_runs_same_bytes_in_the_order_given():
    one = [(plain(), "a.html"), (opted(), "b.html")]
    again = [(Lift.from_dict(lift.to_dict()), page) for lift, page in one]
    assert index_html(one) == index_html(again)
    assert index_html(one) != index_html(one[::-1])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, lift in (("one", plain()), ("two", exposed())):
        (tmp_path / name).mkdir()
        (tmp_path / name / "result.json").write_text(lift.to_json(), encoding="utf-8")
    return tmp_path


def test_the_command_makes_every_page_and_the_index(folder: Path):
    done = call("report", "one/result.json", "two/result.json", "--index", "all/index.html", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "2 pages are made, the index in all/index.html." in done.stderr
    text = (folder / "all" / "index.html").read_text(encoding="utf-8")
    links = Outline(text).attributes("href", "a")
    assert links == ["../one/report.html", "../two/report.html"]
    assert all((folder / "all" / link).resolve().exists() for link in links)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["one/result.json", "two/result.json", "--out", "x.html"], "--out names one page"),
        (["one/result.json", "--index", "one/report.html"], "is a result or its page"),
        (["one/result.json", "three/result.json", "--index", "index.html"], "There is no result at"),
    ],
)
def test_a_command_that_cannot_be_obeyed_writes_nothing(folder: Path, options: list[str], message: str):
    done = call("report", *options, cwd=folder)
    assert done.returncode == 2
    assert message in done.stderr
    assert sorted(p.name for p in folder.rglob("*.html")) == []
