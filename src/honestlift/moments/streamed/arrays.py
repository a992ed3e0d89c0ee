"""Sums over the rows of an opt-in study in this process: blocks of arrays, exact in any order, many times as fast as queries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from honestlift.errors import SourceError
from honestlift.moments.exact import grid
from honestlift.moments.expressions import rounded
from honestlift.moments.patterns import Patterns
from honestlift.moments.streamed.blocks import BLOCK, Block, Groups, add_up
from honestlift.moments.streamed.influences import Influence, directions_of, influence_bound, of_row
from honestlift.moments.streamed.slices import SLICES, Products, cut, exponent
from honestlift.moments.streamed.terms import Term, Totals, checked, head_bound
from honestlift.moments.streamed.weights import SLACK, Model, Range, Ranges, Rows, wider

Floats = NDArray[np.float64]
Head = tuple[int, str, str]
"""The arm, weight and factor of a term."""


def total(rows: Rows, terms: Sequence[Term], model: Model) -> Totals:
    """Add up terms over all rows in one scan; see ``engine.total``.

    Raises:
        SourceError: if the engine fails, or the rows are no longer those that were profiled.
    """
    wanted = list(dict.fromkeys(terms))
    return _totals(*add_up(rows, model, lambda: _Terms(rows, wanted, model)), rows)


def total_with_scores(rows: Rows, terms: Sequence[Term], model: Model, steps: int) -> tuple[Totals, Patterns]:
    """The same, and the rows by arm and score on a grid of so many steps, in the same scan; see ``engine.by_score``.

    Raises:
        SourceError: if the engine fails, or the rows are no longer those that were profiled.
    """
    wanted, scores = list(dict.fromkeys(terms)), _Scores(rows, steps)
    adders, groups = add_up(rows, model, lambda: _Both(_Terms(rows, wanted, model), scores))
    return _totals([a.terms for a in adders], groups, rows), scores.patterns()


def _totals(adders: Sequence[_Terms], groups: Groups, rows: Rows) -> Totals:
    whole, (labels, places) = adders[0], groups.sorted()
    for other in adders[1:]:
        whole.merge(other)
    values = {t: v[places] for t, v in whole.values().items()}
    return checked(Totals(values=values, groups=labels, rows=whole.count[places]), rows)


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
            left=np.empty((m + k, BLOCK)),
            sides=(np.empty((SLICES, m, BLOCK)), np.empty((SLICES, k, BLOCK))),
        )

    def add(self, block: Block) -> None:
        n, m = block.rows, len(self.heads)
        for h, (arm, weight, factor) in enumerate(self.heads):
            np.multiply(block.weight(weight), block.factor(factor, arm), out=self.left[h, :n])
        for c, (i, j) in enumerate(self.columns):
            one, two = (block.column(f"z{v}") if v else 1.0 for v in (i, j))
            np.multiply(one, two, out=self.left[m + c, :n])
        left = cut(self.left[:m, :n], self.products.left, self.sides[0])
        if not self.products.add(left, cut(self.left[m:, :n], self.products.right, self.sides[1]), block.runs):
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

    def add(self, arm: int, block: Block) -> None:
        for group, start, stop in block.runs:
            self.count[group] += stop - start
        for family in self.families[arm]:
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


def ranges(rows: Rows, predictors: Mapping[str, Floats]) -> dict[str, Ranges]:
    """Least and greatest value of each linear predictor over the rows of either arm; an arm without rows has the range 0 to 0.

    Raises:
        SourceError: if the engine fails.
    """
    none = Model(propensity=np.zeros(rows.columns))
    adders, _ = add_up(rows.ungrouped(), none, lambda: _Ends(list(predictors.values())))
    low = np.min([a.low for a in adders], axis=0)
    high = np.max([a.high for a in adders], axis=0)

    def of(arm: int, i: int) -> Range:
        return wider((float(low[arm, i]), float(high[arm, i])) if low[arm, i] <= high[arm, i] else (0.0, 0.0), 0.0)

    return {name: (of(0, i), of(1, i)) for i, name in enumerate(predictors)}


class _Ends:
    """The ends of lines in both arms, (2, lines)."""

    def __init__(self, lines: Sequence[Floats]) -> None:
        self.lines = lines
        self.low, self.high = np.full((2, len(lines)), np.inf), np.full((2, len(lines)), -np.inf)

    def add(self, arm: int, block: Block) -> None:
        for i, beta in enumerate(self.lines):
            line = block.line(beta)
            self.low[arm, i] = min(self.low[arm, i], line.min())
            self.high[arm, i] = max(self.high[arm, i], line.max())


def covariances(rows: Rows, pairs: Sequence[tuple[Influence, Influence]], model: Model) -> list[Floats]:
    """Σ IF IF' of each pair of means, (2, 2) each, rows independent, in one scan; see ``engine.covariances``.

    Raises:
        SourceError: if the engine fails.
    """
    adders, _ = add_up(rows.ungrouped(), model, lambda: _Squares(rows, pairs, model))
    sums = np.sum([a.sums for a in adders], axis=0).sum(axis=(0, 1))
    if not np.isfinite(sums).all():
        raise SourceError.engine("a sum of finite numbers is not finite")
    return [np.array([[v00, v01], [v01, v11]]) for v00, v01, v11 in sums]


class _Squares:
    """Products of the influences of each pair, by arm, what a grid keeps and what it leaves over, (2, 2, pairs, 3)."""

    def __init__(self, rows: Rows, pairs: Sequence[tuple[Influence, Influence]], model: Model) -> None:
        self.pairs = pairs
        self.sums = np.zeros((2, 2, len(pairs), 3))
        self.grids = np.array([[_grids(rows, pair, arm, model) for pair in pairs] for arm in (0, 1)])[..., None]
        self.both, self.products, self.parts = np.empty((2, BLOCK)), np.empty((3, BLOCK)), np.empty((2, 3, BLOCK))
        self.lines: list[list[Floats]] = [[], []]
        self.places = [[[self._placed(one, a, arm) for a, one in enumerate(pair)] for pair in pairs] for arm in (0, 1)]

    def _placed(self, one: Influence, own: int, arm: int) -> dict[str, int]:
        """Which line is along each direction of an influence; equal directions share one."""
        lines, made = self.lines[arm], dict[str, int]()
        for name, v in directions_of(one).items():
            if name != "vm" or own == arm:
                made[name] = next((i for i, line in enumerate(lines) if np.array_equal(line, v)), len(lines))
                lines += [v] if made[name] == len(lines) else []
        return made

    def add(self, arm: int, block: Block) -> None:
        n, lines = block.rows, [block.line(v) for v in self.lines[arm]]
        both, products = self.both[:, :n], self.products[:, :n]
        for p, pair in enumerate(self.pairs):
            for a, one in enumerate(pair):
                along = self.places[arm][p][a]

                def column(name: str, along: dict[str, int] = along) -> Floats:
                    return lines[along[name]] if name in along else block.column(name)

                both[a] = of_row(one, arm, "", column, block.weight)
            np.multiply(both[0], both, out=products[:2])
            np.multiply(both[1], both[1], out=products[2])
            for part, constant in zip(self.parts[:, :, :n], self.grids[arm, p], strict=True):
                np.add(products, constant, out=part)
                np.subtract(part, constant, out=part)
                np.subtract(products, part, out=products)
            self.sums[arm, :, p] += self.parts[:, :, :n].sum(axis=2)


def _grids(rows: Rows, pair: tuple[Influence, Influence], arm: int, model: Model) -> list[list[float]]:
    """The constants that round the products 00, 01 and 11 to a grid, and what is left over to a finer one, (2, 3)."""
    size = [influence_bound(rows, one, arm, model) for one in pair]
    made = [grid(size[a] * size[b] * (1 + SLACK), rows.most, 0.0, 1.0) for a, b in ((0, 0), (0, 1), (1, 1))]
    return [[g.high for g in made], [g.low or 0.0 for g in made]]


class _Scores:
    """Rows by arm and score on a grid: how many, and the exact sums of the outcome and its square; see ``engine.by_score``."""

    def __init__(self, rows: Rows, steps: int) -> None:
        self.steps, self.lock = steps, Lock()
        self.count, self.sums = np.zeros((2, steps + 1)), np.zeros((2, 2, 2, steps + 1))
        self.grids = [grid(rows.outcome**power, rows.most, 0.0, 1.0) for power in (1, 2)]

    def add(self, arm: int, block: Block) -> None:
        place = np.floor(block.column("e") * float(self.steps) + 0.5).astype(np.int64)
        y = block.column("y")
        with self.lock:
            np.add.at(self.count[arm], place, 1.0)
            for i, (value, g) in enumerate(zip((y, y * y), self.grids, strict=True)):
                for j, part in enumerate(rounded(value, g).values()):
                    np.add.at(self.sums[i, j, arm], place, part)

    def patterns(self) -> Patterns:
        """One pattern per score, which is its only column."""
        there = np.flatnonzero(self.count.sum(axis=0))
        total, square = ((held[0] + held[1] + 0.0)[:, there].T for held in self.sums)
        score, count = there[:, None] / float(self.steps), self.count[:, there].T
        return Patterns(names=("propensity",), x=score, count=count, total=total, square=square)


class _Both:
    """Terms, and scores that all threads add to the same table."""

    def __init__(self, terms: _Terms, scores: _Scores) -> None:
        self.terms, self.scores = terms, scores

    def add(self, arm: int, block: Block) -> None:
        self.terms.add(arm, block)
        self.scores.add(arm, block)
