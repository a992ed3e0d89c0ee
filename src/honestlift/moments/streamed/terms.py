"""What is asked of the rows of an opt-in study: sums of weights that follow from fits, times products of columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from honestlift.errors import SourceError
from honestlift.moments.patterns import Patterns
from honestlift.moments.streamed.weights import SLACK, Model, Ranges, Rows, factor_bound, weight_bound
from honestlift.moments.table import Label

Floats = NDArray[np.float64]

TYPICAL = 64.0
"""How many times as large as a typical summand the bound of one may be before the digits of a sum suffer."""


@dataclass(frozen=True, slots=True, order=True)
class Term:
    """Σ over rows of weight · factor · z_i · z_j.

    Attributes:
        arm: 0 others, 1 those who opted in, −1 both.
        weight: a name in ``WEIGHTS``, or ``exp0``, ``exp1``, … for the balancing weights.
        factor: empty for 1; ``y`` the outcome, ``yy`` its square, ``r`` what the own arm's model leaves of it, ``m0`` and ``m1``
            what the models predict.
        i, j: design columns; 0 is the intercept.
        precise: keep what the first rounding leaves over: for sums that an estimate rests on, not only its standard error.
    """

    arm: int
    weight: str
    factor: str = ""
    i: int = 0
    j: int = 0
    precise: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Totals:
    """Answers to terms.

    Attributes:
        values: (G,) of each term; G = 1 without groups.
        groups: labels of the groups, in the order of the values.
        rows: (G,) rows.
    """

    values: Mapping[Term, Floats]
    groups: tuple[Label, ...]
    rows: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Gathered:
    """What one look at the rows brought back.

    Attributes:
        totals: answers to the terms.
        ranges: least and greatest value of each line over the rows of either arm.
        squares: (p, p) sums of the products of every two features of the rows of either arm; None where they were not asked for,
            or an engine adds up the rows, which squares the influences themselves.
        scores: the rows by arm and score; None where they were not asked for.
    """

    totals: Totals
    ranges: Mapping[str, Ranges]
    squares: tuple[Floats, Floats] | None
    scores: Patterns | None


def head_bound(rows: Rows, head: tuple[int, str, str], model: Model) -> float:
    """No product of a weight and a factor is further from zero, among the rows of an arm."""
    arm, weight, factor = head
    return weight_bound(weight, model, arm) * factor_bound(rows, factor, arm, model) * (1 + SLACK)


def term_bound(rows: Rows, t: Term, model: Model) -> float:
    """No summand is further from zero."""
    return head_bound(rows, (t.arm, t.weight, t.factor), model) * float(rows.bound[t.i] * rows.bound[t.j])


def checked(found: Totals, rows: Rows) -> Totals:
    """The same answers.

    Raises:
        SourceError: if they are not finite, or not of the rows that were profiled.
    """
    if rows.count and int(found.rows.sum()) != rows.count:
        raise SourceError.changed()
    if not all(np.isfinite(array).all() for array in found.values.values()):
        raise SourceError.engine("a sum of finite numbers is not finite")
    return found
