"""Before the draw: the clusters of a table with their strata, sizes and means, and how alike the arms came out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from honestlift.analysis.requirements import check_measured
from honestlift.design.assignment import Assignment
from honestlift.errors import AssignmentError, DataError
from honestlift.moments import scan
from honestlift.moments.spec import Spec, Sum
from honestlift.moments.table import Label, Moments
from honestlift.source.connect import Source

SIZE = "size"
"""What the number of users of a cluster is called among its covariates."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Roster:
    """The clusters of a table, as they are before an experiment.

    Attributes:
        names: (K,) clusters as text.
        strata: cluster to stratum; None without strata.
        size: (K,) rows of each cluster: users, where each stands on one row.
        covariates: names of the columns.
        means: (K, q) their means in each cluster; NaN where a cluster has no value.
    """

    names: tuple[str, ...]
    strata: dict[str, str] | None
    size: NDArray[np.float64]
    covariates: tuple[str, ...]
    means: NDArray[np.float64]

    def known(self, covariates: Sequence[str]) -> dict[str, tuple[float, ...]]:
        """Cluster to the values of some covariates, ``size`` among them."""
        columns = np.stack([self._column(name) for name in covariates], axis=1)
        return {name: tuple(row) for name, row in zip(self.names, columns.tolist(), strict=True)}

    def _column(self, name: str) -> NDArray[np.float64]:
        return self.means[:, self.covariates.index(name)] if name in self.covariates else self.size


@dataclass(frozen=True, slots=True, kw_only=True)
class Alikeness:
    """How one covariate came out in one arm.

    Attributes:
        covariate: its name; ``size`` for the users of a cluster.
        arm: the arm.
        mean: mean over the arm's clusters.
        control: mean over the control arm's.
        smd: their difference over the standard deviation over all clusters (divisor K − 1).
        chance: standard deviation of the same over complete draws with these numbers of clusters.
    """

    covariate: str
    arm: str
    mean: float
    control: float
    smd: float
    chance: float


def read_roster(source: Source, cluster: str, strata: Sequence[str], covariates: Sequence[str]) -> Roster:
    """The clusters of a table, from a profile and one exact sum of each covariate.

    Raises:
        ColumnError: if a column is missing.
        DataError: if a cluster or stratum is missing, or a covariate is not a number, infinite or too large.
        AssignmentError: if a cluster is in several strata.
    """
    for name, role in [(cluster, "cluster"), *((s, "stratum") for s in strata), *((c, "covariate") for c in covariates)]:
        source.position(name, role)
    for name in covariates:
        if source.kind(name) not in ("integer", "number", "boolean"):
            raise DataError.not_numeric(name, "covariate", source.kind(name))
    counts = scan.count_cells(source, [cluster, *strata])
    if counts.cells == 0:
        raise DataError.empty()
    for name, role in [(cluster, "cluster"), *((s, "stratum") for s in strata)]:
        key = counts.keys[name]
        if None in key.labels:
            raise DataError.missing_values(name, role, int(counts.rows[key.codes == key.labels.index(None)].sum()))
    names = _names(counts, cluster)
    means = _means(source, cluster, covariates, counts, names) if covariates else np.empty((len(names), 0))
    levels = zip(*(counts.keys[s].values() for s in strata), strict=True)
    return Roster(
        names=names,
        strata={name: " / ".join(str(v) for v in level) for name, level in zip(names, levels, strict=True)} if strata else None,
        size=counts.rows.astype(np.float64),
        covariates=tuple(covariates),
        means=means,
    )


def _names(counts: Moments, cluster: str) -> tuple[str, ...]:
    """The clusters, each in one stratum and each by a text of its own."""
    names = [str(v) for v in counts.keys[cluster].values()]
    if len(set(names)) < len(names):
        repeated = [name for name in dict.fromkeys(names) if names.count(name) > 1]
        raise AssignmentError.cluster_in_strata(len(repeated), repeated[0])
    return tuple(names)


def _means(
    source: Source, cluster: str, covariates: Sequence[str], counts: Moments, names: tuple[str, ...]
) -> NDArray[np.float64]:
    profile = scan.profile(source, list(covariates), counts)
    for name in covariates:
        check_measured(name, ("covariate",), profile.columns[name], "drop")
    sums = tuple(s for name in covariates for s in (Sum.of(present=(name,)), Sum.of(name)))
    moments = scan.sums(source, Spec(cluster, (), sums), profile)
    place = {str(v): i for i, v in enumerate(moments.keys[cluster].values())}
    order = np.array([place[name] for name in names], dtype=np.int64)
    columns: list[NDArray[np.float64]] = []
    for name in covariates:
        n, total = (moments.sums[s][order].astype(np.float64) for s in (Sum.of(present=(name,)), Sum.of(name)))
        columns.append(np.divide(total, n, out=np.full(n.size, np.nan), where=n > 0) + moments.origin[name])
    return np.stack(columns, axis=1)


def alikeness(record: Assignment, roster: Roster) -> tuple[Alikeness, ...]:
    """How alike each arm came out to the control arm, in size and in every covariate of the roster."""
    control, *others = record.rule.names
    arm = np.array([record.assigned[name] for name in roster.names])
    made: list[Alikeness] = []
    for name in (SIZE, *roster.covariates):
        values = roster.size if name == SIZE and SIZE not in roster.covariates else roster.means[:, roster.covariates.index(name)]
        spread = float(np.nanstd(values, ddof=1))
        for other in others:
            one, zero = values[arm == other], values[arm == control]
            gap = float(np.nanmean(one) - np.nanmean(zero))
            made.append(
                Alikeness(
                    covariate=name,
                    arm=other,
                    mean=float(np.nanmean(one)),
                    control=float(np.nanmean(zero)),
                    smd=gap / spread if spread > 0 else 0.0,
                    chance=math.sqrt(1 / one.size + 1 / zero.size),
                )
            )
    return tuple(made)


def users_of(source: Source, unit: str, cluster: str) -> tuple[list[Label], list[str]]:
    """Every user once, and the user's cluster as text.

    Raises:
        DataError: if a user or cluster is missing, or the ids are floating-point numbers.
        AssignmentError: if a user is in several clusters.
    """
    source.position(unit, "unit")
    if source.kind(unit) == "number":
        raise DataError.float_ids(unit)
    counts = scan.count_cells(source, [unit, cluster])
    for name, role in ((unit, "unit"), (cluster, "cluster")):
        key = counts.keys[name]
        if None in key.labels:
            raise DataError.missing_values(name, role, int(counts.rows[key.codes == key.labels.index(None)].sum()))
    users = counts.keys[unit].values()
    repeated = np.flatnonzero(np.bincount(counts.keys[unit].codes) > 1)
    if repeated.size:
        raise AssignmentError.user_in_clusters(int(repeated.size), counts.keys[unit].labels[int(repeated[0])])
    return list(users), [str(v) for v in counts.keys[cluster].values()]
