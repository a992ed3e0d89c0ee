"""The front door: outside oracles, the laws, and the same answer by every road."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import csv, parquet

import honestlift as hl
from honestlift.errors import ColumnError, DataError, DesignError, HonestliftError
from honestlift.plan import DataPath, plan_text, read_plan
from oracles_data import FOLDER, trial
from studies import answer, frame, numbers, without_clock

CRT = hl.ClusterDesign(unit="user", cluster="ws", treatment="d")


@pytest.mark.parametrize("name", ["crt10", "crt50"])
def test_outside_oracles(name: str):
    """R's clubSandwich, estimatr and sandwich (tests/oracles); they print ten decimals of errors and eight of the rest."""
    lift = hl.analyze(str(FOLDER / f"{name}.csv"), CRT, [hl.Mean("y")], bootstrap=0)
    told = trial(name).answers
    headline, cr1 = lift.headline(), lift.find("user_ols:cr1")
    assert headline.estimate == pytest.approx(told["coef"], abs=1e-8)
    assert headline.std_error == pytest.approx(told["se_CR2"], abs=1e-8)
    assert headline.df == pytest.approx(told["df_CR2_satterthwaite"], abs=1e-8)
    assert headline.p_value == pytest.approx(told["p_CR2_satterthwaite"], abs=1e-8)
    assert (headline.conf_low, headline.conf_high) == pytest.approx(told["ci_CR2_satterthwaite"], abs=1e-8)
    assert cr1.std_error == pytest.approx(told["se_CR1S_stata"], abs=1e-8)
    assert cr1.p_value == pytest.approx(told["p_CR1S_t(G-1)"], abs=1e-8)
    assert lift.find("naive_ols").std_error == pytest.approx(told["se_iid"], abs=1e-8)


@pytest.mark.parametrize("name", ["crt10", "crt50"])
def test_a_large_mean_costs_no_digit_that_matters(name: str):
    """The rounding of y + 1e9 itself is 6e-8 a row."""
    data = trial(name)
    rows = pd.DataFrame({"user": np.arange(data.y.size), "ws": data.cluster, "d": data.treated.astype(int), "y": data.y + 1e9})
    lift = hl.analyze(rows, CRT, [hl.Mean("y")], bootstrap=0)
    assert lift.headline().std_error == pytest.approx(data.answers["se_CR2"], rel=1e-6)
    assert lift.find("user_ols:cr1").std_error == pytest.approx(data.answers["se_CR1S_stata"], rel=1e-6)
    assert lift.headline().estimate == pytest.approx(data.answers["coef"], abs=1e-7)
    assert lift.headline().df == pytest.approx(data.answers["df_CR2_satterthwaite"], abs=1e-8)


def test_six_rows_by_hand():
    """Means 2 and 6; CR2 variance 2 (tests/inference); s² of the weighted means (2·1 + 1·4)/2; means of workspaces 2 and 6.5."""
    rows = pd.DataFrame(
        {"user": range(6), "workspace": [0, 0, 1, 2, 2, 3], "treated": [0, 0, 0, 1, 1, 1], "minutes": [1, 3, 2, 4, 6, 8]}
    )
    lift = answer(rows)
    assert lift.headline().estimate == pytest.approx(4, rel=1e-14)
    assert lift.headline().std_error == pytest.approx(2**0.5, rel=1e-13)
    assert lift.headline().relative.estimate == pytest.approx(2, rel=1e-14)
    assert lift.find("naive_ols").std_error == pytest.approx((5 / 3) ** 0.5, rel=1e-13)
    assert lift.find("cluster_wls").std_error == pytest.approx(2**0.5, rel=1e-13)
    assert lift.find("cluster_wls").df == 2
    assert lift.find("cluster_means").estimate == pytest.approx(4.5, rel=1e-14)
    assert lift.find("cluster_means").std_error == pytest.approx(1.5, rel=1e-13)  # 3/√2 ⁄ √2 in the treated arm, 0 in the other


def written(f: pd.DataFrame, folder: Path, parts: int) -> Path:
    for i, part in enumerate(np.array_split(np.arange(len(f)), parts)):
        parquet.write_table(pa.Table.from_pandas(f.iloc[part], preserve_index=False), folder / f"part{i}.parquet")
    return folder


def as_csv(f: pd.DataFrame, folder: Path) -> str:
    csv.write_csv(pa.Table.from_pandas(f, preserve_index=False), folder / "rows.csv")
    return str(folder / "rows.csv")


def database(f: pd.DataFrame, folder: Path) -> hl.Source:
    with duckdb.connect(str(folder / "rows.duckdb")) as connection:
        connection.register("given", f).execute("CREATE TABLE users AS SELECT * FROM given")
    return hl.connect(folder / "rows.duckdb", table="users")


ROADS: dict[str, Callable[[pd.DataFrame, Path], Any]] = {
    "polars": lambda f, _: pl.from_pandas(f),
    "lazy": lambda f, _: pl.from_pandas(f).lazy(),
    "arrow": lambda f, _: pa.Table.from_pandas(f, preserve_index=False),
    "shuffled": lambda f, _: f.sample(frac=1, random_state=1),
    "reversed columns": lambda f, _: f[f.columns[::-1]],
    "relation": lambda f, _: duckdb.connect().from_arrow(pa.Table.from_pandas(f, preserve_index=False)),
    "parquet": lambda f, folder: written(f, folder, 1) / "part0.parquet",
    "ten parts": lambda f, folder: str(written(f.sample(frac=1, random_state=2), folder, 10) / "*.parquet"),
    "one thread": lambda f, folder: hl.connect(written(f, folder, 3), threads=1),
    "two threads": lambda f, folder: hl.connect(written(f, folder, 3), threads=2),
    "csv": as_csv,
    "database": database,
}


FRAME = frame(36, [5, 40, 12] * 12, seed=3).assign(
    tier=lambda d: np.where(d.user % 3 == 0, "heavy", "light"), errors=lambda d: d.minutes.where(d.user % 7 != 0) ** 2
)
STUDY: dict[str, Any] = {
    "metrics": [hl.Mean("minutes", pre="before"), hl.Mean("errors", better="lower", role="guardrail", margin=0.05)],
    "covariates": ["tier"],
    "exposure": hl.Exposure(column="exposed"),
    "bootstrap": 40,
    "seed": 5,
}


@pytest.fixture(scope="module")
def expected() -> dict[str, Any]:
    return without_clock(answer(FRAME, **STUDY))


@pytest.mark.parametrize("road", ROADS)
def test_same_bytes_by_every_road(road: str, tmp_path: Path, expected: dict[str, Any]):
    assert without_clock(answer(ROADS[road](FRAME, tmp_path), **STUDY)) == expected


def test_same_bytes_from_a_plan_file_and_from_the_calls(tmp_path: Path):
    f = FRAME.assign(plan_tier=lambda d: d.workspace % 3)
    record = hl.assign([str(w) for w in range(36)], hl.Rule(), seed=1)
    written(f, tmp_path, 1)
    design = hl.ClusterDesign(
        unit="user",
        cluster="workspace",
        treatment="treated",
        strata=("plan_tier",),
        exposure=hl.Exposure(column="exposed"),
        uptake="treated",
        assignment=record,
    )
    study = hl.Study(
        name="Ünïcode: a 'plan'",
        design=design,
        metrics=tuple(STUDY["metrics"]),
        covariates=("tier",),
        negative_controls=("before",),
        level=0.9,
        seed=11,
        bootstrap=40,
    )
    (tmp_path / "assignment.json").write_text(record.to_json(), encoding="utf-8")
    text = plan_text(
        study, DataPath(path=str(tmp_path / "part0.parquet")), tmp_path, assignment=str(tmp_path / "assignment.json")
    )
    (tmp_path / "plan.yaml").write_text(text, encoding="utf-8")
    plan = read_plan(tmp_path / "plan.yaml")
    by_plan = hl.run(plan.data.path, plan.study)  # pyright: ignore[reportAttributeAccessIssue]
    by_call = hl.analyze(
        tmp_path / "part0.parquet",
        design,
        study.metrics,
        name=study.name,
        covariates=["tier"],
        negative_controls=["before"],
        level=0.9,
        seed=11,
        bootstrap=40,
    )
    assert without_clock(by_plan) == without_clock(by_call)
    assert {e.metric for e in by_call.estimates} == {"minutes", "errors"}


def test_renamed_clusters_change_no_number():
    """Bootstraps included: clusters stand in an order made of their sums."""
    names = np.random.default_rng(0).permutation(36)
    for renamed in (FRAME.workspace.map(lambda w: f"é{names[w]:03d} [x]"), FRAME.workspace.map(lambda w: int(names[w]) - 7)):
        lift, other = answer(FRAME, **STUDY), answer(FRAME.assign(workspace=renamed), **STUDY)
        assert numbers(lift) == numbers(other)
        assert [c.evidence for c in lift.checks] == [c.evidence for c in other.checks]
        assert lift.verdict.headline == other.verdict.headline


def test_identical_clusters_are_interchangeable():
    """Clusters that tie in every sum keep no trace of their names either."""
    f = frame(8, 4).assign(minutes=lambda d: d.user % 4 + d.treated, before=1.0 * (frame(8, 4).user % 2))
    swapped = f.assign(workspace=f.workspace.map({0: 7, 7: 0, 1: 6, 6: 1, 2: 2, 3: 3, 4: 4, 5: 5}))
    assert numbers(answer(f, bootstrap=30)) == numbers(answer(swapped, bootstrap=30))


SEEDS = st.integers(0, 10_000)


def computed(lift: hl.Lift) -> list[hl.Estimate]:
    """What is not drawn: the draws of the wild bootstrap go to the clusters in an order that their sums make."""
    return [e for e in lift.estimates if not e.method.endswith(":wild")]


@given(SEEDS)
@settings(max_examples=12, deadline=None)
def test_swapping_the_arms_flips_the_sign(seed: int):
    f = frame(32, [2, 5, 3, 9] * 8, seed=seed)
    lift, swapped = answer(f), answer(f.assign(treated=1 - f.treated))
    for e, o in zip(computed(lift), computed(swapped), strict=True):
        assert (o.estimate, o.conf_low, o.conf_high) == pytest.approx((-e.estimate, -e.conf_high, -e.conf_low), rel=1e-10)  # type: ignore[operator]
        assert (o.std_error, o.df, o.p_value) == pytest.approx((e.std_error, e.df, e.p_value), rel=1e-10)


@given(SEEDS, st.floats(-1e4, 1e4))
@settings(max_examples=12, deadline=None)
def test_a_constant_changes_nothing(seed: int, constant: float):
    f = frame(32, [2, 5, 3, 9] * 8, seed=seed)
    lift, moved = answer(f, bootstrap=20), answer(f.assign(minutes=f.minutes + constant), bootstrap=20)
    for e, o in zip(computed(lift), computed(moved), strict=True):
        # the moved outcome is itself rounded at 1e-16 of 1e4
        assert (o.estimate, o.std_error, o.conf_low, o.conf_high) == pytest.approx(
            (e.estimate, e.std_error, e.conf_low, e.conf_high), abs=1e-10
        )


@given(SEEDS, st.floats(1e-6, 1e6), st.sampled_from([-1, 1]))
@settings(max_examples=12, deadline=None)
def test_a_unit_multiplies(seed: int, unit: float, sign: int):
    f = frame(32, [2, 5, 3, 9] * 8, seed=seed)
    lift, scaled = answer(f), answer(f.assign(minutes=f.minutes * unit * sign))
    for e, o in zip(computed(lift), computed(scaled), strict=True):
        assert o.estimate == pytest.approx(e.estimate * unit * sign, rel=1e-9)  # type: ignore[operator]
        assert (o.std_error, o.df, o.p_value) == pytest.approx((e.std_error * unit, e.df, e.p_value), rel=1e-9)  # type: ignore[operator]
        if e.relative.conf_low is not None:
            assert (o.relative.conf_low, o.relative.conf_high) == pytest.approx(
                (e.relative.conf_low, e.relative.conf_high), rel=1e-8
            )


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        ({"minutes": "text"}, DataError, "'minutes', the outcome, holds text"),
        ({"minutes": np.inf}, DataError, "is infinite on"),
        ({"minutes": np.nan}, DataError, "has no value on any row"),
        ({"minutes": 3.0}, DataError, "is 3 on every row"),
        ({"treated": 1}, DataError, r"No row of 'treated' is in the control arm"),
        ({"treated": 2}, DataError, "Treatment column 'treated' holds 2"),
        ({"user": 1}, DataError, "stand on more than one row"),
        ({"workspace": 1}, DataError, "varies within 1 values of 'workspace'"),
    ],
)
def test_bad_columns_are_refused_in_words(changed: dict[str, Any], error: type[HonestliftError], message: str):
    with pytest.raises(error, match=message):
        answer(frame().assign(**changed))


def test_bad_studies_are_refused_in_words():
    with pytest.raises(ColumnError, match=r"no column 'minuts', which the plan names as outcome. Did you mean 'minutes'\?"):
        answer(frame(), [hl.Mean("minuts")])
    with pytest.raises(DesignError, match="names no metric"):
        hl.analyze(frame(), CRT, [])
    with pytest.raises(DataError, match="has no rows"):
        answer(frame().iloc[:0])
    with pytest.raises(DataError, match="1 treated and 2 control clusters"):
        answer(frame(3))


def test_too_few_workspaces_with_an_outcome():
    f = frame()
    first = f.workspace[f.treated == 1].iloc[0]
    gone = (f.treated == 1) & (f.workspace != first)
    with pytest.raises(DataError, match="'minutes', the outcome, has values in 1 treated and 16 control clusters"):
        answer(f.assign(minutes=f.minutes.where(~gone)))
    for role in ({"negative_controls": ["before"]}, {"metrics": [hl.Mean("minutes", pre="before")]}):
        with pytest.raises(DataError, match=r"'before', .*, has values in 1 treated"):
            answer(f.assign(before=f.before.where(~gone)), **role)


def test_a_name_alone_is_short_for_a_list_of_one():
    f = frame(24).assign(tier=lambda d: d.workspace % 2)
    long = answer(f, [hl.Mean("minutes")], covariates=["before"], negative_controls=["before"], strata=("tier",))
    for metrics in ("minutes", ["minutes"], hl.Mean("minutes")):
        short = hl.analyze(
            f,
            hl.ClusterDesign(unit="user", cluster="workspace", treatment="treated", strata="tier"),  # type: ignore[arg-type]
            metrics,
            covariates="before",
            negative_controls="before",
            bootstrap=0,
        )
        assert without_clock(short) == without_clock(long)


def test_few_workspaces_have_tests_beside_the_headline_that_obey_the_same_laws():
    f = frame(8, [2, 5, 3, 9] * 2)
    lift, swapped, moved = answer(f), answer(f.assign(treated=1 - f.treated)), answer(f.assign(minutes=f.minutes * 3 + 7))
    for variant in ("user_ols:wild", "user_ols:randomization"):
        e, s, m = (x.find(variant) for x in (lift, swapped, moved))
        assert s.p_value == e.p_value == m.p_value
        assert (s.estimate, s.conf_low) == pytest.approx((-e.estimate, None if e.conf_high is None else -e.conf_high), rel=1e-8)  # type: ignore[operator]
        assert m.estimate == pytest.approx(3 * e.estimate, rel=1e-10)  # type: ignore[operator]
    assert "user_ols:wild" not in {e.method for e in answer(frame(52)).estimates}
