"""The page: its sections, that it asks for nothing and runs nothing, and that no name can break it."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import pytest

import honestlift as hl
from honestlift.errors import ReportError
from honestlift.report import words
from honestlift.report.html import report_html
from honestlift.report.method import formal
from pages import HOSTILE, WORLDS, Outline, exposed, failing, hostile, many, plain, stopped, with_attributes
from studies import answer, frame

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
LIMIT = 1_500_000  # bytes; the specification's bound
OURS = set(
    re.findall(
        r"\w+",
        "html head meta link title style body header ul li h1 section span p dl dt dd h2 h3 nav a main div table caption thead tbody "
        "tfoot tr th td i details summary figure figcaption strong picture source img code pre footer bdi",
    )
)


@pytest.fixture(scope="module", params=sorted(WORLDS))
def page(request: pytest.FixtureRequest) -> str:
    return report_html(WORLDS[request.param]())


def sections(text: str) -> list[str]:
    return [a["id"] for a in with_attributes("section", Outline(text))]


def test_sections_in_order_with_exposure_and_guardrail():
    order = ["verdict", "results", "guardrails", "checks", "spillover", "leakage", "workspaces"]
    order += ["roads", "placebo", "method", "reproduce"]
    assert sections(report_html(exposed())) == order
    assert Outline(report_html(exposed())).words().count("Spillover: whom the treatment of others reached") == 1


def test_a_section_without_numbers_is_left_out():
    lift = plain()
    assert sections(report_html(lift)) == [
        "verdict",
        "results",
        "checks",
        "spillover",
        "leakage",
        "workspaces",
        "roads",
        "placebo",
        "method",
        "reproduce",
    ]
    text = Outline(report_html(lift)).words()
    assert "Outcome by arm" in text
    assert "Exposed control" not in text
    bare = replace(lift, tables={"metrics": lift.tables["metrics"]}, ledger=())
    assert sections(report_html(bare)) == ["verdict", "results", "checks", "roads", "method", "reproduce"]
    assert "What the number rests on" not in report_html(bare)


def test_every_link_leads_somewhere(page: str):
    outline = Outline(page)
    ids = outline.attributes("id")
    assert len(ids) == len(set(ids))
    links = outline.attributes("href", "a")
    assert links
    assert {link.removeprefix("#") for link in links} <= set(ids)
    assert set(outline.attributes("aria-labelledby")) <= set(ids)


def test_page_asks_for_nothing_and_runs_nothing(page: str):
    outline = Outline(page)
    policies = [a["content"] for a in with_attributes("meta", outline) if a.get("http-equiv") == "Content-Security-Policy"]
    assert policies == [POLICY]
    assert not re.search(r"https?:|url\(|@import|javascript:", page)
    fetched = outline.attributes("src") + outline.attributes("srcset") + outline.attributes("href", "link")
    assert all(value.startswith("data:") for value in fetched)
    assert {tag for tag, _ in outline.tags} <= OURS
    assert not any(name.startswith("on") for _, attrs in outline.tags for name in attrs)


def test_figures_are_pictures_of_their_own(page: str):
    for value in Outline(page).attributes("src", "img") + Outline(page).attributes("srcset"):
        kind, _, data = value.partition(";base64,")
        assert kind == "data:image/svg+xml"
        root = ET.fromstring(base64.b64decode(data))
        tags = {element.tag.rpartition("}")[2] for element in root.iter()}
        known = {"svg", "defs", "style", "g", "path", "use", "text", "clipPath", "rect", "tspan", "polyline", "pattern"}
        assert tags <= known
        links = [v for element in root.iter() for k, v in element.attrib.items() if k.endswith("href")]
        assert all(link.startswith("#") for link in links)


def test_each_figure_has_words_a_table_and_four_drawings(page: str):
    outline = Outline(page)
    figures = len(with_attributes("figure", outline))
    assert figures in (3, 4, 5, 6)  # an opt-in study without categories has four, a collaboration graph adds two
    alts = outline.attributes("alt", "img")
    assert len(alts) == figures
    assert all(len(alt) > 40 for alt in alts)
    assert len(with_attributes("figcaption", outline)) == figures
    assert page.count('<details class="twin">') == figures
    assert len(outline.attributes("srcset")) == 3 * figures


def test_hostile_names_are_text():
    lift = hostile()
    outline = Outline(report_html(lift))
    text = outline.words()
    for name in HOSTILE:
        assert words.clean(name) in text
    assert words.clean(lift.name) in text
    assert "\u202e" not in text
    isolated = re.findall(r"<bdi>(.*?)</bdi>", report_html(lift))
    assert any("זמן" in name for name in isolated)


def test_right_to_left_names_are_set_apart_in_sentences():
    lift = hostile()
    sentence = f"{HOSTILE[1]}: +0.67 (95 % interval)"
    lift = replace(lift, verdict=replace(lift.verdict, because=(sentence,)))
    assert f"<li><bdi>{HOSTILE[1]}</bdi>: +0.67 (95\N{NO-BREAK SPACE}% interval)</li>" in report_html(lift)


@pytest.mark.parametrize("world", ["exposed", "hostile", "opted", "opted_hostile"])
def test_rebuilt_from_json_byte_for_byte(world: str, tmp_path: Path):
    lift = WORLDS[world]()
    (tmp_path / "result.json").write_text(lift.to_json(), encoding="utf-8")
    code = "from honestlift.cli import main; main()"
    for seed in ("0", "1"):  # another process, another order of hashes
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        done = subprocess.run(
            [sys.executable, "-c", code, "report", str(tmp_path / "result.json"), "-q"],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert (tmp_path / "report.html").read_bytes() == report_html(lift).encode()


def test_size_limit(page: str):
    assert len(page.encode()) < LIMIT


def test_checks_worst_first_with_what_to_do():
    lift = failing()
    text = report_html(lift)
    assert '<details class="passed' not in text
    cards = re.findall(r'<div class="card check (\w+)">', text)
    assert cards == ["fail"] * cards.count("fail") + ["warn"] * cards.count("warn")
    assert len(cards) == len(lift.checks) > 5
    seen = Outline(text).words()
    places = [seen.index(check.remedy) for check in lift.checks]
    assert places == sorted(places)
    assert "Not trustworthy" in seen


def test_passed_checks_are_folded_and_counted():
    lift = plain()
    text = report_html(lift)
    assert all(check.level == "ok" for check in lift.checks)
    assert 'class="card check' not in text
    assert f"{len(lift.checks)} passed." in Outline(text).words()


def test_a_stop_takes_the_verdict_and_the_promise_of_the_interval():
    seen = Outline(report_html(stopped())).words()
    assert "✗ Not trustworthy" in seen
    assert "what lies outside is ruled out" not in seen
    assert "what lies outside is ruled out" in Outline(report_html(plain())).words()


def test_one_number_to_quote_per_metric():
    lift = many()
    text = report_html(lift)
    assert text.split('<section id="roads"')[0].count('<tr class="headline"') == 40
    for e in (e for e in lift.estimates if e.headline and not e.metric.startswith("Guardrail")):
        places = words.places_of(e.conf_low, e.conf_high)
        assert f'<td class="num" role="cell">{words.interval(e.conf_low, e.conf_high, places)}</td>' in text


def test_guardrails_say_their_margin_and_state():
    block = report_html(exposed()).split('<section id="guardrails"')[1].split("</section>")[0]
    seen = Outline(block).words()
    assert "Latency" in seen
    assert "✓ holds" in seen
    assert "lower is better · margin 5.0 %" in seen
    assert 'class="margin"' in block
    assert "Session minutes" not in seen


@pytest.mark.parametrize(("effect", "state"), [(-5.0, "holds"), (30.0, "breached"), (1.5, "unsettled")])
def test_guardrail_states(effect: float, state: str):
    data = frame(20, 20, seed=3)
    data["latency"] = 100 + 0 * data["minutes"] + (data["minutes"] - data["minutes"].mean()) + effect * data["treated"]
    metric = hl.Mean("latency", role="guardrail", better="lower", margin=0.02)
    block = report_html(answer(data, [hl.Mean("minutes"), metric])).split('<section id="guardrails"')[1]
    assert f"</span> {state}</span>" in block


def test_groups_under_ten_users_are_not_told():
    data = frame(24, [3 if i in (4, 5) else 20 for i in range(24)], seed=2)
    data["workspace"] = [f"tiny-{w}" if w in (4, 5) else f"team-{w}" for w in data["workspace"]]
    lift = answer(data)
    lift = replace(lift, checks=tuple(c for c in lift.checks if c.code != "cluster_leverage"))
    seen = Outline(report_html(lift)).words()
    assert "team-7" in seen
    assert "tiny-" not in seen
    assert "from fewer than 10 to 20 users" in seen


def test_words_that_are_never_used(page: str):
    assert not re.search(r"trending|almost significant|\bprove[sd]?\b|marginally", Outline(page).words(), re.IGNORECASE)


def test_every_method_of_the_result_is_explained():
    lift = exposed()
    codes = {e.method for e in lift.estimates}
    explained = {entry.code for entry in formal(lift)}
    assert {code.partition(":")[0] for code in codes} <= explained
    assert {":" + code.partition(":")[2] for code in codes if ":" in code} <= explained
    assert ":bootstrap" not in {entry.code for entry in formal(plain())}


def test_an_interval_without_an_end_is_no_missing_interval():
    lift = plain()
    estimates = tuple(replace(e, conf_low=None) if e.method == "cluster_means" else e for e in lift.estimates)
    text = report_html(replace(lift, estimates=estimates))
    e = lift.find("cluster_means")
    assert f">– to {words.signed(e.conf_high, 2)}</td>" in text


def test_numbers_bear_a_real_minus(page: str):
    assert not re.search(r"(?<![\w.:+−–-])-\d", Outline(page).words().split("Reproduce")[1].split("sha256")[0])
    assert not re.search(r"[( ]-\d", Outline(page).words().split("sha256")[0])


def test_a_study_of_an_unknown_kind_has_no_page():
    with pytest.raises(ReportError, match=r"'switchback'\. Expected 'cluster' or 'opt_in'"):
        report_html(replace(plain(), kind="switchback"))


def test_write_report_replaces_whole_files_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "new" / "report.html"
    hl.write_report(plain(), path)
    before = path.read_bytes()
    assert before == report_html(plain()).encode()

    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(ReportError, match="No space left"):
        hl.write_report(exposed(), path)
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == ["report.html"]


def test_write_report_where_no_folder_can_be(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ReportError, match="cannot be written"):
        hl.write_report(plain(), tmp_path / "file" / "report.html")


def test_matplotlib_waits_until_a_page_is_made():
    code = "import sys, honestlift.cli; print([m for m in ('matplotlib', 'jinja2') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_an_older_result_without_roles_has_a_page():
    lift = plain()
    tables = {name: table for name, table in lift.tables.items() if name != "metrics"}
    old = hl.Lift.from_dict(json.loads(replace(lift, tables=tables).to_json()))
    assert sections(report_html(old))[:2] == ["verdict", "results"]


def test_assumptions_stand_worst_first_with_how_each_was_tested():
    text = Outline(report_html(exposed())).words()
    part = text[text.index("What the number rests on") :]
    assert "The number rests on 9 assumptions: 1 violated, 4 untested, 4 hold." in part
    said = [
        part.index(a.assumption)
        for a in sorted(exposed().ledger, key=lambda a: ["violated", "questioned", "untested", "holds"].index(a.status))
    ]
    assert said == sorted(said)
    assert "Tested by exposure is randomized. Concerns the direct effect and spillover, not the headline." in part
    assert "Tested by enough workspaces, leverage of a workspace, methods agree and placebo lab." in part
