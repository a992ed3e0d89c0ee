"""Healthy studies are left in peace: how often each check fires when nothing is wrong."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pyarrow as pa
import pytest

import honestlift as hl
from honestlift.simulate import ClusterWorld

EVEN = ClusterWorld(clusters=40, mean_size=12, sizes="multinomial", missing_share=0.05, covariate_r2=0.3, covariate_r2_within=0.3)
WORLDS = {
    "40 workspaces, sizes as chance has them": {"clusters": 40, "mean_size": 30, "sizes": "multinomial"},
    "40 workspaces, CV of sizes 0.5": {"clusters": 40, "mean_size": 30, "sizes": "lognormal", "size_cv": 0.5, "smallest": 3},
    "24 workspaces, CV of sizes 0.5": {"clusters": 24, "mean_size": 30, "sizes": "lognormal", "size_cv": 0.5, "smallest": 3},
    "24 workspaces, CV of sizes 0.5, power near one half": {
        **{"clusters": 24, "mean_size": 30, "sizes": "lognormal", "size_cv": 0.5, "smallest": 3},
        "effect": 0.26,
    },
    "100 workspaces, CV of sizes 0.5": {"clusters": 100, "mean_size": 15, "sizes": "lognormal", "size_cv": 0.5, "smallest": 3},
}

GRAPHS = {
    "40 workspaces, as even as chance has them": EVEN,
    "24 workspaces, CV of sizes 0.5": ClusterWorld(
        **(WORLDS["24 workspaces, CV of sizes 0.5"] | {"missing_share": 0.05, "covariate_r2": 0.3, "covariate_r2_within": 0.3})  # type: ignore[arg-type]
    ),
}


def ties(workspace: np.ndarray, ids: np.ndarray, rng: np.random.Generator) -> hl.Exposure:
    """Every user starts a tie to somebody of another workspace: one to five partners elsewhere, each by chance."""
    partner = rng.integers(0, ids.size, ids.size)
    while (alike := workspace[partner] == workspace).any():
        partner[alike] = rng.integers(0, ids.size, alike.sum())
    edges = pa.table({"source": ids, "target": ids[partner]})
    return hl.Exposure(edges=hl.Edges(data=edges, source="source", target="target"))


def fired(world: ClusterWorld, studies: int, *, graph: bool = False) -> Counter[str]:
    """In how many studies each check, and any check, is at caution or at stop.

    Everything is as it should be: a recorded draw, outcomes that are missing by chance, a measure before the treatment, a negative
    control, use in treated workspaces only; with a graph ties that the treatment does not follow.
    """
    found: Counter[str] = Counter()
    for seed in range(studies):
        rng = np.random.default_rng(seed)
        drawn = world.draw(rng)
        treated, workspace = drawn.table["treated"].to_numpy(), drawn.table["workspace_id"].to_numpy()
        control = rng.normal(0, 1, treated.size) + rng.normal(0, 0.3, world.clusters)[workspace]
        rows = drawn.table.append_column("logins", pa.array(control))
        rows = rows.append_column("used", pa.array(treated * rng.binomial(1, 0.5, treated.size)))
        exposure = ties(workspace, drawn.table["user_id"].to_numpy(), rng) if graph else None
        named = {"unit": "user_id", "cluster": "workspace_id", "treatment": "treated", "uptake": "used"}
        design = hl.ClusterDesign(**named, assignment=drawn.assignment, exposure=exposure)
        metric = hl.Mean("session_minutes", pre="minutes_before")
        lift = hl.analyze(rows, design, [metric], negative_controls=["logins"], bootstrap=0)
        bad = [c for c in lift.checks if c.level != "ok"]
        found.update(f"{c.code} {c.level}" for c in bad)
        found.update({f"any {c.level}" for c in bad})
    return found


def test_healthy_studies_are_rarely_troubled():
    """300 studies: fewer than 3 stops, and fewer than 30 cautions, whichever check they come from."""
    found = fired(EVEN, 300)
    assert found["any stop"] < 3, found
    assert found["any caution"] < 30, found
    assert found["any caution"] > 0, "a check that never fires is none"


@pytest.mark.slow
@pytest.mark.parametrize("name", WORLDS)
def test_rates_of_each_check_in_a_thousand_healthy_studies(name: str):
    """The table in docs/reference/checks.md. Monte Carlo error of a rate of 2 % is 0.4 points, of 6 % 0.8 points."""
    world = ClusterWorld(missing_share=0.05, covariate_r2=0.3, covariate_r2_within=0.3, **WORLDS[name])  # type: ignore[arg-type]
    found = fired(world, 1000)
    print(name, dict(sorted(found.items())))
    assert found["any stop"] < 10
    assert found["any caution"] < 100
    nominal = {"pre_period_balance": 20, "negative_control": 20, "missing_outcome": 10, "size_effect": 15, "cluster_leverage": 0}
    for code, rate in nominal.items():
        assert found[f"{code} caution"] <= rate + 4 * max(rate, 3) ** 0.5, code


def test_healthy_studies_with_a_graph_are_rarely_troubled():
    """30 studies: no stop, and no more than 8 cautions, where 3 of them are due; the chance of 9 is below one in a thousand."""
    found = fired(EVEN, 30, graph=True)
    assert found["any stop"] == 0, found
    assert found["any caution"] <= 8, found


@pytest.mark.slow
@pytest.mark.parametrize("name", GRAPHS)
def test_rates_of_each_check_in_a_thousand_healthy_studies_with_a_graph(name: str):
    """The second table in docs/reference/checks.md."""
    found = fired(GRAPHS[name], 1000, graph=True)
    print(name, dict(sorted(found.items())))
    assert found["any stop"] < 10
    assert found["any caution"] < 100
