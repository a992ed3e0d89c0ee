"""Beside the headline: the other sandwiches, and, where workspaces are few, tests that do not lean on a t distribution."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from honestlift.analysis.estimates import Answer, smallest_difference
from honestlift.analysis.sheet import beside, settled
from honestlift.design.assignment import Redraw
from honestlift.design.assignment.rule import ON_COVARIATES
from honestlift.design.metric import Mean
from honestlift.design.study import Study
from honestlift.estimators import itt
from honestlift.estimators.fit import true_value
from honestlift.inference.adjusted_randomization import Regression, adjusted_redraws
from honestlift.inference.interval import relative, t_interval
from honestlift.inference.randomization import Redraws, Statistic, randomization_interval, redraws
from honestlift.inference.sandwich import Kind, Whitened, covariance
from honestlift.inference.wild import Scores, Weights, wild_draws, wild_interval
from honestlift.result import Estimate, Interval, Relative

MANY = 50
"""Workspaces up to which the wild bootstrap is run; with more the t distribution is close."""

FEW = 30
"""Workspaces up to which the arms are re-drawn (up to ``MANY`` where they were matched or balanced), and the scores of the wild
bootstrap leave out the workspace itself (WCR-S)."""

FEWEST = 10
"""Workspaces below which the scores are restricted as usual (WCR), and Webb's six-point weights are shown beside the signs."""

SANDWICHES: dict[str, Kind] = {"cr0": "CR0", "cr1": "CR1S", "cr3": "CR3", "cv3": "CV3"}
"""Suffix of the method code to the covariance; all of them with t(G − 1)."""

ESTIMANDS = {"user_ols": "itt_user", "cluster_means": "itt_cluster"}

STATISTICS: dict[str, Statistic] = {"user_ols": "cr2_t", "cluster_means": "neyman_t"}
"""What the re-drawn arms are compared by: CR2's t, which for workspace means is Neyman's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alternative:
    """Another test of a cluster method's hypothesis, with its interval.

    Attributes:
        method: the cluster method.
        variant: suffix of the method code.
        estimate: what the interval is about.
        interval: the interval and the p-value.
        smallest_p: smallest p-value that the test can give.
    """

    method: str
    variant: str
    estimate: float
    interval: Interval
    smallest_p: float


def with_alternatives(answer: Answer, rule: Redraw, study: Study) -> Answer:
    """The answer with a row for every other variance and, where workspaces are few, for every other test.

    Args:
        answer: the answer.
        rule: how the arms of the outcome's clusters are drawn again.
        study: the level and the seed.
    """
    exact = {e.method for e in answer.estimates if e.std_error == 0}  # nothing is left but rounding, which no test may judge
    fits = {method: white for method, white in answer.fits.items() if method not in exact}
    others = tuple(t for method, white in fits.items() for t in _tests(method, white, answer, rule, study))
    rows = list(answer.estimates)
    for method, white in answer.fits.items():
        base = answer.find(method, ESTIMANDS[method])
        if base is None:
            continue
        rows += [_sandwich(base, white, suffix, answer) for suffix in SANDWICHES]
        rows += [_test_row(base, other) for other in others if other.method == method]
    return replace(answer, estimates=tuple(rows), others=others)


def _sandwich(base: Estimate, white: Whitened, suffix: str, answer: Answer) -> Estimate:
    """The same coefficient with another cluster-robust covariance and t(G − 1)."""
    fit = white.fit
    both = np.stack([np.eye(len(fit.names))[0], fit.contrast("itt")])
    v = both @ covariance(white, SANDWICHES[suffix]) @ both.T
    smallest, df = smallest_difference(answer.outcome), fit.clusters - 1.0
    error, control = (settled(value, smallest) for value in (math.sqrt(max(float(v[1, 1]), 0.0)), true_value(fit, both[0])))
    effect = base.estimate if base.estimate is not None else math.nan
    share = relative(effect, control, v, df, base.level)
    return beside(base, f"{base.method}:{suffix}", effect, t_interval(effect, error, df, base.level), share)


def _test_row(base: Estimate, other: Alternative) -> Estimate:
    """A test as a row; an interval without end is one that the test cannot close."""
    share = Relative(estimate=base.relative.estimate, conf_low=None, conf_high=None)
    return beside(base, f"{base.method}:{other.variant}", other.estimate, other.interval, share)


def _tests(method: str, white: Whitened, answer: Answer, rule: Redraw, study: Study) -> Iterator[Alternative]:
    """The wild bootstrap and the randomization test of one effect, where workspaces are few; else nothing.

    Both are enumerated when their draws are no more than 9,999, and seeded otherwise. The randomization test re-draws the arms by the
    design's own rule and adjusts as the method does; a ratio has none, as it would have to be taken anew each time.
    """
    clusters, pick = answer.outcome.clusters, white.fit.contrast("itt")
    if clusters > MANY:
        return
    scores: Scores = "WCR-S" if FEWEST <= clusters <= FEW else "WCR"
    wanted: list[tuple[str, Weights]] = [("wild", "rademacher"), ("webb", "webb")]
    for variant, weights in wanted if clusters < FEWEST else wanted[:1]:
        drawn = wild_draws(white.fit, pick, np.random.default_rng(study.seed), scores=scores, weights=weights)
        yield Alternative(
            method=method,
            variant=variant,
            estimate=drawn.estimate,
            interval=wild_interval(drawn, study.level),
            smallest_p=drawn.smallest_p,
        )
    record = study.design.assignment
    most = MANY if record is not None and record.rule.kind in ON_COVARIATES else FEW
    if clusters > most or not isinstance(answer.metric, Mean):  # a re-draw has ratios and quantiles of its own
        return
    again = _redrawn(method, answer, rule, np.random.default_rng(study.seed))
    yield Alternative(
        method=method,
        variant="randomization",
        estimate=again.estimate,
        interval=randomization_interval(again, study.level),
        smallest_p=again.smallest_p,
    )


def _redrawn(method: str, answer: Answer, rule: Redraw, rng: np.random.Generator) -> Redraws:
    """The re-draws of a cluster method's t, adjusted as the method is."""
    outcome = answer.outcome
    n, total, _ = outcome.per_cluster()
    strata = outcome.stratum is not None
    if not strata and answer.adjustment.form == "none":
        return redraws(n, total, outcome.arm, rng, rule=rule, statistic=STATISTICS[method])
    weight = np.ones_like(n) if method == "cluster_means" else n
    fixed, varying = itt.known_before(outcome, weight, strata=strata, adjustment=answer.adjustment)
    return adjusted_redraws(Regression(weight=weight, mean=total / n, fixed=fixed, varying=varying), outcome.arm, rule, rng)
