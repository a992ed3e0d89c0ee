"""Small collaboration graphs, the rules of small designs, and probabilities of exposure by going through every assignment."""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import product

import numpy as np
from numpy.typing import NDArray

from honestlift.design.assignment import Redraw
from honestlift.moments.reach import Reach


def reach_of(clusters: int, own: Iterable[int], ties: Iterable[dict[int, float]], *, weighted: bool = False) -> Reach:
    """A Reach from each user's partner clusters with their ties, or with their weights."""
    rows = [sorted(row.items()) for row in ties]
    flat = [pair for row in rows for pair in row]
    weight = np.array([w for _, w in flat], dtype=np.float64)
    return Reach(
        clusters=clusters,
        own=np.array(list(own), dtype=np.int32),
        indptr=np.cumsum([0, *map(len, rows)]).astype(np.int64),
        partner=np.array([g for g, _ in flat], dtype=np.int32),
        ties=(np.ones(weight.size) if weighted else weight).astype(np.int32),
        weight=weight,
        weighted=weighted,
    )


def rule(strata: list[int], treated: list[int], share: float = 0.5, chosen: list[int] | None = None) -> Redraw:
    """Two arms; treated clusters per stratum, −1 for a coin each."""
    index = np.array(strata, dtype=np.int64)
    size = np.bincount(index, minlength=len(treated))
    counts = [[-1, -1] if t < 0 else [int(n) - t, t] for n, t in zip(size, treated, strict=True)]
    return Redraw(
        arms=("control", "treated"),
        strata=index,
        counts=np.array(counts, dtype=np.int64),
        shares=np.array([1 - share, share]),
        chosen=None if chosen is None else np.array(chosen, dtype=np.int64),
    )


def every_assignment(redraw: Redraw) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """All assignments (B, K) of the clusters told and the probability of each, straight from the definition of the rule."""
    rows, chances = [], []
    for codes in product((False, True), repeat=redraw.strata.size):
        arms, chance = np.array(codes), 1.0
        for stratum, (_, treated) in enumerate(redraw.counts.tolist()):
            here = arms[redraw.strata == stratum]
            if treated < 0:
                chance *= math.prod(redraw.shares[int(a)] for a in here)
            else:
                chance *= (here.sum() == treated) / math.comb(here.size, treated)
        if chance > 0 and (redraw.balance is None or redraw.balance.accepts(arms[None], 2)[0]):
            rows.append(arms if redraw.chosen is None else arms[redraw.chosen])
            chances.append(chance)
    return np.array(rows), np.array(chances) / math.fsum(chances)


def exposed_by_hand(reach: Reach, user: int, arms: NDArray[np.bool_], kind: str, least: float) -> bool:
    """The rule as its words have it, with weights as decimal fractions."""
    rows = range(int(reach.indptr[user]), int(reach.indptr[user + 1]))
    treated = [r for r in rows if arms[reach.partner[r]]]
    if kind == "any":
        return bool(treated)
    if kind == "count":
        return sum(int(reach.ties[r]) for r in treated) >= least
    held, whole = (round(sum(float(reach.weight[r]) for r in some), 9) for some in (treated, rows))
    return bool(treated) and held >= round(least * whole, 9)


def by_brute_force(
    redraw: Redraw, reach: Reach, kind: str, least: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Levels (U, 4), surrounded (U, 2) and dose (U, 2), each assignment looked at by itself."""
    assignments, chances = every_assignment(redraw)
    level, surrounded, dose = np.zeros((reach.users, 4)), np.zeros((reach.users, 2)), np.zeros((reach.users, 2))
    for arms, chance in zip(assignments, chances, strict=True):
        for user in range(reach.users):
            rows = slice(int(reach.indptr[user]), int(reach.indptr[user + 1]))
            own, partners, weight = bool(arms[reach.own[user]]), arms[reach.partner[rows]], reach.weight[rows]
            level[user, 2 * own + exposed_by_hand(reach, user, arms, kind, least)] += chance
            surrounded[user, int(own)] += chance * bool((partners == own).all())
            dose[user, int(own)] += chance * (weight[partners].sum() / weight.sum() if weight.size else 0.0)
    own = np.stack([level[:, :2].sum(axis=1), level[:, 2:].sum(axis=1)], axis=1)
    dose = np.divide(dose, own, out=np.full_like(dose, np.nan), where=own > 0)
    return level, surrounded, np.where(own > 0, dose, dose[:, ::-1])  # where one arm cannot be: that of the other
