"""The rule by which clusters come to their arms."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Literal, get_args

from honestlift.errors import DesignError

Kind = Literal["complete", "stratified", "bernoulli", "matched_pairs", "rerandomized", "saturation"]
Late = Literal["refuse", "hash", "control"]

ON_COVARIATES = ("matched_pairs", "rerandomized")
"""Rules that look at what is known of the clusters before the draw."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Rule:
    """How clusters come to their arms.

    - ``complete``: a fixed number of clusters in each arm.  ``stratified``: a fixed number within each stratum.
    - ``bernoulli``: an own coin for each cluster, as a feature flag that hashes the workspace tosses it.
    - ``matched_pairs``: clusters that are alike form pairs, and one of each pair is treated.
    - ``rerandomized``: complete (or stratified) draws until the arms are alike in the covariates (Morgan & Rubin 2012).
    - ``saturation``: clusters to saturations, then in each cluster that share of its users to the treatment (Hudgens & Halloran 2008).

    Attributes:
        kind: the rule.
        share: share of the clusters that is treated, above 0 and below 1.
        arms: several arms by name with their weights, e.g. ``{"control": 2, "short": 1, "long": 1}``. The one that is called
            ``control``, or else the first, is the control arm. Takes the place of ``share``.
        covariates: names of what is balanced or matched on; ``size`` is by custom the cluster's users.
        acceptance: share of all draws that a rerandomized rule accepts.
        threshold: the largest distance of the arms that it accepts; made by ``assign``.
        saturations: shares of users, 0 to 1, to which clusters are drawn.
        late: what becomes of a cluster that appears after the draw: ``refuse`` (it is not in the experiment, and data with it are
            not the recorded ones), ``hash`` (its arm is made of the seed and its name) or ``control``.

    Raises:
        DesignError: if a value is out of range, or does not go with the kind.

    Example:
        >>> hl.Rule(kind="stratified", share=0.3)
        Rule(kind='stratified', share=0.3)
        >>> hl.Rule(arms={"control": 2, "short": 1, "long": 1}).shares
        {'control': 0.5, 'short': 0.25, 'long': 0.25}
    """

    kind: Kind = "complete"
    share: float = 0.5
    arms: Mapping[str, float] | None = None
    covariates: tuple[str, ...] = ()
    acceptance: float = 0.05
    threshold: float | None = None
    saturations: tuple[float, ...] = ()
    late: Late = "refuse"

    def __post_init__(self) -> None:
        object.__setattr__(self, "covariates", tuple(self.covariates))
        object.__setattr__(self, "saturations", tuple(sorted(float(s) for s in self.saturations)))
        if self.kind not in get_args(Kind):
            raise DesignError.out_of_range("rule", self.kind, f"one of {', '.join(map(repr, get_args(Kind)))}")
        if not 0 < self.share < 1:
            raise DesignError.out_of_range("share", self.share, "a number between 0 and 1")
        if not 0 < self.acceptance <= 1:
            raise DesignError.out_of_range("acceptance", self.acceptance, "a share above 0, and no more than 1")
        if self.late not in get_args(Late):
            raise DesignError.out_of_range("late", self.late, "'refuse', 'hash' or 'control'")
        self._check_arms()
        self._check_kind()

    def __repr__(self) -> str:
        told = [(f.name, getattr(self, f.name)) for f in fields(self) if f.name == "kind" or getattr(self, f.name) != f.default]
        if self.arms is None and ("share", self.share) not in told and self.kind != "saturation":
            told.insert(1, ("share", self.share))
        return f"Rule({', '.join(f'{name}={value!r}' for name, value in told)})"

    @property
    def shares(self) -> dict[str, float]:
        """Arm to the share of the clusters that it is to have."""
        if self.kind == "saturation":
            named = {saturation_name(s): 1.0 if self.arms is None else self.arms[saturation_name(s)] for s in self.saturations}
        elif self.arms is None:
            return {"treated": self.share, "control": 1 - self.share}
        else:
            named = self.arms
        whole = sum(named.values())
        return {name: weight / whole for name, weight in named.items()}

    @property
    def names(self) -> tuple[str, ...]:
        """The arms in the order of their codes: control is 0. Saturations stand in ascending order."""
        names = tuple(self.shares)
        if self.kind == "saturation":
            return names
        return ("control", *(n for n in names if n != "control")) if "control" in names else names

    def _check_arms(self) -> None:
        if self.arms is None:
            return
        object.__setattr__(self, "arms", {str(name): float(weight) for name, weight in self.arms.items()})
        if len(self.arms) < 2 or not all(math.isfinite(w) and w > 0 for w in self.arms.values()) or "" in self.arms:
            raise DesignError.out_of_range("arms", dict(self.arms), "two or more named arms with weights above 0")

    def _check_kind(self) -> None:
        if (self.kind in ON_COVARIATES) != bool(self.covariates):
            raise DesignError.out_of_range(
                "covariates", list(self.covariates), "names of covariates with matched_pairs or rerandomized, and only with these"
            )
        if self.kind == "matched_pairs" and (
            self.share != 0.5 or len(self.arms or "12") != 2 or len(set(self.shares.values())) > 1
        ):
            raise DesignError.out_of_range("share", self.share, "two arms of one half each, as each pair has one of both")
        if (self.kind == "saturation") != bool(self.saturations):
            raise DesignError.out_of_range(
                "saturations", list(self.saturations), "saturations with a saturation rule, and only with one"
            )
        if self.kind == "saturation":
            named = {saturation_name(s) for s in self.saturations}
            inside = all(0 <= s <= 1 for s in self.saturations)
            if not inside or len(named) < 2 or len(named) < len(self.saturations):
                raise DesignError.out_of_range("saturations", list(self.saturations), "two or more different shares from 0 to 1")
            if self.arms is not None and set(self.arms) != named:
                raise DesignError.out_of_range("arms", dict(self.arms), f"a weight for each of {', '.join(sorted(named))}")


def saturation_name(saturation: float) -> str:
    """What the arm of a saturation is called: its share of users, as in ``0.5``."""
    return f"{saturation:.6g}"
