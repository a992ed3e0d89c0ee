"""power and design from the command line: numbers, data, plans, graphs, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from email_graph import FOLDER

NUMBERS = ("--clusters", 50, "--size", 1000, "--icc", 0.5, "--sd", 0.4243)


def test_power_from_numbers(cli):
    ended = cli("power", *NUMBERS, "--effect", 0.2, "--spillover", 0.2, "-q")
    assert ended.code == 0
    assert "64 of 100 launches; 74 workspaces are needed" in " ".join(ended.out.replace("│", "").split())
    assert "Spillover, closed form" in ended.out
    assert ended.err == ""


def test_json_is_the_proposal(cli):
    made = json.loads(cli("power", *NUMBERS, "--json").out)
    assert made["schema_version"] == 1
    assert made["recommendation"]["level"] == "open"
    assert set(made) == {
        *("schema_version", "honestlift_version", "name", "kind", "question", "inputs", "rows", "checks"),
        *("recommendation", "tables", "provenance"),
    }


def test_power_of_users_who_choose(cli):
    ended = cli("power", "--users", 50_000, "--adoption", 0.05, "--effect", 0.05, "-q")
    assert ended.code == 0
    assert "those who opted in" in ended.out
    assert cli("power", "--users", 50_000).code == 2
    assert cli("power", "x.parquet", "--users", 100, "--adoption", 0.1).code == 2


@pytest.fixture
def before(cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    assert (
        cli(
            "simulate", "cluster", "--clusters", 30, "--users", 3000, "--effect", 0, "--before-r2", 0.6, "--out", "before.parquet"
        ).code
        == 0
    )
    return tmp_path


def test_design_from_data_and_again_from_its_json(cli, before: Path):
    asked = ("design", "before.parquet", "-c", "workspace_id", "-m", "minutes_before", "-u", "user_id", "--relative", 0.05)
    ended = cli(*asked, "--name", "Notes", "--question", "Do notes help?", "--out", "p/design.json", "-q")
    assert ended.code == 0
    page = (before / "p" / "design.html").read_text(encoding="utf-8")
    assert "Do notes help?" in page
    assert cli("design", "--from", "p/design.json", "--out", "p/again.json", "-q").code == 0
    assert (before / "p" / "again.html").read_text(encoding="utf-8") == page
    assert (before / "p" / "again.json").read_bytes() == (before / "p" / "design.json").read_bytes()
    assert json.loads(cli(*asked, "--json", "-q").out)["inputs"]["clusters"] == 30


def test_a_plan_is_read_for_its_measure_before(cli, before: Path):
    plan = (
        "name: Notes\ndata: before.parquet\nunit: user_id\ndesign: {kind: cluster, cluster: workspace_id, treatment: treated}\n"
    )
    plan += "metrics: [{column: session_minutes, pre: minutes_before}]\n"
    (before / "plan.yaml").write_text(plan, encoding="utf-8")
    made = json.loads(cli("power", "plan.yaml", "--json", "-q").out)
    assert (made["name"], made["inputs"]["metric"], made["inputs"]["covariates"]) == ("Notes", "minutes_before", 0)
    made = json.loads(cli("power", "plan.yaml", "-m", "session_minutes", "--covariate", "minutes_before", "--json", "-q").out)
    assert made["inputs"]["r2_between"] > 0.15


@pytest.mark.usefixtures("before")
def test_an_assumed_covariate_and_other_numbers_of_workspaces(cli):
    asked = ("power", "before.parquet", "-c", "workspace_id", "-m", "minutes_before", "--json", "-q")
    plain, known, more = (json.loads(cli(*asked, *extra).out) for extra in ((), ("--r2-between", 0.6), ("--clusters", 60)))
    assert known["inputs"]["r2_between"] == 0.6
    assert known["inputs"]["covariates"] == 1
    mde = [next(r["mde"] for r in made["rows"] if r["headline"]) for made in (plain, known, more)]
    assert mde[1] < mde[0]
    assert mde[2] < mde[0]


def test_units_are_compared_on_a_graph(cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    users = (tmp_path / "people.csv").write_text(
        "".join(
            line + (",y\n" if i == 0 else f",{(i * 37) % 11}\n")
            for i, line in enumerate((FOLDER / "departments.csv").read_text().splitlines())
        )
    )
    assert users
    asked = ("power", "people.csv", "-c", "department", "-m", "y", "--edges", FOLDER / "edges.csv", "--no-communities")
    ended = cli(*asked, "-u", "person", "-q")
    assert ended.code == 0
    assert "1,005 single users" in ended.out
    assert "65 %" in ended.out
    assert cli(*asked, "-q").code == 2
    weighted = cli(*asked, "-u", "person", "--edge-source", "nobody", "-q")
    assert weighted.code == 2
    assert "nobody" in weighted.err


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--clusters", 50),
        (*NUMBERS, "--effect", 0),
        (*NUMBERS, "--effect", 1, "--relative", 1),
        (*NUMBERS, "--relative", 0.1),
        (*NUMBERS, "--edges", "x.csv"),
        (*NUMBERS, "--share", 2),
        (*NUMBERS, "--icc", 2),
        ("before.parquet",),
        ("before.parquet", "-c", "workspace_id", "-m", "nothing"),
        ("before.parquet", "-c", "workspace_id", "-m", "minutes_before", "--icc", 0.1),
        ("before.parquet", "-c", "workspace_id", "-m", "session_minutes", "--covariate", "minutes_before", "--r2-between", 0.1),
        ("nowhere.parquet", "-c", "workspace_id", "-m", "minutes_before"),
        ("nowhere.yaml",),
    ],
)
def test_what_cannot_be_planned_is_an_error_of_the_user(cli, before: Path, arguments: tuple[object, ...]):
    ended = cli("power", *arguments, "-q")
    assert ended.code == 2
    assert ended.out == ""
    assert ended.err.strip()
    assert cli("design", *arguments, "-q").code == 2
    assert not (before / "design.json").exists()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema_version": 1}', '{"schema_version": 7}'])
def test_what_is_no_proposal_is_refused(cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "design.json").write_text(text, encoding="utf-8")
    ended = cli("design", "--from", "design.json", "--out", "other.json", "-q")
    assert ended.code == 2
    assert "design.json" in ended.err
    assert cli("design", "--from", "design.json", "-q").code == 2  # would replace what is read


@pytest.mark.usefixtures("before")
def test_a_simulated_study_follows_its_record(cli):
    assert cli("assign", "before.parquet", "-c", "workspace_id", "--seed", 3).code == 0
    world = ("simulate", "cluster", "--clusters", 30, "--users", 3000, "--before-r2", 0.6)
    assert cli(*world, "--assignment", "assignment.json", "--out", "after.parquet").code == 0
    import pandas as pd

    arms = pd.read_parquet("after.parquet").groupby("workspace_id").treated.first()
    assigned = json.loads(Path("assignment.json").read_text())["assigned"]
    assert {str(w): ("treated" if on else "control") for w, on in arms.items()} == assigned
    same = pd.read_parquet("before.parquet").minutes_before.equals(pd.read_parquet("after.parquet").minutes_before)
    assert same
    assert cli(*world[:2], "--clusters", 20, "--users", 2000, "--assignment", "assignment.json").code == 2
    assert cli("simulate", "published", "--assignment", "assignment.json").code == 2
    assert cli(*world, "--assignment", "nowhere.json").code == 2
