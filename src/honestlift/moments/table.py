"""The answer: a table of sums per cluster and cell, a few kilobytes to megabytes, which merges with ``+``."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from honestlift.errors import DataError
from honestlift.moments.spec import Sum

Label = str | int | float | bool | None

WHOLE = 2**53
"""Whole numbers up to it are doubles, each one."""

LARGEST = 1e150
"""Distance from zero above which a square does not fit a double."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Key:
    """A grouping column: every cell's value as an index into the sorted values that occur.

    Attributes:
        codes: (C,) index into ``labels``.
        labels: the values, sorted.
    """

    codes: NDArray[np.int64]
    labels: tuple[Label, ...]

    def __post_init__(self) -> None:
        self.codes.setflags(write=False)

    @property
    def numbers(self) -> NDArray[np.float64]:
        """(labels,) each label as a double: NaN for none, 0 for text."""
        text = str in set(map(type, self.labels))
        return np.array([0.0 if isinstance(v, str) else v for v in self.labels] if text else self.labels, dtype=np.float64)

    def values(self) -> list[Label]:
        """The value of every cell."""
        return [self.labels[code] for code in self.codes]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Moments:
    """Sums per cell, about the origin of each column.

    Attributes:
        keys: the grouping columns, the cluster first; cells stand in the order of their values.
        rows: (C,) rows per cell.
        sums: each requested sum, (C,).
        origin: what was taken off each column before it was multiplied and summed.
        parts: the tables that this one was merged from; empty if it came from one scan.
    """

    keys: Mapping[str, Key]
    rows: NDArray[np.int64]
    sums: Mapping[Sum, NDArray[np.float64]]
    origin: Mapping[str, float]
    parts: tuple[Moments, ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        for array in (self.rows, *self.sums.values()):
            array.setflags(write=False)

    @property
    def cells(self) -> int:
        """Number C of cells."""
        return self.rows.size

    def __add__(self, other: Moments) -> Moments:
        """The sums of both tables' rows together, which must be different rows.

        Merging is associative and commutative to the bit: the merged table remembers its parts, and sums them anew,
        in an order of their own and with one rounding (Shewchuk 1997, by ``math.fsum``).

        Raises:
            DataError: if the two were not asked for the same sums by the same keys.
        """
        parts = sorted([*(self.parts or (self,)), *(other.parts or (other,))], key=_rank)
        if any(_asked(part) != _asked(self) for part in parts):
            raise DataError.unlike_moments()
        return _pool(parts, tuple(parts[0].sums))

    def recentred(self, origin: Mapping[str, float]) -> Moments:
        """The same sums about another origin: Σ(x−o)(y−p) from Σxy, Σx, Σy and the count over the same rows.

        Raises:
            DataError: if a sum is there without the sums of its factors, or the count, over the same rows.
        """
        shift = {name: self.origin[name] - origin[name] for name in self.origin}
        if not any(shift.values()):
            return self
        sums = {s: self._shifted(s, shift) for s in self.sums}
        return Moments(keys=self.keys, rows=self.rows, sums=sums, origin=dict(origin))

    def _shifted(self, s: Sum, shift: Mapping[str, float]) -> NDArray[np.float64]:
        if not s.factors:
            return self.sums[s]
        needed = {name: Sum((name,), s.present) for name in s.factors if len(s.factors) > 1}
        count = self.sums.get(Sum((), s.present)) if s.present else self.rows.astype(np.float64)
        if count is None or any(one not in self.sums for one in needed.values()):
            raise DataError.cannot_recentre(" × ".join(s.factors))
        factors = list(s.factors)
        x, y = factors[0], factors[-1]
        if len(s.factors) == 1:
            return self.sums[s] + shift[x] * count
        return self.sums[s] + shift[x] * self.sums[needed[y]] + shift[y] * self.sums[needed[x]] + shift[x] * shift[y] * count

    def restricted(self, kept: NDArray[np.bool_]) -> Moments:
        """Some of the cells (C,) alone; values that occur in none of them are gone."""
        keys: dict[str, Key] = {}
        for name, key in self.keys.items():
            used, codes = np.unique(key.codes[kept], return_inverse=True)
            keys[name] = Key(codes=codes.ravel().astype(np.int64), labels=tuple(key.labels[int(i)] for i in used))
        return Moments(keys=keys, rows=self.rows[kept], sums={s: v[kept] for s, v in self.sums.items()}, origin=self.origin)

    def digest(self) -> str:
        """A hash of the whole table: equal for equal bytes, whatever road the rows took."""
        hashed = hashlib.sha256(self.rows.tobytes())
        for name, key in self.keys.items():
            hashed.update(f"{name}\0{key.labels!r}".encode() + key.codes.tobytes())
        for s in sorted(self.sums):
            hashed.update(f"{s!r}".encode() + self.sums[s].tobytes())
        hashed.update(repr(sorted(self.origin.items())).encode())
        return hashed.hexdigest()


def _pool(parts: Sequence[Moments], wanted: Sequence[Sum]) -> Moments:
    """One table from several, cell by cell, about the origin of the first."""
    origin = parts[0].origin
    centred = [part.recentred(origin) for part in parts]
    names = tuple(parts[0].keys)
    labels = {name: sorted({v for part in parts for v in part.keys[name].labels}, key=order_of) for name in names}
    where = {name: {label: i for i, label in enumerate(labels[name])} for name in names}
    codes = [np.stack([_recoded(part.keys[n], where[n]) for n in names], axis=1) for part in parts]
    cells, index = np.unique(np.concatenate(codes), axis=0, return_inverse=True)
    slots = np.split(index.ravel(), np.cumsum([part.cells for part in parts])[:-1])
    rows = np.zeros(len(cells), dtype=np.int64)
    stacked = {s: np.zeros((len(cells), len(parts))) for s in wanted}
    for i, (part, slot) in enumerate(zip(centred, slots, strict=True)):
        rows[slot] += part.rows
        for s in wanted:
            stacked[s][slot, i] = part.sums[s]
    return Moments(
        keys={name: Key(codes=cells[:, j].astype(np.int64), labels=tuple(labels[name])) for j, name in enumerate(names)},
        rows=rows,
        sums={s: np.array([math.fsum(row) for row in values]) for s, values in stacked.items()},
        origin=origin,
        parts=tuple(parts),
    )


def _rank(part: Moments) -> tuple[int, str]:
    return -int(part.rows.sum()), part.digest()


def _asked(part: Moments) -> tuple[tuple[str, ...], frozenset[Sum], frozenset[str]]:
    return tuple(part.keys), frozenset(part.sums), frozenset(part.origin)


def _recoded(key: Key, where: Mapping[Label, int]) -> NDArray[np.int64]:
    """Each cell's value by its place in the merged labels."""
    return np.array([where[label] for label in key.labels], dtype=np.int64)[key.codes]


def require_doubles(name: str, role: str, key: Key, rows: NDArray[np.int64]) -> None:
    """Every number of a grouping column is finite, itself a double, and its square fits one.

    Args:
        name: the column.
        role: what it is in the study.
        key: its values.
        rows: (C,) rows per cell.

    Raises:
        DataError: if one is infinite, a whole number beyond 2^53, or too large.
    """
    size = np.abs(key.numbers)
    wild = np.flatnonzero(np.isinf(size))
    if wild.size:
        raise DataError.infinite(name, role, int(rows[np.isin(key.codes, wild)].sum()))
    beyond = (key.labels[code] for code in np.flatnonzero(size >= WHOLE))
    if any(isinstance(label, int) and abs(label) > WHOLE for label in beyond):
        raise DataError.beyond_doubles(name, role)
    largest = float(np.max(size, initial=0.0, where=~np.isnan(size)))
    if largest > LARGEST:
        raise DataError.too_large(name, largest)


def order_of(label: Label) -> tuple[int, int | float, str]:
    """Numbers by size, then text, then nothing at all: an order for values of any kind."""
    if label is None:
        return (2, 0, "")
    return (1, 0, label) if isinstance(label, str) else (0, label, "")
