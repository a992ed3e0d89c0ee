"""The ledger as people read it: each assumption with how it was tested or bounded, and a tally of them."""

from __future__ import annotations

from honestlift.report import words
from honestlift.report.names import BASES, ESTIMANDS, STATES, check_name
from honestlift.result import Assumption, Lift


def assumptions(lift: Lift) -> list[tuple[Assumption, str]]:
    """The rows of the ledger, worst first, else in their order; each with how its status came about."""
    order = list(STATES)
    return [(a, how(a)) for a in sorted(lift.ledger, key=lambda a: order.index(a.status))]


def how(a: Assumption) -> str:
    """``Tested by few clusters and leverage of a workspace. Concerns the direct effect.``; empty where nothing speaks of it."""
    named = [check_name(code) for code in a.checks]
    named = list(dict.fromkeys(name[0].lower() + name[1:] for name in named))
    said = f"{BASES[a.basis]} {words.listing(named, 9)}".strip() if named and BASES[a.basis] else ""
    parts = [said[0].upper() + said[1:] + "."] if said else []
    if a.concerns:
        concerned = [ESTIMANDS.get(e, e) for e in a.concerns]
        parts.append(f"Concerns the {words.listing([c[0].lower() + c[1:] for c in concerned], 9)}, not the headline.")
    return " ".join(parts)


def rests_on(lift: Lift) -> str:
    """``The number rests on 9 assumptions: 1 violated, 2 questioned, 2 untested, 4 hold.``; empty without a ledger."""
    if not lift.ledger:
        return ""
    counts = {status: sum(a.status == status for a in lift.ledger) for status in STATES}
    said = [f"{n:,} {'hold' if status == 'holds' and n != 1 else status}" for status, n in counts.items() if n]
    return f"The number rests on {words.count(len(lift.ledger), 'assumption')}: {', '.join(said)}."
