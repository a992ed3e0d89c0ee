"""The synthetic data set of the published tutorials, and their collaboration scenario on top of it, bit for bit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, get_args

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from honestlift.errors import DesignError
from honestlift.simulate.world import Components, World

Baseline = Literal["workspace", "session_minutes", "workspace + session_minutes"]

TIERS = ("light", "medium", "heavy")
WEEKS = 52
WORKSPACES = 50
OPT_IN_EFFECT = 0.08
DIRECT = 0.80
SPILLOVER = 0.20


def published(users: int = 50_000, seed: int = 42, workspaces: int = WORKSPACES) -> World:
    """The users of a product with an AI assistant, who opt in to its agent mode by themselves.

    With the defaults this is the tutorials' table bit for bit. Opting in raises the probability of ``task_completed`` by 0.08
    (less for the 77 users whose probability meets its cap of 0.99), but heavy users opt in more often and complete more anyway.

    Args:
        users: number of rows.
        seed: start of the generator.
        workspaces: number of workspaces; the first half is in wave 1.

    Returns:
        A world of 16 columns; truth per opt-in estimand on ``task_completed``, as a difference of probabilities.

    Raises:
        DesignError: if a number is out of range.
    """
    _at_least("users", users, 1)
    _at_least("seed", seed, 0)
    _at_least("workspaces", workspaces, 2)
    rng = np.random.default_rng(seed)
    columns = _before(users, workspaces, rng)
    columns |= _outcomes(columns, rng)
    truth: dict[str, float] = dict.fromkeys(("ATE", "ATT", "ATC", "ATO", "ATM"), OPT_IN_EFFECT)
    return World(table=pa.Table.from_pydict(columns), truth=truth)


def _before(users: int, workspaces: int, rng: np.random.Generator) -> dict[str, NDArray[Any]]:
    """The eleven columns that come before the outcomes; the order of the draws is part of the data set."""
    tier = rng.choice(TIERS, size=users, p=[0.55, 0.30, 0.15])
    workspace = rng.integers(0, workspaces, size=users)
    week = rng.integers(0, WEEKS, size=users)
    confidence = np.clip(rng.beta(5, 2, size=users), 0.0, 1.0)
    opt_in = rng.binomial(1, np.select([tier == "heavy", tier == "medium"], [0.65, 0.35], 0.12))
    user_id = np.arange(users)
    wave = np.where(2 * workspace < workspaces, 1, 2)
    treatment_week = np.where(wave == 1, 20, 30)
    return {
        "user_id": user_id,
        "workspace_id": workspace,
        "signup_week": week,
        "wave": wave,
        "treatment_week": treatment_week,
        "treated_post": (week >= treatment_week).astype(np.int64),
        "engagement_tier": tier,
        "query_confidence": np.round(confidence, 4),
        "prompt_variant": user_id % 2,
        "routed_to_premium": (confidence < 0.85).astype(np.int64),
        "opt_in_agent_mode": opt_in,
    }


def _outcomes(columns: Mapping[str, NDArray[Any]], rng: np.random.Generator) -> dict[str, NDArray[Any]]:
    """The five outcomes, from the columns so far; the order of the draws is part of the data set."""
    heavy, light = columns["engagement_tier"] == "heavy", columns["engagement_tier"] == "light"
    opt_in, premium = columns["opt_in_agent_mode"], columns["routed_to_premium"]
    users = opt_in.size
    signal = _weekly_signal(rng)[columns["signup_week"]]
    base = np.select([heavy, light], [0.70, 0.35], 0.55) + 0.04 * (columns["wave"] == 1) + 0.04 * columns["prompt_variant"]
    lifts = OPT_IN_EFFECT * opt_in + 0.06 * premium + 0.05 * columns["treated_post"]
    chance: NDArray[np.float64] = np.clip(base + lifts + signal + rng.normal(0.0, 0.015, size=users), 0.01, 0.99)
    completed = rng.binomial(1, chance)
    thumbs_up = rng.binomial(1, np.clip(0.2 + 0.6 * chance + rng.normal(0.0, 0.05, size=users), 0.01, 0.99))
    minutes: NDArray[np.float64] = np.maximum(5 + 3 * heavy + 2 * opt_in + rng.normal(0.0, 1.5, size=users), 0.5)
    stays = 0.4 + 0.35 * chance + 0.1 * thumbs_up - 0.05 * light + rng.normal(0.0, 0.05, size=users)
    return {
        "session_minutes": np.round(minutes, 2),
        "cost_usd": np.round(0.002 * minutes + 0.015 * opt_in + 0.008 * premium, 4),
        "task_completed": completed,
        "thumbs_up": thumbs_up,
        "retained_7d": rng.binomial(1, np.clip(stays, 0.01, 0.99)),
    }


def _weekly_signal(rng: np.random.Generator) -> NDArray[np.float64]:
    """(52,) A first-order autoregression over the weeks, about its mean."""
    signal = np.zeros(WEEKS)
    for week in range(1, WEEKS):
        signal[week] = 0.75 * signal[week - 1] + rng.normal(0.0, 0.010)
    return signal - signal.mean()


def collaboration(users: int = 50_000, seed: int = 42, *, baseline: Baseline = "workspace") -> World:
    """The published collaboration scenario: workspaces 0 to 24 are treated, and control users who opted in are exposed.

    ``session_minutes_obs`` is baseline + 0.80 if treated + 0.20 if exposed + noise. By default the baseline belongs to the
    workspace, and opting in goes with nothing else. In the other two cases a user's own ``session_minutes``, which those who
    opt in have more of, takes the place of the noise: a contrast of exposed with unexposed controls then measures the trait.

    Args:
        users: number of rows, at least 100.
        seed: start of both generators.
        baseline: ``workspace`` (N(5, 0.3²) per workspace, with N(0, 0.3²) noise per user), ``session_minutes`` (the user's
            own, no noise), or ``workspace + session_minutes`` (their sum, no noise).

    Returns:
        The columns of ``published``, then ``treated`` and ``spillover_exposed`` (0/1) and ``session_minutes_obs``; truth of
        ``direct``, ``spillover``, ``gate``, ``itt_user`` and ``itt_cluster``, in minutes.

    Raises:
        DesignError: if an argument is out of range.
    """
    _at_least("users", users, 100)
    if baseline not in get_args(Baseline):
        raise DesignError.out_of_range("baseline", baseline, f"one of {', '.join(get_args(Baseline))}")
    table = published(users, seed).table
    rng = np.random.default_rng(seed)
    intercepts = rng.normal(5.0, 0.30, size=WORKSPACES)
    noise = rng.normal(0.0, 0.30, size=users)
    workspace, opt_in = table["workspace_id"].to_numpy(), table["opt_in_agent_mode"].to_numpy()
    own = intercepts[workspace] if baseline != "session_minutes" else np.zeros(users)
    if baseline != "workspace":
        own = own + table["session_minutes"].to_numpy()
        noise = np.zeros(users)
    treated = (2 * workspace < WORKSPACES).astype(np.int64)
    exposed = (1 - treated) * opt_in
    outcome = own + DIRECT * treated + SPILLOVER * exposed + noise
    for name, values in (("treated", treated), ("spillover_exposed", exposed), ("session_minutes_obs", outcome)):
        table = table.append_column(name, pa.array(values))
    parts = _sum_components(workspace, opt_in, own, noise)
    return World(table=table, truth=parts.truth(), components=parts)


def _sum_components(
    workspace: NDArray[np.int64], opt_in: NDArray[np.int64], own: NDArray[np.float64], noise: NDArray[np.float64]
) -> Components:
    """Sums over the users of each workspace that has any."""
    cell = 2 * workspace + opt_in
    users = np.bincount(cell, minlength=2 * WORKSPACES).reshape(-1, 2)
    there = users.sum(axis=1) > 0
    origin = float(own.mean())

    def by_cell(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.bincount(cell, values, 2 * WORKSPACES).astype(np.float64).reshape(-1, 2)[there]

    return Components(
        treated=(2 * np.arange(WORKSPACES) < WORKSPACES)[there],
        users=users[there],
        baseline=by_cell(own - origin),
        noise=by_cell(noise),
        effect=np.full(int(there.sum()), DIRECT),
        spillover=SPILLOVER,
        origin=origin,
    )


def _at_least(name: str, value: int, least: int) -> None:
    """Refuse a whole number that is too small."""
    if value < least:
        raise DesignError.out_of_range(name, value, f"a whole number from {least} up")
