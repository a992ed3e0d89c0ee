"""A roll-out in waves: by hand, by least squares, by a loop over waves and periods, on the published data, and its coverage."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import honestlift as hl
from honestlift.errors import ColumnError, DataError, DesignError, WavesError
from waves_data import COLUMNS as NAMES
from waves_data import by_loop, rollout

COLUMNS: dict[str, Any] = {**NAMES, "outcome": "y"}


def test_by_hand():
    rows = pd.DataFrame({"ws": [1, 1, 2, 2, 3, 3, 4, 4], "week": [0, 1] * 4, "y": [1.0, 4, 3, 8, 0, 1, 2, 3]})
    rows["start"] = pd.array([1, 1, 1, 1, None, None, None, None], dtype="Int64")
    found = hl.waves(rows, **COLUMNS)
    assert found.estimate == pytest.approx((6 - 2) - (2 - 1))
    # without 1: (8 − 3) − 1, without 2: (4 − 1) − 1; without a control the gap is the same
    assert found.interval.std_error == pytest.approx(np.sqrt(0.5 * ((4 - 3) ** 2 + (2 - 3) ** 2)))
    assert found.interval.df == pytest.approx(1)
    assert np.isnan(found.change)
    assert np.isnan(found.before)


def test_two_waves_and_two_periods_are_the_interaction_of_least_squares():
    import statsmodels.formula.api as smf

    rows = rollout(np.random.default_rng(1))
    rows = rows[rows.week.isin([2, 3]) & (rows.start.isna() | (rows.start == 3))]
    found = hl.waves(rows, **COLUMNS)
    rows = rows.assign(d=rows.start.notna().astype(int), post=(rows.week == 3).astype(int))
    fit = smf.ols("y ~ d * post", data=rows).fit(cov_type="cluster", cov_kwds={"groups": rows.ws})
    assert found.estimate == pytest.approx(fit.params["d:post"], rel=1e-10)
    assert found.interval.std_error == pytest.approx(fit.bse["d:post"], rel=0.1)


@pytest.mark.parametrize("base", ["all", "last"])
def test_every_wave_and_period_by_its_definition(base: Any):
    rows = rollout(np.random.default_rng(2), growth=0.3)
    found, due = hl.waves(rows, **COLUMNS, base=base), by_loop(rows, base)
    got = {(row[0], row[1]): row[2] for row in found.tables["waves"].rows}
    assert got == pytest.approx(due, rel=1e-9)
    size = {cell: ((rows.start == cell[0]) & (rows.week == cell[1])).sum() for cell in due}
    assert found.estimate == pytest.approx(np.average(list(due.values()), weights=list(size.values())), rel=1e-9)
    for since, estimate, *_ in found.tables["since"].rows:
        own = [cell for cell in due if cell[1] - cell[0] == since]
        assert estimate == pytest.approx(np.average([due[c] for c in own], weights=[size[c] for c in own]), rel=1e-9)


def test_the_error_is_the_jackknife_of_clusters_within_waves():
    rows = rollout(np.random.default_rng(3), clusters=12)
    found = hl.waves(rows, **COLUMNS)
    size = {c: ((rows.start == c[0]) & (rows.week == c[1])).sum() for c in by_loop(rows)}

    def overall(part: pd.DataFrame) -> float:
        effects = by_loop(part)
        return float(np.average([effects[c] for c in size], weights=list(size.values())))

    variance, parts = 0.0, []
    for wave in (0, 1, 2):
        own = [k for k in range(12) if k % 3 == wave]
        left = np.array([overall(rows[rows.ws != k]) for k in own])
        parts.append(3 / 4 * ((left - left.mean()) ** 2).sum())
    variance = sum(parts)
    # the weights of base periods are those of the rest of the wave there
    assert found.interval.std_error == pytest.approx(np.sqrt(variance), rel=1e-9)
    assert found.interval.df == pytest.approx(variance**2 / sum(v**2 / 3 for v in parts), rel=1e-9)


def test_neither_order_nor_names_nor_a_constant_change_a_byte_or_a_digit():
    rows = rollout(np.random.default_rng(4))
    first = hl.waves(rows, **COLUMNS)
    mixed = rows.sample(frac=1, random_state=1).assign(ws=lambda r: "x" + (99 - r.ws).astype(str))
    assert str(hl.waves(mixed, **COLUMNS).tables) == str(first.tables)
    moved = hl.waves(rows.assign(y=rows.y + 1000.0), **COLUMNS)
    assert (moved.estimate, moved.change, moved.before) == pytest.approx((first.estimate, first.change, first.before), abs=1e-9)
    renamed = rows.rename(columns={"ws": "a b", "week": '"; drop', "start": "select", "y": "*"})
    names = {"cluster": "a b", "period": '"; drop', "start": "select", "outcome": "*"}
    assert hl.waves(renamed, **names).estimate == first.estimate


def test_the_published_roll_out(published: Path):
    found = hl.waves(
        published / "users.parquet",
        cluster="workspace_id",
        period="signup_week",
        start="treatment_week",
        outcome="task_completed",
    )
    assert found.interval.low < 0.05 < found.interval.high
    assert found.unsupported == 22 + 22  # from week 30 on all are treated
    assert len(found.tables["since"].rows) == 10
    assert found.before_interval.p_value > 0.01
    assert "in clusters that had the feature" in str(found)


def test_two_way_fixed_effects_go_wrong_where_the_effect_grows_and_this_does_not():
    import statsmodels.formula.api as smf

    rows = rollout(np.random.default_rng(5), clusters=90, growth=0.5)
    rows = rows[rows.start.notna()].assign(start=lambda r: r.start.astype(int))  # no wave that never starts
    truth = 1 + 0.5 * 0.5  # weeks 3 and 4, when the second wave has not started
    found = hl.waves(rows, **COLUMNS)
    assert found.interval.low < truth < found.interval.high
    fit = smf.ols("y ~ on + C(ws) + C(week)", data=rows.assign(on=(rows.week >= rows.start).astype(int))).fit()
    assert abs(fit.params["on"] - truth) > 0.3


def test_effects_that_grow_are_told_from_constant_ones():
    rng = np.random.default_rng(6)
    assert hl.waves(rollout(rng, clusters=60, growth=0.5), **COLUMNS).change_interval.p_value < 1e-6
    p = [hl.waves(rollout(rng), **COLUMNS) for _ in range(60)]
    assert np.mean([w.change_interval.p_value < 0.05 for w in p]) < 0.15
    assert np.mean([w.before_interval.p_value < 0.05 for w in p]) < 0.15
    assert np.mean([w.interval.low < 1 < w.interval.high for w in p]) > 0.88


def test_waves_drawn_by_lot_without_a_period_before_are_compared_as_they_are():
    rows = rollout(np.random.default_rng(7))
    rows = rows[rows.start.isna() | (rows.start == 3)]
    late = rows[rows.week >= 3]
    found = hl.waves(late, **COLUMNS)
    assert not found.compared_before
    assert "drawn by lot" in str(found)
    first = late[late.week == 3]
    gap = first.y[first.start.notna()].mean() - first.y[first.start.isna()].mean()
    assert found.tables["waves"].rows[0][2] == pytest.approx(gap)


def test_what_cannot_be_compared_is_refused():
    rows = rollout(np.random.default_rng(8))
    with pytest.raises(WavesError, match="several values of 'start'"):
        hl.waves(rows.assign(start=rows.start.fillna(0) + rows.week), **COLUMNS)
    with pytest.raises(WavesError, match="No wave of 'start'"):
        hl.waves(rows.assign(start=3), **COLUMNS)
    with pytest.raises(WavesError, match="'week', the period, holds number"):
        hl.waves(rows.assign(week=rows.week + 0.5), **COLUMNS)
    with pytest.raises(WavesError, match="spans 700,001"):
        hl.waves(rows.assign(week=rows.week * 100_000), **COLUMNS)
    with pytest.raises(DataError, match="week"):
        hl.waves(rows.assign(week=rows.week.where(rows.week > 0).astype("Int64")), **COLUMNS)
    with pytest.raises(DataError, match="infinite"):
        hl.waves(rows.assign(y=np.inf), **COLUMNS)
    with pytest.raises(DataError):
        hl.waves(rows.head(0), **COLUMNS)
    with pytest.raises(DataError, match="y"):
        hl.waves(rows.assign(y="a"), **COLUMNS)
    with pytest.raises(ColumnError, match="Did you mean"):
        hl.waves(rows, **COLUMNS | {"outcome": "Y"})
    with pytest.raises(DesignError, match="base"):
        hl.waves(rows, **COLUMNS, base="first")  # type: ignore[arg-type]
    with pytest.raises(DesignError, match="level"):
        hl.waves(rows, **COLUMNS, level=95)
