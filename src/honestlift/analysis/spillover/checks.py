"""The checks that a collaboration graph allows: each condition is measured here and judged in diagnostics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from honestlift.analysis.estimates import Answer
from honestlift.analysis.sheet import Sheet, linear_row
from honestlift.analysis.spillover.estimates import Spilled
from honestlift.analysis.spillover.reading import Graph
from honestlift.design.study import Study
from honestlift.diagnostics import exposure
from honestlift.errors import DesignError
from honestlift.estimators.exposure.strata import CONTRASTS, held_by, strata_moments
from honestlift.estimators.fit import least_squares
from honestlift.inference.sandwich import whiten
from honestlift.result import Check


def graph_checks(graph: Graph, spilled: Sequence[Spilled], answers: Sequence[Answer], study: Study) -> list[Check]:
    """All of them, in the order of the walk: the ties, the design, then metric by metric."""
    made = design_checks(graph, study)
    primary = next((s for s in spilled if s.metric == study.primary.label), None)
    if primary is not None:
        made += exposure.positivity({e: _left_out(graph, primary, e) for e in CONTRASTS})
    for found in spilled:
        line = next((e for e in found.estimates if e.method == "linear_in_fraction"), None)
        cross = next((e for e in found.estimates if e.method == "surrounded_hajek"), None)
        if line is not None and line.estimate is not None and line.std_error is not None:
            told = (
                None if cross is None or cross.estimate is None or cross.std_error is None else (cross.estimate, cross.std_error)
            )
            made.append(exposure.launch_agreement(found.metric, (line.estimate, line.std_error), told))
    return made + [c for found, answer in _pairs(spilled, answers) for c in _placebo(graph, found, answer, study)]


def design_checks(graph: Graph, study: Study) -> list[Check]:
    """What can be said of the ties and of the design before an outcome is read."""
    people, counts = graph.people, graph.counts
    control = ~people.treated
    exposed = float((people.level[control] == 1).mean())
    recorded = study.design.assignment is not None
    return [
        exposure.roster(counts.rows, counts.unknown, counts.no_end + counts.no_weight),
        exposure.after_launch(counts.rows, counts.late),
        exposure.moved_by_design(exposed, graph.draws, graph.std_error, recorded=recorded),
    ]


def _left_out(graph: Graph, primary: Spilled, estimand: str) -> float | None:
    """Share of the users with the outcome who could not have had both levels."""
    if estimand not in primary.kept:
        return None
    return float(1.0 - graph.people.possible(*CONTRASTS[estimand])[primary.valid].mean())


def _pairs(spilled: Sequence[Spilled], answers: Sequence[Answer]) -> list[tuple[Spilled, Answer]]:
    by_label = {answer.metric.label: answer for answer in answers}
    return [(found, by_label[found.metric]) for found in spilled]


def _placebo(graph: Graph, found: Spilled, answer: Answer, study: Study) -> list[Check]:
    """The contrasts on the metric's own measure before the launch."""
    pre = answer.metric.pre
    if pre is None or pre not in graph.outcomes:
        return []
    y = graph.outcomes[pre]
    known = np.isfinite(y)
    sheet = Sheet(metric=found.metric, level=study.level, units=0, clusters=None)
    told: list[tuple[str, float, float | None]] = []
    for estimand, (users, held) in found.kept.items():
        both = users & known
        beside = held if bool((both == users).all()) else held_by(graph.people, both)
        moments, name = strata_moments(graph.people, estimand, both, beside, np.where(known, y, 0.0), 0.0)
        try:
            row = linear_row(
                whiten(least_squares(moments)), name, "exposure_strata_ols", estimand, "CR2", replace(sheet, units=1)
            )
        except DesignError:
            continue
        if row.estimate is not None:
            told.append((estimand, row.estimate, row.p_value))
    return [exposure.placebo_exposure(found.metric, told)] if told else []
