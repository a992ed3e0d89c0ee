"""A roll-out in waves from rows to a Lift: its numbers, its checks where they fire and where they are quiet, its words, its refusals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import honestlift as hl
from honestlift.errors import DataError, DesignError, MomentsError, WavesError
from studies import without_clock
from waves_data import COLUMNS, by_loop, rollout, study


def lift_of(
    seed: int = 0, *metrics: hl.Mean, controls: tuple[str, ...] = (), design: dict[str, Any] | None = None, **world: Any
) -> hl.Lift:
    """The answer for a roll-out."""
    return hl.run(rollout(np.random.default_rng(seed), **world), study(*metrics, controls=controls, **(design or {})))


def test_the_headline_is_the_mean_of_the_comparisons():
    rows = rollout(np.random.default_rng(1))
    found, due = hl.run(rows, study()), by_loop(rows)
    size = [((rows.start == g) & (rows.week == t)).sum() for g, t in due]
    e = found.headline()
    assert e.estimate == pytest.approx(np.average(list(due.values()), weights=size), rel=1e-9)
    assert (e.method, e.estimand, e.identified) == ("callaway_santanna", "att_rollout", "observational")
    alone = hl.waves(rows, **COLUMNS, outcome="y")
    assert (e.estimate, e.std_error, e.conf_low) == (alone.estimate, alone.interval.std_error, alone.interval.low)
    treated = np.average([rows.y[(rows.start == g) & (rows.week == t)].mean() for g, t in due], weights=size)
    assert e.relative.estimate == pytest.approx(e.estimate / (treated - e.estimate), rel=1e-9)


def test_naive_and_regression_stand_beside_it():
    import statsmodels.formula.api as smf

    rows = rollout(np.random.default_rng(2))
    found = hl.run(rows, study())
    on = (rows.week >= rows.start.fillna(99)).astype(int)
    fit = smf.ols("y ~ on", data=rows.assign(on=on)).fit()
    naive = found.find("naive_ols")
    assert (naive.estimate, naive.std_error) == pytest.approx((fit.params["on"], fit.bse["on"]), rel=1e-9)
    both = smf.ols("y ~ on + C(ws) + C(week)", data=rows.assign(on=on)).fit()
    assert found.find("two_way_fe").estimate == pytest.approx(both.params["on"], rel=1e-9)
    assert [e.method for e in found.estimates if e.headline] == ["callaway_santanna"]


def test_tables_tell_time_and_waves():
    found = lift_of(3)
    since = [row[1] for row in found.tables["since"].rows]
    assert since == [-5, -4, -3, -2, -1, 0, 1, 2, 3, 4]
    assert [row[1:4] for row in found.tables["by_wave"].rows] == [(3, 10, 5), (5, 10, 3)]
    assert [row[1:3] for row in found.tables["waves"].rows][:2] == [(3, 3), (3, 4)]
    assert found.population["waves"] == {"3": 10, "5": 10}
    assert found.data["n_clusters"] == 30
    assert found.data["n_treated_clusters"] == 20
    assert hl.Lift.from_dict(found.to_dict()).to_json() == found.to_json()


def test_every_metric_has_one_headline_a_role_and_holm():
    rows = rollout(np.random.default_rng(4)).assign(
        z=lambda d: d.y + 1, cost=lambda d: 10 + np.random.default_rng(0).normal(0, 1, len(d))
    )
    metrics = (hl.Mean("y"), hl.Mean("z", role="primary"), hl.Mean("cost", better="lower", role="guardrail", margin=0.2))
    found = hl.run(rows, study(hl.Mean("y", role="primary"), *metrics[1:]))
    assert [e.metric for e in found.estimates if e.headline] == ["y", "z", "cost"]
    assert [row[:2] for row in found.tables["multiplicity"].rows] == [("primary", "y"), ("primary", "z")]
    assert found.tables["metrics"].rows[-1] == ("cost", "guardrail", "lower", 0.2, "holds")
    assert any(text.startswith("Guardrail cost holds") for text in found.verdict.because)
    assert found.headline("z").estimate == pytest.approx(found.headline("y").estimate)


@pytest.mark.parametrize(
    ("code", "fires", "quiet"),
    [
        ("pre_trends", {"drift": 0.5}, {}),
        ("effect_over_time", {"growth": 0.5, "clusters": 60}, {}),
        ("anticipation", {"early": 2.0, "clusters": 60}, {}),
        ("few_clusters", {"clusters": 9}, {}),
        ("trend_bound", {"drift": 0.5, "effect": -0.8}, {"effect": 2.0}),
    ],
)
def test_a_check_fires_where_it_must_and_is_quiet_where_it_may(code: str, fires: dict[str, Any], quiet: dict[str, Any]):
    assert lift_of(5, **fires).check(code).level in ("caution", "stop")
    assert lift_of(5, **quiet).check(code).level == "ok"


@pytest.mark.parametrize(
    ("world", "words"),
    [
        ({"effect": 0.5, "growth": 0.5}, "it grows"),
        ({"effect": 4.0, "growth": -0.8}, "it wears off"),
        ({"effect": 2.0, "growth": -1.0}, "it changes its sign"),
    ],
)
def test_what_becomes_of_the_effect_is_said(world: dict[str, float], words: str):
    found = lift_of(6, clusters=90, **world)
    assert words in found.check("effect_over_time").statement
    assert any(words in text for text in found.verdict.because)


def test_trends_that_part_make_the_verdict():
    found = lift_of(7, drift=0.6, clusters=60)
    assert found.verdict.level == "not trustworthy"
    assert found.assumption("parallel_trends").status == "violated"
    assert "did not move alike" in found.verdict.because[0]


def test_the_bound_is_the_drift_that_takes_the_interval_to_zero():
    rows = rollout(np.random.default_rng(8), effect=2.0)
    rows = rows[rows.start.isna() | (rows.start == 3)]
    found = hl.run(rows, study())
    evidence, e = found.check("trend_bound").evidence, found.headline()
    ramp = evidence["breakdown"] * rows.week * rows.start.notna()
    moved = hl.run(rows.assign(y=rows.y - ramp), study()).headline()
    assert moved.estimate == pytest.approx(e.estimate - e.conf_low, rel=1e-9)


def test_drawn_waves_rest_on_the_draw():
    found = lift_of(9, design={"randomized": True})
    assert {e.identified for e in found.estimates} == {"randomized"}
    assert next(a.code for a in found.ledger) == "random_order"
    assert "observational" not in found.verdict.headline
    assert not [c for c in found.checks if c.code == "trend_bound"]
    late = rollout(np.random.default_rng(9)).query("week >= 3")
    late = late[late.start.isna() | (late.start == 3)]
    assert hl.run(late, study(randomized=True)).headline().adjustment == "none"
    blind = hl.run(late, study())
    assert (blind.check("pre_trends").level, blind.verdict.level) == ("stop", "not trustworthy")


def test_nobody_left_to_compare_with_is_said():
    rows = rollout(np.random.default_rng(10))
    found = hl.run(rows[rows.start.notna()], study())
    check = found.check("no_comparison")
    assert (check.level, check.evidence["compared"], check.evidence["left_out"], check.evidence["last_period"]) == (
        "caution",
        2,
        6,
        4,
    )
    assert hl.run(rows, study()).check("no_comparison").level == "ok"


def test_outcomes_that_are_missing_and_controls_that_move():
    rows = rollout(np.random.default_rng(11), clusters=60)
    on = rows.week >= rows.start.fillna(99)
    gone = on & (np.random.default_rng(0).random(len(rows)) < 0.3)
    found = hl.run(rows.assign(y=rows.y.mask(gone)), study())
    assert found.check("missing_outcome").level == "stop"
    assert found.data["dropped"] == {"y missing, with the feature": int(gone.sum())}
    moved = rows.assign(still=np.random.default_rng(1).normal(0, 1, len(rows)) + on)
    assert hl.run(moved, study(controls=("still",))).check("negative_control").level == "stop"
    same = rows.assign(still=np.random.default_rng(1).normal(0, 1, len(rows)))
    assert hl.run(same, study(controls=("still",))).check("negative_control").level == "ok"


def test_users_over_periods_and_users_who_move():
    rows = rollout(np.random.default_rng(12))
    panel = rows.assign(user=rows.ws * 100 + rows.groupby(["ws", "week"]).cumcount())
    found = hl.run(panel, study())
    assert found.data["n_units"] == panel.user.nunique()
    assert found.data["n_rows"] == len(panel)
    assert found.check("unit_in_clusters").level == "ok"
    shared = panel.assign(user=panel.user.where(panel.ws != 1, panel.user - 100))
    check = hl.run(shared, study()).check("unit_in_clusters")
    assert (check.level, check.evidence["moved"]) == (
        "caution",
        panel.user[panel.ws.isin([0, 1])]
        .mod(100)
        .isin(set(panel.user[panel.ws == 0] % 100) & set(panel.user[panel.ws == 1] % 100))
        .groupby(panel.user.mod(100))
        .any()
        .sum(),
    )


def test_neither_order_nor_names_change_a_byte():
    rows = rollout(np.random.default_rng(13))
    first = without_clock(hl.run(rows, study()))
    mixed = rows.sample(frac=1, random_state=1).assign(ws=lambda d: "x" + (99 - d.ws).astype(str))
    assert without_clock(hl.run(mixed, study())) == first
    floats = rows.assign(start=rows.start.astype("float64"), week=rows.week.astype("float64"))
    assert without_clock(hl.run(floats, study())) == first


def test_what_is_checked_before_the_outcomes_names_none():
    rows = rollout(np.random.default_rng(14)).drop(columns="y")
    found = hl.check_design(rows, study())
    assert (found.kind, found.not_read) == ("waves", ("y",))
    assert [c.code for c in found.checks] == ["unit_in_clusters", "no_comparison", "few_clusters"]


def test_the_published_roll_out(published: Path):
    design = hl.WavesDesign(unit="user_id", cluster="workspace_id", period="signup_week", start="treatment_week")
    found = hl.analyze(published / "users.parquet", design, "task_completed")
    e = found.headline()
    assert e.conf_low is not None
    assert e.conf_high is not None
    assert e.conf_low < 0.05 < e.conf_high
    assert found.check("no_comparison").evidence["left_out"] == 44
    assert found.verdict.level == "likely, with caveats"


def test_what_has_no_place_in_a_roll_out_is_refused_by_name():
    rows = rollout(np.random.default_rng(15))
    design = study().design
    for options, named in (
        ({"covariates": ["x"]}, "covariates"),
        ({"segments": ["x"], "rows": "events"}, "'segments', 'rows'"),
        ({"trim": "crump"}, "trim"),
    ):
        with pytest.raises(DesignError, match=named):
            hl.analyze(rows, design, "y", **options)  # type: ignore[arg-type]
    for metric in (
        hl.Ratio("y", "user"),
        hl.Quantile("y", q=0.5),
        hl.Mean("y", pre="x"),
        hl.Mean("y", winsorize=hl.Winsorize(above=1)),
    ):
        with pytest.raises(DesignError, match="Expected"):
            hl.analyze(rows, design, metric)
    with pytest.raises(DesignError, match="both as period and as start"):
        hl.WavesDesign(unit="user", cluster="ws", period="week", start="week")
    with pytest.raises(DesignError, match="both as period and as metric"):
        hl.analyze(rows, design, "week")
    with pytest.raises(DesignError, match="'all' or 'last'"):
        study(base="first")
    with pytest.raises(MomentsError, match="waves of a roll-out"):
        hl.collect_moments(rows, study())
    with pytest.raises(MomentsError, match="waves of a roll-out"):
        hl.moments_query(study(), "users")
    with pytest.raises(WavesError, match="nobody to compare"):
        hl.run(rows.assign(start=3), study())
    with pytest.raises(WavesError, match="not whole"):
        hl.run(rows.assign(week=rows.week + 0.5), study())
    with pytest.raises(DataError, match="user"):
        hl.run(rows.assign(user=rows.user.astype("Int64").mask(rows.user == 3)), study())
    with pytest.raises(DataError, match="constant"):
        hl.run(rows.assign(y=1.0), study())
    with pytest.raises(hl.HonestliftError):
        hl.monitor(hl.run(rows, study()), hl.Looks.of(hl.run(rows, study())))


def test_groups_under_ten_rows_are_not_told():
    rows = rollout(np.random.default_rng(16))
    thin = rows[~((rows.start == 3) & (rows.week == 7)) | (rows.ws.isin([0, 3]) & (rows.groupby(["ws", "week"]).cumcount() < 2))]
    found = hl.run(thin, study())
    assert (3, 7) not in [row[1:3] for row in found.tables["waves"].rows]
    assert all(row[-1] >= 10 for table in ("since", "waves", "by_wave") for row in found.tables[table].rows)
    assert isinstance(pd.DataFrame(found.tables["since"].rows), pd.DataFrame)
