"""What each rule of assignment costs and buys, in 2,000 worlds: the tables of docs/explanation/assignment.md.

Run with `python -m simulations.rules`; it rewrites the tables. A world has 30 workspaces of log-normal sizes (mean 60, CV .5), whose means
follow a covariate that explains seven tenths of their variation, and their size a little; every world draws all anew, by `assign`.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from honestlift.design.assignment import Assignment, Redraw, Rule, assign, redraws
from honestlift.estimators import itt
from honestlift.estimators.adjusted import Adjustment, Covariate
from honestlift.estimators.fit import least_squares
from honestlift.inference.adjusted_randomization import Regression, adjusted_redraws
from honestlift.inference.interval import t_interval
from honestlift.inference.randomization import randomization_p_value, within
from honestlift.inference.sandwich import Kind, covariance, satterthwaite, whiten
from honestlift.moments.cells import Outcome
from honestlift.moments.cluster import ClusterMoments

CLUSTERS, WORLDS, SEED, LEVEL, DRAWS = 30, 2_000, 20261126, 0.95, 499
EFFECT, BETWEEN, EXPLAINED = 0.3, 0.3, 0.7
PAGE = Path(__file__).parent.parent / "docs" / "explanation" / "assignment.md"
START, END = "<!-- rules: begin -->", "<!-- rules: end -->"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class World:
    """One study: sums by workspace, what was known, the record, and the effects per user and per workspace."""

    outcome: Outcome
    known: NDArray[np.float64]
    record: Assignment
    per_user: float
    per_workspace: float


def world(rule: Rule, rng: np.random.Generator, *, gradient: float = 0.0) -> World:
    """Draw workspaces, assign them by the rule, and give the treated ones the effect, which grows with size by ``gradient``."""
    size = np.maximum(8, np.round(rng.lognormal(np.log(60) - 0.112, 0.472, CLUSTERS)))
    before = rng.normal(size=CLUSTERS)
    base = BETWEEN * (np.sqrt(EXPLAINED) * before + np.sqrt(1 - EXPLAINED) * rng.normal(size=CLUSTERS)) + 0.001 * size
    names = [str(i) for i in range(CLUSTERS)]
    values = {"size": size, "before": before, "noise": rng.normal(size=CLUSTERS)}
    known = np.column_stack([values[name] for name in rule.covariates]) if rule.covariates else np.empty((CLUSTERS, 0))
    strata = (
        {n: str(int(b > -0.43) + int(b > 0.43)) for n, b in zip(names, before, strict=True)}
        if rule.kind == "stratified"
        else None
    )
    given = dict(zip(names, known.tolist(), strict=True)) if rule.covariates else None
    record = assign(names, rule, seed=int(rng.integers(2**32)), strata=strata, covariates=given)
    arm = np.array([record.assigned[name] == "treated" for name in names])
    effect = EFFECT + gradient * (size / 60 - 1)
    mean = base + arm * effect + rng.normal(0, 1 / np.sqrt(size))
    labels = (
        None if record.strata is None else np.unique([record.strata[n] for n in names], return_inverse=True)[1].astype(np.int64)
    )
    made = Outcome(
        cluster=np.arange(CLUSTERS),
        treated=arm,
        exposed=None,
        count=size,
        total=size * mean,
        square=size * mean**2 + (size - 1),
        arm=arm,
        stratum=labels,
        origin=0.0,
    )
    both = np.column_stack([size, before])
    return World(
        outcome=made, known=both, record=record, per_user=float(size @ effect / size.sum()), per_workspace=float(effect.mean())
    )


Found = tuple[float, bool, float]
"""Estimate, whether its interval (or test) holds the truth, and the width of the interval; NaN for a test alone."""


def _moments(w: World, *, strata: bool, adjusted: bool, means: bool = False) -> ClusterMoments:
    make = itt.cluster_mean_moments if means else itt.user_moments
    return make(w.outcome, strata=strata, adjustment=_adjustment(w, strata=strata) if adjusted else None)


def _adjustment(w: World, *, strata: bool) -> Adjustment:
    columns = [Covariate(name=name, values=w.known[:, [j]]) for j, name in enumerate(("size", "before"))]
    return itt.choose_covariates(w.outcome, columns, "interacted", strata=strata)


def interval(
    *, strata: bool = False, adjusted: bool = False, kind: Kind = "CR2", means: bool = False
) -> Callable[[World, np.random.Generator], Found]:
    """The headline's interval, or another one for comparison."""

    def made(w: World, _: np.random.Generator) -> Found:
        white = whiten(least_squares(_moments(w, strata=strata, adjusted=adjusted, means=means)))
        pick, truth = white.fit.contrast("itt"), w.per_workspace if means else w.per_user
        estimate, error = float(pick @ white.fit.theta), float(pick @ covariance(white, kind) @ pick) ** 0.5
        df = satterthwaite(white, pick) if kind == "CR2" else CLUSTERS - 1
        ends = t_interval(estimate, error, df, LEVEL)
        return estimate, ends.low <= truth <= ends.high, ends.high - ends.low

    return made


def test(*, adjusted: bool, by_rule: bool) -> Callable[[World, np.random.Generator], Found]:
    """The randomization test of the true effect: by the recorded rule, or as if the arms had been drawn without it."""

    def made(w: World, rng: np.random.Generator) -> Found:
        o, strata = w.outcome, w.outcome.stratum is not None and by_rule
        rule: Redraw = redraws(w.record).given(o.arm) if by_rule else within(o.arm, None)
        n, total, _ = o.per_cluster()
        fixed, varying = itt.known_before(o, n, strata=strata, adjustment=_adjustment(w, strata=strata) if adjusted else None)
        drawn = adjusted_redraws(
            Regression(weight=n, mean=total / n, fixed=fixed, varying=varying), o.arm, rule, rng, draws=DRAWS
        )
        return drawn.estimate, randomization_p_value(drawn, w.per_user) > 1 - LEVEL, np.nan

    return made


COMPLETE, COINS, STRATA = Rule(), Rule(kind="bernoulli"), Rule(kind="stratified")
BALANCED = Rule(kind="rerandomized", covariates=("size", "before"), acceptance=0.05)
PAIRS = Rule(kind="matched_pairs", covariates=("size", "before"))

ROWS: dict[str, tuple[Rule, Callable[[World, np.random.Generator], Found]]] = {
    "complete; unadjusted": (COMPLETE, interval()),
    "complete; covariates": (COMPLETE, interval(adjusted=True)),
    "complete; randomization test with covariates": (COMPLETE, test(adjusted=True, by_rule=True)),
    "Bernoulli; unadjusted": (COINS, interval()),
    "Bernoulli; covariates": (COINS, interval(adjusted=True)),
    "stratified, three strata; strata": (STRATA, interval(strata=True)),
    "stratified, three strata; unadjusted": (STRATA, interval()),
    "rerandomized; covariates": (BALANCED, interval(adjusted=True)),
    "rerandomized; randomization test with covariates": (BALANCED, test(adjusted=True, by_rule=True)),
    "rerandomized; unadjusted randomization test by the rule": (BALANCED, test(adjusted=False, by_rule=True)),
    "rerandomized; unadjusted": (BALANCED, interval()),
    "rerandomized; unadjusted randomization test, rule ignored": (BALANCED, test(adjusted=False, by_rule=False)),
    "matched pairs; pair effects": (PAIRS, interval(strata=True)),
    "matched pairs; randomization test with pair effects": (PAIRS, test(adjusted=False, by_rule=True)),
    "matched pairs; pairs ignored": (PAIRS, interval()),
    "matched pairs; pair effects, CR1 by workspace": (PAIRS, interval(strata=True, kind="CR1")),
}

GRADIENT = 0.3
"""How much the effect grows with size in the second table: by the average effect from nothing to twice the mean size."""

SIZED: dict[str, tuple[Rule, Callable[[World, np.random.Generator], Found]]] = {
    "pairs matched on size; per user": (Rule(kind="matched_pairs", covariates=("size",)), interval(strata=True)),
    "pairs matched on size; per workspace": (Rule(kind="matched_pairs", covariates=("size",)), interval(strata=True, means=True)),
    "pairs matched on noise; per user": (Rule(kind="matched_pairs", covariates=("noise",)), interval(strata=True)),
    "pairs matched on noise; per workspace": (
        Rule(kind="matched_pairs", covariates=("noise",)),
        interval(strata=True, means=True),
    ),
}


def cell(label: str, worlds: int = WORLDS) -> tuple[float, float, float, float]:
    """Bias, standard deviation of the estimate, coverage, and mean width of the interval, of a row of either table."""
    table, gradient = (ROWS, 0.0) if label in ROWS else (SIZED, GRADIENT)
    rule, method = table[label]
    rng = np.random.default_rng([SEED, list(table).index(label)])
    errors, covered, width = np.empty(worlds), np.empty(worlds), np.empty(worlds)
    for i in range(worlds):
        w = world(rule, rng, gradient=gradient)
        estimate, covered[i], width[i] = method(w, rng)
        errors[i] = estimate - (w.per_workspace if label.endswith("workspace") and table is SIZED else w.per_user)
    return float(errors.mean()), float(errors.std(ddof=1)), float(covered.mean()), float(width.mean())


def line(label: str, values: tuple[float, float, float, float]) -> str:
    """A row of a table."""
    bias, spread, covered, width = values
    return f"| {label} | {bias:+.3f} | {spread:.3f} | {covered:.3f} | {'' if np.isnan(width) else f'{width:.3f}'} |"


def section(worlds: int) -> str:
    """Both tables, between their marks."""
    error = (LEVEL * (1 - LEVEL) / worlds) ** 0.5
    head = ["| rule; analysis | bias | SD of the estimate | coverage | mean width |", "|---|---|---|---|---|"]
    return "\n".join(
        [
            START,
            "## What each rule costs and buys",
            "",
            f"{worlds:,} worlds of {CLUSTERS} workspaces, log-normal sizes (mean 60, CV .5); what is known before explains seven tenths",
            f"of the variation between workspaces; effect {EFFECT}. Coverage of a nominal 95 % interval, for a test the share of worlds in",
            f"which it does not reject the truth; Monte Carlo error {error:.3f}. One minus coverage is the share of false alarms where",
            "there is no effect, as the effect is the same for all.",
            "`python -m simulations.rules` makes both tables.",
            "",
            *head,
            *(line(label, cell(label, worlds)) for label in ROWS),
            "",
            f"When the effect grows with size (by {GRADIENT} of the outcome's unit per 60 users):",
            "",
            *head,
            *(line(label, cell(label, worlds)) for label in SIZED),
            END,
        ]
    )


def main() -> None:
    """Rewrite the tables of the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worlds", type=int, default=WORLDS)
    made = section(parser.parse_args().worlds)
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(START)
    PAGE.write_text(before + made + rest.partition(END)[2], encoding="utf-8")
    print(made)


if __name__ == "__main__":
    main()
