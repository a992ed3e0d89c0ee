"""Patterns: distinct covariate rows with their counts and sums, from which every opt-in estimate is computed without the rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Patterns:
    """Rows of an opt-in study, grouped by their covariates (and group); the last axis of ``(P, 2)`` is control, treated.

    With discrete covariates there are few patterns; with continuous ones there may be one per row. Nothing is lost either way:
    every estimating function is linear in the outcome, so that counts, sums and sums of squares per pattern are enough.

    Attributes:
        names: (k,) names of the covariate columns; no intercept.
        x: (P, k) their values.
        count: (P, 2) rows.
        total: (P, 2) sum of the outcome about the origin.
        square: (P, 2) sum of its squares about the origin.
        origin: what was taken off every outcome.
        group: (P,) index of the cluster, or of the bucket of units, from 0 to groups − 1; None without either.
        groups: number G of clusters or buckets; 0 without either.
        covariates: (k,) the covariate that each column belongs to: several columns for one category.
        references: covariate to the name of the level that has no column, for categories.
    """

    names: tuple[str, ...]
    x: Floats
    count: Floats
    total: Floats
    square: Floats
    origin: float = 0.0
    group: NDArray[np.int64] | None = None
    groups: int = 0
    covariates: tuple[str, ...] = ()
    references: Mapping[str, str] = field(default_factory=dict[str, str])

    def __post_init__(self) -> None:
        if not self.covariates:
            object.__setattr__(self, "covariates", self.names)
        for array in (self.x, self.count, self.total, self.square, self.group):
            if array is not None:
                array.setflags(write=False)

    @property
    def size(self) -> int:
        """Number P of patterns."""
        return self.count.shape[0]

    @property
    def arms(self) -> tuple[float, float]:
        """Rows of the control and of the treated arm."""
        n = self.count.sum(axis=0)
        return float(n[0]), float(n[1])

    @property
    def rows(self) -> float:
        """Number n of rows."""
        return float(self.count.sum())

    def sum_over_rows(self, level: Floats, slope: Floats | None = None) -> Floats:
        """Σ over the rows of each pattern of level + slope·(y − origin), both arms together, (P,).

        Args:
            level: (P, 2).
            slope: (P, 2); None for zero.
        """
        made = self.count[:, 0] * level[:, 0] + self.count[:, 1] * level[:, 1]
        return made if slope is None else made + (self.total[:, 0] * slope[:, 0] + self.total[:, 1] * slope[:, 1])

    def within(self) -> Floats:
        """Sum of squares of the outcome about its mean in each pattern and arm, (P, 2)."""
        safe = np.where(self.count > 0, self.count, 1.0)
        return np.maximum(self.square - self.total**2 / safe, 0.0)

    def means(self) -> Floats:
        """Mean of the outcome about the origin in each pattern and arm, (P, 2); zero where there is no row."""
        return self.total / np.where(self.count > 0, self.count, 1.0)

    def reweighted(self, weights: Floats) -> Patterns:
        """The same patterns with every row counted ``weights`` times, (P,): a resample, or a part of the rows."""
        w = weights[:, None]
        return replace(self, count=self.count * w, total=self.total * w, square=self.square * w)

    def kept(self, mask: NDArray[np.bool_]) -> Patterns:
        """The patterns where ``mask`` (P,) is true; groups keep their numbers."""
        return replace(
            self,
            x=self.x[mask],
            count=self.count[mask],
            total=self.total[mask],
            square=self.square[mask],
            group=None if self.group is None else self.group[mask],
        )

    def recoded(self) -> Patterns:
        """The same rows without columns that are constant among them; a category whose reference level is gone gets another."""
        kept = [j for j in range(len(self.names)) if self.size and float(np.ptp(self.x[:, j])) > 0]
        references = dict(self.references)
        for covariate in self.references:
            inside = [j for j in kept if self.covariates[j] == covariate]
            if inside and (self.x[:, inside].sum(axis=1) == 1).all():
                references[covariate] = self.names[inside[0]]
                kept.remove(inside[0])
        return replace(
            self,
            names=tuple(self.names[j] for j in kept),
            covariates=tuple(self.covariates[j] for j in kept),
            references={c: r for c, r in references.items() if any(self.covariates[j] == c for j in kept)},
            x=np.asfortranarray(self.x[:, kept]),
        )

    def places(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Where each pattern's covariate row stands among the distinct ones in the order of their values, (P,), and one of each."""
        order = np.lexsort(self.x.T[::-1]) if self.x.shape[1] else np.arange(self.size)
        x = self.x[order]
        first = np.ones(self.size, dtype=np.bool_)
        first[1:] = (x[1:] != x[:-1]).any(axis=1)
        place = np.empty(self.size, dtype=np.int64)
        place[order] = np.cumsum(first) - 1
        return place, order[first]

    def collapsed(self) -> Patterns:
        """The same rows with groups forgotten: one pattern per distinct covariate row, in the order of the values."""
        place, one = self.places()

        def added(values: Floats) -> Floats:
            return np.column_stack([tally(place, values[:, a], one.size) for a in (0, 1)])

        return replace(
            self,
            x=self.x[one],
            count=added(self.count),
            total=added(self.total),
            square=added(self.square),
            group=None,
            groups=0,
        )


def tally(index: NDArray[np.int64], weights: Floats, size: int) -> Floats:
    """Sum of the weights at each index, (size,)."""
    return np.asarray(np.bincount(index, weights, size), dtype=np.float64)


def patterns_of_rows(
    x: Floats,
    treated: NDArray[np.bool_],
    y: Floats,
    *,
    names: tuple[str, ...] = (),
    group: NDArray[np.int64] | None = None,
    origin: float | None = None,
) -> Patterns:
    """One pattern per row, as it is when a covariate is continuous.

    Args:
        x: (n, k) covariates, without an intercept.
        treated: (n,) whether the row opted in.
        y: (n,) outcome.
        names: (k,) names of the covariates; ``x1``, ``x2``, … by default.
        group: (n,) index of each row's cluster or bucket.
        origin: what is taken off every outcome; its mean by default.
    """
    about = float(np.mean(y)) if origin is None else origin
    arm = np.column_stack([~treated, treated]).astype(np.float64)
    centred = (np.asarray(y, dtype=np.float64) - about)[:, None]
    return Patterns(
        names=names or tuple(f"x{j + 1}" for j in range(x.shape[1])),
        x=np.asfortranarray(x, dtype=np.float64),
        count=arm,
        total=arm * centred,
        square=arm * centred**2,
        origin=about,
        group=None if group is None else np.asarray(group, dtype=np.int64),
        groups=0 if group is None else int(np.max(group)) + 1,
    )
