"""What was not measured, in words: how strong a left-out cause would have to be, and what the negative controls say."""

from __future__ import annotations

from typing import Any

from honestlift.report import words
from honestlift.report.asked import asked, primary, records
from honestlift.report.figures.contours import Mark, marks, summary
from honestlift.result import Lift


def multiple(times: float) -> str:
    """A multiple with two digits below ten: 0.43, 1.8, 19."""
    return words.number(times, 2) if times < 1 else words.times(times)


def erased(row: dict[str, Any]) -> str:
    """How many times as strong as the strongest covariate a cause must be to erase an effect."""
    name = words.clean(row["strongest_covariate"])
    if row["erasing_times"] is None:
        return f"no cause of the kind of {name}, however strong, would erase it"
    return f"an unmeasured cause {multiple(row['erasing_times'])} times as strong as {name} would erase it"


def doubts(lift: Lift) -> list[str]:
    """The sensitivity of the primary effect, in sentences; empty where it was not measured."""
    row = summary(lift)
    if row is None:
        return []
    e = row["estimate"]
    places = words.decimals(2 * (row["std_error"] or 0.0))
    value, least = words.percent(row["robustness_value"]), row["interval_robustness_value"]
    end = f"{words.percent(least)} is enough for the interval to reach zero" if least else "its interval contains zero as it is"
    made = [
        f"No data can show that nothing was left out; they can show how strong it would have to be. In a linear regression the effect "
        f"is {words.signed(e, places)}. A cause that nobody measured, and that explains {value} of what is left of both the choice and "
        f"the outcome, would erase it (robustness value); {end}.",
        f"{words.clean(row['strongest_covariate'])} is the strongest covariate that was measured: {erased(row)}{_interval(row)}.",
    ]
    once = _once(lift)
    if once is not None:
        made.append(_would_leave(once, places))
    if row["aipw_robustness_value"] is not None:
        made.append(
            f"For the doubly robust estimate itself the robustness value is {words.percent(row['aipw_robustness_value'])}."
        )
    if row["e_value"] is not None:
        text = f"On the scale of risk ratios the E-value is {words.number(row['e_value'], 2)}: a cause would have to make both opting in "
        text += "and the outcome that many times as likely"
        low = row["interval_e_value"]
        made.append(text + (f"; {words.number(low, 2)} is enough for the interval." if low is not None else "."))
    return [*made, *_pairs(lift)]


def _interval(row: dict[str, Any]) -> str:
    times = row["interval_erasing_times"]
    if times is None:
        return ""
    if times == 0:
        return "; the interval contains zero as it is"
    return f", and one {multiple(times)} times as strong lets the interval reach zero"


def _once(lift: Lift) -> Mark | None:
    return next((m for m in marks(lift) if m.times == 1), None)


def _would_leave(m: Mark, places: int) -> str:
    ends = f" ({words.interval(m.low, m.high, places)})" if m.low is not None and m.high is not None else ""
    return f"One as strong as {words.clean(m.covariate)} would leave {words.signed(m.adjusted, places)}{ends}."


def _pairs(lift: Lift) -> list[str]:
    """Rosenbaum's critical Γ, where users were paired."""
    rows = [r for r in records(lift, "rosenbaum") if r["metric"] == primary(lift)]
    if not rows or rows[-1]["gamma"] is None:
        return []
    gamma = words.number(rows[-1]["gamma"], 2)
    return [
        f"In matched pairs the odds of opting in could differ {gamma} times within a pair before p exceeds 0.05 (Rosenbaum's Γ)."
    ]


def doubts_of_others(lift: Lift) -> list[tuple[str, str]]:
    """The same in one sentence for every other metric."""
    made: list[tuple[str, str]] = []
    for metric in asked(lift)[1:]:
        row = summary(lift, metric.name)
        if row is not None:
            made.append((metric.name, f"robustness value {words.percent(row['robustness_value'])}; {erased(row)}."))
    return made


def controls(lift: Lift) -> list[tuple[str, str, str, str]]:
    """Outcomes that the feature cannot move: name, difference, interval, p by Holm's correction."""
    made: list[tuple[str, str, str, str]] = []
    for r in records(lift, "negative_controls"):
        places = words.places_of(r["conf_low"], r["conf_high"])
        ends = words.interval(r["conf_low"], r["conf_high"], places)
        made.append((words.clean(r["outcome"]), words.signed(r["estimate"], places), ends, words.p_value(r["corrected_p_value"])))
    return made
