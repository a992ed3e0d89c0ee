"""Order statistics by bins that grow finer: exactly the values that sorting gives."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from honestlift.errors import DataError
from honestlift.moments import ranks
from honestlift.moments.ranks import binned, joined, order_statistics, rank_of
from honestlift.source.connect import connect

FINITE = st.floats(-1e9, 1e9, allow_nan=False).map(lambda v: v + 0.0)


def _span(values: np.ndarray) -> tuple[float, float]:
    kept = values[np.isfinite(values)]
    return float(kept.min()), float(kept.max())


@given(st.lists(FINITE, min_size=1, max_size=60), st.floats(0.01, 0.99))
@settings(max_examples=25, deadline=None)
def test_every_rank_is_what_sorting_gives(values: list[float], q: float) -> None:
    x = np.array(values)
    rank = rank_of(q, x.size)
    found = order_statistics(connect(pl.DataFrame({"x": x})), "x", [(None, rank), (None, 1), (None, x.size)], _span(x))
    assert found == [np.sort(x)[rank - 1], x.min(), x.max()]


@pytest.mark.parametrize("q", [0.1, 0.5, 0.7, 0.9, 0.99])
def test_the_rank_is_that_of_the_inverted_distribution_function(q: float) -> None:
    x = np.arange(1.0, 11.0)
    assert x[rank_of(q, 10) - 1] == np.quantile(x, q, method="inverted_cdf")


def test_the_last_rounds_count_without_fetching_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranks, "FEW", 0)
    x = np.random.default_rng(1).standard_normal(5000)
    assert order_statistics(connect(pl.DataFrame({"x": x})), "x", [(None, 77)], _span(x)) == [np.sort(x)[76]]


def test_groups_heavy_tails_and_gaps() -> None:
    rng = np.random.default_rng(3)
    x = np.exp(12 * rng.standard_normal(20_000))
    x[::7] = np.nan
    arm = np.where(rng.random(x.size) < 0.3, "on", "off")
    source = connect(pl.DataFrame({"arm": arm, "x": x}))
    wanted, truth = [], []
    for name in ("on", "off"):
        kept = np.sort(x[(arm == name) & ~np.isnan(x)])
        for q in (0.01, 0.5, 0.999):
            wanted.append((name, rank_of(q, kept.size)))
            truth.append(kept[rank_of(q, kept.size) - 1])
    assert order_statistics(source, "x", wanted, _span(x), by="arm") == truth


def test_values_over_too_many_powers_of_ten_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranks, "FEW", 5)
    monkeypatch.setattr(ranks, "ROUNDS", 3)
    x = 10.0 ** np.linspace(-140, 140, 30_000)
    with pytest.raises(DataError, match="80 powers of ten"):
        order_statistics(connect(pl.DataFrame({"x": x})), "x", [(None, 12_000)], _span(x))


def test_bins_keep_their_order_and_their_extremes() -> None:
    x = np.array([0.0, 1.0, 1.0, 2.0, 3.5, 9.0])
    seen = binned(connect(pl.DataFrame({"x": x})), [], "x", [(1.0, 1.0), (2.0, 4.0)], 2)
    assert seen.rows.tolist() == [1, 2, 1, 1, 1]
    assert seen.low.tolist() == [0.0, 1.0, 2.0, 3.5, 9.0]
    assert seen.high.tolist() == [0.0, 1.0, 2.0, 3.5, 9.0]
    assert (np.diff(seen.place) > 0).all()


def test_spans_that_touch_become_one() -> None:
    assert joined([(3.0, 4.0), (0.0, 1.0), (1.0, 2.0)]) == [(0.0, 2.0), (3.0, 4.0)]
