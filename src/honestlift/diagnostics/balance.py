"""Were the arms alike before the treatment, and does an outcome that it cannot move stand still?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from honestlift.inference.multiplicity import holm
from honestlift.report import words
from honestlift.result import Check, Level

CAUTION = 0.02
"""p-value below which a difference is worth a look: all checks together then trouble under one healthy study in ten."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrast:
    """A difference between arms that ought to be zero, tested as the headline is."""

    name: str
    effect: float
    low: float
    high: float
    p_value: float


def pre_period_balance(contrasts: Sequence[Contrast]) -> Check:
    """Differences between arms in what was measured before the treatment; p-values by Holm's correction."""
    remedy = "Adjust for it, and read the assignment again: such a difference comes about rarely by chance."
    return _worst("pre_period_balance", contrasts, "before the treatment", remedy)


def negative_control(contrasts: Sequence[Contrast]) -> Check:
    """Effects on outcomes that the feature cannot move; p-values by Holm's correction."""
    remedy = (
        "Something other than the feature differs between the arms, or the data are wrong. Find it before believing the effect."
    )
    return _worst("negative_control", contrasts, "though the feature cannot move it", remedy)


def _worst(code: str, contrasts: Sequence[Contrast], when: str, remedy: str) -> Check:
    p = holm([c.p_value for c in contrasts])
    at = int(np.argmin(p))
    worst, least = contrasts[at], float(p[at])
    level: Level = "stop" if least < 0.001 else "caution" if least < CAUTION else "ok"
    places = words.places_of(worst.low, worst.high)
    text = f"{words.clean(worst.name)} differs by {words.signed(worst.effect, places)} "
    text += f"({words.interval(worst.low, worst.high, places)}) between the arms {when} ({words.p_value(least)}"
    text += f", the smallest of {len(contrasts)}, corrected)." if len(contrasts) > 1 else ")."
    evidence = {
        "difference": worst.effect,
        "conf_low": worst.low,
        "conf_high": worst.high,
        "p_value": least,
        "tested": len(contrasts),
    }
    return Check(code=code, level=level, statement=text, remedy="" if level == "ok" else remedy, evidence=evidence)
