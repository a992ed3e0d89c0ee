"""gate: each exit code, for both kinds of study, from rows to result to gate; and what is said on which stream."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

CLUSTER = {"kind": "cluster", "cluster": "ws", "treatment": "d"}
OPT_IN = {"kind": "opt_in", "treatment": "d", "estimands": ["ATE"]}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Rows in which y rises, flat does not move, cost rises by 10 %, and leaky is missing in the treated arm."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    ws = np.repeat(np.arange(40), 30)
    d, x, noise = ws % 2, rng.integers(0, 2, ws.size), rng.normal(0, 1, ws.size)
    leaky = np.where((d == 1) & (rng.random(ws.size) < 0.4), np.nan, 5 + noise)
    frame = pd.DataFrame({"user": np.arange(ws.size), "ws": ws, "d": d, "x": x, "y": 5 + d + noise + 0.1 * x})
    flat = 5 + rng.normal(0, 1, ws.size)
    flat -= d * (flat[d == 1].mean() - flat[d == 0].mean())
    frame = frame.assign(flat=flat, cost=10 + d + 0.1 * noise, leaky=leaky)
    frame.to_csv("rows.csv", index=False)
    return tmp_path


def run(cli, design: dict[str, object], metrics: list[object], name: str = "result.json") -> None:
    plan = {"data": "rows.csv", "unit": "user", "design": design, "metrics": metrics, "covariates": ["x"], "bootstrap": 0}
    Path("plan.yaml").write_text(yaml.safe_dump(plan), encoding="utf-8")
    ended = cli("run", "--quiet", "--out", name)
    assert ended.code == 0, ended.err


GUARD = {"column": "cost", "better": "lower", "role": "guardrail"}
ENDS = [
    ([{"column": "y"}], 0, "Passed"),
    ([{"column": "y", "better": "lower"}], 1, "Harmful"),
    ([{"column": "leaky"}], 1, "Not trustworthy"),
    ([{"column": "y"}, {**GUARD, "margin": 0.05}], 1, "cost is breached"),
    ([{"column": "y"}, {**GUARD, "margin": 0.2}], 0, "cost holds"),
    ([{"column": "y"}, {"column": "leaky", "role": "guardrail", "margin": 0.2}], 1, "leaky is not trustworthy"),
    ([{"column": "flat"}], 3, "We cannot tell"),
    ([{"column": "y"}, {"column": "flat", "role": "guardrail", "margin": 0.01}], 3, "flat is unsettled"),
]


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("design", [CLUSTER, OPT_IN], ids=["cluster", "opt_in"])
@pytest.mark.parametrize(("metrics", "code", "why"), ENDS)
def test_each_end_has_its_code_and_its_words(cli, design: dict[str, object], metrics: list[object], code: int, why: str):
    run(cli, design, metrics)
    ended = cli("gate")
    assert ended.code == code, ended.out
    assert why in ended.out
    assert ended.err == ""


@pytest.mark.usefixtures("folder")
def test_what_cannot_be_judged_exits_2_and_leaves_no_xml(cli):
    Path("bad.json").write_text('{"schema_version": 1}', encoding="utf-8")
    run(cli, CLUSTER, [{"column": "y"}])
    older = json.loads(Path("result.json").read_text(encoding="utf-8"))
    del older["tables"]["metrics"]
    Path("older.json").write_text(json.dumps(older), encoding="utf-8")
    for name, why in (
        ("bad.json", "no result"),
        ("nope.json", "There is no result"),
        ("older.json", "guardrails"),
        (".", "directory"),
    ):
        ended = cli("gate", "result.json", name, "--junit", "gate.xml")
        assert (ended.code, ended.out) == (2, "")
        assert why in ended.err
    assert not Path("gate.xml").exists()
    assert cli("gate", "result.json", "--junit", "plan.yaml/gate.xml").code == 2


@pytest.mark.usefixtures("folder")
def test_several_results_in_one_file_of_xml(cli):
    run(cli, CLUSTER, [{"column": "y"}], "a.json")
    run(cli, OPT_IN, [{"column": "flat"}], "b.json")
    ended = cli("gate", "a.json", "b.json", "--junit", "out/gate.xml")
    assert ended.code == 3
    suites = ET.parse("out/gate.xml").getroot()
    assert [s.get("errors") for s in suites] == ["0", "1"]
    assert [s.get("failures") for s in suites] == ["0", "0"]


@pytest.mark.usefixtures("folder")
def test_json_is_on_stdout_and_the_message_on_stderr(cli):
    run(cli, CLUSTER, [{"column": "flat"}])
    ended = cli("gate", "--json")
    values = json.loads(ended.out)
    assert (ended.code, values["exit_code"], values["results"][0]["exit_code"]) == (3, 3, 3)
    assert values["results"][0]["verdict"] == "inconclusive"
    assert {"group", "name", "outcome", "statement", "remedy"} == set(values["results"][0]["cases"][0])
    assert ended.err == "Not settled: the data cannot tell.\n"
