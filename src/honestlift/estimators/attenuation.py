"""How much of the direct effect the contrast of the arms shows where control users are reached by others' treatment.

Let the own feature give τ, and a user who is reached by the treatment of others r·τ (r: the ratio spillover/direct). With a share e of
control and e′ of treated users reached, the arms differ by τ(1 − r·e + r·e′). Treated users are reached by others no more often than
control users, or what reaches them adds nothing to the own feature: 0 ≤ e′ ≤ e. Hence τ lies between the contrast and the contrast
over 1 − r·e. (The contamination arithmetic of Hudgens & Halloran 2008, Journal of the American Statistical Association 103, for
ratios that are stated, not estimated.)
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectBounds:
    """Where the direct effect lies if the ratio is right.

    Attributes:
        shown: share of the direct effect that the contrast of the arms shows, at the least favourable reach of treated users.
        low, high: bounds on the direct effect.
        conf_low, conf_high: the interval of the contrast, stretched likewise: it holds the direct effect at least as often.
    """

    shown: float
    low: float
    high: float
    conf_low: float
    conf_high: float


def direct_bounds(effect: float, conf_low: float, conf_high: float, ratio: float, exposed: float) -> DirectBounds | None:
    """Bounds on the direct effect; None where there are none, since the contrast could show nothing of it (ratio·exposed ≥ 1).

    Args:
        effect: the contrast of the arms.
        conf_low: lower end of its interval.
        conf_high: upper end of its interval.
        ratio: effect of being reached by others over the direct effect; negative where it goes the other way.
        exposed: share of control users who are reached, 0 to 1.
    """
    shown = 1.0 - ratio * exposed
    if shown <= 1e-9:
        return None
    ends = [scale * value for scale in (1.0, 1.0 / shown) for value in (effect, conf_low, conf_high)]
    return DirectBounds(
        shown=shown,
        low=min(ends[0], ends[3]),
        high=max(ends[0], ends[3]),
        conf_low=min(ends[1], ends[4]),
        conf_high=max(ends[2], ends[5]),
    )
