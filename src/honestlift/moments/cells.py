"""Cells with a meaning: which arm each cluster is in, which cells were exposed, and the clusters in an order of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from honestlift.design.cluster import ClusterDesign, Treatment
from honestlift.errors import DataError
from honestlift.moments.spec import Sum
from honestlift.moments.table import Key, Label, Moments


@dataclass(frozen=True, slots=True, kw_only=True)
class Arms:
    """Which values of the treatment column are the two arms, and how many rows have another."""

    treated: Label
    control: Label
    others: Mapping[str, int]


def read_arms(counts: Moments, design: ClusterDesign) -> Arms:
    """Find the two arms among the values of the treatment column, and check that whole clusters are in one of them.

    Args:
        counts: rows per cluster × treatment (and more); see ``scan.count_cells``.
        design: names the columns and, if need be, the values of the arms.

    Raises:
        DataError: if the table is empty, a value is missing, the arms cannot be told, an arm is empty, the treatment varies
            within a cluster, or an arm has fewer than two clusters.
    """
    if counts.cells == 0:
        raise DataError.empty()
    roles = {
        design.cluster: "cluster",
        design.arm: "treatment",
        **({design.exposure.column: "exposure"} if design.exposure else {}),
    }
    for name, role in roles.items():
        missing = _rows_without(counts.keys[name], counts.rows)
        if missing:
            raise DataError.missing_values(name, role, missing)
    key = counts.keys[design.arm]
    treated, control = _arm_values(key, design)
    rows = {label: int(counts.rows[key.codes == code].sum()) for code, label in enumerate(key.labels)}
    others = {str(label): n for label, n in rows.items() if label not in (treated, control)}
    _check_clusters(counts, design, treated, control)
    return Arms(treated=treated, control=control, others=others)


def _arm_values(key: Key, design: ClusterDesign) -> tuple[Label, Label]:
    if isinstance(design.treatment, Treatment):
        named = {"treated": design.treatment.treated, "control": design.treatment.control}
        found: dict[str, Label] = {}
        for arm, value in named.items():
            hits = [label for label in key.labels if label == value or str(label) == str(value)]
            if not hits:
                raise DataError.arm_empty(design.arm, arm, value, key.labels)
            found[arm] = hits[0]
        return found["treated"], found["control"]
    if any(isinstance(label, str) or label not in (0, 1) for label in key.labels):
        raise DataError.treatment_not_binary(design.arm, key.labels)
    for arm, value in (("treated", 1), ("control", 0)):
        if value not in key.labels:
            raise DataError.arm_empty(design.arm, arm, value, key.labels)
    return (next(label for label in key.labels if label == 1), next(label for label in key.labels if label == 0))


def _check_clusters(counts: Moments, design: ClusterDesign, treated: Label, control: Label) -> None:
    clusters, arm = counts.keys[design.cluster], counts.keys[design.arm]
    in_arm = {
        value: np.bincount(clusters.codes[arm.codes == arm.labels.index(value)], minlength=len(clusters.labels)) > 0
        for value in (treated, control)
    }
    both = np.flatnonzero(in_arm[treated] & in_arm[control])
    if both.size:
        raise DataError.treatment_varies(design.arm, design.cluster, int(both.size), clusters.labels[int(both[0])])
    sizes = int(in_arm[treated].sum()), int(in_arm[control].sum())
    if min(sizes) < 2:
        raise DataError.too_few_clusters(design.cluster, *sizes)


def _rows_without(key: Key, rows: NDArray[np.int64]) -> int:
    return int(rows[key.codes == key.labels.index(None)].sum()) if None in key.labels else 0


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
        return self._outcome(
            sums[Sum((), present)],
            sums[Sum((column,), present)],
            sums[Sum((column, column), present)],
            self.moments.origin[column],
        )

    def indicator(self, count: NDArray[np.float64]) -> Outcome:
        """A 0/1 outcome that is 1 on ``count`` (C,) of each cell's rows, e.g. that an outcome is missing."""
        return self._outcome(self.moments.rows.astype(np.float64), count, count, 0.0)

    def _outcome(
        self, count: NDArray[np.float64], total: NDArray[np.float64], square: NDArray[np.float64], origin: float
    ) -> Outcome:
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
    if design.exposure is not None:
        exposed = _is_one(moments.keys[design.exposure.column], design.exposure.column) & ~treated
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
        missing = _rows_without(key, moments.rows)
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
