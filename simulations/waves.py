"""Do intervals of a roll-out in waves keep their promise, and what does the usual regression say: docs/explanation/coverage-waves.md.

Run with `python -m simulations.waves`; it rewrites the table. Two waves, from periods 4 and 8 of 12, and workspaces that never start, a
third each; 5 to 40 users per workspace and period; noise of workspace (sd .5, with a later start .3 better), of workspace and period (sd
.2) and of users (sd 1); seasons (sd .5). The effect is .3, or grows by .1 a period from .1 on; waves with trends of their own part from
those that never start by so much a period.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from honestlift.analysis.waves.timeline import timeline
from honestlift.diagnostics.balance import CAUTION
from honestlift.estimators.two_way import two_way
from honestlift.estimators.waves import Panel, supported

WORLDS, SEED, LEVEL, PERIODS = 1_000, 20261126, 0.95, 12
PAGE = Path(__file__).parent.parent / "docs" / "explanation" / "coverage-waves.md"
START, END = "<!-- waves: begin -->", "<!-- waves: end -->"
HEADS = (
    *("coverage, overall", "coverage, first period", "coverage, slope", "error of the mean / its standard error", "mean error"),
    *("mean error, two-way", "`pre_trends` fires", "`effect_over_time` fires"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """A kind of world: workspaces, the effect in the first period and its growth, the drift of the waves, whether some never start."""

    name: str
    clusters: int
    effect: float = 0.3
    growth: float = 0.0
    drift: float = 0.0
    never: bool = True


SITUATIONS = (
    *(Situation(name=f"constant, {k} workspaces", clusters=k) for k in (10, 20, 50)),
    *(Situation(name=f"growing, {k} workspaces", clusters=k, effect=0.1, growth=0.1) for k in (10, 20, 50)),
    Situation(name="growing, all start in the end, 50", clusters=50, effect=0.1, growth=0.1, never=False),
    *(
        Situation(name=f"waves drift by {d:g}, {k} workspaces", clusters=k, drift=d)
        for d, k in ((0.03, 20), (0.03, 50), (0.1, 50))
    ),
)


def world(s: Situation, rng: np.random.Generator) -> tuple[Panel, np.ndarray]:
    """The sums of one roll-out, and the true effect in every cell."""
    wave = np.sort(np.arange(s.clusters) % (3 if s.never else 2))
    start = np.array([4, 8, PERIODS])[wave]
    since = np.arange(PERIODS) - start[:, None]
    true = np.where(since >= 0, s.effect + s.growth * since, 0.0)
    count = np.round(rng.lognormal(np.log(15), 0.4, (s.clusters, 1)) * rng.uniform(0.8, 1.2, (s.clusters, PERIODS))).clip(5, 40)
    mean = 0.5 * rng.normal(size=(s.clusters, 1)) + 0.3 * wave[:, None] + 0.5 * rng.normal(size=PERIODS)
    mean = mean + 0.2 * rng.normal(size=true.shape) + true + s.drift * (start < PERIODS)[:, None] * np.arange(PERIODS)
    noise = rng.normal(size=true.shape) / np.sqrt(count)
    return Panel(count=count, total=count * (mean + noise), start=start.astype(np.int64)), true


def measured(s: Situation, worlds: int = WORLDS) -> list[float]:
    """What the table says, in the order of its heads."""
    rows: list[tuple[float, ...]] = []
    for i in range(worlds):
        panel, _ = world(s, np.random.default_rng((SEED, i)))
        on = supported(panel, "all")
        lag = on.cells[:, 1] - on.cells[:, 0]
        truth = float(np.average(s.effect + s.growth * lag, weights=on.users))
        found = timeline(panel, on, LEVEL)
        told = ((found.overall, truth), (found.since[0], s.effect), (found.change, s.growth))
        holds = [float(p.interval.low <= t <= p.interval.high) for p, t in told]
        error = found.overall.estimate - truth
        on_cells = panel.treated
        everywhere = s.effect + s.growth * (np.arange(PERIODS) - panel.start[:, None])
        whole = float((panel.count * everywhere)[on_cells].sum() / panel.count[on_cells].sum())
        fires = (found.drift.interval.p_value < CAUTION, found.change.interval.p_value < CAUTION)
        rows.append((*holds, error, found.overall.interval.std_error, two_way(panel)[0] - whole, *map(float, fires)))
    a = np.array(rows)
    spread = float(a[:, 3].std() / np.sqrt((a[:, 4] ** 2).mean()))
    return [*a[:, :3].mean(axis=0), spread, float(a[:, 3].mean()), float(a[:, 5].mean()), *a[:, 6:].mean(axis=0)]


def line(s: Situation, found: list[float]) -> str:
    """A row of the table: shares in percent, errors in the unit of the outcome."""
    share, error = "{:.1f}", "{:+.3f}"
    shapes = (share, share, share, "{:.2f}", error, error, share, share)
    scale = (100, 100, 100, 1, 1, 1, 100, 100)
    told = [shape.format(k * value) for shape, k, value in zip(shapes, scale, found, strict=True)]
    return f"| {s.name} | {' | '.join(told)} |".replace("-", "−")


def table() -> str:
    """The whole table."""
    return "\n".join([f"| world | {' | '.join(HEADS)} |", "|---" * 9 + "|", *(line(s, measured(s)) for s in SITUATIONS)])


def main() -> None:
    """Rewrite the table."""
    text = PAGE.read_text(encoding="utf-8")
    before, rest = text.split(START)
    PAGE.write_text(f"{before}{START}\n\n{table()}\n\n{END}{rest.split(END)[1]}", encoding="utf-8")


if __name__ == "__main__":
    main()
