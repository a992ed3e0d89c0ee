"""What the figures of effects over time show."""

from __future__ import annotations

from honestlift.report import words
from honestlift.report.asked import primary
from honestlift.report.captions.caption import Caption
from honestlift.report.over_time import Moment, after, moments, pattern
from honestlift.result import Lift


def event_study(lift: Lift) -> Caption:
    """Whether the waves stood alike before the start, and how the effect goes since."""
    before = [m for m in moments(lift) if m.at < 0]
    finding = [_alike(before), _course(after(lift)), pattern(lift), "The level line is the effect over all periods together."]
    told = [f"{m.name}: {m.told[0]} ({m.told[1]})" for m in moments(lift)]
    alt = f"Effect on {words.clean(primary(lift))} by periods since the start, and the gap before it. {'; '.join(told)}."
    return Caption(title="Before the start, and since", finding=" ".join(filter(None, finding)), alt=alt)


def by_period(lift: Lift) -> Caption:
    """How the effect goes over the periods of an experiment."""
    finding = [_course(after(lift)), pattern(lift), "The level line is the headline."]
    told = [f"{m.name}: {m.told[0]} ({m.told[1]})" for m in moments(lift)]
    alt = f"Effect on {words.clean(primary(lift))} by period. {'; '.join(told)}."
    return Caption(title="The effect, period by period", finding=" ".join(filter(None, finding)), alt=alt)


def _alike(before: list[Moment]) -> str:
    """How many gaps before the start are about zero."""
    known = [m for m in before if m.low is not None and m.high is not None]
    if not known:
        return ""
    about = sum((m.low or 0.0) <= 0 <= (m.high or 0.0) for m in known)
    if about == len(known):
        only = "the interval of the gap holds zero" if about == 1 else f"all {about} intervals of the gap hold zero"
        return f"Before the start {only}."
    return f"Before the start {about} of {words.count(len(known), 'interval')} of the gap hold zero."


def _course(since: list[Moment]) -> str:
    """The first effect and the last."""
    if len(since) < 2:
        return ""
    first, last = (f"{m.told[0]} ({m.told[1]})" for m in (since[0], since[-1]))
    return f"The effect is {first} in the first of {len(since):,} periods and {last} in the last."
