"""A segment is a trait of users that the treatment cannot move: does it?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from honestlift.diagnostics.balance import Contrast
from honestlift.inference.multiplicity import holm
from honestlift.report import words
from honestlift.result import Check

CAUTION = 0.01
"""p-value, corrected for the number of levels, below which a segment is doubted."""


def segment_balance(segment: str, levels: Sequence[Contrast]) -> Check:
    """Shares of the levels by arm, tested as the headline is. It speaks of the segments alone, never of the headline.

    Args:
        segment: the column.
        levels: difference between arms of the share of users in each level.
    """
    p = holm([c.p_value for c in levels])
    at = int(np.argmin(p))
    worst, least = levels[at], float(p[at])
    text = f"The share of users with {words.clean(segment)} = {words.clean(worst.name)} differs by "
    text += f"{words.number(100 * worst.effect, 1, sign=True)} points between the arms ({words.p_value(least)}"
    text += f", the smallest of {len(levels)}, corrected)." if len(levels) > 1 else ")."
    bad = least < CAUTION
    remedy = "Take the segment as it was before the launch: comparing users whom the feature moved into a level shows no effect."
    return Check(
        code=f"segment_balance:{words.clean(segment)}",
        level="caution" if bad else "ok",
        statement=text,
        remedy=remedy if bad else "",
        evidence={"difference": worst.effect, "p_value": least, "levels": len(levels)},
        concerns=("segments",),
    )
