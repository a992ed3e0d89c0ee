"""Coverage of the intervals that an opt-in study offers, by seeded simulation; slow."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from honestlift.estimators.doubly_robust import augmented, regression
from honestlift.estimators.matching import match
from honestlift.estimators.outcome import fit_outcome
from honestlift.estimators.propensity import fit_propensity
from honestlift.estimators.stack import solve
from honestlift.estimators.weighting import weighted
from honestlift.inference.abadie_imbens import estimated_score_variance
from honestlift.inference.influence import covariance, effect_covariance
from honestlift.inference.interval import t_quantile
from honestlift.inference.replicate import group_sums, jackknife_covariance
from honestlift.moments.patterns import Patterns, patterns_of_rows

WORLDS = 1_000
NOISE = math.sqrt(0.95 * 0.05 / WORLDS)
TRUTH = 0.2
ESTIMANDS = ("ATE", "ATT", "ATO")


def draw(rng: np.random.Generator, n: int, kind: str, clusters: int = 0) -> Patterns:
    """Two covariates that move choice and outcome, both models right; heavy tails are t with 3 df, scaled to variance 1."""
    x = rng.normal(size=(n, 2))
    treated = rng.random(n) < 1 / (1 + np.exp(1 - 0.6 * x[:, 0] - 0.3 * x[:, 1]))
    mean = 0.1 * x[:, 0] + 0.05 * x[:, 1] + TRUTH * treated
    group = rng.integers(0, clusters, n) if clusters else None
    if kind == "binary":
        y = (rng.random(n) < np.clip(0.4 + 0.5 * mean, 0.01, 0.99)).astype(float)
    else:
        y = mean + rng.standard_t(3, n) / math.sqrt(3)
    if group is not None:
        y = y + rng.normal(0, 0.3, clusters)[group]
    return patterns_of_rows(x, treated, y, group=group)


def covered(worlds: int, one: Callable[[int], dict[str, bool]]) -> dict[str, float]:
    seen = [one(seed) for seed in range(worlds)]
    return {key: float(np.mean([s[key] for s in seen])) for key in seen[0]}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["binary", "heavy"])
@pytest.mark.parametrize("n", [2_000, 5_000])
def test_analytic_intervals_cover(n: int, kind: str) -> None:
    truth = TRUTH * (0.5 if kind == "binary" else 1.0)

    def one(seed: int) -> dict[str, bool]:
        p = draw(np.random.default_rng(seed), n, kind)
        score, models = fit_propensity(p), (fit_outcome(p, 0), fit_outcome(p, 1))
        made = {}
        for e in ESTIMANDS:
            for name, stack in (
                ("ipw", weighted(p, score, e)),
                ("aipw", augmented(p, score, models, e)),
                ("regression", regression(p, score, models, e)),
            ):
                means = solve(stack, p)
                error = math.sqrt(effect_covariance(covariance(means, p))[1, 1])
                made[f"{name} {e}"] = abs(means.effect - truth) <= 1.959964 * error
        m = match(p, score.e, "ATT")
        made["matching ATT"] = abs(m.effect - truth) <= 1.959964 * math.sqrt(estimated_score_variance(m, p, score))
        return made

    for name, share in covered(WORLDS, one).items():
        low = 0.925 if n < 5_000 else 0.935  # at 2,000 users the doubly robust ATE covers .93 even with both models right
        assert low - 2 * NOISE <= share <= 0.965 + 2 * NOISE, (name, share)


@pytest.mark.slow
@pytest.mark.parametrize("clusters", [10, 40])
def test_the_cluster_jackknife_covers(clusters: int) -> None:
    def one(seed: int) -> dict[str, bool]:
        p = draw(np.random.default_rng(seed), 4_000, "heavy", clusters)
        score, models = fit_propensity(p), (fit_outcome(p, 0), fit_outcome(p, 1))
        stacks = [s for e in ESTIMANDS for s in (weighted(p, score, e), augmented(p, score, models, e))]
        v = jackknife_covariance(group_sums(stacks, p, p.group, clusters))
        wide = t_quantile(clusters - 1, 0.95)
        return {
            str(i): abs(solve(s, p).effect - TRUTH) <= wide * math.sqrt(effect_covariance(v[i])[1, 1])
            for i, s in enumerate(stacks)
        }

    for name, share in covered(WORLDS, one).items():
        assert 0.935 - 2 * NOISE <= share <= 0.965 + 2 * NOISE, (name, share)
