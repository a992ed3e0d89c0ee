"""Re-draws of an assignment: one value that draws, counts and enumerates what a rule admits."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from honestlift.design.assignment.balance import Balance
from honestlift.design.assignment.every import choices_of, every
from honestlift.errors import AssignmentError

Codes = NDArray[np.int64 | np.bool_]

BLOCK = 50_000
"""Arms (draws × clusters) held at one time: what is made of them stays in the processor's cache."""

ENUMERABLE = 200_000
"""Draws of the rule without its criterion up to which a rerandomized rule is enumerated."""

HOPELESS = 1_000_000
"""Draws without a single accepted one after which a criterion is given up."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Redraw:
    """A rule on K clusters in a given order. Calling it draws: ``redraw(rng, draws)`` is (draws, K).

    With two arms the draws are booleans, true where the cluster is treated; with more, the code of each cluster's arm, 0 for control.

    Attributes:
        arms: names of the arms by code; control first.
        strata: (K,) index of each cluster's stratum, 0 to S−1. A pair is a stratum.
        counts: (S, A) clusters of each arm in each stratum; a row of −1 where each cluster has a coin of its own.
        shares: (A,) chance of each arm for a coin.
        balance: the criterion of a rerandomized rule.
        acceptance: the share of draws that it is to accept; 1 without.
        chosen: which clusters are told, and in which order; None for all.

    Example:
        >>> import numpy as np
        >>> again = hl.redraws(hl.assign(["a", "b", "c", "d"], hl.Rule(), seed=7))
        >>> again.admissible, again(np.random.default_rng(1), 1000).shape
        (6, (1000, 4))
    """

    arms: tuple[str, ...]
    strata: NDArray[np.int64]
    counts: NDArray[np.int64]
    shares: NDArray[np.float64]
    balance: Balance | None = None
    acceptance: float = 1.0
    chosen: NDArray[np.int64] | None = None

    @property
    def clusters(self) -> int:
        """Number K of clusters that are told."""
        return self.strata.size if self.chosen is None else self.chosen.size

    def __call__(self, rng: np.random.Generator, draws: int) -> Codes:
        """Draws (draws, K), each admissible assignment as likely as the rule makes it.

        Raises:
            AssignmentError: if the criterion accepts nothing.
        """
        if self.balance is None:
            return self._told(_codes(self, rng.random((draws, self.strata.size))))
        kept: list[Codes] = []
        found = tried = 0
        while found < draws:
            step = int(min(max(BLOCK * 10 // self.strata.size, 1), math.ceil((draws - found) / self.acceptance * 1.1) + 8))
            codes = _codes(self, rng.random((step, self.strata.size)))
            codes = codes[self.balance.accepts(codes, len(self.arms))]
            kept, found, tried = [*kept, codes], found + codes.shape[0], tried + step
            if not found and tried > HOPELESS:
                raise AssignmentError.nothing_accepted(tried)
        return self._told(np.concatenate(kept)[:draws])

    def blocks(self, rng: np.random.Generator, draws: int, *, block: int = BLOCK) -> tuple[Iterator[Codes], bool]:
        """Draws in blocks (b, K), and whether they are all admissible assignments, each once, being no more than ``draws``.

        Args:
            rng: source of randomness; not used when the assignments are enumerated.
            draws: number of draws.
            block: arms (draws × clusters) in a block.
        """
        step = max(1, block // max(self.strata.size, 1))
        if self.enumerable and self.admissible <= draws:
            return (self._told(codes) for codes in self._every(step)), True
        return (self(rng, min(step, draws - start)) for start in range(0, draws, step)), False

    @property
    def enumerable(self) -> bool:
        """Whether all admissible assignments are equally likely, and counted rather than guessed."""
        even = bool((self.counts >= 0).all() or (self.shares == self.shares[0]).all())
        return even and (self.balance is None or self._without <= ENUMERABLE)

    @cached_property
    def admissible(self) -> int:
        """Number of assignments that the rule admits; about as many, for a criterion on too many draws to go through."""
        if self.balance is None:
            return self._without
        if self._without > ENUMERABLE:
            return self._without * round(self.acceptance * 10**9) // 10**9
        return sum(codes.shape[0] for codes in self._every(max(1, BLOCK // self.strata.size)))

    def smallest_p(self, draws: int) -> float:
        """The smallest two-sided p-value of a test with so many draws: 2/admissible if each assignment's mirror is one too, else 1."""
        mirrored = len(self.arms) == 2 and bool(
            (self.counts[:, 0] == self.counts[:, 1]).all() and self.shares[0] == self.shares[1]
        )
        smallest = (2 if mirrored else 1) / self.admissible
        return smallest if self.enumerable and self.admissible <= draws else max(smallest, 1 / (draws + 1))

    def given(self, codes: Codes) -> Redraw:
        """The same rule where the numbers that coins gave to each arm are held at those of the actual arms, (K,).

        Given these numbers all arrangements are equally likely: a test against them is exact, and no re-draw leaves an arm empty
        (Hennessy, Dasgupta, Miratrix, Pattanayak & Sarkar 2016, Journal of Causal Inference 4).
        """
        coins = np.flatnonzero(self.counts[:, 0] < 0)
        if self.chosen is not None or not coins.size:
            return self
        counts = self.counts.copy()
        for stratum in coins:
            counts[stratum] = np.bincount(codes[self.strata == stratum].astype(np.int64), minlength=len(self.arms))
        return replace(self, counts=counts)

    @cached_property
    def _without(self) -> int:
        """Number of assignments without the criterion."""
        sizes = np.bincount(self.strata, minlength=self.counts.shape[0]).tolist()
        rows: list[list[int]] = self.counts.tolist()
        return math.prod(choices_of(size, row, len(self.arms)) for size, row in zip(sizes, rows, strict=True))

    def _every(self, step: int) -> Iterator[Codes]:
        """Every admissible assignment once, in blocks."""
        for codes in every(self.strata, self.counts, step):
            typed = codes == 1 if len(self.arms) == 2 else codes
            yield typed if self.balance is None else typed[self.balance.accepts(typed, len(self.arms))]

    def _told(self, codes: Codes) -> Codes:
        return codes if self.chosen is None else codes[:, self.chosen]


def fixed_counts(strata: NDArray[np.int64], treated: NDArray[np.int64]) -> Redraw:
    """Re-draws with a fixed number of treated clusters in each stratum.

    Args:
        strata: (K,) index of each cluster's stratum, 0 to S−1.
        treated: (S,) treated clusters in each stratum.
    """
    size = np.bincount(strata, minlength=treated.size)
    counts = np.stack([size - treated, treated], axis=1).astype(np.int64)
    return Redraw(arms=("control", "treated"), strata=strata, counts=counts, shares=np.array([0.5, 0.5]))


def draw(strata: NDArray[np.int64], treated: NDArray[np.int64], rng: np.random.Generator, draws: int) -> NDArray[np.bool_]:
    """Re-draws of an assignment with a fixed number of treated clusters in each stratum.

    Args:
        strata: (K,) index of each cluster's stratum, 0 to S−1.
        treated: (S,) treated clusters in each stratum.
        rng: source of randomness.
        draws: number B of assignments.

    Returns:
        (B, K) true where the cluster is treated; every admissible assignment is equally likely.
    """
    return fixed_counts(strata, treated)(rng, draws).astype(np.bool_)


def _codes(rule: Redraw, keys: NDArray[np.float64]) -> Codes:
    """The arms that uniform keys (B, K) stand for: within a stratum the smallest keys go to arm 1, the next to arm 2, and so on."""
    two = len(rule.arms) == 2
    codes: Codes = np.zeros(keys.shape, dtype=np.bool_ if two else np.int64)
    size = np.bincount(rule.strata, minlength=rule.counts.shape[0])
    alike = np.unique(np.column_stack([size, rule.counts]), axis=0, return_inverse=True)[1].ravel()
    by_stratum = np.split(np.argsort(rule.strata, kind="stable"), np.cumsum(size)[:-1])
    for group in range(int(alike.max(initial=-1)) + 1):
        strata = np.flatnonzero(alike == group)
        members, row = np.stack([by_stratum[s] for s in strata]), rule.counts[strata[0]]
        if row[0] < 0:
            ends = np.cumsum(rule.shares[1:])
            tossed = np.searchsorted(ends, keys[:, members], side="right") + 1
            codes[:, members] = np.where(tossed > ends.size, 0, tossed)
        elif two and row[1]:
            chosen = np.argpartition(keys[:, members], int(row[1]) - 1, axis=2)[:, :, : row[1]]
            inside = np.zeros((keys.shape[0], *members.shape), dtype=np.bool_)
            np.put_along_axis(inside, chosen, values=True, axis=2)
            codes[:, members] = inside
        elif not two:
            codes[:, members] = _ranked(keys[:, members], row)
    return codes


def _ranked(keys: NDArray[np.float64], row: NDArray[np.int64]) -> NDArray[np.int64]:
    """Codes (B, S, m) from keys of strata with the same counts of each arm."""
    order = np.argsort(keys, axis=2)
    labels = np.concatenate([np.repeat(np.arange(1, row.size), row[1:]), np.zeros(int(row[0]), dtype=np.int64)])
    codes = np.zeros(keys.shape, dtype=np.int64)
    np.put_along_axis(codes, order, np.broadcast_to(labels, keys.shape), axis=2)
    return codes
