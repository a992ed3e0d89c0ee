"""The effect by period of an experiment: by differences of means, by events that add up, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import honestlift as hl
from honestlift.errors import DataError, DesignError, MomentsError, WavesError
from honestlift.inference.grouped_jackknife import grouped_jackknife
from studies import answer, frame


def weekly(seed: int = 0, *, growth: float = 0.0, clusters: int = 40, weeks: int = 6) -> pd.DataFrame:
    """An experiment whose users are seen once, in some week."""
    rows = frame(clusters, 30, seed=seed)
    week = np.random.default_rng(seed).integers(10, 10 + weeks, len(rows))
    return rows.assign(week=week, minutes=rows.minutes + growth * (week - 10) * rows.treated)


def asked(data: pd.DataFrame, metrics: list[Any] | None = None, period: str | None = "week", **options: Any) -> hl.Lift:
    """The answer, with effects by period."""
    design = hl.ClusterDesign(unit="user", cluster="workspace", treatment="treated", period=period)
    return hl.analyze(data, design, metrics or [hl.Mean("minutes")], bootstrap=0, **options)


def events(seed: int = 1, *, growth: float = 0.0) -> pd.DataFrame:
    """An experiment whose users act in several weeks, some of them in none of some."""
    rng = np.random.default_rng(seed)
    users = frame(24, 20, seed=seed)
    seen = users.loc[users.index.repeat(rng.integers(1, 9, len(users)))].reset_index(drop=True)
    week = rng.integers(0, 4, len(seen))
    return seen.assign(week=week, clicks=rng.poisson(3, len(seen)) + growth * week * seen.treated)


def test_each_period_is_a_difference_of_means_with_the_jackknife_of_clusters():
    rows = weekly()
    table = asked(rows).tables["over_time"]
    assert [row[1] for row in table.rows] == list(range(10, 16))
    for _, week, estimate, error, *_ in table.rows:
        now = rows[rows.week == week]

        def gap(part: pd.DataFrame) -> float:
            return part.minutes[part.treated == 1].mean() - part.minutes[part.treated == 0].mean()

        assert estimate == pytest.approx(gap(now), rel=1e-9)
        arm = rows.groupby("workspace").treated.first()
        without = np.array([[gap(now[now.workspace != k])] for k in arm.index])
        assert error == pytest.approx(grouped_jackknife(without, arm.to_numpy())[0][0], rel=1e-9)


def test_the_headline_and_the_hash_without_a_period_are_untouched():
    rows = weekly(2)
    with_it, without = asked(rows), asked(rows, period=None)
    assert with_it.estimates == without.estimates
    assert "over_time" not in without.tables
    assert without.provenance["plan_sha256"] == answer(rows).provenance["plan_sha256"]
    assert with_it.provenance["plan_sha256"] != without.provenance["plan_sha256"]


def test_effects_of_events_add_up_to_the_whole():
    rows = events()
    found = asked(rows, [hl.Mean("clicks")], rows="events")
    by_period = [row[2] for row in found.tables["over_time"].rows]
    assert sum(by_period) == pytest.approx(found.find("user_ols", "itt_user").estimate, rel=1e-9)
    assert len(by_period) == 4


@pytest.mark.parametrize(("growth", "level"), [(0.0, "ok"), (0.3, "caution")])
def test_a_slope_is_told(growth: float, level: str):
    found = asked(weekly(3, growth=growth))
    check = found.check("effect_over_time")
    assert check.level == level
    slope = np.polyfit(*zip(*[(row[1], row[2]) for row in found.tables["over_time"].rows], strict=True), 1)
    assert check.evidence["change"] == pytest.approx(slope[0], abs=0.05)  # periods have about as many users
    assert ("it grows" in check.statement) == (level == "caution")
    assert "since the start" not in check.statement
    assert asked(events(growth=2 * growth), [hl.Mean("clicks")], rows="events").check("effect_over_time").level == level


def test_ratios_and_caps_have_none_and_a_plan_keeps_the_key(tmp_path: Any):
    rows = weekly(4).assign(tasks=3.0 + np.arange(1200) % 2)
    metrics = [
        hl.Mean("minutes"),
        hl.Ratio("minutes", "tasks"),
        hl.Mean("minutes", name="capped", winsorize=hl.Winsorize(above=6)),
    ]
    found = asked(rows, metrics)
    assert {row[0] for row in found.tables["over_time"].rows} == {"minutes"}
    rows.to_parquet(tmp_path / "users.parquet")
    (tmp_path / "plan.yaml").write_text(
        "data: users.parquet\nunit: user\nmetrics: [minutes]\nbootstrap: 0\n"
        "design: {kind: cluster, cluster: workspace, treatment: treated, period: week}\n"
    )
    from honestlift.plan import plan_text, read_plan

    plan = read_plan(tmp_path / "plan.yaml")
    assert plan.study.design.period == "week"  # type: ignore[union-attr]
    (tmp_path / "again.yaml").write_text(plan_text(plan.study, plan.data, tmp_path))
    assert read_plan(tmp_path / "again.yaml").study == plan.study


def test_what_cannot_be_a_period_is_refused():
    rows = weekly(5)
    with pytest.raises(WavesError, match="not whole"):
        asked(rows.assign(week=rows.week + 0.5))
    with pytest.raises(WavesError, match="text"):
        asked(rows.assign(week=rows.week.astype(str)))
    with pytest.raises(DataError, match="week"):
        asked(rows.assign(week=rows.week.astype("Int64").mask(rows.week == 11)))
    with pytest.raises(DesignError, match="plain mean"):
        asked(rows, [hl.Quantile("minutes", q=0.5)])
    with pytest.raises(DesignError, match="period"):
        asked(rows, period="minutes")
    design = hl.ClusterDesign(unit="user", cluster="workspace", treatment="treated", period="week")
    with pytest.raises(MomentsError, match="over time"):
        hl.collect_moments(rows, hl.Study(design=design, metrics=(hl.Mean("minutes"),)))
    with pytest.raises(MomentsError):
        hl.moments_query(hl.Study(design=design, metrics=(hl.Mean("minutes"),)), "users")
