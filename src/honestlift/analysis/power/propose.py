"""The front door of planning: what is known before a study in, a Proposal out."""

from __future__ import annotations

import math
from collections.abc import Callable

from honestlift.analysis.power import advice, cluster, opt_in
from honestlift.analysis.power.cluster import Asked
from honestlift.analysis.power.designs import Designs
from honestlift.analysis.power.opt_in import AskedOptIn
from honestlift.analysis.provenance import versions
from honestlift.design.assignment import Redraw
from honestlift.design.variation import Variation
from honestlift.errors import DesignError
from honestlift.inference.opt_in_power import Selection
from honestlift.proposal import Proposal
from honestlift.version import __version__


def power(  # noqa: PLR0913  each is one number of the planner's
    known: Variation | Selection,
    *,
    effect: float | None = None,
    spillover: float | None = None,
    share: float = 0.5,
    target: float = 0.8,
    level: float = 0.95,
    name: str = "Untitled proposal",
    question: str = "",
    designs: Designs | None = None,
    redraw: Redraw | None = None,
    draws: int = 4_000,
    seed: int = 0,
    step: Callable[[str], None] = lambda _: None,
) -> Proposal:
    """What a study could see, before it has data.

    For a cluster study the closed form stands beside a simulation of the study's own test on workspaces of these sizes; the closed form
    is the answer where the smaller arm has ten workspaces or more and their sizes vary by 0.6 or less, else the simulation is.
    For users who choose, the effective numbers of users under ATT, ATO and ATE.

    Args:
        known: a ``Variation`` (from ``measure``, or ``Variation.of`` from numbers), or a ``Selection``.
        effect: effect that the study is to see, in the unit of the outcome.
        spillover: effect on workspaces whose neighbours are treated, when as many are as are not.
        share: share of the workspaces that is treated.
        target: power wanted.
        level: nominal coverage, of a two-sided test.
        name: title.
        question: what is asked, in a sentence.
        designs: units compared on a graph, from ``compare_designs``.
        redraw: the rule by which arms are drawn, on workspaces in the order of the sizes; without it complete randomization.
        draws: simulated studies.
        seed: start of every random draw.
        step: hears each stage as it begins.

    Raises:
        DesignError: if a number is out of range.

    Example:
        >>> print(hl.power(hl.Variation.of(clusters=50, mean_size=1000, icc=0.5, sd=0.4243), effect=0.2).recommendation.headline)
        50 workspaces see an effect of 0.200 in 64 of 100 launches; 74 workspaces are needed for 80.
    """
    _check(effect, spillover, target, level, draws, seed)
    if isinstance(known, Selection):
        return _opt_in(AskedOptIn(selection=known, effect=effect, target=target, level=level), name, question)
    if redraw is not None and redraw.clusters != known.clusters:
        raise DesignError.out_of_range("redraw", redraw.clusters, f"a rule on {known.clusters} workspaces")
    asked = Asked(
        variation=known,
        effect=effect,
        spillover=spillover,
        share=share,
        target=target,
        level=level,
        seed=seed,
        draws=draws,
        redraw=redraw,
    )
    found = cluster.find(asked, designs, step)
    checks = advice.checks(asked, found, designs)
    given = dict(cluster.inputs(asked))
    if designs is not None:
        given |= {"ratio": designs.ratio, "effect_launch": designs.effect, "left_out": list(designs.left_out)}
    return Proposal(
        name=name,
        kind="cluster",
        question=question or f"Does the feature change {known.metric}?",
        inputs=given,
        rows=found.rows,
        checks=checks,
        recommendation=advice.recommend(asked, found, checks, designs),
        tables=found.tables,
        provenance={"seed": seed, "draws": found.simulated.draws, "versions": versions()},
        honestlift_version=__version__,
    )


def _opt_in(asked: AskedOptIn, name: str, question: str) -> Proposal:
    return Proposal(
        name=name,
        kind="opt_in",
        question=question or "What does the feature do for the people who choose it?",
        inputs=opt_in.inputs(asked),
        rows=opt_in.rows(asked),
        checks=opt_in.checks(asked),
        recommendation=opt_in.recommend(asked),
        tables=opt_in.tables(asked),
        provenance={"seed": None, "draws": None, "versions": versions()},
        honestlift_version=__version__,
    )


def _check(effect: float | None, spillover: float | None, target: float, level: float, draws: int, seed: int) -> None:
    for name, value in (("effect", effect), ("spillover", spillover)):
        if value is not None and not (math.isfinite(value) and value != 0):
            raise DesignError.out_of_range(name, value, "a finite number other than 0, or none")
    if not 0.05 < target < 1 or target > 0.9999:
        raise DesignError.out_of_range("target", target, "a power above 0.05 and below 1")
    if not 0.5 <= level < 1 or (1 + level) / 2 == 1:
        raise DesignError.out_of_range("level", level, "a number from 0.5 to below 1")
    if not 200 <= draws <= 1_000_000:
        raise DesignError.out_of_range("draws", draws, "from 200 to 1,000,000 simulated studies")
    if seed < 0:
        raise DesignError.out_of_range("seed", seed, "a whole number from 0 up")
