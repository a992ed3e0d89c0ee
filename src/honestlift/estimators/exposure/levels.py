"""Who is reached by treated clusters: the rule applied to arms, one assignment or thousands."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from honestlift.design.exposure import RuleKind
from honestlift.moments.reach import Reach

SLACK = 1e-9
"""Relative difference below which a share is the one that the rule asks for: three ties of .1 are .3 of 1."""

CELLS = 8_000_000
"""Users × draws held at one time."""

PAIRS = 1 << 17
"""Users × partner clusters held at one time where 64 draws are one word."""

WHOLE_FLOAT32 = 2**24
"""Whole numbers below it are single-precision numbers, each one."""


def reached(reach: Reach, arms: NDArray[np.bool_], kind: RuleKind, least: float) -> NDArray[np.bool_]:
    """Whether the rule counts each user as exposed to the treatment of other clusters.

    Args:
        reach: who is tied to which clusters.
        arms: (K,) whether a cluster is treated, or (B, K) of B assignments.
        kind: ``any`` and ``fraction``: a partner in a treated other cluster; ``count``: at least ``least`` partners there; ``share``: at
            least that share of the weight of the ties to other clusters. Nobody without such ties is exposed.
        least: what the rule asks for.

    Returns:
        (U,), or (B, U).
    """
    draws = np.atleast_2d(np.asarray(arms, dtype=np.bool_))
    made = _any(reach, draws) if kind in ("any", "fraction") else _enough(reach, draws, kind, least)
    return made[0] if np.ndim(arms) == 1 else made


def fraction(reach: Reach, arms: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(U,) treated share of the weight of each user's ties to other clusters; 0 where there are none."""
    matrix = _matrix(reach, reach.weight)
    whole = matrix @ np.ones(reach.clusters)
    return np.divide(matrix @ np.asarray(arms, dtype=np.float64), whole, out=np.zeros(reach.users), where=whole > 0)


def blocks_of_users(indptr: NDArray[np.int64], pairs: int) -> list[tuple[int, int]]:
    """Users in blocks, first and end, of about so many rows of a ragged table each."""
    users = indptr.size - 1
    ends = np.unique(
        np.append(np.searchsorted(indptr, np.arange(pairs, int(indptr[-1]) + pairs, pairs)), users).clip(1, max(users, 1))
    )
    return [(int(a), int(b)) for a, b in zip(np.append(0, ends[:-1]), ends, strict=True)] if users else []


def as_words(draws: NDArray[np.bool_]) -> NDArray[np.uint64]:
    """(K, W) the arms of each cluster in B draws, (B, K), 64 draws a word; what fills up the last word is control."""
    packed = np.packbits(draws.T, axis=1, bitorder="little")
    words = np.zeros((draws.shape[1], -(-draws.shape[0] // 64) * 8), dtype=np.uint8)
    words[:, : packed.shape[1]] = packed
    return words.view(np.uint64)


def _any(reach: Reach, draws: NDArray[np.bool_]) -> NDArray[np.bool_]:
    words, count = as_words(draws), draws.shape[0]
    made = np.zeros((count, reach.users), dtype=np.bool_)
    for first, end in blocks_of_users(reach.indptr, max(PAIRS // max(words.shape[1], 1), 1)):
        rows = slice(int(reach.indptr[first]), int(reach.indptr[end]))
        starts = reach.indptr[first:end] - reach.indptr[first]
        tied = np.flatnonzero(np.diff(reach.indptr[first : end + 1]))
        if tied.size:
            bits = np.bitwise_or.reduceat(words[reach.partner[rows]], starts[tied], axis=0)
            made[:, first + tied] = np.unpackbits(bits.view(np.uint8), axis=1, count=count, bitorder="little").T
    return made


def _enough(reach: Reach, draws: NDArray[np.bool_], kind: RuleKind, least: float) -> NDArray[np.bool_]:
    data = reach.ties.astype(np.float64) if kind == "count" else reach.weight
    whole = _matrix(reach, data) @ np.ones(reach.clusters)
    counted = kind == "count" or not reach.weighted
    if counted and float(whole.max(initial=0.0)) < WHOLE_FLOAT32:
        data = data.astype(np.float32)
    matrix = _matrix(reach, data)
    need = np.full(reach.users, least) if kind == "count" else least * whole * (1 - SLACK)
    need = np.where(whole > 0, need, np.inf)[:, None]
    made = np.zeros((draws.shape[0], reach.users), dtype=np.bool_)
    step = max(1, min(CELLS // max(reach.users, 1), 64))
    for start in range(0, draws.shape[0], step):
        arms = np.ascontiguousarray(draws[start : start + step].T, dtype=data.dtype)
        made[start : start + step] = (matrix @ arms >= need).T
    return made


def _matrix(reach: Reach, data: NDArray[np.float64] | NDArray[np.float32]) -> sparse.csr_array:
    return sparse.csr_array((data, reach.partner, reach.indptr), shape=(reach.users, reach.clusters))
