"""Users with the same prospects by construction: the same numbers of partners in urns of the same kinds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from honestlift.estimators.exposure.urns import Urns
from honestlift.estimators.exposure.wanted import Wanted, sums


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Groups:
    """Partner clusters by user and urn; those that are coins of one share form one group.

    Attributes:
        indptr: (U + 1,) groups of each user.
        kind: (G,) the kind of urn.
        own: (G,) whether it is the urn of the user's own cluster.
        start: (G + 1,) rows of each group in ``units``.
        units: (P,) whole units of each partner cluster, group by group.
    """

    indptr: NDArray[np.int64]
    kind: NDArray[np.int64]
    own: NDArray[np.bool_]
    start: NDArray[np.int64]
    units: NDArray[np.int64]


def grouped(wanted: Wanted, urns: Urns) -> Groups:
    """The rows of users in groups."""
    user, urn = wanted.user, urns.urn[wanted.partner]
    kind, own = urns.kind[urn], urn == urns.urn[wanted.own][user]
    own &= ~urns.coin[kind]
    kinds, units = urns.size.size, wanted.units
    labels = kinds + urns.kind.size
    key = user * labels + np.where(urns.coin[kind], kind, kinds + urn)  # coins of one kind, or a stratum
    if np.any(key[1:] < key[:-1]):
        order = np.argsort(key, kind="stable")
        key, urn, kind, own, units = key[order], urn[order], kind[order], own[order], units[order]
    first = _first(key)
    single = first & np.append(first[1:], np.ones(min(key.size, 1), dtype=np.bool_)) & ~own
    coin = urns.alone[urn]
    kind = np.where(single, coin, kind)
    key = np.where(single, user * labels + coin, key)
    if np.any(key[1:] < key[:-1]):
        order = np.argsort(key, kind="stable")
        key, kind, own, units = key[order], kind[order], own[order], units[order]
    start = np.flatnonzero(_first(key))
    return Groups(
        indptr=np.searchsorted(start, wanted.indptr),
        kind=kind[start],
        own=own[start],
        start=np.append(start, key.size),
        units=units,
    )


def _first(key: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether a row is the first with its key; rows of one key stand together."""
    return np.append(np.ones(min(key.size, 1), dtype=np.bool_), key[1:] != key[:-1])


def group_hash(groups: Groups, least: NDArray[np.int64]) -> NDArray[np.uint64]:
    """(G,) equal for groups of one kind with the same units, of users who need the same; least: (G,)."""
    content = sums(_mixed(groups.units.astype(np.uint64)), groups.start)
    return _mixed(content ^ _mixed((groups.kind * 2 + groups.own).astype(np.uint64) ^ _mixed(least.astype(np.uint64))))


def user_hash(wanted: Wanted, urns: Urns) -> NDArray[np.uint64]:
    """(U,) equal for users with the same prospects; two others of a million share theirs with a chance of 3e-8."""
    groups = grouped(wanted, urns)
    hashes = group_hash(groups, np.repeat(wanted.least, np.diff(groups.indptr)))
    own = _mixed(urns.kind[urns.urn[wanted.own]].astype(np.uint64))
    return _mixed(sums(_mixed(hashes), groups.indptr) ^ _mixed(own ^ wanted.least.astype(np.uint64)))


def _mixed(x: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Steele, Lea & Flood's finalizer (2014, OOPSLA): each bit of the value depends on all bits."""
    x = (x + np.uint64(0x9E3779B97F4A7C15)) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
