"""Matching against Stata, StatsPAI and brute force; ties, order of rows, calipers, pairs."""

from __future__ import annotations

import math

import numpy as np
import pytest

from honestlift.errors import DesignError
from honestlift.estimators.matching import match
from honestlift.estimators.pairs import match_within, pair
from honestlift.estimators.propensity import fit_propensity
from honestlift.inference.abadie_imbens import estimated_score_variance, known_score_variance
from honestlift.moments.patterns import Patterns, patterns_of_rows
from optin_data import CATTANEO, cattaneo, fixtures, llm

PSMATCH = ("mmarried_", "mage", "fage", "medu", "prenatal1_")


@pytest.mark.parametrize("estimand", ["ATE", "ATT"])
def test_the_estimates_and_standard_errors_of_teffects_psmatch(estimand) -> None:
    fixture = fixtures()["psmatch.ai2016"]
    answer, tolerance = fixture["values"][estimand], fixture["rtol"]
    patterns = cattaneo(*PSMATCH).collapsed()
    score = fit_propensity(patterns)
    made = match(patterns, score.e, estimand)
    assert made.effect == pytest.approx(answer["est"], rel=tolerance)
    assert math.sqrt(known_score_variance(made)) == pytest.approx(answer["se_ai2006_h2"], rel=tolerance)
    assert math.sqrt(estimated_score_variance(made, patterns, score)) == pytest.approx(answer["se_ai2016"], rel=tolerance)


def test_the_specification_of_the_stata_manual() -> None:
    fixture = fixtures()["psmatch.stata_manual_spec"]
    answer, tolerance = fixture["values"], fixture["rtol"]
    patterns = cattaneo(*CATTANEO).collapsed()
    score = fit_propensity(patterns)
    made = match(patterns, score.e, "ATE")
    assert made.effect == pytest.approx(answer["est"], rel=tolerance)
    assert math.sqrt(known_score_variance(made)) == pytest.approx(answer["se_ai2006_h2"], rel=tolerance)
    assert math.sqrt(estimated_score_variance(made, patterns, score)) == pytest.approx(answer["se_ai2016"], rel=tolerance)


def test_the_published_data_keep_their_ties_in_any_order_of_the_rows() -> None:
    """ATT .0797047 by StatsPAI with exact ties; 50 row orders move nothing, where breaking ties moves it from .072 to .086."""
    rows = llm()
    rng = np.random.default_rng(3)
    seen = set()
    for _ in range(50):
        order = rng.permutation(rows.size)
        patterns = Patterns(
            names=rows.names,
            x=np.asfortranarray(rows.x[order]),
            count=rows.count[order],
            total=rows.total[order],
            square=rows.square[order],
            origin=rows.origin,
        ).collapsed()
        seen.add(match(patterns, fit_propensity(patterns).e, "ATT").effect)
    assert max(seen) - min(seen) < 1e-12  # the sums of a pattern are added in the order of the rows
    assert seen.pop() == pytest.approx(fixtures()["llm.match"]["values"]["est (StatsPAI exact ties)"], abs=1e-9)


def brute_force(x: np.ndarray, treated: np.ndarray, y: np.ndarray, neighbours: int) -> float:
    """ATT by a table of all distances, ties kept."""
    gaps = []
    for i in np.flatnonzero(treated):
        distance = np.abs(x[~treated] - x[i])
        near = distance <= np.sort(distance)[neighbours - 1] + 1e-12 * np.ptp(x)
        gaps.append(y[i] - y[~treated][near].mean())
    return float(np.mean(gaps))


@pytest.mark.parametrize("neighbours", [1, 2, 3, 7])
@pytest.mark.parametrize("digits", [1, 2, 6])
def test_any_number_of_neighbours_is_that_of_brute_force(neighbours: int, digits: int) -> None:
    rng = np.random.default_rng(digits)
    x = rng.normal(size=300).round(digits)
    treated, y = rng.random(300) < 0.4, rng.normal(size=300)
    patterns = patterns_of_rows(x[:, None], treated, y).collapsed()
    made = match(patterns, patterns.x[:, 0], "ATT", neighbours=neighbours)
    assert made.effect == pytest.approx(brute_force(x, treated, y, neighbours), rel=1e-10)


def test_by_hand_on_six_rows() -> None:
    """Treated at .2 (y 3) and .8 (y 7); controls at .1 (1), .3 (2), .5 (0), .9 (4): .2 is matched to both .1 and .3 (a tie)."""
    x, y = np.array([[0.2], [0.8], [0.1], [0.3], [0.5], [0.9]]), np.array([3.0, 7.0, 1.0, 2.0, 0.0, 4.0])
    patterns = patterns_of_rows(x, np.array([True, True, False, False, False, False]), y)
    made = match(patterns, x[:, 0], "ATT")
    assert made.effect == pytest.approx(((3 - 1.5) + (7 - 4)) / 2)
    assert made.uses[:, 0].tolist() == [0.5, 0.0, 0.5, 0.0, 0.0, 1.0]


def test_a_caliper_counts_whom_it_leaves_out() -> None:
    x, y = np.array([[0.2], [0.8], [0.1], [0.5]]), np.array([3.0, 7.0, 1.0, 0.0])
    patterns = patterns_of_rows(x, np.array([True, True, False, False]), y)
    made = match(patterns, x[:, 0], "ATT", caliper=0.15)
    assert (made.effect, made.rows, made.unmatched) == (2.0, 1.0, 1.0)
    with pytest.raises(DesignError, match="caliper"):
        match(patterns, x[:, 0], "ATT", caliper=0.01)


def test_the_att_of_swapped_arms_is_minus_the_atc() -> None:
    patterns = cattaneo(*PSMATCH).collapsed()
    swapped = Patterns(
        names=patterns.names,
        x=patterns.x,
        count=patterns.count[:, ::-1],
        total=patterns.total[:, ::-1],
        square=patterns.square[:, ::-1],
        origin=patterns.origin,
    )
    one, other = fit_propensity(patterns), fit_propensity(swapped)
    a, b = match(patterns, one.e, "ATC"), match(swapped, other.e, "ATT")
    assert a.effect == pytest.approx(-b.effect, rel=1e-9)
    assert estimated_score_variance(a, patterns, one) == pytest.approx(estimated_score_variance(b, swapped, other), rel=1e-9)


def test_matching_within_a_covariate_is_matching_in_its_parts() -> None:
    rng = np.random.default_rng(0)
    kind, x = rng.integers(0, 2, 400), rng.normal(size=400)
    treated, y = rng.random(400) < 0.4, rng.normal(size=400)
    patterns = patterns_of_rows(np.column_stack([kind, x]).astype(float), treated, y)
    parts = match_within(patterns, x, "ATT", kind)
    for k, part in zip((0, 1), parts, strict=True):
        inside = kind == k
        assert part.effect == pytest.approx(brute_force(x[inside], treated[inside], y[inside], 1), rel=1e-9)


def test_pairs_without_replacement_use_every_row_once() -> None:
    """Treated .9, .8; controls .85, .3: .9 takes .85 (the nearest), and .8 is left with .3."""
    x, y = np.array([[0.9], [0.8], [0.85], [0.3]]), np.array([5.0, 4.0, 1.0, 2.0])
    patterns = patterns_of_rows(x, np.array([True, True, False, False]), y)
    made = pair(patterns, x[:, 0])
    assert made.pairs == 2
    assert made.effect == pytest.approx(((5 - 1) + (4 - 2)) / 2)
    assert made.std_error == pytest.approx(math.sqrt((1 + 1) / 4))
    close = pair(patterns, x[:, 0], caliper=0.1)
    assert (close.pairs, close.unmatched, close.effect) == (1.0, 1.0, 4.0)


def test_pairs_do_not_depend_on_the_order_of_rows_and_count_discordant_ones() -> None:
    rng = np.random.default_rng(2)
    x = rng.normal(size=500).round(1)
    treated, y = rng.random(500) < 0.3, (rng.random(500) < 0.5).astype(float)
    order = rng.permutation(500)
    one, other = (patterns_of_rows(x[o, None], treated[o], y[o]).collapsed() for o in (np.arange(500), order))
    a, b = pair(one, one.x[:, 0]), pair(other, other.x[:, 0])
    assert a.effect == pytest.approx(b.effect, abs=1e-12)
    treated_only, control_only = a.discordant(one.origin)
    assert (treated_only - control_only) / a.pairs == pytest.approx(a.effect, abs=1e-12)
    assert a.pairs == treated.sum()
