"""The focal test and the placebo of exposure: by hand, by rows, size by enumeration under every rule, power, tell-tales."""

from itertools import combinations
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.sparse import csr_array

from honestlift.design.assignment import Redraw, Rule, assign, redraws
from honestlift.design.assignment.held import holding
from honestlift.design.assignment.redraw import fixed_counts
from honestlift.errors import AssignmentError
from honestlift.inference.focal import ExposureTest, focal_clusters, focal_test, placebo_exposure_test

NAMES = list("abcdefgh")


def graph(rng: np.random.Generator, clusters: int, each: int, ties: int = 3) -> tuple[NDArray[np.int64], csr_array]:
    """Users of clusters with weighted ties to a few other clusters; every seventh user has none."""
    own = np.repeat(np.arange(clusters), each)
    dense = np.zeros((own.size, clusters))
    for i, g in enumerate(own):
        if i % 7:
            others = np.delete(np.arange(clusters), g)
            dense[i, rng.choice(others, min(ties, others.size), replace=False)] = rng.integers(1, 4, min(ties, others.size))
    return own, csr_array(dense)


def fraction(ties: csr_array, arms: NDArray[np.bool_]) -> NDArray[np.float64]:
    whole = np.asarray(ties.sum(axis=1)).ravel()
    return (ties @ arms.astype(float)) / np.where(whole > 0, whole, 1)


def slope_of_rows(y: Any, own: Any, ties: csr_array, arms: NDArray[np.bool_], focal: NDArray[np.bool_]) -> float:
    """The same slope, user by user, by least squares with a constant for each arm."""
    kept = focal[own] & (np.asarray(ties.sum(axis=1)).ravel() > 0) & np.isfinite(y)
    on = arms[own[kept]].astype(float)
    x = np.stack([on, 1 - on, fraction(ties, arms)[kept]], axis=1)
    return float(np.linalg.lstsq(x, y[kept], rcond=None)[0][2])


def test_by_hand():
    """Four clusters, two treated; two focal ones that are held, a treated and a control; so that the others swap, and p is 1 or ½.

    Control focal users: outcomes 0 and 3 with ties to c and d; the slope is +3 when d is treated and −3 when c is: as far from zero.
    """
    own, y = np.array([0, 0, 1, 1]), np.array([0.0, 3.0, 5.0, 5.0])
    ties = csr_array(np.array([[0, 0, 1, 0], [0, 0, 0, 1], [0, 0, 1, 0], [0, 0, 1, 0]], dtype=float))
    arms = np.array([False, True, False, True])
    rule = fixed_counts(np.zeros(4, dtype=np.int64), np.array([2]))
    seed = next(
        s for s in range(99) if focal_clusters(rule, 0.5, np.random.default_rng(s)).tolist() == [True, True, False, False]
    )
    found = focal_test(y, own, ties, arms, rule, np.random.default_rng(seed))
    assert found == ExposureTest(
        slope=3.0, p_value=1.0, smallest_p=0.5, spread=3.0, draws=2, enumerated=True, clusters=2, users=4
    )


def test_sums_give_the_slope_of_rows():
    rng = np.random.default_rng(3)
    own, ties = graph(rng, 12, 9)
    y, arms = 1e3 + rng.normal(size=own.size), rng.permutation(12) < 6
    y[4] = np.nan
    rule = fixed_counts(np.zeros(12, dtype=np.int64), np.array([6]))
    everyone = np.ones(12, dtype=bool)
    assert placebo_exposure_test(y, own, ties, arms, rule, np.random.default_rng(0)).slope == pytest.approx(
        slope_of_rows(y, own, ties, arms, everyone), rel=1e-9
    )
    focal = focal_clusters(rule, 0.5, np.random.default_rng(5))
    found = focal_test(y, own, ties, arms, rule, np.random.default_rng(5))
    assert found.slope == pytest.approx(slope_of_rows(y, own, ties, arms, focal), rel=1e-9)
    assert found.users == int((focal[own] & np.isfinite(y) & (np.asarray(ties.sum(axis=1)).ravel() > 0)).sum())


def rules() -> dict[str, Redraw]:
    values = {name: (float(v), float(v * v % 5)) for name, v in zip(NAMES, (1, 2, 2, 3, 5, 8, 9, 4), strict=True)}
    strata = {name: "pq"[i // 4] for i, name in enumerate(NAMES)}
    made = {
        "complete": assign(NAMES, Rule(share=0.375), seed=1),
        "stratified": assign(NAMES, Rule(kind="stratified"), seed=1, strata=strata),
        "bernoulli": assign(NAMES, Rule(kind="bernoulli"), seed=1),
        "pairs": assign(NAMES, Rule(kind="matched_pairs", covariates=("x", "w")), seed=1, covariates=values),
    }
    return {kind: redraws(record, NAMES) for kind, record in made.items()}


def every(rule: Redraw) -> NDArray[np.bool_]:
    blocks, whole = rule.blocks(np.random.default_rng(0), 10**6)
    assert whole
    return np.concatenate([np.asarray(b).astype(bool) for b in blocks])


def rerandomized() -> Redraw:
    """A criterion on eight clusters which accepts about a third of the draws."""
    plain = {name: (float(v),) for name, v in zip(NAMES, (1, 2, 2, 3, 5, 8, 9, 4), strict=True)}
    from dataclasses import replace

    from honestlift.design.assignment.balance import Balance, whitened

    z = whitened(np.array(list(plain.values())), ("x",))
    rule = fixed_counts(np.zeros(8, dtype=np.int64), np.array([4]))
    return replace(rule, balance=Balance(z=z, threshold=0.2, inside=np.ones(8, dtype=bool)), acceptance=0.3)


@pytest.mark.parametrize("kind", ["complete", "stratified", "bernoulli", "pairs", "rerandomized"])
def test_held_rules_give_exactly_the_assignments_that_agree(kind: str):
    rule = rerandomized() if kind == "rerandomized" else rules()[kind]
    whole = every(rule)
    held = np.array([1, 0, 0, 1, 0, 1, 0, 0], dtype=bool)
    actual = whole[3]
    agree = whole[(whole[:, held] == actual[held]).all(axis=1)]
    again = holding(rule, held, actual)
    found = every(again)
    assert sorted(map(tuple, found.tolist())) == sorted(map(tuple, agree.tolist()))
    drawn = np.asarray(again(np.random.default_rng(1), 4000)).astype(bool)
    counts = [int((drawn == row).all(axis=1).sum()) for row in agree]
    assert sum(counts) == 4000
    assert max(abs(c - 4000 / len(agree)) for c in counts) < 5 * (4000 / len(agree)) ** 0.5


@pytest.mark.parametrize("clusters", [8, 60])
def test_what_was_known_is_taken_off_by_least_squares_of_the_focal_users(clusters: int):
    """60 clusters of two: sums over pairs of clusters would be more than the users' ties, and the slope is made of these."""
    rng = np.random.default_rng(9)
    own, ties = graph(rng, clusters, 2 if clusters == 60 else 30)
    arms, rule = (
        rng.permutation(clusters) < clusters // 2,
        fixed_counts(np.zeros(clusters, dtype=np.int64), np.array([clusters // 2])),
    )
    before = np.stack([rng.normal(size=clusters)[own], 1e6 * rng.normal(size=own.size), np.ones(own.size)], axis=1)
    y = before @ np.array([1.0, 1e-6, 3.0]) + rng.normal(size=own.size)
    y[3] = np.nan
    focal = focal_clusters(rule, 0.5, np.random.default_rng(5))
    plain = focal_test(y, own, ties, arms, rule, np.random.default_rng(5))
    assert plain.slope == pytest.approx(slope_of_rows(y, own, ties, arms, focal), rel=1e-9)
    found = focal_test(y, own, ties, arms, rule, np.random.default_rng(5), before=before)
    kept = focal[own] & np.isfinite(y)
    theta = np.linalg.lstsq(np.column_stack([arms[own], before])[kept].astype(float), y[kept], rcond=None)[0]
    assert found.slope == pytest.approx(slope_of_rows(y - before @ theta[1:], own, ties, arms, focal), rel=1e-7)
    assert found.spread < plain.spread


@pytest.mark.parametrize("adjusted", [False, True])
@pytest.mark.parametrize("kind", ["complete", "stratified", "bernoulli", "pairs", "rerandomized"])
def test_size_is_exact_over_every_assignment_of_the_rule(kind: str, adjusted: bool):
    """Outcomes that go with the user's ties and the own arm, not with others' arms: p ≤ α in no more than α of all assignments."""
    rule = rerandomized() if kind == "rerandomized" else rules()[kind]
    rng = np.random.default_rng(7)
    own, ties = graph(rng, 8, 6)
    degree = np.asarray(ties.sum(axis=1)).ravel()
    base = rng.normal(size=own.size) + 0.5 * degree
    whole, before = every(rule), (base + rng.normal(size=own.size))[:, None] if adjusted else None
    p = np.array(
        [focal_test(base + 2 * z[own], own, ties, z, rule, np.random.default_rng(1), before=before).p_value for z in whole]
    )
    told = np.nan_to_num(p, nan=1.0)
    for alpha in (0.05, 0.1, 0.2, 0.25, 0.5, 0.75):
        assert (told <= alpha + 1e-12).mean() <= alpha + 1e-12
    assert (told < 1).any()
    assert len(np.unique(told)) > 3 or kind == "pairs"


def test_power_where_outcomes_go_with_others_arms_and_none_where_they_do_not():
    rng = np.random.default_rng(11)
    own, ties = graph(rng, 40, 25, ties=2)
    rule = fixed_counts(np.zeros(40, dtype=np.int64), np.array([20]))
    p: dict[float, list[float]] = {0.0: [], 0.8: []}
    for i in range(60):
        arms = np.random.default_rng(100 + i).permutation(40) < 20
        noise = rng.normal(size=own.size) + rng.normal(0, 0.3, 40)[own] + arms[own]
        for spill, found in p.items():
            y = noise + spill * fraction(ties, arms)
            found.append(focal_test(y, own, ties, arms, rule, np.random.default_rng(i), draws=199).p_value)
    assert np.mean(np.array(p[0.8]) <= 0.05) > 0.9
    assert np.mean(np.array(p[0.0]) <= 0.05) < 0.15


def test_an_exposure_that_hardly_varies_is_seen_in_the_spread():
    """Everyone is tied to all other clusters alike: the fraction is the same whatever the draw, and nothing can be tested."""
    own = np.repeat(np.arange(10), 4)
    rule = fixed_counts(np.zeros(10, dtype=np.int64), np.array([5]))
    arms, rng = np.arange(10) < 5, np.random.default_rng(0)
    y = rng.normal(size=40)
    even = csr_array((np.arange(10)[None, :] != own[:, None]).astype(float))
    found = focal_test(y, own, even, arms, rule, np.random.default_rng(0))
    assert np.isnan(found.slope)
    assert np.isnan(found.p_value)
    sparse = graph(rng, 10, 4, ties=1)[1]
    near = csr_array(100 * even.toarray() + sparse.toarray())
    wide, narrow = (focal_test(y, own, t, arms, rule, np.random.default_rng(0)).spread for t in (sparse, near))
    assert narrow > 20 * wide


def test_nobody_with_a_tie_gives_no_number():
    rule = fixed_counts(np.zeros(4, dtype=np.int64), np.array([2]))
    found = focal_test(np.ones(4), np.arange(4), csr_array((4, 4)), np.arange(4) < 2, rule, np.random.default_rng(0))
    assert (found.users, np.isnan(found.p_value)) == (0, True)


def test_the_placebo_finds_ties_that_came_after_the_launch():
    """Heavy users (before) come to be tied to treated clusters: exposure goes with the outcome from before. Made by chance it does not."""
    rng = np.random.default_rng(2)
    own, ties = graph(rng, 30, 30, ties=2)
    arms = rng.permutation(30) < 15
    before = rng.normal(size=own.size)
    rule = fixed_counts(np.zeros(30, dtype=np.int64), np.array([15]))
    assert placebo_exposure_test(before, own, ties, arms, rule, np.random.default_rng(0)).p_value > 0.05
    drawn = before + 1.0 * fraction(ties, arms)
    assert placebo_exposure_test(drawn, own, ties, arms, rule, np.random.default_rng(0)).p_value < 0.01


def test_the_same_seed_gives_the_same_and_the_order_of_users_nothing():
    rng = np.random.default_rng(4)
    own, ties = graph(rng, 16, 10)
    y, arms = rng.normal(size=own.size), rng.permutation(16) < 8
    rule = fixed_counts(np.zeros(16, dtype=np.int64), np.array([8]))
    first = focal_test(y, own, ties, arms, rule, np.random.default_rng(1))
    assert first == focal_test(y, own, ties, arms, rule, np.random.default_rng(1))
    turn = rng.permutation(own.size)
    again = focal_test(y[turn], own[turn], csr_array(ties[turn]), arms, rule, np.random.default_rng(1))
    assert (again.p_value, again.slope) == (first.p_value, pytest.approx(first.slope, rel=1e-9))
    moved = focal_test(5 - 2 * y, own, ties, arms, rule, np.random.default_rng(1))
    assert (moved.p_value, moved.slope) == (first.p_value, pytest.approx(-2 * first.slope, rel=1e-9))


def test_what_cannot_be_is_refused():
    own, rule = np.arange(4), fixed_counts(np.zeros(4, dtype=np.int64), np.array([2]))
    with pytest.raises(ValueError, match="own cluster"):
        focal_test(np.ones(4), own, csr_array(np.eye(4)), own < 2, rule, np.random.default_rng(0))
    with pytest.raises(ValueError, match="do not fit"):
        focal_test(np.ones(3), own, csr_array(np.eye(4)), own < 2, rule, np.random.default_rng(0))
    with pytest.raises(AssignmentError, match="could not have given"):
        holding(rule, own < 3, own < 3)


def test_focal_sets_are_drawn_alike_and_pairs_as_a_whole():
    rule = fixed_counts(np.zeros(4, dtype=np.int64), np.array([2]))
    seen = dict.fromkeys(combinations(range(4), 2), 0)
    for seed in range(600):
        first, second = np.flatnonzero(focal_clusters(rule, 0.5, np.random.default_rng(seed))).tolist()
        seen[first, second] += 1
    assert min(seen.values()) > 60
    pairs = rules()["pairs"]
    for seed in range(20):
        focal = focal_clusters(pairs, 0.5, np.random.default_rng(seed))
        assert focal.sum() == 4
        assert set(np.bincount(pairs.strata, focal).tolist()) == {0.0, 2.0}
