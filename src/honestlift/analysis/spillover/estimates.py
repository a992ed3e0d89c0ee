"""Direct and spillover effects of one metric by exposure, and the effect of launching, each by every estimator of the contract."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from honestlift.analysis.estimates import Answer, smallest_difference
from honestlift.analysis.sheet import Sheet, beside, finite, linear_row, settled
from honestlift.analysis.spillover.reading import Graph
from honestlift.design.metric import Mean
from honestlift.design.study import Study
from honestlift.errors import DesignError
from honestlift.estimators.exposure import launch
from honestlift.estimators.exposure.controls import Controls
from honestlift.estimators.exposure.hajek import hajek_moments
from honestlift.estimators.exposure.levels import reached
from honestlift.estimators.exposure.people import Floats, user_moments
from honestlift.estimators.exposure.published import NAMES as PUBLISHED
from honestlift.estimators.exposure.redrawn import design_errors
from honestlift.estimators.exposure.strata import CONTRASTS, ByStratum, by_stratum, held_by, strata_moments, taken
from honestlift.estimators.fit import least_squares, true_value
from honestlift.inference.interval import relative, t_interval
from honestlift.inference.sandwich import Whitened, covariance, satterthwaite, whiten
from honestlift.moments.cluster import ClusterMoments
from honestlift.result import Estimate, Relative

MOST_DRAWS = 1_000
"""Re-draws behind a standard error of the design."""

WORK = 1.5e9
"""Ties and users that are gone through in the re-draws; fewer are drawn on large graphs, never below 100."""

NOTHING = Relative(estimate=None, conf_low=None, conf_high=None)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Spilled:
    """What the graph says of one metric.

    Attributes:
        metric: its label.
        estimates: the rows.
        kept: estimand to (U,) whose outcomes it is made of, and what they are held to; without those that cannot be told.
        strata: estimand to the average of the strata one by one.
        draws: estimand to the re-draws behind its design standard error.
        valid: (U,) who has the outcome.
    """

    metric: str
    estimates: tuple[Estimate, ...]
    kept: Mapping[str, tuple[NDArray[np.bool_], Controls]]
    strata: Mapping[str, ByStratum]
    draws: Mapping[str, int]
    valid: NDArray[np.bool_]


def spill(answer: Answer, graph: Graph, study: Study) -> Spilled | None:
    """All estimates of one metric that need the graph; None for a ratio or a quantile."""
    if not isinstance(answer.metric, Mean):
        return None
    y, people, origin = graph.outcomes[answer.metric.column], graph.people, answer.outcome.origin
    valid = np.isfinite(y)
    y = np.where(valid, y, 0.0)
    sheet = Sheet(
        metric=answer.metric.label, level=study.level, units=0, clusters=None, smallest=smallest_difference(answer.outcome)
    )
    rows: list[Estimate] = []
    kept: dict[str, tuple[NDArray[np.bool_], Controls]] = {}
    for estimand in CONTRASTS:
        users = taken(people, estimand, valid)
        if users is None:
            continue
        held = held_by(people, users)
        made = _levels(graph, estimand, users, held, y, origin, sheet)
        if made:
            rows += made
            kept[estimand] = users, held
    errors = _by_design(graph, kept, rows, y, study)
    rows += [row for estimand, found in errors.items() for row in _design_rows(rows, estimand, found, study)]
    rows += _published(graph, valid, y, origin, sheet)
    rows += _launch(graph, answer, valid, y, origin, sheet, headline=study.headline == "gate")
    strata = {estimand: by_stratum(people, estimand, users, held, y) for estimand, (users, held) in kept.items()}
    return Spilled(
        metric=answer.metric.label,
        estimates=tuple(rows),
        kept=kept,
        strata=strata,
        draws={estimand: found[2] for estimand, found in errors.items()},
        valid=valid,
    )


def _levels(
    graph: Graph, estimand: str, users: NDArray[np.bool_], held: Controls, y: Floats, origin: float, sheet: Sheet
) -> list[Estimate]:
    """The two contrasts of an estimand; none where the levels cannot be told apart from the cells."""
    people = graph.people
    moments, name = strata_moments(people, estimand, users, held, y, origin)
    try:
        white = whiten(least_squares(moments))
    except DesignError:
        return []
    how = f"{int(held.cells.max()) + 1} {'cells' if held.exact else 'bins'} of equal chances of exposure"
    own = _counted(sheet, moments)
    weighted = hajek_moments(people, CONTRASTS[estimand], users, y, origin)
    hajek = whiten(least_squares(weighted))
    rows = [
        linear_row(white, name, "exposure_strata_ols", estimand, "CR2", own, adjustment=how),
        linear_row(
            hajek, "contrast", "exposure_hajek", estimand, "CR2", _counted(sheet, weighted), adjustment="inverse probability"
        ),
    ]
    if estimand == "spillover_treated":  # its lower level is no control mean
        rows = [replace(row, relative=NOTHING) for row in rows]
    return rows


def _counted(sheet: Sheet, moments: ClusterMoments) -> Sheet:
    return replace(sheet, units=round(float(moments.n.sum())), clusters=int(np.count_nonzero(moments.n)))


def _by_design(
    graph: Graph, kept: Mapping[str, tuple[NDArray[np.bool_], Controls]], rows: list[Estimate], y: Floats, study: Study
) -> dict[str, tuple[float, float, int]]:
    """The spread of the contrasts over re-draws of the arms, under the fitted additive model."""
    if not kept:
        return {}
    found = {e.estimand: e.estimate or 0.0 for e in rows if e.method == "exposure_strata_ols"}
    direct, spillover = found.get("direct", 0.0), found.get("spillover", 0.0)
    theta = (0.0, spillover, direct, direct + found.get("spillover_treated", 0.0))
    pairs = graph.reach.partner.size + 20 * graph.people.users
    draws = int(min(MOST_DRAWS, max(100, WORK / max(pairs, 1))))
    rng = np.random.default_rng([study.seed, 7])
    return design_errors(graph.people, kept, theta, y, _redrawn(graph, draws, rng))


def _redrawn(graph: Graph, draws: int, rng: np.random.Generator) -> Iterator[NDArray[np.int64]]:
    """Levels under re-drawn arms, draw by draw."""
    step = max(1, min(64, int(2e7 / max(graph.people.users, 1))))
    for start in range(0, draws, step):
        arms = graph.redraw(rng, min(step, draws - start)).astype(np.bool_)
        exposed = reached(graph.reach, arms, graph.exposure.kind, graph.exposure.least)
        for arm, touched in zip(arms, exposed, strict=True):
            yield (2 * arm[graph.people.own].view(np.int8) + touched).astype(np.int64)


def _design_rows(rows: list[Estimate], estimand: str, found: tuple[float, float, int], study: Study) -> list[Estimate]:
    """The same estimates with the standard error of the design, and the degrees of freedom of their own."""
    made: list[Estimate] = []
    for method, error in zip(("exposure_strata_ols", "exposure_hajek"), found[:2], strict=True):
        base = next(e for e in rows if (e.method, e.estimand) == (method, estimand))
        if base.estimate is None or base.df is None:
            continue
        interval = t_interval(base.estimate, error, base.df, study.level)
        share = Relative(estimate=base.relative.estimate, conf_low=None, conf_high=None)
        made.append(beside(base, f"{method}:design", base.estimate, interval, share))
    return made


def _published(graph: Graph, valid: NDArray[np.bool_], y: Floats, origin: float, sheet: Sheet) -> list[Estimate]:
    """Exposed against unexposed controls as they come: who works with many is exposed more often, and differs."""
    people = graph.people
    exposed = ~people.treated & (people.level == 1)
    x = np.stack([np.ones(people.users), people.treated.astype(np.float64), exposed.astype(np.float64)], axis=1)
    moments = user_moments(PUBLISHED, people.own[valid], x[valid], y[valid], clusters=people.clusters, origin=origin)
    try:
        white = whiten(least_squares(moments))
    except DesignError:
        return []
    own = _counted(sheet, moments)
    return [
        linear_row(white, name, "two_exposure_ols", name, "CR2", own, identified="association")
        for name in ("direct", "spillover")
    ]


def _launch(
    graph: Graph, answer: Answer, valid: NDArray[np.bool_], y: Floats, origin: float, sheet: Sheet, *, headline: bool
) -> list[Estimate]:
    """Everyone on against everyone off, by four estimators."""
    people = graph.people
    plain = answer.find("user_ols:unadjusted", "itt_user") or answer.find("user_ols", "itt_user")
    rows = [] if plain is None else [replace(plain, estimand="gate", method="difference_in_means", headline=False)]
    kept = launch.surrounded(people, valid)
    if launch.both_arms(people, kept):
        for method, weighted in (("surrounded", False), ("surrounded_hajek", True)):
            moments = launch.surrounded_moments(people, kept, y, origin, weighted=weighted)
            white = whiten(least_squares(moments))
            how = "inverse probability" if weighted else "none"
            rows.append(linear_row(white, "contrast", method, "gate", "CR2", _counted(sheet, moments), adjustment=how))
    line = launch.linear_moments(people, valid, y, origin)
    if line is not None:
        white = whiten(least_squares(line[0]))
        rows.append(_line(white, line[1], _counted(sheet, line[0]), headline=headline))
    return rows


def _line(white: Whitened, pick: Floats, sheet: Sheet, *, headline: bool) -> Estimate:
    """The effect of launching, extrapolated along the fraction."""
    mean = np.eye(pick.size)[0]
    effect, control = (settled(v, sheet.smallest) for v in (float(pick @ white.fit.theta), true_value(white.fit, mean)))
    both = np.stack([mean, pick])
    v = both @ covariance(white, "CR2") @ both.T
    df = satterthwaite(white, pick)
    interval = t_interval(effect, math.sqrt(max(float(v[1, 1]), 0.0)), df, sheet.level)
    share = relative(effect, control, v, df, sheet.level)
    return sheet.row(
        "linear_in_fraction", "gate", effect, interval, share, adjustment="degree", headline=headline and finite(df) is not None
    )
