"""Two-stage designs: workspaces are drawn to saturations, then that share of their users to the treatment.

With ȳ_g(z; a) the mean of the users with own arm z in workspace g of saturation a, every workspace counted once (Hudgens & Halloran 2008,
Journal of the American Statistical Association 103; Baird, Bohren, McIntosh & Özler 2018, Review of Economics and Statistics 100):
DE(a) = mean[ȳ_g(1) − ȳ_g(0)], IE(a, b) = mean_a ȳ_g(0) − mean_b ȳ_g(0), TE(a, b) = mean_a ȳ_g(1) − mean_b ȳ_g(0) and OE(a, b) on ȳ_g.
V(DE) = s²/K_a with K_a − 1 degrees of freedom; the others s²_a/K_a + s²_b/K_b with those of Welch (1947) and Satterthwaite (1946).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Kind = Literal["direct", "indirect", "total", "overall"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TwoStage:
    """Sums of one outcome by workspace and own arm.

    Attributes:
        saturation: (K,) share of users that each workspace was drawn to.
        count: (K, 2) users with the outcome, control and treated.
        total: (K, 2) sum of their outcomes about an origin.
    """

    saturation: Floats
    count: Floats
    total: Floats

    @property
    def levels(self) -> tuple[float, ...]:
        """The saturations, ascending."""
        return tuple(float(s) for s in np.unique(self.saturation))

    def means(self, arm: Literal[0, 1] | None, level: float) -> Floats:
        """Mean of each workspace of a saturation that has users of the arm (None: of either), in their order."""
        at = self.saturation == level
        n = self.count[at].sum(axis=1) if arm is None else self.count[at, arm]
        y = self.total[at].sum(axis=1) if arm is None else self.total[at, arm]
        return y[n > 0] / n[n > 0]

    def pairs(self, level: float) -> Floats:
        """(k, 2) control and treated mean of each workspace of a saturation that has users of both arms."""
        at = (self.saturation == level) & (self.count > 0).all(axis=1)
        return self.total[at] / self.count[at]


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """One effect, with what its share of the mean without it needs.

    Attributes:
        kind: direct, indirect, total or overall.
        high, low: the saturations that are compared; the same for the direct effect.
        estimate, df: the effect about the origin, and its degrees of freedom; NaN where there are fewer than two workspaces.
        mean: what it is compared with, about the origin.
        variance: (2, 2) of mean and effect; NaN where there are fewer than two workspaces.
        clusters: workspaces that it rests on.
    """

    kind: Kind
    high: float
    low: float
    estimate: float
    df: float
    mean: float
    variance: tuple[tuple[float, float], tuple[float, float]]
    clusters: int

    @property
    def std_error(self) -> float:
        """Its standard error."""
        return math.sqrt(self.variance[1][1])


def effects(data: TwoStage) -> list[Effect]:
    """Every effect that the saturations define, those of no workspace left out.

    There is no direct effect at saturations 0 and 1, nobody without the treatment at 1, and nobody with it at 0.
    """
    made = [_direct(data, a) for a in data.levels if 0 < a < 1]
    for kind in ("indirect", "total", "overall"):
        for i, low in enumerate(data.levels):
            made += [_between(data, kind, high, low) for high in data.levels[i + 1 :]]
    return [e for e in made if e is not None]


def _direct(data: TwoStage, level: float) -> Effect | None:
    pairs = data.pairs(level)
    if not pairs.shape[0]:
        return None
    both = np.stack([pairs[:, 0], pairs[:, 1] - pairs[:, 0]])
    mean, effect = both.mean(axis=1).tolist()
    k = pairs.shape[0]
    v = np.cov(both) / k if k > 1 else np.full((2, 2), math.nan)
    return Effect(
        kind="direct", high=level, low=level, estimate=effect, df=k - 1 if k > 1 else math.nan, mean=mean, variance=_as(v), clusters=k
    )  # fmt: skip


def _between(data: TwoStage, kind: Kind, high: float, low: float) -> Effect | None:
    arms: dict[Kind, tuple[Literal[0, 1] | None, Literal[0, 1] | None]]
    arms = {"indirect": (0, 0), "total": (1, 0), "overall": (None, None)}
    above, below = data.means(arms[kind][0], high), data.means(arms[kind][1], low)
    if not above.size or not below.size:
        return None
    mean = float(below.mean())
    v, df = np.full((2, 2), math.nan), math.nan
    if min(above.size, below.size) > 1:
        a, b = float(above.var(ddof=1)) / above.size, float(below.var(ddof=1)) / below.size
        v = np.array([[b, -b], [-b, a + b]])
        df = (a + b) ** 2 / (a**2 / (above.size - 1) + b**2 / (below.size - 1)) if a + b > 0 else above.size + below.size - 2.0
    return Effect(
        kind=kind, high=high, low=low, estimate=float(above.mean()) - mean, df=df, mean=mean, variance=_as(v),
        clusters=int(above.size + below.size),
    )  # fmt: skip


def _as(v: Floats) -> tuple[tuple[float, float], tuple[float, float]]:
    return (float(v[0, 0]), float(v[0, 1])), (float(v[1, 0]), float(v[1, 1]))
