"""The tables behind the figures: they add up, and no group under ten users leaves."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import honestlift as hl
from honestlift.analysis.tables import FEWEST, MOST_CLUSTERS
from studies import answer, frame


def table(lift: hl.Lift, name: str) -> pd.DataFrame:
    made = lift.tables[name]
    assert all(len(row) == len(made.columns) for row in made.rows)
    return pd.DataFrame(list(made.rows), columns=list(made.columns))


def test_clusters_have_their_own_means_and_errors():
    f = frame(32, 15)
    t = table(answer(f), "clusters").set_index("cluster")
    groups = f.groupby(f.workspace.astype(str)).minutes
    assert t.users.sum() == 480
    for name, values in groups:
        assert t.loc[name, "mean"] == pytest.approx(values.mean(), rel=1e-12)
        assert t.loc[name, "std_error"] == pytest.approx(values.std(ddof=1) / 15**0.5, rel=1e-10)
        assert t.loc[name, "arm"] == ("treated" if f.treated[f.workspace == int(str(name))].all() else "control")
    assert t["mean"].is_monotonic_increasing


def test_small_clusters_are_merged_by_arm():
    t = table(answer(frame(20, [4] * 10 + [30] * 10)), "clusters")
    assert t.users.min() >= FEWEST
    assert t.users.sum() == 340
    assert sum("small workspaces" in name for name in t.cluster) == 2


def test_small_groups_that_stay_small_vanish():
    f = frame(4, [2, 2, 2, 20])
    assert table(answer(f), "clusters").users.min() >= FEWEST


def test_a_cluster_keeps_its_name_when_others_have_no_outcome():
    f = frame(20, 15).assign(minutes=lambda d: d.minutes.where(d.workspace > 4))
    t = table(answer(f), "clusters")
    assert sorted(t.cluster, key=int) == [str(i) for i in range(5, 20)]
    assert t.set_index("cluster").loc["7", "mean"] == pytest.approx(f.minutes[f.workspace == 7].mean(), rel=1e-12)


def test_many_clusters_keep_their_extremes():
    f = frame(200, 12)
    t = table(answer(f), "clusters")
    means = f.groupby("workspace").minutes.mean()
    assert len(t) == MOST_CLUSTERS
    assert (t["mean"].iloc[0], t["mean"].iloc[-1]) == pytest.approx((means.min(), means.max()), rel=1e-12)


def test_groups_by_exposure():
    f = frame(20, 30)
    t = table(answer(f, exposure=hl.Exposure(column="exposed")), "exposure").set_index("group")
    assert t.users.to_dict() == {
        "treated": 300,
        "exposed control": int(f.exposed.sum()),
        "pure control": 300 - int(f.exposed.sum()),
    }
    assert t.loc["exposed control", "mean"] == pytest.approx(f.minutes[f.exposed == 1].mean(), rel=1e-12)
    assert set(table(answer(f), "exposure").group) == {"treated", "control"}


@pytest.mark.parametrize("exposure", [None, hl.Exposure(column="exposed")])
def test_densities_count_every_user_once(exposure: hl.Exposure | None):
    f = frame(40, 50)
    t = table(answer(f, **({"exposure": exposure} if exposure else {})), "outcome_density")
    assert t.users.min() >= FEWEST
    assert (t.high > t.low).all()
    assert t.groupby("group").users.sum().sum() == 2000
    for _, bins in t.groupby("group"):
        assert (bins.low.to_numpy()[1:] == bins.high.to_numpy()[:-1]).all()


def test_whole_numbers_of_a_small_range_have_a_bin_each():
    f = frame(40, 50).assign(minutes=lambda d: np.random.default_rng(0).integers(0, 4, len(d)))
    t = table(answer(f), "outcome_density")
    counts = f.groupby(["treated", "minutes"]).size()
    for row in t.itertuples():
        group: Any = (int(row.group == "treated"), round((row.low + row.high) / 2))  # type: ignore[operator]
        assert row.users == counts[group]
    assert len(t) == 8


def test_a_handful_of_users_has_no_density():
    f = frame(4, [2, 2, 2, 2])
    assert answer(f).tables["outcome_density"].rows == ()
