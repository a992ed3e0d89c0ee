"""Direct and spillover effects of one metric by exposure, and the effect of launching, each by every estimator of the contract."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from honestlift.analysis.estimates import Answer, smallest_difference
from honestlift.analysis.sheet import Sheet, beside, linear_row
from honestlift.analysis.spillover.adjusting import ADDED, counted, known_before
from honestlift.analysis.spillover.launching import launching
from honestlift.analysis.spillover.reading import Graph
from honestlift.design.metric import Mean
from honestlift.design.study import Study
from honestlift.errors import DesignError
from honestlift.estimators.exposure.controls import Controls
from honestlift.estimators.exposure.hajek import hajek_moments
from honestlift.estimators.exposure.known import Known
from honestlift.estimators.exposure.levels import reached
from honestlift.estimators.exposure.people import Floats, People, user_moments
from honestlift.estimators.exposure.published import NAMES as PUBLISHED
from honestlift.estimators.exposure.redrawn import design_errors
from honestlift.estimators.exposure.strata import CONTRASTS, ByStratum, by_stratum, held_by, strata_moments, taken
from honestlift.estimators.fit import least_squares
from honestlift.inference.interval import t_interval
from honestlift.inference.sandwich import whiten
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
        before: what was known of the users before the treatment, and is adjusted for.
    """

    metric: str
    estimates: tuple[Estimate, ...]
    kept: Mapping[str, tuple[NDArray[np.bool_], Controls]]
    strata: Mapping[str, ByStratum]
    draws: Mapping[str, int]
    valid: NDArray[np.bool_]
    before: Known | None


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
    before = known_before(answer, graph, valid, study)
    rows: list[Estimate] = []
    kept: dict[str, tuple[NDArray[np.bool_], Controls]] = {}
    strata: dict[str, ByStratum] = {}
    for estimand in CONTRASTS:
        users = taken(people, estimand, valid)
        if users is None:
            continue
        held = held_by(people, users, before)
        made = _levels(people, estimand, users, held, before, y, origin, sheet)
        if made is not None:
            rows += made[0]
            kept[estimand] = users, held
            strata[estimand] = by_stratum(people, estimand, users, held, made[1])
    errors = _by_design(graph, kept, rows, y, study)
    rows += [row for estimand, found in errors.items() for row in _design_rows(rows, estimand, found, study)]
    rows += _published(graph, valid, y, origin, sheet)
    rows += launching(people, answer, valid, y, before, sheet, headline=study.headline == "gate")
    return Spilled(
        metric=answer.metric.label,
        estimates=tuple(rows),
        kept=kept,
        strata=strata,
        draws={estimand: found[2] for estimand, found in errors.items()},
        valid=valid,
        before=before,
    )


def _levels(
    people: People,
    estimand: str,
    users: NDArray[np.bool_],
    held: Controls,
    before: Known | None,
    y: Floats,
    origin: float,
    sheet: Sheet,
) -> tuple[list[Estimate], Floats] | None:
    """The two contrasts of an estimand, without covariates first where there are some, and the outcome (U,) without what goes with them.

    None where the levels cannot be told apart from the cells.
    """
    moments, name = strata_moments(people, estimand, users, held, y, origin)
    how = f"{int(held.cells.max()) + 1} {'cells' if held.exact else 'bins'} of equal chances of exposure"
    names = () if before is None else before.names
    plain = moments.of([n for n in moments.names if n not in names])
    forms = [(":unadjusted", plain, ""), ("", moments, ADDED)] if names else [("", moments, "")]
    left, rows, weighted = y, list[Estimate](), list[Estimate]()
    for suffix, made, told in forms:
        try:
            white = whiten(least_squares(made))
        except DesignError:
            return None
        left = y if before is None or suffix else before.left(y, users, white.fit)
        rows.append(
            linear_row(white, name, f"exposure_strata_ols{suffix}", estimand, "CR2", counted(sheet, made), adjustment=how + told)
        )
        inverse = hajek_moments(people, CONTRASTS[estimand], users, left, origin)
        method, by = f"exposure_hajek{suffix}", f"inverse probability{told}"
        hajek = whiten(least_squares(inverse))
        weighted.append(linear_row(hajek, "contrast", method, estimand, "CR2", counted(sheet, inverse), adjustment=by))
    rows += weighted
    if estimand == "spillover_treated":  # its lower level is no control mean
        rows = [replace(row, relative=NOTHING) for row in rows]
    return rows, left


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
    own = counted(sheet, moments)
    return [
        linear_row(white, name, "two_exposure_ols", name, "CR2", own, identified="association")
        for name in ("direct", "spillover")
    ]
