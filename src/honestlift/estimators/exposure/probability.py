"""How likely each user was to be exposed, in each arm, under the rule that drew the assignment."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from honestlift.design.assignment import Redraw
from honestlift.design.exposure import RuleKind
from honestlift.estimators.exposure.closed import all_given_own, exposed_given_own
from honestlift.estimators.exposure.drawn import drawn
from honestlift.estimators.exposure.levels import SLACK, blocks_of_users
from honestlift.estimators.exposure.signature import Groups, grouped, user_hash
from honestlift.estimators.exposure.subsets import SMALL, exposed_by_subsets
from honestlift.estimators.exposure.urns import Urns, urns_of
from honestlift.estimators.exposure.wanted import Wanted, sums, wanted
from honestlift.moments.reach import Reach

BLOCK = 4_000_000
"""Users × partner clusters held at one time."""

DENSE = 20_000
"""States of the polynomial above which a user's probabilities are drawn: drawing is then the quicker road."""

EQUAL = 1e-11
"""Difference below which two probabilities are one that was rounded twice."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Probabilities:
    """Probabilities of exposure, of U users. Zero means that the rule cannot bring the user there; it is never smoothed.

    Attributes:
        level: (U, 4) P(own control & unexposed), P(own control & exposed), P(own treated & unexposed), P(own treated & exposed).
        surrounded: (U, 2) P(own and all partner clusters control), P(own and all partner clusters treated); without partner clusters
            that of the own arm.
        dose: (U, 2) E[treated share of the ties to other clusters | own control], the same given own treated. Where the rule cannot
            give the user's cluster one of the arms, that of the other stands for both.
        cell: (U,) index of the user's cell. Users of one cell have equal probabilities by construction; after draws with a criterion of
            balance, they would have without the criterion, and differ a little.
        cells: number of cells.
        exact: whether nothing was drawn.
        draws: number of draws (or of all admissible assignments, gone through); 0 where a closed form served all.
        std_error: largest Monte Carlo standard error; 0 if exact. A zero that was drawn is taken as a zero.
    """

    level: NDArray[np.float64]
    surrounded: NDArray[np.float64]
    dose: NDArray[np.float64]
    cell: NDArray[np.int64]
    cells: int
    exact: bool
    draws: int
    std_error: float


def probabilities(
    redraw: Redraw, reach: Reach, kind: RuleKind, least: float, *, draws: int, rng: np.random.Generator
) -> Probabilities:
    """Probabilities of the four levels of exposure under the actual rule of assignment.

    Exact for complete, stratified, paired and Bernoulli draws where what the rule counts can be counted: partners, or weights that are
    multiples of a unit; and, for weights of any size, up to 12 partner clusters. Otherwise (a criterion of balance, more of them) all
    admissible assignments are gone through if they are no more than ``draws``, else so many are drawn (Aronow & Samii 2017, Annals of
    Applied Statistics 11).

    Args:
        redraw: the rule, with two arms, on the clusters of ``reach`` in their order.
        reach: who is tied to which clusters.
        kind: ``any``, ``count``, ``share``; ``fraction`` has the levels of ``any``.
        least: partners, or share of the weight, that the rule asks for.
        draws: draws, where some are needed.
        rng: source of randomness; not used otherwise.

    Raises:
        ValueError: if the rule has more than two arms, or not as many clusters as there are; without a draw.
    """
    if redraw.clusters != reach.clusters:
        raise ValueError(f"The rule is on {redraw.clusters} clusters, the ties on {reach.clusters}. Expected the same clusters.")
    if draws < 1:
        raise ValueError(f"{draws} draws. Expected at least one.")
    urns, look = urns_of(redraw), wanted(reach, kind, least)
    neighbours = look if kind in ("any", "fraction") else wanted(reach, "any", 1.0)
    sorts = _sorts(neighbours, urns)
    level, cell, cells, loose = _levels(look, urns, reach, kind, least, sorts if look is neighbours else None)
    surrounded = _surrounded(sorts, urns)
    closed = Probabilities(
        level=level, surrounded=surrounded, dose=_dose(reach, urns), cell=cell, cells=cells, exact=True, draws=0, std_error=0.0
    )
    if redraw.balance is not None:
        return _by_draws(closed, redraw, reach, kind, least, draws, rng)
    return _mixed(closed, loose, redraw, reach, kind, least, draws, rng) if loose.size else closed


def _levels(
    look: Wanted, urns: Urns, reach: Reach, kind: RuleKind, least: float, sorts: _Sorts | None
) -> tuple[NDArray[np.float64], NDArray[np.int64], int, NDArray[np.int64]]:
    """Level (U, 4), cell (U,), number of cells, and the users for whom nothing is exact, who have NaN and cells of their own."""
    number = np.diff(look.indptr)
    states = np.minimum(look.least, number + 1) * look.least
    open_ = look.loose | ((sums(look.units - 1, look.indptr) > 0) & (states > DENSE))
    counted, few, rest = (np.flatnonzero(w) for w in (~open_, open_ & (number <= SMALL), open_ & (number > SMALL)))
    if sorts is None or counted.size < look.users:
        sorts = _sorts(look if counted.size == look.users else look.of(counted), urns)
    index, users, given = sorts.index, counted[sorts.first], exposed_given_own(sorts.some, sorts.groups, urns)
    if few.size:
        held, need = _held(reach.of(few), kind, least)
        users, given = np.append(users, few), np.concatenate([given, exposed_by_subsets(look.of(few), held, need, urns)])
        index = np.append(index, sorts.first.size + np.arange(few.size))
    own = urns.own[look.own[users]]
    same, code, cells = _one_each((np.stack([1 - own, own], axis=1)[:, :, None] * given).reshape(-1, 4))
    level, cell = np.full((look.users, 4), np.nan), np.zeros(look.users, dtype=np.int64)
    exact = np.append(counted, few)
    level[exact], cell[exact] = same[index], code[index]
    if rest.size:
        _, code = _alike(_as_given(look.of(rest), reach.of(rest), kind), urns)
        cell[rest] = cells + code
        cells += int(code.max()) + 1
    return level, cell, cells, rest


def _held(reach: Reach, kind: RuleKind, least: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(P,) what each partner cluster holds, and (U,) what the treated ones must hold."""
    if kind == "count":
        return reach.ties.astype(np.float64), np.full(reach.users, least)
    user = np.repeat(np.arange(reach.users), reach.degree)
    whole = np.bincount(user, weights=reach.weight, minlength=reach.users).astype(np.float64)
    return reach.weight, least * (1 - SLACK) * whole


def _as_given(look: Wanted, reach: Reach, kind: RuleKind) -> Wanted:
    """Users with their ties as they are, or with each weight as a share of the whole."""
    units = reach.ties.astype(np.int64)
    if kind == "share":
        whole = np.bincount(look.user, weights=reach.weight, minlength=look.users)
        units = np.rint(reach.weight / np.repeat(whole, reach.degree) * 2.0**40).astype(np.int64)
    return replace(look, units=units, partner=reach.partner, indptr=reach.indptr)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Sorts:
    """Users with the same prospects: one of each sort, the sort of each user, and the rows of the ones."""

    first: NDArray[np.int64]
    index: NDArray[np.int64]
    some: Wanted
    groups: Groups


def _sorts(look: Wanted, urns: Urns) -> _Sorts:
    first, index = _alike(look, urns)
    some = look.of(first)
    return _Sorts(first=first, index=index, some=some, groups=grouped(some, urns))


def _alike(look: Wanted, urns: Urns) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """One user of each sort, and the sort of each user."""
    hashes = np.zeros(look.users, dtype=np.uint64)
    for first, end in blocks_of_users(look.indptr, BLOCK):
        hashes[first:end] = user_hash(look.of(np.arange(first, end)), urns)
    _, found, index = np.unique(hashes, return_index=True, return_inverse=True)
    return found, index.ravel()


def _one_each(rows: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.int64], int]:
    """Rows that differ by rounding only become one; with the number of each, in ascending order, and how many there are."""
    codes: list[NDArray[np.int64]] = []
    for column in rows.T:
        order = np.argsort(column, kind="stable")
        code = np.zeros(column.size, dtype=np.int64)
        code[order] = np.append(0, np.cumsum(np.diff(column[order]) > EQUAL))[: column.size]
        codes.append(code)
    _, first, index = np.unique(np.stack(codes, axis=1), axis=0, return_index=True, return_inverse=True)
    index = index.ravel()
    return rows[first][index], index, first.size


def _surrounded(sorts: _Sorts, urns: Urns) -> NDArray[np.float64]:
    own = urns.own[sorts.some.own]
    none = exposed_given_own(sorts.some, sorts.groups, urns)[:, 0, 0]
    every = all_given_own(sorts.some, sorts.groups, urns)[:, 1]
    return np.stack([(1 - own) * none, own * every], axis=1)[sorts.index]


def _dose(reach: Reach, urns: Urns) -> NDArray[np.float64]:
    """E[treated share of the ties | own arm], (U, 2)."""
    made = np.zeros((reach.users, 2))
    for first, end in blocks_of_users(reach.indptr, BLOCK):
        part = reach.between(first, end)
        user = np.repeat(np.arange(part.users), part.degree)
        own, urn = urns.urn[part.own][user], urns.urn[part.partner]
        kind = urns.kind[urn]
        mine = (own == urn) & ~urns.coin[kind]
        whole = np.bincount(user, weights=part.weight, minlength=part.users)
        for arm in (0, 1):
            left = (urns.treated[kind] - arm) / np.maximum(urns.size[kind] - 1, 1)
            chance = np.where(mine, left, urns.share[kind])
            total = np.bincount(user, weights=part.weight * chance, minlength=part.users)
            made[first:end, arm] = np.divide(total, whole, out=np.zeros(part.users), where=whole > 0)
    return _where_possible(made, urns.own[reach.own])


def _where_possible(dose: NDArray[np.float64], own: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(np.stack([own < 1, own > 0], axis=1), dose, dose[:, ::-1])


def _mixed(
    closed: Probabilities,
    loose: NDArray[np.int64],
    redraw: Redraw,
    reach: Reach,
    kind: RuleKind,
    least: float,
    draws: int,
    rng: np.random.Generator,
) -> Probabilities:
    """The closed form for whom there is one, draws for the rest; the draws of users of one cell are put together."""
    found = drawn(redraw, reach.of(loose), kind, least, draws=draws, rng=rng)
    cell = np.unique(closed.cell[loose], return_inverse=True)[1].ravel()
    members = np.bincount(cell)
    share = np.stack([np.bincount(cell, weights=n) / members / found.draws for n in found.level.T], axis=1)
    level = closed.level.copy()
    level[loose] = share[cell]
    return replace(
        closed, level=level, exact=found.every, draws=found.draws, std_error=0.0 if found.every else _error(share, found.draws)
    )


def _by_draws(
    closed: Probabilities,
    redraw: Redraw,
    reach: Reach,
    kind: RuleKind,
    least: float,
    draws: int,
    rng: np.random.Generator,
) -> Probabilities:
    """All from draws of the rule with its criterion."""
    found = drawn(redraw, reach, kind, least, draws=draws, rng=rng)
    level, surrounded = found.level / found.draws, found.surrounded / found.draws
    own = np.stack([found.level[:, :2].sum(axis=1), found.level[:, 2:].sum(axis=1)], axis=1)
    dose = _where_possible(found.dose / np.maximum(own, 1), own[:, 1] / found.draws)
    made = replace(closed, level=level, surrounded=surrounded, dose=dose, exact=found.every, draws=found.draws)
    if not found.every:
        return replace(made, std_error=_error(np.concatenate([level, surrounded], axis=1), found.draws))
    level, cell, cells = _one_each(level)
    return replace(made, level=level, cell=cell, cells=cells)


def _error(share: NDArray[np.float64], draws: int) -> float:
    return float(np.sqrt((share * (1 - share)).max(initial=0.0) / draws))
