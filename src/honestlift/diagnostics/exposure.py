"""Can the design tell what exposure does: are ties to be believed, could everyone have had every exposure, do the estimators agree?"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from honestlift.inference.focal import ExposureTest
from honestlift.report import words
from honestlift.result import Check, Level, Number

EFFECTS = ("direct", "spillover", "spillover_treated")
"""Estimands that rest on exposure by ties."""

POSITIVITY = (0.10, 0.50)
"""Share of users without a chance of a level above which its contrast is doubted, and refused."""

RARE, MANY_RARE = 0.01, 0.10
"""A chance that is as good as never taken, and the share of users with such a one that is told."""

UNKNOWN = (0.05, 0.50)
"""Share of the rows of ties whose other end is not in the study."""

PLACEBO = (0.01, 0.001)
"""p-values of exposure on the measure before the launch."""

INTERFERENCE = 0.01
"""p-value of the focal-unit test below which outcomes go with the arms of others."""

SURE = 2.5
"""Standard errors between two estimates of the effect of launching that are too many."""

NAMES = {"direct": "direct effect", "spillover": "spillover on control users", "spillover_treated": "spillover on treated users"}


def moved_by_design(exposed: float, draws: int, error: float, *, recorded: bool) -> Check:
    """The graph and the rule of the assignment give every user the probability of every exposure.

    Args:
        exposed: share of control users who are exposed.
        draws: re-draws behind the probabilities; 0 for closed forms.
        error: the largest Monte Carlo error of one.
        recorded: whether the rule is a recorded one.
    """
    how = f"from {draws:,} re-draws, to {words.number(error, 3)}" if draws else "in closed form"
    rule = "the recorded rule" if recorded else "complete randomization, which no record confirms,"
    text = f"Who is exposed follows from the ties and the draw: under {rule} each user's chance of each exposure is known {how}. "
    return Check(
        code="exposure_not_randomized",
        level="ok",
        statement=text + f"{words.percent(exposed)} of control users are exposed.",
        remedy="",
        evidence={"exposed_share_of_control": exposed, "draws": draws, "std_error": error},
        concerns=EFFECTS,
    )


def positivity(without: Mapping[str, float | None], rare: Mapping[str, float]) -> list[Check]:
    """Users who could not have had one of the two levels of a contrast; they are left out of it. One check for each share.

    Args:
        without: estimand to the share of users left out; None where a level was had in too few workspaces to compare.
        rare: estimand to the share of the others whose chance of one of the levels is below ``RARE``.
    """
    alike: dict[tuple[float | None, float | None], list[str]] = {}
    for estimand, share in without.items():
        alike.setdefault((share, rare.get(estimand)), []).append(estimand)
    return [_without(estimands, share, few) for (share, few), estimands in alike.items()]


def _without(estimands: Sequence[str], share: float | None, rare: float | None) -> Check:
    name = " and the ".join(NAMES[estimand] for estimand in estimands)
    compares = "compares" if len(estimands) == 1 else "compare"
    if share is None:
        level: Level = "stop"
        text = f"One of the two exposures that the {name} {compares} was had in fewer than two workspaces: there is no number."
    else:
        level = "stop" if share > POSITIVITY[1] else "caution" if share > POSITIVITY[0] else "ok"
        text = f"{words.percent(share)} of users could not have had both exposures that the {name} {compares}"
        text += ", and are left out." if share else "."
        if rare is not None and rare > MANY_RARE:
            text += f" Of the others {words.percent(rare)} had a chance of less than {words.percent(RARE)} of one: weighting by inverse "
            text += "probability rests on the few of them who had it."
    remedy = f"Read the {name} as that of the users who could have had both; or merge or split workspaces."
    return Check(
        code="exposure_positivity",
        level=level,
        statement=text,
        remedy="" if level == "ok" else remedy,
        evidence={"share": share, "rare": rare},
        concerns=tuple(estimands),
    )


def roster(rows: int, unknown: int, unusable: int) -> Check:
    """Rows of ties whose other end is not in the study: they carry no exposure."""
    share = unknown / rows if rows else 0.0
    level: Level = "stop" if share > UNKNOWN[1] or not rows else "caution" if share > UNKNOWN[0] else "ok"
    text = f"{unknown:,} of {rows:,} rows of ties ({words.percent(share)}) lead to somebody who is not in the study"
    text += f"; {unusable:,} have no end or no weight" if unusable else ""
    return Check(
        code="ties_unknown",
        level=level,
        statement=text + ".",
        remedy=""
        if level == "ok"
        else "Exposure through people outside the study is not seen: widen the users, or check that both tables name them alike.",
        evidence={"rows": rows, "unknown": unknown, "unusable": unusable, "share": share},
        concerns=(*EFFECTS, "gate"),
    )


def after_launch(rows: int, late: int | None) -> Check:
    """Ties from after the launch may be an effect of it."""
    if late is None:
        text, level = "When the ties were seen is not told: those from after the launch may be an effect of the treatment.", "ok"
    else:
        share = late / rows if rows else 0.0
        text = f"{late:,} of {rows:,} rows of ties ({words.percent(share)}) are from the launch on."
        level = "caution" if late else "ok"
    checked: Level = "caution" if level == "caution" else "ok"
    return Check(
        code="ties_after_launch",
        level=checked,
        statement=text,
        remedy="" if checked == "ok" else "Leave ties from the launch on out of the table: the feature may have made them.",
        evidence={"late": late, "rows": rows},
        concerns=(*EFFECTS, "gate"),
    )


def launch_agreement(metric: str, line: tuple[float, float], cross: tuple[float, float] | None) -> Check:
    """The line through the fraction against surrounded users by inverse probabilities, which assume no line.

    Args:
        metric: the metric.
        line: estimate and standard error of the effect of launching along the line.
        cross: the same by surrounded users; None where there are none.
    """
    evidence: dict[str, Number] = {"linear": line[0], "surrounded": None if cross is None else cross[0]}
    if cross is None:
        text = "No users are surrounded by their own arm in both arms: the line through the fraction has no cross-check."
        level: Level = "caution"
    else:
        error = (line[1] ** 2 + cross[1] ** 2) ** 0.5
        apart = abs(line[0] - cross[0])
        level = "caution" if apart > SURE * error else "ok"
        places = words.places_of(line[0] - 2 * line[1], line[0] + 2 * line[1])
        text = f"The effect of launching is {words.signed(line[0], places)} along the line through the fraction, and "
        text += f"{words.signed(cross[0], places)} among users whose partners all share their arm"
        text += "." if level == "ok" else ": further apart than chance has it, so that the line may not hold."
    remedy = "" if level == "ok" else "Read the effect of launching as an extrapolation that the data do not confirm."
    return Check(
        code="launch_agreement", level=level, statement=text, remedy=remedy, evidence=evidence, concerns=("gate",), metric=metric
    )


def no_launch(metric: str) -> Check:
    """The plan asks for the effect of launching, and the ties do not vary enough for a line: the effect of the arms stands in its place."""
    return Check(
        code="launch_agreement",
        level="stop",
        statement=f"The effect of launching on {words.clean(metric)} has no number: the treated share of ties elsewhere does not vary "
        "in both arms. The headline is the effect of treated workspaces, which is another question.",
        remedy="Check that the ties lead to other workspaces, or ask for `headline: itt`.",
        evidence={"linear": None, "surrounded": None},
        concerns=("gate",),
        metric=metric,
    )


def interference(metric: str, test: ExposureTest, *, adjusted: bool = False) -> Check:
    """The focal-unit test: do outcomes of some workspaces go with the re-drawn arms of the others?

    Args:
        metric: the metric.
        test: what was found.
        adjusted: whether what was known before is taken off the outcomes.
    """
    found = not math.isnan(test.p_value) and test.p_value < INTERFERENCE
    text = f"Among {test.users:,} users of {test.clusters:,} workspaces, {words.clean(metric)}{', adjusted,' if adjusted else ''} goes "
    text += "with the arms of other workspaces by "
    text += f"{words.signed(test.slope, 3)} from none to all of the ties treated ({words.p_value(test.p_value)}, exact)"
    if math.isnan(test.p_value):
        text = "Nobody has ties whose arms vary: whether outcomes go with the arms of other workspaces cannot be tested"
    return Check(
        code="interference",
        level="caution" if found else "ok",
        statement=text + (": the feature reaches users of other workspaces." if found else "."),
        remedy="Read the contrast of the arms as what it is, and decide a launch on the effect of everyone on." if found else "",
        evidence={
            "slope": _told(test.slope),
            "p_value": _told(test.p_value),
            "smallest_p": test.smallest_p,
            "spread": _told(test.spread),
        },
        concerns=("itt_user", "itt_cluster"),
        metric=metric,
    )


def placebo_exposure(metric: str, test: ExposureTest) -> Check:
    """Treated ties against the measure before the launch, under re-drawn arms: they can have done nothing there."""
    p = 1.0 if math.isnan(test.p_value) else test.p_value
    level: Level = "stop" if p < PLACEBO[1] else "caution" if p < PLACEBO[0] else "ok"
    text = f"The measure of {words.clean(metric)} before the launch goes with treated ties by {words.signed(test.slope, 3)} "
    text += f"({words.p_value(p)}, exact), where they can have done nothing."
    remedy = (
        ""
        if level == "ok"
        else "Ties or arms are not what they seem, or the draw was unlucky: who is exposed differed before the launch."
    )
    return Check(
        code="placebo_exposure",
        level=level,
        statement=text,
        remedy=remedy,
        evidence={"p_value": _told(test.p_value), "slope": _told(test.slope), "smallest_p": test.smallest_p},
        concerns=EFFECTS,
        metric=metric,
    )


def _told(value: float) -> float | None:
    return None if math.isnan(value) else value
