"""Opt-in studies whose covariates do not collapse to patterns: the engine sums all rows, a hashed sample of users shows the rest.

Estimates, standard errors and resamples rest on every row, which stays in the engine. Balance, overlap and drivers are drawn from a
sample, with each arm's users weighted up to all of them, at the coefficients of the fit to all rows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from honestlift.analysis.opt_in.fits import Trimmed, within_bounds
from honestlift.analysis.opt_in.requirements import require_choice, require_varying
from honestlift.analysis.opt_in.sample import Sample, sampled_patterns
from honestlift.analysis.opt_in.start import Start, start_of
from honestlift.design.opt_in import OptInStudy
from honestlift.errors import DataError
from honestlift.estimators.design import Design
from honestlift.estimators.mixtures import Balancing
from honestlift.estimators.newton_scans import Fitted, fit_in_scans
from honestlift.estimators.propensity import Propensity, evaluated
from honestlift.estimators.streamed import outcome_models, outcome_terms, products_of
from honestlift.moments.covariates import (
    DesignColumns,
    chosen,
    with_outcome,
)
from honestlift.moments.patterns import Patterns
from honestlift.moments.profile import ColumnProfile
from honestlift.moments.scan import Frame
from honestlift.moments.streamed.sums import by_arm, gather, total
from honestlift.moments.streamed.terms import Term, Totals
from honestlift.moments.streamed.weights import Model, Ranges, Rows

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Exact:
    """Everything that the engine said of the rows with one outcome.

    Attributes:
        rows: they.
        ones: the terms of ``outcome_terms``.
        outcomes: coefficients of the outcome models, on the design of ``Rows``.
        fitted: the propensity and the balancing weights.
    """

    rows: Rows
    ones: Totals
    outcomes: tuple[Floats, Floats]
    fitted: Fitted


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Streaming:
    """The rows of a study in their engine, and a sample of them.

    Attributes:
        frame: see ``moments.covariates.design_frame``.
        design: the covariates.
        profiles: of every measured column, in the order of the frame's outcomes.
        study: what is asked.
        clustered: whether the groups are clusters.
        groups: how many there are; 1 where rows are not grouped at all.
        largest, count: rows of the largest group, and of all.
        categories: covariate, level, users without and with the feature.
        sample: of the users, about as many of each arm.
        evenly: draws a sample in which each arm has its share.
        known: fits that are there already.
    """

    frame: Frame
    design: DesignColumns
    profiles: Mapping[str, ColumnProfile]
    study: OptInStudy
    clustered: bool
    groups: int
    largest: int
    count: int
    categories: tuple[tuple[str, str, int, int], ...]
    sample: Sample
    evenly: Callable[[], Sample]
    known: dict[object, Any] = field(default_factory=dict[object, Any])

    @property
    def grouped(self) -> bool:
        """Whether there are groups."""
        return self.groups > 1

    def trimmed(self, bounds: Trimmed) -> Streaming:
        """The rows within the bounds, by the fit to all of them, without columns that are constant among these."""
        first = self.exact(None)
        frame = first.rows.between(first.fitted.model.propensity, _logit(bounds.low), _logit(bounds.high)).frame
        kept, design = self.design.varying(frame)

        def within(s: Sample) -> Sample:
            inside = within_bounds(s.x, bounds)
            group = None if s.group is None else s.group[inside]
            outcomes = {name: y[inside] for name, y in s.outcomes.items()}
            x = np.asfortranarray(s.x[inside][:, kept])
            return Sample(x=x, treated=s.treated[inside], outcomes=outcomes, group=group)

        return replace(
            self,
            frame=chosen(frame, kept),
            design=design,
            sample=within(self.sample),
            evenly=lambda: within(self.evenly()),
            known={},
        )

    def arms(self, column: str | None) -> tuple[int, int]:
        """Users without and with the feature (who have the outcome)."""
        others, opted = _sums(self.exact(self._missing(column)).ones, "")
        return int(others), int(opted)

    def even(self, column: str) -> Patterns:
        """An even sample of the users with the outcome, one pattern each, in groups, unweighted."""
        if "even" not in self.known:
            self.known["even"] = self.evenly()
        return sampled_patterns(self.known["even"], self.design, self.profiles, column)

    def propensity(self) -> Propensity:
        """The propensity of all users on the sample; see ``patterns``."""
        exact = self.exact(None)
        return self.on_sample(self.patterns(None), exact)

    def patterns(self, column: str | None) -> Patterns:
        """The sample, each arm weighted up to all users (with the outcome), as patterns.

        Args:
            column: the outcome; None for everybody.
        """
        key = ("patterns", column)
        if key not in self.known:
            made = self._sampled(column)
            arms = self.arms(column)
            factors = np.array([a / max(n, 1.0) for a, n in zip(arms, made.arms, strict=True)])
            self.known[key] = replace(made, count=made.count * factors, total=made.total * factors, square=made.square * factors)
        return self.known[key]

    def _missing(self, column: str | None) -> str | None:
        """The column if some users lack it, else None: the rows are then those of everybody."""
        return column if column is not None and self.profiles[column].missing else None

    def _complete(self) -> str | None:
        """The first outcome that every user has, if there is one: its rows are those of everybody."""
        return next((name for name, seen in self.profiles.items() if not seen.missing), None)

    def origin(self, column: str) -> float:
        """What was taken off an outcome."""
        return self.profiles[column].origin

    def _sampled(self, column: str | None) -> Patterns:
        """The sampled users (who have the outcome), one pattern each, unweighted."""
        return replace(sampled_patterns(self.sample, self.design, self.profiles, column), group=None, groups=0)

    def penalty(self) -> Floats:
        """(k,) of each squared coefficient of the logit, on the design of the frame."""
        made = np.zeros(len(self.design.columns) + 1)
        if self.study.propensity.penalty == "l2":
            made[1:] = 1 / (self.study.propensity.C * self.design.scale**2)
        return made

    def _rows(self, column: str | None) -> Rows:
        """All rows that have the outcome; all rows, with none, where none is named."""
        seen = None if column is None else self.profiles[column]
        if column is None or seen is None:
            frame, bound = self.frame.with_columns(nw.lit(0.0).alias("y")), 0.0
        else:
            index = list(self.profiles).index(column)
            frame, bound = with_outcome(self.frame, index, missing=seen.missing > 0), seen.bound
        return Rows(
            frame=frame,
            bound=self.design.bound,
            outcome=bound,
            count=0,
            most=self.count,
            largest=self.largest,
            grouped=self.grouped,
            groups=self.groups,
        )

    def exact(self, column: str | None) -> Exact:
        """Fit to all rows, once for each set of rows and outcome."""
        column = column or self._complete()
        key = ("exact", column)
        if key not in self.known:
            rows = self._rows(column)
            arms = by_arm(rows.frame)
            rows, sample = replace(rows, count=sum(arms)), self._sampled(column)
            require_choice(rows, arms, sample, self.study.design.arm, self._missing(column))
            known: Exact | None = self.known.get(("exact", self._missing(column) or self._complete()))
            begun = known or start_of(sample, self.design, self.study.design.estimands, arms)
            looked = gather(
                rows.ungrouped(),
                outcome_terms(rows.columns),
                Model(propensity=np.zeros(rows.columns)),
                lines=begun.model.predictors if isinstance(begun, Start) else {},
            )
            ones = looked.totals
            if column is not None:
                require_varying(column, self.study.design.arm, list(zip(*(_sums(ones, f) for f in ("", "y", "yy")), strict=True)))
            outcomes = outcome_models(self.design.names, lambda term: ones.values[term])
            fitted = self._fit(rows, ones, begun, looked.ranges) if isinstance(begun, Start) else begun.fitted
            self.known[key] = Exact(rows=rows, ones=ones, outcomes=outcomes, fitted=fitted)
        return self.known[key]

    def _fit(self, rows: Rows, ones: Totals, begun: Start, reach: Mapping[str, Ranges]) -> Fitted:
        """Propensity and balancing weights, from where the sample's fits are."""
        plain, start, balance = rows.ungrouped(), replace(begun.model, ranges=reach), begun.balance

        def target(b: Balancing) -> Floats:
            sums = [
                np.array([float(ones.values[Term(a, "one", "", 0, i, True)].sum()) for i in range(rows.columns)]) for a in (0, 1)
            ]
            return b.share[0] * sums[0] + b.share[1] * sums[1]

        fitted = fit_in_scans(plain, lambda terms, model: total(plain, terms, model), start, balance, self.penalty(), target)
        if not fitted.done and self.study.propensity.penalty == "none":
            spread = self._exact_scale(ones)
            far = np.abs(fitted.model.propensity[1:]) * spread > 5
            names = [name for name, away in zip(self.design.names, far, strict=True) if away] or list(self.design.names)
            raise DataError.determines_treatment(self.study.design.arm, names)
        return replace(fitted, steps=begun.steps + fitted.steps)

    def _products(self, ones: Totals) -> Floats:
        """Σ zz' over all rows, (k, k)."""
        control, treated = (products_of(lambda term: ones.values[term], arm, self.design.bound.size) for arm in (0, 1))
        return control + treated

    def _exact_scale(self, ones: Totals) -> Floats:
        """(k − 1,) standard deviation of each design column over all rows."""
        products = self._products(ones)
        n = products[0, 0]
        variance = np.diagonal(products)[1:] / n - (products[0, 1:] / n) ** 2
        return np.sqrt(np.maximum(variance, 0.0))

    def _moments(self, ones: Totals) -> tuple[Floats, Floats]:
        """Mean and standard deviation of each column as it came, over all rows."""
        products = self._products(ones)
        origin, scale = self.design.origin, self.design.scale
        spread = self._exact_scale(ones) * scale
        return origin + scale * products[0, 1:] / products[0, 0], np.where(spread > 0, spread, 1.0)

    def converted(self, exact: Exact, beta: Floats) -> Floats:
        """Coefficients of columns standardized over all rows, from those of the engine's design."""
        centre, spread = self._moments(exact.ones)
        origin, scale = self.design.origin, self.design.scale
        slopes = beta[1:] / scale
        return np.concatenate([[beta[0] + float(np.sum(slopes * (centre - origin)))], slopes * spread])

    def on_sample(self, patterns: Patterns, exact: Exact) -> Propensity:
        """The fit to all rows, on sampled users."""
        centre, spread = self._moments(exact.ones)
        matrix = np.asfortranarray(np.column_stack([np.ones(patterns.size), (patterns.x - centre) / spread]))
        design = Design(names=self.design.names, matrix=matrix, centre=centre, scale=spread)
        beta = self.converted(exact, exact.fitted.model.propensity)
        penalty = self.penalty()
        penalty[1:] *= (self.design.scale / spread) ** 2
        return evaluated(patterns, design, beta, penalty, exact.fitted.steps, exact.fitted.done)


def _logit(e: float) -> float:
    return -math.inf if e <= 0 else math.inf if e >= 1 else math.log(e / (1 - e))


def _sums(ones: Totals, factor: str) -> list[float]:
    """Sum of a factor over the rows of either arm."""
    return [float(ones.values[Term(a, "one", factor, 0, 0, True)].sum()) for a in (0, 1)]
