"""The walk through the graph's part of a study: estimate metric by metric, check, tabulate; and which number is the headline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from honestlift.analysis.estimates import Answer
from honestlift.analysis.reading import Reading, Step
from honestlift.analysis.spillover.checks import graph_checks
from honestlift.analysis.spillover.estimates import Spilled, spill
from honestlift.analysis.spillover.reading import read_graph
from honestlift.analysis.spillover.tables import graph_tables
from honestlift.design.study import Study
from honestlift.result import Check, Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Spillover:
    """What a collaboration graph adds to a study.

    Attributes:
        answers: those of the study, with the estimates that need the graph, and the headline where the plan wants it.
        checks: of the ties, the exposure and the effect of launching.
        tables: by name.
    """

    answers: list[Answer]
    checks: list[Check]
    tables: dict[str, Table]


def with_graph(answers: Sequence[Answer], reading: Reading, study: Study, step: Step) -> Spillover:
    """The answers as they are without a graph."""
    graph = read_graph(reading, study, step)
    if graph is None:
        return Spillover(answers=list(answers), checks=[], tables={})
    step("Estimating spillover")
    found = [spill(answer, graph, study) for answer in answers]
    made = [a if s is None else _joined(a, s) for a, s in zip(answers, found, strict=True)]
    spilled = [s for s in found if s is not None]
    return Spillover(
        answers=made,
        checks=graph_checks(graph, spilled, answers, study),
        tables=graph_tables(graph, spilled, answers, study.level),
    )


def _joined(answer: Answer, spilled: Spilled) -> Answer:
    """One headline per metric: that of the graph's rows, where one of them is."""
    own = answer.estimates
    if any(e.headline for e in spilled.estimates):
        own = tuple(replace(e, headline=False) for e in own)
    return replace(answer, estimates=(*own, *spilled.estimates))
