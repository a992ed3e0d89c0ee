"""What the exact focal test can see, in 1,000 worlds: the table of docs/how-to/interference.md.

Run with `python -m simulations.focal`; it rewrites the table. Workspaces of 25 users, half of them treated; two in three users have ties
to other workspaces, two each; outcomes are .5·own arm + σ·treated fraction of these ties + .1·ties + noise of workspace (sd .3) and
user (sd 1).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from honestlift.design.assignment.redraw import fixed_counts
from honestlift.inference.focal import focal_test, placebo_exposure_test

WORLDS, SEED, DRAWS, SIZE = 1_000, 20261126, 199, 25
CLUSTERS, SPILLS = (12, 20, 35, 50, 100), (0.0, 0.2, 0.4, 0.8)
PAGE = Path(__file__).parent.parent / "docs" / "how-to" / "interference.md"
START, END = "<!-- focal: begin -->", "<!-- focal: end -->"


def graph(clusters: int, rng: np.random.Generator) -> tuple[NDArray[np.int64], csr_array]:
    """The users' own workspaces, and their ties to others."""
    own = np.repeat(np.arange(clusters), SIZE)
    tied = np.flatnonzero(rng.random(own.size) < 2 / 3)
    partner = (own[tied][:, None] + 1 + rng.integers(0, clusters - 1, (tied.size, 2))) % clusters
    at = (np.repeat(tied, 2), partner.ravel())
    return own, csr_array((np.ones(at[0].size), at), shape=(own.size, clusters))


def rejected(clusters: int, spill: float, worlds: int = WORLDS) -> tuple[float, float]:
    """Share of worlds in which the focal test, and the placebo on an outcome from before, reject at 5 %."""
    hits = np.zeros(2)
    rule = fixed_counts(np.zeros(clusters, dtype=np.int64), np.array([clusters // 2]))
    for i in range(worlds):
        rng = np.random.default_rng((SEED, clusters, i))
        own, ties = graph(clusters, rng)
        arms = rng.permutation(clusters) < clusters // 2
        whole = np.asarray(ties.sum(axis=1)).ravel()
        before = 0.1 * whole + rng.normal(0, 0.3, clusters)[own] + rng.normal(size=own.size)
        y = before + 0.5 * arms[own] + spill * (ties @ arms.astype(np.float64)) / np.maximum(whole, 1)
        hits += [
            focal_test(y, own, ties, arms, rule, rng, draws=DRAWS).p_value <= 0.05,
            placebo_exposure_test(before, own, ties, arms, rule, rng, draws=DRAWS).p_value <= 0.05,
        ]
    return float(hits[0] / worlds), float(hits[1] / worlds)


def line(clusters: int, worlds: int = WORLDS) -> str:
    """A row of the table, in percent."""
    found = [rejected(clusters, spill, worlds) for spill in SPILLS]
    return f"| {clusters} | {' | '.join(f'{100 * f:.1f}' for f, _ in found)} | {100 * found[0][1]:.1f} |"


def table() -> str:
    """The whole table."""
    heads = f"| workspaces | {' | '.join(f'σ = {s:g}' for s in SPILLS)} | placebo |"
    return "\n".join([heads, "|---" * (len(SPILLS) + 2) + "|", *(line(k) for k in CLUSTERS)])


def main() -> None:
    """Rewrite the table."""
    text = PAGE.read_text(encoding="utf-8")
    before, rest = text.split(START)
    PAGE.write_text(f"{before}{START}\n\n{table()}\n\n{END}{rest.split(END)[1]}", encoding="utf-8")


if __name__ == "__main__":
    main()
