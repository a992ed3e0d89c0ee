"""What the figures of an opt-in study show of how far it can be trusted: what was not measured, and the weights."""

from __future__ import annotations

from honestlift.report import words
from honestlift.report.captions.caption import Caption
from honestlift.report.figures.contours import drawn, marks, summary, surface
from honestlift.report.figures.weights import THIN, Effective, effective
from honestlift.report.gate import refused
from honestlift.report.names import ESTIMANDS
from honestlift.report.unmeasured import erased
from honestlift.result import Lift


def contours(lift: Lift) -> Caption:
    """Whether a cause as strong as a measured one would erase the effect."""
    grid, said = surface(lift), summary(lift)
    reported = grid.reported if grid else 0.0
    places = words.decimals(abs(reported) / 5 or 1.0)
    finding = f"Reported: {words.signed(reported, places)}"
    finding += f"; {erased(said)}." if said else "."
    first = [m for m in marks(lift) if m.times == 1][:1]
    for m in first:
        what = "less" if m.adjusted * reported > 0 else "an effect of the opposite sign"
        finding += f" One as strong as {words.clean(m.covariate)} leaves {words.signed(m.adjusted, places)}, {what}."
    where = [f"{m.times:g} times {words.clean(m.covariate)} leaves {words.signed(m.adjusted, places)}" for m in drawn(lift)]
    alt = f"Lines of equal effect over the strength of a left-out cause, falling from {words.signed(reported, places)} at the corner "
    alt += "where it explains nothing, to zero and beyond as it explains more. " + "; ".join(where)
    return Caption(title="How strong a left-out cause would have to be", finding=finding, alt=alt.rstrip("; ") + ".")


def weights(lift: Lift) -> Caption:
    """What the users of the headline are worth, and which estimands rest on few."""
    found, no = effective(lift), refused(lift)
    estimand = lift.headline().estimand
    of = [w for w in found if w.estimand == estimand]
    worst = min(of, key=lambda w: w.share)
    finding = (
        f"For the {estimand}, {worst.users:,} {_who(worst)} count as {worst.worth:,.0f}; the heaviest user of that group carries "
    )
    finding += f"{words.percent(worst.largest)} of its weight."
    thin = dict.fromkeys(w.estimand for w in found if w.share < THIN)
    if thin:
        finding += f" Left of the dashed line few users carry the number: {words.listing(list(thin), 5)}."
    if no:
        finding += f" Refused: {words.listing(list(no), 5)}."
    rows = [f"{ESTIMANDS.get(w.estimand, w.estimand)}, {w.group}: {w.worth:,.0f} of {w.users:,}" for w in found]
    return Caption(title="What the weighted users are worth", finding=finding, alt=f"Effective users. {'; '.join(rows)}.")


def _who(w: Effective) -> str:
    return "users who opted in" if w.group == "opted in" else "users who did not"
