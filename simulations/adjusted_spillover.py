"""What a measure from before does for spillover and launch effects on the e-mail graph: a table of docs/explanation/spillover.md.

Run with `python -m simulations.adjusted_spillover`; it rewrites the table. People, departments and outcomes are those of
`simulations.spillover`; the measure from before explains half of the variance of the outcome, between departments and within.
"""

from __future__ import annotations

import argparse

import numpy as np
from numpy.typing import NDArray

from honestlift.estimators.exposure import launch
from honestlift.estimators.exposure.hajek import hajek_moments
from honestlift.estimators.exposure.known import Known, known
from honestlift.estimators.exposure.levels import reached
from honestlift.estimators.exposure.people import People
from honestlift.estimators.exposure.redrawn import design_errors
from honestlift.estimators.exposure.strata import CONTRASTS, held_by, strata_moments, taken
from honestlift.estimators.fit import least_squares
from honestlift.inference.interval import t_interval
from honestlift.inference.sandwich import covariance, satterthwaite, whiten
from honestlift.moments.cluster import ClusterMoments
from honestlift.moments.reach import Reach
from simulations.spillover import (
    BETWEEN,
    DIRECT,
    DRAWS,
    LEVEL,
    PAGE,
    PER_DEPARTMENT,
    RULES,
    SEED,
    SPILLOVER,
    WITH_DESIGN,
    WITHIN,
    Design,
    World,
    design,
    graph,
)

START, END = "<!-- adjusted: begin -->", "<!-- adjusted: end -->"

LEVELS = {
    "spillover, `any`": World(recorded="any", true="any"),
    "spillover, `any`, heavy tails": World(recorded="any", true="any", heavy=True),
    "spillover, `{fraction: 0.25}`": World(recorded="fraction ≥ .25", true="fraction ≥ .25"),
}
LAUNCHES = {
    "launch": World(recorded="any", true="fraction"),
    "launch, heavy tails": World(recorded="any", true="fraction", heavy=True),
}

Floats = NDArray[np.float64]
Found = tuple[float, bool, float]
"""Estimate, whether its interval holds the truth, and the interval's width."""

Row = tuple[float, float, float, float, int]
"""Bias, root mean squared error, coverage, mean width of the interval, and the draws in which there was an estimate."""


def before_and_after(reach: Reach, rng: np.random.Generator, *, heavy: bool) -> tuple[Floats, Floats]:
    """A measure from before, and the outcome without any treatment: they share half of what departments and people differ by."""

    def draw(n: int) -> Floats:
        return rng.standard_t(3, n) / 3**0.5 if heavy else rng.standard_normal(n)

    own, common = reach.own, PER_DEPARTMENT * reach.degree
    shared = BETWEEN * draw(reach.clusters)[own], WITHIN * draw(reach.users)
    made: list[Floats] = []
    for _ in range(2):
        alone = BETWEEN * draw(reach.clusters)[own], WITHIN * draw(reach.users)
        made.append(common + sum(0.5**0.25 * s + (1 - 0.5**0.5) ** 0.5 * a for s, a in zip(shared, alone, strict=True)))
    return made[0], made[1]


def measured(reach: Reach, before: Floats) -> Known:
    """The measure as a study has it: the department's mean, and each person's distance from it."""
    own = reach.own.astype(np.int64)
    means = np.bincount(own, before, reach.clusters) / np.bincount(own, minlength=reach.clusters)
    return known(own, ("mean before",), means[:, None], {"before": before})


def answer(moments: ClusterMoments, pick: str | Floats, truth: float, error: float | None = None) -> Found:
    """Least squares with CR2 and Satterthwaite's degrees of freedom, or with another standard error."""
    white = whiten(least_squares(moments))
    contrast = white.fit.contrast(pick) if isinstance(pick, str) else pick
    estimate = float(contrast @ white.fit.theta)
    if error is None:
        error = float(max(contrast @ covariance(white, "CR2") @ contrast, 0.0)) ** 0.5
    ends = t_interval(estimate, error, satterthwaite(white, contrast), LEVEL)
    return estimate, bool(ends.low <= truth <= ends.high), ends.high - ends.low


def contrasts(made: Design, people: People, y: Floats, before: Known, again: np.random.Generator | None) -> dict[str, Found]:
    """The contrast of controls within cells and by inverse probabilities, each without the measure from before and with it."""
    kept = taken(people, "spillover", np.ones(people.users, dtype=np.bool_))
    if kept is None:
        return {}
    found: dict[str, Found] = {}
    theta = (0.0, SPILLOVER, DIRECT, DIRECT + SPILLOVER)
    for how, some in (("", None), (", adjusted", before)):
        held = held_by(people, kept, some)
        moments, name = strata_moments(people, "spillover", kept, held, y, 0.0)
        found[f"within cells{how}"] = answer(moments, name, SPILLOVER)
        if again is not None and some is not None:
            error = design_errors(people, {"spillover": (kept, held)}, theta, y, made.levels(again))["spillover"]
            found[f"within cells{how}, error of the design"] = answer(moments, name, SPILLOVER, error[0])
        left = y if some is None else some.left(y, kept, least_squares(moments))
        inverse = hajek_moments(people, CONTRASTS["spillover"], kept, left, 0.0)
        found[f"inverse probability{how}"] = answer(inverse, "contrast", SPILLOVER)
    return found


def launches(people: People, y: Floats, before: Known, truth: float) -> dict[str, Found]:
    """Everyone on against everyone off, without the measure from before and with it."""
    everyone, found = np.ones(people.users, dtype=np.bool_), dict[str, Found]()
    kept = launch.surrounded(people, everyone)
    for how, some in (("", None), (", adjusted", before)):
        line = launch.linear_moments(people, everyone, y, 0.0, some)
        if line is None:
            continue
        left = y if some is None else some.left(y, everyone, least_squares(line))
        if launch.both_arms(people, kept):
            for name, weighted in (("surrounded", False), ("surrounded, inverse probability", True)):
                surrounded = launch.surrounded_moments(people, kept, left, 0.0, weighted=weighted)
                found[name + how] = answer(surrounded, "contrast", truth)
        found[f"linear in the fraction{how}"] = answer(line, launch.launched(people, line.names), truth)
    return found


def cell(label: str, draws: int = DRAWS) -> dict[str, Row]:
    """All estimators of one world, by what they miss."""
    table = LEVELS if label in LEVELS else LAUNCHES
    world, reach = table[label], graph()
    made, rng = design(reach, RULES[world.recorded]), np.random.default_rng([SEED, 2, *label.encode()])
    truth = SPILLOVER if table is LEVELS else DIRECT + SPILLOVER * float((reach.degree > 0).mean())
    found: dict[str, list[Found]] = {}
    for i in range(draws):
        arms = made.redraw(rng, 1)[0].astype(np.bool_)
        people = made.drawn(arms)
        rule = RULES.get(world.true)
        touched = people.fraction if rule is None else reached(reach, arms, rule.kind, rule.least)
        pre, noise = before_and_after(reach, rng, heavy=world.heavy)
        y, before = noise + DIRECT * people.treated + SPILLOVER * touched, measured(reach, pre)
        again = np.random.default_rng([SEED, i]) if i < WITH_DESIGN * draws // DRAWS else None
        told = contrasts(made, people, y, before, again) if table is LEVELS else launches(people, y, before, truth)
        for name, one in told.items():
            found.setdefault(name, []).append(one)
    return {name: _row(found[name], truth) for name in sorted(found, key=lambda name: (name.startswith("inverse"), name))}


def _row(found: list[Found], truth: float) -> Row:
    error = np.array([estimate for estimate, _, _ in found]) - truth
    covered, width = float(np.mean([held for _, held, _ in found])), float(np.mean([w for _, _, w in found]))
    return float(error.mean()), float((error**2).mean() ** 0.5), covered, width, len(found)


def lines(label: str, rows: dict[str, Row], draws: int = DRAWS) -> list[str]:
    """The lines of the table."""
    few = {name: "" if row[4] == draws else f" ({row[4]:,} draws)" for name, row in rows.items()}
    return [
        f"| {label} | {name}{few[name]} | {bias:+.3f} | {rmse:.3f} | {covered:.3f} | {width:.3f} |"
        for name, (bias, rmse, covered, width, _) in rows.items()
    ]


def section(draws: int) -> str:
    """The table between its marks."""
    error = (LEVEL * (1 - LEVEL) / draws) ** 0.5
    return "\n".join(
        [
            START,
            f"{draws:,} draws; Monte Carlo error of a coverage {error:.3f}. Made by `python -m simulations.adjusted_spillover`.",
            "",
            "| effect | estimator | bias | RMSE | coverage | width |",
            "|---|---|---|---|---|---|",
            *(one for label in (*LEVELS, *LAUNCHES) for one in lines(label, cell(label, draws), draws)),
            END,
        ]
    )


def main() -> None:
    """Rewrite the table of the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=DRAWS)
    made = section(parser.parse_args().draws)
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(START)
    PAGE.write_text(before + made + rest.partition(END)[2], encoding="utf-8")
    print(made)


if __name__ == "__main__":
    main()
