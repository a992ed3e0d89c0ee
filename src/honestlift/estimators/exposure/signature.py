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
    label = np.where(urns.coin[kind], kind, urns.size.size + urn)  # coins of one kind, or a stratum
    units = wanted.units
    if np.any(label != label[:1]):
        labels = urns.size.size + urns.kind.size
        key = user * labels + label
        _, index, count = np.unique(key, return_inverse=True, return_counts=True)
        single = (count[index] == 1) & ~own
        label = np.where(single, urns.alone[urn], label)
        kind = np.where(single, urns.alone[urn], kind)
        order = np.argsort(user * labels + label, kind="stable")
        user, kind, own, units, label = user[order], kind[order], own[order], units[order], label[order]
    else:
        single = (np.diff(wanted.indptr) == 1)[user] & ~own
        kind = np.where(single, urns.alone[urn], kind)
    first = np.flatnonzero(
        np.concatenate([np.ones(min(user.size, 1), dtype=np.bool_), (user[1:] != user[:-1]) | (label[1:] != label[:-1])])
    )
    return Groups(
        indptr=np.searchsorted(user[first], np.arange(wanted.users + 1)),
        kind=kind[first],
        own=own[first],
        start=np.append(first, user.size),
        units=units,
    )


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
