"""How often intervals cover the truth at every one of sixty daily looks: the table of docs/how-to/monitor.md.

Run with `python -m simulations.monitoring`; it prints the table. Users arrive daily, about ten a workspace; the intraclass correlation of
the outcome is .05, the truth zero. `followed`: all workspaces are there from the first day. `entering`: five of each arm are, and the
others begin one after another until the last day.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from honestlift.inference.interval import t_quantile
from honestlift.inference.sequence import confidence_sequence, mixture_variance

WORLDS, SEED, DAYS, LEVEL, ICC, DAILY = 2_000, 20261126, 60, 0.95, 0.05, 10
AT_FIRST = 5
WORDS = {"followed": "all from the first day", "entering": "entering one after another"}


def coverage(how: str, clusters: int, worlds: int = WORLDS, seed: int = SEED) -> tuple[float, float]:
    """Share of the worlds in which the interval for one look, and the one for every look, contain the truth at all looks."""
    rng = np.random.default_rng([seed, len(how), clusters])
    hits = np.array([_covers(how, clusters, rng) for _ in range(worlds)])
    return float(hits[:, 0].mean()), float(hits[:, 1].mean())


def _covers(how: str, clusters: int, rng: np.random.Generator) -> tuple[bool, bool]:
    arm = rng.permutation(np.arange(clusters) % 2).astype(np.bool_)
    begin = np.zeros(clusters)
    if how == "entering":
        place = np.where(arm, np.cumsum(arm), np.cumsum(~arm)) - 1
        begin = np.maximum(0, np.floor((place - AT_FIRST + 1) * DAYS / (clusters // 2 - AT_FIRST + 1)))
    effects = rng.normal(0, ICC**0.5, clusters)
    arrived = rng.poisson(DAILY, (DAYS, clusters)) * (begin <= np.arange(DAYS)[:, None])
    n = np.cumsum(arrived, axis=0).astype(np.float64)
    total = n * effects + np.cumsum(rng.normal(size=n.shape) * np.sqrt(arrived * (1 - ICC)), axis=0)
    effect, error, df = _looks(n, total, arm)
    fixed = np.abs(effect) <= error * np.array([t_quantile(float(d), LEVEL) for d in df])
    always = confidence_sequence(effect, error, df, LEVEL, mixture_variance(float(error[0]), LEVEL))
    return bool(fixed.all()), bool(((always.low <= 0) & (always.high >= 0)).all())


def _looks(n: NDArray[np.float64], total: NDArray[np.float64], arm: NDArray[np.bool_]) -> tuple[NDArray[np.float64], ...]:
    """Difference of user means at each look, its CR2 standard error and Satterthwaite df, (DAYS,) each, in closed form."""
    effect, variance, above, below = np.zeros((4, n.shape[0]))
    for sign, inside in ((1, arm), (-1, ~arm)):
        own, s = n[:, inside], total[:, inside]
        users = own.sum(axis=1, keepdims=True)
        mean = s.sum(axis=1, keepdims=True) / users
        d = own / (users * (users - own))
        share = own / users
        effect += sign * mean[:, 0]
        variance += ((s - own * mean) ** 2 / (users * (users - own))).sum(axis=1)
        above += (d * (1 - share)).sum(axis=1)
        below += (d**2 * (1 - 2 * share)).sum(axis=1) + (share * d).sum(axis=1) ** 2
    return effect, np.sqrt(variance), above**2 / below


def main() -> None:
    """Print the table."""
    print("| workspaces | interval for one look | interval for every look |\n|---|---|---|")
    for clusters in (20, 50):
        for how in ("followed", "entering"):
            fixed, always = coverage(how, clusters)
            print(f"| {clusters}, {WORDS[how]} | {fixed:.3f} | {always:.3f} |", flush=True)


if __name__ == "__main__":
    main()
