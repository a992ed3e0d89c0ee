"""The table behind each figure, in words: the same numbers for those who would rather read them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from honestlift.report import words
from honestlift.report.asked import primary, records
from honestlift.report.figures.balance import differences
from honestlift.report.figures.categories import levels
from honestlift.report.figures.caterpillar import workspaces
from honestlift.report.figures.contamination import leaks
from honestlift.report.figures.density import groups
from honestlift.report.figures.dose import doses
from honestlift.report.figures.forest import roads
from honestlift.report.figures.monitoring import looks
from honestlift.report.figures.overlap import sides
from honestlift.report.figures.placebo import alarms
from honestlift.report.figures.weights import effective
from honestlift.report.lab import method_name
from honestlift.report.names import ESTIMANDS, GROUPS, beyond_lab, estimand, road
from honestlift.report.over_time import moments
from honestlift.report.segments import numbers
from honestlift.report.segments import users as users_of
from honestlift.result import Lift


@dataclass(frozen=True, slots=True, kw_only=True)
class Twin:
    """A table of text: its heads, its rows, and how many columns at the left are words."""

    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    named: int


def twin(lift: Lift, name: str) -> Twin:
    """The table of a figure of the result."""
    return TWINS[name](lift)


def _forest(lift: Lift) -> Twin:
    rows: list[tuple[str, ...]] = []
    for e in roads(lift):
        places = words.places_of(e.conf_low, e.conf_high)
        ends = words.interval(e.conf_low, e.conf_high, places) if e.conf_low is not None else "–"
        numbers = (words.signed(e.estimate, places), ends, words.number(e.std_error, places + 1), words.number(e.df, 1))
        rows.append((estimand(e), road(e), *numbers, words.p_value(e.p_value).removeprefix("p ")))
    heads = ("Effect", "Method", "Estimate", "Interval", "Std. error", "Df", "p")
    return Twin(heads=heads, rows=tuple((*row[:-1], row[-1].removeprefix("= ").replace("unknown", "–")) for row in rows), named=2)


def _density(lift: Lift) -> Twin:
    rows: list[tuple[str, ...]] = []
    for group in groups(lift):
        for low, high, users in group.bins:
            rows.append((GROUPS.get(group.name, group.name), *_ends(low, high), f"{users:,}"))
    return Twin(heads=("Group", "From", "To", "Users"), rows=tuple(rows), named=1)


def _ends(low: float, high: float) -> tuple[str, str]:
    """The ends of a bin; the whole numbers in it where it lies between two halves."""
    if (low % 1, high % 1) == (0.5, 0.5):
        return (words.number(low + 0.5, 0), words.number(high - 0.5, 0))
    places = words.decimals((high - low) / 2)
    return (words.number(low, places), words.number(high, places))


def _dose(lift: Lift) -> Twin:
    rows: list[tuple[str, ...]] = []
    for r in doses(lift):
        places = words.places_of(r["conf_low"], r["conf_high"]) if r["conf_low"] is not None else 2
        ends = words.interval(r["conf_low"], r["conf_high"], places) if r["conf_low"] is not None else "–"
        share = "none" if r["high"] == 0 else f"{words.percent(r['low'])} to {words.percent(r['high'])}"
        rows.append((r["arm"].capitalize(), share, f"{r['users']:,}", words.signed(r["estimate"], places), ends))
    return Twin(heads=("Arm", "Treated share", "Users", "Difference", "Interval"), rows=tuple(rows), named=2)


def _contamination(lift: Lift) -> Twin:
    rows = tuple(
        (
            words.clean(r["cluster"]),
            r["arm"],
            f"{r['users']:,}",
            words.percent(r["share_within"]),
            words.percent(r["share_to_treated"]),
        )
        for r in leaks(lift)
    )
    return Twin(heads=("Workspace", "Arm", "Users", "Ties within", "Ties to treated others"), rows=rows, named=2)


def _caterpillar(lift: Lift) -> Twin:
    found = workspaces(lift)
    errors = sorted(w.std_error for w in found)
    places = words.decimals(errors[len(errors) // 2])
    rows = tuple(
        (words.clean(w.name), w.arm, f"{w.users:,}", words.number(w.mean, places), words.number(w.std_error, places + 1))
        for w in found
    )
    return Twin(heads=("Workspace", "Arm", "Users", "Mean", "Std. error"), rows=rows, named=2)


def _monitoring(lift: Lift) -> Twin:
    rows: list[tuple[str, ...]] = []
    for r in looks(lift):
        places = words.places_of(r["always_low"], r["always_high"])
        one, every = (words.interval(r[f"{kind}_low"], r[f"{kind}_high"], places) for kind in ("conf", "always"))
        counts = (f"{r['users']:,}", f"{r['workspaces']:,}")
        rows.append((f"{r['look']:,}", str(r["when"])[:10], *counts, words.signed(r["estimate"], places), one, every))
    heads = ("Look", "Date", "Users", "Workspaces", "Estimate", "For one look", "For every look")
    return Twin(heads=heads, rows=tuple(rows), named=2)


def _over_time(lift: Lift) -> Twin:
    rows = tuple(
        (m.name, f"{m.rows:,}", *m.told, words.p_value(m.p).removeprefix("p ").removeprefix("= ")) for m in moments(lift)
    )
    return Twin(heads=("When", "Treated rows", "Estimate", "Interval", "p"), rows=rows, named=1)


def _segments(lift: Lift) -> Twin:
    rows = tuple(
        (
            words.clean(r["metric"]),
            words.clean(r["segment"]),
            words.clean(r["level"]),
            users_of(r),
            *numbers(r),
            r["refused"] or "",
        )
        for r in records(lift, "segments")
    )
    return Twin(heads=("Metric", "Segment", "Level", "Users", "Effect", "Interval", "p, by Holm", "Refused"), rows=rows, named=3)


def _placebo(lift: Lift) -> Twin:
    adjusted = beyond_lab(lift.headline(primary(lift)))
    rows = tuple(
        (method_name(a.method, adjusted=adjusted), words.number(100 * a.rate, 1), words.number(100 * a.std_error, 1))
        for a in alarms(lift)
    )
    return Twin(heads=("Method", "False alarms in 100", "Monte Carlo error"), rows=rows, named=1)


def _categories(lift: Lift) -> Twin:
    rows = tuple(
        (words.clean(c.covariate), words.clean(c.name), f"{c.opted:,}", f"{c.others:,}", words.percent(c.rate))
        for c in levels(lift)
    )
    return Twin(heads=("Covariate", "Level", "Opted in", "Did not", "Opted in, share"), rows=rows, named=2)


def _overlap(lift: Lift) -> Twin:
    rows = tuple(
        (s.name, words.percent(low, 1), words.percent(high, 1), f"{n:,}") for s in sides(lift) for low, high, n in s.bins if n
    )
    return Twin(heads=("Group", "Propensity from", "To", "Users"), rows=rows, named=1)


def _balance(lift: Lift) -> Twin:
    rows = tuple((words.clean(d.name), words.signed(d.before, 3), words.signed(d.after, 3)) for d in differences(lift))
    return Twin(heads=("Column", "Before", "After"), rows=rows, named=1)


def _contours(lift: Lift) -> Twin:
    rows: list[tuple[str, ...]] = []
    for r in records(lift, "sensitivity_benchmarks"):
        if r["metric"] == primary(lift):
            places = words.places_of(r["conf_low"], r["conf_high"])
            shares = (words.percent(r["r2_treatment"]), words.percent(r["r2_outcome"]))
            left = (words.signed(r["adjusted"], places), words.interval(r["conf_low"], r["conf_high"], places))
            known = left if r["adjusted"] is not None else ("cannot be", "–")
            rows.append((words.clean(r["covariate"]), f"{r['times']:g}×", *shares, *known))
    heads = ("As strong as", "Times", "Of the choice", "Of the outcome", "Effect then", "Interval then")
    return Twin(heads=heads, rows=tuple(rows), named=1)


def _weights(lift: Lift) -> Twin:
    rows = tuple(
        (
            ESTIMANDS.get(w.estimand, w.estimand),
            w.group,
            f"{w.users:,}",
            f"{w.worth:,.0f}",
            words.percent(w.share),
            words.percent(w.largest),
        )
        for w in effective(lift)
    )
    return Twin(heads=("Estimand", "Group", "Users", "Effective", "Share", "Heaviest user"), rows=rows, named=2)


TWINS: dict[str, Callable[[Lift], Twin]] = {
    "forest": _forest,
    "density": _density,
    "dose": _dose,
    "contamination": _contamination,
    "caterpillar": _caterpillar,
    "event_study": _over_time,
    "over_time": _over_time,
    "monitoring": _monitoring,
    "segments": _segments,
    "placebo": _placebo,
    "categories": _categories,
    "overlap": _overlap,
    "balance": _balance,
    "contours": _contours,
    "weights": _weights,
}
