"""Covariates beside contrasts of exposure, against least squares and weighted means on the rows themselves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from honestlift.estimators.exposure import launch
from honestlift.estimators.exposure.hajek import hajek_moments
from honestlift.estimators.exposure.known import Known, known
from honestlift.estimators.exposure.people import People
from honestlift.estimators.exposure.redrawn import design_errors
from honestlift.estimators.exposure.strata import held_by, strata_moments
from honestlift.estimators.fit import least_squares, true_value
from tied import people

USERS = 900


def world(cells: int, seed: int = 0) -> tuple[People, Known, np.ndarray]:
    """Users in 12 clusters, two measures from before, and an outcome that follows both of them and the level."""
    rng = np.random.default_rng(seed)
    own = np.sort(rng.integers(0, 12, USERS))
    cell = rng.integers(0, cells, USERS)
    chance = rng.dirichlet([3, 3, 3, 3], cells)[cell]
    treated, exposed = own % 2, rng.integers(0, 2, USERS)
    degree, fraction = rng.integers(1, 4, USERS), rng.random(USERS)
    who = people(
        own.tolist(),
        treated.tolist(),
        exposed.tolist(),
        chance.tolist(),
        cell.tolist(),
        degree.tolist(),
        fraction.tolist(),
        alike=rng.uniform(0.1, 0.4, (USERS, 2)).tolist(),
        as_one=(rng.random(USERS) < 0.5).tolist(),
    )
    pre, seats = rng.normal(size=12)[own] + rng.normal(size=USERS), rng.normal(size=USERS)
    pre = np.where(rng.random(USERS) < 0.05, np.nan, pre)
    before = known(own, ("mean pre",), _means(own, pre)[:, None], {"pre": pre, "seats": seats})
    y = 0.3 * exposed + 0.8 * treated + np.nan_to_num(pre) - 0.5 * seats + 0.2 * cell / cells + rng.normal(0, 0.2, USERS)
    return who, before, y


def _means(own: np.ndarray, values: np.ndarray) -> np.ndarray:
    return np.array([np.nanmean(values[own == g]) for g in range(own.max() + 1)])


def test_by_hand() -> None:
    """Means 2 and 5; who has no value counts as her workspace's mean, a workspace without any as it is told."""
    values = np.array([1.0, 3.0, np.nan, 5.0, np.nan])
    made = known(np.array([0, 0, 0, 1, 2]), ("mean x",), np.array([[2.0], [5.0], [3.5]]), {"x": values})
    assert made.names == ("mean x", "own x")
    assert made.matrix.tolist() == [[2.0, -1.0], [2.0, 1.0], [2.0, 0.0], [5.0, 0.0], [3.5, 0.0]]
    kept = np.array([True, True, True, True, False])
    assert made.of(kept).matrix.mean(axis=0) == pytest.approx(np.zeros(2), abs=1e-15)


@pytest.mark.parametrize("cells", [1, 6, 300])
@pytest.mark.parametrize("estimand", ["direct", "spillover", "spillover_treated"])
def test_within_cells_is_least_squares_on_levels_cells_and_covariates(estimand: str, cells: int) -> None:
    who, before, y = world(cells)
    kept = np.arange(USERS) % 10 > 0
    upper, lower = {"direct": (2, 0), "spillover": (1, 0), "spillover_treated": (3, 2)}[estimand]
    plain = held_by(who, kept)
    moments, name = strata_moments(who, estimand, kept, held_by(who, kept, before), y, 0.0)
    fit = least_squares(moments)
    others = [upper, *(i for i in range(4) if i not in (upper, lower))]
    level, covariates = who.level[kept], before.matrix[kept] - before.matrix[kept].mean(axis=0)
    x = np.column_stack([np.ones(level.size), *(level == i for i in others), plain.matrix, covariates]).astype(float)
    theta = np.linalg.lstsq(x, y[kept], rcond=None)[0]
    assert float(fit.contrast(name) @ fit.theta) == pytest.approx(theta[1], abs=1e-10)
    assert true_value(fit, np.eye(len(fit.names))[0]) == pytest.approx(theta[0], abs=1e-10)
    left = before.left(y, kept, fit)
    assert left[kept] == pytest.approx(y[kept] - covariates @ theta[-3:], abs=1e-9)
    without = strata_moments(who, estimand, kept, plain, y, 0.0)[0]
    some = moments.of([n for n in moments.names if n not in before.names])
    assert some.names == without.names
    assert np.array_equal(some.A, without.A)
    assert np.array_equal(some.b, without.b)


def test_inverse_probabilities_are_of_what_the_slopes_leave() -> None:
    who, before, y = world(6)
    kept = np.ones(USERS, dtype=bool)
    slope = np.array([0.7, 1.1, -0.4])
    fit = least_squares(strata_moments(who, "spillover", kept, held_by(who, kept, before), y, 0.0)[0])
    theta = fit.theta.copy()
    theta[[fit.names.index(name) for name in before.names]] = slope
    outcome = before.left(y, kept, replace(fit, theta=theta))
    found = least_squares(hajek_moments(who, (1, 0), kept, outcome, 0.0)).theta[1]
    left = y - (before.matrix - before.matrix.mean(axis=0)) @ slope
    means = [np.average(left[who.level == i], weights=1 / who.chance[who.level == i, i]) for i in (1, 0)]
    assert found == pytest.approx(means[0] - means[1], abs=1e-11)


def test_the_line_is_least_squares_with_covariates() -> None:
    who, before, y = world(6)
    everyone = np.ones(USERS, dtype=bool)
    made = launch.linear_moments(who, everyone, y, 0.0, before)
    assert made is not None
    on, f = who.treated.astype(float), who.fraction
    p = who.chance[:, 2:].sum(axis=1)
    expected = [p, (1 - p) * who.dose[:, 0], p * who.dose[:, 1]]
    columns = [np.ones(USERS), on, f * (1 - on), f * on, *((who.degree == s).astype(float) for s in (2, 3)), *expected]
    theta = np.linalg.lstsq(np.column_stack([*columns, before.matrix]), y, rcond=None)[0]
    found = float(launch.launched(who, made.names) @ least_squares(made).theta)
    assert found == pytest.approx(theta[1] + theta[3] * (who.degree > 0).mean(), abs=1e-9)


@pytest.mark.parametrize("cells", [3, 300])
def test_the_error_of_the_design_is_that_of_the_whole_analysis_redrawn(cells: int) -> None:
    """In every draw least squares with the covariates anew, and inverse probabilities with that draw's slopes; units do not matter."""
    who, before, y = world(cells)
    rng, theta, kept = np.random.default_rng(1), (0.0, 0.3, 0.8, 1.1), np.arange(USERS) % 7 > 0
    draws = [rng.integers(0, 4, USERS) for _ in range(25)]
    held = held_by(who, kept, before)
    found = design_errors(who, {"spillover": (kept, held)}, theta, y, iter(draws))["spillover"]
    x, strata, hajek = before.of(kept).matrix, list[float](), list[float]()
    for drawn in draws:
        imputed, level = (y - np.asarray(theta)[who.level] + np.asarray(theta)[drawn])[kept], drawn[kept]
        columns = np.column_stack([np.ones(level.size), *((level == i).astype(float) for i in (1, 2, 3)), held.matrix])
        fitted = np.linalg.lstsq(columns, imputed, rcond=None)[0]
        strata.append(fitted[1])
        left = imputed - x @ fitted[-3:]
        means = [np.average(left[level == i], weights=1 / who.chance[kept][level == i, i]) for i in (1, 0)]
        hajek.append(means[0] - means[1])
    assert found == (pytest.approx(np.std(strata, ddof=1), rel=1e-8), pytest.approx(np.std(hajek, ddof=1), rel=1e-8), 25)
    scaled = Known(names=before.names, matrix=before.matrix * np.array([1e6, 1.0, 1e-6]))
    again = design_errors(who, {"spillover": (kept, held_by(who, kept, scaled))}, theta, y, iter(draws))["spillover"]
    assert again[:2] == pytest.approx(found[:2], rel=1e-8)
