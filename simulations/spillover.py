"""Spillover and launch effects on the e-mail graph, in 2,000 draws of the arms: the tables of docs/explanation/spillover.md.

Run with `python -m simulations.spillover`; it rewrites the tables. Workspaces are the 35 departments of 5 people or more of email-Eu-core
(tests/data), half of them treated anew in each draw; outcomes go with the number of other departments that a person mails with.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from honestlift.design.assignment import Redraw, fixed_counts
from honestlift.design.exposure import Edges, Exposure, RuleKind
from honestlift.estimators.exposure import launch
from honestlift.estimators.exposure.hajek import hajek_moments
from honestlift.estimators.exposure.levels import fraction, reached
from honestlift.estimators.exposure.people import People, user_moments
from honestlift.estimators.exposure.probability import probabilities
from honestlift.estimators.exposure.redrawn import design_errors
from honestlift.estimators.exposure.strata import CONTRASTS, held_by, strata_moments, taken
from honestlift.estimators.fit import least_squares
from honestlift.inference.interval import t_interval
from honestlift.inference.sandwich import covariance, satterthwaite, whiten
from honestlift.moments.cluster import ClusterMoments
from honestlift.moments.reach import Reach

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "explanation" / "spillover.md"
START, END = "<!-- draws: begin -->", "<!-- draws: end -->"
DATA = ROOT / "tests" / "data" / "email_eu_core"
FEWEST_PEOPLE, TREATED = 5, 17
DRAWS, SEED, LEVEL = 2_000, 20261126, 0.95
WITH_DESIGN, REDRAWS = 500, 200
"""Draws in which the standard error of the design is made too, and the re-draws behind each."""

DIRECT, SPILLOVER = 0.8, 0.2
PER_DEPARTMENT, BETWEEN, WITHIN = 0.05, 0.2, 0.5
"""What each further department adds to the outcome; the standard deviation between departments, and within."""

TIES = Edges(data=None, source="sender", target="receiver")
RULES = {"any": Exposure(edges=TIES), "fraction ≥ .25": Exposure(edges=TIES, rule={"fraction": 0.25})}


def graph() -> Reach:
    """The people of departments of five or more, sorted by department, and the departments whose people they exchange mail with."""
    with (DATA / "departments.csv").open() as file:
        home = np.array([int(row["department"]) for row in csv.DictReader(file)])
    with (DATA / "edges.csv").open() as file:
        ends = np.array([(int(row["source"]), int(row["target"])) for row in csv.DictReader(file)])
    large = np.flatnonzero(np.bincount(home) >= FEWEST_PEOPLE)
    inside = np.isin(home, large)
    people = np.flatnonzero(inside)[np.argsort(home[inside], kind="stable")]
    place = np.full(home.size, -1)
    place[people] = np.arange(people.size)
    own = np.searchsorted(large, home[people])
    ends = place[ends[inside[ends].all(axis=1)]]
    ties = np.unique(np.sort(ends, axis=1), axis=0)
    both = np.concatenate([ties, ties[:, ::-1]])
    both = both[own[both[:, 0]] != own[both[:, 1]]]
    pairs, number = np.unique(both[:, 0] * large.size + own[both[:, 1]], return_counts=True)
    user = pairs // large.size
    return Reach(
        clusters=int(large.size),
        own=own.astype(np.int32),
        indptr=np.searchsorted(user, np.arange(people.size + 1)).astype(np.int64),
        partner=(pairs % large.size).astype(np.int32),
        ties=number.astype(np.int32),
        weight=number.astype(np.float64),
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Design:
    """The graph, the rule of assignment, and what it could do to each person under a rule of exposure."""

    reach: Reach
    redraw: Redraw
    exposure: Exposure
    people: People

    @property
    def dropped(self) -> float:
        """Share of the people who cannot have both levels of the contrast of controls."""
        return float(1 - self.people.possible(*CONTRASTS["spillover"]).mean())

    def drawn(self, arms: NDArray[np.bool_]) -> People:
        """The people under an assignment."""
        own = self.people.own
        on, exposed = arms[own], reached(self.reach, arms, self.exposure.kind, self.exposure.least)
        user = np.repeat(np.arange(own.size), self.reach.degree)
        differs = np.bincount(user[arms[self.reach.partner] != on[user]], minlength=own.size)
        return replace(
            self.people,
            treated=on,
            level=2 * on.astype(np.int64) + exposed,
            fraction=fraction(self.reach, arms),
            as_one=differs == 0,
        )

    def levels(self, rng: np.random.Generator) -> Iterator[NDArray[np.int64]]:
        """Levels under re-drawn arms."""
        arms = self.redraw(rng, REDRAWS).astype(np.bool_)
        exposed = reached(self.reach, arms, self.exposure.kind, self.exposure.least)
        yield from 2 * arms[:, self.people.own].astype(np.int64) + exposed


def design(reach: Reach, exposure: Exposure) -> Design:
    """Half of the departments treated, and the probabilities of exposure by the rule."""
    redraw = fixed_counts(np.zeros(reach.clusters, dtype=np.int64), np.array([TREATED]))
    known = probabilities(redraw, reach, exposure.kind, exposure.least, draws=1, rng=np.random.default_rng(0))
    nothing = np.zeros(reach.users)
    people = People(
        own=reach.own.astype(np.int64),
        clusters=reach.clusters,
        treated=nothing > 0,
        level=nothing.astype(np.int64),
        chance=known.level,
        cell=known.cell,
        degree=reach.degree,
        fraction=nothing,
        dose=known.dose,
        alike=known.surrounded,
        as_one=nothing > 0,
    )
    return Design(reach=reach, redraw=redraw, exposure=exposure, people=people)


def noise(reach: Reach, rng: np.random.Generator, *, heavy: bool) -> NDArray[np.float64]:
    """Outcomes without any treatment: departments differ, people differ, and who works with many departments does more."""
    draw: Callable[[int], NDArray[np.float64]] = (lambda n: rng.standard_t(3, n) / 3**0.5) if heavy else rng.standard_normal
    return PER_DEPARTMENT * reach.degree + BETWEEN * draw(reach.clusters)[reach.own] + WITHIN * draw(reach.users)


Found = tuple[float, bool]
"""Estimate, and whether its interval holds the truth."""


def answer(moments: ClusterMoments, pick: str | NDArray[np.float64], truth: float, error: float | None = None) -> Found:
    """Least squares with CR2 and Satterthwaite's degrees of freedom, or with another standard error."""
    white = whiten(least_squares(moments))
    contrast = white.fit.contrast(pick) if isinstance(pick, str) else pick
    estimate = float(contrast @ white.fit.theta)
    if error is None:
        error = float(max(contrast @ covariance(white, "CR2") @ contrast, 0.0)) ** 0.5
    ends = t_interval(estimate, error, satterthwaite(white, contrast), LEVEL)
    return estimate, bool(ends.low <= truth <= ends.high)


def contrasts(made: Design, people: People, y: NDArray[np.float64], again: np.random.Generator | None) -> dict[str, Found]:
    """The contrast of exposed and unexposed controls: as they come, within cells of equal chances, by inverse probabilities."""
    everyone, exposed = np.ones(people.users, dtype=np.bool_), (people.level == 1).astype(np.float64)
    x = np.stack([np.ones(people.users), people.treated.astype(np.float64), exposed], axis=1)
    plain = user_moments(("mean", "treated", "exposed"), people.own, x, y, clusters=people.clusters, origin=0.0)
    found = {"plain contrast": answer(plain, "exposed", SPILLOVER)}
    kept = taken(people, "spillover", everyone)
    if kept is None:
        return found
    held = held_by(people, kept)
    moments, name = strata_moments(people, "spillover", kept, held, y, 0.0)
    found["**within cells** (default)"] = answer(moments, name, SPILLOVER)
    if again is not None:
        error = design_errors(
            people, {"spillover": (kept, held)}, (0, SPILLOVER, DIRECT, DIRECT + SPILLOVER), y, made.levels(again)
        )
        found["within cells, error of the design"] = answer(moments, name, SPILLOVER, error["spillover"][0])
    found["inverse probability"] = answer(hajek_moments(people, CONTRASTS["spillover"], kept, y, 0.0), "contrast", SPILLOVER)
    return found


def launches(people: People, y: NDArray[np.float64], truth: float) -> dict[str, Found]:
    """Everyone on against everyone off, by the four estimators."""
    everyone = np.ones(people.users, dtype=np.bool_)
    x = np.stack([np.ones(people.users), people.treated.astype(np.float64)], axis=1)
    plain = user_moments(("mean", "treated"), people.own, x, y, clusters=people.clusters, origin=0.0)
    found = {"difference in means": answer(plain, "treated", truth)}
    kept = launch.surrounded(people, everyone)
    if launch.both_arms(people, kept):
        for name, weighted in (("surrounded", False), ("surrounded, inverse probability", True)):
            found[name] = answer(launch.surrounded_moments(people, kept, y, 0.0, weighted=weighted), "contrast", truth)
    line = launch.linear_moments(people, everyone, y, 0.0)
    if line is not None:
        found["**linear in the fraction** (headline)"] = answer(line, launch.launched(people, line.names), truth)
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """How outcomes come about, and by which rule they are analysed.

    Attributes:
        recorded: the rule of exposure that the analysis has.
        true: the rule that outcomes follow; ``fraction`` for spillover in proportion to the treated share of ties.
        heavy: whether departments and people differ by a t with 3 degrees of freedom, of the same variance.
    """

    recorded: str
    true: str
    heavy: bool = False


LEVELS = {
    "`any`": World(recorded="any", true="any"),
    "`any`, heavy tails": World(recorded="any", true="any", heavy=True),
    "`any` recorded, `{fraction: 0.25}` true": World(recorded="any", true="fraction ≥ .25"),
    "`{fraction: 0.25}`": World(recorded="fraction ≥ .25", true="fraction ≥ .25"),
    "`{fraction: 0.25}`, heavy tails": World(recorded="fraction ≥ .25", true="fraction ≥ .25", heavy=True),
    "`{fraction: 0.25}` recorded, `any` true": World(recorded="fraction ≥ .25", true="any"),
}
LAUNCHES = {
    "in proportion to the fraction": World(recorded="any", true="fraction"),
    "in proportion to the fraction, heavy tails": World(recorded="any", true="fraction", heavy=True),
    "as a step at one quarter": World(recorded="any", true="fraction ≥ .25"),
}

Row = tuple[float, float, float, int]
"""Bias, root mean squared error, coverage, and the draws in which there was an estimate."""


def cell(label: str, draws: int = DRAWS) -> dict[str, Row]:
    """All estimators of one world, by what they miss."""
    table = LEVELS if label in LEVELS else LAUNCHES
    world, reach = table[label], graph()
    made, rng = design(reach, RULES[world.recorded]), np.random.default_rng([SEED, list(table).index(label), table is LAUNCHES])
    truth = SPILLOVER if table is LEVELS else DIRECT + SPILLOVER * float((reach.degree > 0).mean())
    found: dict[str, list[Found]] = {}
    for i in range(draws):
        arms = made.redraw(rng, 1)[0].astype(np.bool_)
        people = made.drawn(arms)
        reachable = people.fraction if world.true == "fraction" else reached(reach, arms, *_rule(world.true))
        y = noise(reach, rng, heavy=world.heavy) + DIRECT * people.treated + SPILLOVER * reachable
        again = np.random.default_rng([SEED, i]) if i < WITH_DESIGN * draws // DRAWS else None
        for name, one in (contrasts(made, people, y, again) if table is LEVELS else launches(people, y, truth)).items():
            found.setdefault(name, []).append(one)
    return {name: _row(ones, truth) for name, ones in found.items()}


def _rule(name: str) -> tuple[RuleKind, float]:
    return RULES[name].kind, RULES[name].least


def _row(found: list[Found], truth: float) -> Row:
    error = np.array([estimate for estimate, _ in found]) - truth
    return float(error.mean()), float((error**2).mean() ** 0.5), float(np.mean([held for _, held in found])), len(found)


def lines(label: str, rows: dict[str, Row], draws: int = DRAWS) -> list[str]:
    """The lines of a table."""
    few = {name: "" if row[3] == draws else f" ({row[3]:,} draws)" for name, row in rows.items()}
    return [f"| {label} | {name}{few[name]} | {b:+.3f} | {rmse:.3f} | {c:.3f} |" for name, (b, rmse, c, _) in rows.items()]


def section(draws: int) -> str:
    """Both tables, between their marks."""
    reach, error = graph(), (LEVEL * (1 - LEVEL) / draws) ** 0.5
    dropped = {name: design(reach, rule).dropped for name, rule in RULES.items()}
    alone, many = float((reach.degree == 0).mean()), float((reach.degree > reach.clusters - 1 - TREATED).mean())
    all_on = DIRECT + SPILLOVER * (1 - alone)
    head = ["| bias | RMSE | coverage |", "|---|---|---|"]
    return "\n".join(
        [
            START,
            f"{draws:,} draws; Monte Carlo error of a coverage {error:.3f}. Made by `python -m simulations.spillover`.",
            "",
            f"**Spillover on controls**, truth {SPILLOVER}. Left out for positivity: {dropped['any']:.1%} of the people",
            f"with `any` ({alone:.1%} have no ties to other departments, {many:.1%} have so many that no draw leaves them",
            f"unexposed in control), {dropped['fraction ≥ .25']:.1%} with `{{fraction: 0.25}}`.",
            "",
            "| rule of exposure | estimator " + head[0],
            "|---|---" + head[1],
            *(one for label in LEVELS for one in lines(label, cell(label, draws), draws)),
            "",
            f"**Everyone on against everyone off**, truth {DIRECT} + {SPILLOVER} × {1 - alone:.3f} = {all_on:.3f}.",
            "",
            "| spillover grows | estimator " + head[0],
            "|---|---" + head[1],
            *(one for label in LAUNCHES for one in lines(label, cell(label, draws), draws)),
            END,
        ]
    )


def main() -> None:
    """Rewrite the tables of the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=DRAWS)
    made = section(parser.parse_args().draws)
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(START)
    PAGE.write_text(before + made + rest.partition(END)[2], encoding="utf-8")
    print(made)


if __name__ == "__main__":
    main()
