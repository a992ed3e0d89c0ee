"""All assignments that fixed numbers of arms, or coins, admit: how many, and each once."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import combinations, product

import numpy as np
from numpy.typing import NDArray


def choices_of(size: int, counts: Sequence[int], arms: int) -> int:
    """Number of assignments of one stratum: multinomial, or arms^size where each cluster has a coin."""
    if counts[0] < 0:
        return int(arms) ** int(size)
    left, made = int(size), 1
    for count in counts[1:]:
        made *= math.comb(left, int(count))
        left -= int(count)
    return made


def every(strata: NDArray[np.int64], counts: NDArray[np.int64], step: int) -> Iterator[NDArray[np.int64]]:
    """Every assignment once as codes of arms, in blocks (b, K) of at most ``step``.

    Args:
        strata: (K,) index of each cluster's stratum, 0 to S−1.
        counts: (S, A) clusters of each arm in each stratum; −1 for coins.
        step: assignments in a block.
    """
    fixed = np.zeros(strata.size, dtype=np.int64)
    open_strata: list[tuple[NDArray[np.int64], NDArray[np.int64]]] = []
    for stratum, row in enumerate(counts.tolist()):
        members = np.flatnonzero(strata == stratum)
        chosen = _choices(members.size, row, counts.shape[1])
        if chosen.shape[0] == 1:
            fixed[members] = chosen[0]
        else:
            open_strata.append((members, chosen))
    possible = math.prod(chosen.shape[0] for _, chosen in open_strata)
    for start in range(0, possible, step):
        index = np.arange(start, min(start + step, possible))
        codes = np.tile(fixed, (index.size, 1))
        for members, chosen in open_strata:
            codes[:, members] = chosen[index % chosen.shape[0]]
            index = index // chosen.shape[0]
        yield codes


def _choices(size: int, counts: Sequence[int], arms: int) -> NDArray[np.int64]:
    """All assignments (C, size) of one stratum; those of two arms in the order of ``itertools.combinations``."""
    if size and counts[0] < 0:
        return np.array(list(product(range(arms), repeat=size)), dtype=np.int64)
    made: list[list[int]] = [[0] * size]
    for arm, count in enumerate(counts[1:], start=1):
        longer: list[list[int]] = []
        for row in made:
            left = [i for i, code in enumerate(row) if code == 0]
            for chosen in combinations(left, int(count)):
                inside = set(chosen)
                longer.append([arm if i in inside else code for i, code in enumerate(row)])
        made = longer
    return np.array(made, dtype=np.int64).reshape(len(made), size)
