"""Effects within segments in words, and as a terminal shows them: exploratory, never the headline."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from honestlift.report import words
from honestlift.report.asked import primary, records
from honestlift.result import Lift

EXPLORATORY = "exploratory; p-values by Holm, over all effects and over all tests"


def effects(lift: Lift, metric: str) -> list[dict[str, Any]]:
    """The levels of every segment for a metric, in the order of the result; none without segments."""
    return [row for row in records(lift, "segments") if row["metric"] == metric]


def tests(lift: Lift, metric: str) -> list[dict[str, Any]]:
    """The test of equal effects of every segment for a metric."""
    return [row for row in records(lift, "segment_tests") if row["metric"] == metric]


def found(lift: Lift) -> str:
    """How many effects differ from zero, by themselves and after the correction, over all metrics."""
    told = [row for row in records(lift, "segments") if row["p_value"] is not None]
    if not told:
        return "No level of a segment has workspaces enough for an effect of its own."
    alpha = round(1 - lift.headline(primary(lift)).level, 12)
    alone = sum(row["p_value"] <= alpha for row in told)
    left = [f"{words.clean(row['segment'])} = {words.clean(row['level'])}" for row in told if row["holm"] <= alpha]
    verb = "differs" if alone == 1 else "differ"
    text = f"Of {words.count(len(told), 'effect')} within segments {alone} {verb} from zero by itself at the {words.level(alpha)} level, "
    text = text.replace("by itself", "by themselves") if alone != 1 else text
    return (
        text + f"{len(left) or 'none'} after Holm's correction for their number" + (f" ({words.listing(left)})." if left else ".")
    )


def equality(row: dict[str, Any]) -> str:
    """Whether the effect differs between the levels of a segment."""
    name = words.clean(row["segment"])
    if row["p_value"] is None:
        few = row["levels"] < 2
        return (
            f"{name}: {'fewer than two levels have an effect to compare' if few else 'too few workspaces to compare the levels'}."
        )
    return f"{name}: that the effect is the same in all {row['levels']} levels has {words.p_value(row['holm'])}."


def numbers(row: dict[str, Any]) -> tuple[str, str, str]:
    """Effect, interval and corrected p-value of a level in words; dashes where it is refused."""
    if row["estimate"] is None:
        return "–", "–", "–"
    places = words.places_of(row["conf_low"], row["conf_high"])
    ends = words.interval(row["conf_low"], row["conf_high"], places)
    return words.signed(row["estimate"], places), ends, words.p_value(row["holm"]).removeprefix("p ").removeprefix("= ")


def users(row: dict[str, Any]) -> str:
    """Users of a level; a dash where they are too few to be told."""
    return "–" if row["users"] is None else f"{row['users']:,}"


def segments(lift: Lift) -> RenderableType:
    """The primary metric's effects by segment, for a terminal."""
    metric = primary(lift)
    parts: list[RenderableType] = [Text(" Segments  ", style="bold").append(found(lift), style="not bold")]
    for test in tests(lift, metric):
        rows = [row for row in effects(lift, metric) if row["segment"] == test["segment"]]
        parts.append(Text("   " + equality(test), style="italic"))
        parts += _lines(rows)
    return Group(*parts, Text(f"   {words.clean(metric)}; {EXPLORATORY}", style="dim"))


def _lines(rows: Sequence[dict[str, Any]]) -> list[RenderableType]:
    made: list[RenderableType] = []
    for row in rows:
        line = f"     {words.clean(row['level'])}"[:28].ljust(28) + users(row).rjust(12)
        if row["refused"]:
            made.append(Text(f"{line}   refused: {row['refused']}", style="dim"))
            continue
        effect, ends, p = numbers(row)
        made.append(Text(line + effect.rjust(10) + ends.rjust(24) + f"p = {p}".replace("= <", "<").rjust(14)))
    return made
