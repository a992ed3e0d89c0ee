"""Two-stage designs: by hand, collapse, laws, unbiased over every assignment of both stages, coverage by simulation."""

from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from honestlift.estimators.saturation import Effect, TwoStage, effects

Key = tuple[str, float, float]


def by_key(data: TwoStage) -> dict[Key, Effect]:
    return {(e.kind, e.high, e.low): e for e in effects(data)}


def of_rows(saturation: list[float], on: list[list[int]], y: list[list[float]]) -> TwoStage:
    """Workspaces of users with their arms and outcomes."""
    count, total = (np.zeros((len(on), 2)) for _ in range(2))
    for g, (arms, values) in enumerate(zip(on, y, strict=True)):
        np.add.at(count[g], arms, 1)
        np.add.at(total[g], arms, values)
    return TwoStage(saturation=np.array(saturation), count=count, total=total)


def test_by_hand():
    """Two workspaces at one half, with differences 2 and 4; two without treatment, with means 1 and 3; one and all treated, 9 and 5.

    DE = 3, s² = 2, V = 1. Controls at one half: 2 and 4, mean 3, V = 2/2 = 1; IE(½, 0) = 3 − 2, V = 1 + 1, df by Welch 2.
    """
    data = of_rows(
        [0.5, 0.5, 0, 0, 1, 1], [[1, 0], [1, 0], [0, 0], [0, 0], [1, 1], [1]], [[4, 2], [8, 4], [0, 2], [3, 3], [8, 10], [5]]
    )
    found = by_key(data)
    direct = found["direct", 0.5, 0.5]
    assert (direct.estimate, direct.std_error, direct.df, direct.mean, direct.clusters) == (3, 1, 1, 3, 2)
    indirect = found["indirect", 0.5, 0]
    assert (indirect.estimate, indirect.std_error, indirect.df) == (1, pytest.approx(2**0.5), pytest.approx(2))
    assert found["total", 0.5, 0].estimate == 6 - 2
    assert found["overall", 1, 0].estimate == 7 - 2
    assert found["overall", 0.5, 0].estimate == 4.5 - 2
    assert found["total", 1, 0.5].estimate == 7 - 3
    assert found.keys() == {
        ("direct", 0.5, 0.5), ("indirect", 0.5, 0), ("total", 0.5, 0), ("total", 1, 0), ("total", 1, 0.5),
        ("overall", 0.5, 0), ("overall", 1, 0), ("overall", 1, 0.5),
    }  # fmt: skip


def test_total_is_direct_plus_indirect():
    data = world(np.random.default_rng(1))
    found = by_key(data)
    for high, low in ((0.5, 0.25), (0.75, 0.25), (0.75, 0.5)):
        parts = found["direct", high, high].estimate + found["indirect", high, low].estimate
        assert found["total", high, low].estimate == pytest.approx(parts, rel=1e-12)


def test_saturations_zero_and_one_alone_are_the_cluster_experiment():
    """Overall and total are then the difference of workspace means, with Welch's interval."""
    from scipy import stats

    rng = np.random.default_rng(2)
    y = rng.normal(size=(12, 5))
    on = [[0] * 5] * 6 + [[1] * 5] * 6
    found = by_key(of_rows([0.0] * 6 + [1.0] * 6, on, y.tolist()))
    welch = stats.ttest_ind(y[6:].mean(axis=1), y[:6].mean(axis=1), equal_var=False)
    for kind in ("overall", "total"):
        e = found[kind, 1, 0]
        assert e.estimate / e.std_error == pytest.approx(welch.statistic)
        assert e.df == pytest.approx(welch.df)
    assert not [k for k in found if k[0] in ("direct", "indirect")]


def world(rng: np.random.Generator, each: int = 5, size: int = 12, between: float = 0.3) -> TwoStage:
    """Outcomes 1 + .8·own + .6·share + .3·own·share, workspaces of unlike sizes at a quarter, a half and three quarters."""
    levels = np.repeat([0.25, 0.5, 0.75], each)[rng.permutation(3 * each)]
    on, y = [], []
    for a in levels:
        n = size + 4 * int(rng.integers(0, 3))
        arms = rng.permutation(np.arange(n) < round(a * n)).astype(int)
        share = arms.mean()
        y.append((1 + 0.8 * arms + 0.6 * share + 0.3 * arms * share + rng.normal(0, between) + rng.normal(0, 1, n)).tolist())
        on.append(arms.tolist())
    return of_rows(levels.tolist(), on, y)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 99), st.floats(-5, 5), st.floats(0.1, 3))
def test_laws(seed: int, shift: float, scale: float):
    """Constants move no effect, units scale all; the order of workspaces does not matter; swapped arms and shares turn the sign."""
    data = world(np.random.default_rng(seed), each=3)
    plain = by_key(data)
    other = by_key(TwoStage(saturation=data.saturation, count=data.count, total=scale * data.total + shift * data.count))
    turn = np.random.default_rng(seed).permutation(data.saturation.size)
    moved = by_key(TwoStage(saturation=data.saturation[turn], count=data.count[turn], total=data.total[turn]))
    swapped = by_key(TwoStage(saturation=1 - data.saturation, count=data.count[:, ::-1], total=data.total[:, ::-1]))
    for (kind, high, low), e in plain.items():
        assert other[kind, high, low].estimate == pytest.approx(scale * e.estimate, rel=1e-9, abs=1e-9)
        assert other[kind, high, low].std_error == pytest.approx(scale * e.std_error, rel=1e-6, abs=1e-9)
        assert moved[kind, high, low].estimate == pytest.approx(e.estimate, rel=1e-12, abs=1e-12)
        if kind in ("direct", "overall"):
            mirror = swapped[kind, 1 - low, 1 - high]
            assert mirror.estimate == pytest.approx(-e.estimate, rel=1e-9, abs=1e-12)
            assert mirror.std_error == pytest.approx(e.std_error, rel=1e-9)


def test_unbiased_over_every_assignment_of_both_stages():
    """Four workspaces, two at a third, two at two thirds; every draw of both stages; outcomes depend on the own arm and the share at will.

    The expectation of each effect is that of the potential outcomes, and that of each variance is not below the true variance where the
    effects differ between workspaces (Hudgens & Halloran 2008).
    """
    rng = np.random.default_rng(4)
    potential = rng.normal(size=(4, 3, 2, 2))  # workspace, user, own arm, saturation
    potential += rng.normal(size=(4, 1, 1, 1))
    levels, treated = (1 / 3, 2 / 3), (1, 2)
    found: dict[Key, list[tuple[float, float]]] = {}
    stage = [list(combinations(range(3), k)) for k in treated]
    for high in combinations(range(4), 2):
        at = [int(g in high) for g in range(4)]
        for chosen in product(*(stage[a] for a in at)):
            on = [[int(i in chosen[g]) for i in range(3)] for g in range(4)]
            y = [[float(potential[g, i, on[g][i], at[g]]) for i in range(3)] for g in range(4)]
            for key, e in by_key(of_rows([levels[a] for a in at], on, y)).items():
                found.setdefault(key, []).append((e.estimate, e.std_error**2))
    means = potential.mean(axis=(0, 1))  # own arm, saturation
    low, high = levels
    overall = [(1 - a) * means[0, s] + a * means[1, s] for s, a in enumerate(levels)]
    truth = {
        ("direct", low, low): means[1, 0] - means[0, 0],
        ("direct", high, high): means[1, 1] - means[0, 1],
        ("indirect", high, low): means[0, 1] - means[0, 0],
        ("total", high, low): means[1, 1] - means[0, 0],
        ("overall", high, low): overall[1] - overall[0],
    }
    assert found.keys() == truth.keys()
    for key, draws in found.items():
        estimates, variances = np.array(draws).T
        assert estimates.mean() == pytest.approx(truth[key], abs=1e-12)
        assert variances.mean() >= estimates.var() - 1e-12


def test_what_is_not_there_gives_no_number():
    one = of_rows([0.5, 0], [[1, 0], [0, 0]], [[2, 1], [1, 1]])
    for e in effects(one):
        assert np.isnan(e.std_error)
        assert np.isnan(e.df)
    lacking = of_rows([0.5, 0.5, 0, 0], [[1], [1], [0], [0]], [[2], [3], [1], [2]])
    assert {e.kind for e in effects(lacking)} == {"total", "overall"}
    same = of_rows([0.5] * 3 + [0.0] * 3, [[1, 0]] * 3 + [[0, 0]] * 3, [[2, 1]] * 3 + [[1, 1]] * 3)
    assert {(e.std_error, e.df) for e in effects(same)} == {(0.0, 2.0), (0.0, 4.0)}
