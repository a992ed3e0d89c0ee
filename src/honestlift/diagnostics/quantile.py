"""A quantile in both arms, and whether it can move in small steps at all."""

from __future__ import annotations

from honestlift.report import words
from honestlift.result import Check


def quantile(metric: str, q: float, at: tuple[float, float], tied: tuple[float, float], *, lumpy: bool) -> Check:
    """Do so many users have exactly the quantile's value that it moves in steps?

    Args:
        metric: the metric.
        q: which quantile.
        at: the quantiles, (control, treated).
        tied: share of an arm's users who have exactly this value.
        lumpy: whether that is more than the interval of the distribution function is wide.
    """
    places = max(words.decimals(abs(at[1] - at[0])) if at[0] != at[1] else 2, 0)
    text = f"{words.clean(metric)}: {words.number(at[1], places)} in treated, {words.number(at[0], places)} in control workspaces"
    share = f"{words.percent(tied[1])} of treated and {words.percent(tied[0])} of control users"
    evidence = {"q": q, "treated": at[1], "control": at[0], "tied_treated": tied[1], "tied_control": tied[0], "steps": int(lumpy)}
    if not lumpy:
        return Check(code="quantile", level="ok", statement=f"{text}.", remedy="", evidence=evidence, metric=metric)
    text += f"; {share} have exactly these values, so that the quantile moves in steps, and its interval is one of inverted tests, wide "
    text += "rather than narrow."
    remedy = "Ask for the share of users up to a value (a mean of 0/1) or for the mean: a quantile among ties says little."
    return Check(code="quantile", level="caution", statement=text, remedy=remedy, evidence=evidence, metric=metric)
