"""Cells with a meaning: which cells were exposed, what a cluster knows of its users, and the clusters in an order of their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from honestlift.design.cluster import ClusterDesign
from honestlift.errors import DataError
from honestlift.moments.arms import Arms, rows_without
from honestlift.moments.spec import Sum
from honestlift.moments.table import Key, Label, Moments


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outcome:
    """One outcome's sums in cells of constant arm and exposure; clusters without the outcome are gone.

    Attributes:
        cluster: (C,) index of each cell's cluster, 0 to G−1.
        treated: (C,) whether the cell's cluster is treated.
        exposed: (C,) whether its users are exposed controls; None without an exposure.
        count, total, square: (C,) rows, sum and sum of squares about the origin.
        arm: (G,) whether the cluster is treated.
        stratum: (G,) index of the cluster's stratum, 0 to S−1; None without strata.
        origin: what was taken off every outcome.
    """

    cluster: NDArray[np.int64]
    treated: NDArray[np.bool_]
    exposed: NDArray[np.bool_] | None
    count: NDArray[np.float64]
    total: NDArray[np.float64]
    square: NDArray[np.float64]
    arm: NDArray[np.bool_]
    stratum: NDArray[np.int64] | None
    origin: float

    def __post_init__(self) -> None:
        for array in (self.cluster, self.treated, self.count, self.total, self.square, self.arm):
            array.setflags(write=False)

    @property
    def clusters(self) -> int:
        """Number G of clusters."""
        return self.arm.size

    @property
    def rows(self) -> int:
        """Number N of users with the outcome."""
        return int(self.count.sum())

    def per_cluster(self) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Rows, sum and sum of squares of each cluster, (G,) each."""
        n, s, c = (np.bincount(self.cluster, v, self.clusters).astype(np.float64) for v in (self.count, self.total, self.square))
        return n, s, c


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cells:
    """The table of sums as a cluster experiment sees it.

    Clusters stand in an order made of what is in them, so that neither the order of the rows nor the names of the clusters touch a
    number; only clusters that are equal in every sum of every cell stand in the order of their names.

    Attributes:
        moments: the sums, their cells in the order of the clusters.
        names: (G,) the clusters' labels.
        cluster: (C,) index of each cell's cluster.
        arm: (G,) whether the cluster is treated.
        exposed: (C,) whether the cell's users are exposed controls; None without an exposure.
        stratum: (G,) index of the cluster's stratum; None without strata.
    """

    moments: Moments
    names: tuple[Label, ...]
    cluster: NDArray[np.int64]
    arm: NDArray[np.bool_]
    exposed: NDArray[np.bool_] | None
    stratum: NDArray[np.int64] | None

    def __post_init__(self) -> None:
        for array in (self.cluster, self.arm, *(a for a in (self.exposed, self.stratum) if a is not None)):
            array.setflags(write=False)

    @property
    def treated(self) -> NDArray[np.bool_]:
        """(C,) whether each cell's cluster is treated."""
        return self.arm[self.cluster]

    @property
    def users(self) -> NDArray[np.float64]:
        """(G,) users per cluster."""
        return np.bincount(self.cluster, self.moments.rows, self.arm.size).astype(np.float64)

    def outcome(self, column: str) -> Outcome:
        """The sums of one measured column over the rows where it is present."""
        sums = self.moments.sums
        present = (column,)
        return self.with_sums(
            sums[Sum((), present)],
            sums[Sum((column,), present)],
            sums[Sum((column, column), present)],
            self.moments.origin[column],
        )

    def kept(self, *present: str) -> NDArray[np.bool_]:
        """(G,) whether a cluster has rows with all of these columns: it is then among those of their ``outcome``."""
        return np.bincount(self.cluster, self.moments.sums[Sum((), tuple(sorted(present)))], self.arm.size) > 0

    def means(self, column: str) -> NDArray[np.float64]:
        """(G,) mean of a measured column, about its origin, over the rows where it is present; the other clusters' mean where none is."""
        size, total = (np.bincount(self.cluster, self.moments.sums[Sum(f, (column,))], self.arm.size) for f in ((), (column,)))
        return np.where(size > 0, total / np.maximum(size, 1.0), (total[size > 0] / size[size > 0]).mean())

    def shares(self, count: NDArray[np.float64]) -> NDArray[np.float64]:
        """(G,) share of each cluster's rows, from ``count`` (C,) of each cell's."""
        return np.bincount(self.cluster, count, self.arm.size) / self.users

    def indicator(self, count: NDArray[np.float64]) -> Outcome:
        """A 0/1 outcome that is 1 on ``count`` (C,) of each cell's rows, e.g. that an outcome is missing."""
        return self.with_sums(self.moments.rows.astype(np.float64), count, count, 0.0)

    def with_sums(
        self, count: NDArray[np.float64], total: NDArray[np.float64], square: NDArray[np.float64], origin: float
    ) -> Outcome:
        """An outcome from its count, sum and sum of squares about an origin in every cell, (C,) each."""
        size = np.bincount(self.cluster, count, self.arm.size)
        kept = size > 0
        renumbered = np.cumsum(kept) - 1
        cells = count > 0
        return Outcome(
            cluster=renumbered[self.cluster[cells]],
            treated=self.treated[cells],
            exposed=None if self.exposed is None else self.exposed[cells],
            count=count[cells],
            total=total[cells],
            square=square[cells],
            arm=self.arm[kept],
            stratum=None if self.stratum is None else self.stratum[kept],
            origin=origin,
        )


def as_cells(moments: Moments, design: ClusterDesign, arms: Arms) -> Cells:
    """Give the cells their meaning, and the clusters an order that depends on nothing but their sums.

    Raises:
        DataError: if the exposure is not 0/1, or a stratum varies within a cluster.
    """
    moments, cluster, names = _own_order(moments, design.cluster)
    treatment = moments.keys[design.arm]
    treated = treatment.codes == treatment.labels.index(arms.treated)
    exposed = None
    if design.mark is not None:
        exposed = _is_one(moments.keys[design.mark], design.mark) & ~treated
    return Cells(
        moments=moments,
        names=names,
        cluster=cluster,
        arm=_per_cluster(cluster, treated, len(names)),
        exposed=exposed,
        stratum=_strata(moments, design, cluster, names) if design.strata else None,
    )


def _own_order(moments: Moments, name: str) -> tuple[Moments, NDArray[np.int64], tuple[Label, ...]]:
    """The cells cluster by cluster; each cell's cluster, numbered by rows, sums in the order of the request; and the names."""
    key = moments.keys[name]
    codes, clusters = key.codes, len(key.labels)
    sizes = np.bincount(codes, moments.rows, clusters)
    ranks = [sizes, *(np.bincount(codes, v, clusters) for v in moments.sums.values())]
    order = np.lexsort([*reversed(ranks)])
    if clusters > 1 and np.any(np.all([v[order][1:] == v[order][:-1] for v in ranks], axis=0)):
        order = np.lexsort([np.arange(clusters), *_contents(moments, name), *reversed(ranks)])
    rank = np.empty(clusters, dtype=np.int64)
    rank[order] = np.arange(clusters)
    cells = np.argsort(rank[codes], kind="stable")
    taken = Moments(
        keys={n: Key(codes=k.codes[cells], labels=k.labels) for n, k in moments.keys.items()},
        rows=moments.rows[cells],
        sums={s: v[cells] for s, v in moments.sums.items()},
        origin=moments.origin,
    )
    return taken, rank[codes][cells], tuple(key.labels[int(i)] for i in order)


def _contents(moments: Moments, name: str) -> list[NDArray[np.int64]]:
    """What tells clusters with equal sums apart: the contents of their first cell, of their second, and so on, (G,) each."""
    key = moments.keys[name]
    columns = [k.codes.astype(np.float64) for n, k in moments.keys.items() if n != name]
    content = np.stack([moments.rows.astype(np.float64), *columns, *moments.sums.values()], axis=1)
    _, same = np.unique(content, axis=0, return_inverse=True)
    by_cluster = np.argsort(key.codes, kind="stable")
    codes, same = key.codes[by_cluster], same.ravel()[by_cluster]
    place = np.arange(codes.size) - np.searchsorted(codes, codes, side="left")
    made: list[NDArray[np.int64]] = []
    for i in range(int(place.max(initial=-1)) + 1):
        found = np.full(len(key.labels), -1, dtype=np.int64)
        found[codes[place == i]] = same[place == i]
        made.append(found)
    return made[::-1]


def _strata(moments: Moments, design: ClusterDesign, cluster: NDArray[np.int64], names: tuple[Label, ...]) -> NDArray[np.int64]:
    keys = [moments.keys[name] for name in design.strata]
    for name, key in zip(design.strata, keys, strict=True):
        missing = rows_without(key, moments.rows)
        if missing:
            raise DataError.missing_values(name, "stratum", missing)
    _, codes = np.unique(np.stack([key.codes for key in keys], axis=1), axis=0, return_inverse=True)
    codes = codes.ravel().astype(np.int64)
    stratum = _per_cluster(cluster, codes, len(names))
    wrong = np.unique(cluster[stratum[cluster] != codes])
    if wrong.size:
        raise DataError.stratum_varies(" × ".join(design.strata), design.cluster, int(wrong.size), names[int(wrong[0])])
    return stratum


def _per_cluster(cluster: NDArray[np.int64], values: NDArray[Any], clusters: int) -> NDArray[Any]:
    """A value of each cluster from the values of its cells, which are equal (or else the last one's)."""
    result = np.zeros(clusters, dtype=values.dtype)
    result[cluster] = values
    return result


def _is_one(key: Key, column: str) -> NDArray[np.bool_]:
    labels: Sequence[Label] = key.labels
    if any(isinstance(label, str) or label not in (0, 1) for label in labels):
        raise DataError.not_binary(column, "exposure", labels)
    return np.array([label == 1 for label in labels], dtype=np.bool_)[key.codes]
