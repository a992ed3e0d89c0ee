"""Do intervals of two-stage designs keep their promise, in 2,000 worlds: the table of docs/how-to/saturations.md.

Run with `python -m simulations.two_stage`; it rewrites the table. Workspaces of 12 to 20 users are drawn to saturations ¼, ½ and ¾, in
which outcomes are 1 + .8·own + .6·share + .3·own·share + noise of workspace (sd .3) and user (sd 1).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from honestlift.estimators.saturation import TwoStage, effects
from honestlift.inference.interval import t_interval

WORLDS, SEED, LEVEL = 2_000, 20261126, 0.95
LEVELS = (0.25, 0.5, 0.75)
PAGE = Path(__file__).parent.parent / "docs" / "how-to" / "saturations.md"
START, END = "<!-- two stages: begin -->", "<!-- two stages: end -->"

Key = tuple[str, float, float]

TRUTH: dict[Key, float] = {
    ("direct", 0.25, 0.25): 0.8 + 0.3 * 0.25,
    ("direct", 0.75, 0.75): 0.8 + 0.3 * 0.75,
    ("indirect", 0.75, 0.25): 0.6 * 0.5,
    ("total", 0.75, 0.25): 0.8 + 0.3 * 0.75 + 0.6 * 0.5,
    ("overall", 0.75, 0.25): 0.8 * 0.5 + 0.6 * 0.5 + 0.3 * (0.75**2 - 0.25**2),
}
HEADS = ("direct, ¼", "direct, ¾", "indirect, ¾ − ¼", "total, ¾ − ¼", "overall, ¾ − ¼")


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """A kind of world: workspaces per saturation, heavy tails of workspaces and users, effects that differ between workspaces."""

    name: str
    each: int
    heavy: bool = False
    unlike: float = 0.0


SITUATIONS = (
    *(Situation(name=f"{each} workspaces per saturation", each=each) for each in (3, 5, 10, 20)),
    Situation(name="10, heavy tails (t with 3 df)", each=10, heavy=True),
    Situation(name="10, direct effects differ (sd .5)", each=10, unlike=0.5),
)


def world(situation: Situation, rng: np.random.Generator) -> TwoStage:
    """The sums of one study, by workspace and own arm."""
    level = rng.permutation(np.repeat(LEVELS, situation.each))
    size = 12 + 4 * rng.integers(0, 3, level.size)
    count, total = np.zeros((level.size, 2)), np.zeros((level.size, 2))
    for g, (a, n) in enumerate(zip(level.tolist(), size.tolist(), strict=True)):
        own = rng.permutation(np.arange(n) < round(a * n)).astype(np.int64)
        share = own.mean()
        direct = 0.8 + situation.unlike * rng.normal()
        y = 1 + direct * own + 0.6 * share + 0.3 * own * share
        y += 0.3 * _noise(situation, rng, 1) + _noise(situation, rng, n)
        count[g], total[g] = np.bincount(own, minlength=2), np.bincount(own, y, 2)
    return TwoStage(saturation=level, count=count, total=total)


def _noise(situation: Situation, rng: np.random.Generator, n: int) -> NDArray[np.float64]:
    """Noise of unit variance."""
    return rng.standard_t(3, n) / np.sqrt(3) if situation.heavy else rng.normal(size=n)


def coverage(situation: Situation, worlds: int = WORLDS) -> list[float]:
    """Share of worlds whose interval holds each truth."""
    hits = np.zeros(len(TRUTH))
    for i in range(worlds):
        found = {(e.kind, e.high, e.low): e for e in effects(world(situation, np.random.default_rng((SEED, i))))}
        for j, (key, truth) in enumerate(TRUTH.items()):
            e = found[key]
            interval = t_interval(e.estimate, e.std_error, e.df, LEVEL)
            hits[j] += interval.low <= truth <= interval.high
    return (hits / worlds).tolist()


def line(situation: Situation, found: list[float]) -> str:
    """A row of the table, in percent."""
    return f"| {situation.name} | {' | '.join(f'{100 * share:.1f}' for share in found)} |"


def table() -> str:
    """The whole table."""
    rows = [line(s, coverage(s)) for s in SITUATIONS]
    return "\n".join([f"| situation | {' | '.join(HEADS)} |", "|---" * 6 + "|", *rows])


def main() -> None:
    """Rewrite the table."""
    text = PAGE.read_text(encoding="utf-8")
    before, rest = text.split(START)
    PAGE.write_text(f"{before}{START}\n\n{table()}\n\n{END}{rest.split(END)[1]}", encoding="utf-8")


if __name__ == "__main__":
    main()
