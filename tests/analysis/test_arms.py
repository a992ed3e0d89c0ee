"""Several arms: every comparison is that of its two arms alone, from one set of scans, corrected over arms, guardrails per arm."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest

import honestlift as hl
from honestlift.errors import DataError, DesignError, PlanError
from honestlift.inference.multiplicity import holm
from honestlift.moments import scan
from honestlift.plan.read import read_plan
from honestlift.plan.write import plan_text
from honestlift.report.decision import gate
from honestlift.report.html import write_report

ARMS = hl.Treatment(column="arm", control="off", treated=("short", "long"))
DESIGN = hl.ClusterDesign(unit="user", cluster="workspace", treatment=ARMS)
PAIRS = {"short − off": ("short", "off"), "long − off": ("long", "off"), "long − short": ("long", "short")}


def rows(short: float = 0.0, long: float = 0.0, *, seed: int = 2, each: int = 12) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    workspace = np.repeat(np.arange(3 * each + 2), 30)
    names = [*rng.permutation(np.repeat(["off", "short", "long"], each)), "pilot", "pilot"]
    arm = np.array(names)[workspace]
    base = rng.normal(0, 0.3, workspace.max() + 1)[workspace] + rng.normal(size=workspace.size)
    return pd.DataFrame(
        {
            "user": np.arange(workspace.size),
            "workspace": workspace,
            "arm": arm,
            "y": 5 + base + short * (arm == "short") + long * (arm == "long"),
            "cost": rng.normal(10, 1, workspace.size) + 5 * (arm == "long"),
            "tasks": rng.poisson(4, workspace.size) + 1,
            "before": 5 + base + rng.normal(size=workspace.size),
            "tier": rng.choice(["a", "b"], workspace.size),
        }
    )


def two(treated: str, control: str, **more: object) -> hl.ClusterDesign:
    arms = hl.Treatment(column="arm", control=control, treated=treated)
    return hl.ClusterDesign(unit="user", cluster="workspace", treatment=arms, **more)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    "metric",
    [hl.Mean("y", pre="before"), hl.Ratio("y", "tasks"), hl.Quantile("y", 0.5), hl.Mean("y", pre="before", winsorize=0.9)],
    ids=["mean", "ratio", "quantile", "winsorized"],
)
def test_every_comparison_is_that_of_its_two_arms_alone(metric: hl.Mean) -> None:
    users = rows(0.3, 0.5)
    users.loc[3, "y"] = np.nan
    lift = hl.analyze(users, DESIGN, metric, covariates="tier", bootstrap=0)
    for name, (treated, control) in PAIRS.items():
        label = metric.label if name == "short − off" else f"{metric.label} [{name}]"
        asked = metric
        if isinstance(metric, hl.Mean) and metric.winsorize:  # the cap is that over all arms
            cap = lift.tables["winsorized"].rows[0][4]
            users["before"] = users["before"].clip(upper=cap)
            asked = hl.Mean("y", pre="before", winsorize=hl.Winsorize(above=cap))
        alone = hl.analyze(users, two(treated, control), asked, covariates="tier", bootstrap=0)
        found, expected = lift.headline(label), alone.headline()
        assert found.contrast == name
        for part in ("estimate", "std_error", "df", "p_value", "conf_low", "conf_high"):
            assert getattr(found, part) == pytest.approx(getattr(expected, part), rel=1e-7, abs=1e-12)
        assert (found.n_units, found.n_clusters) == (expected.n_units, expected.n_clusters)
        assert {e.method for e in alone.estimates} == {e.method for e in lift.estimates if e.metric == label}


def test_one_set_of_scans_serves_all_arms(monkeypatch: pytest.MonkeyPatch) -> None:
    counted: list[int] = []
    collect = scan.collect
    monkeypatch.setattr(scan, "collect", lambda frame: counted.append(1) or collect(frame))
    hl.analyze(rows(), two("short", "off"), "y", bootstrap=0)
    with_two = len(counted)
    counted.clear()
    hl.analyze(rows(), DESIGN, "y", bootstrap=0)
    assert len(counted) == with_two


def test_the_verdict_is_about_the_first_and_the_correction_is_over_arms_and_metrics() -> None:
    metrics = [hl.Mean("y"), hl.Mean("tasks"), hl.Mean("cost", name="Cost", better="lower", role="guardrail", margin=0.02)]
    lift = hl.analyze(rows(0.8, 0.0), DESIGN, metrics, bootstrap=0)
    assert lift.verdict.level == "supported"
    assert lift.headline().metric == "y"
    told = " ".join(lift.verdict.because)
    assert "Of several arms the verdict is about short − off." in told
    assert "Guardrail Cost [long − off] is breached." in told
    table = pd.DataFrame(lift.tables["multiplicity"].rows, columns=lift.tables["multiplicity"].columns)
    family = table[table["role"] == "primary"]
    assert family["metric"].tolist() == ["y", "y [long − off]"]
    assert table[table["role"] == "secondary"]["metric"].tolist() == ["tasks", "tasks [long − off]"]
    assert set(table[table["role"] == "pairwise"]["metric"]) == {f"{m} [long − short]" for m in ("y", "tasks", "Cost")}
    assert family["holm"].tolist() == pytest.approx(holm(family["p_value"].tolist()))
    states = {row[0]: row[4] for row in lift.tables["metrics"].rows}
    assert (states["Cost [long − off]"], states["Cost [long − short]"]) == ("is breached", None)
    assert states["Cost"] != "is breached"
    found = gate(lift)
    assert found.code == 1
    assert "Guardrail: Cost [long − off]" in [c.name for c in found.cases if c.outcome == "fail"]
    assert lift.population["named_arms"] == {a: {"users": 360, "clusters": 12} for a in ("off", "short", "long")}
    assert lift.data["dropped"] == {"arm is pilot": 60}


def test_what_is_wrong_with_another_arm_is_said_of_it_alone() -> None:
    users = rows(0.8, 0.0)
    lost = (users["arm"] == "long") & (users["user"] % 2 == 0)
    users.loc[lost, "y"] = np.nan
    lift = hl.analyze(users, DESIGN, "y", bootstrap=0)
    assert lift.check("missing_outcome").level == "ok"
    assert lift.check("missing_outcome:long − off").metric == "y [long − off]"
    assert lift.check("missing_outcome:long − off").level == "stop"
    assert lift.verdict.level != "not trustworthy"
    few = rows(0.8, 0.0)
    kept = few[few["arm"] == "long"]["workspace"].unique()[:2]
    few = few[(few["arm"] != "long") | few["workspace"].isin(kept)]
    lift = hl.analyze(few, DESIGN, "y", bootstrap=0)
    assert lift.check("few_clusters").level != "stop"
    assert lift.check("few_clusters:long − off").level == "stop"


def test_the_same_bytes_in_any_order_and_the_result_reads_back(tmp_path: Path) -> None:
    users = rows(0.4, 0.2)
    found = [
        hl.analyze(frame, DESIGN, ["y", "tasks"], segments="tier", bootstrap=50, seed=3)
        for frame in (users, pl.from_pandas(users.sample(frac=1, random_state=1)))
    ]
    assert found[0].to_dict()["estimates"] == found[1].to_dict()["estimates"]
    again = hl.Lift.from_dict(found[0].to_dict())
    assert again.headline("y [long − off]").contrast == "long − off"
    assert "contrast" in found[0].to_arrow().column_names
    write_report(again, tmp_path / "r.html")
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "short − off, of 3 arms" in page
    assert "y [long − short]" in page
    assert "y [long − off]" in str(again)


def test_the_record_of_several_arms_is_followed() -> None:
    users = rows()
    users = users[users["arm"] != "pilot"]
    names = [str(w) for w in sorted(users["workspace"].unique())]
    record = hl.assign(names, hl.Rule(arms={"off": 1, "short": 1, "long": 1}), seed=7)
    users["arm"] = [record.assigned[str(w)] for w in users["workspace"]]
    design = hl.ClusterDesign(unit="user", cluster="workspace", treatment=ARMS, assignment=record)
    lift = hl.analyze(users, design, "y", bootstrap=0)
    assert lift.check("assignment_followed").level == "ok"
    assert lift.check("sample_ratio").level == "ok"
    moved = users.assign(arm=users["arm"].where(users["workspace"] != users[users["arm"] == "long"]["workspace"].iloc[0], "off"))
    lift = hl.analyze(moved, design, "y", bootstrap=0)
    assert lift.check("assignment_followed").level == "stop"


def test_hostile_names_of_arms_and_use_between_treated_arms() -> None:
    names = {"off": "<b>", "short": "x'; drop", "long": "\x1b[2J", "pilot": "pilot"}
    users = rows().assign(arm=lambda f: f["arm"].map(names), use=lambda f: f["arm"].isin(["x'; drop", "\x1b[2J"]).astype(int))
    arms = hl.Treatment(column="arm", control="<b>", treated=("x'; drop", "\x1b[2J"))
    design = hl.ClusterDesign(unit="user", cluster="workspace", treatment=arms, uptake="use")
    lift = hl.analyze(users, design, "y", bootstrap=0)
    assert lift.headline().contrast == "x'; drop − <b>"
    assert "\x1b" not in str(lift)
    assert not any("\x1b" in c.code for c in lift.checks)
    assert not any(c.code.startswith("use_in_control:") for c in lift.checks)


def test_what_is_refused() -> None:
    for treated in ((), ("on", "on"), ("on", "off"), (1, "1")):
        with pytest.raises(DesignError):
            hl.Treatment(column="arm", control="off", treated=treated)
    assert hl.Treatment(column="arm", control=0, treated=[1]).treated == 1  # pyright: ignore[reportArgumentType]
    with pytest.raises(DesignError, match="several arms are those of cluster studies"):
        hl.OptInDesign(unit="user", treatment=ARMS)
    users = rows()
    three = hl.Treatment(column="arm", control="off", treated=("short", "medium"))
    with pytest.raises(DataError, match="'medium'"):
        hl.analyze(users, hl.ClusterDesign(unit="user", cluster="workspace", treatment=three), "y", bootstrap=0)
    users.loc[users["user"] < 5, "arm"] = "long" if users["arm"][0] == "short" else "short"
    with pytest.raises(DataError, match="workspace"):
        hl.analyze(users, DESIGN, "y", bootstrap=0)


def test_a_plan_names_several(tmp_path: Path) -> None:
    plan = """\
data: users.parquet
unit: user
design: {kind: cluster, cluster: workspace, treatment: {column: arm, control: "off", treated: [short, long]}}
metrics: [y]
"""
    (tmp_path / "plan.yaml").write_text(plan, encoding="utf-8")
    read = read_plan(tmp_path / "plan.yaml")
    assert read.study.design == DESIGN
    (tmp_path / "again.yaml").write_text(plan_text(read.study, read.data, tmp_path), encoding="utf-8")
    assert read_plan(tmp_path / "again.yaml").study == read.study
    for wrong in ("[]", '["off", short]', "[short, short]", "[[short]]"):
        (tmp_path / "plan.yaml").write_text(plan.replace("[short, long]", wrong), encoding="utf-8")
        with pytest.raises(PlanError, match="treat"):
            read_plan(tmp_path / "plan.yaml")
