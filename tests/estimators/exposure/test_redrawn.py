"""The standard error of the design, against going through every assignment with textbook least squares."""

from __future__ import annotations

import numpy as np
import pytest

from honestlift.estimators.exposure.redrawn import design_errors
from honestlift.estimators.exposure.strata import held_by
from tied import people


@pytest.mark.parametrize("cells", [3, 300])
def test_each_draw_is_least_squares_on_imputed_outcomes(cells: int) -> None:
    """The fitted levels are added to what is left of every user, the levels are re-drawn, and each draw is analysed on the rows."""
    rng = np.random.default_rng(cells)
    users, theta = 240, (0.0, 0.3, 1.0, 1.5)
    own = np.sort(rng.integers(0, 8, users))
    cell = rng.integers(0, cells, users)
    chance = rng.dirichlet([3, 3, 3, 3], cells)[cell]
    level = rng.integers(0, 4, users)
    who = people(own.tolist(), (level // 2).tolist(), (level % 2).tolist(), chance.tolist(), cell.tolist())
    y = rng.normal(size=users) + np.asarray(theta)[level]
    kept = np.ones(users, dtype=bool)
    held = held_by(who, kept)
    draws = [rng.integers(0, 4, users) for _ in range(40)]
    found = design_errors(who, {"spillover": (kept, held), "direct": (kept, held)}, theta, y, iter(draws))
    strata, hajek = [], []
    for drawn in draws:
        imputed = y - np.asarray(theta)[level] + np.asarray(theta)[drawn]
        x = np.column_stack([np.ones(users), *((drawn == i).astype(float) for i in (1, 2, 3)), held.matrix])
        strata.append(np.linalg.lstsq(x, imputed, rcond=None)[0][1])
        means = [np.average(imputed[drawn == i], weights=1 / chance[drawn == i, i]) for i in (1, 0)]
        hajek.append(means[0] - means[1])
    assert found["spillover"] == (
        pytest.approx(np.std(strata, ddof=1), rel=1e-9),
        pytest.approx(np.std(hajek, ddof=1), rel=1e-9),
        40,
    )


def test_too_few_draws_with_both_levels_give_no_error() -> None:
    who = people([0, 1, 2, 3], [0, 0, 1, 1], [0, 1, 0, 1], [[0.25] * 4] * 4)
    kept = np.ones(4, dtype=bool)
    draws = [np.array([0, 0, 2, 2])] * 30 + [np.array([0, 1, 2, 3])] * 19
    assert design_errors(who, {"spillover": (kept, held_by(who, kept))}, (0.0, 0.0, 0.0, 0.0), np.arange(4.0), iter(draws)) == {}
