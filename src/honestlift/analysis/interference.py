"""Two results of one feature, by workspaces and by users, held against each other."""

from __future__ import annotations

import math

from honestlift.diagnostics.interference import randomizations
from honestlift.errors import DesignError
from honestlift.inference.interference import Measured, randomization_gap
from honestlift.report.asked import primary
from honestlift.result import Check, Estimate, Lift


def compare_randomizations(by_cluster: Lift, by_user: Lift, metric: str | None = None) -> Check:
    """Is there interference: does randomizing workspaces give another effect than randomizing users does?

    Two experiments on the same feature and different users, drawn from one population: in one whole workspaces were randomized, in the
    other users were, one by one. Where nobody's treatment reaches another they estimate the same. If colleagues gain from each other,
    control users of the second gain too, and its effect is too small.

    Args:
        by_cluster: result of the cluster-randomized experiment.
        by_user: result of the user-randomized one: a cluster study whose ``cluster`` is the unit itself.
        metric: its name in both; the primary metric when left out.

    Returns:
        The check ``interference``: a caution where the two differ at the first result's level. Its evidence has both effects, their
        difference with its interval, ``z``, ``df`` and ``p_value``.

    Raises:
        DesignError: if a result has no randomized effect per user of the metric, or has it on another scale.

    Example:
        >>> hl.compare_randomizations(lift, lift).evidence["z"]
        0.0
    """
    name = metric or primary(by_cluster)
    effects = [_effect(lift, name, which) for lift, which in ((by_cluster, "first"), (by_user, "second"))]
    if effects[0].scale != effects[1].scale:
        raise DesignError.out_of_range(f"scale of {name!r}", effects[1].scale, f"{effects[0].scale!r} in both results")
    gap = randomization_gap(_measured(effects[0]), _measured(effects[1]), effects[0].level)
    return randomizations(name, (effects[0], effects[1]), gap.difference, gap.z, gap.interval)


def _effect(lift: Lift, metric: str, which: str) -> Estimate:
    found = [e for e in lift.estimates if e.metric == metric and e.headline]
    if not found:
        raise DesignError.out_of_range(
            f"metric of the {which} result", metric, f"one of {sorted({e.metric for e in lift.estimates})}"
        )
    e = found[0]
    if e.estimand != "itt_user":
        own = [o for o in lift.estimates if (o.metric, o.method, o.estimand) == (metric, "user_ols", "itt_user")]
        e = own[0] if own else e
    if e.identified != "randomized" or e.estimand != "itt_user" or e.estimate is None or not e.std_error:
        raise DesignError.out_of_range(
            f"effect of the {which} result",
            f"{e.estimand} ({e.identified})",
            "a randomized effect per user with a standard error",
        )
    return e


def _measured(e: Estimate) -> Measured:
    return Measured(estimate=e.estimate or 0.0, std_error=e.std_error or 0.0, df=math.inf if e.df is None else e.df)
