"""The pages in a real browser: nothing is fetched, nothing runs over the edge or over other text, axe-core finds nothing."""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from browser.chromium import Page, binary, chromium
from honestlift.report.figures import figure_bytes, figures_of
from honestlift.report.html import report_html
from honestlift.report.index import index_html
from pages import WORLDS, Outline

ROOT = Path(__file__).parents[2]
AXE = Path(os.environ.get("AXE_CORE", ROOT / "build" / "browser" / "node_modules" / "axe-core" / "axe.min.js"))
SHOTS = Path(os.environ.get("SCREENSHOTS", ROOT / "build" / "screenshots"))
NAMES = sorted(WORLDS)
OVERLAPS = (Path(__file__).parent / "overlaps.js").read_text(encoding="utf-8")
UNFOLD = "document.querySelectorAll('details').forEach(d => { d.open = true })"

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(binary() is None, reason="Chromium is not installed; see .ci/browser-setup"),
]


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with chromium(tmp_path_factory.mktemp("profile")) as page:
        yield page


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    made: dict[str, Path] = {}
    for name in NAMES:
        made[name] = folder / f"{name}.html"
        made[name].write_text(report_html(WORLDS[name]()), encoding="utf-8")
    made["index"] = folder / "index.html"
    runs = [(WORLDS[name](), f"{name}.html") for name in NAMES]
    made["index"].write_text(index_html(runs), encoding="utf-8")
    return made


@pytest.mark.parametrize("name", [*NAMES, "index"])
@pytest.mark.parametrize("width", [320, 390, 1000])
def test_no_request_no_sideways_scroll_nothing_cut_or_covered(tab: Page, files: dict[str, Path], name: str, width: int):
    tab.open(files[name], width)
    for step in ("folded", "unfolded"):
        if step == "unfolded":
            tab.run(UNFOLD)
        assert tab.run("document.documentElement.scrollWidth") <= width, step
        assert tab.run(OVERLAPS) == {"covered": [], "outside": []}, step
    assert tab.requests() == []


@pytest.mark.parametrize("name", [*NAMES, "index"])
@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [390, 1000])
def test_axe_finds_nothing(tab: Page, files: dict[str, Path], name: str, dark: bool, width: int):
    if not AXE.exists():
        pytest.skip("axe-core is not installed; see .ci/browser-setup")
    tab.open(files[name], width, dark=dark)
    tab.run(UNFOLD)
    tab.run(AXE.read_text(encoding="utf-8") + "; true")
    found: Any = tab.run(
        "axe.run().then(r => r.violations.map(v => v.id + ': ' + v.nodes.slice(0, 3).map(n => n.html).join(' | ')))"
    )
    assert found == []


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("narrow", [False, True])
def test_figures_keep_their_words_apart(tab: Page, tmp_path: Path, name: str, narrow: bool):
    for figure in figures_of(WORLDS[name]()):
        svg = figure_bytes(WORLDS[name](), figure, narrow=narrow)
        (tmp_path / "figure.html").write_bytes(b"<!doctype html><meta charset=utf-8><body style='margin:0'>" + svg)
        tab.open(tmp_path / "figure.html", 1000)
        assert tab.run(OVERLAPS) == {"covered": [], "outside": []}, figure


@pytest.mark.parametrize(("dark", "width", "mark"), [(False, 1000, "light"), (True, 1000, "dark"), (False, 390, "light_narrow")])
def test_the_picture_that_fits_is_shown(tab: Page, files: dict[str, Path], dark: bool, width: int, mark: str):
    tab.open(files["exposed"], width, dark=dark)
    shown: str = tab.run("document.querySelector('#figure-forest img').currentSrc")
    options = {"dark": mark.startswith("dark"), "narrow": mark.endswith("narrow")}
    assert base64.b64decode(shown.partition(",")[2]) == figure_bytes(WORLDS["exposed"](), "forest", **options)


def test_these_tests_can_fail(tab: Page, tmp_path: Path):
    words = "<p>below</p><p style='margin-top:-2em;height:1px'>above</p><p style='margin-left:99vw'>aside</p>"
    page = f"<html><title>x</title>{words}<img src='data:,'><img src='http://127.0.0.1:9/x.png'>"
    (tmp_path / "bad.html").write_text(page, encoding="utf-8")
    tab.open(tmp_path / "bad.html")
    assert tab.run(OVERLAPS) == {"covered": [["below", "above"]], "outside": ["aside"]}
    assert tab.requests() == ["http://127.0.0.1:9/x.png"]
    if AXE.exists():
        tab.run(AXE.read_text(encoding="utf-8") + "; true")
        assert "image-alt" in tab.run("axe.run().then(r => r.violations.map(v => v.id))")


@pytest.mark.parametrize(("name", "pictures"), [("hostile", 4), ("opted_hostile", 5), ("index", 0)])
def test_hostile_names_run_nothing(tab: Page, files: dict[str, Path], name: str, pictures: int):
    tab.open(files[name])
    assert tab.run("[document.scripts.length, document.querySelectorAll('img').length]") == [0, pictures]
    assert not any(event.get("method") == "Page.javascriptDialogOpening" for event in tab.events)


@pytest.mark.parametrize("name", ["exposed", "opted"])
def test_print_is_light_whole_and_short(tab: Page, files: dict[str, Path], tmp_path: Path, name: str):
    tab.open(files[name], 1000, dark=True)
    tab.pdf(tmp_path / "page.pdf")
    pages = len(re.findall(rb"/Type\s*/Page\b", (tmp_path / "page.pdf").read_bytes()))
    assert 3 <= pages <= 11
    tab.open(files[name], 1000, dark=True, media="print")
    assert tab.run("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert tab.run("getComputedStyle(document.querySelector('nav')).display") == "none"
    assert tab.run("document.querySelector('.passed td').checkVisibility({contentVisibilityAuto: true})")
    assert tab.run(OVERLAPS) == {"covered": [], "outside": []}


@pytest.mark.parametrize("name", [*NAMES, "index"])
def test_screenshots_for_people(tab: Page, files: dict[str, Path], name: str):
    SHOTS.mkdir(parents=True, exist_ok=True)
    for mark, width, dark in (("light", 1000, False), ("dark", 1000, True), ("phone", 390, False), ("phone-dark", 390, True)):
        tab.open(files[name], width, dark=dark)
        tab.screenshot(SHOTS / f"{name}-{mark}.png")
        assert (SHOTS / f"{name}-{mark}.png").stat().st_size > 10_000
    tab.open(files[name], 1000)
    tab.pdf(SHOTS / f"{name}.pdf")
    assert Outline(files[name].read_text(encoding="utf-8")).tags
