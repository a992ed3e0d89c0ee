"""A rule of exposure in whole numbers: how much of what each user must be treated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from honestlift.design.exposure import RuleKind
from honestlift.estimators.exposure.levels import SLACK
from honestlift.moments.reach import Reach, rows_of

Scalar = TypeVar("Scalar", bound=np.generic)
Whole = TypeVar("Whole", np.int64, np.uint64)

SCALES = (1.0, 10.0, 100.0, 1000.0)
"""Weights that these make whole are counted in whole units, as are those that are multiples of the user's smallest."""

LARGEST = 2.0**40
"""Units of weight up to which a user's ties are counted."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Wanted:
    """A user is exposed if the treated clusters among her partners hold ``least`` of her units. Partners that no rule looks at are gone.

    Attributes:
        own: (U,) index of the user's cluster.
        indptr: (U + 1,) rows of each user. A user who can never be exposed has none.
        partner: (P,) index of the other cluster.
        units: (P,) whole units there, at least 1 and no more than ``least``.
        least: (U,) whole units that are asked for, at least 1.
        loose: (U,) users whose weights are no multiples of a unit: what they need cannot be counted.
    """

    own: NDArray[np.int32]
    indptr: NDArray[np.int64]
    partner: NDArray[np.int32]
    units: NDArray[np.int64]
    least: NDArray[np.int64]
    loose: NDArray[np.bool_]

    @property
    def users(self) -> int:
        """Number of users."""
        return int(self.own.size)

    @property
    def user(self) -> NDArray[np.int64]:
        """(P,) the user of each row."""
        return np.repeat(np.arange(self.users), np.diff(self.indptr))

    def of(self, users: NDArray[np.int64]) -> Wanted:
        """The rows of some users, in the order in which they are named."""
        indptr, rows = rows_of(self.indptr, users)
        return Wanted(
            own=self.own[users],
            indptr=indptr,
            partner=self.partner[rows],
            units=self.units[rows],
            least=self.least[users],
            loose=self.loose[users],
        )


def wanted(reach: Reach, kind: RuleKind, least: float) -> Wanted:
    """The rule in whole numbers, in lowest terms, so that users with the same prospects look the same."""
    ones = np.ones(reach.users, dtype=np.int64)
    loose = np.zeros(reach.users, dtype=np.bool_)
    if kind in ("any", "fraction"):
        units, need = np.ones(reach.partner.size, dtype=np.int64), ones
    elif kind == "count":
        units, need = reach.ties.astype(np.int64), ones * int(least)
    else:
        units, loose = _units(reach) if reach.weighted else (reach.ties.astype(np.int64), loose)
        divisor = _by_user(np.gcd, units, reach.indptr, 1)
        units = units // np.repeat(divisor, reach.degree)
        need = np.maximum(np.ceil(least * sums(units, reach.indptr) * (1 - SLACK)).astype(np.int64), 1)
    reachable = loose | (sums(units, reach.indptr) >= need)
    need = np.where(reachable & ~loose, need, 1)
    kept = np.repeat(reachable, reach.degree)
    degree = np.where(reachable, reach.degree, 0)
    return Wanted(
        own=reach.own,
        indptr=np.concatenate([[0], np.cumsum(degree)]).astype(np.int64),
        partner=reach.partner[kept],
        units=np.minimum(units, np.repeat(need, reach.degree))[kept],
        least=need,
        loose=loose,
    )


def sums(values: NDArray[Whole], indptr: NDArray[np.int64]) -> NDArray[Whole]:
    """(U,) sums over the rows of each user, exact (as whole numbers that go round at 2^64)."""
    total = np.zeros(values.size + 1, dtype=values.dtype)
    np.cumsum(values, dtype=values.dtype, out=total[1:])
    made = np.empty(indptr.size - 1, dtype=values.dtype)
    np.subtract(total[indptr[1:]], total[indptr[:-1]], out=made)
    return made


def _units(reach: Reach) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Weights in whole units of each user's own, and the users for whom there are none."""
    smallest = np.repeat(_by_user(np.minimum, reach.weight, reach.indptr, 1.0), reach.degree)
    units, left = np.ones(reach.weight.size, dtype=np.int64), np.ones(reach.users, dtype=np.bool_)
    for scale in (None, *SCALES):
        value = reach.weight / smallest if scale is None else reach.weight * scale
        whole = np.rint(value)
        fits = (np.abs(value - whole) <= SLACK * value) & (whole >= 1) & (whole < LARGEST)
        good = left & _by_user(np.logical_and, fits, reach.indptr, 1)
        units = np.where(np.repeat(good, reach.degree), np.where(fits, whole, 1), units).astype(np.int64)
        left &= ~good
    return units, left


def _by_user(reduce: np.ufunc, values: NDArray[Scalar], indptr: NDArray[np.int64], empty: float) -> NDArray[Scalar]:
    """(U,) a reduction over the rows of each user; ``empty`` for users without any."""
    made = np.full(indptr.size - 1, empty, dtype=values.dtype)
    tied = np.flatnonzero(np.diff(indptr))
    if tied.size:
        made[tied] = reduce.reduceat(values, indptr[:-1][tied])
    return made
