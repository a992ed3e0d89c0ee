"""What is wrong with a study that has not run, and what to do, in words."""

from __future__ import annotations

from honestlift.analysis.power.cluster import Asked, Found
from honestlift.analysis.power.designs import TOLERATED, Designs
from honestlift.analysis.power.levers import Lever
from honestlift.inference.power import FEWEST_ARM, MOST_CV, treated_of
from honestlift.proposal import Power, Recommendation
from honestlift.report import words
from honestlift.report.proposal.names import design_name
from honestlift.result import Check

NOTICED = 0.02
"""Share by which a lever must lower the MDE to be told."""


def checks(asked: Asked, found: Found, designs: Designs | None) -> tuple[Check, ...]:
    """All checks of a cluster study before its data."""
    made = [_few(asked), _form(asked, found)]
    if asked.effect is not None:
        made.append(_enough(asked, answer(found)))
    if designs is not None:
        made.append(_leaks(designs))
    order = {"stop": 0, "caution": 1, "ok": 2}
    return tuple(sorted(made, key=lambda check: order[check.level]))


def answer(found: Found) -> Power:
    """The answer per user."""
    return next(row for row in found.rows if row.headline and row.estimand == "itt_user")


def _few(asked: Asked) -> Check:
    clusters = asked.variation.clusters
    treated = treated_of(clusters, asked.share)
    smaller = min(treated, clusters - treated)
    level = "stop" if smaller < 3 else "caution" if smaller < FEWEST_ARM else "ok"
    return Check(
        code="few_clusters",
        level=level,
        statement=f"The smaller arm would have {words.count(smaller, 'workspace')}.",
        remedy=""
        if level == "ok"
        else "Randomize more workspaces, or equal arms: below ten an interval is wide and tests are coarse.",
        evidence={"smaller_arm": smaller, "clusters": clusters},
    )


def _form(asked: Asked, found: Found) -> Check:
    cv = asked.variation.size_cv
    mde = next(row.mde for row in found.rows if row.method == "simulated" and row.estimand == "itt_user")
    closed = found.closed.mde(asked.target, asked.level)
    at = found.simulated.power(closed)
    evidence = {"size_cv": cv, "mde_formula": closed, "mde_simulated": mde, "power_at_mde_formula": at}
    off = (
        f"where it promises {words.of_hundred(asked.target)}, the simulated test announces the effect in "
        f"{words.of_hundred(at, short=True)}"
    )
    if found.closed.trusted and asked.redraw is None:
        return Check(code="formula", level="ok", statement=f"The closed form holds: {off}.", remedy="", evidence=evidence)
    if asked.redraw is not None:
        why = "The arms are drawn by a recorded rule, which the closed form does not know"
    elif cv > MOST_CV:
        why = f"Workspaces are too unequal for the closed form (sizes vary by {words.percent(cv)} of their mean)"
    else:
        why = "An arm has too few workspaces for the closed form"
    return Check(
        code="formula",
        level="caution",
        statement=f"{why}: {off}.",
        remedy="Nothing: the simulated power is the answer, and the closed form is shown beside it.",
        evidence=evidence,
    )


def _enough(asked: Asked, row: Power) -> Check:
    power = row.power or 0.0
    enough = power >= asked.target - 1e-9
    text = f"The study announces an effect of {_number(row.effect)} in {words.of_hundred(power)}."
    remedy = ""
    if not enough:
        more = (
            f"{row.clusters_needed:,} workspaces are needed"
            if row.clusters_needed
            else "More workspaces than can be told are needed"
        )
        remedy = f"{more} for {words.of_hundred(asked.target)}. See what would help."
    return Check(
        code="power",
        level="ok" if enough else "caution",
        statement=text.replace(" of 100.", " of 100 launches."),
        remedy=remedy,
        evidence={"power": power, "target": asked.target, "clusters_needed": row.clusters_needed},
        concerns=("itt_user",),
    )


def _leaks(designs: Designs) -> Check:
    own = designs.find("workspace")
    fine = abs(own.bias) <= TOLERATED
    share = words.percent(own.leak.leakage)
    text = (
        f"{share} of the ties join users of different workspaces. With spillover {words.number(designs.ratio, 2)} "
        "times the direct effect, "
    )
    text += f"the arms would show {words.percent(1 + own.bias)} of the effect of launching."
    best = designs.find(designs.recommended)
    remedy = "" if fine else "Measure exposure in the analysis, and read the difference of arms as a lower bound."
    if not fine and abs(best.bias) < abs(own.bias) - 0.01:
        remedy = f"Consider {design_name(best.design, best.precision.clusters)}: they would show {words.percent(1 + best.bias)}."
    return Check(
        code="leakage",
        level="ok" if fine else "caution",
        statement=text,
        remedy=remedy,
        evidence={"leakage": own.leak.leakage, "bias": own.bias, "ratio": designs.ratio, "exposed": own.leak.exposed},
        concerns=("gate",),
    )


def recommend(asked: Asked, found: Found, made: tuple[Check, ...], designs: Designs | None) -> Recommendation:
    """What to do, why, and what would change it."""
    row = answer(found)
    cautions = any(c.level != "ok" and c.code != "formula" for c in made)
    stopped = any(c.level == "stop" for c in made)
    if row.power is None:
        level = "open"
    elif row.power < asked.target - 1e-9 or stopped:
        level = "too small"
    else:
        level = "ready, with caveats" if cautions else "ready"
    return Recommendation(
        level=level,
        headline=_headline(asked, row, level),
        because=_because(asked, row, designs),
        would_change_it=_would(found, row),
    )


def _headline(asked: Asked, row: Power, level: str) -> str:
    clusters = words.count(asked.variation.clusters, "workspace")
    if row.power is None:
        return (
            f"{clusters} see an effect of {_number(row.mde)} in {words.of_hundred(asked.target)} "
            f"launches{_share(asked, row.mde)}."
        )
    said = (
        f"{clusters} see an effect of {_number(row.effect)}{_share(asked, row.effect)} in {words.of_hundred(row.power)} launches"
    )
    if level != "too small":
        return f"{said}."
    if row.clusters_needed is None or row.clusters_needed <= asked.variation.clusters:
        return f"{said}; the smallest effect seen in {words.of_hundred(asked.target, short=True)} is {_number(row.mde)}."
    return f"{said}; {row.clusters_needed:,} workspaces are needed for {words.of_hundred(asked.target, short=True)}."


def _because(asked: Asked, row: Power, designs: Designs | None) -> tuple[str, ...]:
    v = asked.variation
    users = float(v.n.sum())
    worth = (
        (v.sd / (row.std_error or 1)) ** 2
        * v.clusters**2
        / (treated_of(v.clusters, asked.share) * (v.clusters - treated_of(v.clusters, asked.share)))
    )
    made = [
        f"{words.percent(v.icc)} of the variance of {words.clean(v.metric)} lies between workspaces: {users:,.0f} users "
        "tell as much about "
        f"the effect as {words.count(worth, 'independent one')}.",
    ]
    if v.r2_between > 0.005 or v.r2_within > 0.005:
        made.append(
            f"What is known before explains {words.percent(v.r2_between)} of that, and {words.percent(v.r2_within)} of the rest."
        )
    if row.method == "simulated":
        made.append(
            "The numbers are simulated: the test itself, on workspaces as unequal as these, in arms drawn anew each time."
        )
    if designs is not None:
        made.append(_unit(designs))
    return tuple(made)


def _unit(designs: Designs) -> str:
    best, own = designs.find(designs.recommended), designs.find("workspace")
    name = design_name(best.design, best.precision.clusters)
    rule = (
        "least off on average (bias and chance together)"
        if designs.effect is not None
        else "most precise among units with little bias"
    )
    if designs.effect is None and abs(best.bias) > TOLERATED:
        rule = "least biased"
    text = (
        f"As the unit take {name}, {rule}: {words.percent(1 + best.bias)} of the effect of launching shown, one of "
        f"{_number(best.mde_launch)} seen"
    )
    if best.design == own.design:
        return text + "."
    return text + f"; with workspaces {words.percent(1 + own.bias)}, and {_number(own.mde_launch)}."


def _would(found: Found, row: Power) -> tuple[str, ...]:
    base = row.mde or 0.0
    useful = [one for one in found.levers if not one.done and one.mde < base * (1 - NOTICED)]
    made = [_lever(one, base) for one in _each_once(useful)]
    longer = next((one for one in found.levers if one.lever == "longer"), None)
    if longer is not None and longer.mde >= base * (1 - NOTICED):
        made.append(
            f"More users per workspace, or a longer study, would not help: at best an MDE of {_number(longer.mde)} "
            f"instead of {_number(base)}."
        )
    made += [f"{one.name[0].upper()}{one.name[1:]}, the MDE would be {_number(one.mde)}." for one in found.levers if one.done]
    return tuple(made)


def _each_once(useful: list[Lever]) -> list[Lever]:
    """The strongest of each kind, at most four."""
    kinds: dict[str, Lever] = {}
    for one in useful:
        kinds.setdefault(one.lever, one)
    return list(kinds.values())[:4]


TOLD = {
    "covariates": "A {} of what lies between workspaces, such as the outcome from before",
    "strata": "Randomizing within {} of it",
    "workspaces": "{}",
    "longer": "A longer study or more users per workspace, however many,",
    "balance": "With {}",
}
"""Each lever as the subject of a sentence."""


def _lever(one: Lever, base: float) -> str:
    colon = "" if one.lever == "longer" else ":"
    text = f"{TOLD[one.lever].format(one.name)}{colon} an MDE of {_number(one.mde)} instead of {_number(base)}"
    if one.lever == "longer":
        text = f"{TOLD['longer']} would bring the MDE from {_number(base)} to {_number(one.mde)} at best"
    if one.worth is not None and one.lever not in ("workspaces", "longer"):
        text += f", as {one.worth:,} workspaces would have without"
    return text + ("." if one.measured else " (assumed: measure it on data from before).")


def _share(asked: Asked, effect: float | None) -> str:
    mean = asked.variation.mean
    return f" ({words.percent(abs(effect) / abs(mean))} of the mean)" if mean and effect is not None else ""


def _number(value: float | None) -> str:
    """An effect to three digits that count."""
    if value is None:
        return "–"
    return words.number(value, words.decimals(abs(value) / 10) if value else 2)
