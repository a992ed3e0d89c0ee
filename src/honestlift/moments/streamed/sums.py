"""Sums over the rows of an opt-in study, where they are: in this process if that holds them, else by a query."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from honestlift.moments.scan import Frame, collect
from honestlift.moments.streamed import arrays, engine
from honestlift.moments.streamed.blocks import here
from honestlift.moments.streamed.features import Feature
from honestlift.moments.streamed.influences import Influence
from honestlift.moments.streamed.terms import Gathered, Term, Totals
from honestlift.moments.streamed.weights import Model, Ranges, Rows

Floats = NDArray[np.float64]


MOST_GROUPS = 5_000
"""Groups up to which their sums are added up in this process: with more, a batch of rows has too few of each."""


def by_arm(frame: Frame) -> tuple[int, int]:
    """Rows without and with the feature."""
    table = collect(frame.select("t").group_by("t").agg(nw.len().alias("n"))).to_pylist()
    found = {row["t"]: int(row["n"]) for row in table}
    return found.get(0.0, 0), found.get(1.0, 0)


def _held(rows: Rows) -> bool:
    return here(rows.frame) and rows.groups <= MOST_GROUPS


def total(rows: Rows, terms: Sequence[Term], model: Model) -> Totals:
    """Add up terms, those of each arm over its own rows.

    Args:
        rows: the rows.
        terms: what is asked for; each once.
        model: the fits at which weights and factors are taken.

    Raises:
        SourceError: if the engine fails, or the rows are no longer those that were profiled.
    """
    road = arrays if _held(rows) else engine
    return road.total(rows, terms, model)


def gather(
    rows: Rows,
    terms: Sequence[Term],
    model: Model,
    *,
    lines: Mapping[str, Floats] | None = None,
    features: tuple[Sequence[Feature], Sequence[Feature]] | None = None,
    steps: int = 0,
) -> Gathered:
    """The same and more, in one scan where this process adds up.

    Args:
        rows: the rows.
        terms: what is asked for; each once.
        model: the fits at which weights and factors are taken.
        lines: linear predictors whose ranges are wanted.
        features: of the rows of either arm, whose products are wanted; an engine is asked for ``covariances`` instead.
        steps: the rows of all groups by arm and score, floor(e·steps + ½)/steps, one pattern per score, its only column; 0 for none.

    Raises:
        SourceError: if the engine fails, or the rows are no longer those that were profiled.
    """
    if _held(rows):
        return arrays.gather(rows, terms, model, lines=lines, features=features, steps=steps)
    return Gathered(
        totals=engine.total(rows, terms, model),
        ranges=ranges(rows, lines) if lines else {},
        squares=None,
        scores=engine.by_score(rows.ungrouped(), model, steps) if steps else None,
    )


def ranges(rows: Rows, predictors: Mapping[str, Floats]) -> dict[str, Ranges]:
    """Least and greatest value of each linear predictor over the rows of either arm; an arm without rows has the range 0 to 0.

    Raises:
        SourceError: if the engine fails.
    """
    return (arrays if here(rows.frame) else engine).ranges(rows, predictors)


def covariances(rows: Rows, pairs: Sequence[tuple[Influence, Influence]], model: Model) -> list[Floats]:
    """Σ IF IF' of each pair of means, (2, 2) each, rows independent, by a query; see ``features`` for the rows of this process.

    Args:
        rows: the rows.
        pairs: influences on the mean under control and under treatment.
        model: the fits.

    Raises:
        SourceError: if the engine fails.
    """
    return engine.covariances(rows, pairs, model)
