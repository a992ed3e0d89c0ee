"""Contrasts of an exposure whose marks are wrong, corrected and as they are, in 2,000 worlds: the table of docs/how-to/leaks.md.

Run with `python -m simulations.wrong_marks`; it rewrites the table. Workspaces of 60 users, half of them treated; outcomes are 5 + .8 in
treated workspaces + .4 for exposed controls (40 %) + noise of workspace (sd .2) and user (sd 1). Marks are wrong user by user.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from honestlift.errors import DesignError
from honestlift.estimators.exposure.published import two_exposure_moments
from honestlift.estimators.fit import least_squares
from honestlift.estimators.misclassified import corrected_moments, is_possible
from honestlift.inference.interval import t_interval
from honestlift.inference.sandwich import covariance, satterthwaite, whiten
from honestlift.moments.cells import Outcome
from honestlift.moments.cluster import ClusterMoments

WORLDS, SEED, LEVEL, SIZE = 2_000, 20261126, 0.95, 60
DIRECT, SPILLOVER, EXPOSED = 0.8, 0.4, 0.4
PAGE = Path(__file__).parent.parent / "docs" / "how-to" / "leaks.md"
START, END = "<!-- wrong marks: begin -->", "<!-- wrong marks: end -->"


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """A kind of world: workspaces, true rates, the rates that are stated, and whether marks go with the outcome."""

    name: str
    groups: int
    true: tuple[float, float]
    stated: tuple[float, float]
    differential: bool = False


SITUATIONS = (
    Situation(name="40 workspaces, right rates 10 %, 25 %", groups=40, true=(0.1, 0.25), stated=(0.1, 0.25)),
    Situation(name="16 workspaces, right rates 10 %, 25 %", groups=16, true=(0.1, 0.25), stated=(0.1, 0.25)),
    Situation(name="40 workspaces, right rates 30 %, 30 %", groups=40, true=(0.3, 0.3), stated=(0.3, 0.3)),
    Situation(name="stated 5 %, 25 %, in truth 10 %, 25 %", groups=40, true=(0.1, 0.25), stated=(0.05, 0.25)),
    Situation(
        name="right on average, marks go with the outcome", groups=40, true=(0.1, 0.25), stated=(0.1, 0.25), differential=True
    ),
)


def world(situation: Situation, rng: np.random.Generator) -> Outcome:
    """The sums of one study by workspace, arm and mark."""
    groups, (p, q) = situation.groups, situation.true
    cluster = np.repeat(np.arange(groups), SIZE)
    arm = rng.permutation(groups) < groups // 2
    treated = arm[cluster]
    exposed = ~treated & (rng.random(cluster.size) < EXPOSED)
    noise = rng.normal(size=cluster.size)
    y = rng.normal(0, 0.2, groups)[cluster] + DIRECT * treated + SPILLOVER * exposed + noise
    up = 1 + 0.8 * np.sign(noise) if situation.differential else np.ones(cluster.size)  # who does more is marked more often
    chance = np.where(exposed, 1 - q * (2 - up), p * up)
    marked = rng.random(cluster.size) < chance
    key = cluster * 2 + (marked & ~treated)
    cells = np.unique(key)
    count, total, square = (np.bincount(key, v, 2 * groups)[cells] for v in (np.ones(y.size), y, y**2))
    where = cells // 2
    return Outcome(
        cluster=where, treated=arm[where], exposed=(cells % 2 == 1) & ~arm[where], count=count, total=total, square=square,
        arm=arm, stratum=None, origin=5.0,
    )  # fmt: skip


def coverage(situation: Situation, worlds: int = WORLDS) -> NDArray[np.float64]:
    """(2, 4) share of worlds whose interval holds the truth and mean error: direct and spillover corrected, the same as marked."""
    found: list[NDArray[np.float64]] = []
    for i in range(worlds):
        made = world(situation, np.random.default_rng((SEED, i)))
        if not is_possible(made, *situation.stated):
            continue
        tables = (corrected_moments(made, *situation.stated), two_exposure_moments(made))
        found.append(np.concatenate([_one(t) for t in tables], axis=1))
    return np.mean(found, axis=0)


def _one(moments: ClusterMoments) -> NDArray[np.float64]:
    """(2, 2) whether the interval holds the truth, and the error: direct, spillover."""
    made = np.full((2, 2), np.nan)
    try:
        white = whiten(least_squares(moments))
    except DesignError:
        return made
    v = covariance(white)
    for j, (name, truth) in enumerate((("direct", DIRECT), ("spillover", SPILLOVER))):
        pick = white.fit.contrast(name)
        effect = float(pick @ white.fit.theta)
        interval = t_interval(effect, float(pick @ v @ pick) ** 0.5, satterthwaite(white, pick), LEVEL)
        made[:, j] = interval.low <= truth <= interval.high, effect - truth
    return made


def line(situation: Situation, found: NDArray[np.float64]) -> str:
    """A row of the table: coverage in percent, and the bias behind it."""
    cells = [f"{100 * c:.1f} ({b:+.3f})".replace("-", "−") for c, b in found.T]
    return f"| {situation.name} | {' | '.join(cells)} |"


def table() -> str:
    """The whole table."""
    heads = "| situation | direct, corrected | spillover, corrected | direct, as marked | spillover, as marked |"
    return "\n".join([heads, "|---" * 5 + "|", *(line(s, coverage(s)) for s in SITUATIONS)])


def main() -> None:
    """Rewrite the table."""
    text = PAGE.read_text(encoding="utf-8")
    before, rest = text.split(START)
    PAGE.write_text(f"{before}{START}\n\n{table()}\n\n{END}{rest.split(END)[1]}", encoding="utf-8")


if __name__ == "__main__":
    main()
