"""What covariates measured before the treatment did for the precision of the effect."""

from __future__ import annotations

from collections.abc import Sequence

from honestlift.report import words
from honestlift.result import Check


def adjustment(
    metric: str, form: str, used: Sequence[str], left_out: Sequence[str], before: float | None, after: float | None
) -> Check:
    """Which covariates the headline is adjusted for, and how much narrower that makes it. Never more than ok: a choice of the plan.

    Args:
        metric: the metric.
        form: ``interacted``, ``additive`` or ``none``.
        used: covariates that are adjusted for.
        left_out: those that so few workspaces, or what they repeat, did not allow.
        before: standard error of the effect without them; None where undefined.
        after: the same with them.
    """
    evidence: dict[str, float | int | None] = {"covariates": len(used), "left_out": len(left_out)}
    evidence |= {"interacted": int(form == "interacted")}
    text = f"{words.clean(metric)} is not adjusted for covariates."
    if used and before and after:
        reduction = 1 - (after / before) ** 2
        evidence |= {"std_error_unadjusted": before, "std_error": after, "variance_reduction": reduction}
        text = f"{words.clean(metric)} is adjusted for {words.listing([words.clean(u) for u in used])} ({form}). {gain(before, after)}"
    if left_out:
        names = words.listing([words.clean(name) for name in left_out])
        text += f" Left out: {names}; there are too few workspaces for them, or they say nothing new between workspaces."
    return Check(code="adjustment", level="ok", statement=text, remedy="", evidence=evidence, metric=metric)


def gain(before: float, after: float) -> str:
    """Two standard errors in words: what the covariates are worth in workspaces."""
    places = words.decimals(min(before, after))
    change = f"from {words.number(before, places)} to {words.number(after, places)}"
    if after >= before:
        return f"That does not narrow the interval: the standard error goes {change}."
    worth = f"as {words.times((before / after) ** 2)} times as many workspaces would"
    return f"The standard error falls {change}, {worth} without them."


UNSURE = 0.2
"""Relative standard error of an arm's mean denominator above which the delta method is not to be trusted; a judgement."""

MOVED = 0.01
"""p-value below which the treatment is said to move the denominator itself."""


def denominator(
    metric: str, column: str, means: tuple[float, float], errors: tuple[float, float], effect: float, p_value: float
) -> Check:
    """Is a ratio's denominator well away from zero in both arms, and does the treatment move it?

    Args:
        metric: the ratio.
        column: its denominator.
        means: mean of the denominator over users, (control, treated).
        errors: their standard errors.
        effect: effect on the denominator, per user.
        p_value: its p-value.
    """
    shares = [error / mean for mean, error in zip(means, errors, strict=True)]
    name, places = words.clean(column), words.decimals(min(means))
    text = f"The denominator of {words.clean(metric)}, {name}, is {words.number(means[1], places)} per treated and "
    text += f"{words.number(means[0], places)} per control user ({words.p_value(p_value)} for the difference)."
    remedies: list[str] = []
    if max(shares) > UNSURE:
        text += f" Its relative standard error reaches {words.percent(max(shares))}."
        remedies.append("The interval of the ratio leans on a denominator that may be near zero: look at the numerator per user.")
    if p_value < MOVED:
        remedies.append(
            f"The feature moves {name} too: report the numerator per user beside the ratio, which mixes the two effects."
        )
    evidence = {
        "mean_control": means[0],
        "mean_treated": means[1],
        "relative_error": max(shares),
        "effect": effect,
        "p_value": p_value,
    }
    return Check(
        code="denominator",
        level="caution" if remedies else "ok",
        statement=text,
        remedy=" ".join(remedies),
        evidence=evidence,
        metric=metric,
    )
