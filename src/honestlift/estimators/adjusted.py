"""Covariate adjustment from cluster means: which covariates a study can bear, and the regressors that they become."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Form = Literal["interacted", "additive", "none"]

CLUSTERS_PER_COLUMN = 4
"""Clusters beyond those that arms and strata take, for each column of covariates; a judgement, as the next two are."""

FEWEST, FEWEST_PER_COLUMN = 10, 5
"""Clusters in each arm from which covariates are interacted with it: 10 + 5 for each column."""

LONE = 0.9
"""Share of a column's variation above which a single cluster is all that it tells apart."""

SMALLEST_PIVOT = 1e-8
"""Share of a column's sum of squares, left over by the columns before it, below which it says nothing new."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Covariate:
    """What is known of every cluster from one column of the rows: a mean, or the shares of a category's levels.

    Attributes:
        name: the column.
        values: (G, m) means about any origin; levels but the first.
    """

    name: str
    values: Floats

    def __post_init__(self) -> None:
        self.values.setflags(write=False)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Adjustment:
    """The covariates of one outcome, as they are used.

    Attributes:
        form: ``interacted`` with the arm, ``additive``, or ``none`` where no covariate could be used.
        used, left_out: names of the covariates that are adjusted for, and of those that are not.
        names: (q,) names of the columns.
        values: (G, q) cluster means.
    """

    form: Form
    used: tuple[str, ...]
    left_out: tuple[str, ...]
    names: tuple[str, ...]
    values: Floats

    def __post_init__(self) -> None:
        self.values.setflags(write=False)

    def columns(self, arm: NDArray[np.bool_], weight: Floats) -> tuple[Floats, tuple[str, ...]]:
        """Regressors of every cluster: its means, centred so that the coefficient of the arm stays the average effect.

        The mean of the cluster is used, not the value of the user: a covariate that predicts only within clusters would add noise
        between them (Su & Ding 2021, J. R. Stat. Soc. B 83). Interacted as in Lin (2013, Ann. Appl. Stat. 7).

        Args:
            arm: (G,) whether the cluster is treated.
            weight: (G,) what a cluster counts in the mean at which the columns are centred: its users, or one.

        Returns:
            (G, q) or (G, 2q) columns, and their names.
        """
        centred = self.values - np.einsum("g,gj->j", weight, self.values) / weight.sum()
        if self.form != "interacted":
            return centred, self.names
        products = tuple(f"itt × {name}" for name in self.names)
        return np.concatenate([centred, centred * arm[:, None]], axis=1), (*self.names, *products)


def choose(covariates: Sequence[Covariate], arm: NDArray[np.bool_], base: Floats, weights: Floats, form: Form) -> Adjustment:
    """The covariates that so many clusters can bear, in the order of the study; the outcome is not looked at.

    A column is left out if it says nothing beyond the arms, the strata and the columns before it, or if it tells one cluster apart
    and nothing else; a covariate, if there would be more than one column for every four clusters.

    Args:
        covariates: what is known of the clusters.
        arm: (G,) whether the cluster is treated.
        base: (G, m) the regressors that are there anyway: intercept, arm, strata.
        weights: (W, G) what the clusters count, in each regression that is to use the covariates.
        form: what is asked for; ``interacted`` becomes additive where an arm has fewer than 10 + 5q clusters.
    """
    if form == "none":
        return _adjustment([], covariates, "none")
    budget = max(0, (arm.size - base.shape[1]) // CLUSTERS_PER_COLUMN)
    kept = _kept(covariates, arm, base, weights, budget, interacted=False)
    if form == "interacted" and min(int(arm.sum()), int((~arm).sum())) >= FEWEST + FEWEST_PER_COLUMN * _width(kept):
        both = _kept(kept, arm, base, weights, budget, interacted=True)
        if _width(both) == _width(kept):
            return _adjustment(kept, covariates, "interacted")
    return _adjustment(kept, covariates, "additive")


def _adjustment(kept: Sequence[Covariate], covariates: Sequence[Covariate], form: Form) -> Adjustment:
    clusters = covariates[0].values.shape[0] if covariates else 0
    used = tuple(c.name for c in kept)
    names = tuple(n for c in kept for n in _column_names(c))
    return Adjustment(
        form=form if kept else "none",
        used=used,
        left_out=tuple(c.name for c in covariates if c.name not in used),
        names=names,
        values=np.concatenate([np.empty((clusters, 0)), *(c.values for c in kept)], axis=1),
    )


def _column_names(covariate: Covariate) -> tuple[str, ...]:
    m = covariate.values.shape[1]
    return (f"mean {covariate.name}",) if m == 1 else tuple(f"mean {covariate.name} {j + 1}" for j in range(m))


def _kept(
    covariates: Sequence[Covariate], arm: NDArray[np.bool_], base: Floats, weights: Floats, budget: int, *, interacted: bool
) -> list[Covariate]:
    """The covariates with those of their columns that say something new, as many as the budget allows."""
    spans = [_extended([], np.sqrt(w)[:, None] * base) or [] for w in weights]
    kept: list[Covariate] = []
    for covariate in covariates:
        x = covariate.values - covariate.values.mean(axis=0)
        new: list[int] = []
        longer = spans
        for j in range(x.shape[1]):
            columns = np.stack([x[:, j], x[:, j] * arm], axis=1) if interacted else x[:, [j]]
            tried = [_extended(s, np.sqrt(w)[:, None] * columns, strict=True) for s, w in zip(longer, weights, strict=True)]
            if all(span is not None for span in tried):
                new, longer = [*new, j], [span for span in tried if span is not None]
        if new and _width(kept) + len(new) <= budget:
            kept.append(replace(covariate, values=covariate.values[:, new]))
            spans = longer
    return kept


def _width(covariates: Sequence[Covariate]) -> int:
    return sum(c.values.shape[1] for c in covariates)


def _extended(span: list[Floats], columns: Floats, *, strict: bool = False) -> list[Floats] | None:
    """An orthonormal basis with more columns; ``strict``: None if one of them says nothing new, or of one cluster only."""
    made = list(span)
    for column in columns.T:
        left = column
        for _ in range(2):  # twice is enough (Kahan, in Parlett 1980)
            for known in made:
                left = left - float(np.einsum("g,g->", known, left)) * known
        square, whole = float(np.einsum("g,g->", left, left)), float(np.einsum("g,g->", column, column))
        new = square > SMALLEST_PIVOT * whole
        if strict and (not new or float((left**2).max()) > LONE * square):
            return None
        if new:
            made.append(left / np.sqrt(square))
    return made
