"""One scan of pre-period rows: how an outcome varies between and within workspaces, and what covariates and strata explain of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from honestlift.analysis.requirements import check_units
from honestlift.design.variation import Variation
from honestlift.errors import DataError, DesignError, PlanningError
from honestlift.inference.sandwich import intraclass
from honestlift.moments import scan
from honestlift.moments.profile import ColumnProfile
from honestlift.moments.spec import Spec, Sum
from honestlift.moments.table import LARGEST, Moments
from honestlift.source.connect import Source, connect

MOST_STRATA = 1_000
"""Strata above which they are refused: they could not be randomized within."""


def measure(
    data: Any,
    *,
    cluster: str,
    metric: str,
    covariates: Sequence[str] | str = (),
    strata: Sequence[str] | str = (),
    unit: str | None = None,
) -> Variation:
    """What pre-period data say of the variation that a study will face: sizes, ICC, R² between and within, in one scan for sums.

    Covariates act through their workspace means and the users' distances from these; strata through their means alone. R² are of
    the variance components, 1 − residual/total, with the degrees of freedom that the coefficients take.

    Args:
        data: a Source, or anything that ``connect`` takes; one row per user.
        cluster: column that names the workspace.
        metric: the outcome, measured before the study.
        covariates: numeric columns measured before the outcome, one name or several.
        strata: columns, constant in each workspace, within which arms would be drawn.
        unit: column that names the user; with it, repeated users are refused.

    Returns:
        The variation, for ``power`` and ``design``. Rows that lack the metric or a covariate are left out.

    Raises:
        ColumnError: if a column is missing or ambiguous.
        DataError: if a column cannot be used, or there are too few workspaces or users in them.

    Example:
        >>> found = hl.measure("users.parquet", cluster="workspace_id", metric="session_minutes_obs")
        >>> found.clusters, round(found.icc, 2)
        (50, 0.64)
    """
    source = connect(data)
    given = (covariates,) if isinstance(covariates, str) else tuple(covariates)
    within = (strata,) if isinstance(strata, str) else tuple(strata)
    _check(source, cluster, metric, given, within, unit)
    counts = scan.count_cells(source, [cluster, *within])
    stratum = _strata(counts, cluster, within)
    if unit is not None:
        check_units(source, unit, int(counts.rows.sum()), exact=False)
    measures = (metric, *given)
    profile = scan.profile(source, measures, counts)
    for name in measures:
        _finite(name, profile.columns[name], "outcome" if name == metric else "covariate")
    found = scan.sums(source, Spec.of_outcome(cluster, metric, given, cells=within), profile)
    return _variation(_parts(found, cluster, measures, stratum), metric, given, bool(within), profile.columns[metric])


def _check(source: Source, cluster: str, metric: str, covariates: Sequence[str], strata: Sequence[str], unit: str | None) -> None:
    roles = [
        (cluster, "cluster"),
        (metric, "outcome"),
        *((c, "covariate") for c in covariates),
        *((s, "stratum") for s in strata),
    ]
    roles += [(unit, "unit")] if unit is not None else []
    seen: dict[str, str] = {}
    for name, role in roles:
        source.position(name, role)
        if name in seen:
            raise DesignError.column_in_two_roles(name, seen[name], role)
        seen[name] = role
    for name, role in roles:
        kind = source.kind(name)
        if role in ("outcome", "covariate") and kind not in ("integer", "number", "boolean"):
            raise DataError.not_numeric(name, role, kind)
        if role in ("cluster", "stratum") and kind == "other":
            raise DataError.no_category(name, role)
    if scan.empty(source):
        raise DataError.empty()


def _strata(counts: Moments, cluster: str, strata: Sequence[str]) -> NDArray[np.int64] | None:
    """(K,) stratum of each workspace, in the order of the workspaces' names; refuses what is missing or varies."""
    for name, role in ((cluster, "cluster"), *((s, "stratum") for s in strata)):
        key = counts.keys[name]
        if None in key.labels:
            raise DataError.missing_values(name, role, int(counts.rows[key.codes == key.labels.index(None)].sum()))
    if not strata:
        return None
    key = counts.keys[cluster]
    cells = np.bincount(key.codes, minlength=len(key.labels))
    if cells.max(initial=0) > 1:
        wrong = np.flatnonzero(cells > 1)
        raise DataError.stratum_varies(" × ".join(strata), cluster, int(wrong.size), key.labels[int(wrong[0])])
    pairs = np.stack([counts.keys[s].codes for s in strata], axis=1)
    _, codes = np.unique(pairs, axis=0, return_inverse=True)
    made = np.zeros(len(key.labels), dtype=np.int64)
    made[key.codes] = codes.ravel()
    if int(made.max(initial=0)) >= MOST_STRATA:
        raise DataError.too_many_values(" × ".join(strata), "stratum", int(made.max()) + 1, MOST_STRATA)
    return made


def _finite(name: str, column: ColumnProfile, role: str) -> None:
    if column.infinite:
        raise DataError.infinite(name, role, column.infinite)
    if column.count == 0:
        raise DataError.all_missing(name, role)
    if max(abs(column.low), abs(column.high)) > LARGEST:
        raise DataError.too_large(name, max(abs(column.low), abs(column.high)))
    if column.low == column.high:
        raise DataError.constant(name, role, column.low)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Parts:
    """Sums of m columns, the outcome first, in K workspaces with rows.

    Attributes:
        n: (K,) users.
        means: (K, m) means of the columns about their origins.
        products: (m, m) sums of products about the workspace means, within all workspaces.
        stratum: (K,) stratum of each; None without.
    """

    n: NDArray[np.float64]
    means: NDArray[np.float64]
    products: NDArray[np.float64]
    stratum: NDArray[np.int64] | None


def _parts(found: Moments, cluster: str, measures: Sequence[str], stratum: NDArray[np.int64] | None) -> Parts:
    key, clusters, m = found.keys[cluster], len(found.keys[cluster].labels), len(measures)

    def per_cluster(*factors: str) -> NDArray[np.float64]:
        return np.bincount(key.codes, found.sums[Sum.of(*factors, present=measures)], clusters).astype(np.float64)

    n = per_cluster()
    kept = n > 0
    if int(kept.sum()) < 4 or not float(n.sum()) > kept.sum():
        raise PlanningError.too_few(int(kept.sum()), int(n.sum()))
    total = np.stack([per_cluster(name) for name in measures], axis=1)
    products = np.zeros((m, m))
    for i in range(m):
        for j in range(i, m):
            within = per_cluster(measures[i], measures[j])[kept] - total[kept, i] * total[kept, j] / n[kept]
            products[i, j] = products[j, i] = float(within.sum())
    return Parts(
        n=n[kept],
        means=total[kept] / n[kept, None],
        products=products,
        stratum=None if stratum is None else np.unique(stratum[kept], return_inverse=True)[1].astype(np.int64),
    )


def _variation(parts: Parts, metric: str, covariates: Sequence[str], stratified: bool, column: ColumnProfile) -> Variation:
    """Variance components of the outcome, and of its residual on strata alone and on strata and covariates."""
    n, y = parts.n, parts.means[:, 0]
    whole = intraclass(
        n, n * y, n * y**2 + float(parts.products[0, 0]) / n.size, np.zeros(n.size, dtype=np.int64)
    )  # where the squares within lie does not matter
    if not whole.total > 0:
        raise DataError.constant(metric, "outcome", column.mean)
    dummies = np.zeros((n.size, 0)) if parts.stratum is None else _dummies(parts.stratum)
    strata = _explained(parts, dummies, 0, whole.between, whole.within)
    everything = _explained(parts, dummies, len(covariates), whole.between, whole.within)
    described = [*(["strata"] if stratified else []), *covariates]
    return Variation(
        sizes=tuple(n.tolist()),
        icc=whole.rho,
        sd=float(np.sqrt(whole.total)),
        r2_between=everything[0],
        r2_within=everything[1],
        covariates=dummies.shape[1] + len(covariates),
        mean=float(n @ y / n.sum()) + column.origin,
        r2_strata=strata[0],
        metric=metric,
        source="pre-period data" + (f", with {', '.join(described)}" if described else ""),
    )


def _dummies(stratum: NDArray[np.int64]) -> NDArray[np.float64]:
    return (stratum[:, None] == np.arange(1, int(stratum.max()) + 1)).astype(np.float64)


def _explained(parts: Parts, dummies: NDArray[np.float64], covariates: int, between: float, within: float) -> tuple[float, float]:
    """R² between and within of the workspace means of the first covariates and the dummies, degrees of freedom paid; from 0 to below 1."""
    n, rows, clusters = parts.n, float(parts.n.sum()), parts.n.size
    x = parts.means[:, 1 : 1 + covariates]
    left = float(parts.products[0, 0])
    if covariates:
        xx, xy = parts.products[1 : 1 + covariates, 1 : 1 + covariates], parts.products[1 : 1 + covariates, 0]
        scale = np.sqrt(np.where(np.diag(xx) > 0, np.diag(xx), 1.0))
        slope = np.linalg.lstsq(xx / np.outer(scale, scale), xy / scale, rcond=1e-10)[0]
        left = max(left - float(slope @ (xy / scale)), 0.0)
    free = rows - clusters - covariates
    msw = left / free if free > 0 else within
    design = np.concatenate([np.ones((clusters, 1)), dummies, x], axis=1)
    degrees = clusters - design.shape[1]
    if degrees < 1:
        raise DesignError.out_of_range(
            "covariates", design.shape[1] - 1, f"fewer than {clusters - 1} columns for {clusters} workspaces"
        )
    root = np.sqrt(n)[:, None]
    norm = np.sqrt((design**2 * n[:, None]).sum(axis=0))
    solved = np.linalg.lstsq(design * root / np.where(norm > 0, norm, 1.0), parts.means[:, 0] * root[:, 0], rcond=1e-10)[0]
    residual = parts.means[:, 0] - (design / np.where(norm > 0, norm, 1.0)) @ solved
    msb = float((n * residual**2).sum()) / degrees
    size = (rows - float((n**2).sum()) / rows) / (clusters - 1)
    remains = max(0.0, (msb - msw) / size)
    r2 = [1 - remains / between if between > 0 else 0.0, 1 - msw / within if within > 0 else 0.0]
    return float(np.clip(r2[0], 0.0, 0.999)), float(np.clip(r2[1], 0.0, 0.999))
