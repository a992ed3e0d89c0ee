"""Contrasts of exposure: by hand, against textbook least squares and weighted means, and laws."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from honestlift.estimators.exposure import launch
from honestlift.estimators.exposure.controls import BINS, controls, without_dependent
from honestlift.estimators.exposure.hajek import hajek_moments
from honestlift.estimators.exposure.people import People, user_moments
from honestlift.estimators.exposure.strata import by_stratum, held_by, strata_moments, taken
from honestlift.estimators.fit import least_squares, true_value
from tied import people

QUARTER = [0.25, 0.25, 0.25, 0.25]


def six() -> tuple[People, np.ndarray]:
    """Two control and two treated clusters; exposed and not in each; two cells of chances."""
    who = people(
        own=[0, 0, 1, 1, 2, 2, 3, 3],
        treated=[0, 0, 0, 0, 1, 1, 1, 1],
        exposed=[0, 1, 0, 1, 0, 1, 0, 1],
        chance=[QUARTER, QUARTER, [0.4, 0.1, 0.4, 0.1], [0.4, 0.1, 0.4, 0.1]] * 2,
        cell=[0, 0, 1, 1, 0, 0, 1, 1],
    )
    return who, np.array([1.0, 2.0, 3.0, 7.0, 2.0, 4.0, 5.0, 9.0])


def contrast(who: People, y: np.ndarray, estimand: str) -> float:
    kept = taken(who, estimand, np.isfinite(y))
    assert kept is not None
    moments, name = strata_moments(who, estimand, kept, held_by(who, kept), np.where(kept, y, 0.0), 0.0)
    fit = least_squares(moments)
    return float(fit.contrast(name) @ fit.theta)


def test_by_hand() -> None:
    """Spillover: 1 in the first cell, 4 in the second, equally precise; direct: 1 and 2; spillover on treated: 2 and 4."""
    who, y = six()
    assert contrast(who, y, "spillover") == pytest.approx(2.5, abs=1e-12)
    assert contrast(who, y, "direct") == pytest.approx(1.5, abs=1e-12)
    assert contrast(who, y, "spillover_treated") == pytest.approx(3.0, abs=1e-12)
    kept = taken(who, "spillover", np.ones(8, dtype=bool))
    assert kept is not None
    assert by_stratum(who, "spillover", kept, held_by(who, kept), y).estimate == pytest.approx(2.5, abs=1e-12)


def test_hajek_by_hand() -> None:
    """(2·4 + 7·10)/14 − (1·4 + 3·2.5)/6.5."""
    who, y = six()
    fit = least_squares(hajek_moments(who, (1, 0), np.ones(8, dtype=bool), y, 0.0))
    assert fit.theta[1] == pytest.approx(78 / 14 - 11.5 / 6.5, abs=1e-12)
    assert true_value(fit, np.array([1.0, 0.0])) == pytest.approx(11.5 / 6.5, abs=1e-12)


def random_people(rng: np.random.Generator, users: int, cells: int) -> People:
    own = np.sort(rng.integers(0, 12, users))
    cell = rng.integers(0, cells, users)
    table = rng.dirichlet([2, 2, 2, 2], cells)
    treated = (own % 2).tolist()
    exposed = rng.integers(0, 2, users).tolist()
    degree, fraction = rng.integers(1, 5, users).tolist(), rng.random(users).tolist()
    return people(own.tolist(), treated, exposed, table[cell].tolist(), cell.tolist(), degree, fraction)


@pytest.mark.parametrize("estimand", ["direct", "spillover", "spillover_treated"])
@pytest.mark.parametrize("cells", [1, 7, 400])
def test_least_squares_on_dummies_is_the_same(estimand: str, cells: int) -> None:
    """Against least squares on the rows: dummies of the cells, or of the bins with the chances beside."""
    rng = np.random.default_rng(cells)
    who = random_people(rng, 1_500, cells)
    y = rng.normal(size=1_500) + who.cell * 0.01
    upper, lower = {"direct": (2, 0), "spillover": (1, 0), "spillover_treated": (3, 2)}[estimand]
    score = who.chance[:, 1] + who.chance[:, 3]
    codes = who.cell if cells <= 50 else np.searchsorted(np.quantile(score, np.arange(1, BINS) / BINS), score)
    columns = [(who.level == i).astype(float) for i in range(4) if i != lower]
    columns += [(codes == c).astype(float) for c in np.unique(codes)]
    if cells > 50:
        columns += list(who.chance[:, 1:].T)
    theta = np.linalg.lstsq(np.stack(columns, axis=1), y, rcond=None)[0]
    place = [i for i in range(4) if i != lower].index(upper)
    assert contrast(who, y, estimand) == pytest.approx(theta[place], abs=1e-10)


def test_hajek_is_a_difference_of_weighted_means() -> None:
    rng = np.random.default_rng(2)
    who = random_people(rng, 400, 5)
    y = rng.normal(size=400)
    fit = least_squares(hajek_moments(who, (3, 2), np.ones(400, dtype=bool), y, 0.0))
    means = [np.average(y[who.level == i], weights=1 / who.chance[who.level == i, i]) for i in (3, 2)]
    assert fit.theta[1] == pytest.approx(means[0] - means[1], abs=1e-11)


def test_one_cell_is_the_plain_contrast() -> None:
    rng = np.random.default_rng(3)
    who = random_people(rng, 300, 1)
    y = rng.normal(size=300)
    plain = y[who.level == 1].mean() - y[who.level == 0].mean()
    assert contrast(who, y, "spillover") == pytest.approx(plain, abs=1e-12)


@given(st.integers(0, 10_000), st.floats(-1e3, 1e3))
@settings(max_examples=25, deadline=None)
def test_laws(seed: int, shift: float) -> None:
    """A constant changes nothing, scale scales, other names of the cells change nothing, swapping the arms flips the direct effect."""
    rng = np.random.default_rng(seed)
    who = random_people(rng, 200, 4)
    y = rng.normal(size=200)
    found = contrast(who, y, "direct")
    assert contrast(who, y + shift, "direct") == pytest.approx(found, abs=1e-9)
    assert contrast(who, 3 * y, "direct") == pytest.approx(3 * found, abs=1e-9)
    renamed = replace(who, cell=9 - who.cell)
    assert contrast(renamed, y, "direct") == pytest.approx(found, abs=1e-9)
    level = np.where(who.treated, who.level - 2, who.level + 2)
    swapped = replace(who, treated=~who.treated, level=level, chance=who.chance[:, [2, 3, 0, 1]])
    assert contrast(swapped, y, "direct") == pytest.approx(-found, abs=1e-9)


def test_no_chance_leaves_the_contrast_and_is_never_smoothed() -> None:
    """A user who could not have been exposed, with an outcome that would show."""
    who, y = six()
    chance = np.vstack([who.chance, [0.5, 0.0, 0.5, 0.0]])
    own, level = np.append(who.own, 3), np.append(who.level, 2)
    more = replace(who, own=own, level=level, treated=level > 1, chance=chance, cell=np.append(who.cell, 2))
    kept = taken(more, "spillover", np.ones(9, dtype=bool))
    assert kept is not None
    assert kept.tolist() == [True] * 8 + [False]
    assert contrast(more, np.append(y, 1e9), "spillover") == pytest.approx(2.5, abs=1e-12)


def test_a_level_in_one_cluster_is_compared_with_nothing() -> None:
    who = people([0, 0, 1, 2, 3], [0, 0, 0, 1, 1], [0, 1, 0, 0, 0], [QUARTER] * 5)
    assert taken(who, "spillover", np.ones(5, dtype=bool)) is None
    assert taken(who, "direct", np.ones(5, dtype=bool)) is not None


def test_dependent_columns_go_and_the_first_stay() -> None:
    rng = np.random.default_rng(5)
    x = rng.normal(size=(60, 2))
    columns = np.column_stack([np.ones(60), x, x.sum(axis=1), np.zeros(60), rng.normal(size=60)])
    own = np.sort(rng.integers(0, 6, 60))
    moments = user_moments(tuple("abcdef"), own, columns, rng.normal(size=60), clusters=6, origin=0.0)
    assert without_dependent(moments, 1).names == ("a", "b", "c", "f")


def test_cells_give_way_to_bins_with_the_chances_beside() -> None:
    score = np.arange(500.0)
    few = controls(np.arange(500) % 50, score, score[:, None], told=True)
    many = controls(np.arange(500) % 51, score, score[:, None], told=True)
    assert (few.exact, few.matrix.shape[1]) == (True, 49)
    assert (many.exact, many.matrix.shape[1], int(many.cells.max()) + 1) == (False, BINS, BINS)
    assert np.abs(many.matrix.mean(axis=0)).max() < 1e-9


class TestLaunch:
    """Everyone on against everyone off."""

    def test_surrounded_by_hand(self) -> None:
        """Users 0 and 1 against 4 and 5; the others have a partner of the other arm, or could not have been surrounded."""
        who = people(
            own=[0, 1, 1, 1, 2, 3, 3],
            treated=[0, 0, 0, 0, 1, 1, 1],
            exposed=[0] * 7,
            chance=[QUARTER] * 7,
            alike=[[0.5, 0.25], [0.1, 0.2], [0.5, 0.5], [0.5, 0.0], [0.5, 0.5], [0.1, 0.25], [0.3, 0.3]],
            as_one=[True, True, False, True, True, True, False],
        )
        y = np.array([1.0, 4.0, 50.0, 60.0, 6.0, 3.0, 90.0])
        kept = launch.surrounded(who, np.ones(7, dtype=bool))
        assert kept.tolist() == [True, True, False, False, True, True, False]
        plain = least_squares(launch.surrounded_moments(who, kept, y, 0.0, weighted=False))
        assert plain.theta[1] == pytest.approx(4.5 - 2.5, abs=1e-12)
        weighted = least_squares(launch.surrounded_moments(who, kept, y, 0.0, weighted=True))
        assert weighted.theta[1] == pytest.approx((6 * 2 + 3 * 4) / 6 - (1 * 2 + 4 * 10) / 12, abs=1e-12)

    def test_the_line_finds_a_linear_effect_exactly(self) -> None:
        """Without noise: 2 for the own arm, 1 and 3 along the fraction by arm, anything by degree; two thirds have partners."""
        rng = np.random.default_rng(1)
        users = 600
        degree = rng.integers(0, 3, users)
        own = np.sort(rng.integers(0, 10, users))
        fraction = np.where(degree > 0, rng.random(users), 0.0)
        treated = own % 2
        who = people(
            own.tolist(), treated.tolist(), [0] * users, [QUARTER] * users, degree=degree.tolist(), fraction=fraction.tolist()
        )
        y = 5 + 2 * treated + fraction * np.where(treated == 1, 3, 1) + 7.0 * degree
        made = launch.linear_moments(who, np.ones(users, dtype=bool), y, 0.0)
        assert made is not None
        assert float(launch.launched(who, made.names) @ least_squares(made).theta) == pytest.approx(
            2 + 3 * (degree > 0).mean(), abs=1e-9
        )

    def test_no_line_without_a_fraction_that_varies(self) -> None:
        who = people([0, 1, 2, 3], [0, 0, 1, 1], [0] * 4, [QUARTER] * 4, fraction=[0.0] * 4)
        assert launch.linear_moments(who, np.ones(4, dtype=bool), np.arange(4.0), 0.0) is None
