"""What the figures of an opt-in study show of who chose: the roads, the categories, the overlap, the balance."""

from __future__ import annotations

import math

from honestlift.report import words
from honestlift.report.asked import primary
from honestlift.report.captions.caption import Caption, in_words
from honestlift.report.figures.balance import LIMIT, Difference, differences
from honestlift.report.figures.balance import drawn as columns_drawn
from honestlift.report.figures.categories import Level, drawn, levels, widest
from honestlift.report.figures.forest import roads
from honestlift.report.figures.overlap import Side, band, sides, trimmed
from honestlift.report.gate import refused, share_of_selection
from honestlift.report.names import ESTIMANDS, ROADS
from honestlift.report.results import tone
from honestlift.result import Estimate, Lift


def forest(lift: Lift) -> Caption:
    """Whether the roads agree, and how far they are from the raw difference."""
    rows, no = roads(lift), refused(lift)
    honest = [e for e in rows if tone(e, no) in ("honest", "headline") and e.conf_low is not None]
    gone = share_of_selection(lift, lift.headline(primary(lift)))
    finding = [_against_zero(honest), f"{gone.text}." if gone else "", "Nobody was randomized: observational."]
    alt = [f"{ESTIMANDS.get(e.estimand, e.estimand)}, {ROADS.get(e.method, e.method)}: {in_words(e)}" for e in rows]
    return Caption(
        title="Every road to the number",
        finding=" ".join(filter(None, finding)),
        alt=f"{words.count(len(rows), 'estimate')} of {words.clean(primary(lift))} on one line. {'; '.join(alt)}.",
    )


def _against_zero(honest: list[Estimate]) -> str:
    above = sum((e.conf_low or 0.0) > 0 for e in honest)
    below = sum(e.conf_high is not None and e.conf_high < 0 for e in honest)
    n, across = len(honest), len(honest) - above - below
    if n == 0:
        return "No adjusted estimate has an interval that the data support."
    which, verb = ("The adjusted interval", "s") if n == 1 else (f"All {n} adjusted intervals", "")
    if n in (above, below):
        return f"{which} lie{verb} {'above' if above else 'below'} zero."
    if across == n:
        return f"{which} include{verb} zero."
    return f"Of {n} adjusted intervals {above} lie above zero, {below} below, and {across} include zero: they disagree."


def categories(lift: Lift) -> Caption:
    """Which kind of user opts in most and least."""
    found, first, shown = levels(lift), widest(lift), drawn(lift)
    most, least = max(first, key=lambda c: c.rate), min(first, key=lambda c: c.rate)
    name = words.clean(most.covariate)
    if len(first) == 1:
        finding = f"Of users with {name} = {words.clean(most.name)} {words.percent(most.rate)} opted in."
    elif most.rate - least.rate < 0.005:
        finding = f"Users opt in about alike whatever their {name}: {words.percent(most.rate)}."
    else:
        finding = f"Of users with {name} = {words.clean(most.name)} {words.percent(most.rate)} opted in, "
        finding += f"of those with {words.clean(least.name)} {words.percent(least.rate)}."
    if len(shown) < len(found):
        finding += f" {len(shown)} of {len(found)} levels are drawn; the table has all."
    alt = "Users who opted in and who did not, by category. " + " ".join(_level(c) for c in shown)
    return Caption(title="Users per category, by choice", finding=finding, alt=alt)


def _level(c: Level) -> str:
    name = f"{words.clean(c.covariate)} {words.clean(c.name)}"
    return f"{name}: {c.opted:,} opted in, {c.others:,} did not ({words.percent(c.rate)} opted in)."


def overlap(lift: Lift) -> Caption:
    """What share of each group has a counterpart in the other."""
    found = sides(lift)
    low, high = band(found)
    finding = _together(found, low, high)
    kept = trimmed(lift)
    if kept is not None:
        finding += f" Hatched: propensities that the study left out, {words.percent(1 - kept[2])} of the users."
    parts = [f"{_who(s)} lie between {words.percent(s.low)} and {words.percent(s.high)}, most near {_peak(s)}" for s in found]
    alt = f"Two histograms of the propensity, mirrored, each as shares of its group. {'; '.join(parts)}."
    return Caption(title="How likely each user was to opt in", finding=finding, alt=alt)


def _together(found: list[Side], low: float, high: float) -> str:
    if low > high:
        return "Where one group is found in numbers the other is not: there is hardly anybody to compare with."
    shares = {s.name: min(s.inside(low, high) / s.users, 1.0) for s in found}
    if min(shares.values()) > 0.995:
        return f"Both groups are found in numbers from {words.percent(low)} to {words.percent(high)}: nearly every user has a counterpart."
    text = f"Both groups are found in numbers from {words.percent(low)} to {words.percent(high)}; there lie "
    return (
        text + f"{words.percent(shares['opted in'])} of those who opted in and {words.percent(shares['others'])} of the others."
    )


def _who(side: Side) -> str:
    return "users who opted in" if side.name == "opted in" else "the others"


def _peak(side: Side) -> str:
    a, b, _ = max(side.bins, key=lambda x: x[2] / (x[1] - x[0]))
    return words.percent((a + b) / 2)


def balance(lift: Lift) -> Caption:
    """How many covariates differ, and which most, before and after."""
    found, shown = differences(lift), columns_drawn(lift)
    estimand = lift.headline().estimand
    before, after = ([d for d in found if d.size(weighted=w) > LIMIT] for w in (False, True))
    worst = max(found, key=lambda d: d.size(weighted=False))
    verb = "differs" if len(before) == 1 else "differ"
    finding = f"Before weighting {len(before)} of {words.count(len(found), 'column')} {verb} by more than {LIMIT} standard "
    finding += f"deviations, most {words.clean(worst.name)} ({_size(worst, weighted=False)}). "
    left = max(found, key=lambda d: d.size(weighted=True))
    if after:
        finding += f"Weighted for the {estimand}, {len(after)} still {'does' if len(after) == 1 else 'do'}: "
        finding += f"{words.clean(left.name)} by {_size(left, weighted=True)}."
    else:
        finding += f"Weighted for the {estimand}, none does; the most is {_size(left, weighted=True)} ({words.clean(left.name)})."
    if len(shown) < len(found):
        finding += f" {len(shown)} of {len(found)} columns are drawn; the table has all."
    parts = [f"{words.clean(d.name)} from {_size(d, weighted=False)} to {_size(d, weighted=True)}" for d in shown[:12]]
    alt = f"Differences between the groups in standard deviations, before and after weighting: {'; '.join(parts)}."
    return Caption(title="Differences before and after weighting", finding=finding, alt=alt)


def _size(d: Difference, *, weighted: bool) -> str:
    size = d.size(weighted=weighted)
    return words.size(size, 2 if size >= 0.01 or not weighted else 3) if math.isfinite(size) else "without bound"
