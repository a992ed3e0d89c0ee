"""Sums over the rows of an opt-in study in this process: blocks of arrays, exact in any order, many times as fast as queries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from honestlift.errors import SourceError
from honestlift.moments.streamed.blocks import BLOCK, Block, add_up
from honestlift.moments.streamed.features import Feature
from honestlift.moments.streamed.scores import ScoreTable
from honestlift.moments.streamed.slices import HALF, SLICES, Products, Squares, cut, exponent
from honestlift.moments.streamed.terms import Gathered, Term, Totals, checked, head_bound, term_bound
from honestlift.moments.streamed.weights import Model, Range, Ranges, Rows, wider

Floats = NDArray[np.float64]
Head = tuple[int, str, str]
"""The arm, weight and factor of a term."""
Both = tuple[Sequence[Feature], Sequence[Feature]]
"""The features of the rows of either arm."""


def total(rows: Rows, terms: Sequence[Term], model: Model) -> Totals:
    """Add up terms over all rows in one scan; see ``engine.total``.

    Raises:
        SourceError: if the engine fails, or the rows are no longer those that were profiled.
    """
    return gather(rows, terms, model).totals


def ranges(rows: Rows, predictors: Mapping[str, Floats]) -> dict[str, Ranges]:
    """Least and greatest value of each linear predictor over the rows of either arm; an arm without rows has the range 0 to 0.

    Raises:
        SourceError: if the engine fails.
    """
    none = Model(propensity=np.zeros(rows.columns))
    adders, _ = add_up(rows.ungrouped(), none, lambda: _Ends(list(predictors.values())), outcome=False)
    return dict(zip(predictors, _joined(adders), strict=True))


def gather(
    rows: Rows,
    terms: Sequence[Term],
    model: Model,
    *,
    lines: Mapping[str, Floats] | None = None,
    features: Both | None = None,
    steps: int = 0,
) -> Gathered:
    """Whatever is wanted of the rows, in one scan; see ``sums.gather``.

    Raises:
        SourceError: if the engine fails, or the rows are no longer those that were profiled.
    """
    wanted, found = list(dict.fromkeys(terms)), lines or {}
    scores = ScoreTable(rows.outcome, rows.most, steps) if steps else None

    def make() -> _Several:
        squares = _Squares(rows, features, model) if features else None
        return _Several(_Terms(rows, wanted, model), _Ends(list(found.values())) if found else None, squares, scores)

    outcome = bool(steps) or bool(features) or any(t.factor in ("y", "yy", "r") for t in wanted)
    adders, groups = add_up(rows, model, make, outcome=outcome)
    whole, (labels, places) = adders[0], groups.sorted()
    for other in adders[1:]:
        whole.merge(other)
    values = {t: v[places] for t, v in whole.terms.values().items()}
    return Gathered(
        totals=checked(Totals(values=values, groups=labels, rows=whole.terms.count[places]), rows),
        ranges=dict(zip(found, _joined([a.ends for a in adders if a.ends]), strict=True)) if found else {},
        squares=whole.squares.totals() if whole.squares else None,
        scores=scores.patterns() if scores else None,
    )


@dataclass(slots=True, eq=False)
class _Family:
    """Terms of an arm that are products of the same heads and columns."""

    heads: list[Head]
    columns: list[tuple[int, int]]
    products: Products
    left: Floats
    sides: tuple[Floats, Floats]

    @classmethod
    def of(cls, terms: Sequence[Term], rows: Rows, model: Model) -> _Family:
        heads = list(dict.fromkeys((t.arm, t.weight, t.factor) for t in terms))
        columns = sorted({(t.i, t.j) for t in terms})
        m, k = len(heads), len(columns)
        left = np.array([exponent(head_bound(rows, h, model)) for h in heads], dtype=np.int64)
        right = np.array([exponent(float(rows.bound[i] * rows.bound[j])) for i, j in columns], dtype=np.int64)
        return cls(
            heads=heads,
            columns=columns,
            products=Products(left, right, rows.groups),
            left=np.empty((m + k, BLOCK + 1)),
            sides=(np.empty((SLICES, m, 2 * BLOCK)), np.empty((SLICES, k, 2 * BLOCK))),
        )

    def add(self, block: Block) -> None:
        n, m, stretches = block.rows, len(self.heads), block.stretches
        with block.turn:
            for h, (_, weight, factor) in enumerate(self.heads):
                self.left[h, :n] = block.head(weight, factor)
            for c, (i, j) in enumerate(self.columns):
                np.multiply(block.design(i), block.design(j), out=self.left[m + c, :n])
            self.left[:, n] = 0.0
        both = stretches.filled(self.left[:, : n + 1])
        left, right = cut(both[:m], self.products.left, self.sides[0]), cut(both[m:], self.products.right, self.sides[1])
        if not self.products.add(left, right, stretches.groups):
            raise SourceError.engine("a sum of finite numbers is not finite")


class _Terms:
    """The terms of both arms."""

    def __init__(self, rows: Rows, terms: Sequence[Term], model: Model) -> None:
        self.terms, self.count = terms, np.zeros(rows.groups)
        self.families: dict[int, list[_Family]] = {}
        self.places: dict[tuple[int, Term], tuple[_Family, int, int]] = {}
        for arm in (0, 1):
            own = [t for t in terms if t.arm in (arm, -1)]
            parts = [[t for t in own if bool(t.i and t.j) is pair] for pair in (False, True)]
            self.families[arm] = [_Family.of(part, rows, model) for part in parts if part]
            for family, part in zip(self.families[arm], [p for p in parts if p], strict=True):
                for t in part:
                    place = (family.heads.index((t.arm, t.weight, t.factor)), family.columns.index((t.i, t.j)))
                    self.places[arm, t] = (family, *place)

    def add(self, block: Block) -> None:
        np.add.at(self.count, block.stretches.groups, block.stretches.count)
        for family in self.families[block.arm]:
            family.add(block)

    def merge(self, other: _Terms) -> None:
        self.count += other.count
        for arm, families in self.families.items():
            for mine, its in zip(families, other.families[arm], strict=True):
                mine.products.merge(its.products)

    def values(self) -> dict[Term, Floats]:
        """Each term in every group, (G,), in the order in which groups were met."""
        made = {t: np.zeros(self.count.size) for t in self.terms}
        totals = {id(family): family.products.totals() for families in self.families.values() for family in families}
        for (_, t), (family, h, c) in self.places.items():
            made[t] = made[t] + totals[id(family)][:, h, c]
        return made


class _Ends:
    """The ends of lines in both arms, (2, lines)."""

    def __init__(self, lines: Sequence[Floats]) -> None:
        self.lines = lines
        self.low, self.high = np.full((2, len(lines)), np.inf), np.full((2, len(lines)), -np.inf)

    def add(self, block: Block) -> None:
        arm = block.arm
        with block.turn:
            for i, beta in enumerate(self.lines):
                line = block.line(beta)
                self.low[arm, i] = min(self.low[arm, i], line.min())
                self.high[arm, i] = max(self.high[arm, i], line.max())


def _joined(adders: Sequence[_Ends]) -> list[Ranges]:
    """The ranges of the lines over what all of them saw."""
    low = np.min([a.low for a in adders], axis=0)
    high = np.max([a.high for a in adders], axis=0)

    def of(arm: int, i: int) -> Range:
        return wider((float(low[arm, i]), float(high[arm, i])) if low[arm, i] <= high[arm, i] else (0.0, 0.0), 0.0)

    return [(of(0, i), of(1, i)) for i in range(low.shape[1])]


class _Squares:
    """Sums of the products of every two features of an arm's rows."""

    def __init__(self, rows: Rows, features: Both, model: Model) -> None:
        self.features, most = features, max(map(len, features))
        bounds = [[term_bound(rows, Term(arm, w, f, 0, j), model) for w, f, j in own] for arm, own in enumerate(features)]
        self.sums = [Squares(np.array([exponent(b) for b in own], dtype=np.int64)) for own in bounds]
        self.held, self.slices = np.empty((most, BLOCK)), np.empty((2, most, BLOCK))

    def add(self, block: Block) -> None:
        own, sums, n = self.features[block.arm], self.sums[block.arm], block.rows
        held = self.held[: len(own), :n]
        with block.turn:
            for row, (weight, factor, j) in zip(held, own, strict=True):
                np.multiply(block.head(weight, factor), block.design(j), out=row)
        if not sums.add(cut(held, sums.ends, self.slices[:, : len(own)], HALF)):
            raise SourceError.engine("a sum of finite numbers is not finite")

    def merge(self, other: _Squares) -> None:
        for mine, its in zip(self.sums, other.sums, strict=True):
            mine.merge(its)

    def totals(self) -> tuple[Floats, Floats]:
        """(p, p) of either arm."""
        return self.sums[0].totals(), self.sums[1].totals()


@dataclass(slots=True, eq=False)
class _Several:
    """All that is added up in one scan; the scores in one table for all threads."""

    terms: _Terms
    ends: _Ends | None
    squares: _Squares | None
    scores: ScoreTable | None

    def add(self, block: Block) -> None:
        self.terms.add(block)
        for part in (self.ends, self.squares):
            if part:
                part.add(block)
        if self.scores:
            with block.turn:
                e, y = block.column("e"), block.column("y")
            self.scores.add(block.arm, e, y)

    def merge(self, other: _Several) -> None:
        self.terms.merge(other.terms)
        if self.squares and other.squares:
            self.squares.merge(other.squares)
