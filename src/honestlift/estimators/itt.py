"""The effect of being in a treated cluster (intention to treat): per user, per workspace, and the naive way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from honestlift.estimators.adjusted import Adjustment, Covariate, Form, choose
from honestlift.moments.cells import Outcome
from honestlift.moments.cluster import ClusterMoments, cluster_moments

NAMES = ("control mean", "itt")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MeanContrast:
    """A difference of two means with a closed-form variance.

    Attributes:
        effect: treated minus control.
        control_mean: mean of the control arm.
        covariance: (2, 2) of (control mean, effect).
        df: degrees of freedom.
    """

    effect: float
    control_mean: float
    covariance: NDArray[np.float64]
    df: float


def user_moments(outcome: Outcome, *, strata: bool = False, adjustment: Adjustment | None = None) -> ClusterMoments:
    """Cross-products of y = control mean + itt·D over users: the ITT per user is its slope, whatever the inference.

    Args:
        outcome: the sums.
        strata: add the strata's indicators, centred at their shares of the users and multiplied with D where every stratum has
            two clusters in each arm (else only added), so that the slope stays the effect per user.
        adjustment: add these covariates too, centred in the same way.
    """
    share = outcome.per_cluster()[0]
    extra, names = stratum_columns(outcome, share) if strata else (np.empty((outcome.clusters, 0)), ())
    if adjustment is not None and adjustment.form != "none":
        columns, more = adjustment.columns(outcome.arm, share)
        extra, names = np.concatenate([extra, columns], axis=1), (*names, *more)
    return _moments(outcome, extra, names)


def cluster_mean_moments(outcome: Outcome, *, strata: bool = False, adjustment: Adjustment | None = None) -> ClusterMoments:
    """The same with one row per cluster, its mean: the slope is the ITT per workspace, each workspace counting once.

    Args:
        outcome: the sums.
        strata: as for ``user_moments``, centred at the strata's shares of the workspaces.
        adjustment: as for ``user_moments``, centred at the mean over workspaces.
    """
    n, total, _ = outcome.per_cluster()
    one = np.ones(n.size)
    means = replace(
        outcome,
        cluster=np.arange(n.size, dtype=np.int64),
        treated=outcome.arm,
        exposed=None,
        count=one,
        total=total / n,
        square=(total / n) ** 2,
    )
    return user_moments(means, strata=strata, adjustment=adjustment)


def known_before(
    outcome: Outcome, weight: NDArray[np.float64], *, strata: bool = False, adjustment: Adjustment | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The regressors of ``user_moments`` but intercept and arm, by what the arms do to them.

    Args:
        outcome: the sums.
        weight: (G,) what each cluster counts: its users, or one for ``cluster_mean_moments``.
        strata: as for ``user_moments``.
        adjustment: as for ``user_moments``.

    Returns:
        (G, m) columns that the arms do not touch, and (G, v) those of them that are there once more, multiplied with the arm.
    """
    nobody = np.zeros(outcome.clusters, dtype=np.bool_)
    fixed, varying = [np.empty((outcome.clusters, 0))], [np.empty((outcome.clusters, 0))]
    if strata:
        columns = stratum_columns(outcome, weight)[0]
        plain = columns[:, : columns.shape[1] // 2] if interacts(outcome) else columns
        fixed, varying = [*fixed, plain], [*varying, plain] if interacts(outcome) else varying
    if adjustment is not None and adjustment.form != "none":
        plain = adjustment.columns(nobody, weight)[0][:, : len(adjustment.names)]
        fixed, varying = [*fixed, plain], [*varying, plain] if adjustment.form == "interacted" else varying
    return np.concatenate(fixed, axis=1), np.concatenate(varying, axis=1)


def choose_covariates(outcome: Outcome, covariates: Sequence[Covariate], form: Form, *, strata: bool = False) -> Adjustment:
    """The covariates that an outcome's clusters can bear beside arms and strata, per user and per workspace alike."""
    one = np.ones(outcome.clusters)
    extra = stratum_columns(outcome, one)[0] if strata else np.empty((outcome.clusters, 0))
    base = np.concatenate([np.stack([one, outcome.arm.astype(np.float64)], axis=1), extra], axis=1)
    return choose(covariates, outcome.arm, base, np.stack([outcome.per_cluster()[0], one]), form)


def stratum_columns(outcome: Outcome, weight: NDArray[np.float64]) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Centred indicators of all strata but the first, and their products with the arm where the data allow these.

    Additive indicators alone would weight a stratum by n_s·p_s(1 − p_s); the products undo that (Lin 2013, Ann. Appl. Stat. 7).

    Args:
        outcome: the sums, with strata.
        weight: (G,) what each cluster counts in the shares at which the indicators are centred.

    Returns:
        (G, m) columns and their names.
    """
    stratum = np.zeros(outcome.clusters, dtype=np.int64) if outcome.stratum is None else outcome.stratum
    indicator = (stratum[:, None] == np.unique(stratum)[None, 1:]).astype(np.float64)
    centred = indicator - (weight[:, None] * indicator).sum(axis=0) / weight.sum()
    names = tuple(f"stratum {i + 2}" for i in range(indicator.shape[1]))
    if not interacts(outcome):
        return centred, names
    return np.concatenate([centred, centred * outcome.arm[:, None]], axis=1), (*names, *(f"itt × {name}" for name in names))


def interacts(outcome: Outcome) -> bool:
    """Whether every stratum has at least two clusters in each arm."""
    smaller = _smaller_arm(outcome)
    return bool(smaller.size and smaller.min() >= 2)


def contrasts(outcome: Outcome) -> bool:
    """Whether some stratum has clusters of both arms."""
    return bool((_smaller_arm(outcome) > 0).any())


def _smaller_arm(outcome: Outcome) -> NDArray[np.int64]:
    """Clusters in the smaller arm of each stratum that has clusters; empty without strata."""
    if outcome.stratum is None:
        return np.empty(0, dtype=np.int64)
    counts = [np.bincount(outcome.stratum[outcome.arm == arm], minlength=outcome.stratum.max() + 1) for arm in (True, False)]
    return np.minimum(*counts)[np.unique(outcome.stratum)]


def _moments(outcome: Outcome, extra: NDArray[np.float64], names: tuple[str, ...]) -> ClusterMoments:
    plain = np.stack([np.ones(outcome.treated.size), outcome.treated.astype(np.float64)], axis=1)
    return cluster_moments(
        (*NAMES, *names),
        outcome.cluster,
        np.concatenate([plain, extra[outcome.cluster]], axis=1),
        outcome.count,
        outcome.total,
        outcome.square,
        clusters=outcome.clusters,
        origin=outcome.origin,
    )


def weighted_cluster_means(outcome: Outcome) -> MeanContrast:
    """Least squares of cluster means on the arm, weighted by size: SE² = s²(1/N1 + 1/N0), s² = Σ n_g(ȳ_g − ȳ_arm)²/(K − 2)."""
    n, total, _ = outcome.per_cluster()
    size = np.array([n[~outcome.arm].sum(), n[outcome.arm].sum()])
    means = np.array([total[~outcome.arm].sum(), total[outcome.arm].sum()]) / size
    within = total / n - means[outcome.arm.astype(np.int64)]
    df = n.size - 2
    s2 = float((n * within**2).sum()) / df
    v0, v1 = s2 / size
    return MeanContrast(
        effect=float(means[1] - means[0]),
        control_mean=float(means[0]) + outcome.origin,
        covariance=np.array([[v0, -v0], [-v0, v0 + v1]]),
        df=float(df),
    )
