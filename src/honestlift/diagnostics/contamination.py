"""Did the treatment reach the control group, and can the design tell what that did?"""

from __future__ import annotations

from honestlift.report import words
from honestlift.result import Check, Level


def exposure_not_randomized(column: str, share: float, ratio: float | None) -> Check:
    """A plain exposure column is a trait until someone vouches that the design moves it.

    Args:
        column: the exposure.
        share: share of control users who are exposed.
        ratio: standard error of the spillover contrast over that of the effect between workspaces. Far below one is the sign of a
            contrast within workspaces, which no re-draw of the assignment would move.
    """
    text = f"{words.clean(column)} marks {words.percent(share)} of control users, and re-drawing the assignment would not change whom: "
    text += "they differ from other controls in more than exposure"
    if ratio is not None and ratio < 0.5:
        claim = (
            f"{words.times(1 / ratio)} times the precision that a contrast between workspaces has"
            if ratio
            else "to have no error"
        )
        text += f" (the spillover contrast claims {claim})"
    return Check(
        code="exposure_not_randomized",
        level="stop",
        statement=text + ". Direct and spillover are associations.",
        remedy="Decide on the effect of treated workspaces, which is randomized. To measure spillover, log who reads whose work.",
        evidence={"exposed_share_of_control": share, "std_error_ratio": ratio},
        concerns=("direct", "spillover"),
    )


def exposure_absent(column: str, exposed: int, unexposed: int) -> Check:
    """There is nothing to contrast: every control user is exposed, or none."""
    which = "No" if exposed == 0 else "Every"
    return Check(
        code="exposure_positivity",
        level="stop",
        statement=f"{which} control user is exposed by {words.clean(column)}: there is no contrast, and no direct or spillover number.",
        remedy="Check how the exposure was recorded.",
        evidence={"exposed": exposed, "unexposed": unexposed},
        concerns=("direct", "spillover"),
    )


def use_in_control(column: str, using: int, users: int) -> Check:
    """Share of control users who used the feature that was confirmed off for them."""
    share = using / users
    level: Level = "stop" if share > 0.10 else "caution" if share > 0.01 else "ok"
    text = (
        f"{words.count(using, 'control user')} of {users:,} ({words.percent(share)}) used the feature by {words.clean(column)}."
    )
    remedy = (
        "" if level == "ok" else "Find the leak in the roll-out. The effect of workspaces is diluted by it, not wrong in sign."
    )
    evidence = {"using": using, "control_users": users, "share": share}
    return Check(code="use_in_control", level=level, statement=text, remedy=remedy, evidence=evidence)
