"""Healthy opt-in studies are left in peace: how often each check fires when nothing is wrong."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pyarrow as pa
import pytest

import honestlift as hl

WORLDS = {
    "2,000 users": {"users": 2_000},
    "2,000 users in 40 workspaces, 0/1": {
        "users": 2_000,
        "workspaces": 40,
        "binary": True,
        "effect": 0.25,
        "push": 0.04,
        "spread": 0.05,
    },
}


def fired(world: hl.simulate.OptInWorld, studies: int) -> Counter[str]:
    """In how many studies each check, and any check, is at caution or at stop.

    Everything is as it should be: 30 % opt in by what was measured, both models are right, the effect is large beside what moves the
    choice, 5 % of the outcomes are missing by chance, covariates were measured in time, and a negative control.
    """
    found: Counter[str] = Counter()
    for seed in range(studies):
        table, rng = world.draw(seed).table, np.random.default_rng([seed, 1])
        n, chose = table.num_rows, table["opt_in"].to_numpy()
        outcome = pa.array(table["outcome"].to_numpy(), mask=rng.random(n) < 0.05)
        table = table.set_column(table.column_names.index("outcome"), "outcome", outcome)
        table = table.append_column("seen_at", pa.array(np.zeros(n, dtype="datetime64[s]")))
        table = table.append_column("opted_at", pa.array(np.ones(n, dtype="datetime64[s]"), mask=chose == 0))
        design = hl.OptInDesign(
            unit="user_id", treatment="opt_in", treatment_time="opted_at", cluster="workspace_id" if world.workspaces else None
        )
        lift = hl.analyze(
            table,
            design,
            ["outcome"],
            covariates=[hl.Covariate("activity", measured_at="seen_at"), "tenure"],
            negative_controls=["outcome_before"],
            bootstrap=0,
        )
        bad = [c for c in lift.checks if c.level != "ok"]
        found.update({f"{c.code.partition(':')[0]} {c.level}" for c in bad})
        found.update({f"any {c.level}" for c in bad})
    return found


def healthy(**options: float) -> hl.simulate.OptInWorld:
    """Thirty per cent opt in; the effect is large beside what moves the choice."""
    return hl.simulate.OptInWorld(**{"adoption": 0.3, "effect": 0.4, "pull": 0.5, "push": 0.1} | options)  # type: ignore[arg-type]


def test_healthy_opt_in_studies_are_rarely_troubled() -> None:
    """30 studies of 1,000 users; at the rates of the table 8 of them have a caution in one of a thousand such runs."""
    found = fired(healthy(users=1_000, effect=0.6), 30)
    assert found["any stop"] == 0, found
    assert found["any caution"] < 8, found


@pytest.mark.slow
@pytest.mark.parametrize("name", WORLDS)
def test_rates_of_each_check_in_a_thousand_healthy_opt_in_studies(name: str) -> None:
    """The table in docs/reference/checks.md. Monte Carlo error of a rate of 2 % is 0.4 points."""
    found = fired(healthy(**WORLDS[name]), 1_000)
    print(name, dict(sorted(found.items())))
    assert found["any stop"] < 10, found
    assert found["any caution"] < 100, found
    nominal = {"negative_control": 20, "missing_outcome": 10, "methods_disagree": 0, "covariate_timing": 0, "fragile": 0}
    for code, rate in nominal.items():
        assert found[f"{code} caution"] <= rate + 4 * max(rate, 3) ** 0.5, code
