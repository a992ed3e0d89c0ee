"""What the exact focal test can see, in 1,000 worlds: the table of docs/how-to/interference.md.

Run with `python -m simulations.focal`; it rewrites the table. Workspaces of 25 users, half of them treated; two in three users have ties
to other workspaces, two each; outcomes are .5·own arm + σ·treated fraction of these ties + .1·ties + noise of workspace (sd .3) and
user (sd 1). A measure from before shares half of both noises, and the ties.
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


def rejected(clusters: int, spill: float, worlds: int = WORLDS) -> tuple[float, float, float]:
    """Share of worlds in which the focal test, the placebo on an outcome from before, and the focal test adjusted reject at 5 %."""
    hits = np.zeros(3)
    rule = fixed_counts(np.zeros(clusters, dtype=np.int64), np.array([clusters // 2]))
    for i in range(worlds):
        rng = np.random.default_rng((SEED, clusters, i))
        own, ties = graph(clusters, rng)
        arms = rng.permutation(clusters) < clusters // 2
        whole = np.asarray(ties.sum(axis=1)).ravel()
        shared, apart = (
            rng.normal(0, 0.3, clusters)[own] + rng.normal(size=own.size) for rng in (rng, np.random.default_rng((i, SEED)))
        )
        before = 0.1 * whole + shared
        y = before + 0.5 * arms[own] + spill * (ties @ arms.astype(np.float64)) / np.maximum(whole, 1)
        known = measured(before + apart, own)
        focal = focal_test(y, own, ties, arms, rule, rng, draws=DRAWS)
        placebo = placebo_exposure_test(before, own, ties, arms, rule, rng, draws=DRAWS)
        again = np.random.default_rng((SEED, i))
        adjusted = focal_test(y, own, ties, arms, rule, again, draws=DRAWS, before=known)
        hits += [found.p_value <= 0.05 for found in (focal, placebo, adjusted)]
    return float(hits[0] / worlds), float(hits[1] / worlds), float(hits[2] / worlds)


def measured(before: NDArray[np.float64], own: NDArray[np.int64]) -> NDArray[np.float64]:
    """The mean of each user's workspace, and the distance from it."""
    mean = (np.bincount(own, before) / np.bincount(own))[own]
    return np.stack([mean, before - mean], axis=1)


def line(clusters: int, worlds: int = WORLDS) -> str:
    """Two rows of the table, in percent: outcomes as they are, and without what goes with a measure from before."""
    found = [rejected(clusters, spill, worlds) for spill in SPILLS]
    plain, adjusted = (" | ".join(f"{100 * f[k]:.1f}" for f in found) for k in (0, 2))
    return f"| {clusters} | {plain} | {100 * found[0][1]:.1f} |\n| {clusters}, adjusted | {adjusted} | |"


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
