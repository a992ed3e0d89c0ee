"""Contrasts of exposure adjusted for what was known before, from the rows to the result, against least squares on the same rows."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

import honestlift as hl
from honestlift.analysis import summing
from honestlift.report.method import formal
from honestlift.report.results import blocks
from honestlift.report.terminal import as_text
from studies import without_clock
from tied import graph_exposure, graph_study, looped, world

ADJUSTED = (
    "exposure_strata_ols",
    "exposure_hajek",
    "surrounded",
    "surrounded_hajek",
    "linear_in_fraction",
    "difference_in_means",
)


@lru_cache(maxsize=1)
def rows() -> tuple[pd.DataFrame, pd.DataFrame]:
    """The simulation's users with a measure that one in ten lacks, and a text."""
    users, edges, _ = world()
    rng = np.random.default_rng(3)
    tier = rng.choice(np.array(["basic", "plus", "pro"]), len(users))
    before = users.minutes_before.where(rng.random(len(users)) > 0.1)
    return users.assign(minutes_before=before, tier=tier, session_minutes=users.session_minutes + 0.3 * (tier == "pro")), edges


def answer(users: Any = None, **options: Any) -> hl.Lift:
    given, edges = rows()
    asked = {"pre": "minutes_before", "covariates": ("tier",)} | options
    return hl.run(given if users is None else users, graph_study(graph_exposure(edges), **asked))


@lru_cache(maxsize=1)
def adjusted() -> hl.Lift:
    return answer(headline="gate")


def value(lift: hl.Lift, method: str, estimand: str) -> float:
    found = lift.find(method, estimand).estimate
    assert found is not None
    return found


def told() -> tuple[pd.DataFrame, np.ndarray]:
    """The rows, and by loops the regressors: means of the workspaces, and distances from them; who lacks a value is her mean."""
    users, edges = rows()
    frame = looped(users, edges)
    frame = frame.assign(plus=(frame.tier == "plus") * 1.0, pro=(frame.tier == "pro") * 1.0)
    columns: list[np.ndarray] = []
    for name in ("minutes_before", "plus", "pro"):
        mean = frame.groupby("workspace_id")[name].transform("mean")
        columns += [mean.to_numpy(), (frame[name] - mean).fillna(0.0).to_numpy()]
    return frame, np.column_stack(columns)


def within_cells(most: int) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Users with so many partner workspaces at most, their covariates, and the coefficients: levels 01, 10, 11, cells, covariates."""
    frame, known = told()
    kept = ((frame.degree > 0) & (frame.degree <= most)).to_numpy()
    here, known = frame[kept], known[kept]
    columns = [((here.on == a) & (here.exposed == e)).to_numpy(dtype=float) for a, e in ((0, 1), (1, 0), (1, 1))]
    columns += [(here.degree == s).to_numpy(dtype=float) for s in sorted(here.degree.unique())]
    return here, known, np.linalg.lstsq(np.column_stack([*columns, known]), here.session_minutes, rcond=None)[0]


def test_within_cells_against_least_squares_on_the_rows() -> None:
    """12 of 24 are treated: unexposed in control has at most 11 partner workspaces, unexposed in treatment 12."""
    treated = within_cells(12)[2]
    assert value(adjusted(), "exposure_strata_ols", "spillover_treated") == pytest.approx(treated[2] - treated[1], abs=1e-9)
    here, known, theta = within_cells(11)
    assert value(adjusted(), "exposure_strata_ols", "spillover") == pytest.approx(theta[0], abs=1e-9)
    chance = np.array([_control_and(e, s) for e, s in zip(here.exposed, here.degree, strict=True)])
    left = here.session_minutes.to_numpy() - known @ theta[-known.shape[1] :]
    levels = (((here.on == 0) & (here.exposed == e)).to_numpy() for e in (1, 0))
    means = [np.average(left[at], weights=1 / chance[at]) for at in levels]
    assert value(adjusted(), "exposure_hajek", "spillover") == pytest.approx(means[0] - means[1], abs=1e-9)


def _control_and(exposed: int, degree: int) -> float:
    """Own workspace in control, and of so many partner workspaces none, or some, among the 12 of 24 that are treated."""
    none = np.prod([(11 - i) / (23 - i) for i in range(degree)])
    return float(0.5 * (1 - none if exposed else none))


def test_the_line_and_the_surrounded_against_least_squares_on_the_rows() -> None:
    frame, known = told()
    off, on = frame.fraction * (1 - frame.on), frame.fraction * frame.on
    columns = [frame.on, off, on, *((frame.degree == s).astype(float) for s in sorted(frame.degree.unique()))]
    theta = np.linalg.lstsq(np.column_stack([*columns, known]).astype(float), frame.session_minutes, rcond=None)[0]
    expected = theta[0] + theta[2] * (frame.degree > 0).mean()
    assert value(adjusted(), "linear_in_fraction", "gate") == pytest.approx(expected, abs=1e-9)
    left = frame.session_minutes - known @ theta[-known.shape[1] :]
    alone = frame.alone & (frame.degree <= 11)
    means = left[alone].groupby(frame.on[alone]).mean()
    assert value(adjusted(), "surrounded", "gate") == pytest.approx(means[1] - means[0], abs=1e-9)


def test_unadjusted_rows_are_those_of_a_study_without_covariates_and_are_wider() -> None:
    plain = answer(pre=None, covariates=(), headline="gate")
    for method in ADJUSTED:
        for e in (e for e in plain.estimates if e.method == method):
            bare, narrow = adjusted().find(f"{method}:unadjusted", e.estimand), adjusted().find(method, e.estimand)
            if method != "difference_in_means":  # whose sums are over other cells
                assert bare == replace(e, method=f"{method}:unadjusted", headline=False)
            assert (narrow.std_error or 0.0) < 0.8 * (bare.std_error or 0.0)
            assert narrow.adjustment.endswith("covariates, additive")
            assert (narrow.n_units, narrow.n_clusters) == (bare.n_units, bare.n_clusters)
    assert not [e for e in plain.estimates if e.method.endswith(":unadjusted")]
    assert (adjusted().headline().method, sum(e.headline for e in adjusted().estimates)) == ("linear_in_fraction", 1)


def test_the_design_is_redrawn_with_the_covariates() -> None:
    plain = answer(pre=None, covariates=())
    for method in ("exposure_strata_ols", "exposure_hajek"):
        made, bare = (lift.find(f"{method}:design", "direct") for lift in (adjusted(), plain))
        assert made.estimate == value(adjusted(), method, "direct")
        assert (made.std_error or 0.0) < 0.8 * (bare.std_error or 0.0)
    assert not [e for e in adjusted().estimates if e.method.endswith("unadjusted:design")]


def test_no_adjustment_where_the_plan_says_so() -> None:
    plain, none = answer(pre=None, covariates=()), answer(adjustment="none")
    for method in ADJUSTED[:-1]:
        assert [e for e in none.estimates if e.method == method] == [e for e in plain.estimates if e.method == method]
    assert not [e for e in none.estimates if e.method.endswith(":unadjusted")]


def test_a_category_means_the_same_grouped_or_as_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Above a number of cells levels become 0/1 columns of the source; sums over other cells differ in their last digits."""
    monkeypatch.setattr(summing, "MOST_CELLS", 30)
    split = answer(headline="gate")
    for e in adjusted().estimates:
        if e.method in ADJUSTED:
            assert value(split, e.method, e.estimand) == pytest.approx(e.estimate, abs=1e-9)


def test_users_without_a_value_may_be_a_category_of_their_own() -> None:
    users, _ = rows()
    gone = users.assign(seats=np.random.default_rng(4).normal(size=len(users)), tier=users.tier.where(users.user_id % 9 > 0))
    gone = gone.assign(seats=gone.seats.where(gone.user_id % 5 > 0))
    worse = gone.assign(session_minutes=gone.session_minutes - 3.0 * gone.seats.isna())
    lift = answer(worse, covariates=("seats", "tier"), missing="category")
    bare, narrow = (lift.find(m, "spillover").std_error for m in ("exposure_strata_ols:unadjusted", "exposure_strata_ols"))
    assert narrow is not None
    assert bare is not None
    assert narrow < bare / 3  # the share of users without a value explains nearly all


def test_the_same_bytes_from_any_form_and_order() -> None:
    users, edges = rows()
    for made in (users.sample(frac=1, random_state=3), pl.DataFrame(users).lazy()):
        lift = hl.run(made, graph_study(graph_exposure(edges), pre="minutes_before", covariates=("tier",), headline="gate"))
        assert without_clock(lift)["estimates"] == without_clock(adjusted())["estimates"]
        assert without_clock(lift)["tables"] == without_clock(adjusted())["tables"]


def test_words_say_that_rows_are_adjusted() -> None:
    lift = adjusted()
    text = as_text(lift)
    for name in ("equal chances, adjusted", "equal chances, unadjusted", "line through ties, adjusted"):
        assert name in text
    assert "the same chance of exposure, adjusted as the effect is." in " ".join(lift.verdict.because)
    assert "covariates, by exposure" in [entry.code for entry in formal(lift)]
    assert "covariates, by exposure" not in [entry.code for entry in formal(answer(pre=None, covariates=()))]
    roads = [row.road for row in blocks(lift)[0].rows]
    assert "line through ties, adjusted" in roads
    assert not [road for road in roads if road.startswith(("surrounded", "inverse", "treated −"))]  # they stand among all roads
