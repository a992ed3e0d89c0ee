"""The table of the metrics: their roles, which way is better, and what the guardrails say; the page cannot know it otherwise."""

from __future__ import annotations

from collections.abc import Sequence

from honestlift.analysis.arms import Comparison
from honestlift.analysis.estimates import Answer
from honestlift.analysis.opt_in.estimates import OptInAnswer
from honestlift.analysis.verdict import guardrail_state
from honestlift.design.opt_in import OptInStudy
from honestlift.design.study import Study
from honestlift.result import Table


def metric_table(
    answers: Sequence[Answer] | Sequence[OptInAnswer], study: Study | OptInStudy, further: Sequence[Comparison] = ()
) -> Table:
    """One row per metric; margin (a fraction of the control mean) and state are null where the metric is no guardrail."""
    rows: list[tuple[object, ...]] = []
    for answer in answers:
        metric, role = answer.metric, study.role(answer.metric)
        guard = role == "guardrail"
        headline = next(e for e in answer.estimates if e.headline)
        state = guardrail_state(headline, metric) if guard else None
        rows.append((metric.label, role, metric.better, (metric.margin or 0.0) if guard else None, state))
    rows += [row for c in further if not isinstance(study, OptInStudy) for row in c.roles(study)]
    return Table(columns=("metric", "role", "better", "margin", "state"), rows=tuple(rows))
