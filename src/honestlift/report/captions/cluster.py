"""What the figures of a cluster study show."""

from __future__ import annotations

from honestlift.report import words
from honestlift.report.asked import ALIKE, naive_ratio, primary
from honestlift.report.captions.caption import Caption, in_words
from honestlift.report.figures.caterpillar import Workspace, arm_means, workspaces
from honestlift.report.figures.density import Group, groups, mean_places, overlap, resolved
from honestlift.report.figures.forest import roads
from honestlift.report.names import estimand, road
from honestlift.report.results import tone
from honestlift.result import Estimate, Lift

LINES = "Each line is the mean's own 95 % interval."

FEWEST = 10
"""Users below which a workspace is drawn together with others."""


def forest(lift: Lift) -> Caption:
    """Where the intervals by workspace lie, and how far off the naive one is."""
    rows = roads(lift)
    honest = [e for e in rows if tone(e) in ("honest", "headline") and e.conf_low is not None]
    one = all(e.method != "two_stage" for e in honest)  # else they are intervals of different effects
    finding = [_against_zero(honest, "the methods disagree" if one else ""), _narrowness(lift)]
    associations = list(dict.fromkeys(estimand(e).lower() for e in rows if tone(e) == "association"))
    if associations:
        text = words.listing(associations, 9)
        finding.append(f"{text[0].upper()}{text[1:]} {'is an association' if len(associations) == 1 else 'are associations'}.")
    alt = [f"{estimand(e)}, {road(e)}: {in_words(e)}" for e in rows]
    return Caption(
        title="Every road to the number",
        finding=" ".join(filter(None, finding)),
        alt=f"{words.count(len(rows), 'estimate')} of {words.clean(primary(lift))} on one line. {'; '.join(alt)}.",
    )


def _against_zero(honest: list[Estimate], mixed: str) -> str:
    """Where the intervals that are honest and randomized lie."""
    above = sum((e.conf_low or 0.0) > 0 for e in honest)
    below = sum(e.conf_high is not None and e.conf_high < 0 for e in honest)
    across, n = len(honest) - above - below, len(honest)
    if n == 0:
        return "No method by workspace gives an interval."
    which = (
        "The interval by workspace" if n == 1 else f"All {n} intervals by workspace" if n > 2 else "Both intervals by workspace"
    )
    verb = "s" if n == 1 else ""
    if n in (above, below):
        return f"{which} lie{verb} {'above' if above else 'below'} zero."
    if across == n:
        return f"{which} include{verb} zero."
    return (
        f"Of {n} intervals by workspace {above} lie above zero, {below} below, and {across} include zero"
        f"{': ' if mixed else ''}{mixed}."
    )


def _narrowness(lift: Lift) -> str:
    """How far the naive standard error is from the headline's."""
    ratio = naive_ratio(lift, primary(lift))
    if ratio is None:
        return ""
    if ratio < 1 / ALIKE:
        return f"The naive standard error is {words.times(1 / ratio)} times too large: it knows nothing of how alike the arms were made."
    if ratio <= ALIKE:
        return "The naive interval is about as wide: users of one workspace hardly resemble each other."
    return f"The naive standard error is {words.times(ratio)} times too small: it takes the users of one workspace for strangers."


def density(lift: Lift) -> Caption:
    """How far apart the groups are, and what they have in common."""
    found = {g.name: g for g in groups(lift)}
    places = mean_places(lift)
    finding = _means(found, arm_means(lift), places)
    if {"exposed control", "pure control"} <= found.keys():
        finding += " " + _exposed(lift, found["exposed control"].mean - found["pure control"].mean, places)
    parts = [
        f"{_called(g)} peaks near {_peak(g, places)} and has its mean at {words.number(g.mean, places)}" for g in found.values()
    ]
    alt = f"Distribution of {words.clean(primary(lift))} over users. {'; '.join(parts)}."
    title = "Outcome by exposure" if len(found) > 2 else "Outcome by arm"
    return Caption(title=title, finding=finding, alt=alt)


def _means(found: dict[str, Group], means: dict[str, float], places: int) -> str:
    if not {"treated", "control"} <= means.keys():
        return words.listing([f"{_called(g)} averages {words.number(g.mean, places)}" for g in found.values()], 9) + "."
    text = (
        f"Treated users average {words.number(means['treated'], places)}, control users {words.number(means['control'], places)}"
    )
    treated, against = found.get("treated"), found.get("control") or found.get("pure control")
    if treated and against and resolved(treated, against):
        share = words.percent(min(overlap(treated, against), 1.0))
        whom = "unexposed controls" if against.name == "pure control" else "controls"
        return f"{text}; the distributions of treated users and {whom} have {share} in common."
    return text + "."


def _exposed(lift: Lift, gap: float, places: int) -> str:
    size = words.number(abs(gap), places)
    text = f"Exposed controls average {size} {'more' if gap >= 0 else 'less'} than unexposed ones"
    chosen = any(c.code == "exposure_not_randomized" and c.level != "ok" for c in lift.checks)
    return text + ("; who is exposed was not randomized." if chosen else ".")


def _called(group: Group) -> str:
    return {
        "treated": "the treated group",
        "control": "the control group",
        "exposed control": "the exposed control group",
        "pure control": "the unexposed control group",
    }.get(group.name, group.name)


def _peak(group: Group, places: int) -> str:
    """Where a group is densest."""
    low, high, _ = max(group.bins, key=lambda b: b[2] / (b[1] - b[0]))
    return words.number((low + high) / 2, places)


def caterpillar(lift: Lift) -> Caption:
    """Whether treated workspaces lie above, and how far controls differ among themselves."""
    found = workspaces(lift)
    places = words.decimals((found[-1].mean - found[0].mean) / 2)
    half = found[-(len(found) // 2) :]
    treated = sum(w.arm == "treated" for w in half)
    finding = f"Of the upper half of the workspaces shown, {treated} of {len(half)} are treated." if len(half) > 1 else ""
    finding = " ".join(filter(None, [finding, _spread(lift, found, places), _shown(lift, found), LINES]))
    runs = f"from {words.number(found[0].mean, places)} to {words.number(found[-1].mean, places)}"
    alt = f"{words.count(len(found), 'workspace mean')} of {words.clean(primary(lift))} in ascending order, {runs}; "
    alt += f"{sum(w.arm == 'treated' for w in found)} are treated, of which {treated} lie in the upper half."
    return Caption(title="Workspace means, from lowest to highest", finding=finding, alt=alt)


def _spread(lift: Lift, found: list[Workspace], places: int) -> str:
    """How far controls differ among themselves, beside the effect."""
    control = [w.mean for w in found if w.arm == "control"]
    effect = next((e for e in lift.estimates if e.headline and e.metric == primary(lift)), None)
    if len(control) < 2 or effect is None:
        return ""
    apart = words.number(max(control) - min(control), places)
    said = words.signed(effect.estimate, words.places_of(effect.conf_low, effect.conf_high))
    return f"Control workspaces alone lie up to {apart} apart, beside an effect of {said}."


def _shown(lift: Lift, found: list[Workspace]) -> str:
    """How many marks stand for how many workspaces: small ones are one mark, and of very many only some are kept."""
    there, users = int(lift.data["n_clusters"]), sum(w.users for w in found)
    if len(found) >= there:
        return ""
    text = f"{len(found)} marks stand for {there:,} workspaces"
    whole = next((e.n_units for e in lift.estimates if e.headline and e.metric == primary(lift)), users)
    if whole - users >= 2 * FEWEST:
        text += ": the lowest, the highest, and even steps between"
    small = lift.population.get("cluster_size", {}).get("min", FEWEST) < FEWEST
    return text + (f"; those with fewer than {FEWEST} users are drawn together." if small else ".")
