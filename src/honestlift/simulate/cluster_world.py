"""Cluster experiments of any shape with a known effect: the specification, and the published scenario as one."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from honestlift.design.assignment import Assignment, arm_sizes
from honestlift.errors import AssignmentError, DesignError
from honestlift.simulate.cluster_draws import ClusterSums, draw_rows, draw_sums
from honestlift.simulate.world import World

Sizes = Literal["equal", "multinomial", "lognormal"]
Tail = Literal["normal", "student", "lognormal"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterWorld:
    """A cluster experiment under complete randomization, of which any number of worlds can be drawn.

    The outcome of user i in workspace g is mean + a_g + effect_g·treated_g + spillover·exposed_i + e_i, with a_g normal of
    variance icc·sd² and e_i of variance (1 − icc)·sd²; effect_g = effect + size_slope·(n_g/mean_size − 1) + N(0, heterogeneity²).

    Attributes:
        clusters: number K of workspaces.
        mean_size: mean number n_g of users per workspace.
        sizes: ``equal`` (all alike), ``multinomial`` (a fixed number of users, each in any workspace) or ``lognormal``.
        size_cv: coefficient of variation of log-normal sizes before rounding.
        smallest: size below which no workspace falls.
        treated_share: share of the workspaces that is treated.
        effect: mean effect of the treatment on a user, against no treatment and no spillover.
        heterogeneity: standard deviation of the workspace effects.
        size_slope: how much larger the effect is in a workspace of twice the mean size.
        spillover: effect on exposed control users.
        exposed_share: chance that a user is open to spillover; such a user is exposed when the workspace is a control.
        mean: mean of the outcome without treatment.
        sd: standard deviation of the outcome within an arm.
        icc: share of its variance that lies between workspaces.
        tail: distribution of e: ``normal``, ``student`` or ``lognormal`` (that of exp(z), skewness 6.2).
        tail_df: degrees of freedom of the Student tail.
        covariate_r2: share of the variance of a_g that the workspace part of ``minutes_before`` explains.
        covariate_r2_within: share of the variance of e that the user part of ``minutes_before`` explains.
        missing_share: chance that a control user's outcome is missing, whatever its value.
        missing_gap: how much larger that chance is in treated workspaces.

    Raises:
        DesignError: if a value is out of range.
        AssignmentError: if an arm would have fewer than two workspaces.
    """

    clusters: int = 50
    mean_size: float = 1000.0
    sizes: Sizes = "equal"
    size_cv: float = 1.0
    smallest: int = 1
    treated_share: float = 0.5
    effect: float = 0.80
    heterogeneity: float = 0.0
    size_slope: float = 0.0
    spillover: float = 0.0
    exposed_share: float = 0.0
    mean: float = 5.0
    sd: float = 1.0
    icc: float = 0.05
    tail: Tail = "normal"
    tail_df: float = 5.0
    covariate_r2: float = 0.0
    covariate_r2_within: float = 0.0
    missing_share: float = 0.0
    missing_gap: float = 0.0

    def __post_init__(self) -> None:
        _check(self)
        treated = int(arm_sizes([self.clusters], self.treated_share)[0])
        if min(treated, self.clusters - treated) < 2:
            raise AssignmentError.too_small({"treated": treated, "control": self.clusters - treated})

    def draw(self, seed: int | np.random.Generator, assignment: Assignment | None = None) -> World:
        """One world with a row per user, ordered by workspace.

        Args:
            seed: a whole number, or the generator to draw from.
            assignment: the record of arms to follow, of the workspaces "0" to "K − 1"; without it one is drawn. Nothing but the
                arms depends on it.

        Returns:
            Columns ``user_id``, ``workspace_id``, ``treated`` (0/1), ``session_minutes`` (null where missing),
            ``minutes_before`` and ``exposed`` (0/1); truth of ``direct``, ``spillover``, ``gate``, ``itt_user`` and
            ``itt_cluster`` in these workspaces (see ``Components.truth``), and ``icc``; the assignment and the components.
        """
        if assignment is not None and (
            set(assignment.assigned) != {str(g) for g in range(self.clusters)}
            or set(assignment.assigned.values()) != {"treated", "control"}
        ):
            raise AssignmentError.other_clusters(self.clusters)
        return draw_rows(self, np.random.default_rng(seed), assignment)

    def draw_sums(self, worlds: int, rng: np.random.Generator) -> ClusterSums:
        """Many worlds as sums per workspace, without making a row.

        Sums of normal noise are normal and sums of squares about their mean are chi-square, so these are exact draws of what
        the rows would add up to; the numbers of users open to spillover are binomial.

        Args:
            worlds: number W of worlds; each draws sizes, workspaces, users and arms anew.
            rng: source of randomness.

        Raises:
            DesignError: if the noise is not normal, or outcomes can be missing: the sums then have no such law.
        """
        if self.tail != "normal":
            raise DesignError.out_of_range("tail", self.tail, "'normal' for worlds that are drawn as sums")
        if self.missing_share or self.missing_gap:
            raise DesignError.out_of_range("missing_share", self.missing_share, "0, as missing_gap, for worlds drawn as sums")
        if worlds < 1:
            raise DesignError.out_of_range("worlds", worlds, "at least 1")
        return draw_sums(self, worlds, rng)


def coverage_world(
    clusters: int = 50, treated: int = 25, *, sizes: Literal["equal", "lognormal"] = "equal", heterogeneity: float = 0.0
) -> ClusterWorld:
    """The published scenario as a process: workspace effects N(5, 0.3²), noise N(0, 0.3²), opt-in share 0.2685.

    Args:
        clusters: number of workspaces.
        treated: how many of them are treated.
        sizes: ``equal`` in expectation, multinomial with 1,000 a workspace, or ``lognormal``, max(20, 1000·LogN(−0.35, 0.83)),
            whose coefficient of variation is about 1.
        heterogeneity: standard deviation of the workspace effects about 0.80.
    """
    spread = 0.83
    lognormal = sizes == "lognormal"
    return ClusterWorld(
        clusters=clusters,
        treated_share=treated / clusters,
        sizes="lognormal" if lognormal else "multinomial",
        mean_size=1000 * math.exp(-0.35 + spread**2 / 2) if lognormal else 1000,
        size_cv=math.sqrt(math.expm1(spread**2)),
        smallest=20 if lognormal else 1,
        effect=0.80,
        heterogeneity=heterogeneity,
        spillover=0.20,
        exposed_share=0.2685,
        mean=5.0,
        sd=math.sqrt(0.3**2 + 0.3**2),
        icc=0.5,
    )


def _check(world: ClusterWorld) -> None:
    """Refuse values that are out of range."""
    for name, value, words in (("sizes", world.sizes, get_args(Sizes)), ("tail", world.tail, get_args(Tail))):
        if value not in words:
            raise DesignError.out_of_range(name, value, f"one of {', '.join(words)}")
    limits: dict[str, tuple[float, float, str]] = {}
    at_least = {"clusters": 4, "mean_size": 1, "size_cv": 0, "smallest": 1, "heterogeneity": 0}
    limits |= {name: (low, math.inf, f"a number from {low} up") for name, low in at_least.items()}
    limits |= dict.fromkeys(("effect", "size_slope", "spillover", "mean"), (-math.inf, math.inf, "a finite number"))
    limits |= dict.fromkeys(("exposed_share", "icc", "missing_share"), (0, math.nextafter(1, 0), "from 0 to below 1"))
    limits |= dict.fromkeys(("covariate_r2", "covariate_r2_within"), (0, 1, "from 0 to 1"))
    limits["treated_share"] = (math.nextafter(0, 1), math.nextafter(1, 0), "a number between 0 and 1")
    limits["sd"] = (math.nextafter(0, 1), math.inf, "a number above 0")
    limits["tail_df"] = (math.nextafter(2, 3), math.inf, "a number above 2, so that the variance is finite")
    top = math.nextafter(1 - world.missing_share, 0)
    limits["missing_gap"] = (-world.missing_share, top, "such that missing_share + missing_gap is from 0 to below 1")
    for name, (low, high, expected) in limits.items():
        value = getattr(world, name)
        if not (low <= value <= high and math.isfinite(value)):
            raise DesignError.out_of_range(name, value, expected)
