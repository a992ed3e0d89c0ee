"""Designs compared on one graph: what leaks out of each unit, what that biases, what the unit costs, and which one to take."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from honestlift.analysis.power.partitions import FEWEST, MOST_TIES, communities, merged
from honestlift.design.collaboration import Collaboration
from honestlift.design.variation import Variation
from honestlift.errors import DesignError, PlanningError
from honestlift.inference.frontier import Leak, Precision, Ties, leak, precision
from honestlift.result import Table

RESOLUTIONS = (1.0, 2.0, 4.0, 8.0)
"""Resolutions at which communities of the graph are looked for."""

TOLERATED = 0.10
"""Bias, as a share of the effect of launching, up to which a unit is recommended for its precision (a judgement)."""

COLUMNS = (
    "design",
    "clusters",
    "size_cv",
    "leakage",
    "exposed",
    "fraction",
    "bias",
    "std_error",
    "mde",
    "mde_launch",
    "rmse",
    "frontier",
    "recommended",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A unit that could be randomized.

    Attributes:
        design: ``user``, ``workspace``, ``merged`` or ``communities``, with the number of clusters or the resolution after a colon.
        leak: what leaks.
        precision: what it costs.
        bias: expected difference between arms over the effect of launching, less one: −0.2 shows four fifths of the effect.
        mde_launch: smallest effect of launching that is announced with the target power, what leaks taken into account.
        rmse: root of bias² and variance at the effect that was named; None without one.
        frontier: whether no other unit has both less bias and a smaller standard error.
    """

    design: str
    leak: Leak
    precision: Precision
    bias: float
    mde_launch: float
    rmse: float | None
    frontier: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Designs:
    """Units compared on a user's graph, and the one to take.

    Attributes:
        candidates: the units, by name and number of clusters.
        recommended: name of the one to take.
        ratio: spillover ratio that was assumed.
        effect: effect of launching that was named; None if none was.
        left_out: ways to part the users that were not tried, and why.

    Example:
        >>> import numpy as np
        >>> users = np.arange(400)
        >>> graph = hl.Collaboration(workspace=users // 10, source=users, target=(users + 1) % 400)
        >>> found = hl.compare_designs(graph, hl.Variation.of(clusters=40, mean_size=10, icc=0.1, sd=1.0), ratio=0.5, resolutions=())
        >>> found.recommended, round(found.find("workspace").leak.leakage, 2), round(found.find("user").bias, 2)
        ('merged:30', 0.1, -0.33)
    """

    candidates: tuple[Candidate, ...]
    recommended: str
    ratio: float
    effect: float | None
    left_out: tuple[str, ...] = ()

    def find(self, design: str) -> Candidate:
        """The candidate of that name.

        Raises:
            LookupError: if there is none.
        """
        for candidate in self.candidates:
            if candidate.design == design:
                return candidate
        raise LookupError(f"No design is called {design!r}. Expected one of {[c.design for c in self.candidates]}.")

    def table(self) -> Table:
        """A row per unit, as ``design.json`` holds them."""
        rows = tuple(
            (
                c.design,
                c.precision.clusters,
                c.precision.size_cv,
                c.leak.leakage,
                c.leak.exposed,
                c.leak.fraction,
                c.bias,
                c.precision.std_error,
                c.precision.mde,
                c.mde_launch,
                c.rmse,
                c.frontier,
                c.design == self.recommended,
            )
            for c in self.candidates
        )
        return Table(columns=COLUMNS, rows=rows)


def compare_designs(  # noqa: PLR0913  each is one number of the planner's
    graph: Collaboration,
    variation: Variation,
    *,
    ratio: float = 0.5,
    effect: float | None = None,
    share: float = 0.5,
    target: float = 0.8,
    level: float = 0.95,
    resolutions: tuple[float, ...] = RESOLUTIONS,
    seed: int = 0,
    step: Callable[[str], None] = lambda _: None,
) -> Designs:
    """Compare users, workspaces, merged workspaces and communities of the graph as the unit to randomize.

    A user is taken to gain the direct effect from the own treatment and ``ratio`` times as much when all of their ties are treated, in
    proportion to their treated share. Leakage and exposure are exact expectations over the assignments; standard errors rest on the
    variation between and within workspaces (``inference/frontier.py``).

    Args:
        graph: who works with whom, and in which workspace.
        variation: of the outcome; its sizes are replaced by those of the graph.
        ratio: spillover over direct effect, from −1 to 10; what is assumed, not estimated.
        effect: effect of launching, for the root mean squared error; without it the recommendation rests on bias and MDE.
        share: share of the clusters that is treated.
        target: power wanted.
        level: of the test.
        resolutions: of the communities; empty for none.
        seed: start of every random draw.
        step: hears each stage as it begins.

    Raises:
        DesignError: if a number is out of range.
        PlanningError: if no tie joins two users, or communities are asked for without networkx.

    Example:
        >>> import numpy as np
        >>> users = np.arange(400)
        >>> graph = hl.Collaboration(workspace=users // 10, source=users, target=(users + 1) % 400)
        >>> known = hl.Variation.of(clusters=40, mean_size=10, icc=0.1, sd=1.0)
        >>> hl.compare_designs(graph, known, ratio=0.5, resolutions=()).recommended
        'merged:30'
    """
    if not (math.isfinite(ratio) and -1 < ratio <= 10):
        raise DesignError.out_of_range("ratio", ratio, "a number above -1 and up to 10")
    ties = Ties(graph=graph)
    if not ties.ends[0].size:
        raise PlanningError.no_edges()
    parts, left_out = _partitions(graph, resolutions, seed, step)
    made: list[Candidate] = []
    for number, (name, part) in enumerate(parts.items()):
        step(f"Weighing {name}")
        found = leak(ties, part, share)
        rng = np.random.default_rng([seed, number])
        cost = precision(graph, part, variation, rng, share=share, target=target, level=level)
        seen = found.seen(ratio)
        rmse = None if effect is None else math.hypot((seen - 1) * effect, cost.std_error)
        launch = cost.mde / seen if seen > 0 else math.inf
        made.append(Candidate(design=name, leak=found, precision=cost, bias=seen - 1, mde_launch=launch, rmse=rmse))
    marked = tuple(_marked(c, made) for c in made)
    return Designs(candidates=marked, recommended=_best(marked).design, ratio=ratio, effect=effect, left_out=left_out)


def _partitions(
    graph: Collaboration, resolutions: tuple[float, ...], seed: int, step: Callable[[str], None]
) -> tuple[dict[str, NDArray[np.int64]], tuple[str, ...]]:
    """Every unit by its name, and what was left out."""
    parts = {"user": np.arange(graph.users), "workspace": np.asarray(graph.workspace)}
    left_out: list[str] = []
    step("Merging workspaces")
    goals = tuple(round(graph.workspaces * part) for part in (0.75, 0.5, 1 / 3, 0.25))
    found = merged(graph, goals)
    parts |= {f"merged:{clusters}": part for clusters, part in found.items()}
    if not found:
        left_out.append("merged workspaces: too few or too many workspaces, or none that work together")
    if resolutions and graph.source.size > MOST_TIES:
        left_out.append(f"communities: more than {MOST_TIES:,} ties")
        resolutions = ()
    for resolution in resolutions:
        step(f"Looking for communities at resolution {resolution:g}")
        part = communities(graph, resolution, seed)
        if int(part.max()) + 1 >= FEWEST and int(part.max()) + 1 < graph.users:
            parts[f"communities:{resolution:g}"] = part
        else:
            left_out.append(f"communities at resolution {resolution:g}: {int(part.max()) + 1:,} clusters")
    return parts, tuple(left_out)


def _marked(one: Candidate, every: list[Candidate]) -> Candidate:
    """With whether no other unit is better in one respect and no worse in the other."""
    beaten = any(
        abs(o.bias) <= abs(one.bias)
        and o.precision.std_error <= one.precision.std_error
        and (abs(o.bias), o.precision.std_error) != (abs(one.bias), one.precision.std_error)
        for o in every
    )
    return Candidate(
        design=one.design,
        leak=one.leak,
        precision=one.precision,
        bias=one.bias,
        mde_launch=one.mde_launch,
        rmse=one.rmse,
        frontier=not beaten,
    )


def _best(candidates: tuple[Candidate, ...]) -> Candidate:
    """With an effect, the smallest root mean squared error; else the smallest MDE of those with little bias, or the least bias."""
    if all(c.rmse is not None for c in candidates):
        return min(candidates, key=lambda c: (c.rmse or 0.0, abs(c.bias)))
    fair = [c for c in candidates if abs(c.bias) <= TOLERATED]
    return min(fair, key=lambda c: c.mde_launch) if fair else min(candidates, key=lambda c: abs(c.bias))
