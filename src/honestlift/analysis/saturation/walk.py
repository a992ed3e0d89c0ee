"""A two-stage study from rows to a Lift: read, estimate, check, judge, tabulate."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from honestlift.analysis.checking import worst_first
from honestlift.analysis.ledger import broken, ledger
from honestlift.analysis.provenance import Clock, provenance
from honestlift.analysis.record import assignment_facts
from honestlift.analysis.saturation.checks import ROWS, counted, outcome_checks, saturation_table, sizes, split_checks
from honestlift.analysis.saturation.estimates import Answer, estimate_two_stage
from honestlift.analysis.saturation.reading import Reading, read_two_stage
from honestlift.analysis.verdict import doubts, guardrail_state, guardrail_text, headline_text, level_of, violations, would_change
from honestlift.design.metric import Mean
from honestlift.design.study import Study
from honestlift.errors import TwoStageError
from honestlift.report import words
from honestlift.report.names import ESTIMANDS
from honestlift.result import Assumption, Check, Estimate, Lift, Table, Verdict
from honestlift.source.connect import Source
from honestlift.version import __version__


def analyze_two_stage(source: Source, study: Study, step: Callable[[str], None]) -> Lift:
    """From rows to a Lift. The rule of the record says that treatment varies within workspaces, and by how much.

    Raises:
        HonestliftError: if a column or a value is not what the study needs.
    """
    clock = Clock()
    reading = read_two_stage(source, study, step)
    if len(sizes(reading)) < 2:
        raise TwoStageError.one_saturation(study.design.cluster, len(sizes(reading)))
    step("Estimating")
    answers = [estimate_two_stage(m, reading, study) for m in study.metrics if isinstance(m, Mean)]
    step("Checking")
    checks = worst_first([*split_checks(reading, study), *outcome_checks(reading, answers, study)])
    primary = next(a for a in answers if a.metric is study.primary)
    rests_on = ledger(ROWS, checks, primary.headline)
    return Lift(
        name=study.name,
        kind="cluster",
        data=_data(reading, answers),
        population=_population(reading, study),
        estimates=tuple(e for a in answers for e in a.estimates),
        checks=checks,
        ledger=rests_on,
        verdict=_judge(answers, primary, checks, rests_on, study),
        tables={"metrics": _metrics(answers, study), "saturations": saturation_table(answers, reading)},
        provenance=provenance(study, clock),
        honestlift_version=__version__,
    )


def _judge(
    answers: Sequence[Answer], primary: Answer, checks: Sequence[Check], rests_on: Sequence[Assumption], study: Study
) -> Verdict:
    headline = primary.headline
    failed = broken(rests_on, headline.estimand)
    level = "not trustworthy" if failed else level_of(headline, primary.metric, checks)
    guards = [guardrail_text(a.headline, a.metric) for a in answers if study.role(a.metric) == "guardrail"]
    because = (*violations(failed), *_parts(primary), *guards, *doubts(checks, headline, failed))
    return Verdict(
        level=level,
        headline=headline_text(headline, primary.metric, level, failed),
        because=because,
        would_change_it=tuple(would_change(headline, level, checks)),
    )


def _parts(answer: Answer) -> list[str]:
    """The naive number, and what the effect is made of: the own treatment, and that of colleagues."""
    naive, said = (
        answer.estimates[0],
        [_told(e) for e in answer.estimates if e.estimand.partition(":")[0] in ("direct", "indirect")],
    )
    places = words.places_of(naive.conf_low, naive.conf_high)
    text = f"Treated minus control users, as if one did not reach the other, are {words.signed(naive.estimate, places)} apart "
    text += f"({words.interval(naive.conf_low, naive.conf_high, places)})."
    return [text, *([f"By workspace: {'; '.join(said)}."] if said else [])]


def _told(e: Estimate) -> str:
    kind, _, at = e.estimand.partition(":")
    places = words.places_of(e.conf_low, e.conf_high)
    high, _, low = at.partition("-")
    where = (
        f"at {words.percent(float(high))} treated"
        if not low
        else f"from {words.percent(float(low))} to {words.percent(float(high))} treated"
    )
    return f"{ESTIMANDS[kind].lower()} {where} {words.signed(e.estimate, places)} ({words.interval(e.conf_low, e.conf_high, places)})"


def _data(reading: Reading, answers: Sequence[Answer]) -> dict[str, Any]:
    dropped: dict[str, int] = counted(reading)["dropped"]
    for answer in answers:
        data = reading.missing(answer.metric.column)
        for arm, name in enumerate(("control", "treated")):
            gone = int(data.total[:, arm].sum())
            dropped |= {f"{answer.metric.label} missing, {name}": gone} if gone else {}
    return counted(reading) | {"dropped": dropped}


def _population(reading: Reading, study: Study) -> dict[str, Any]:
    users = reading.users
    whole = users.sum(axis=1)
    arms = {
        name: {"users": int(users[:, arm].sum()), "clusters": int((users[:, arm] > 0).sum())}
        for arm, name in ((1, "treated"), (0, "control"))
    }
    size = {"min": int(whole.min()), "median": float(np.median(whole)), "max": int(whole.max())}
    by = {words.percent(a): n for a, n in sizes(reading).items()}
    return {
        "arms": arms, "exposure_counts": {}, "cluster_size": size, "saturations": by, "assignment": assignment_facts(study)
    }  # fmt: skip


def _metrics(answers: Sequence[Answer], study: Study) -> Table:
    rows: list[tuple[object, ...]] = []
    for a in answers:
        role = study.role(a.metric)
        guard = role == "guardrail"
        margin, state = ((a.metric.margin or 0.0), guardrail_state(a.headline, a.metric)) if guard else (None, None)
        rows.append((a.metric.label, role, a.metric.better, margin, state))
    return Table(columns=("metric", "role", "better", "margin", "state"), rows=tuple(rows))
