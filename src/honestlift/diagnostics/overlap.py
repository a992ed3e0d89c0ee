"""Can the data support the estimand? Effective sizes and largest weights per estimand, and Crump's cutoff."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from honestlift.estimators.tilt import Estimand, arm_weights, tilt
from honestlift.moments.patterns import Patterns
from honestlift.report import words
from honestlift.result import Check, Level

Floats = NDArray[np.float64]

REWEIGHTED: dict[str, tuple[int, ...]] = {"ATE": (0, 1), "ATT": (0,), "ATC": (1,), "ATO": (0, 1), "ATM": (0, 1)}
"""Arms whose rows get weights that differ, by estimand."""

FEWEST, STOP_SHARE, CAUTION_SHARE = 50, 0.05, 0.20
STOP_WEIGHT, CAUTION_WEIGHT = 0.20, 0.05
STOP_UNREACHED, CAUTION_UNREACHED = 0.10, 0.01
BY_CHANCE = 12
"""Chance leaves a share of about 1/n beyond the outermost of n users of an arm, and less than 12/n in 99 of 100 healthy studies."""

NAMES = ("other", "opted-in")

Reach = tuple[tuple[float, float], tuple[float, float]]
"""Least and greatest propensity of those who did not opt in, and of those who did."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmOverlap:
    """What the weights of an estimand leave of one arm.

    Attributes:
        arm: 0 control, 1 treated.
        rows: users.
        effective: (ΣW)²/ΣW², Kish's effective sample size.
        largest: greatest weight of one user.
        share: its share of the arm's weights.
        unreached: share of the target population whose propensity lies beyond every user of this arm.
    """

    arm: int
    rows: float
    effective: float
    largest: float
    share: float
    unreached: float


def effective_sizes(
    patterns: Patterns, e: Floats, estimand: Estimand, reach: Reach | None = None
) -> tuple[ArmOverlap, ArmOverlap]:
    """Effective size and largest weight of both arms.

    Args:
        patterns: the rows, or a sample of them that is weighted up to all.
        e: (P,) propensity.
        estimand: whose weights.
        reach: the range of the propensity in each arm where the patterns are a sample; the weights are monotone in it.
    """
    weights, target = arm_weights(e, estimand), patterns.count.sum(axis=1) * tilt(e, estimand).h
    made: list[ArmOverlap] = []
    for arm in (0, 1):
        n, w = patterns.count[:, arm], weights[:, arm]
        total = float(np.sum(n * w))
        effective = total**2 / float(np.sum(n * w**2))
        inside = e[n > 0] if reach is None else np.array(reach[arm])
        largest = float(w[n > 0].max() if reach is None else arm_weights(inside, estimand)[:, arm].max())
        beyond = float(target[(e < inside.min()) | (e > inside.max())].sum() / target.sum())
        made.append(
            ArmOverlap(
                arm=arm, rows=float(n.sum()), effective=effective, largest=largest, share=largest / total, unreached=beyond
            )
        )
    return made[0], made[1]


def overlap_level(arms: Sequence[ArmOverlap], estimand: Estimand) -> Level:
    """The worst of the reweighted arms.

    Stop under 50 effective users, or 5 % of the arm, or when more than a tenth of the target population lies beyond the arm;
    caution under 20 % of the arm, or when more than 1 % lies beyond it, and more than chance leaves there in so small an arm.
    """
    reweighted = [a for a in arms if a.arm in REWEIGHTED[estimand]]
    if any(a.effective < FEWEST or a.effective < STOP_SHARE * a.rows for a in reweighted) or min(a.rows for a in arms) < FEWEST:
        return "stop"
    if any(a.unreached > STOP_UNREACHED for a in reweighted):
        return "stop"
    thin = any(a.effective < CAUTION_SHARE * a.rows or _lost(a) for a in reweighted)
    return "caution" if thin else "ok"


def _lost(arm: ArmOverlap) -> bool:
    """Whether more users lie beyond an arm than chance alone would leave there."""
    return arm.unreached > max(CAUTION_UNREACHED, BY_CHANCE / arm.rows)


def overlap_checks(arms: dict[Estimand, tuple[ArmOverlap, ArmOverlap]], unbalanced: Sequence[str] = ()) -> list[Check]:
    """One check of the effective size and one of the largest weight per estimand; a stop names what the data do support.

    Args:
        arms: both arms' overlap for each estimand of the study (and for those that could be offered instead).
        unbalanced: estimands whose weights leave the covariates apart, and which are therefore not supported either.
    """
    fine = [e for e, both in arms.items() if overlap_level(both, e) != "stop" and _weight_level(both, e) != "stop"]
    supported = [e for e in fine if e not in unbalanced]
    made: list[Check] = []
    for estimand, both in arms.items():
        made.append(_overlap_check(both, estimand, supported))
        made.append(_weight_check(both, estimand, supported))
    return made


def _instead(supported: Sequence[str]) -> str:
    if not supported:
        return " No estimand is supported by these data."
    return f" The {words.listing(list(supported), 5)} {'is' if len(supported) == 1 else 'are'} supported."


def _overlap_check(arms: tuple[ArmOverlap, ArmOverlap], estimand: Estimand, supported: Sequence[str]) -> Check:
    level = overlap_level(arms, estimand)
    few = [a for a in arms if a.rows < FEWEST] or [a for a in arms if a.arm in REWEIGHTED[estimand] and a.effective < FEWEST]
    reweighted = [a for a in arms if a.arm in REWEIGHTED[estimand]]
    worst = min(few, key=lambda a: a.effective) if few else min(reweighted, key=lambda a: a.effective / a.rows)
    lost = max(reweighted, key=lambda a: a.unreached)
    text = f"{estimand}: {worst.effective:,.0f} effective {NAMES[worst.arm]} users of {worst.rows:,.0f}."
    if _lost(lost) or lost.unreached > STOP_UNREACHED:
        text += (
            f" {words.percent(lost.unreached)} of the users it speaks of have a propensity that no {NAMES[lost.arm]} user has."
        )
    text += _instead(supported) if level == "stop" else ""
    remedy = {
        "ok": "",
        "caution": "Few users carry this number. Compare it with the ATO, which rests on users who could have gone either way.",
        "stop": f"Do not report the {estimand}: it would rest on a handful of users. Ask for an estimand that the data support.",
    }[level]
    evidence = {"effective": worst.effective, "users": worst.rows, "share": worst.effective / worst.rows}
    evidence |= {"unreached": lost.unreached}
    return Check(code=f"overlap:{estimand}", level=level, statement=text, remedy=remedy, evidence=evidence, concerns=(estimand,))


def _weight_level(arms: Sequence[ArmOverlap], estimand: Estimand) -> Level:
    share = max(a.share for a in arms if a.arm in REWEIGHTED[estimand])
    return "stop" if share > STOP_WEIGHT else "caution" if share > CAUTION_WEIGHT else "ok"


def _weight_check(arms: tuple[ArmOverlap, ArmOverlap], estimand: Estimand, supported: Sequence[str]) -> Check:
    level = _weight_level(arms, estimand)
    worst = max((a for a in arms if a.arm in REWEIGHTED[estimand]), key=lambda a: a.share)
    text = f"{estimand}: the heaviest {NAMES[worst.arm]} user carries {words.percent(worst.share)} of the weight of that arm."
    text += _instead(supported) if level == "stop" else ""
    remedy = (
        ""
        if level == "ok"
        else "One user's outcome moves the estimate. Ask for the ATO, or trim and say that the question changed."
    )
    evidence = {"share": worst.share, "largest": worst.largest}
    return Check(
        code=f"max_weight_share:{estimand}", level=level, statement=text, remedy=remedy, evidence=evidence, concerns=(estimand,)
    )


def crump_cutoff(e: Floats, count: Floats) -> float:
    """The α for which trimming to [α, 1 − α] gives the ATE its least variance (Crump, Hotz, Imbens & Mitnik 2009, Biometrika 96).

    It minimizes (1/k²) Σ_{i ≤ k} g_i over rows sorted by g = 1/(e(1 − e)). A rule for the ATE, not for an ATT at low adoption.

    Args:
        e: (P,) propensity.
        count: (P,) rows.
    """
    g = 1 / (e * (1 - e))
    order = np.argsort(g, kind="stable")
    sums, rows = np.cumsum(count[order] * g[order]), np.cumsum(count[order])
    best = int(np.argmin(sums / rows**2))
    if best == g.size - 1 or rows[best] == rows[-1]:
        return 0.0
    gamma = 2 * float(sums[best] / rows[best])
    return 0.5 - float(np.sqrt(max(0.25 - 1 / gamma, 0.0)))
