"""Does being offered the feature move its use, so that an effect of use can be told?"""

from __future__ import annotations

import math

from honestlift.report import words
from honestlift.result import Check, Level

WEAK = 10.0
"""First-stage F below which the 2SLS interval is not to be believed (Staiger & Stock 1997); Anderson and Rubin's is right at any F."""


def first_stage(metric: str, treated: float, control: float, f: float | None) -> Check:
    """Strength of the arm as an instrument of use.

    Args:
        metric: the metric among whose users use was counted.
        treated: share of users in treated workspaces who used the feature.
        control: the same in control workspaces.
        f: squared CR2 t of the difference; infinite where use follows the arm; None where there is no difference.
    """
    weak = f is None or f < WEAK
    level: Level = "stop" if f is None else "caution" if weak else "ok"
    text = f"{words.percent(treated)} of users in treated workspaces used the feature, {words.percent(control)} in control workspaces"
    text += "." if f is None or math.isinf(f) else f" (F = {words.number(f, 1 if f < 100 else 0)})."
    remedy = {
        "ok": "",
        "caution": "Read the effect on compliers by Anderson and Rubin's interval only: the arm hardly moves use.",
        "stop": "There is no effect of use to estimate: the arm does not move it.",
    }[level]
    return Check(
        code="first_stage",
        level=level,
        statement=text,
        remedy=remedy,
        evidence={"use_treated": treated, "use_control": control, "f": f},
        concerns=("cace",),
        metric=metric,
    )
