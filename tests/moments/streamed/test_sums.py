"""Sums that the engine computes, against the same sums by NumPy on rows in memory."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import narwhals as nw
import numpy as np
import polars as pl
import pytest

import honestlift as hl
from honestlift.errors import SourceError
from honestlift.moments.streamed import arrays, engine
from honestlift.moments.streamed.features import covariances_of, features_of
from honestlift.moments.streamed.influences import Influence
from honestlift.moments.streamed.terms import Term
from honestlift.moments.streamed.weights import WEIGHTS, Model, Rows, moved

RNG = np.random.default_rng(11)
N = 400
T = RNG.integers(0, 2, N).astype(np.float64)
Y = RNG.normal(size=N)
Z = np.column_stack([np.ones(N), RNG.normal(size=N), RNG.uniform(-1, 1, N)])
G = RNG.integers(0, 7, N)
BETA, OUTCOMES, BALANCE = (
    np.array([0.1, 0.7, -0.4]),
    (np.array([0.0, 0.5, 0.2]), np.array([0.3, 0.4, -0.1])),
    np.array([0.2, -0.3, 0.1]),
)


ROADS = pytest.mark.parametrize("road", [arrays, engine], ids=["in this process", "by a query"])


def rows(**columns: Any) -> Rows:
    frame = pl.DataFrame({"g": G, "t": T, "y": Y, "z1": Z[:, 1], "z2": Z[:, 2]} | columns)
    source = hl.connect(frame)
    named = source.select(list(frame.columns)).rename({f"c{i}": name for i, name in enumerate(frame.columns)})
    largest = int(np.bincount(G).max())
    return Rows(
        frame=named,
        bound=np.abs(Z).max(axis=0),
        outcome=float(np.abs(Y).max()),
        count=N,
        most=N,
        largest=largest,
        grouped=False,
        groups=1,
    )


def model(found: Rows) -> Model:
    made = Model(propensity=BETA, outcomes=OUTCOMES, balance=(BALANCE,))
    return replace(made, ranges=engine.ranges(found, made.predictors))


def values(name: str) -> np.ndarray[Any, Any]:
    """A weight by NumPy."""
    e = 1 / (1 + np.exp(-(Z @ BETA)))
    f = 1 - e
    low = (e < 0.5).astype(float)
    known = {"one": 1 + 0 * e, "residual": T - e, "e": e, "f": f, "v": e * f, "odds": e / f, "odds_not": f / e}
    known |= {"tilted": e * f * (f - e), "low": low, "high": 1 - low, "e_low": e * low, "f_high": f * (1 - low)}
    known |= {"v_low": e * f * low, "v_high": e * f * (1 - low), "odds_low": e / f * low, "odds_not_high": f / e * (1 - low)}
    return known[name] if name in known else np.exp(Z @ BALANCE)


@pytest.mark.parametrize("weight", [*WEIGHTS, "exp0"])
@pytest.mark.parametrize("precise", [False, True])
@ROADS
def test_every_weight_and_factor(weight: str, precise: bool, road: Any) -> None:
    found = rows()
    factors = {"": 1.0, "y": Y, "yy": Y**2, "m0": Z @ OUTCOMES[0], "m1": Z @ OUTCOMES[1]}
    terms = [Term(arm, weight, factor, 1, 2, precise) for arm in (-1, 0, 1) for factor in factors]
    terms += [Term(arm, weight, "r", 0, 1, precise) for arm in (0, 1)]
    answer = road.total(found, terms, model(found))
    for t in terms:
        inside = np.ones(N) if t.arm < 0 else (t.arm == T)
        factor = Y - Z @ OUTCOMES[t.arm] if t.factor == "r" else factors[t.factor]
        summands = inside * values(weight) * factor * Z[:, t.i] * Z[:, t.j]
        # a summand is rounded to about bound × rows × 2^−53, so that 400 of them are off by less than this
        assert answer.values[t][0] == pytest.approx(np.sum(summands), abs=1e-10 * np.abs(summands).max()), t


@ROADS
def test_groups_add_up_and_stand_in_the_order_of_their_labels(road: Any) -> None:
    found = replace(rows(), grouped=True, groups=7)
    t = Term(1, "odds_not", "y", 0, 1, True)
    answer = road.total(found, [t], model(found))
    assert answer.groups == tuple(range(7))
    assert answer.rows.tolist() == np.bincount(G).tolist()
    summands = T * values("odds_not") * Y * Z[:, 1]
    assert answer.values[t] == pytest.approx(np.bincount(G, summands), abs=1e-10)


def test_more_sums_than_one_query_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    found = rows()
    terms = [Term(arm, "v", "y", i, j) for arm in (0, 1) for i in range(3) for j in range(3)]
    whole = engine.total(found, terms, model(found))
    monkeypatch.setattr("honestlift.moments.streamed.engine.MOST_SUMS", 4)
    parts = engine.total(found, terms, model(found))
    assert all(np.array_equal(whole.values[t], parts.values[t]) for t in terms)


@ROADS
def test_rows_that_changed_since_they_were_profiled_are_an_error(road: Any) -> None:
    with pytest.raises(SourceError):
        road.total(replace(rows(), count=N - 1), [Term(0, "one")], Model(propensity=BETA))


def test_a_look_at_the_rows_brings_the_ranges_of_lines_with_it() -> None:
    found = rows()
    looked = arrays.gather(found, [Term(0, "one")], model(found), lines={"eta": BETA})
    assert looked.ranges == arrays.ranges(found, {"eta": BETA})
    assert looked.squares is None
    assert looked.scores is None


@pytest.mark.parametrize("arm", [0, 1])
@ROADS
def test_ranges_of_an_arm_hold_after_a_step(arm: int, road: Any) -> None:
    found, step = rows(), np.array([0.1, -0.2, 0.3])
    eta, moving = (Z @ BETA)[arm == T], (Z @ step)[arm == T]
    both = road.ranges(found, {"eta": BETA})["eta"]
    low, high = both[arm]
    assert low < eta.min()
    assert high > eta.max()
    assert high - low == pytest.approx(np.ptp(eta), rel=1e-6)
    low, high = moved(found, both, step)[arm]
    assert low < (eta + moving).min()
    assert high > (eta + moving).max()


@ROADS
def test_rows_of_an_arm_and_between_bounds(road: Any) -> None:
    found = rows()
    assert road.total(found.of_arm(1), [Term(-1, "one")], model(found)).rows.sum() == T.sum()
    kept = found.between(BETA, -0.2, 0.3)
    eta = Z @ BETA
    assert road.total(kept, [Term(-1, "one")], model(found)).rows.sum() == np.sum((eta >= -0.2) & (eta <= 0.3))


def by_features(found: Rows, pair: tuple[Influence, Influence]) -> Any:
    """The sums of products of features in this process, combined as the influences are."""
    features = tuple(list(dict.fromkeys(f for one in pair for f in features_of(one, arm))) for arm in (0, 1))
    squares = arrays.gather(found, [], model(found), features=features).squares
    assert squares is not None
    return covariances_of([pair], features, squares)[0]


def by_query(found: Rows, pair: tuple[Influence, Influence]) -> Any:
    return engine.covariances(found, [pair], model(found))[0]


@pytest.mark.parametrize(
    ("road", "off"),
    # a feature is rounded to 2^-41 of its bound: of 400 rows, whose squares are a tenth of the bound's, no more than this is left
    [(by_features, 1e-11), (by_query, 1e-12)],
    ids=["in this process", "by a query"],
)
def test_influences_multiply_as_by_numpy(road: Any, off: float) -> None:
    found, e = rows(), values("e")
    v, w, b = np.array([0.1, 0.2, -0.1]), np.array([0.0, -0.3, 0.2]), np.array([0.5, 0.1, 0.0])
    one = Influence(
        arm=1,
        weight={"one": 1.0, "odds_not": 1.0},
        share=({"v": 1.0}, {"v": 1.0}),
        modelled=True,
        mean=0.2,
        size=0.7,
        score=v,
        outcome=w,
        constant=0.05,
    )
    two = Influence(arm=0, weight={"exp0": 1.0}, share=None, modelled=False, mean=-0.1, size=1.3, balance=(0, (0.0, 1.0), b))
    m1 = Z @ OUTCOMES[1]
    first = values("v") * (m1 - 0.2) + T / e * (Y - m1) + (T - e) * (Z @ v) + T * (Y - m1) * (Z @ w) - 0.05
    second = (1 - T) * values("exp0") * (Y + 0.1) + (T - (1 - T) * values("exp0")) * (Z @ b)
    both = np.column_stack([second / 1.3, first / 0.7])
    assert road(found, (two, one)) == pytest.approx(both.T @ both, rel=off)


def scored(found: Rows, steps: int) -> Any:
    return arrays.gather(found, [], model(found), steps=steps).scores


@pytest.mark.parametrize(
    "road",
    [scored, lambda found, steps: engine.by_score(found, model(found), steps)],
    ids=["in this process", "by a query"],
)
def test_scores_on_a_grid(road: Any) -> None:
    found = rows()
    grid = road(found, 16)
    place = np.floor(values("e") * 16 + 0.5) / 16
    assert grid.x[:, 0].tolist() == sorted(set(place))
    for arm in (0, 1):
        for held, by in ((grid.count, np.ones(N)), (grid.total, Y), (grid.square, Y**2)):
            expected = [np.sum(by[(place == s) & (arm == T)]) for s in grid.x[:, 0]]
            assert held[:, arm] == pytest.approx(expected, abs=1e-12)


def test_weights_need_no_names_of_the_user() -> None:
    assert isinstance(rows().frame, nw.LazyFrame)
