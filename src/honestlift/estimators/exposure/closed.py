"""Exact probabilities of exposure from urns: what the partners in each urn hold in treated clusters, and the sum over urns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from honestlift.estimators.exposure.signature import Groups, group_hash
from honestlift.estimators.exposure.urns import Urns
from honestlift.estimators.exposure.wanted import Wanted

STATES = 250_000
"""Probabilities held at one time: they stay in the processor's cache."""


def exposed_given_own(wanted: Wanted, groups: Groups, urns: Urns) -> NDArray[np.float64]:
    """P(unexposed), P(exposed) of each user given her own arm, (U, 2, 2): own arm, then exposure.

    Within an urn the number j of treated clusters among the s partners is hypergeometric (binomial for coins), and given j each of
    their C(s, j) subsets is as likely as any other; a polynomial in j and the units treated counts these. Urns are independent.
    All terms are positive: what cannot happen has a probability of exactly zero.
    """
    groups = replace(groups, units=_descending(groups))
    least = np.repeat(wanted.least, np.diff(groups.indptr))
    _, first, index = np.unique(group_hash(groups, least), return_index=True, return_inverse=True)
    made = np.zeros((wanted.users, 2, 2))
    made[:, :, 0] = 1.0
    for need in np.unique(wanted.least).tolist():
        mine = np.flatnonzero((wanted.least == need) & (np.diff(groups.indptr) > 0))
        if not mine.size:
            continue
        here = np.flatnonzero(least[first] == need)
        held = _held(groups, first[here], need, urns)
        place = np.zeros(first.size, dtype=np.int64)
        place[here] = np.arange(here.size)
        step = max(1, STATES * 8 // (need + 1))
        for part in np.split(mine, np.arange(step, mine.size, step)):
            total = _added(held, place[index], groups.indptr, part)
            made[part] = np.stack([total[:, :, :need].sum(axis=2), total[:, :, need]], axis=2)
    return made / made.sum(axis=2, keepdims=True)


def all_given_own(wanted: Wanted, groups: Groups, urns: Urns) -> NDArray[np.float64]:
    """P(all partner clusters treated | own arm), (U, 2); 1 without partners. Each row of ``wanted`` is one partner."""
    number = np.diff(groups.start)
    made = np.ones((wanted.users, 2))
    user = np.repeat(np.arange(wanted.users), np.diff(groups.indptr))
    for arm in (0, 1):
        for kind, own, here in _kinds(groups.kind, groups.own):
            size, treated = contents(urns, kind, arm if own else None)
            most = int(number[here].max())
            chance = (
                np.full(most, urns.share[kind]) if size == 0 else (treated - np.arange(most)).clip(0) / (size - np.arange(most))
            )
            table = np.cumprod(np.append(1.0, chance))
            np.multiply.at(made[:, arm], user[here], table[number[here]])
    return made


def _descending(groups: Groups) -> NDArray[np.int64]:
    """The units of each group, the largest first."""
    group = np.repeat(np.arange(groups.kind.size), np.diff(groups.start))
    return groups.units[np.lexsort((-groups.units, group))]


def _kinds(kind: NDArray[np.int64], own: NDArray[np.bool_]) -> Iterator[tuple[int, bool, NDArray[np.int64]]]:
    """Each kind of urn, the own one apart, with its groups."""
    code = kind * 2 + own
    for value in np.unique(code).tolist():
        yield value // 2, bool(value % 2), np.flatnonzero(code == value)


def contents(urns: Urns, kind: int, own: int | None) -> tuple[int, int]:
    """Clusters of an urn and treated ones among them, without the own cluster if it is the own urn; (0, 0) for coins."""
    size, treated = int(urns.size[kind]), int(urns.treated[kind])
    if size == 0 or own is None:
        return size, treated
    return size - 1, min(max(treated - own, 0), size - 1)  # an own arm that cannot be has no weight in the end


def _held(groups: Groups, which: NDArray[np.int64], need: int, urns: Urns) -> NDArray[np.float64]:
    """P(units treated = x | own arm) of groups, (n, 2, need + 1); the last place is ``need`` and more."""
    number = np.diff(groups.start)[which]
    row, tables = np.zeros(which.size, dtype=np.int64), list[NDArray[np.float64]]()
    most, offset = min(need, int(number.max()) + 1), 0
    for kind, own, here in _kinds(groups.kind[which], groups.own[which]):
        sizes, rank = np.unique(number[here], return_inverse=True)
        row[here] = offset + rank
        arms = [_drawn(*contents(urns, kind, arm if own else None), float(urns.share[kind]), sizes, most) for arm in (0, 1)]
        tables.append(np.stack(arms, axis=1))
        offset += sizes.size
    pmf = np.concatenate(tables)
    larger = np.add.reduceat((groups.units > 1).astype(np.int64), groups.start[:-1])[which]
    made = np.zeros((which.size, 2, need + 1))
    alike = np.flatnonzero(larger == 0)  # as many units as clusters
    made[alike, :, :most] = pmf[row[alike]][:, :, :most]
    made[alike, :, need] = pmf[row[alike]][:, :, most]
    for more in np.unique(larger[larger > 0]).tolist():
        here = np.flatnonzero(larger == more)
        step = max(1, STATES // (most * need))
        for part in np.split(here, np.arange(step, here.size, step)):
            units = groups.units[groups.start[which[part]][:, None] + np.arange(more)]
            subsets, enough = _subsets(units, number[part], most, need)
            chance = pmf[row[part]]
            made[part, :, :need] = np.einsum("baj,bjx->bax", chance[:, :, :most], subsets)
            made[part, :, need] = np.einsum("baj,bj->ba", chance[:, :, :most], enough) + chance[:, :, most]
    return made


def _drawn(size: int, treated: int, share: float, numbers: NDArray[np.int64], most: int) -> NDArray[np.float64]:
    """P(j treated) of so many clusters from an urn, (len(numbers), most + 1); the last place is ``most`` and more.

    One cluster after the other: all terms are positive, and no factorial is rounded.
    """
    j = np.arange(most)
    now = np.zeros(most + 1)
    now[0] = 1.0
    made = np.zeros((numbers.size, most + 1))
    place = {int(number): i for i, number in enumerate(numbers.tolist())}
    for i in range(int(numbers.max()) + 1):
        if i in place:
            made[place[i]] = now
        left = size - i
        if size and left <= 0:
            break
        hit = np.full(most, share) if size == 0 else ((treated - j) / left).clip(0.0, 1.0)
        miss = np.full(most, 1.0 - share) if size == 0 else ((left - treated + j) / left).clip(0.0, 1.0)
        moved = now[:most] * hit
        now[:most] *= miss
        now[1:] += moved
    return made


def _subsets(
    units: NDArray[np.int64], number: NDArray[np.int64], most: int, need: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Of n groups, given that j of the clusters are treated: P(they hold x units), (n, most, need), and P(``need`` or more), (n, most).

    Args:
        units: (n, e) units of those that hold more than one, descending.
        number: (n,) all clusters of the group.
        most: numbers of j, from 0.
        need: numbers of x, from 0.
    """
    more = units.shape[1]
    ones = number - more
    j, x = np.arange(most), np.arange(need)
    made = np.zeros((number.size, most, need))
    made[:, j, j] = j <= ones[:, None]
    for e in range(more):
        chosen = j / (ones + e + 1)[:, None]  # chance that the new one is among j of so many
        before = x - units[:, e][:, None]
        moved = np.take_along_axis(made[:, :-1], before.clip(0)[:, None, :], axis=2) * (before >= 0)[:, None, :]
        made *= (1.0 - chosen).clip(0.0)[:, :, None]
        made[:, 1:] += chosen[:, 1:, None] * moved
    largest = np.concatenate([np.zeros((number.size, 1), dtype=np.int64), np.cumsum(units, axis=1)], axis=1)
    possible = largest[:, np.minimum(j, more)] + (j - more).clip(0) >= need
    return made, np.where(possible, (1.0 - made.sum(axis=2)).clip(0.0), 0.0)


def _added(
    held: NDArray[np.float64], place: NDArray[np.int64], indptr: NDArray[np.int64], users: NDArray[np.int64]
) -> NDArray[np.float64]:
    """P(units treated in all urns = x | own arm) of users, (n, 2, need + 1), from their groups' places in ``held``."""
    first, count = indptr[:-1][users], np.diff(indptr)[users]
    total = held[place[first]]
    need = total.shape[2] - 1
    for r in range(1, int(count.max())):
        here = np.flatnonzero(count > r)
        a, b = total[here], held[place[first[here] + r]]
        beyond = np.cumsum(a[:, :, ::-1], axis=2)  # beyond[x] is the sum of the last x + 1 places
        made = np.zeros_like(a)
        for y in range(need + 1):
            made[:, :, y:need] += a[:, :, : need - y] * b[:, :, y, None]
            made[:, :, need] += beyond[:, :, y] * b[:, :, y]
        total[here] = made
    return total
