"""How the numbers of a roll-out in waves were made: plain words, and each method with its source."""

from __future__ import annotations

from honestlift.report import words
from honestlift.result import Lift

PLAIN = (
    "Workspaces got the feature one wave after the other. Each wave is compared, period by period, with the workspaces that had not got it "
    "yet or never do; what set the two apart before the wave's start is taken off.",
    "The effect is the mean of these comparisons over all users of the waves who have one. A workspace that has the feature already is "
    "never a control.",
    "Its interval comes from how much workspaces of a wave differ among themselves: each is left out in turn. Were the roll-out repeated "
    "many times with new workspaces, {level} of such intervals would contain the true effect.",
)

DRAWN = "It was drawn by lot which workspaces come first, so that chance alone set the waves apart."
WATCHED = (
    "Nobody drew by lot which workspaces come first. The number is the effect only if, without the feature, the waves would have moved "
    "alike."
)

FORMAL = {
    "naive_ols": (
        "Mean over the rows of workspaces that have the feature minus that over all other rows, with the variance of independent errors. "
        "Shown for comparison: seasons, and who came first, are in it.",
        "",
    ),
    "two_way_fe": (
        "y_igt = α_g + β_t + τ·D_gt + ε_igt with an effect of each workspace and each period; CR1 by workspace, K − 1 degrees of freedom. "
        "Shown for comparison: workspaces that have the feature are controls of those that start later, and where effects change over "
        "time τ is off, even in sign.",
        "Goodman-Bacon (2021), Journal of Econometrics 225; de Chaisemartin & D'Haultfœuille (2020), American Economic Review 110.",
    ),
    "callaway_santanna": (
        "ATT(g, t) = (Ȳ_gt − Ȳ_Ct) − Σ_s w_s (Ȳ_gs − Ȳ_Cs), s the periods before g with w_s their shares of the wave's rows; the effect is "
        "their mean weighted by treated rows. The jackknife leaves out each workspace, spread is counted within waves, and a t "
        "distribution with Satterthwaite's degrees of freedom gives the ends.",
        "Callaway & Sant'Anna (2021), Journal of Econometrics 225; Rust & Rao (1996), Statistical Methods in Medical Research 5.",
    ),
    ":base_last": (
        "The same with s the last period before g alone: trends need be parallel from there only, and one period tells less than all.",
        "Callaway & Sant'Anna (2021), Journal of Econometrics 225.",
    ),
    ":base_all": (
        "The same with s all periods before g: more precise, where trends are parallel all along.",
        "Callaway & Sant'Anna (2021), Journal of Econometrics 225.",
    ),
}


def plain(lift: Lift) -> list[str]:
    """The method in sentences for everyone."""
    level = words.level(lift.estimates[0].level)
    drawn = any(e.identified == "randomized" for e in lift.estimates)
    return [*(sentence.format(level=level) for sentence in PLAIN), DRAWN if drawn else WATCHED]
