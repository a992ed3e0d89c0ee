"""Formula against simulated power, and the power of studies of users who choose: the tables of docs/explanation/power.md.

Run with `python -m simulations.power`; it prints the tables. Users of each workspace are drawn as sums and analysed by the kernel that
`run` uses (user OLS, CR2 and Satterthwaite df through the whitened fit), at the effect for which the closed form promises 80 of 100.
Studies of users who choose are drawn as rows and analysed by `analyze`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

import honestlift as hl
from honestlift.design.assignment import fixed_counts
from honestlift.design.variation import Variation
from honestlift.estimators.fit import least_squares
from honestlift.inference.opt_in_power import Selection, opt_in_power
from honestlift.inference.power import formula
from honestlift.inference.sandwich import covariance, satterthwaite, whiten
from honestlift.inference.simulated_power import simulate_power
from honestlift.moments.cluster import cluster_moments
from honestlift.simulate import OptInWorld

WORLDS, SEED, SIZE, TARGET = 2_000, 20261126, 200, 0.8
STUDIES = 400


@dataclass(frozen=True)
class Shape:
    """A cluster study: workspaces, share treated, variation of sizes, intraclass correlation."""

    clusters: int
    share: float
    cv: float
    icc: float

    @property
    def label(self) -> str:
        """As the table calls it."""
        return f"{self.clusters} ({round(self.clusters * self.share)}) | {self.cv:g} | {self.icc:g}"


SHAPES = [
    *(Shape(clusters, 0.5, cv, icc) for clusters in (20, 50) for cv in (0.0, 0.6, 1.0, 1.5) for icc in (0.02, 0.3)),
    Shape(100, 0.5, 0.6, 0.1),
    Shape(50, 0.2, 0.6, 0.1),
    Shape(10, 0.5, 0.6, 0.1),
    Shape(6, 0.5, 0.0, 0.1),
    Shape(50, 0.1, 1.0, 0.1),
]

CHOICES = [(0.05, 0.5), (0.2, 1.0), (0.5, 1.0), (0.2, 1.5)]
"""Adoption and strength of selection of 5,000 users."""


def cluster_power(shape: Shape, worlds: int = WORLDS, seed: int = SEED) -> tuple[float, float, bool]:
    """Power of the study's own test in worlds, power by `simulate_power`, and whether the closed form says it holds; at its own MDE."""
    planned = Variation.of(clusters=shape.clusters, mean_size=SIZE, size_cv=shape.cv, icc=shape.icc, sd=1.0)
    closed = formula(planned, share=shape.share)
    effect = closed.mde(TARGET)
    rng = np.random.default_rng([seed, shape.clusters, round(100 * shape.cv), round(1000 * shape.icc)])
    treated = round(shape.clusters * shape.share)
    redraw = fixed_counts(np.zeros(shape.clusters, dtype=np.int64), np.array([treated]))
    own = simulate_power(planned, lambda r, b: np.asarray(redraw(r, b), dtype=np.bool_), rng, draws=20_000).power(effect)
    return _announced(planned, treated, effect, worlds, rng), own, closed.trusted


def _announced(planned: Variation, count: int, effect: float, worlds: int, rng: np.random.Generator) -> float:
    """Share of the worlds in which the study's test announces the effect, whose sizes are the planned ones."""
    sizes = np.rint(planned.n)
    between, within = math.sqrt(planned.between), planned.within
    hits = 0
    for _ in range(worlds):
        treated = rng.permutation(planned.clusters) < count
        mean = between * rng.standard_normal(planned.clusters) + effect * treated
        noise = rng.standard_normal(planned.clusters) * np.sqrt(sizes * within)
        about = within * 2 * rng.standard_gamma(np.maximum(sizes - 1, 1) / 2)
        total, square = sizes * mean + noise, sizes * mean**2 + 2 * mean * noise + noise**2 / sizes + about
        regressors = np.stack([np.ones(planned.clusters), treated.astype(np.float64)], axis=1)
        sums = cluster_moments(
            ("intercept", "treated"), np.arange(planned.clusters), regressors, sizes, total, square, clusters=planned.clusters
        )
        white = whiten(least_squares(sums))
        df = satterthwaite(white, np.array([0.0, 1.0]))
        error = math.sqrt(covariance(white)[1, 1])
        hits += abs(float(white.fit.theta[1])) > float(stdtrit(df, 0.975)) * error
    return hits / worlds


def opt_in_errors(adoption: float, strength: float, studies: int = STUDIES, seed: int = SEED) -> dict[str, tuple[float, ...]]:
    """Per estimand: standard error by the formula, spread of the doubly robust estimate, power by formula and in the studies."""
    selection = Selection(users=5_000, adoption=adoption, strength=strength, sd=1.0)
    planned = {e: opt_in_power(selection, e) for e in ("ATE", "ATT", "ATO")}
    effect = planned["ATT"].mde(TARGET)
    world = OptInWorld(users=5_000, adoption=adoption, effect=effect, pull=strength, push=0.3)
    design = hl.OptInDesign(unit="user_id", treatment="opt_in", estimands=("ATE", "ATT", "ATO"))
    found: dict[str, list[tuple[float, float]]] = {e: [] for e in planned}
    for study in range(studies):
        lift = hl.analyze(world.draw(seed + study).table, design, "outcome", covariates=["activity", "tenure"], bootstrap=0)
        for e, rows in found.items():
            row = lift.find("aipw", e)
            if row.estimate is not None and row.conf_low is not None:
                rows.append((row.estimate, row.conf_low))
    made: dict[str, tuple[float, ...]] = {}
    for e, kept in found.items():
        values = np.array(kept)
        made[e] = (planned[e].std_error, float(values[:, 0].std()), planned[e].power(effect), float((values[:, 1] > 0).mean()))
    return made


def main() -> None:
    """Print the tables."""
    print("| workspaces (treated) | size CV | ICC | in worlds | simulated by `power` | formula |\n|---|---|---|---|---|---|")
    for shape in SHAPES:
        worlds, own, trusted = cluster_power(shape)
        print(f"| {shape.label} | {worlds:.3f} | {own:.3f} | {'0.800' if trusted else '0.800, flagged'} |", flush=True)
    print(
        "\n| adoption | strength | estimand | SE, formula | SE, studies | power, formula | power, studies |\n|---|---|---|---|---|---|---|"
    )
    for adoption, strength in CHOICES:
        for e, (error, spread, power, announced) in opt_in_errors(adoption, strength).items():
            numbers = f"{error:.4f} | {spread:.4f} | {power:.3f} | {announced:.3f}"
            print(f"| {adoption:g} | {strength:g} | {e} | {numbers} |", flush=True)


if __name__ == "__main__":
    main()
