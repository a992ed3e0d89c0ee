"""Probabilities of exposure: every closed form against every assignment gone through, the paper's formulas by hand, and zeros."""

from __future__ import annotations

from dataclasses import replace
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from estimators.exposure.graphs import by_brute_force, reach_of, rule
from honestlift.design.assignment import Redraw
from honestlift.design.assignment.balance import Balance, whitened
from honestlift.estimators.exposure.probability import Probabilities, probabilities
from honestlift.moments.reach import Reach

RNG = np.random.default_rng
RULES = {
    "complete": rule([0] * 8, [4]),
    "complete, unequal": rule([0] * 8, [2]),
    "nobody treated": rule([0] * 8, [0]),
    "everybody treated": rule([0] * 8, [8]),
    "stratified": rule([0, 0, 0, 1, 1, 1, 1, 1], [1, 3]),
    "a stratum of one": rule([0, 1, 1, 1, 1, 2, 2, 2], [1, 2, 1]),
    "pairs": rule([0, 0, 1, 1, 2, 2, 3, 3], [1] * 4),
    "pairs and one alone": rule([0, 0, 1, 1, 2, 2, 3, 4], [1, 1, 1, -1, -1]),
    "bernoulli": rule([0] * 8, [-1], 0.3),
    "coins among strata": rule([0, 0, 1, 1, 2, 2, 2, 3], [1, -1, 2, 1], 0.6),
    "some told": rule([0, 0, 0, 0, 1, 1, 1, 2, 2, 0], [3, 1, 2], chosen=[9, 8, 0, 1, 4, 3, 7, 2]),
}
EXPOSURES = [("any", 1.0), ("count", 1.0), ("count", 3.0), ("count", 99.0), ("share", 0.25), ("share", 0.3), ("share", 1.0)]


def graph(seed: int, users: int = 25, *, weights: tuple[float, ...] = ()) -> Reach:
    """Users in 8 clusters with up to 7 partner clusters; none for the first user."""
    rng = RNG(seed)
    own = rng.integers(0, 8, users)
    partners = [[int(g) for g in rng.permutation(8) if g != own[i]][: i % 8] for i in range(users)]
    ties = [{g: float(rng.choice(weights)) if weights else float(rng.integers(1, 4)) for g in some} for some in partners]
    return reach_of(8, own, ties, weighted=bool(weights))


def exact(redraw: Redraw, reach: Reach, kind: str, least: float) -> Probabilities:
    return probabilities(redraw, reach, kind, least, draws=1, rng=RNG(0))  # type: ignore[arg-type]


def assert_equals_brute_force(redraw: Redraw, reach: Reach, kind: str, least: float, draws: int = 1) -> Probabilities:
    made = probabilities(redraw, reach, kind, least, draws=draws, rng=RNG(0))  # type: ignore[arg-type]
    level, surrounded, dose = by_brute_force(redraw, reach, kind, least)
    assert (made.exact, made.std_error) == (True, 0.0)
    np.testing.assert_allclose(made.level, level, rtol=0, atol=1e-12)
    np.testing.assert_allclose(made.surrounded, surrounded, rtol=0, atol=1e-12)
    np.testing.assert_allclose(made.dose, dose, rtol=0, atol=1e-12)
    np.testing.assert_array_equal(made.level == 0, level == 0)
    np.testing.assert_array_equal(made.surrounded == 0, surrounded == 0)
    np.testing.assert_allclose(made.level.sum(axis=1), 1.0, rtol=0, atol=1e-14)
    for cell in range(made.cells):
        assert np.unique(made.level[made.cell == cell], axis=0).shape[0] == 1
    assert np.unique(np.round(made.level, 10), axis=0).shape[0] == made.cells
    return made


@pytest.mark.parametrize(("kind", "least"), EXPOSURES)
@pytest.mark.parametrize("name", RULES)
def test_closed_forms_equal_all_assignments_gone_through(name: str, kind: str, least: float):
    assert_equals_brute_force(RULES[name], graph(1), kind, least)


@pytest.mark.parametrize("least", [0.25, 0.3, 0.5, 1.0])
@pytest.mark.parametrize("name", ["complete", "stratified", "pairs", "coins among strata"])
def test_weights_that_are_multiples_of_a_unit_have_a_closed_form(name: str, least: float):
    """.1, .2 and .7 are no binary fractions: a share of .3 is reached all the same by .1 + .2 of 1."""
    assert_equals_brute_force(RULES[name], graph(2, weights=(0.1, 0.2, 0.7)), "share", least)


@st.composite
def designs(draw: st.DrawFn) -> tuple[Redraw, Reach]:
    clusters = draw(st.integers(2, 7))
    strata = np.unique(draw(st.lists(st.integers(0, 2), min_size=clusters, max_size=clusters)), return_inverse=True)[1].tolist()
    treated = [draw(st.integers(-1, strata.count(s))) for s in range(max(strata) + 1)]
    own = draw(st.lists(st.integers(0, clusters - 1), min_size=1, max_size=4))
    ties = [
        draw(st.dictionaries(st.integers(0, clusters - 1).filter(lambda g, home=home: g != home), st.integers(1, 9).map(float)))
        for home in own
    ]
    return rule(strata, treated, draw(st.sampled_from([0.5, 0.1, 0.37]))), reach_of(clusters, own, ties)


@settings(max_examples=120, deadline=None)
@given(designs(), st.sampled_from([("any", 1.0), ("count", 2.0), ("count", 7.0), ("share", 0.1), ("share", 0.5), ("share", 0.9)]))
def test_any_design_and_graph(design: tuple[Redraw, Reach], exposure: tuple[str, float]):
    assert_equals_brute_force(*design, *exposure)


def test_the_formulas_of_complete_randomization_by_hand():
    """K = 6, 2 treated, 3 partner clusters: q₀ = C(2,2)/C(5,2) = 1/10, q₁ = C(2,1)/C(5,1) = 2/5."""
    reach = reach_of(6, [0, 0], [{1: 1.0, 2: 1.0, 3: 1.0}, {}])
    made = exact(rule([0] * 6, [2]), reach, "any", 1)
    np.testing.assert_allclose(made.level[0], [2 / 3 * 1 / 10, 2 / 3 * 9 / 10, 1 / 3 * 2 / 5, 1 / 3 * 3 / 5], rtol=1e-14)
    np.testing.assert_allclose(made.level[1], [2 / 3, 0, 1 / 3, 0], rtol=1e-14)
    np.testing.assert_allclose(made.surrounded, [[2 / 3 / 10, 0], [2 / 3, 1 / 3]], rtol=1e-14)
    np.testing.assert_allclose(made.dose, [[2 / 5, 1 / 5], [0, 0]], rtol=1e-14)
    assert made.level[1, 1] == made.level[1, 3] == made.surrounded[0, 1] == 0.0


def test_a_count_by_hand():
    """4 of 8 treated, two clusters with two partners and one with one: 3 partners are both, or the one with a larger one."""
    made = exact(rule([0] * 8, [4]), reach_of(8, [0], [{1: 2.0, 2: 2.0, 3: 1.0}]), "count", 3)
    ways = sum(n * comb(4, 4 - j) for j, n in ((2, 3), (3, 1)))  # all subsets of two, and the three
    assert made.level[0, 1] == pytest.approx(0.5 * ways / comb(7, 4), rel=1e-14)


@pytest.mark.parametrize(("treated", "partners"), [(2500, 1), (2500, 40), (3, 700), (4990, 2), (1, 4999), (4000, 4000)])
def test_five_thousand_clusters(treated: int, partners: int):
    reach = reach_of(5000, [7], [{g: 1.0 for g in range(5000) if g != 7 and (g < 7) + g <= partners}])
    s = int(reach.degree[0])
    made = exact(rule([0] * 5000, [treated]), reach, "any", 1)
    p = treated / 5000
    none = [stats.hypergeom(4999, treated - own, s).pmf(0) for own in (0, 1)]
    some = [stats.hypergeom(4999, treated - own, s).sf(0) for own in (0, 1)]
    wanted = [(1 - p) * none[0], (1 - p) * some[0], p * none[1], p * some[1]]
    np.testing.assert_allclose(made.level[0], wanted, rtol=2e-11, atol=1e-300)  # scipy's own log-gammas are worth no more
    third = -(-s // 3)
    made = exact(rule([0] * 5000, [treated]), reach, "share", 1 / 3)
    assert made.level[0, 1] == pytest.approx((1 - p) * stats.hypergeom(4999, treated, s).sf(third - 1), rel=1e-9, abs=1e-15)


def test_users_are_alike_whatever_the_unit_of_their_weights():
    """Two ties of .3 are two of 5: one cell; and partners in different pairs are as good as coins."""
    reach = reach_of(8, [0, 1, 2], [{4: 0.3, 6: 0.3}, {4: 5.0, 6: 5.0}, {4: 1.0, 7: 1.0}], weighted=True)
    made = exact(RULES["pairs"], reach, "share", 0.5)
    assert (made.cells, made.cell.tolist()) == (1, [0, 0, 0])
    np.testing.assert_allclose(made.level[0], [1 / 8, 3 / 8, 1 / 8, 3 / 8], rtol=1e-14)


def test_the_dose_has_the_levels_of_any():
    reach = graph(3)
    dose, some = exact(RULES["complete"], reach, "fraction", 1), exact(RULES["complete"], reach, "any", 1)
    np.testing.assert_array_equal(dose.level, some.level)


def test_without_ties_and_without_users():
    nobody = reach_of(8, [0, 1], [{}, {}])
    for kind, least in EXPOSURES:
        made = assert_equals_brute_force(RULES["complete"], nobody, kind, least)
        assert made.cells == 1
    assert exact(RULES["complete"], reach_of(8, [], []), "any", 1).level.shape == (0, 4)


def test_a_rule_that_does_not_fit_is_refused():
    three = replace(
        RULES["complete"], arms=("control", "short", "long"), counts=np.array([[4, 2, 2]]), shares=np.array([0.5, 0.25, 0.25])
    )
    with pytest.raises(ValueError, match="has 3 arms"):
        exact(three, graph(1), "any", 1)
    with pytest.raises(ValueError, match="on 8 clusters, the ties on 9"):
        exact(RULES["complete"], replace(graph(1), clusters=9), "any", 1)
    with pytest.raises(ValueError, match="0 draws"):
        probabilities(RULES["complete"], graph(1), "any", 1, draws=0, rng=RNG(0))


@pytest.mark.parametrize("weights", [(), (0.1234, 0.5, np.pi)])
@pytest.mark.parametrize("name", ["complete", "coins among strata", "balanced"])
def test_blocks_change_nothing(name: str, weights: tuple[float, ...], monkeypatch: pytest.MonkeyPatch):
    """What is held at one time is smaller than one user's rows, or larger than all: the same bytes."""
    redraw, reach = balanced() if name == "balanced" else RULES[name], graph(6, users=40, weights=weights)
    monkeypatch.setattr("honestlift.estimators.exposure.probability.SMALL", 4)

    def made() -> list[Probabilities]:
        return [probabilities(redraw, reach, kind, least, draws=30, rng=RNG(5)) for kind, least in EXPOSURES]  # type: ignore[arg-type]

    whole = made()
    for where, size in (
        ("probability.BLOCK", 5),
        ("closed.STATES", 1),
        ("subsets.SUMS", 9),
        ("drawn.PAIRS", 5),
        ("levels.CELLS", 50),
    ):
        monkeypatch.setattr(f"honestlift.estimators.exposure.{where}", size)
    for small, large in zip(made(), whole, strict=True):
        for part in ("level", "surrounded", "dose", "cell"):
            np.testing.assert_array_equal(getattr(small, part), getattr(large, part))


def balanced(threshold: float = 0.4) -> Redraw:
    z = whitened(np.array([[3.0, 14, 15, 92, 65, 35, 89, 79]]).T, ["size"])
    return replace(
        RULES["complete"], balance=Balance(z=z, threshold=threshold, inside=np.ones(8, dtype=np.bool_)), acceptance=0.5
    )


@pytest.mark.parametrize(("kind", "least"), EXPOSURES)
def test_a_criterion_is_gone_through_or_drawn(kind: str, least: float):
    redraw, reach = balanced(), graph(4)
    assert 10 < redraw.admissible < 70
    made = assert_equals_brute_force(redraw, reach, kind, least, draws=70)
    drawn = probabilities(replace(redraw, acceptance=0.5), reach, kind, least, draws=20_000, rng=RNG(1))  # type: ignore[arg-type]
    assert drawn.exact  # no more assignments than draws
    few = probabilities(redraw, reach, kind, least, draws=redraw.admissible - 1, rng=RNG(1))  # type: ignore[arg-type]
    assert (few.exact, few.draws) == (False, redraw.admissible - 1)
    np.testing.assert_array_equal(few.level[made.level == 0], 0.0)
    np.testing.assert_allclose(few.level.sum(axis=1), 1.0, atol=1e-14)
    assert np.abs(few.level - made.level).max() < 5 * few.std_error
    assert np.abs(few.surrounded - made.surrounded).max() < 5 * few.std_error


ANY_SIZE = (0.1234, 0.5, np.pi, np.e)


@pytest.mark.parametrize("least", [0.25, 0.4, 1.0])
@pytest.mark.parametrize("name", RULES)
def test_weights_of_any_size_are_exact_for_few_partner_clusters(name: str, least: float):
    made = assert_equals_brute_force(RULES[name], graph(5, users=30, weights=ANY_SIZE), "share", least)
    assert made.draws == 0


@pytest.mark.parametrize("name", ["complete", "coins among strata", "some told"])
def test_weights_of_any_size_are_drawn_for_many_and_agree(name: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("honestlift.estimators.exposure.probability.SMALL", 3)
    reach = graph(5, users=40, weights=ANY_SIZE)
    level = by_brute_force(RULES[name], reach, "share", 0.4)[0]
    made = probabilities(RULES[name], reach, "share", 0.4, draws=20_000, rng=RNG(2))
    again = probabilities(RULES[name], reach, "share", 0.4, draws=20_000, rng=RNG(2))
    assert made.exact == RULES[name].enumerable
    np.testing.assert_array_equal(made.level, again.level)
    np.testing.assert_array_equal(made.level[level == 0], 0.0)
    assert np.abs(made.level - level).max() < 5 * made.std_error + 1e-12
    for cell in range(made.cells):
        assert np.unique(made.level[made.cell == cell], axis=0).shape[0] == 1


@pytest.mark.parametrize(("kind", "least"), [("count", 12.0), ("share", 0.6)])
def test_where_a_polynomial_is_too_large_the_rule_is_drawn(kind: str, least: float, monkeypatch: pytest.MonkeyPatch):
    reach = reach_of(16, [0] * 3, [{g: float(g % 5 + 1) for g in range(1, n)} for n in (6, 10, 15)])
    wanted = exact(rule([0] * 16, [6]), reach, kind, least)
    monkeypatch.setattr("honestlift.estimators.exposure.probability.DENSE", 10)
    np.testing.assert_allclose(exact(rule([0] * 16, [6]), reach.between(0, 2), kind, least).level, wanted.level[:2], atol=1e-14)
    drawn = probabilities(rule([0] * 16, [6]), reach, kind, least, draws=6000, rng=RNG(4))  # type: ignore[arg-type]
    assert (drawn.exact, drawn.draws) == (False, 6000)
    assert 0 < drawn.std_error < 0.01
    np.testing.assert_allclose(drawn.level[:2], wanted.level[:2], atol=1e-14)
    assert np.abs(drawn.level - wanted.level).max() < 5 * drawn.std_error


def test_a_criterion_on_many_clusters_agrees_with_its_enumeration():
    """14 clusters, 3,432 splits, of which the criterion keeps about a third; 40,000 draws against each of these."""
    rng = RNG(8)
    z = whitened(rng.normal(size=(14, 2)), ["a", "b"])
    redraw = replace(rule([0] * 14, [7]), balance=Balance(z=z, threshold=0.8, inside=np.ones(14, dtype=np.bool_)), acceptance=0.3)
    own = rng.integers(0, 14, 30)
    reach = reach_of(14, own, [{int(g): 1.0 for g in rng.permutation(14)[: i % 6] if g != own[i]} for i in range(30)])
    every = probabilities(redraw, reach, "any", 1, draws=4000, rng=rng)
    assert every.exact
    drawn = probabilities(redraw, reach, "any", 1, draws=every.draws - 1, rng=rng)
    assert not drawn.exact
    assert np.abs(drawn.level - every.level).max() < 5 * drawn.std_error
    assert np.abs(drawn.dose - every.dose).max() < 0.06
    plain = probabilities(replace(redraw, balance=None), reach, "any", 1, draws=1, rng=rng)
    assert np.abs(plain.level - every.level).max() > 0.05  # the criterion matters
