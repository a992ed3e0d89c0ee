"""Are there enough clusters, does one of them carry the result, and do effects go with their size?"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from honestlift.moments.cells import Outcome
from honestlift.report import words
from honestlift.result import Check, Level

CARRIES, OVERTURNS = 1 / 3, 2 / 3
"""Leverage above which one cluster carries the result, and above which its interval no longer keeps its promise.

Simulated coverage of the 95 % interval (CR2, Satterthwaite df) when one of 10 to 60 workspaces is so large a share of its arm: .93 and
more at a third, .91 to .95 at a half, .84 to .93 at .7, .44 to .85 at .9. How far that workspace is from others of its kind cannot be seen.
"""

FEWEST_EFFECTIVE = 4
"""Effective clusters below which the result leans on a few of them."""

SIZE_QUANTILE = 2.58
"""Standard errors beyond which effects go with size: one healthy study in a hundred, or two where workspaces are few."""


def few_clusters(df: float, treated: int, control: int, effective: tuple[float, float]) -> Check:
    """Satterthwaite df of the headline, clusters in the smaller arm, effective clusters G* at ρ = 0 and 1 (the smaller counts)."""
    smaller = min(treated, control)
    doubtful = df < 10 or smaller < 10 or min(effective) < FEWEST_EFFECTIVE
    level: Level = "stop" if df < 4 or smaller < 3 else "caution" if doubtful else "ok"
    text = f"{treated:,} treated and {control:,} control workspaces carry the information of {words.count(min(effective), 'equal one')}; "
    text += f"the interval uses {df:.1f} degrees of freedom."
    remedy = {
        "ok": "",
        "caution": "Believe intervals that are exact or use these degrees of freedom, and add workspaces rather than users.",
        "stop": "Randomize more workspaces: so few cannot show how much workspaces differ by themselves.",
    }[level]
    evidence = {
        "df": df,
        "treated": treated,
        "control": control,
        "effective_rho_0": effective[0],
        "effective_rho_1": effective[1],
    }
    return Check(code="few_clusters", level=level, statement=text, remedy=remedy, evidence=evidence)


def cluster_leverage(leverages: NDArray[np.float64], names: tuple[str, ...]) -> Check:
    """Does one cluster count more than twice as much as the mean one, and for more than a third (or two thirds) of a coefficient?

    Without strata a cluster's leverage is its share of the users of its arm. Among workspaces whose sizes vary by half, the largest
    is nearly always twice the mean one; the degrees of freedom allow for that.
    """
    mean, most = float(leverages.mean()), int(leverages.argmax())
    ratio = float(leverages[most]) / mean
    level: Level = "ok" if ratio <= 2 or leverages[most] <= CARRIES else "caution" if leverages[most] <= OVERTURNS else "stop"
    text = f"Workspace {words.clean(names[most])} counts {words.times(ratio)} times as much as the average one, and has a leverage of "
    text += f"{words.number(float(leverages[most]), 2)} (1 would be a whole arm)."
    remedy = {
        "ok": "",
        "caution": "See whether the effect stands without it, and compare with the effect per workspace.",
        "stop": "Decide on the effect per workspace, or on the others alone: how this one differs by itself cannot be told.",
    }[level]
    evidence = {"largest": float(leverages[most]), "mean": mean, "ratio": ratio}
    return Check(code="cluster_leverage", level=level, statement=text, remedy=remedy, evidence=evidence)


def size_effect(metric: str, outcome: Outcome, rounding: float = 0.0) -> Check:
    """Do the effect per user and the effect per workspace differ by more than 2.58 standard errors of their difference?

    A difference up to ``rounding``, in the unit of the outcome, is none: workspaces of one size make the two the same.

    ψ_g = ±[n_g(ȳ_g − μ_a)/N_a − (ȳ_g − ȳ̄_a)/k_a], V = Σ_a k_a/(k_a − 1) Σψ_g² (Kahan et al. 2023, Int. J. Epidemiol. 52).
    """
    n, total, _ = outcome.per_cluster()
    mean = total / n
    difference, variance = 0.0, 0.0
    for arm, sign in ((True, 1.0), (False, -1.0)):
        inside = outcome.arm == arm
        size, means, k = n[inside], mean[inside], int(inside.sum())
        per_user, per_cluster = float((size * means).sum() / size.sum()), float(means.mean())
        psi = size * (means - per_user) / size.sum() - (means - per_cluster) / k
        difference += sign * (per_user - per_cluster)
        variance += k / (k - 1) * float((psi**2).sum())
    error = variance**0.5
    if abs(difference) <= rounding:
        difference, error, text = 0.0, 0.0, "The effect per user is the effect per workspace."
    else:
        places = words.decimals(2 * error)
        text = f"The effect per user is {words.signed(difference, places)} from the effect per workspace (standard error "
        text += f"{words.number(error, places)})."
    far = error > 0 and abs(difference) > SIZE_QUANTILE * error
    remedy = "Effects go with the size of the workspace: decide which of the two you mean, and report both." if far else ""
    evidence = {"difference": difference, "std_error": error}
    return Check(
        code="size_effect", level="caution" if far else "ok", statement=text, remedy=remedy, evidence=evidence, metric=metric
    )
