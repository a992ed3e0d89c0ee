"""The decomposition of one split's miss, and what other splits of the same workspaces would have shown."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest

from honestlift.design.assignment import draw
from honestlift.errors import DesignError
from honestlift.simulate import ClusterWorld, Components, Splits, World, collaboration, decompose, published, redraw_splits

DRAWS = 4_000


@cache
def _splits() -> Splits:
    return redraw_splits(collaboration(), DRAWS, np.random.default_rng(1))


def test_the_published_miss_is_mostly_luck() -> None:
    # Critique of the published example, measured on its own rows, to four decimals.
    parts = decompose(collaboration())
    assert parts.miss == pytest.approx(-0.1277, abs=0.00005)
    assert parts.contamination == pytest.approx(-0.0538, abs=0.00005)
    assert parts.contamination == pytest.approx(-0.20 * 6_744 / (18_319 + 6_744), abs=1e-15)  # published counts
    assert parts.baselines == pytest.approx(-0.0750, abs=0.00005)
    assert parts.noise == pytest.approx(0.0011, abs=0.00005)
    assert parts.effects == 0


@pytest.mark.parametrize(
    "world",
    [
        collaboration(users=3_000),
        collaboration(users=3_000, baseline="workspace + session_minutes"),
        ClusterWorld(
            clusters=12, mean_size=30, sizes="lognormal", spillover=0.4, exposed_share=0.3, heterogeneity=0.5, size_slope=0.2
        ).draw(3),
        ClusterWorld(clusters=12, mean_size=30, mean=1e6, tail="student").draw(3),
    ],
)
def test_the_parts_add_up_to_the_estimate_from_the_rows(world: World) -> None:
    parts = decompose(world)
    y = world.table["session_minutes_obs" if "wave" in world.table.column_names else "session_minutes"].to_numpy()
    on = world.table["treated"].to_numpy() == 1
    naive = (y[on] - y[0]).mean() - (y[~on] - y[0]).mean()
    # Double precision on outcomes of a size of |y|, whose rows are rounded when they are made.
    assert parts.naive == pytest.approx(naive, abs=1e-14 * max(np.abs(y).max(), 10))
    assert parts.miss == pytest.approx(parts.contamination + parts.baselines + parts.effects + parts.noise, abs=1e-15)
    assert parts.naive == parts.target + parts.miss
    assert parts.target == world.truth["gate"]


def _by_hand() -> World:
    parts = Components(
        treated=np.array([True, False, True, False]),
        users=np.array([[2, 0], [1, 1], [1, 3], [4, 0]]),
        baseline=np.array([[2.0, 0.0], [2.0, 2.0], [3.0, 9.0], [0.0, 0.0]]),
        noise=np.array([[0.5, 0.0], [-0.5, 0.0], [0.0, 0.0], [1.0, 0.0]]),
        effect=np.array([1.0, 1.0, 2.0, 4.0]),
        spillover=0.5,
    )
    return World(table=published(1).table, truth=parts.truth(), components=parts)


def test_decomposition_by_hand() -> None:
    # 6 treated users: baselines (2 + 12)/6, noise .5/6, effects (2·1 + 4·2)/6. 6 controls: 4/6, .5/6; one is exposed, .5/6.
    parts = decompose(_by_hand())
    assert parts.target == pytest.approx((2 * 1 + 2 * 1 + 4 * 2 + 4 * 4) / 12, abs=1e-15)
    assert parts.baselines == pytest.approx(14 / 6 - 4 / 6, abs=1e-15)
    assert parts.noise == pytest.approx(0, abs=1e-15)
    assert parts.effects == pytest.approx(10 / 6 - 28 / 12, abs=1e-15)
    assert parts.contamination == pytest.approx(-0.5 / 6, abs=1e-15)
    assert parts.naive == pytest.approx((14 + 0.5 + 10) / 6 - (4 + 0.5 + 0.5) / 6, abs=1e-15)


def test_truth_by_hand() -> None:
    truth = _by_hand().truth
    assert truth["gate"] == truth["direct"] == pytest.approx(28 / 12, abs=1e-15)
    assert truth["itt_user"] == pytest.approx((28 - 0.5 * 4) / 12, abs=1e-15)  # 4 of 12 users are open to spillover
    assert truth["itt_cluster"] == pytest.approx((1 + (1 - 0.25) + (2 - 0.375) + 4) / 4, abs=1e-15)


def test_splits_average_to_what_each_estimate_aims_at() -> None:
    splits = _splits()
    # Measured once over 4,000 other splits: .745, .801, sd .064. Both runs have a standard error of .064/sqrt(4,000) = .0010
    # for a mean and .064/sqrt(8,000) = .0007 for an sd; four standard errors of the difference and half a printed digit.
    assert splits.naive.mean() == pytest.approx(0.745, abs=4 * 2**0.5 * 0.0010 + 0.0005)
    assert splits.two_exposure.mean() == pytest.approx(0.801, abs=4 * 2**0.5 * 0.0010 + 0.0005)
    assert splits.naive.std() == pytest.approx(0.064, abs=4 * 2**0.5 * 0.0007 + 0.0005)
    assert splits.two_exposure.std() == pytest.approx(0.064, abs=4 * 2**0.5 * 0.0007 + 0.0005)
    # The truth they aim at, from the process: .80 − .20 × opt-in share, and .80.
    assert splits.naive.mean() == pytest.approx(collaboration().truth["itt_user"], abs=4 * 0.0010)
    assert splits.two_exposure.mean() == pytest.approx(0.80, abs=4 * 0.0010)


def test_the_biased_estimate_is_often_nearer() -> None:
    splits = _splits()
    nearer = np.abs(splits.naive - 0.80) < np.abs(splits.two_exposure - 0.80)
    # Measured once in 4,000 other splits: 34 %; standard error sqrt(.34 × .66 / 4,000) = .0075 in each run.
    assert nearer.mean() == pytest.approx(0.34, abs=4 * 2**0.5 * 0.0075 + 0.005)


@pytest.mark.parametrize("baseline", ["workspace", "workspace + session_minutes"])
def test_sums_give_what_the_rows_give(baseline: Any) -> None:
    world = collaboration(users=4_000, baseline=baseline)
    d = {name: world.table[name].to_numpy() for name in ("workspace_id", "opt_in_agent_mode", "treated", "session_minutes_obs")}
    opt_in = d["opt_in_agent_mode"]
    untreated = d["session_minutes_obs"] - 0.80 * d["treated"] - 0.20 * opt_in * (1 - d["treated"])
    splits = redraw_splits(world, 20, np.random.default_rng(9))
    arms = draw(np.zeros(50, dtype=np.int64), np.array([25]), np.random.default_rng(9), 20)
    for arm, naive, direct in zip(arms, splits.naive, splits.two_exposure, strict=True):
        on = arm[d["workspace_id"]]
        y = untreated + 0.80 * on + 0.20 * opt_in * ~on
        # Sums of 4,000 doubles of size 10.
        assert naive == pytest.approx(y[on].mean() - y[~on].mean(), abs=1e-12)
        assert direct == pytest.approx(y[on].mean() - y[~on & (opt_in == 0)].mean(), abs=1e-12)


def test_splits_by_hand_cover_every_assignment() -> None:
    splits = redraw_splits(_by_hand(), 300, np.random.default_rng(2))
    # Treated {0, 1}: (2.5 + 2 + 3.5 + 2)/4 against (3 + 10.5 + 1)/8, and (3 + 1)/5 in users closed to spillover. By hand.
    found = [(n, t) for n, t in zip(splits.naive, splits.two_exposure, strict=True) if abs(t - (2.5 - 0.8)) < 1e-12]
    assert found
    assert found[0][0] == pytest.approx(2.5 - 14.5 / 8, abs=1e-14)
    assert np.unique(np.round(splits.naive, 12)).size == 6  # C(4, 2) assignments, all with different estimates


def test_splits_are_seeded() -> None:
    world = collaboration(users=2_000)
    again = [redraw_splits(world, 5, np.random.default_rng(seed)).naive.tolist() for seed in (4, 4, 5)]
    assert again[0] == again[1] != again[2]


def test_refusals() -> None:
    with pytest.raises(DesignError, match="components"):
        decompose(published(10))
    with pytest.raises(DesignError, match="components"):
        redraw_splits(published(10), 5, np.random.default_rng(0))
    with pytest.raises(DesignError, match="draws"):
        redraw_splits(collaboration(users=100), 0, np.random.default_rng(0))


def test_components_are_read_only() -> None:
    parts = collaboration(users=200).components
    assert parts is not None
    with pytest.raises(ValueError, match="read-only"):
        parts.users[0, 0] = 1
