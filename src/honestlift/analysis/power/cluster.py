"""The power of a cluster study, top to bottom: closed form and simulation, curves, levers, checks, what to do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from honestlift.analysis.power.designs import Designs
from honestlift.analysis.power.levers import Lever, as_table, levers
from honestlift.design.assignment import Redraw, fixed_counts
from honestlift.design.variation import Variation
from honestlift.errors import DesignError
from honestlift.inference.power import Estimand, Formula, clusters_needed, formula, treated_of
from honestlift.inference.simulated_power import Arms, Simulated, simulate_power
from honestlift.proposal import Power
from honestlift.result import Number, Table

WORK = 20_000_000
"""Draws × workspaces of one simulation, a few tenths of a second."""

GRID = 7
"""Numbers of workspaces on the curve of the MDE."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Asked:
    """What was asked of a cluster study.

    Attributes:
        variation: what is known before it.
        effect: effect per user that it is to see; None if none was named.
        spillover: effect on workspaces whose neighbours are treated; None if it is not asked for.
        share: share of the workspaces that is treated.
        target: power wanted.
        level: of the test.
        seed, draws: of every simulation.
        redraw: the rule, where it is not complete randomization.
    """

    variation: Variation
    effect: float | None
    spillover: float | None
    share: float
    target: float
    level: float
    seed: int
    draws: int
    redraw: Redraw | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Found:
    """What was found: rows, tables, and what the words need.

    Attributes:
        rows: a row per estimand and method.
        tables: numbers behind the figures.
        closed: the closed form per user.
        simulated: the simulation per user.
        levers: what would help.
    """

    rows: tuple[Power, ...]
    tables: dict[str, Table]
    closed: Formula
    simulated: Simulated
    levers: list[Lever]


def find(asked: Asked, designs: Designs | None, step: Callable[[str], None]) -> Found:
    """Everything about the power of a cluster study.

    Raises:
        DesignError: if an arm would have fewer than two workspaces, or a number is out of range.
    """
    v = asked.variation
    step("Simulating studies")
    rows: list[Power] = []
    closed = formula(v, share=asked.share)
    simulated = _simulated(asked, v, "itt_user")
    estimands: tuple[Estimand, ...] = ("itt_user", "itt_cluster")
    for estimand in estimands:
        form = closed if estimand == "itt_user" else formula(v, share=asked.share, estimand=estimand)
        drawn = simulated if estimand == "itt_user" else _simulated(asked, v, estimand)
        rows += _pair(asked, estimand, asked.effect, form, drawn)
    if asked.spillover is not None:
        rows += _pair(asked, "spillover", asked.spillover, closed, simulated)
    if designs is not None:
        rows.append(_launch(asked, designs))
    step("Trying what would help")
    found = levers(v, asked.share, lambda changed, share: _mde(asked, changed, share), asked.target, asked.level)
    base = _mde(asked, v, asked.share)
    step("Drawing the curves")
    tables = {
        "power_curve": _curve(asked, closed, simulated),
        "mde_by_clusters": _by_clusters(asked),
        "levers": as_table(found, base),
    }
    if designs is not None:
        tables["designs"] = designs.table()
    return Found(rows=tuple(rows), tables=tables, closed=closed, simulated=simulated, levers=found)


def _arms(asked: Asked, clusters: int, share: float) -> Arms:
    """The rule on as many workspaces; complete randomization where they are not those of the rule."""
    redraw = asked.redraw
    if redraw is None or redraw.clusters != clusters or share != asked.share:
        redraw = fixed_counts(np.zeros(clusters, dtype=np.int64), np.array([treated_of(clusters, share)]))

    def drawn(rng: np.random.Generator, draws: int) -> NDArray[np.bool_]:
        return np.asarray(redraw(rng, draws), dtype=np.bool_)

    return drawn


def _simulated(asked: Asked, variation: Variation, estimand: Estimand, share: float | None = None) -> Simulated:
    """Studies of one variation; every call starts from the seed, so that two variations meet the same luck."""
    part = asked.share if share is None else share
    draws = int(min(asked.draws, max(200, WORK // variation.clusters)))
    rng = np.random.default_rng(asked.seed)
    arms = _arms(asked, variation.clusters, part)
    return simulate_power(variation, arms, rng, draws=draws, estimand=estimand, level=asked.level)


def _mde(asked: Asked, variation: Variation, share: float) -> float:
    """The MDE per user: by the closed form where it holds, else by simulation."""
    closed = formula(variation, share=share)
    if closed.trusted and asked.redraw is None:
        return closed.mde(asked.target, asked.level)
    return _simulated(asked, variation, "itt_user", share).mde(asked.target)


def _pair(asked: Asked, estimand: str, effect: float | None, closed: Formula, drawn: Simulated) -> list[Power]:
    """The closed form and the simulation of one estimand; the one that holds is the answer."""
    trusted = closed.trusted and asked.redraw is None
    needed = _needed(asked, estimand, effect, trusted)
    power = None if effect is None else drawn.power(effect)
    return [
        Power(
            estimand=estimand,
            method="formula",
            effect=effect,
            std_error=closed.std_error,
            df=closed.df,
            mde=closed.mde(asked.target, asked.level),
            power=None if effect is None else closed.power(effect, asked.level),
            clusters_needed=needed if trusted else None,
            trusted=trusted,
            headline=trusted,
        ),
        Power(
            estimand=estimand,
            method="simulated",
            effect=effect,
            std_error=drawn.std_error,
            df=None,
            mde=drawn.mde(asked.target),
            power=power,
            std_error_power=None if power is None else drawn.error(power),
            clusters_needed=None if trusted else needed,
            headline=not trusted,
        ),
    ]


def _needed(asked: Asked, estimand: str, effect: float | None, trusted: bool) -> int | None:
    """Fewest workspaces for the effect: by the closed form, and where that does not hold moved until the simulation has the power."""
    if effect is None:
        return None
    which: Estimand = "itt_cluster" if estimand == "itt_cluster" else "itt_user"
    v = asked.variation
    closed = clusters_needed(v, effect, share=asked.share, target=asked.target, level=asked.level, estimand=which)
    if closed is None or trusted or closed > 5_000:
        return closed
    step = 2 if asked.share == 0.5 else 1

    def enough(clusters: int) -> bool:
        return _simulated(asked, v.with_clusters(clusters), which).power(effect) >= asked.target

    clusters, up = max(closed, 4), 0
    while not enough(clusters) and up < 40:
        clusters, up = clusters + max(step, step * round(clusters * 0.05 / step)), up + 1
    least = max(4, v.covariates + 3)
    while clusters - step >= least and enough(clusters - step):
        clusters -= step
    return clusters if up < 40 else None


def _launch(asked: Asked, designs: Designs) -> Power:
    """The effect of launching, everyone on against everyone off, as the workspaces' arms show it through what leaks."""
    own = designs.find("workspace")
    seen = 1 + own.bias
    error = own.precision.std_error / seen if seen > 0 else float("inf")
    power = None
    if designs.effect is not None:
        form = Formula(std_error=error, df=max(own.precision.clusters - 2 - asked.variation.covariates, 1), trusted=False)
        power = form.power(designs.effect, asked.level)
    return Power(
        estimand="gate",
        method="simulated" if own.precision.simulated else "formula",
        effect=designs.effect,
        std_error=error,
        df=None,
        mde=own.mde_launch,
        power=power,
        trusted=True,
        headline=True,
    )


def _curve(asked: Asked, closed: Formula, drawn: Simulated) -> Table:
    """Power against the effect, per user."""
    top = max(closed.mde(0.99, asked.level), abs(asked.effect or 0.0) * 1.1)
    effects = [top * i / 40 for i in range(41)]
    rows = tuple((x, closed.power(x, asked.level), drawn.power(x)) for x in effects)
    return Table(columns=("effect", "formula", "simulated"), rows=rows)


def _by_clusters(asked: Asked) -> Table:
    """The MDE against the number of workspaces, a fourth to four times as many."""
    v = asked.variation
    tried = {2 * max(2, round(v.clusters * 4.0 ** (2 * i / (GRID - 1) - 1) / 2)) for i in range(GRID)} | {v.clusters}
    rows: list[tuple[Number | bool, ...]] = []
    for clusters in sorted(tried):
        try:
            changed = v.with_clusters(clusters)
            closed, answer = formula(changed, share=asked.share), _mde(asked, changed, asked.share)
        except DesignError:  # too few for an arm, or for the covariates
            continue
        rows.append((clusters, closed.mde(asked.target, asked.level), answer, closed.trusted))
    return Table(columns=("clusters", "formula", "mde", "trusted"), rows=tuple(rows))


def inputs(asked: Asked) -> Mapping[str, Any]:
    """Every number that the answers rest on."""
    v = asked.variation
    treated = treated_of(v.clusters, asked.share)
    return {
        "metric": v.metric,
        "source": v.source,
        "clusters": v.clusters,
        "treated": treated,
        "users": float(v.n.sum()),
        "size": {"mean": float(v.n.mean()), "min": float(v.n.min()), "median": float(np.median(v.n)), "max": float(v.n.max())},
        "size_cv": v.size_cv,
        "mean": v.mean,
        "sd": v.sd,
        "icc": v.icc,
        "r2_between": v.r2_between,
        "r2_within": v.r2_within,
        "r2_strata": v.r2_strata,
        "covariates": v.covariates,
        "design_effect": 1 + (float((v.n**2).sum() / v.n.sum()) - 1) * v.icc,
        "share": asked.share,
        "effect": asked.effect,
        "spillover": asked.spillover,
        "target": asked.target,
        "level": asked.level,
        "rule": "complete randomization" if asked.redraw is None else "as recorded",
    }
