"""The checks of a roll-out: what can be known of the waves before their outcomes, and what the outcomes say."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from honestlift.analysis.waves.estimates import Answer
from honestlift.analysis.waves.reading import Reading, Sums
from honestlift.analysis.waves.timeline import Timeline, timeline
from honestlift.design.waves import WavesStudy
from honestlift.diagnostics import assignment, balance, waves
from honestlift.errors import DataError, WavesError
from honestlift.estimators.waves import Panel, Support, supported
from honestlift.result import Check


def rollout_checks(reading: Reading, study: WavesStudy) -> list[Check]:
    """What needs no outcome: where users are, and who can be compared.

    Raises:
        WavesError: if no wave has clusters to be compared with.
    """
    on = supported(reading.sums.rows, study.design.base)
    if not len(on.cells):
        raise WavesError.nobody_to_compare(study.design.start)
    users = reading.nested
    return [
        waves.one_workspace(users.different, users.moved),
        comparison(reading.sums.rows, on, reading.sums),
        enough(reading.sums.rows, on, None),
        *([] if on.based or study.design.randomized else [waves.no_period_before(study.primary.label)]),
    ]


def outcome_checks(reading: Reading, answers: Sequence[Answer], study: WavesStudy) -> list[Check]:
    """All checks of a study whose outcomes were read."""
    primary = next(a for a in answers if a.metric is study.primary)
    users = reading.nested
    made = [
        waves.one_workspace(users.different, users.moved),
        comparison(primary.panel, primary.time.on, reading.sums),
        enough(primary.panel, primary.time.on, primary.headline.df or 0.0),
    ]
    for answer in answers:
        made += _over_time(answer.metric.label, answer.time, study)
        made.append(_missing(answer, reading.sums, study))
    return made + _controls(reading.sums, study)


def comparison(panel: Panel, on: Support, sums: Sums) -> Check:
    """For how much of the roll-out there is anybody to compare with."""
    cells = sum(panel.periods - g for g in panel.waves)
    treated = int(panel.count[panel.treated].sum())
    compared = int(on.users.sum())
    left_out = cells - len(on.cells)
    return waves.no_comparison(len(on.cells), left_out, (compared, treated - compared), sums.period(int(on.cells[:, 1].max())))


def enough(panel: Panel, on: Support, df: float | None) -> Check:
    """Workspaces on either side."""
    there = panel.count.sum(axis=1) > 0
    used = np.unique(on.cells[:, 0])
    sizes = [int((there & (panel.start == g)).sum()) for g in used]
    waiting = int((there & (panel.start > on.cells[:, 1].min())).sum())
    return waves.few_in_waves(sum(sizes), waiting, min(sizes), df)


def _over_time(metric: str, time: Timeline, study: WavesStudy) -> list[Check]:
    drift, change, on = time.drift, time.change, time.on
    blind = not on.based and not study.design.randomized
    made = [waves.no_period_before(metric) if blind else waves.pre_trends(metric, drift.estimate, drift.interval)]
    longest = max((s.size for s in on.before.values()), default=0)
    if not on.last and longest >= 3 and -1 in on.until and not math.isnan(time.gaps[-1].interval.p_value):
        made.append(waves.anticipation(metric, time.gaps[-1].estimate, time.gaps[-1].interval))
    if on.based and not study.design.randomized:
        i = time.overall.interval
        seen = None if math.isnan(drift.estimate) else drift.estimate
        made.append(waves.trend_bound(metric, i.low, i.high, on.reach, seen))
    if not math.isnan(change.interval.p_value):
        made.append(waves.effect_over_time(metric, change.estimate, change.interval, ends_of(time)))
    return made


def ends_of(time: Timeline) -> tuple[float, float]:
    """The effect in the first and the last period since the start, along the line through all."""
    weight = np.array([p.rows for p in time.since], dtype=np.float64)
    middle = float(time.on.since @ weight / weight.sum())
    mean = float(np.array([p.estimate for p in time.since]) @ weight / weight.sum())
    first, last = (mean + time.change.estimate * (float(e) - middle) for e in (time.on.since[0], time.on.since[-1]))
    return first, last


def _missing(answer: Answer, sums: Sums, study: WavesStudy) -> Check:
    """Is the outcome missing for the feature's sake? The effect on its being missing, as the headline is estimated."""
    panel = sums.missing(answer.metric.column)
    gone = int(panel.total.sum())
    shares = [float(panel.total[on].sum() / max(panel.count[on].sum(), 1.0)) for on in (~panel.treated, panel.treated)]
    on = supported(panel, study.design.base)
    p = timeline(panel, on, study.level).overall.interval.p_value if gone and len(on.cells) else None
    return assignment.missing_outcome(answer.metric.label, (shares[0], shares[1]), p, gone)


def _controls(sums: Sums, study: WavesStudy) -> list[Check]:
    """Outcomes that the feature cannot move, estimated as the headline is."""
    found: list[balance.Contrast] = []
    for name in study.negative_controls:
        panel = sums.outcomes[name]
        on = supported(panel, study.design.base)
        if not len(on.cells):
            raise WavesError.nobody_to_compare(study.design.start)
        point = timeline(panel, on, study.level).overall
        i = point.interval
        if math.isnan(i.p_value):
            raise DataError.constant(name, "negative control", sums.origin[name])
        found.append(balance.Contrast(name=name, effect=point.estimate, low=i.low, high=i.high, p_value=i.p_value))
    return [balance.negative_control(found)] if found else []
