"""The coverage of an opt-in study's intervals: the sums of the simulation against the product on rows, and the committed table."""

from __future__ import annotations

import math
import re

import numpy as np
import pyarrow as pa
import pytest
from simulations.opt_in_coverage import PAGE, SETTINGS, Setting, coverage
from simulations.opt_in_fits import refitted
from simulations.opt_in_intervals import DRAWS, intervals, matching_intervals
from simulations.opt_in_page import ENOUGH, HEADLINE, HIGH, outside
from simulations.opt_in_worlds import BUCKETS, CoverageWorld

import honestlift as hl
from honestlift.estimators.doubly_robust import augmented
from honestlift.estimators.outcome import fit_outcome
from honestlift.estimators.propensity import fit_propensity
from honestlift.estimators.stack import solve
from honestlift.estimators.tilt import ESTIMANDS
from honestlift.estimators.weighting import weighted
from honestlift.moments.patterns import Patterns

TIERS = np.array(["a light", "b medium", "c heavy"])


@pytest.mark.parametrize("workspaces", [0, 12])
def test_the_sums_of_a_world_give_the_intervals_that_the_product_gives_on_its_rows(workspaces: int) -> None:
    """By way of DuckDB: rows to patterns, propensity, every estimator, CV3 and CR1 or the stacked standard error; matching on its own."""
    world = CoverageWorld(users=3_000, workspaces=workspaces, tail="heavy")
    rows = world.draw(np.random.default_rng(4))
    table = {
        "u": np.arange(3_000),
        "activity": rows.activity,
        "tier": TIERS[rows.tier],
        "t": rows.treated.astype(int),
        "y": rows.y,
    }
    table = pa.table(table | {"w": rows.group})
    design = hl.OptInDesign(unit="u", treatment="t", estimands=ESTIMANDS, cluster="w" if workspaces else None)
    lift = hl.analyze(table, design, ["y"], covariates=["activity", "tier"], bootstrap=0)
    others = [world.draw(np.random.default_rng(seed)).cells(workspaces or BUCKETS) for seed in (8, 9)]
    found = intervals([others[0], rows.cells(workspaces or BUCKETS), others[1]], clustered=workspaces > 0)
    found = {key: ends[1] for key, ends in found.items()} | {
        key: ends[0] for key, ends in matching_intervals(rows.patterns()).items()
    }
    assert {(e.method, e.estimand) for e in lift.estimates} == set(found)
    for e in lift.estimates:
        assert found[e.method, e.estimand].tolist() == pytest.approx([e.conf_low, e.conf_high], abs=1e-9), (e.method, e.estimand)


def test_a_batch_of_refits_is_each_resample_fitted_by_itself() -> None:
    cells = CoverageWorld(users=2_000, workspaces=0, tail="binary").draw(np.random.default_rng(1)).cells(BUCKETS)
    weights = np.random.default_rng(2).multinomial(BUCKETS, np.full(BUCKETS, 1 / BUCKETS), size=3).astype(float)
    made = refitted(np.column_stack([np.ones(cells.x.shape[0]), cells.x]), np.zeros(4), weights @ cells.by_group())
    for b, w in enumerate(weights):
        count, total = (np.einsum("g,gda->da", w, values) for values in (cells.count, cells.total))
        part = Patterns(names=("a", "m", "h"), x=cells.x, count=count, total=total, square=cells.square, origin=cells.origin)
        part = part.kept(count.sum(axis=1) > 0)
        score = fit_propensity(part)
        models = fit_outcome(part, 0), fit_outcome(part, 1)
        for estimand in ESTIMANDS:
            assert made["ipw", estimand][b] == pytest.approx(solve(weighted(part, score, estimand), part).effect, abs=1e-9)
            assert made["aipw", estimand][b] == pytest.approx(
                solve(augmented(part, score, models, estimand), part).effect, abs=1e-9
            )


def test_bootstraps_are_about_as_wide_as_the_standard_error_says() -> None:
    cells = CoverageWorld(users=20_000, workspaces=0, tail="binary").draw(np.random.default_rng(3)).cells(BUCKETS)
    found = {key: ends[0] for key, ends in intervals([cells], clustered=False, rngs=[np.random.default_rng(5)]).items()}
    for (method, estimand), (low, high) in found.items():
        base, _, how = method.partition(":")
        if how:
            narrow, wide = found[base, estimand]
            # DRAWS resamples of BUCKETS buckets: the width is off by some 6 %
            assert high - low == pytest.approx(wide - narrow, rel=0.25), (method, estimand)
    assert DRAWS == 499


@pytest.mark.parametrize("workspaces", [0, 7])
@pytest.mark.parametrize("step", [0.5, 0.01])
def test_the_truths_are_those_of_a_large_draw(workspaces: int, step: float) -> None:
    world = CoverageWorld(users=400_000, workspaces=workspaces and 4_000, tail="heavy", step=step)
    rows = world.draw(np.random.default_rng(6))
    effect = 5 * (0.08 + 0.01 * rows.activity + np.array([0.0, 0.02, 0.04])[rows.tier])
    truth = world.truth()
    shares = {"ATE": np.ones(effect.size), "ATT": rows.treated, "ATC": ~rows.treated}
    for estimand, share in shares.items():
        spread = np.std(effect[share > 0]) / math.sqrt(np.sum(share > 0))
        assert truth[estimand] == pytest.approx(np.average(effect, weights=share), abs=5 * spread)
    assert truth["ATC"] < truth["ATE"] < truth["ATO"] < truth["ATM"] < truth["ATT"]


def committed() -> dict[tuple[int, str, str], list[float | None]]:
    """The tables of the page: (workspaces, method, estimand) to its row; None where nothing is offered."""
    made: dict[tuple[int, str, str], list[float | None]] = {}
    where = 0
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        heading = re.match(r"## Users (?:on their own|in (\d+) workspaces)", line)
        where = int(heading[1] or 0) if heading else where
        row = re.match(r"\| `([^`]+)` \| (AT[A-Z]) \| (.*) \|$", line)
        if row:
            cells = [c.strip("* ") for c in row[3].split(" | ")]
            made[where, row[1], row[2]] = [None if c == "—" else float(c) for c in cells]
    return made


def test_the_committed_headline_keeps_its_promise() -> None:
    """From 5,000 users on the headline never covers too rarely, and too often in ten workspaces at most; what is outside is in bold."""
    text = PAGE.read_text(encoding="utf-8")
    found = committed()
    for (where, method, estimand), shares in found.items():
        columns = [s for s in SETTINGS if s.workspaces == where]
        assert len(shares) == len(columns)
        for s, share in zip(columns, shares, strict=True):
            if share is not None and outside(share):
                assert f"**{share:.3f}**" in text
                if method == HEADLINE and s.users >= ENOUGH:
                    assert share > HIGH, (s, estimand, share)
                    assert s.workspaces == 10, (s, estimand, share)


@pytest.mark.slow
@pytest.mark.parametrize("setting", SETTINGS, ids=lambda s: f"{s.users}-{s.workspaces}-{s.tail}")
def test_a_part_of_the_table_is_made_again(setting: Setting) -> None:
    """200 of the 2,000 worlds: they are among those behind the table, so that their share has no more than its own Monte Carlo error."""
    worlds, columns = 200, [s for s in SETTINGS if s.workspaces == setting.workspaces]
    place, found = columns.index(setting), committed()
    again = coverage(setting, worlds)
    assert {k for k in found if k[0] == setting.workspaces} == {(setting.workspaces, *key) for key in again}
    for (method, estimand), share in again.items():
        told = found[setting.workspaces, method, estimand][place]
        assert told is not None
        error = math.sqrt(max(told * (1 - told), 0.002) / worlds)
        assert abs(share - told) < 4 * error + 0.0005, (method, estimand, share, told)
