"""Did the treatment reach the control group, and can the design tell what that did?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

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


def misclassification(metric: str, marked: float, rows: Sequence[Sequence[object]]) -> Check:
    """Can the marks be wrong at the stated rates, and would the signs that they show survive that?

    Args:
        metric: the metric.
        marked: share of control users who are marked.
        rows: false positive rate, false negative rate, share exposed, estimand, estimate, standard error, df and ends of the interval;
            the marks as recorded first.
    """
    found: dict[str, list[tuple[float | None, float | None]]] = {}
    for _, _, _, name, _, _, _, low, high in rows:
        found.setdefault(str(name), []).append((cast("float | None", low), cast("float | None", high)))
    impossible = sum(None in (a[0], b[0]) for a, b in zip(found["direct"], found["spillover"], strict=True))
    stated = len(found["direct"]) - 1
    moved = {name: sum(_side(ends) != _side(all_[0]) for ends in all_[1:] if ends[0] is not None) for name, all_ in found.items()}
    text = (
        f"If marks are wrong as stated, the decision on the direct effect changes at {moved['direct']}, and that on spillover at "
    )
    text += f"{moved['spillover']}, of {words.count(stated, 'pair of rates', 'pairs of rates')}"
    if impossible:
        text += f"; {words.percent(marked)} of control users are marked, and {impossible} would leave no contrast"
    level: Level = "caution" if impossible or any(moved.values()) else "ok"
    return Check(
        code="misclassification",
        level=level,
        statement=f"{text}.",
        remedy="" if level == "ok" else "Check the marks against a sample looked at by hand, and state the rates that it shows.",
        evidence={"marked_share": marked, "pairs": stated, "impossible": impossible}
        | {f"{k}_moved": v for k, v in moved.items()},
        concerns=("direct", "spillover"),
        metric=metric,
    )


def _side(ends: tuple[float | None, float | None]) -> int:
    """On which side of zero an interval lies; 0 if it contains it."""
    low, high = ends
    return 0 if low is None or high is None else (low > 0) - (high < 0)


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
