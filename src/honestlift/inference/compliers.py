"""Intervals for the effect on compliers: 2SLS with any cluster-robust covariance, and Anderson and Rubin's, which no weak use breaks."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from honestlift.estimators.compliers import NAME, ComplierFit
from honestlift.inference.interval import t_interval, t_quantile
from honestlift.inference.sandwich import Kind, adjusted_scores, covariance, satterthwaite, whiten
from honestlift.result import Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstStage:
    """The arm's effect on use.

    Attributes:
        effect: treated minus control share of users.
        std_error: CR2.
        df: Satterthwaite's.
        f: squared t; infinite where use follows the arm exactly.
    """

    effect: float
    std_error: float
    df: float
    f: float


def complier_interval(fit: ComplierFit, kind: Kind, level: float) -> Interval:
    """Interval of the effect on compliers; CR2 with Satterthwaite df for the contrast in the instruments' coordinates, else t(G − 1)."""
    white = whiten(fit.fit)
    error = math.sqrt(max(float(fit.contrast @ covariance(white, kind) @ fit.contrast), 0.0))
    df = satterthwaite(white, fit.contrast) if kind == "CR2" else fit.fit.clusters - 1.0
    return t_interval(fit.effect, error, df, level)


def first_stage(fit: ComplierFit) -> FirstStage:
    """The arm's effect on use with the headline's inference."""
    white, pick = whiten(fit.use), fit.use.contrast(NAME)
    effect, variance = float(pick @ fit.use.theta), float(pick @ covariance(white, "CR2") @ pick)
    f = effect**2 / variance if variance > 1e-24 else math.inf
    return FirstStage(effect=effect, std_error=math.sqrt(max(variance, 0.0)), df=satterthwaite(white, pick), f=f)


def anderson_rubin(fit: ComplierFit, level: float) -> Interval:
    """The effects r at which the arm does not move y − r·use: {r: |ITT_y − r·ITT_use| ≤ t·SE_CR2(y − r·use)}.

    Anderson & Rubin (1949), Annals of Mathematical Statistics 20. The scores of y − r·use are linear in r, so the set holds where a
    quadratic is not positive. It is right however weak the effect on use; then it is unbounded, and both ends are infinite.
    """
    pick = fit.outcome.contrast(NAME)
    white = whiten(fit.outcome)
    down = white.loading.T @ pick
    y, u = (adjusted_scores(whiten(f), 0.5) @ down for f in (fit.outcome, fit.use))
    effect, use = float(pick @ fit.outcome.theta), float(pick @ fit.use.theta)
    df = satterthwaite(white, pick)
    square = t_quantile(df, level) ** 2
    v_y, v_yu, v_u = (float(np.einsum("g,g->", a, b)) for a, b in ((y, y), (y, u), (u, u)))
    p_value = t_interval(effect, math.sqrt(v_y), df, level).p_value  # r = 0: the effect on the outcome itself
    a, b, c = use**2 - square * v_u, -(effect * use - square * v_yu), effect**2 - square * v_y
    root = b * b - a * c
    if not a > 0 or not root >= 0:
        return Interval(std_error=math.nan, df=df, p_value=p_value, low=-math.inf, high=math.inf, level=level)
    low, high = (-b - math.sqrt(root)) / a, (-b + math.sqrt(root)) / a
    return Interval(std_error=math.nan, df=df, p_value=p_value, low=low, high=high, level=level)
