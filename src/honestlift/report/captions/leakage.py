"""What the figures of a collaboration graph show: dose and response, and where the ties of workspaces lead."""

from __future__ import annotations

from honestlift.report import words
from honestlift.report.asked import primary, records
from honestlift.report.captions.caption import Caption
from honestlift.report.figures.contamination import leaks
from honestlift.report.figures.dose import doses
from honestlift.result import Lift


def dose(lift: Lift) -> Caption:
    """How outcomes go with the treated share of ties, in either arm."""
    found = doses(lift)
    told: list[str] = []
    for arm in ("control", "treated"):
        rows = [r for r in found if r["arm"] == arm]
        if len(rows) > 1:
            ends = [words.signed(r["estimate"], _places(r)) for r in (rows[0], rows[-1])]
            told.append(f"{arm} users go from {ends[0]} to {ends[1]}")
    finding = ""
    if told:
        finding = f"As the treated share of their ties grows, {' and '.join(told)}, beside untouched controls of equal degree. "
        finding += "The effect of launching is read off a line through these."
    parts = [f"{r['arm']}, {words.percent(r['fraction'])} treated: {words.signed(r['estimate'], _places(r))}" for r in found]
    alt = f"{words.clean(primary(lift))} by arm and treated share of ties, against untouched controls. {'; '.join(parts)}."
    return Caption(title="Dose and response", finding=finding, alt=alt)


def _places(row: dict[str, float | None]) -> int:
    low, high = row["conf_low"], row["conf_high"]
    return 2 if low is None else words.places_of(low, high)


def contamination(lift: Lift) -> Caption:
    """Which workspaces leak most, and which pairs would keep most inside if they were merged."""
    found, pairs = leaks(lift), records(lift, "contamination_pairs")
    first, there = found[0], int(lift.data["n_clusters"])
    outside = words.percent(1 - first["share_within"])
    finding = f"{words.clean(first['cluster'])} leaks most: {outside} of its ties lead to other workspaces."
    if len(found) < there:
        finding += f" Of {there:,} workspaces the {len(found)} leakiest of those told are drawn."
    if pairs and pairs[0]["share_of_all_ties"]:
        merged = f"{words.clean(pairs[0]['cluster'])} and {words.clean(pairs[0]['other'])}"
        finding += f" Merging {merged} would keep {words.percent(pairs[0]['share_of_all_ties'])} of all ties inside, the most of any pair."
    finding += " Names bear the colour of their arm."
    parts = [f"{words.clean(r['cluster'])} ({r['arm']}) {words.percent(r['share_within'])} within" for r in found[:8]]
    alt = f"Where the ties of {words.count(len(found), 'workspace')} lead, the leakiest first: {'; '.join(parts)}."
    return Caption(title="Contamination map", finding=finding, alt=alt)
