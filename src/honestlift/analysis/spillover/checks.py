"""The checks that a collaboration graph allows: each condition is measured here and judged in diagnostics."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from honestlift.analysis.estimates import Answer
from honestlift.analysis.spillover.estimates import Spilled
from honestlift.analysis.spillover.reading import Graph
from honestlift.design.study import Study
from honestlift.diagnostics import exposure
from honestlift.estimators.exposure.strata import CONTRASTS, taken
from honestlift.inference.focal import focal_test, placebo_exposure_test
from honestlift.result import Check

MOST_USERS = 100_000
"""Users whose outcomes the exact tests look at; of more, a random part, which keeps them exact."""

MANY_CLUSTERS = 1_000
"""Clusters above which half as many re-draws do."""

WORK = 1.5e9
"""Ties that are gone through in all re-draws; with more, fewer users are looked at."""


def graph_checks(graph: Graph, spilled: Sequence[Spilled], answers: Sequence[Answer], study: Study) -> list[Check]:
    """All of them, in the order of the walk: the ties, the design, then metric by metric."""
    made = design_checks(graph, study)
    primary = next((s for s in spilled if s.metric == study.primary.label), None)
    if primary is not None:
        made += chances(graph, primary.valid)
    for found in spilled:
        line = next((e for e in found.estimates if e.method == "linear_in_fraction"), None)
        cross = next((e for e in found.estimates if e.method == "surrounded_hajek"), None)
        if line is not None and line.estimate is not None and line.std_error is not None:
            told = (
                None if cross is None or cross.estimate is None or cross.std_error is None else (cross.estimate, cross.std_error)
            )
            made.append(exposure.launch_agreement(found.metric, (line.estimate, line.std_error), told))
        elif study.headline == "gate":
            made.append(exposure.no_launch(found.metric))
    return made + [c for found, answer in _pairs(spilled, answers) for c in _tests(graph, found, answer, study)]


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


def chances(graph: Graph, valid: NDArray[np.bool_]) -> list[Check]:
    """Whether the users with an outcome, (U,), could have had both levels of each contrast."""
    people = graph.people

    def left_out(estimand: str) -> float | None:
        if taken(people, estimand, valid) is None:
            return None
        return float(1.0 - people.possible(*CONTRASTS[estimand])[valid].mean())

    def rare(estimand: str) -> float:
        chance = people.chance[valid & people.possible(*CONTRASTS[estimand])][:, list(CONTRASTS[estimand])]
        return float((chance < exposure.RARE).any(axis=1).mean()) if chance.size else 0.0

    found = {estimand: left_out(estimand) for estimand in CONTRASTS}
    return exposure.positivity(found, {estimand: rare(estimand) for estimand, share in found.items() if share is not None})


def _pairs(spilled: Sequence[Spilled], answers: Sequence[Answer]) -> list[tuple[Spilled, Answer]]:
    by_label = {answer.metric.label: answer for answer in answers}
    return [(found, by_label[found.metric]) for found in spilled]


def _tests(graph: Graph, found: Spilled, answer: Answer, study: Study) -> list[Check]:
    """Exact tests under re-drawn arms: do outcomes go with the arms of others, and did they before the launch?"""
    people, column, pre = graph.people, answer.metric.columns[0], answer.metric.pre
    rng = np.random.default_rng([study.seed, 8])
    draws = 1_999 if graph.arm.size <= MANY_CLUSTERS else 999
    most = min(1.0, MOST_USERS / people.users, WORK / draws / max(graph.reach.partner.size, 1))
    looked = rng.random(people.users) < most
    shape = (people.users, graph.arm.size)
    ties = csr_array((graph.reach.weight, graph.reach.partner, graph.reach.indptr), shape=shape)
    asked = (people.own, ties, graph.arm, graph.redraw, rng)
    made: list[Check] = []
    if found.metric == study.primary.label:
        known = None if found.before is None else found.before.matrix
        focal = focal_test(graph.outcomes[column], *asked, share=min(0.5, most), draws=draws, before=known)
        made.append(exposure.interference(found.metric, focal, adjusted=known is not None))
    if pre is not None and pre in graph.outcomes:
        before = np.where(looked, graph.outcomes[pre], np.nan)
        made.append(exposure.placebo_exposure(found.metric, placebo_exposure_test(before, *asked, draws=draws)))
    return made
