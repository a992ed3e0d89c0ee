"""Resamples and leave-one-out from sums per group, against fitting everything anew."""

from __future__ import annotations

import math

import numpy as np
import pytest

from honestlift.estimators.doubly_robust import augmented, balanced, regression
from honestlift.estimators.entropy import balancing_fits
from honestlift.estimators.outcome import fit_outcome
from honestlift.estimators.propensity import fit_like_scikit_learn, fit_propensity
from honestlift.estimators.stack import Stack, solve
from honestlift.estimators.weighting import weighted
from honestlift.inference.influence import covariance, effect_covariance
from honestlift.inference.replicate import bucket_bootstrap, group_sums, jackknife_covariance, refit_bootstrap
from honestlift.moments.patterns import Patterns, patterns_of_rows
from optin_data import llm


def stacks(p: Patterns) -> list[Stack]:
    score, models = fit_propensity(p), (fit_outcome(p, 0), fit_outcome(p, 1))
    made = [weighted(p, score, e) for e in ("ATE", "ATT", "ATO")] + [augmented(p, score, models, "ATE")]
    return [*made, regression(p, score, models, "ATE"), balanced(p, balancing_fits(p, "ATT"), "ATT")]


def world(n: int, groups: int, seed: int = 0) -> Patterns:
    rng = np.random.default_rng(seed)
    x, group = rng.normal(size=(n, 2)), rng.integers(0, groups, n)
    treated = rng.random(n) < 1 / (1 + np.exp(-0.5 * x[:, 0]))
    return patterns_of_rows(x, treated, x[:, 0] + treated + rng.normal(size=n), group=group)


def test_one_step_jackknife_is_near_the_one_that_fits_anew() -> None:
    patterns = world(6_000, 40)
    made = jackknife_covariance(group_sums(stacks(patterns), patterns, patterns.group, 40))
    whole = np.array([solve(s, patterns).effect for s in stacks(patterns)])
    apart = []
    for g in range(40):
        part = patterns.kept(patterns.group != g)
        apart.append([solve(s, part).effect for s in stacks(part)])
    anew = 39 / 40 * np.sum((np.array(apart) - whole) ** 2, axis=0)
    one_step = np.array([effect_covariance(v)[1, 1] for v in made])
    assert np.sqrt(one_step) == pytest.approx(np.sqrt(anew), rel=0.005)  # second-order terms of leaving out 2.5 % of the rows


def test_one_step_resamples_are_near_those_that_fit_anew() -> None:
    patterns = world(30_000, 64)
    sums = group_sums(stacks(patterns), patterns, patterns.group, 64)
    draws = bucket_bootstrap(sums, 20, np.random.default_rng(1))
    one_step = draws[:, :, 1] - draws[:, :, 0]
    anew, dropped = refit_bootstrap(
        lambda p: np.array([solve(s, p).effect for s in stacks(p)]), patterns, 20, np.random.default_rng(1)
    )
    assert dropped == 0
    spread = anew.std(axis=0, ddof=1)
    assert np.abs(one_step - anew).max(axis=0) / spread == pytest.approx(np.zeros(6), abs=0.05)  # a twentieth of one sd


def test_weights_of_one_give_the_estimate_back_and_fits_are_summed_once() -> None:
    patterns = world(2_000, 10)
    every = stacks(patterns)
    sums = group_sums(every, patterns, patterns.group, 10)
    assert len(sums.fits) == 4  # one logit, two outcome models, one balancing fit, for six estimators
    from honestlift.inference.replicate import means_of

    again = means_of(sums, sums.values.sum(axis=0)[None])[0]
    for made, stack in zip(again, every, strict=True):
        assert made == pytest.approx(solve(stack, patterns).theta, abs=1e-12)


def test_the_published_bootstrap_intervals() -> None:
    """IPW ATE [+.0745, +.0954], ATT [+.0687, +.0865], AIPW [+.0744, +.0952], 500 replicates; ends within .003."""
    rows = llm()
    bucket = np.arange(rows.size) % 1024
    patterns = patterns_of_rows(
        np.array(rows.x), rows.count[:, 1] == 1, rows.total.sum(axis=1) + rows.origin, group=bucket.astype(np.int64)
    )
    score = fit_like_scikit_learn(patterns)
    models = (fit_outcome(patterns, 0), fit_outcome(patterns, 1))
    made = [weighted(patterns, score, "ATE"), weighted(patterns, score, "ATT"), augmented(patterns, score, models, "ATE")]
    draws = bucket_bootstrap(group_sums(made, patterns, bucket, 1024), 500, np.random.default_rng(7))
    ends = np.quantile(draws[:, :, 1] - draws[:, :, 0], [0.025, 0.975], axis=0).T
    published = [[0.0745, 0.0954], [0.0687, 0.0865], [0.0744, 0.0952]]
    assert ends == pytest.approx(np.array(published), abs=0.003)


def test_bootstrap_and_influence_functions_agree_on_the_standard_error() -> None:
    patterns = world(30_000, 1_000, seed=3)
    every = stacks(patterns)
    draws = bucket_bootstrap(group_sums(every, patterns, patterns.group, 1_000), 1_000, np.random.default_rng(0))
    spread = (draws[:, :, 1] - draws[:, :, 0]).std(axis=0, ddof=1)
    analytic = [math.sqrt(effect_covariance(covariance(solve(s, patterns), patterns))[1, 1]) for s in every]
    assert spread == pytest.approx(analytic, rel=0.1)  # 1,000 draws and 1,000 buckets: 2.2 % each, at four standard errors


def test_a_resample_without_an_arm_is_nan_or_dropped() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 1))
    treated = np.arange(40) < 8
    patterns = patterns_of_rows(x, treated, rng.normal(size=40), group=np.arange(40) // 8)
    made = [weighted(patterns, fit_propensity(patterns), "ATE")]
    draws = bucket_bootstrap(group_sums(made, patterns, patterns.group, 5), 200, np.random.default_rng(0))
    without = np.array([0 not in np.random.default_rng(0).integers(0, 5, (200, 5))[b] for b in range(200)])
    assert without.any()
    assert np.isnan(draws[without]).any(axis=(1, 2)).all()
