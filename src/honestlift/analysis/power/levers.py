"""What would help most: the MDE under each change that a planner can make, and how many workspaces the change is worth."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from honestlift.design.variation import Variation
from honestlift.errors import DesignError
from honestlift.inference.power import clusters_needed, formula
from honestlift.result import Table

Mde = Callable[[Variation, float], float]
"""MDE of a variation with a share treated."""

ASSUMED = (0.5, 0.8)
"""Shares of the variance between workspaces that a pre-period measure commonly explains, where none was measured."""

STRATA = 0.3
"""The same for strata such as plan tier and country."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lever:
    """A change, and what it does.

    Attributes:
        lever: ``covariates``, ``strata``, ``workspaces``, ``longer`` or ``balance``.
        name: what it is, in a few words.
        mde: with it.
        worth: workspaces that would give the same MDE without it; None if it is no use to count them.
        measured: whether its strength was measured on the data, rather than assumed.
        done: whether it is in the answer already; ``mde`` is then what it would be without.
    """

    lever: str
    name: str
    mde: float
    worth: int | None
    measured: bool
    done: bool = False


def levers(variation: Variation, share: float, mde: Mde, target: float, level: float) -> list[Lever]:
    """Every lever, the strongest first; those already pulled last, with what they gave."""
    base = mde(variation, share)

    closed = formula(variation, share=share).mde(target, level)

    def worth(reached: float) -> int | None:
        """As many workspaces as the closed form needs for its own MDE, shrunk alike."""
        if not 0 < reached < base:
            return None
        return clusters_needed(variation, closed * reached / base, share=share, target=target, level=level)

    made: list[Lever] = []

    def add(lever: str, name: str, changed: Variation, measured: bool, to: float = share) -> None:
        try:
            reached = mde(changed, to)
        except DesignError:  # more coefficients than workspaces
            return
        made.append(Lever(lever=lever, name=name, mde=reached, worth=worth(reached), measured=measured))

    for r2 in ASSUMED if not variation.r2_between - variation.r2_strata > 0.005 else ():
        left = 1 - (1 - variation.r2_between) * (1 - r2)
        changed = replace(variation, r2_between=left, covariates=variation.covariates + 1)
        add("covariates", f"covariate that explains {100 * r2:.0f} %", changed, False)
    if not variation.r2_strata and variation.clusters >= 12:
        left = 1 - (1 - variation.r2_between) * (1 - STRATA)
        changed = replace(variation, r2_between=left, covariates=variation.covariates + 2)
        add("strata", f"3 strata that explain {100 * STRATA:.0f} %", changed, False)
    for times in (1.5, 2.0):
        more = variation.with_clusters(2 * round(variation.clusters * times / 2))
        add("workspaces", f"{more.clusters:,} workspaces", more, True)
    add("longer", "longer, or more users", replace(variation, r2_within=0.999_999), True)
    if abs(share - 0.5) > 0.01:
        add("balance", "half of them treated", variation, True, 0.5)
    made.sort(key=lambda one: one.mde)
    return [*made, *_done(variation, share, mde)]


def _done(variation: Variation, share: float, mde: Mde) -> list[Lever]:
    """What covariates and strata in the answer already give, told by what the MDE would be without them."""
    made: list[Lever] = []
    if variation.r2_between - variation.r2_strata > 0.005:
        without = replace(variation, r2_between=variation.r2_strata, r2_within=0.0, covariates=0)
        made.append(
            Lever(
                lever="covariates", name="without the covariates", mde=mde(without, share), worth=None, measured=True, done=True
            )
        )
    if variation.r2_strata > 0.005:
        without = replace(variation, r2_between=0.0, r2_within=0.0, covariates=0)
        made.append(
            Lever(
                lever="strata",
                name="without covariates and strata",
                mde=mde(without, share),
                worth=None,
                measured=True,
                done=True,
            )
        )
    return made


def as_table(found: list[Lever], base: float) -> Table:
    """A row per lever; ``change`` is the MDE's, −0.3 for three tenths smaller."""
    columns = ("lever", "name", "mde", "change", "worth_clusters", "measured", "done")
    rows = tuple(
        (one.lever, one.name, one.mde, one.mde / base - 1 if base else math.nan, one.worth, one.measured, one.done)
        for one in found
    )
    return Table(columns=columns, rows=rows)
