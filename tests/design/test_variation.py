"""Numbers before a study: sizes that keep their mean and spread, and values that cannot be."""

from __future__ import annotations

import numpy as np
import pytest

import honestlift as hl
from honestlift.design.variation import spread_sizes

NUMBERS = {"clusters": 20, "mean_size": 50.0, "icc": 0.1, "sd": 2.0}


@pytest.mark.parametrize("cv", [0.0, 0.3, 1.0, 1.5])
@pytest.mark.parametrize("clusters", [8, 50, 501])
def test_sizes_keep_mean_and_variation(cv: float, clusters: int):
    sizes = spread_sizes(clusters, 1000.0, cv)
    assert sizes.mean() == pytest.approx(1000, rel=1e-3)
    assert sizes.std() / sizes.mean() == pytest.approx(cv, abs=2e-3)
    assert np.all(np.diff(sizes) >= 0)


def test_no_size_falls_below_one():
    assert spread_sizes(50, 1.2, 2.0).min() == 1.0


def test_variances_add_up_and_covariates_take_their_share():
    v = hl.Variation.of(**NUMBERS)
    assert (v.between, v.within) == (pytest.approx(0.4), pytest.approx(3.6))
    known = hl.Variation.of(**NUMBERS, r2_between=0.5, r2_within=0.25, covariates=1)
    assert (known.between, known.within) == (pytest.approx(0.2), pytest.approx(2.7))


def test_more_workspaces_are_spread_alike():
    v = hl.Variation.of(**NUMBERS, size_cv=0.8)
    assert v.with_clusters(20) is v
    more = v.with_clusters(60)
    assert more.clusters == 60
    assert more.size_cv == pytest.approx(v.size_cv)
    assert more.n.mean() == pytest.approx(v.n.mean())
    assert set(v.with_clusters(7).sizes) <= set(v.sizes)


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"clusters": 3}, "clusters"),
        ({"clusters": 10**9}, "clusters"),
        ({"mean_size": 0.5}, "mean_size"),
        ({"mean_size": float("nan")}, "mean_size"),
        ({"icc": 1.5}, "icc"),
        ({"icc": float("nan")}, "icc"),
        ({"sd": 0.0}, "sd"),
        ({"sd": float("inf")}, "sd"),
        ({"size_cv": -1.0}, "size_cv"),
        ({"r2_between": 1.0}, "r2_between"),
        ({"r2_within": -0.1}, "r2_within"),
        ({"covariates": -1}, "covariates"),
    ],
)
def test_what_cannot_be_is_refused(changed: dict[str, float], named: str):
    with pytest.raises(hl.HonestliftError, match=named):
        hl.Variation.of(**(NUMBERS | changed))
