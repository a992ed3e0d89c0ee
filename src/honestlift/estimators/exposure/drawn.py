"""Exposure in draws of the actual rule, counted: for rules without a closed form."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from honestlift.design.assignment import Redraw
from honestlift.design.exposure import RuleKind
from honestlift.estimators.exposure.levels import PAIRS, as_words, blocks_of_users, reached
from honestlift.moments.reach import Reach

DRAWS = 512
"""Draws that are looked at together: eight words of bits, one line of the processor's cache."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Drawn:
    """What happened to U users in B draws.

    Attributes:
        level: (U, 4) draws with own arm and exposure 00, 01, 10, 11.
        surrounded: (U, 2) draws in which the own and all partner clusters were control, or treated.
        dose: (U, 2) sum of the treated share of the ties over the draws with the own cluster in control, in treatment.
        draws: their number B.
        every: whether they are all admissible assignments, each once.
    """

    level: NDArray[np.int64]
    surrounded: NDArray[np.int64]
    dose: NDArray[np.float64]
    draws: int
    every: bool


def drawn(redraw: Redraw, reach: Reach, kind: RuleKind, least: float, *, draws: int, rng: np.random.Generator) -> Drawn:
    """Draw the assignment by its rule, and count who is exposed; all admissible assignments if they are no more than ``draws``."""
    blocks, every = redraw.blocks(rng, draws, block=DRAWS * max(redraw.strata.size, 1))
    parts = [(a, b, reach.between(a, b)) for a, b in blocks_of_users(reach.indptr, PAIRS)]
    level = np.zeros((reach.users, 4), dtype=np.int64)
    surrounded = np.zeros((reach.users, 2), dtype=np.int64)
    dose = np.zeros((reach.users, 2))
    count = 0
    for codes in blocks:
        arms = codes.astype(np.bool_)
        words = as_words(arms)
        count += arms.shape[0]
        for first, end, part in parts:
            own, some, every_one, shares = _neighbours(part, words)
            exposed = some if kind in ("any", "fraction") else as_words(reached(part, arms, kind, least))
            level[first:end] += _levels(own, exposed, arms.shape[0])
            surrounded[first:end, 0] += arms.shape[0] - _bits(own | some)
            surrounded[first:end, 1] += _bits(own & every_one)
            dose[first:end] += shares
    return Drawn(level=level, surrounded=surrounded, dose=dose, draws=count, every=every)


def _levels(own: NDArray[np.uint64], exposed: NDArray[np.uint64], draws: int) -> NDArray[np.int64]:
    """(U, 4) draws at each level, from bits."""
    both, mine, reach = _bits(own & exposed), _bits(own), _bits(exposed)
    return np.stack([draws - mine - reach + both, reach - both, mine - both, both], axis=1)


def _neighbours(
    part: Reach, words: NDArray[np.uint64]
) -> tuple[NDArray[np.uint64], NDArray[np.uint64], NDArray[np.uint64], NDArray[np.float64]]:
    """Bits of the draws: own cluster treated, some partner cluster treated, all of them; and the sums of doses by own arm."""
    own = words[part.own]
    some, every_one = np.zeros_like(own), np.full_like(own, ~np.uint64(0))
    shares = np.zeros((part.users, 2))
    tied = np.flatnonzero(part.degree)
    if tied.size:
        starts, degree = part.indptr[:-1][tied], part.degree[tied]
        held = words[part.partner]
        some[tied] = np.bitwise_or.reduceat(held, starts, axis=0)
        every_one[tied] = np.bitwise_and.reduceat(held, starts, axis=0)
        weight = part.weight / np.repeat(np.add.reduceat(part.weight, starts), degree)
        both = weight * _bits(held & np.repeat(own[tied], degree, axis=0))
        alone = weight * _bits(words)[part.partner] - both
        shares[tied] = np.stack([np.add.reduceat(alone, starts), np.add.reduceat(both, starts)], axis=1)
    return own, some, every_one, shares


def _bits(words: NDArray[np.uint64]) -> NDArray[np.int64]:
    """(n,) ones in each row of words."""
    return np.bitwise_count(words).sum(axis=1, dtype=np.int64)
