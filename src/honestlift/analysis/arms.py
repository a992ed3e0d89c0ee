"""Several arms: every comparison but the headline's, from the same sums, each a metric of its own in the result."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from honestlift.analysis.alternatives import with_alternatives
from honestlift.analysis.checking import check
from honestlift.analysis.estimates import Answer
from honestlift.analysis.reading import Reading
from honestlift.analysis.rule import redrawn_by
from honestlift.analysis.verdict import guardrail_state
from honestlift.design.metric import Metric
from honestlift.design.study import Study
from honestlift.report import words
from honestlift.result import Check, Estimate

AnswerOf = Callable[[Metric, Reading, Study], Answer]

OF_SPLIT = ("sample_ratio", "assignment_followed", "few_clusters", "cluster_leverage", "pre_period_balance", "negative_control")
OF_METRIC = ("missing_outcome", "methods_disagree", "quantile", "winsorized", "denominator", "use_in_control")
"""Checks that are told of a further comparison where they are not passed."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Comparison:
    """Two arms of several, other than the headline's.

    Attributes:
        name: ``treated − control``, as the plan names them.
        pairwise: whether both arms are treated: no guardrail is held to its margin there.
        answers: one per metric.
        checks: what is to be said of it; empty where all is well.
    """

    name: str
    pairwise: bool
    answers: tuple[Answer, ...]
    checks: tuple[Check, ...]

    def label(self, metric: Metric) -> str:
        """What the result calls a metric of this comparison."""
        return f"{metric.label} [{self.name}]"

    def headline(self, answer: Answer) -> Estimate:
        """The estimate of a metric to quote."""
        return next(e for e in answer.estimates if e.headline)

    @property
    def estimates(self) -> tuple[Estimate, ...]:
        """All rows, under the metric's name for this comparison."""
        return tuple(replace(e, metric=self.label(a.metric), contrast=self.name) for a in self.answers for e in a.estimates)

    def roles(self, study: Study) -> list[tuple[object, ...]]:
        """The metrics' rows of the table ``metrics``."""
        rows: list[tuple[object, ...]] = []
        for a in self.answers:
            role = study.role(a.metric)
            guard = role == "guardrail" and not self.pairwise
            state = guardrail_state(self.headline(a), a.metric) if guard else None
            shown = "secondary" if self.pairwise else role
            rows.append((self.label(a.metric), shown, a.metric.better, (a.metric.margin or 0.0) if guard else None, state))
        return rows


def contrast_name(study: Study) -> str | None:
    """The two arms of a study that names them among several; None else."""
    if len(study.design.arms) < 2:
        return None
    return _named(study)


def _named(study: Study) -> str:
    """The two arms of a study, as people may read them."""
    treated, control = study.design.contrast
    return f"{words.clean(treated)} − {words.clean(control)}"


def comparisons(reading: Reading, study: Study, answer: AnswerOf) -> tuple[Comparison, ...]:
    """Every further treated arm against control, then every pair of treated arms.

    Args:
        reading: that of the headline's two arms; it holds those of the others.
        study: the question, with all arms.
        answer: estimates one metric from one reading.
    """
    made: list[Comparison] = []
    for other in reading.others:
        asked = replace(other.study, bootstrap=0)
        answers = [answer(metric, other, asked) for metric in asked.metrics]
        answers = [with_alternatives(a, redrawn_by(other, a.outcome, a.metric.columns, asked), asked) for a in answers]
        name, pairwise = _named(other.study), other.study.design.contrast[1] in study.design.arms
        found = [
            c for c in check(other, answers, asked) if not (pairwise and c.code == "use_in_control")
        ]  # both arms are to use it
        checks = _told(found, name, asked)
        made.append(Comparison(name=name, pairwise=pairwise, answers=tuple(answers), checks=checks))
    return tuple(made)


def _told(checks: Sequence[Check], name: str, study: Study) -> tuple[Check, ...]:
    """Those that are not passed, under the comparison's name.

    What is said of all metrics speaks of the comparison alone; a stop is said of each of its metrics, so that none is quoted without it.
    """
    made: list[Check] = []
    for c in checks:
        if c.level == "ok" or c.code not in (*OF_SPLIT, *OF_METRIC):
            continue
        here = replace(c, code=f"{c.code}:{name}", statement=f"{name}: {c.statement}")
        if c.metric is not None:
            made.append(replace(here, metric=f"{c.metric} [{name}]"))
        elif c.level == "stop":
            made += [replace(here, metric=f"{m.label} [{name}]") for m in study.metrics]
        else:
            made.append(replace(here, concerns=(name,)))
    return tuple(made)


def arm_sizes(reading: Reading) -> dict[str, dict[str, int]]:
    """Users and workspaces of every named arm of several, the control first; empty with two arms."""
    if not reading.others:
        return {}
    parts = [(reading, False), (reading, True), *((other, True) for other in reading.others)]
    made: dict[str, dict[str, int]] = {}
    for part, treated in parts:
        inside = part.cells.arm == treated
        name = str(part.study.design.contrast[0 if treated else 1])
        made.setdefault(name, {"users": int(part.cells.users[inside].sum()), "clusters": int(inside.sum())})
    return made


def in_words(found: Sequence[Comparison], study: Study, name: str | None) -> list[str]:
    """What the other comparisons say of the primary metric, a sentence each; ``name`` is the headline's."""
    made: list[str] = []
    for c in found:
        e = c.headline(next(a for a in c.answers if a.metric is study.primary))
        places = words.places_of(e.conf_low, e.conf_high)
        effect = f"{words.signed(e.estimate, places)} ({words.interval(e.conf_low, e.conf_high, places)})"
        made.append(f"{words.clean(study.primary.label)}, {words.clean(c.name)}: {effect}.")
        made += [f"Guardrail {words.clean(row[0])} {row[4]}." for row in c.roles(study) if row[4] not in (None, "holds")]
    return [f"Of several arms the verdict is about {words.clean(name)}.", *made] if name and made else made
