"""What capping a metric did: whom it cut in each arm, and what the effect is without it."""

from __future__ import annotations

from collections.abc import Mapping

from honestlift.report import words
from honestlift.result import Check, Estimate, Level

MANY = 0.05
"""Share of users beyond the cap above which the capped metric is said to be another one than the plain; a judgement."""

APART = 0.005
"""Difference of the arms' shares that is worth a word, however many users make it certain; a judgement."""


def winsorized(
    metric: str,
    limits: str,
    source: str,
    shares: tuple[float, float],
    p: float | None,
    plain: Estimate,
    headline: Estimate,
    caps: Mapping[str, float | None],
) -> Check:
    """Did the caps cut alike in both arms? If not, part of the effect lies beyond them, and the capped metric does not show it.

    Args:
        metric: the metric.
        limits: the caps in words.
        source: where they come from, in words.
        shares: share of users beyond a cap, (control, treated).
        p: p-value of their difference, with workspaces as units; None where nobody, or everybody, is beyond.
        plain: the effect without caps.
        headline: the effect with them.
        caps: the caps, for the evidence.
    """
    differs = p is not None and p < 0.01 and abs(shares[1] - shares[0]) > APART
    level: Level = "caution" if differs or max(shares) > MANY else "ok"
    places = words.places_of(plain.conf_low, plain.conf_high)
    text = f"{words.clean(metric)} is capped: a user counts {limits}, {source}. "
    text += f"Beyond lie {words.percent(shares[1])} of treated and {words.percent(shares[0])} of control users"
    text += f" ({words.p_value(p)} for the difference). " if p is not None else ". "
    text += "The question is the effect on the capped metric; "
    text += (
        f"without caps it is {words.signed(plain.estimate, places)} ({words.interval(plain.conf_low, plain.conf_high, places)})."
    )
    remedy = ""
    if level != "ok":
        remedy = "Read the effect without caps too: the feature moves users beyond the cap, or the cap cuts much of the metric."
    evidence = {"share_control": shares[0], "share_treated": shares[1], "p_value": p, **caps}
    evidence |= {"estimate": headline.estimate, "estimate_unwinsorized": plain.estimate}
    return Check(code="winsorized", level=level, statement=text, remedy=remedy, evidence=evidence, metric=metric)
