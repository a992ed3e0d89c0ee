"""Who is tied to which other clusters, as arrays: all that exposure and its probabilities are made of."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Reach:
    """The ties of U users to other clusters than their own, of K clusters: a row per user and partner cluster, user by user.

    Attributes:
        clusters: number K.
        own: (U,) int32 index of the user's cluster.
        indptr: (U + 1,) int64; the rows of user i are indptr[i] to indptr[i + 1].
        partner: (P,) int32 index of another cluster, never the own one; ascending within a user.
        ties: (P,) int32 number of partners (users) there.
        weight: (P,) float64 weight of the ties; the number of them where they have no weights.
        weighted: whether weights differ from the numbers of ties.
    """

    clusters: int
    own: NDArray[np.int32]
    indptr: NDArray[np.int64]
    partner: NDArray[np.int32]
    ties: NDArray[np.int32]
    weight: NDArray[np.float64]
    weighted: bool = False

    def __post_init__(self) -> None:
        for array in (self.own, self.indptr, self.partner, self.ties, self.weight):
            array.setflags(write=False)

    @property
    def users(self) -> int:
        """Number U of users."""
        return int(self.own.size)

    @property
    def degree(self) -> NDArray[np.int64]:
        """(U,) number s of other clusters that the user is tied to."""
        return np.diff(self.indptr)

    def of(self, users: NDArray[np.int64]) -> Reach:
        """The rows of some users, in the order in which they are named."""
        indptr, rows = rows_of(self.indptr, users)
        return replace(
            self, own=self.own[users], indptr=indptr, partner=self.partner[rows], ties=self.ties[rows], weight=self.weight[rows]
        )

    def between(self, first: int, end: int) -> Reach:
        """Users ``first`` to ``end`` (exclusive); nothing is copied but their places."""
        rows = slice(int(self.indptr[first]), int(self.indptr[end]))
        return replace(
            self,
            own=self.own[first:end],
            indptr=self.indptr[first : end + 1] - self.indptr[first],
            partner=self.partner[rows],
            ties=self.ties[rows],
            weight=self.weight[rows],
        )


def rows_of(indptr: NDArray[np.int64], which: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Of a ragged table the places and the rows of some of its members, in the order in which they are named."""
    length = np.diff(indptr)[which]
    places = np.concatenate([[0], np.cumsum(length)]).astype(np.int64)
    return places, np.repeat(indptr[:-1][which] - places[:-1], length) + np.arange(int(places[-1]))
