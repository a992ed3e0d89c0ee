"""An opt-in study from rows to a Lift: the published numbers, the same bytes by any road, and what each bad input is told."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import honestlift as hl
from honestlift.errors import DataError
from honestlift.plan import DataPath, plan_text, read_plan
from honestlift.simulate import OptInWorld, published
from optin_data import fixtures

TABLE = published().table
AGENT = hl.OptInDesign(unit="user_id", treatment="opt_in_agent_mode")
COVARIATES = ["engagement_tier", "query_confidence"]


def lift(data: Any = TABLE, design: hl.OptInDesign = AGENT, **options: Any) -> hl.Lift:
    options = {"metrics": [hl.Mean("task_completed")], "covariates": COVARIATES, "seed": 7} | options
    return hl.analyze(data, design, **options)


def same_bytes(one: hl.Lift, other: hl.Lift) -> bool:
    texts = []
    for made in (one, other):
        values = made.to_dict()
        values["provenance"] = {**values["provenance"], "started": None, "seconds": None}
        texts.append(json.dumps(values))
    return texts[0] == texts[1]


@pytest.fixture(scope="module")
def whole() -> hl.Lift:
    return lift()


def test_every_road_to_the_published_number(whole: hl.Lift) -> None:
    """Maximum likelihood: ATE .08480, ATT .07667 (oracle file); naive .2106; AIPW and regression .0847; matching ATT .0797047."""
    told = fixtures()
    for estimand in ("ATE", "ATT", "ATO"):
        answer = told[f"llm.hajek.{estimand}"]["values"]
        made = whole.find("ipw", estimand)
        assert [made.estimate, made.std_error] == pytest.approx([answer["est"], answer["se"]], rel=1e-7)
        assert whole.find("naive", estimand).estimate == pytest.approx(told["llm.naive"]["values"]["naive"], rel=1e-9)
    assert round(whole.find("aipw", "ATE").estimate, 4) == round(whole.find("regression", "ATE").estimate, 4) == 0.0847
    assert whole.find("matching_nn", "ATT").estimate == pytest.approx(0.0797047, abs=1e-7)
    assert whole.find("matching_nn", "ATT").std_error == pytest.approx(0.00622395, abs=1e-8)
    assert whole.find("entropy", "ATT").estimate == pytest.approx(told["llm.ebal_ATT"]["values"]["est"], rel=1e-5)


def test_the_l2_plan_gives_the_published_digits() -> None:
    made = lift(propensity=hl.Propensity(penalty="l2"))
    ate, att = made.find("ipw", "ATE"), made.find("ipw", "ATT")
    assert [round(ate.estimate, 4), round(att.estimate, 4)] == [0.0851, 0.0770]
    for method, estimand, ends in (
        ("ipw", "ATE", [0.0745, 0.0954]),
        ("ipw", "ATT", [0.0687, 0.0865]),
        ("aipw", "ATE", [0.0744, 0.0952]),
    ):
        drawn = made.find(f"{method}:bootstrap", estimand)
        assert [drawn.conf_low, drawn.conf_high] == pytest.approx(ends, abs=0.003)
    rows = {r[1]: r for r in made.tables["balance"].rows if r[0] == "ATE"}
    smds = [rows[c][i] for c in ("engagement_tier = heavy", "query_confidence") for i in (3, 4)]
    assert [round(v, 3) for v in smds] == [0.742, 0.002, -0.032, -0.003]
    assert round(made.check("separation").evidence["auc"], 3) == 0.744
    rates = {r[1]: round(r[4], 3) for r in made.tables["categories"].rows}
    assert rates == {"heavy": 0.647, "light": 0.120, "medium": 0.353}


def test_the_verdict_says_whose_effect_and_that_nobody_randomized(whole: hl.Lift) -> None:
    headline = whole.headline()
    assert (headline.method, headline.estimand, headline.identified) == ("aipw", "ATE", "observational")
    assert [e for e in whole.estimates if e.headline] == [headline]
    assert headline.scale == "risk difference"
    assert "observational" in whole.verdict.headline
    assert whole.verdict.level == "likely, with caveats"
    assert "+12.6 of these are who they are (selection)" in whole.verdict.because[0]
    assert "0.43 times as strong as engagement_tier" in whole.verdict.because[1]
    text = str(whole)
    assert "observational" in text
    assert "13,451 of them opted in" in text


def test_sensitivity_stands_in_the_tables(whole: hl.Lift) -> None:
    rows = [r for r in whole.tables["sensitivity_benchmarks"].rows if r[1] == "engagement_tier" and r[2] == 1.0]
    assert rows[0][5] == pytest.approx(-0.127, abs=0.0005)
    summary = dict(zip(whole.tables["sensitivity"].columns, whole.tables["sensitivity"].rows[0], strict=True))
    assert round(summary["robustness_value"], 3) == 0.067
    assert whole.check("fragile").level == "caution"


def test_a_plan_a_file_and_a_call_give_the_same_object(whole: hl.Lift, tmp_path) -> None:
    pq.write_table(TABLE, tmp_path / "users.parquet")
    study = hl.OptInStudy(design=AGENT, metrics=(hl.Mean("task_completed"),), covariates=tuple(COVARIATES), seed=7)
    (tmp_path / "plan.yaml").write_text(
        plan_text(study, DataPath(path=str(tmp_path / "users.parquet")), tmp_path), encoding="utf-8"
    )
    plan = read_plan(tmp_path / "plan.yaml")
    assert same_bytes(hl.run(plan.data.path, plan.study), whole)
    assert hl.Lift.from_dict(json.loads(whole.to_json())).to_json() == whole.to_json()


def test_row_order_threads_and_frames_do_not_touch_a_byte(whole: hl.Lift, tmp_path) -> None:
    import polars as pl

    shuffled = TABLE.take(pa.array(np.random.default_rng(0).permutation(TABLE.num_rows)))
    pq.write_table(shuffled, tmp_path / "users.parquet", row_group_size=7_000)
    for data in (pl.from_arrow(shuffled), shuffled.to_pandas(), hl.connect(tmp_path / "users.parquet", threads=1)):
        assert same_bytes(lift(data), whole)


def test_relabelled_users_change_the_buckets_only(whole: hl.Lift) -> None:
    """Ids are hashed for the bootstrap; nothing else looks at them. Text ids go by another hash."""
    named = TABLE.set_column(0, "user_id", pa.array([f"u{i}" for i in range(TABLE.num_rows)]))
    made = lift(named)
    for e, other in zip(whole.estimates, made.estimates, strict=True):
        if ":" in e.method:
            assert [other.conf_low, other.conf_high] == pytest.approx([e.conf_low, e.conf_high], abs=0.003)
        else:
            assert other.estimate == e.estimate


def test_units_of_a_covariate_do_not_matter(whole: hl.Lift) -> None:
    scaled = TABLE.set_column(
        TABLE.column_names.index("query_confidence"), "query_confidence", pa.array(TABLE["query_confidence"].to_numpy() * 1e6)
    )
    made = lift(scaled, bootstrap=0)
    for e in made.estimates:
        if e.method != "matching_nn":
            assert e.estimate == pytest.approx(whole.find(e.method, e.estimand).estimate, abs=1e-9)


def test_users_nested_in_workspaces_get_the_jackknife_and_t(whole: hl.Lift) -> None:
    made = lift(design=hl.OptInDesign(unit="user_id", treatment="opt_in_agent_mode", cluster="workspace_id"))
    for estimand in ("ATE", "ATT", "ATO"):
        told = fixtures()["llm.cluster"]["values"][estimand]
        robust, default = made.find("ipw:cr1", estimand), made.find("ipw", estimand)
        assert robust.std_error == pytest.approx(told["se_cr"], rel=1e-7)
        assert default.std_error == pytest.approx(told["se_cr"], rel=0.01)
        assert (default.df, default.n_clusters) == (49, 50)
        assert default.estimate == pytest.approx(whole.find("ipw", estimand).estimate, rel=1e-10)
    renamed = TABLE.set_column(1, "workspace_id", pa.array(97 - TABLE["workspace_id"].to_numpy()))
    assert renamed.column_names[1] == TABLE.column_names[1] == "workspace_id"
    again = lift(renamed, hl.OptInDesign(unit="user_id", treatment="opt_in_agent_mode", cluster="workspace_id"))
    for e, other in zip(made.estimates, again.estimates, strict=True):
        assert [other.conf_low, other.conf_high] == pytest.approx([e.conf_low, e.conf_high], abs=1e-12)


def test_trimming_is_labelled_and_shown_with_and_without() -> None:
    made = lift(trim=(0.15, 0.9), bootstrap=0)
    headline = made.headline()
    assert headline.adjustment.endswith("; propensities from 0.15 to 0.9")
    assert headline.n_units == 22_610  # heavy and medium users: 7,429 + 15,181
    rows = {r[0]: r for r in made.tables["trimming"].rows}
    assert rows["all users"][6] == pytest.approx(0.0847132, abs=1e-7)
    assert rows["trimmed"][6] == headline.estimate
    assert rows["trimmed"][3] == pytest.approx(22_610 / 50_000)


def test_missing_covariates_by_the_plans_rule() -> None:
    tier = TABLE["engagement_tier"].to_pylist()
    confidence = TABLE["query_confidence"].to_pylist()
    tier[:30], confidence[20:50] = [None] * 30, [None] * 30
    gaps = TABLE.set_column(TABLE.column_names.index("engagement_tier"), "engagement_tier", pa.array(tier))
    gaps = gaps.set_column(TABLE.column_names.index("query_confidence"), "query_confidence", pa.array(confidence))
    with pytest.raises(DataError, match="30 rows have no value of 'engagement_tier', the covariate"):
        lift(gaps)
    dropped = lift(gaps, missing="drop", bootstrap=0)
    assert dropped.data["dropped"] == {"engagement_tier missing": 30, "query_confidence missing": 20}
    assert dropped.data["n_units"] == 49_950
    kept = lift(gaps, missing="category", bootstrap=0)
    assert kept.data["n_units"] == 50_000
    assert [r[0] for r in kept.tables["drivers"].rows][1:] == [
        "engagement_tier = light",
        "engagement_tier = medium",
        "engagement_tier = missing",
        "query_confidence",
        "query_confidence = missing",
    ]


def test_missing_outcomes_drop_per_metric_and_are_counted_by_arm() -> None:
    values = TABLE["task_completed"].to_pylist()
    treated = np.flatnonzero(TABLE["opt_in_agent_mode"].to_numpy() == 1)[:100]
    for i in treated:
        values[i] = None
    gaps = TABLE.append_column("gappy", pa.array(values))
    made = lift(gaps, metrics=[hl.Mean("task_completed"), hl.Mean("gappy")], bootstrap=0)
    assert made.data["dropped"] == {"gappy missing, opted in": 100}
    assert made.headline("gappy").n_units == 49_900
    assert made.headline("task_completed").n_units == 50_000
    check = made.check("missing_outcome", "gappy")
    assert check.evidence["share_treated"] == pytest.approx(100 / 13_451)
    assert check.level == "caution"


def test_matching_as_the_plan_asks() -> None:
    pairs = lift(matching=hl.Matching(replacement=False, caliper=0.01), bootstrap=0)
    row = next(r for r in pairs.tables["matching"].rows if r[1] == "ATT")
    assert row[2] + row[3] == 13_451
    assert row[3] > 0
    assert pairs.tables["rosenbaum"].rows[0][1:] == (1.0, pytest.approx(0.0, abs=1e-6))
    exact = lift(matching=hl.Matching(exact=("engagement_tier",), neighbours=2), bootstrap=0)
    assert "within equal engagement_tier" in exact.find("matching_nn", "ATT").adjustment
    assert exact.find("matching_nn", "ATT").estimate == pytest.approx(0.08, abs=0.02)
    drawn = lift(TABLE.slice(0, 2_000), matching=hl.Matching(bootstrap=True), bootstrap=20)
    assert "not valid for matching" in drawn.find("matching_nn:bootstrap", "ATT").adjustment


def test_negative_controls_go_through_the_same_pipeline() -> None:
    clean = lift(negative_controls=["wave"], bootstrap=0)
    assert clean.check("negative_control").level == "ok"
    hidden = OptInWorld(hidden=1.0, pull=0.4, push=0.2).draw(1).table
    design = hl.OptInDesign(unit="user_id", treatment="opt_in")
    made = hl.analyze(
        hidden, design, [hl.Mean("outcome")], covariates=["activity"], negative_controls=["outcome_before"], bootstrap=0
    )
    assert made.check("negative_control").level in ("caution", "stop")


def test_a_copy_of_the_outcome_among_the_covariates_stops() -> None:
    copied = TABLE.append_column("finished", pa.array(TABLE["task_completed"].to_numpy().astype(float) * 2 + 1))
    made = lift(copied, covariates=[*COVARIATES, "finished"], bootstrap=0)
    check = made.check("outcome_in_covariates")
    assert (check.level, made.verdict.level) == ("stop", "not trustworthy")
    assert check.statement.startswith("finished explains 100 % of task_completed")


def test_intervals_that_cover_too_rarely_in_workspaces_say_so() -> None:
    nested = lift(design=replace(AGENT, cluster="workspace_id"), bootstrap=50)
    assert "covered 92 to 95 % in 50 simulated workspaces" in nested.find("aipw:bootstrap", "ATE").adjustment
    assert "users taken as independent" in nested.find("matching_nn", "ATT").adjustment
    assert "covered" not in nested.find("aipw", "ATE").adjustment
    assert "covered" not in lift(bootstrap=50).find("aipw:bootstrap", "ATE").adjustment
