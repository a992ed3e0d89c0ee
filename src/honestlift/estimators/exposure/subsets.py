"""Exact probabilities of exposure where weights have no common unit: every set of treated partner clusters, gone through."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from honestlift.estimators.exposure.closed import contents
from honestlift.estimators.exposure.signature import grouped
from honestlift.estimators.exposure.urns import Urns
from honestlift.estimators.exposure.wanted import Wanted

SMALL = 12
"""Partner clusters up to which their sets are gone through: 4,096 of them."""

SUMS = 1_000_000
"""Users × sets held at one time."""

Pattern = tuple[tuple[int, bool, int], ...]
"""Kind of urn, whether it is the own one, and partner clusters in it."""


def exposed_by_subsets(look: Wanted, held: NDArray[np.float64], least: NDArray[np.float64], urns: Urns) -> NDArray[np.float64]:
    """P(unexposed), P(exposed) of each user given her own arm, (U, 2, 2): own arm, then exposure.

    Args:
        look: the users, with at least one and no more than ``SMALL`` partner clusters each.
        held: (P,) what each partner cluster holds.
        least: (U,) what the treated ones must hold.
        urns: the rule.
    """
    groups = grouped(replace(look, units=np.arange(look.partner.size)), urns)
    number, count = np.diff(groups.start), np.diff(groups.indptr)
    order = np.lexsort((number, groups.own, groups.kind, np.repeat(np.arange(look.users), count)))
    told = list(zip(groups.kind[order].tolist(), groups.own[order].tolist(), number[order].tolist(), strict=True))
    users: dict[Pattern, list[int]] = {}
    for user in range(look.users):
        users.setdefault(tuple(told[groups.indptr[user] : groups.indptr[user + 1]]), []).append(user)
    rank = np.empty_like(order)
    rank[order] = np.arange(order.size)
    rows = groups.units[np.argsort(np.repeat(rank, number), kind="stable")]
    made = np.zeros((look.users, 2, 2))
    for pattern, some in users.items():
        chance = np.stack([_chances(pattern, arm, urns) for arm in (0, 1)])
        step = max(1, SUMS // chance.shape[1])
        mine = np.array(some)
        for part in np.split(mine, np.arange(step, mine.size, step)):
            places = rows[look.indptr[part][:, None] + np.arange(sum(n for _, _, n in pattern))]
            enough = _totals(held[places]) >= least[part][:, None]
            made[part] = np.einsum("ax,bex->bae", chance, np.stack([~enough, enough], axis=1).astype(np.float64))
    return made / made.sum(axis=2, keepdims=True)


def _totals(held: NDArray[np.float64]) -> NDArray[np.float64]:
    """What each set of s partners holds, (n, 2^s), from what each holds, (n, s)."""
    total = np.zeros((held.shape[0], 1))
    for column in held.T:
        total = np.concatenate([total, total + column[:, None]], axis=1)
    return total


def _chances(pattern: Pattern, own: int, urns: Urns) -> NDArray[np.float64]:
    """(2^s,) chance of each set to be the treated ones, given the own arm."""
    chance = np.ones(1)
    for kind, mine, number in pattern:
        size, treated = contents(urns, kind, own if mine else None)
        among = np.zeros(chance.size)  # treated ones of this urn so far
        for i in range(number):
            hit = np.full(among.size, urns.share[kind]) if size == 0 else ((treated - among) / (size - i)).clip(0.0, 1.0)
            chance, among = np.concatenate([chance * (1 - hit), chance * hit]), np.concatenate([among, among + 1])
    return chance
