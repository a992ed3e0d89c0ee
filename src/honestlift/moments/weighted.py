"""Sums over the rows of an opt-in study that the engine computes: weights that follow from fits, times products of columns.

Where covariates are continuous the rows do not collapse to patterns, and stay where they are. Every sum that an estimator needs
is a ``Term``; one scan answers many of them, per workspace or bucket, rounded to grids so that no order of adding moves a bit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import narwhals as nw
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from honestlift.errors import SourceError
from honestlift.moments.exact import grid
from honestlift.moments.expressions import levels, rounded
from honestlift.moments.fetched import key_of
from honestlift.moments.patterns import Patterns
from honestlift.moments.scan import Frame, collect
from honestlift.moments.table import Label, order_of
from honestlift.moments.weights import SLACK, Model, Rows, factor_bound, staged, weight_bound, weight_expression

Floats = NDArray[np.float64]

MOST_SUMS = 240
"""Sums in one query; more are split over several."""

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


def total(rows: Rows, terms: Sequence[Term], model: Model) -> Totals:
    """Add up terms, those of each arm over its own rows; one scan of an arm for up to ``MOST_SUMS`` of them.

    Args:
        rows: the rows.
        terms: what is asked for; each once.
        model: the fits at which weights and factors are taken.

    Raises:
        SourceError: if the engine fails, or the rows are no longer those that were profiled.
    """
    wanted = list(dict.fromkeys(terms))
    arms = [_of_arm(rows.of_arm(arm), [t for t in wanted if t.arm in (arm, -1)], model) for arm in (0, 1)]
    groups = tuple(sorted({label for arm in arms for label in arm.groups}, key=order_of))
    place = {label: i for i, label in enumerate(groups)}
    where = [np.array([place[label] for label in arm.groups], dtype=np.int64) for arm in arms]

    def both(of: Callable[[Totals], Floats | None]) -> Floats:
        made = np.zeros(len(groups))
        for arm, slots in zip(arms, where, strict=True):
            found = of(arm)
            if found is not None:
                made[slots] += found
        return made

    rows_of = both(lambda arm: arm.rows)
    if rows.count and int(rows_of.sum()) != rows.count:
        raise SourceError.changed()
    values = {term: both(lambda arm, t=term: arm.values.get(t)) for term in wanted}
    if not all(np.isfinite(array).all() for array in values.values()):
        raise SourceError.engine("a sum of finite numbers is not finite")
    return Totals(values=values, groups=groups, rows=rows_of)


def _of_arm(rows: Rows, terms: Sequence[Term], model: Model) -> Totals:
    """The terms over the rows of one arm, which their weights then need not pick out."""
    frame = staged(rows, [t.weight for t in terms], [t.factor for t in terms], model)
    parts = [_query(rows, frame, terms[i : i + MOST_SUMS], model) for i in range(0, max(len(terms), 1), MOST_SUMS)]
    if any(part.groups != parts[0].groups or not np.array_equal(part.rows, parts[0].rows) for part in parts):
        raise SourceError.changed()
    values = {term: array for part in parts for term, array in part.values.items()}
    return Totals(values=values, groups=parts[0].groups, rows=parts[0].rows)


def _factor(name: str, arm: int) -> nw.Expr:
    y = nw.col("y")
    return {"y": y, "yy": y * y, "r": y - nw.col(f"m{max(arm, 0)}"), "m0": nw.col("m0"), "m1": nw.col("m1")}[name]


def _query(rows: Rows, frame: Frame, terms: Sequence[Term], model: Model) -> Totals:
    """One aggregation: weights, then weights times factors, then these times columns and rounded, then added up."""
    heads = list(dict.fromkeys((t.arm, t.weight, t.factor) for t in terms))
    names = {head: f"u{i}" for i, head in enumerate(heads)}
    made: list[nw.Expr] = []
    for (arm, weight, factor), name in names.items():
        parts = [weight_expression(weight)] if weight != "one" else []
        parts += [_factor(factor, arm)] if factor else []
        made.append((math.prod(parts[1:], start=parts[0]) if parts else nw.lit(1.0)).alias(name))
    pairs = sorted({(t.i, t.j) for t in terms if t.i and t.j})
    singles = sorted({t.i or t.j for t in terms if bool(t.i) != bool(t.j)})
    made += [(nw.col(f"z{i}") * nw.col(f"z{j}")).alias(f"p{i}_{j}") for i, j in pairs]
    keys = ["g"] if rows.grouped else []
    frame = frame.select(*keys, *[f"z{j}" for j in singles], *made) if terms else frame
    summands: list[nw.Expr] = []
    sums: list[str] = []
    for i, t in enumerate(terms):
        head, column = names[t.arm, t.weight, t.factor], f"p{t.i}_{t.j}" if t.i and t.j else f"z{t.i or t.j}"
        product = nw.col(head) if t.i == t.j == 0 else nw.col(column) if _plain(t) else nw.col(head) * nw.col(column)
        bound = _bound(rows, t, model)
        g = grid(bound, rows.limit, bound / TYPICAL if t.precise else math.inf, float(rows.limit))
        summands += [part.alias(f"s{i}{level}") for level, part in rounded(product, g).items()]
        sums += [f"s{i}{level}" for level in levels(g)]
    counted = [nw.len().alias("n"), *[nw.col(s).sum() for s in sums]]
    frame = frame.select(*keys, *summands) if terms else frame
    return _answer(collect(frame.group_by("g").agg(*counted) if rows.grouped else frame.select(*counted)), terms, rows.grouped)


def _plain(t: Term) -> bool:
    """Whether a term counts every row alike."""
    return t.weight == "one" and not t.factor


def _answer(table: pa.Table, terms: Sequence[Term], grouped: bool) -> Totals:
    labels: tuple[Label, ...] = (None,)
    order = np.arange(table.num_rows)
    if grouped:
        key = key_of(table.column("g"))
        labels, order = key.labels, np.argsort(key.codes, kind="stable")

    def column(name: str) -> Floats:
        return table.column(name).to_numpy().astype(np.float64)[order] if name in table.column_names else np.zeros(order.size)

    values = {t: column(f"s{i}h") + column(f"s{i}l") + 0.0 for i, t in enumerate(terms)}
    return Totals(values=values, groups=labels, rows=column("n"))


def _bound(rows: Rows, t: Term, model: Model) -> float:
    """No summand is further from zero."""
    made = weight_bound(t.weight, model, t.arm) * float(rows.bound[t.i] * rows.bound[t.j])
    return made * factor_bound(rows, t.factor, t.arm, model) * (1 + SLACK)


def by_score(rows: Rows, model: Model, steps: int) -> Patterns:
    """Rows by arm and score, the score on a grid, floor(e·steps + ½)/steps: one pattern per score, which is its only column.

    Raises:
        SourceError: if the engine fails.
    """
    frame = staged(rows, ["e"], [], model)
    place = (nw.col("e") * float(steps) + 0.5).floor().cast(nw.Int64).alias("place")
    size = rows.most
    y = nw.col("y")
    grids = {"y": grid(rows.outcome, size, 0.0, 1.0), "yy": grid(rows.outcome**2, size, 0.0, 1.0)}
    made = {f"{n}{level}": part for n, e in (("y", y), ("yy", y * y)) for level, part in rounded(e, grids[n]).items()}
    frame = frame.select(place, nw.col("t").cast(nw.Int32).alias("t"), *[part.alias(name) for name, part in made.items()])
    table = collect(frame.group_by("place", "t").agg(nw.len().alias("n"), *[nw.col(name).sum() for name in made]))
    places, where = np.unique(table.column("place").to_numpy(), return_inverse=True)
    arm = table.column("t").to_numpy().astype(np.int64)

    def spread(*names: str) -> Floats:
        values = np.zeros((places.size, 2))
        values[where, arm] = sum(table.column(n).to_numpy().astype(np.float64) for n in names if n in made or n == "n")
        return values

    score = places[:, None] / float(steps)
    count, total, square = spread("n"), spread("yh", "yl"), spread("yyh", "yyl")
    return Patterns(names=("propensity",), x=score, count=count, total=total, square=square)
