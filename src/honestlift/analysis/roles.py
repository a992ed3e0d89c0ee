"""The table of the metrics: their roles, which way is better, and what the guardrails say; the page cannot know it otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from honestlift.analysis.arms import Comparison
from honestlift.analysis.verdict import guardrail_state
from honestlift.design.asked import AnyStudy
from honestlift.design.metric import Metric
from honestlift.design.study import Study
from honestlift.result import Estimate, Table


class Answered(Protocol):
    """A metric with its estimates, in a study of any kind."""

    @property
    def metric(self) -> Metric:
        """What was asked."""
        ...

    @property
    def estimates(self) -> tuple[Estimate, ...]:
        """Its rows."""
        ...


def metric_table(answers: Sequence[Answered], study: AnyStudy, further: Sequence[Comparison] = ()) -> Table:
    """One row per metric; margin (a fraction of the control mean) and state are null where the metric is no guardrail."""
    rows: list[tuple[object, ...]] = []
    for answer in answers:
        metric, role = answer.metric, study.role(answer.metric)
        guard = role == "guardrail"
        headline = next(e for e in answer.estimates if e.headline)
        state = guardrail_state(headline, metric) if guard else None
        rows.append((metric.label, role, metric.better, (metric.margin or 0.0) if guard else None, state))
    rows += [row for c in further if isinstance(study, Study) for row in c.roles(study)]
    return Table(columns=("metric", "role", "better", "margin", "state"), rows=tuple(rows))
