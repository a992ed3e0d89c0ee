"""How workspaces vary before a study: their sizes, how alike their users are, what covariates explain. All that power needs."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from honestlift.errors import DesignError

MOST = 1_000_000
"""Workspaces up to which a study is sized."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Variation:
    """The variation of an outcome between and within workspaces, from pre-period data (``measure``) or from numbers.

    Attributes:
        sizes: users of each workspace, (K,).
        icc: intraclass correlation, the share of the variance that lies between workspaces.
        sd: standard deviation of the outcome, between and within workspaces together.
        r2_between: share of the variance between workspaces that covariates (and strata) explain.
        r2_within: share of the variance within them.
        covariates: number q of coefficients that this takes; each costs a degree of freedom.
        mean: mean of the outcome, for effects as shares of it; None if unknown.
        r2_strata: the part of ``r2_between`` that the strata alone explain.
        metric: name of the outcome.
        source: where the numbers come from.

    Raises:
        DesignError: if a number is out of range.

    Example:
        >>> hl.Variation.of(clusters=50, mean_size=1000, icc=0.5, sd=0.4243).clusters
        50
    """

    sizes: tuple[float, ...]
    icc: float
    sd: float
    r2_between: float = 0.0
    r2_within: float = 0.0
    covariates: int = 0
    mean: float | None = None
    r2_strata: float = 0.0
    metric: str = "outcome"
    source: str = "numbers"

    def __post_init__(self) -> None:
        if not 4 <= len(self.sizes) <= MOST:
            raise DesignError.out_of_range("clusters", len(self.sizes), f"from 4 to {MOST:,} workspaces")
        if not all(math.isfinite(n) and n >= 1 for n in self.sizes):
            raise DesignError.out_of_range("sizes", min(self.sizes), "at least one user in each workspace")
        for name in ("icc", "r2_between", "r2_within", "r2_strata"):
            if not 0 <= getattr(self, name) < (1 if name != "icc" else math.nextafter(1, 2)):
                raise DesignError.out_of_range(name, getattr(self, name), "a share from 0 to below 1")
        if not (math.isfinite(self.sd) and self.sd > 0):
            raise DesignError.out_of_range("sd", self.sd, "a number above 0")
        if self.covariates < 0:
            raise DesignError.out_of_range("covariates", self.covariates, "a whole number from 0 up")

    @classmethod
    def of(  # noqa: PLR0913  each is one number of the planner's
        cls,
        *,
        clusters: int,
        mean_size: float,
        icc: float,
        sd: float,
        size_cv: float = 0.0,
        r2_between: float = 0.0,
        r2_within: float = 0.0,
        covariates: int = 0,
        mean: float | None = None,
        metric: str = "outcome",
    ) -> Variation:
        """From numbers: the sizes are those of a log-normal law with this mean and coefficient of variation, at even quantiles.

        Args:
            clusters: number K of workspaces.
            mean_size: mean number of users in one.
            icc: share of the variance between workspaces.
            sd: standard deviation of the outcome.
            size_cv: coefficient of variation of the sizes, standard deviation over mean.
            r2_between: what covariates explain between workspaces.
            r2_within: what they explain within.
            covariates: number of their coefficients.
            mean: mean of the outcome, if known.
            metric: its name.

        Raises:
            DesignError: if a number is out of range.
        """
        if not (4 <= clusters <= MOST):
            raise DesignError.out_of_range("clusters", clusters, f"from 4 to {MOST:,} workspaces")
        if not (math.isfinite(mean_size) and mean_size >= 1):
            raise DesignError.out_of_range("mean_size", mean_size, "at least one user in a workspace")
        if not (math.isfinite(size_cv) and 0 <= size_cv <= 5):
            raise DesignError.out_of_range("size_cv", size_cv, "a number from 0 to 5")
        return cls(
            sizes=tuple(spread_sizes(clusters, mean_size, size_cv).tolist()),
            icc=icc,
            sd=sd,
            r2_between=r2_between,
            r2_within=r2_within,
            covariates=covariates,
            mean=mean,
            metric=metric,
        )

    @property
    def clusters(self) -> int:
        """Number K of workspaces."""
        return len(self.sizes)

    @property
    def n(self) -> NDArray[np.float64]:
        """(K,) users of each workspace."""
        return np.array(self.sizes, dtype=np.float64)

    @property
    def size_cv(self) -> float:
        """Coefficient of variation of the sizes, with divisor K."""
        return float(self.n.std() / self.n.mean())

    @property
    def between(self) -> float:
        """Variance between workspaces that is left after covariates, τ²(1 − R²_B)."""
        return self.sd**2 * self.icc * (1 - self.r2_between)

    @property
    def within(self) -> float:
        """Variance within workspaces that is left after covariates, σ²_W(1 − R²_W)."""
        return self.sd**2 * (1 - self.icc) * (1 - self.r2_within)

    def with_clusters(self, clusters: int) -> Variation:
        """The same variation in another number of workspaces, whose sizes are spread as these are."""
        if clusters == self.clusters:
            return self
        at = (np.arange(clusters) + 0.5) / clusters * self.clusters
        return replace(self, sizes=tuple(np.sort(self.n)[np.minimum(at.astype(np.int64), self.clusters - 1)].tolist()))


def spread_sizes(clusters: int, mean: float, cv: float) -> NDArray[np.float64]:
    """(K,) sizes at even quantiles of a log-normal law, stretched so that mean and coefficient of variation are kept; at least 1."""
    if cv == 0:
        return np.full(clusters, float(mean))
    law = NormalDist()
    z = np.array([law.inv_cdf((i + 0.5) / clusters) for i in range(clusters)])

    def at(spread: float) -> NDArray[np.float64]:
        made = np.exp(spread * z)
        return made / made.mean() * mean

    low, high = 0.0, 1.0
    while at(high).std() / mean < cv and high < 64:
        high *= 2
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if at(middle).std() / mean < cv else (low, middle)
    return np.maximum(at(high), 1.0)
