"""Rows of the embedded engine in blocks of arrays, shared out to the threads of this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Event, Lock
from typing import Any, Protocol, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits  # pyright: ignore[reportMissingTypeStubs]

from honestlift.errors import SourceError
from honestlift.moments.fetched import key_of
from honestlift.moments.scan import Frame
from honestlift.moments.streamed.weights import FARTHEST, WEIGHTS, Model, Rows, Scores, predictor
from honestlift.moments.table import Label, order_of
from honestlift.source.blocks import arrays_of, arrow_batches, threads_of

Floats = NDArray[np.float64]

STRETCH = 64
"""Rows of the longest stretch of a group."""

BLOCK = 8192
"""Rows of a block: few enough that its columns stay in the cache of a core."""

FETCHED, GROUPED = 2**16, 2**20
"""Rows that come from the engine at once; more where they are sorted by group, so that a group has many of them."""

SMALL = 2**16
"""Groups that are numbered from zero up to here are told apart by a table."""


class Block:
    """Rows of one arm, and what formulas stand on, each computed once when it is asked for."""

    def __init__(self, arm: int, held: dict[str, Floats], model: Model, groups: NDArray[np.int64] | None, turn: Lock) -> None:
        """Take the arm of the rows, their columns ``t``, ``y``, ``z1`` …, the fits, and the group of each, which stand together.

        While many small things are done with a block, ``turn`` is to be held: threads that do so at once keep each other waiting.
        """
        self.arm, self._held, self._model, self.turn = arm, held, model, turn
        self.stretches = Stretches.of(self.rows, groups)
        self._heads: dict[tuple[str, str], Any] = {}

    @property
    def rows(self) -> int:
        """How many."""
        return self._held["t"].size

    def column(self, name: str) -> Floats:
        """A column, a predictor (``eta``, ``m0``, ``m1``, ``b0`` …), ``e``, ``f``, ``low`` or a balancing weight ``exp0`` …."""
        if name not in self._held:
            self._held[name] = self._made(name)
        return self._held[name]

    def weight(self, name: str) -> Any:
        """A weight by its name; the number 1 for ``one``."""
        if name == "one":
            return 1.0
        if name in WEIGHTS and name not in self._held:
            scores = Scores(*(self.column(n) for n in ("t", "e", "f", "low")))
            self._held[name] = WEIGHTS[name](scores)
        return self.column(name)

    def head(self, weight: str, factor: str) -> Any:
        """A weight times a factor, ``r`` that of the rows' own arm; the number 1 for neither."""
        key = (weight, factor)
        if key not in self._heads:
            self._heads[key] = self.weight(weight) * self._factor(factor) if factor else self.weight(weight)
        return self._heads[key]

    def design(self, j: int) -> Any:
        """A column of the design; the number 1 for the intercept."""
        return self._held[f"z{j}"] if j else 1.0

    def _factor(self, name: str) -> Floats:
        if name == "yy":
            return self.column("y") * self.column("y")
        return self.column("y") - self.column(f"m{self.arm}") if name == "r" else self.column(name)

    def line(self, beta: Floats) -> Floats:
        """β_0 + Σ β_j z_j, (n,)."""
        return np.broadcast_to(predictor(beta, self.column, float), (self.rows,))

    def _made(self, name: str) -> Floats:
        if name.startswith("exp"):
            return np.exp(np.clip(self.column(f"b{name.removeprefix('exp')}"), -FARTHEST, FARTHEST))
        if name.startswith("b"):
            return self.line(self._model.balance[int(name[1:])])
        if name.startswith("m"):
            assert self._model.outcomes is not None
            return self.line(self._model.outcomes[int(name[1:])])
        if name == "eta":
            return self.line(self._model.propensity)
        if name == "low":
            return (self.column("e") < 0.5).astype(np.float64)
        eta = self.column("eta")  # neither e nor f by a subtraction that could lose its digits
        q = np.exp(np.maximum(-np.abs(eta), -FARTHEST))
        near, far = 1.0 / (1.0 + q), q / (1.0 + q)
        self._held["e"], self._held["f"] = np.where(eta >= 0, near, far), np.where(eta >= 0, far, near)
        return self._held[name]


@dataclass(frozen=True, slots=True)
class Stretches:
    """The rows of a block in stretches of equal length, each of one group.

    Attributes:
        groups: (R,) the group of each; those of a group follow each other.
        count: (R,) its rows; the rest is filled up.
        index: (R · length,) the row at each place, n where there is none; None where every row stands where it is.
    """

    groups: NDArray[np.int64]
    count: NDArray[np.int64]
    index: NDArray[np.int64] | None

    @classmethod
    def of(cls, rows: int, groups: NDArray[np.int64] | None) -> Stretches:
        """Stretches so short that no more than a quarter is filled up, about, and no longer than ``STRETCH``."""
        if groups is None:
            return cls(np.zeros(1, dtype=np.int64), np.array([rows]), None)
        first = np.flatnonzero(np.diff(groups, prepend=-1))
        lengths = np.diff(first, append=rows)
        length = min(STRETCH, 1 << max((rows // first.size).bit_length() - 2, 0))
        each = -(-lengths // length)
        place = np.arange(int(each.sum())) - np.repeat(np.cumsum(each) - each, each)
        start, stop = np.repeat(first, each) + length * place, np.repeat(first + lengths, each)
        index = start[:, None] + np.arange(length)
        index = np.where(index < stop[:, None], index, rows)
        return cls(np.repeat(groups[first], each), np.minimum(stop - start, length), index.ravel())

    def filled(self, values: Floats) -> Floats:
        """Values of the rows, (m, n + 1) with zeros at the end, in the order of the stretches."""
        return values[:, :-1] if self.index is None else np.take(values, self.index, axis=1)


class Adding(Protocol):
    """What adds up blocks, and what was added up elsewhere."""

    def add(self, block: Block) -> None:
        """Add a block of rows of an arm."""
        ...


A = TypeVar("A", bound=Adding)


def here(frame: Frame) -> bool:
    """Whether the rows are in the embedded engine, and so in this process."""
    return bool(frame.implementation.is_duckdb())


def add_up(rows: Rows, model: Model, make: Callable[[], A], *, outcome: bool = True) -> tuple[list[A], Groups]:
    """Hand every block of the rows to one of as many adders as the engine has threads.

    Args:
        rows: they.
        model: the fits.
        make: a new adder, which has seen nothing.
        outcome: whether it looks at the outcome.

    Returns:
        The adders, and the groups that were met.

    Raises:
        SourceError: if the engine fails, or there are more groups than there were.
    """
    frame, groups = rows.frame, Groups(most=rows.groups)
    names = ["t", *(["y"] if outcome else []), *(f"z{j}" for j in range(1, rows.columns))]
    adders = [make() for _ in range(threads_of(frame))]
    wanted = [*names, "g"] if rows.grouped else names
    batches = arrow_batches(frame.select(*wanted), GROUPED if rows.grouped else FETCHED)
    lock, turn, over = Lock(), Lock(), Event()

    def run(adder: A) -> None:
        try:
            while not over.is_set():
                with lock:
                    batch = next(batches, None)
                    if batch is None:
                        return
                    codes = groups.codes_of(batch.column("g")) if rows.grouped else None
                for arm, held, own in _blocks(arrays_of(batch.select(names)), names, codes):
                    adder.add(Block(arm, held, model, own, turn))
        except BaseException:
            over.set()
            raise

    with threadpool_limits(1, "blas"), ThreadPoolExecutor(len(adders)) as pool:
        done = [pool.submit(run, adder) for adder in adders]
        try:
            for one in done:
                one.result()
        finally:
            over.set()
    return adders, groups


@dataclass(slots=True)
class Groups:
    """Labels of the groups, in the order in which they were met."""

    most: int
    places: dict[Label, int] = field(default_factory=dict[Label, int])

    def codes_of(self, column: Any) -> NDArray[np.int64]:
        """The place of the label of each row, (n,).

        Raises:
            SourceError: if there are more labels than there were.
        """
        small = _small(column)
        if small is None:
            key = key_of(pa.chunked_array([column]))
            return self._codes(key.labels)[key.codes]
        labels = np.flatnonzero(np.bincount(small))
        table = np.empty(int(labels[-1]) + 1 if labels.size else 0, dtype=np.int64)
        table[labels] = self._codes(labels.tolist())
        return table[small]

    def _codes(self, labels: Sequence[Label]) -> NDArray[np.int64]:
        code = np.array([self.places.setdefault(label, len(self.places)) for label in labels], dtype=np.int64)
        if len(self.places) > self.most:
            raise SourceError.changed()
        return code

    def sorted(self) -> tuple[tuple[Label, ...], NDArray[np.int64]]:
        """The labels by size and name, and the place of each; one without a name where there are no groups."""
        labels = sorted(self.places, key=order_of) or [None]
        return tuple(labels), np.array([self.places.get(label, 0) for label in labels], dtype=np.int64)


def _small(column: Any) -> NDArray[np.int64] | None:
    """The numbers of a column of small whole ones, as buckets are; None for any other."""
    if not pa.types.is_integer(column.type) or column.null_count:
        return None
    numbers: NDArray[Any] = column.to_numpy(zero_copy_only=False)
    if numbers.size and not (int(numbers.min()) >= 0 and int(numbers.max()) < SMALL):
        return None
    return numbers.astype(np.int64)


def _blocks(
    columns: Sequence[Floats], names: Sequence[str], codes: NDArray[np.int64] | None
) -> Iterator[tuple[int, dict[str, Floats], NDArray[np.int64] | None]]:
    """The rows of either arm, those of a group together, ``BLOCK`` at a time."""
    t = columns[names.index("t")]
    for arm in (0, 1):
        inside = np.flatnonzero(t == arm)
        own = None if codes is None else codes[inside]
        if own is not None:
            order = np.argsort(own.astype(np.uint16) if own.max(initial=0) < SMALL else own, kind="stable")  # 16 bits: by radix
            inside, own = inside[order], own[order]
        picked = [np.take(column, inside) for column in columns]
        for start in range(0, inside.size, BLOCK):
            part = None if own is None else own[start : start + BLOCK]
            yield arm, {name: column[start : start + BLOCK] for name, column in zip(names, picked, strict=True)}, part
