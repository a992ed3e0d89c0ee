"""One look at all rows: what every estimator of an outcome stands on, and how far the propensity reaches, in the same scan."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from honestlift.analysis.opt_in.streaming import Streaming
from honestlift.diagnostics.overlap import Reach
from honestlift.estimators.influences import features_in
from honestlift.estimators.propensity import expit
from honestlift.estimators.streamed import Assembly
from honestlift.estimators.tilt import Estimand
from honestlift.moments.streamed.features import Feature, covariances_of
from honestlift.moments.streamed.influences import Influence
from honestlift.moments.streamed.sums import covariances, gather, ranges
from honestlift.moments.streamed.terms import Gathered
from honestlift.moments.streamed.weights import Model, Ranges, Rows

Floats = NDArray[np.float64]

GRID = 2**20
"""Scores that matching tells apart where users are too many to hold: the propensity is rounded to multiples of 1/GRID."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sums:
    """What the rows with an outcome add up to.

    Attributes:
        rows: they.
        model: the fits.
        assembly: how the estimators are put together.
        features: what their influences are linear in, for the rows of either arm; None where groups give the errors.
        found: what the look at the rows brought back.
    """

    rows: Rows
    model: Model
    assembly: Assembly
    features: tuple[list[Feature], list[Feature]] | None
    found: Gathered

    def covariances(self, pairs: list[tuple[Influence, Influence]]) -> list[Floats]:
        """Σ IF IF' of each pair of means, (2, 2) each, rows independent."""
        if self.features is None or self.found.squares is None:
            return covariances(self.rows.ungrouped(), pairs, self.model)
        return covariances_of(pairs, self.features, self.found.squares)


def sums_of(stream: Streaming, column: str, only: Estimand | None = None) -> Sums:
    """The sums of one outcome, looked up once.

    Args:
        stream: the rows.
        column: the outcome.
        only: one estimand, without matching, where nothing else is wanted.
    """
    key = ("sums", column, only)
    if key not in stream.known:
        stream.known[key] = _looked_up(stream, column, only)
    return stream.known[key]


def _looked_up(stream: Streaming, column: str, only: Estimand | None) -> Sums:
    exact = stream.exact(column)
    rows = exact.rows if stream.grouped else exact.rows.ungrouped()
    model = replace(exact.fitted.model, outcomes=exact.outcomes)
    assembly = Assembly(
        columns=rows.columns,
        estimands=(only,) if only else stream.study.design.estimands,
        outcomes=exact.outcomes,
        balance=exact.fitted.balance,
        penalty=stream.penalty(),
        pull=exact.fitted.pull,
    )
    features = None if stream.clustered else features_in(assembly)
    steps = GRID if only is None and on_grid(stream) else 0
    lines = {"eta": model.propensity} if only is None else {}
    found = gather(rows, assembly.terms(), model, lines=lines, features=features, steps=steps)
    return Sums(rows=rows, model=model, assembly=assembly, features=features, found=found)


def reach_of(stream: Streaming) -> Reach:
    """The range of the propensity in each arm, over all users: from the look at a metric that all of them have, if there is one."""
    complete = [m.column for m in stream.study.metrics if not stream.profiles[m.column].missing]
    if complete:
        found = sums_of(stream, complete[0]).found.ranges["eta"]
    else:
        exact = stream.exact(None)
        found = ranges(exact.rows, {"eta": exact.fitted.model.propensity})["eta"]
    return _propensities(found)


def _propensities(found: Ranges) -> Reach:
    e = expit(np.array(found))
    return (float(e[0, 0]), float(e[0, 1])), (float(e[1, 0]), float(e[1, 1]))


def on_grid(stream: Streaming) -> bool:
    """Whether matching goes by a score on a grid, of which nothing but counts and sums per score and arm comes back."""
    wanted = stream.study.matching
    return matches(stream) and wanted.replacement and not wanted.exact


def matches(stream: Streaming) -> bool:
    """Whether an estimand is asked for that matching has an answer to."""
    return any(e in ("ATE", "ATT", "ATC") for e in stream.study.design.estimands)
