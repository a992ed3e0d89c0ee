"""May the feature ship? A result as cases that pass, fail or are not settled, and the exit code of a pipeline; from the result alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from honestlift.errors import ReportError
from honestlift.report import words
from honestlift.report.asked import Asked, asked
from honestlift.report.names import as_share, check_name
from honestlift.result import Check, Lift

Outcome = Literal["pass", "fail", "unsettled", "aside"]

PASSED, FAILED, UNSETTLED = 0, 1, 3
"""Exit codes: all passed; something is harmful, breached or not to be trusted; nothing is, but something is not settled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One thing that a result says.

    Attributes:
        group: ``verdict``, ``guardrail`` or ``check``.
        name: what it is about.
        outcome: ``pass``, ``fail``, ``unsettled`` or ``aside`` (bad news about a number that decides nothing).
        statement: why, in words.
        remedy: what to do; empty mostly.
    """

    group: Literal["verdict", "guardrail", "check"]
    name: str
    outcome: Outcome
    statement: str
    remedy: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """A result at the gate.

    Attributes:
        study: name of the study.
        level: the verdict.
        cases: the verdict, then the guardrails, then the checks.
    """

    study: str
    level: str
    cases: tuple[Case, ...]

    @property
    def deciding(self) -> tuple[Case, ...]:
        """The verdict and the guardrails: what the gate goes by. A check that matters has already moved one of them."""
        return tuple(c for c in self.cases if c.group != "check")

    @property
    def code(self) -> int:
        """The exit code."""
        outcomes = {c.outcome for c in self.deciding}
        return FAILED if "fail" in outcomes else UNSETTLED if "unsettled" in outcomes else PASSED


def gate(lift: Lift) -> Gate:
    """Hold a result against its verdict and its guardrails.

    Fails for *harmful*, *not trustworthy*, a breached guardrail, and one whose own number a check stops; not settled for *inconclusive*
    and an unsettled guardrail.

    Raises:
        ReportError: if the result does not say what was asked of each metric, so that a guardrail could be missed.
    """
    if "metrics" not in lift.tables:
        raise ReportError.no_roles(lift.name)
    guardrails = [_guardrail(lift, m) for m in asked(lift) if m.role == "guardrail"]
    checks = [_check(lift, c) for c in lift.checks]
    return Gate(study=words.clean(lift.name), level=lift.verdict.level, cases=(_verdict(lift), *guardrails, *checks))


def code_of(gates: Sequence[Gate]) -> int:
    """The exit code of several results: one that failed outweighs one that is not settled."""
    codes = {g.code for g in gates}
    return FAILED if FAILED in codes else UNSETTLED if UNSETTLED in codes else PASSED


def _verdict(lift: Lift) -> Case:
    level = lift.verdict.level
    outcomes: dict[str, Outcome] = {"harmful": "fail", "not trustworthy": "fail", "inconclusive": "unsettled"}
    remedy = lift.verdict.would_change_it[0] if lift.verdict.would_change_it else ""
    return Case(
        group="verdict", name="Verdict", outcome=outcomes.get(level, "pass"), statement=lift.verdict.headline, remedy=remedy
    )


def _guardrail(lift: Lift, metric: Asked) -> Case:
    """A guardrail holds only if its interval does, and no check stops its number."""
    name = f"Guardrail: {words.clean(metric.name)}"
    headline = next((e for e in lift.estimates if e.headline and e.metric == metric.name), None)
    stops = [c for c in lift.checks if headline and c.level == "stop" and c.touches(headline.metric, headline.estimand)]
    if stops:
        text = f"{words.clean(metric.name)} is not trustworthy: {stops[0].statement}"
        return Case(group="guardrail", name=name, outcome="fail", statement=text, remedy=stops[0].remedy)
    outcomes: dict[str | None, Outcome] = {"holds": "pass", "is breached": "fail"}
    share = as_share(headline) if headline else None
    low, high = (words.percent(share.conf_low, sign=True), words.percent(share.conf_high, sign=True)) if share else ("–", "–")
    text = f"{words.clean(metric.name)} {metric.state or 'is unsettled'}: {low} to {high} of the mean without the feature, "
    text += f"margin {words.percent(metric.margin or 0.0)}, {metric.better} is better."
    return Case(group="guardrail", name=name, outcome=outcomes.get(metric.state, "unsettled"), statement=text)


def _check(lift: Lift, check: Check) -> Case:
    """A stop fails where it speaks of a number that decides; a caution passes, with its words."""
    name = f"{check_name(check.code)}: {words.clean(check.metric)}" if check.metric else check_name(check.code)
    outcome: Outcome = "pass"
    if check.level == "stop":
        deciding = {m.name for i, m in enumerate(asked(lift)) if i == 0 or m.role == "guardrail"}
        numbers = [e for e in lift.estimates if e.headline and e.metric in deciding]
        outcome = "fail" if any(check.touches(e.metric, e.estimand) for e in numbers) else "aside"
    return Case(group="check", name=name, outcome=outcome, statement=check.statement, remedy=check.remedy)
