"""How often the intervals of a difference of quantiles cover the truth: the table of docs/how-to/quantiles.md.

Run with `python -m simulations.quantiles`; it prints the table. Workspaces differ by N(0, .3²) on the scale of the noise (SD 1, so an
intraclass correlation of .08), about 60 users each, sizes log-normal with a CV of .6, half of them treated, and a treated user has .2 more
there. `log-normal`: the exponential of that. `zeros`: log-normal, but four users in ten have zero. `counts`: Poisson with that log-mean.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

import honestlift as hl
from honestlift.errors import DataError

WORLDS, SEED, EFFECT, BETWEEN, MEAN_SIZE = 1_000, 20261126, 0.2, 0.3, 60
METHODS = ("naive_ols", "user_ols", "user_ols:inversion", "user_ols:bootstrap")
DESIGN = hl.ClusterDesign(unit="user", cluster="workspace", treatment="treated")


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """An outcome, a quantile and a number of workspaces."""

    outcome: str
    q: float
    clusters: int

    @property
    def name(self) -> str:
        """As the table calls it."""
        return f"{self.outcome}, q = {self.q:g}, {self.clusters} workspaces"


SITUATIONS = tuple(
    Situation(outcome=outcome, q=q, clusters=k)
    for outcome, q in (("log-normal", 0.5), ("log-normal", 0.9), ("zeros", 0.9), ("counts", 0.5))
    for k in (50, 20, 10)
)


def drawn(outcome: str, location: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Outcomes of users whose log-scale location is given."""
    if outcome == "counts":
        return rng.poisson(np.exp(1 + location)).astype(np.float64)
    value = np.exp(location + rng.normal(size=location.size))
    return np.where(rng.random(location.size) < 0.4, 0.0, value) if outcome == "zeros" else value


def truth(situation: Situation, users: int = 4_000_000) -> float:
    """The difference of the two quantiles over users of all workspaces that could be drawn."""
    rng = np.random.default_rng(SEED)
    effects = rng.normal(0, BETWEEN, users)
    control, treated = (
        np.quantile(drawn(situation.outcome, effects + shift, rng), situation.q, method="inverted_cdf") for shift in (0.0, EFFECT)
    )
    return float(treated - control)


def world(situation: Situation, rng: np.random.Generator) -> pa.Table:
    """One study."""
    k = situation.clusters
    weights = rng.lognormal(0, 0.55, k)
    sizes = np.maximum(5, np.round(MEAN_SIZE * weights / weights.mean())).astype(np.int64)
    workspace = np.repeat(np.arange(k), sizes)
    treated = rng.permutation(np.arange(k) % 2)[workspace]
    location = rng.normal(0, BETWEEN, k)[workspace] + EFFECT * treated
    y = drawn(situation.outcome, location, rng)
    return pa.table({"user": np.arange(workspace.size), "workspace": workspace, "treated": treated, "y": y})


def coverage(situation: Situation, worlds: int = WORLDS, seed: int = SEED) -> dict[str, float]:
    """Share of the worlds whose interval contains the truth, by method; NaN where a method is not shown; and the share refused."""
    rng = np.random.default_rng([seed, situation.clusters, round(100 * situation.q), len(situation.outcome)])
    true, refused = truth(situation), 0
    hits: dict[str, list[bool]] = {method: [] for method in METHODS}
    for i in range(worlds):
        try:
            lift = hl.analyze(world(situation, rng), DESIGN, hl.Quantile("y", situation.q), bootstrap=200, seed=i)
        except DataError:
            refused += 1
            continue
        for e in lift.estimates:
            if e.method in hits and e.conf_low is not None and e.conf_high is not None:
                hits[e.method].append(e.conf_low - 1e-9 <= true <= e.conf_high + 1e-9)
    shares = {method: float(np.mean(found)) if len(found) > worlds / 2 else float("nan") for method, found in hits.items()}
    return shares | {"refused": refused / worlds}


def line(situation: Situation, found: dict[str, float]) -> str:
    """A row of the table; a dash for a method that is not shown."""
    cells = ["–" if np.isnan(value) else f"{value:.3f}" for value in found.values()]
    return f"| {situation.name} | {' | '.join(cells)} |"


def main() -> None:
    """Print the table."""
    print(
        "| situation | users as if independent | headline | inverted tests | percentile bootstrap | refused |\n"
        + "|---" * 6
        + "|"
    )
    for situation in SITUATIONS:
        print(line(situation, coverage(situation)), flush=True)


if __name__ == "__main__":
    main()
