"""What spillover could be where the design does not tell, in words: bounds for stated ratios, marks wrong at stated rates."""

from __future__ import annotations

from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from honestlift.report import words
from honestlift.report.asked import primary, records
from honestlift.report.names import ESTIMANDS
from honestlift.report.page import Section
from honestlift.result import Lift

Listed = tuple[str, tuple[str, ...], list[tuple[str, ...]]]
"""A table of text: its caption, its heads, its rows."""

LOG_NEXT = (
    "To measure it next time, log before the launch who works with whom: one row per tie (two user ids, a weight, a time), or who "
    "reads whose documents, with the ids of the users' table; the assignment then decides who is exposed, and says how likely it was."
)


def reach_sections(lift: Lift) -> list[Section]:
    """A section for each of the two tables that the result holds."""
    made: list[Section] = []
    if bounds_rows(lift):
        lead = f"{leak(lift)} {LOG_NEXT}"
        title = "If it leaks: what the contrast of the arms could hide"
        made.append(Section(id="leakage", link="If it leaks", title=title, lead=lead, part="stated"))
    if wrong_rows(lift):
        title = "If the exposure is recorded wrongly"
        made.append(Section(id="wrong-marks", link="Wrong marks", title=title, lead=wrong(lift), part="stated"))
    return made


def stated(lift: Lift) -> dict[str, Listed]:
    """The table of each section, by the section's anchor."""
    made: dict[str, Listed] = {}
    if bounds_rows(lift):
        heads = ("Spillover / direct", "Control users reached", "Arms show", "Direct effect", "Interval")
        made["leakage"] = ("Bounds on the direct effect", heads, [_bound(row) for row in bounds_rows(lift)])
    if wrong_rows(lift):
        heads = ("Effect", "Marked though unexposed", "Exposed but unmarked", "Exposed in truth", "Estimate", "Interval")
        note = "" if _vouched(lift) else ", an association"
        made["wrong-marks"] = (
            "Contrasts at stated rates",
            heads,
            [_wrong(row, note) for row in wrong_rows(lift)],
        )
    return made


def reach(lift: Lift) -> RenderableType | None:
    """Both findings for a terminal; None where the result holds neither."""
    parts: list[RenderableType] = []
    if bounds_rows(lift):
        parts.append(Text(" If it leaks  ", style="bold").append(leak(lift), style="not bold"))
    if wrong_rows(lift):
        parts.append(Text(" If marks are wrong  ", style="bold").append(wrong(lift), style="not bold"))
    return Group(*parts) if parts else None


def bounds_rows(lift: Lift) -> list[dict[str, Any]]:
    """The bounds on the primary metric's direct effect."""
    return _of_primary(lift, "spillover_bounds")


def wrong_rows(lift: Lift) -> list[dict[str, Any]]:
    """The primary metric's contrasts at each pair of rates, effect by effect, the marks as recorded first."""
    found = _of_primary(lift, "misclassification")
    return sorted(found, key=lambda row: row["estimand"])


def _of_primary(lift: Lift, table: str) -> list[dict[str, Any]]:
    return [row for row in records(lift, table) if row["metric"] == primary(lift)] if table in lift.tables else []


def leak(lift: Lift) -> str:
    """What the direct effect could be at a ratio of one half, and what it would take to turn its sign."""
    found = bounds_rows(lift)
    row = next(r for r in found if r["ratio"] == 0.5 and (r["share_is"] == "marked" or r["exposed_share"] == 0.5))
    share = words.percent(row["exposed_share"])
    whom = "marked as reached" if row["share_is"] == "marked" else "reached by treated colleagues"
    text = f"If {share} of control users are {whom} and gain half of what the own feature gives, the arms show "
    text += (
        f"{words.percent(row['shown'])} of the direct effect, or all of it where treated users are reached as much: it lies from "
    )
    places = words.places_of(row["conf_low"], row["conf_high"])
    text += f"{words.interval(row['direct_low'], row['direct_high'], places)} "
    text += f"(interval {words.interval(row['conf_low'], row['conf_high'], places)}). "
    if row["exposed_share"]:
        text += "Its sign is that of the arms' contrast as long as who is reached gains less than "
        text += f"{words.times(1 / row['exposed_share'])} times what the own feature gives."
    return text.rstrip()


def wrong(lift: Lift) -> str:
    """From where to where the contrasts go over the stated rates."""
    found = wrong_rows(lift)
    said: list[str] = []
    for name in ("direct", "spillover"):
        rows = [r for r in found if r["estimand"] == name]
        told = [r for r in rows[1:] if r["estimate"] is not None]
        if not told or rows[0]["estimate"] is None:
            continue
        low, high = min(r["estimate"] for r in told), max(r["estimate"] for r in told)
        places = words.places_of(rows[0]["conf_low"], rows[0]["conf_high"])
        goes = words.signed(low, places)
        goes += f" to {words.signed(high, places)}" if words.signed(high, places) != goes else ""
        said.append(
            f"{ESTIMANDS[name].lower()} {words.signed(rows[0]['estimate'], places)} as marked, {goes} at the stated rates"
        )
    none = len({(r["false_positive"], r["false_negative"]) for r in found if r["estimate"] is None})
    text = "; ".join(said)
    text = f"{text[0].upper()}{text[1:]}. " if text else ""
    text += "All are associations: nobody randomized who is marked. " if said and not _vouched(lift) else ""
    text += "Rates are taken to be the same in every workspace and unrelated to the outcome. "
    if none:
        text += f"{words.count(none, 'pair of rates', 'pairs of rates')} would leave hardly anyone on one side: no number stands there."
    return text.rstrip()


def _bound(row: dict[str, Any]) -> tuple[str, ...]:
    share = words.percent(row["exposed_share"]) + (", as marked" if row["share_is"] == "marked" else "")
    if row["direct_low"] is None:
        return words.number(row["ratio"], 2), share, "nothing", "no bound", "–"
    places = words.places_of(row["conf_low"], row["conf_high"])
    ends = words.interval(row["conf_low"], row["conf_high"], places)
    direct = words.interval(row["direct_low"], row["direct_high"], places)
    return words.number(row["ratio"], 2), share, words.percent(row["shown"]), direct, ends


def _vouched(lift: Lift) -> bool:
    """Whether the contrasts of the marks are randomized, as the plan has it."""
    return any(e.method == "two_exposure_ols" and e.identified == "randomized" for e in lift.estimates)


def _wrong(row: dict[str, Any], note: str) -> tuple[str, ...]:
    rates = words.percent(row["false_positive"]), words.percent(row["false_negative"])
    name = f"{ESTIMANDS[row['estimand']]}{note}"
    if row["estimate"] is None:
        return name, *rates, _shown(row["share_exposed"]), "cannot tell", "–"
    places = words.places_of(row["conf_low"], row["conf_high"])
    ends = words.interval(row["conf_low"], row["conf_high"], places)
    return name, *rates, _shown(row["share_exposed"]), words.signed(row["estimate"], places), ends


def _shown(share: float) -> str:
    return words.percent(share) if 0 <= share <= 1 else "cannot be"
