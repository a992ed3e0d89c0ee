"""Sums over the rows of an opt-in study in any engine: one aggregation answers many, rounded to grids, exact in any order."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

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
from honestlift.moments.streamed.influences import Influence, directions_of, influence_bound, of_row, weights_of
from honestlift.moments.streamed.terms import TYPICAL, Term, Totals, checked, term_bound
from honestlift.moments.streamed.weights import (
    COLUMNS,
    FARTHEST,
    SLACK,
    WEIGHTS,
    Model,
    Range,
    Ranges,
    Rows,
    predictor,
    wider,
)
from honestlift.moments.table import Label, order_of

Floats = NDArray[np.float64]

MOST_SUMS = 240
"""Sums in one query; more are split over several."""

MOST_STACKS = 8
"""Estimators in one query; more are split over several."""


def total(rows: Rows, terms: Sequence[Term], model: Model) -> Totals:
    """Add up terms, one scan of an arm for up to ``MOST_SUMS`` of them; see ``sums.total``.

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
    values = {term: both(lambda arm, t=term: arm.values.get(t)) for term in wanted}
    return checked(Totals(values=values, groups=groups, rows=rows_of), rows)


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
        bound = term_bound(rows, t, model)
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


def ranges(rows: Rows, predictors: Mapping[str, Floats]) -> dict[str, Ranges]:
    """Least and greatest value of each linear predictor over the rows of either arm; an arm without rows has the range 0 to 0."""
    found = [_ranges(rows.of_arm(arm), predictors) for arm in (0, 1)]
    return {name: (found[0][name], found[1][name]) for name in predictors}


def _ranges(rows: Rows, predictors: Mapping[str, Floats]) -> dict[str, Range]:
    staged = rows.frame.select(*[predictor(beta).alias(name) for name, beta in predictors.items()])
    ends = [
        f(nw.col(name)).alias(f"{name}{end}") for name in predictors for end, f in (("low", nw.Expr.min), ("high", nw.Expr.max))
    ]
    row: dict[str, Any] = collect(staged.select(*ends)).to_pylist()[0]
    return {name: wider((float(row[f"{name}low"] or 0.0), float(row[f"{name}high"] or 0.0)), 0.0) for name in predictors}


def staged(rows: Rows, weights: Iterable[str], factors: Iterable[str], model: Model) -> Frame:
    """The frame with the columns that weights and factors need, a stage at a time so that each is computed once."""
    weights, factors = set(weights), set(factors)
    balancing = sorted(int(w.removeprefix("exp")) for w in weights if w.startswith("exp"))
    linear: dict[str, Floats] = {f"b{j}": model.balance[j] for j in balancing}
    if weights - {"one"} - {f"exp{j}" for j in balancing}:
        linear["eta"] = model.propensity
    if factors & {"r", "m0", "m1"}:
        assert model.outcomes is not None
        linear |= {"m0": model.outcomes[0], "m1": model.outcomes[1]}
    frame = rows.frame.with_columns(*[predictor(b).alias(n) for n, b in linear.items()]) if linear else rows.frame
    made = [nw.col(f"b{j}").clip(-FARTHEST, FARTHEST).exp().alias(f"exp{j}") for j in balancing]
    if "eta" in linear:
        made.append((-(nw.col("eta").abs())).clip(lower_bound=-FARTHEST).exp().alias("q"))
    frame = frame.with_columns(*made) if made else frame
    return _with_scores(frame) if "eta" in linear else frame


def _with_scores(frame: Frame) -> Frame:
    """The propensity e and f = 1 − e, neither by a subtraction that could lose its digits."""
    q, up = nw.col("q"), nw.col("eta") >= 0
    near, far = 1.0 / (1.0 + q), q / (1.0 + q)
    return frame.with_columns(nw.when(up).then(near).otherwise(far).alias("e"), nw.when(up).then(far).otherwise(near).alias("f"))


def weight_expression(name: str) -> nw.Expr:
    """A weight in terms of the staged columns."""
    if name == "one":
        return nw.lit(1.0)
    return nw.col(name) if name.startswith("exp") else WEIGHTS[name](COLUMNS)


def covariances(rows: Rows, pairs: Sequence[tuple[Influence, Influence]], model: Model) -> list[Floats]:
    """Σ IF IF' of each pair of means, (2, 2) each, rows independent.

    Args:
        rows: the rows.
        pairs: influences on the mean under control and under treatment.
        model: the fits.

    Raises:
        SourceError: if the engine fails.
    """
    made = [np.zeros((2, 2)) for _ in pairs]
    for arm in (0, 1):
        inside = rows.of_arm(arm)
        for first in range(0, len(pairs), MOST_STACKS):
            for i, v in enumerate(_stacks(inside, arm, pairs[first : first + MOST_STACKS], model), start=first):
                made[i] += v
    if not all(np.isfinite(v).all() for v in made):
        raise SourceError.engine("a sum of finite numbers is not finite")
    return made


def _stacks(rows: Rows, arm: int, pairs: Sequence[tuple[Influence, Influence]], model: Model) -> list[Floats]:
    """The sums over the rows of one arm."""
    each = [one for pair in pairs for one in pair]
    modelled = any(one.modelled or one.outcome is not None for one in each)
    frame = staged(rows, [name for one in each for name in weights_of(one)], ["m0"] if modelled else [], model)
    lines: dict[str, Floats] = {}
    for p, pair in enumerate(pairs):
        for a, one in enumerate(pair):
            lines |= {f"{name}{p}{a}": v for name, v in directions_of(one).items() if name != "vm" or a == arm}
    frame = frame.with_columns(*[predictor(v).alias(name) for name, v in lines.items()]) if lines else frame
    places = [(one, f"{p}{a}") for p, pair in enumerate(pairs) for a, one in enumerate(pair)]
    made = [(nw.lit(0.0) + of_row(one, arm, place, nw.col, weight_expression)).alias(f"f{place}") for one, place in places]
    frame = frame.select(*made)
    summands: list[nw.Expr] = []
    sums: list[str] = []
    for p, pair in enumerate(pairs):
        size = [influence_bound(rows, one, arm, model) for one in pair]
        for a, b in ((0, 0), (0, 1), (1, 1)):
            g = grid(size[a] * size[b] * (1 + SLACK), rows.most, 0.0, 1.0)
            parts = rounded(nw.col(f"f{p}{a}") * nw.col(f"f{p}{b}"), g)
            summands += [part.alias(f"s{p}{a}{b}{level}") for level, part in parts.items()]
            sums += [f"s{p}{a}{b}{level}" for level in levels(g)]
    row = collect(frame.select(*summands).select(*[nw.col(s).sum() for s in sums])).to_pylist()[0]
    found: list[Floats] = []
    for p in range(len(pairs)):
        v00, v01, v11 = (float(row[f"s{p}{ab}h"] or 0.0) + float(row.get(f"s{p}{ab}l") or 0.0) for ab in ("00", "01", "11"))
        found.append(np.array([[v00, v01], [v01, v11]]))
    return found
