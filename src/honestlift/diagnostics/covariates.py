"""Are the arms alike after weighting? Standardized differences, variance ratios and KS distances of every covariate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from honestlift.estimators.tilt import Estimand, arm_weights
from honestlift.moments.patterns import Patterns
from honestlift.report import words
from honestlift.result import Check, Level

Floats = NDArray[np.float64]
Denominator = Literal["pooled", "treated", "control"]

CAUTION_SMD, STOP_SMD = 0.1, 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """How one covariate column differs between the arms, before and after weighting.

    Attributes:
        name: the column; levels of a category each have one, the reference level too.
        covariate: the covariate it belongs to.
        smd, weighted_smd: difference of means over the unweighted standard deviation of ``denominator``.
        ratio, weighted_ratio: variance of treated over control; NaN for 0/1 columns.
        ks, weighted_ks: greatest distance of the two distribution functions.
        denominator: whose standard deviation: ``pooled`` √((s1² + s0²)/2), ``treated`` for the ATT, ``control`` for the ATC.
    """

    name: str
    covariate: str
    smd: float
    weighted_smd: float
    ratio: float
    weighted_ratio: float
    ks: float
    weighted_ks: float
    denominator: Denominator


def balance_columns(patterns: Patterns) -> list[tuple[str, str, Floats]]:
    """Name, covariate and values of every column, with the level of each category that has no column of its own."""
    made: list[tuple[str, str, Floats]] = []
    for covariate in dict.fromkeys(patterns.covariates):
        inside = [j for j, c in enumerate(patterns.covariates) if c == covariate]
        if covariate in patterns.references:
            rest = 1.0 - patterns.x[:, inside].sum(axis=1)
            made.append((patterns.references[covariate], covariate, rest))
        made += [(patterns.names[j], covariate, patterns.x[:, j]) for j in inside]
    return made


def balance(patterns: Patterns, e: Floats, estimand: Estimand) -> list[Balance]:
    """The balance of every covariate column under the weights of an estimand; equal to R's cobalt 4.5.5.

    Args:
        patterns: the rows.
        e: (P,) propensity.
        estimand: whose weights, and hence whose standard deviation.
    """
    return balances(patterns, e, (estimand,))[estimand]


def balances(patterns: Patterns, e: Floats, estimands: Sequence[Estimand]) -> dict[Estimand, list[Balance]]:
    """The same for several estimands; each column is sorted once."""
    weights = {estimand: patterns.count * arm_weights(e, estimand) for estimand in estimands}
    made: dict[Estimand, list[Balance]] = {estimand: [] for estimand in estimands}
    for name, covariate, values in balance_columns(patterns):
        order = np.argsort(values, kind="stable")
        arranged, count = values[order], patterns.count[order]
        for estimand in estimands:
            made[estimand].append(column_balance(name, covariate, arranged, count, weights[estimand][order], estimand))
    return made


def column_balance(name: str, covariate: str, values: Floats, count: Floats, weights: Floats, estimand: Estimand) -> Balance:
    """The balance of one column.

    Args:
        name: the column.
        covariate: the covariate it belongs to.
        values: (P,) its values, ascending.
        count: (P, 2) rows.
        weights: (P, 2) sum of the weights of these rows.
        estimand: names the denominator.
    """
    denominators: dict[str, Denominator] = {"ATT": "treated", "ATC": "control"}
    denominator = denominators.get(estimand, "pooled")
    binary = bool(np.isin(values[count.sum(axis=1) > 0], (0.0, 1.0)).all())
    plain_mean, plain_var = _moments(values, count, count, binary)
    mean, var = _moments(values, count, weights, binary)
    v0, v1 = plain_var
    spread = float(np.sqrt({"pooled": (v0 + v1) / 2, "treated": v1, "control": v0}[denominator]))
    ks, weighted_ks = _distances(values, count), _distances(values, weights)

    def ratio(pair: tuple[float, float]) -> float:
        return float("nan") if binary or pair[0] == 0 else pair[1] / pair[0]

    def standardized(pair: tuple[float, float]) -> float:
        return (pair[1] - pair[0]) / spread if spread > 0 else 0.0 if pair[1] == pair[0] else float("inf")

    return Balance(
        name=name,
        covariate=covariate,
        smd=standardized(plain_mean),
        weighted_smd=standardized(mean),
        ratio=ratio(plain_var),
        weighted_ratio=ratio(var),
        ks=ks,
        weighted_ks=weighted_ks,
        denominator=denominator,
    )


def _moments(values: Floats, count: Floats, weights: Floats, binary: bool) -> tuple[tuple[float, float], tuple[float, float]]:
    """Weighted mean and variance (Σw(x − x̄)²/(1 − Σw²) with Σw = 1; p(1 − p) if binary) of control and treated."""
    means: list[float] = []
    variances: list[float] = []
    for arm in (0, 1):
        w = weights[:, arm] / weights[:, arm].sum()
        mean = float(np.sum(w * values))
        n = np.where(count[:, arm] > 0, count[:, arm], 1.0)
        correction = 1.0 - float(np.sum(w**2 / n))
        squares = float(np.sum(w * (values - mean) ** 2))
        means.append(mean)
        variances.append(mean * (1 - mean) if binary else squares / correction if correction > 0 else float("nan"))
    return (means[0], means[1]), (variances[0], variances[1])


def _distances(values: Floats, weights: Floats) -> float:
    last = np.append(values[1:] != values[:-1], True)
    steps = np.cumsum(weights / weights.sum(axis=0), axis=0)[last]
    return float(np.abs(steps[:, 1] - steps[:, 0]).max())


def weighted_smd(rows: Sequence[Balance], estimand: Estimand) -> Check:
    """The greatest standardized difference that the weights leave: caution above 0.1, stop above 0.25."""
    worst = max(rows, key=lambda b: abs(b.weighted_smd))
    size = abs(worst.weighted_smd)
    level: Level = "stop" if size > STOP_SMD else "caution" if size > CAUTION_SMD else "ok"
    before = max(rows, key=lambda b: abs(b.smd))
    text = f"{estimand}: after weighting no covariate differs by more than {words.size(size, 3)} standard deviations "
    text += f"({words.clean(worst.name)}, {worst.denominator} standard deviation); "
    text += f"before, {words.clean(before.name)} differed by {words.signed(before.smd, 2)}."
    remedy = (
        ""
        if level == "ok"
        else "Let the propensity bend: add a square or an interaction of this covariate, or match on it exactly."
    )
    evidence = {"worst": worst.weighted_smd, "worst_before": before.smd, "columns": len(rows)}
    return Check(
        code=f"weighted_smd:{estimand}", level=level, statement=text, remedy=remedy, evidence=evidence, concerns=(estimand,)
    )
