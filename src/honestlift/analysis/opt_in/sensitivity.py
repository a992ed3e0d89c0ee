"""What was not measured: how strong it would have to be, in units of what was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from honestlift.analysis.opt_in.estimates import OptInAnswer
from honestlift.diagnostics import bounds
from honestlift.diagnostics.bounds import DoublyRobust, doubly_robust
from honestlift.diagnostics.sensitivity import (
    Benchmark,
    Regression,
    adjust,
    benchmark,
    erasing_times,
    groups_of_columns,
    robustness_value,
    strongest,
)
from honestlift.result import Table

MULTIPLES = (1.0, 2.0, 3.0)
STEPS, LEAST_SIDE, MOST_OF_CHOICE = 25, 0.02, 0.95
"""Steps of the contours' grid, the least partial R² at its far side, and the greatest with the choice, which must stay below 1."""
GAMMAS = (1.0, 1.25, 1.5, 2.0, 2.5, 3.0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sensitivity:
    """The sensitivity of one metric's effect to an unmeasured cause.

    Attributes:
        fit: the linear regression behind the bounds.
        robustness, interval_robustness: robustness values of its estimate and of its interval.
        name: the strongest covariate.
        worst: the estimate after a cause once as strong.
        times, interval_times: how many times as strong a cause must be to erase the estimate, and to let the interval reach zero.
        benchmarks: each covariate as a whole times 1, 2 and 3, then each of its columns once.
        doubly: sensitivity of the doubly robust estimate; None for an estimand without one.
        e_value, interval_e_value: E-values of the ratio of the two means; None unless the outcome is 0/1.
    """

    fit: Regression
    robustness: float
    interval_robustness: float
    name: str
    worst: Benchmark
    times: float | None
    interval_times: float | None
    benchmarks: tuple[Benchmark, ...]
    doubly: DoublyRobust | None
    e_value: float | None
    interval_e_value: float | None


def sensitivity(answer: OptInAnswer, level: float) -> Sensitivity:
    """Measure the sensitivity of an answer's headline."""
    fit = answer.regression
    t = fit.effect / fit.std_error
    name, columns = strongest(fit, level)
    groups = groups_of_columns(fit)
    made = [benchmark(fit, g, c, k, level) for g, c in groups.items() for k in MULTIPLES]
    made += [benchmark(fit, fit.names[j], [j], 1.0, level) for c in groups.values() if len(c) > 1 for j in c]
    estimate, interval = _e_values(answer)
    headline = answer.find("aipw", answer.headline)
    effect = headline.estimate if headline and headline.estimate is not None else 0.0
    return Sensitivity(
        fit=fit,
        robustness=robustness_value(t, fit.dof),
        interval_robustness=robustness_value(t, fit.dof, level=level),
        name=name,
        worst=benchmark(fit, name, columns, 1.0, level),
        times=erasing_times(fit, columns),
        interval_times=erasing_times(fit, columns, level),
        benchmarks=tuple(made),
        doubly=doubly_robust(answer.fits.patterns, answer.fits.propensity.e, answer.fits.outcomes, effect, answer.headline),
        e_value=estimate,
        interval_e_value=interval,
    )


def _e_values(answer: OptInAnswer) -> tuple[float | None, float | None]:
    headline = answer.find("aipw", answer.headline)
    if headline is None or not answer.binary or headline.relative.estimate is None:
        return None, None
    ratio = 1 + headline.relative.estimate
    low, high = headline.relative.conf_low, headline.relative.conf_high
    if ratio <= 0:
        return None, None
    if low is None or high is None or low <= -1:
        return bounds.e_value(ratio), None
    return bounds.e_value(ratio), bounds.e_value_of_interval(ratio, 1 + low, 1 + high)


def benchmark_table(answers: Sequence[OptInAnswer], found: Sequence[Sensitivity]) -> Table:
    """What each metric's effect would be if an unmeasured cause were as strong as what was measured."""
    columns = ("metric", "covariate", "times", "r2_treatment", "r2_outcome", "adjusted", "conf_low", "conf_high")
    rows = [
        (a.metric.label, b.name, b.times, b.r2_treatment, b.r2_outcome, b.adjusted, b.low, b.high)
        for a, s in zip(answers, found, strict=True)
        for b in s.benchmarks
    ]
    return Table(columns=columns, rows=tuple(rows))


def summary_table(answers: Sequence[OptInAnswer], found: Sequence[Sensitivity]) -> Table:
    """One row of robustness values and E-values per metric."""
    columns = ("metric", "estimate", "std_error", "robustness_value", "interval_robustness_value", "strongest_covariate")
    columns += ("erasing_times", "interval_erasing_times", "aipw_robustness_value", "e_value", "interval_e_value")
    rows = [
        (
            a.metric.label,
            s.fit.effect,
            s.fit.std_error,
            s.robustness,
            s.interval_robustness,
            s.name,
            s.times,
            s.interval_times,
            None if s.doubly is None else s.doubly.robustness,
            s.e_value,
            s.interval_e_value,
        )
        for a, s in zip(answers, found, strict=True)
    ]
    return Table(columns=columns, rows=tuple(rows))


def contour_table(answer: OptInAnswer, found: Sensitivity) -> Table:
    """The primary effect after a cause of every strength on a grid of partial R² with treatment and outcome.

    The grid reaches beyond the robustness value and beyond three times the strongest covariate, where that can be.
    """
    strongest = [b for b in found.benchmarks if b.name == found.name]
    treatment = _steps([b.r2_treatment for b in strongest], found.robustness, MOST_OF_CHOICE)
    outcome = _steps([b.r2_outcome for b in strongest], found.robustness, 1.0)
    rows = [(answer.metric.label, d, y, *adjust(found.fit, d, y)) for d in treatment for y in outcome]
    return Table(columns=("metric", "r2_treatment", "r2_outcome", "adjusted", "std_error"), rows=tuple(rows))


def _steps(benchmarks: Sequence[float | None], robustness: float, greatest: float) -> list[float]:
    """Steps from nothing to beyond every benchmark and the robustness value, closer together where the effect falls fastest."""
    most = max([1.2 * robustness, *(1.1 * r for r in benchmarks if r is not None), LEAST_SIDE])
    side = min(most, greatest)
    return [side * (i / STEPS) ** 2 for i in range(STEPS + 1)]


def rosenbaum_table(answers: Sequence[OptInAnswer]) -> Table:
    """Greatest one-sided p of McNemar's test at each Γ, for pairs without replacement of 0/1 outcomes."""
    rows: list[tuple[object, ...]] = []
    for answer in answers:
        pairs = next((m.paired for m in answer.matched if m.paired is not None), None)
        if pairs is None or not answer.binary:
            continue
        treated, control = pairs.discordant(answer.fits.patterns.origin)
        if answer.metric.better == "lower":
            treated, control = control, treated
        rows += [(answer.metric.label, gamma, bounds.mcnemar_bound(treated, control, gamma)) for gamma in GAMMAS]
        rows.append((answer.metric.label, bounds.critical_gamma(treated, control), 0.05))
    return Table(columns=("metric", "gamma", "p_upper"), rows=tuple(rows))
