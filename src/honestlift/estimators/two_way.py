"""The regression with cluster and period effects, from sums per cluster and period: for comparison, it is biased where effects change."""

from __future__ import annotations

import math

import numpy as np

from honestlift.estimators.waves import Floats, Panel


def two_way(panel: Panel) -> tuple[float, float]:
    """The coefficient of being treated in least squares of the rows on it, cluster effects and period effects, and its CR1 error.

    Clusters are partialled out one by one, periods by one system of T equations. Clusters that are treated already serve as controls
    for those that start later; where effects grow the coefficient is biased, even in sign (Goodman-Bacon 2021, Journal of Econometrics
    225; de Chaisemartin & D'Haultfœuille 2020, American Economic Review 110).

    Args:
        panel: the sums.

    Returns:
        The coefficient and its standard error clustered by cluster; NaN for both where being treated follows from cluster and period.
    """
    n = panel.count
    treated = panel.treated.astype(np.float64)
    mean = np.divide(panel.total, n, out=np.zeros_like(n), where=n > 0)
    rest = _within(treated, n)
    scale = float((n * rest**2).sum())
    if not scale > 1e-9 * float((n * treated).sum()):
        return math.nan, math.nan
    effect = float((n * rest * mean).sum()) / scale
    errors = _within(mean - effect * treated, n)
    scores = (n * rest * errors).sum(axis=1)
    clusters = int((n.sum(axis=1) > 0).sum())
    return effect, math.sqrt(clusters / (clusters - 1) * float((scores**2).sum())) / scale


def _within(values: Floats, n: Floats) -> Floats:
    """(K, T) the residuals of values on cluster and period effects, weighted by rows; a cluster without rows stays as it is."""
    size = n.sum(axis=1)
    share = np.divide(n, size[:, None], out=np.zeros_like(n), where=size[:, None] > 0)
    centred = values - (share * values).sum(axis=1, keepdims=True)
    system = np.diag(n.sum(axis=0)) - share.T @ n
    period = np.asarray(np.linalg.lstsq(system, (n * centred).sum(axis=0), rcond=None)[0], dtype=np.float64)
    return centred - (period - (share @ period)[:, None])
