"""The tables of a study with a collaboration graph: levels of exposure, dose and response, the contamination map, what it adds up to."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from honestlift.analysis.estimates import Answer
from honestlift.analysis.spillover.estimates import Spilled
from honestlift.analysis.spillover.reading import Graph
from honestlift.analysis.tables import FEWEST, MOST_CLUSTERS
from honestlift.errors import DesignError
from honestlift.estimators.exposure.controls import controls, without_dependent
from honestlift.estimators.exposure.people import LEVELS, user_moments
from honestlift.estimators.fit import least_squares
from honestlift.inference.interval import t_interval
from honestlift.inference.sandwich import covariance, satterthwaite, whiten
from honestlift.result import Table

DOSES = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Ends of the ranges of the treated fraction; zero is a range of its own."""

MOST_CODES = 100_000_000
"""Pairs of workspaces up to which each has a place of its own."""

MOST_PAIRS = 10
"""Pairs of workspaces that are told as candidates to be merged."""


def graph_tables(graph: Graph, spilled: Sequence[Spilled], answers: Sequence[Answer], level: float) -> dict[str, Table]:
    """All of them."""
    return {
        "exposure_levels": levels_table(graph, spilled, answers),
        "exposure_strata": strata_table(spilled),
        "dose_response": dose_table(graph, spilled, answers, level),
        "contamination_map": map_table(graph),
        "contamination_pairs": pairs_table(graph),
        "contamination": summary_table(graph),
    }


def levels_table(graph: Graph, spilled: Sequence[Spilled], answers: Sequence[Answer]) -> Table:
    """Users and mean at each of the four levels, how likely each was, and the share of users to whom it could not happen."""
    rows: list[tuple[object, ...]] = []
    people = graph.people
    for found, answer in _pairs(spilled, answers):
        y = graph.outcomes[answer.metric.columns[0]]
        for code, name in enumerate(LEVELS):
            here = found.valid & (people.level == code)
            users = int(here.sum())
            mean = float(y[here].mean() + answer.outcome.origin) if users >= FEWEST else None
            chance = people.chance[found.valid, code]
            rows.append(
                (found.metric, name, users if users >= FEWEST else None, mean, float(chance.mean()), float((chance <= 0).mean()))
            )
    return Table(columns=("metric", "level", "users", "mean", "mean_probability", "share_without"), rows=tuple(rows))


def strata_table(spilled: Sequence[Spilled]) -> Table:
    """Each contrast stratum by stratum, averaged over users; its cells, and the re-draws behind the standard error of the design."""
    columns = ("metric", "estimand", "cells", "equal_chances", "average", "cells_with_both", "share_left_out", "redraws")
    rows: list[tuple[object, ...]] = []
    for found in spilled:
        for estimand, average in found.strata.items():
            held = found.kept[estimand][1]
            cells, exact = int(held.cells.max()) + 1, held.exact
            estimate = average.estimate if average.cells else None
            rows.append(
                (found.metric, estimand, cells, exact, estimate, average.cells, average.left_out, found.draws.get(estimand, 0))
            )
    return Table(columns=columns, rows=tuple(rows))


def dose_table(graph: Graph, spilled: Sequence[Spilled], answers: Sequence[Answer], level: float) -> Table:
    """Mean outcome by arm and treated fraction of the ties elsewhere, among users of equal degree, against untouched controls."""
    columns = ("metric", "arm", "low", "high", "users", "fraction", "estimate", "conf_low", "conf_high")
    rows: list[tuple[object, ...]] = []
    for found, answer in _pairs(spilled, answers):
        y = np.where(found.valid, graph.outcomes[answer.metric.columns[0]], 0.0)
        rows += [(found.metric, *row) for row in _doses(graph, found.valid, y, level)]
    return Table(columns=columns, rows=tuple(rows))


def _doses(graph: Graph, valid: NDArray[np.bool_], y: NDArray[np.float64], level: float) -> list[tuple[object, ...]]:
    people = graph.people
    kept = valid & (people.degree > 0)
    f, on = people.fraction[kept], people.treated[kept]
    dose = np.where(f <= 0, 0, np.searchsorted(DOSES, f, side="left"))
    groups = [(arm, d, (on == arm) & (dose == d)) for arm in (False, True) for d in range(len(DOSES))]
    groups = [(arm, d, here) for arm, d, here in groups if here.sum() >= FEWEST and np.unique(people.own[kept][here]).size > 1]
    if not groups or (groups[0][0], groups[0][1]) != (False, 0):
        return []
    first = np.stack([np.ones(f.size), *(here.astype(np.float64) for _, _, here in groups[1:])], axis=1)
    expected = np.stack([people.chance[kept][:, 2:].sum(axis=1), *people.dose[kept].T], axis=1)
    beside = controls(people.degree[kept], people.degree[kept].astype(np.float64), expected, told=False)
    names = ("mean", *(f"group {i}" for i in range(1, len(groups))), *beside.names)
    x = np.concatenate([first, beside.matrix], axis=1)
    try:
        moments = user_moments(names, people.own[kept], x, y[kept], clusters=people.clusters, origin=0.0)
        white = whiten(least_squares(without_dependent(moments, len(groups))))
    except DesignError:
        return []
    v = covariance(white, "CR2")
    made: list[tuple[object, ...]] = []
    for i, (arm, d, here) in enumerate(groups):
        low, high = (0.0, 0.0) if d == 0 else (DOSES[d - 1], DOSES[d])
        told: tuple[float | None, ...] = (0.0, None, None)
        if i:
            pick = white.fit.contrast(f"group {i}")
            effect = float(pick @ white.fit.theta)
            interval = t_interval(effect, float(max(pick @ v @ pick, 0.0)) ** 0.5, satterthwaite(white, pick), level)
            told = (effect, interval.low, interval.high)
        made.append(("treated" if arm else "control", low, high, int(here.sum()), float(f[here].mean()), *told))
    return made


def shares(graph: Graph) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Per cluster (K,): weight of all its ties, share within it, and share of them that leads to other, treated clusters."""
    reach, k = graph.reach, graph.arm.size
    home = np.repeat(reach.own, reach.degree)
    outside = np.bincount(home, reach.weight, k)
    touched = np.bincount(home, np.where(graph.arm[reach.partner], reach.weight, 0.0), k)
    inside, whole = graph.within, graph.within + outside
    safe = np.where(whole > 0, whole, 1.0)
    return whole.astype(np.float64), inside / safe, touched / safe


def map_table(graph: Graph) -> Table:
    """What leaks out of each workspace: share of its ties within, and to other treated ones; workspaces under ten users left out."""
    users = np.bincount(graph.people.own, minlength=graph.arm.size)
    whole, inside, touched = shares(graph)
    order = np.argsort(inside, kind="stable")
    order = order[(users[order] >= FEWEST) & (whole[order] > 0)]
    if order.size > MOST_CLUSTERS:
        order = order[np.round(np.linspace(0, order.size - 1, MOST_CLUSTERS)).astype(np.int64)]
    chosen: list[int] = order.tolist()
    rows = tuple(
        (
            graph.names[g],
            "treated" if graph.arm[g] else "control",
            int(users[g]),
            float(whole[g]),
            float(inside[g]),
            float(touched[g]),
        )
        for g in chosen
    )
    return Table(columns=("cluster", "arm", "users", "tie_weight", "share_within", "share_to_treated"), rows=rows)


def pairs_table(graph: Graph) -> Table:
    """The pairs of workspaces whose ties leak most: what merging them, or giving them one arm, would keep inside."""
    reach, k = graph.reach, graph.arm.size
    home, partner = np.repeat(reach.own, reach.degree).astype(np.int64), reach.partner.astype(np.int64)
    pair, weight = summed_by(np.minimum(home, partner) * k + np.maximum(home, partner), reach.weight, k * k)
    total = float(reach.weight.sum() + graph.within.sum())
    users = np.bincount(graph.people.own, minlength=k)
    order = np.argsort(-weight, kind="stable")[: 100 * MOST_PAIRS]
    rows: list[tuple[object, ...]] = []
    for i in order.tolist():
        g, h = divmod(int(pair[i]), k)
        if min(users[g], users[h]) >= FEWEST:
            split = bool(graph.arm[g] != graph.arm[h])
            rows.append((graph.names[g], graph.names[h], float(weight[i] / total) if total else 0.0, split))
        if len(rows) == MOST_PAIRS:
            break
    return Table(columns=("cluster", "other", "share_of_all_ties", "in_different_arms"), rows=tuple(rows))


def summed_by(code: NDArray[np.int64], weight: NDArray[np.float64], codes: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The codes that occur, ascending, and the sum of the weights of each."""
    if codes <= MOST_CODES:
        total = np.bincount(code, weight, codes)
        there = np.flatnonzero(total)
        return there.astype(np.int64), total[there].astype(np.float64)
    kept, at = np.unique(code, return_inverse=True)
    return kept.astype(np.int64), np.bincount(at.ravel(), weight, kept.size).astype(np.float64)


def summary_table(graph: Graph) -> Table:
    """What the leakage adds up to, quantity by quantity; see docs/explanation/spillover.md for each."""
    people = graph.people
    on, tied = people.treated, people.degree > 0
    whole, inside, touched = shares(graph)
    users = np.bincount(people.own, minlength=graph.arm.size).astype(np.float64)
    control, p = ~graph.arm, float(on.mean())
    out = whole - inside * whole
    k, treated = graph.arm.size, int(graph.arm.sum())
    among = {arm: float(people.fraction[on == arm].mean()) for arm in (True, False)}
    reach, gap = float(tied.mean()), among[True] - among[False]
    total = float(whole.sum())
    facts: list[tuple[str, float | None]] = [
        ("share_of_ties_between_workspaces", float(out.sum() / total) if total else None),
        ("control_exposure_realized", _mean(touched[control], users[control])),
        ("control_exposure_expected", _mean((1 - inside)[control], users[control], treated / (k - 1))),
        ("control_exposure_by_user_split", p),
        ("share_with_ties_elsewhere", reach),
        ("surrounded_treated", float(people.as_one[on].mean())),
        ("surrounded_control", float(people.as_one[~on].mean())),
        ("fraction_treated", among[True]),
        ("fraction_control", among[False]),
        ("fraction_treated_expected", float(people.dose[:, 1].mean())),
        ("fraction_control_expected", float(people.dose[:, 0].mean())),
        ("itt_per_unit_of_ratio", gap),
        ("gate_per_unit_of_ratio", reach),
        ("break_even_ratio", -1.0 / reach if reach else None),
    ]
    return Table(columns=("quantity", "value"), rows=tuple(facts))


def _mean(values: NDArray[np.float64], weight: NDArray[np.float64], factor: float = 1.0) -> float | None:
    return float(np.sum(values * weight) / weight.sum() * factor) if weight.sum() else None


def _pairs(spilled: Sequence[Spilled], answers: Sequence[Answer]) -> list[tuple[Spilled, Answer]]:
    by_label = {answer.metric.label: answer for answer in answers}
    return [(found, by_label[found.metric]) for found in spilled]
