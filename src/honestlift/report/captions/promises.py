"""What the figures show that ask whether an interval keeps its promise: the placebo lab, and the looks at a running study."""

from __future__ import annotations

from typing import Any

from honestlift.report import words
from honestlift.report.asked import primary, records
from honestlift.report.captions.caption import Caption
from honestlift.report.figures.monitoring import looks
from honestlift.report.figures.placebo import alarms
from honestlift.report.lab import method_name, sentence
from honestlift.report.names import beyond_lab
from honestlift.result import Lift


def placebo(lift: Lift) -> Caption:
    """How often the naive and the headline's method announce an effect where there is none."""
    found, first = alarms(lift), records(lift, "placebo_lab")[0]
    adjusted = beyond_lab(lift.headline(primary(lift)))
    rates = {a.method: a.rate for a in found}
    told: dict[str, Any] = {"outcome": str(first["outcome"]), "basis": str(first["basis"]), "redraws": int(first["redraws"])}
    rows = [f"{method_name(a.method, adjusted=adjusted)}: {words.of_hundred(a.rate)}" for a in found]
    promised = words.of_hundred(found[0].promised)
    return Caption(
        title="False alarms on your own data",
        finding=f"{sentence(rates, **told, adjusted=adjusted)} Promised are {promised}.",
        alt=f"Launches without an effect in which each method announces one, promised {promised}. {'; '.join(rows)}.",
    )


def monitoring(lift: Lift) -> Caption:
    """Where the interval for every look lies at the latest one, and how wide it was at the first."""
    found = looks(lift)
    first, last = found[0], found[-1]
    places = words.places_of(last["always_low"], last["always_high"])
    every, one = (words.interval(last[f"{kind}_low"], last[f"{kind}_high"], places) for kind in ("always", "conf"))
    out = not last["always_low"] <= 0 <= last["always_high"]
    widths = [words.number(row["always_high"] - row["always_low"], places) for row in (first, last)]
    finding = f"At look {last['look']:,} the interval for every look is {every}: it {'leaves out' if out else 'includes'} zero."
    said = words.signed(last["estimate"], places)
    alt = (
        f"Effect on {words.clean(primary(lift))} over {words.count(len(found), 'look')}: at the last {said}, for one look {one}, "
    )
    alt += f"for every look {every}; the width for every look went from {widths[0]} to {widths[1]}."
    return Caption(title="The effect, look by look", finding=finding, alt=alt)
