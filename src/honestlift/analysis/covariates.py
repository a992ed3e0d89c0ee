"""What is known of every workspace before the treatment: means of numbers, shares of categories."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from honestlift.design.study import Study
from honestlift.estimators.adjusted import Covariate
from honestlift.moments.cells import Cells
from honestlift.moments.profile import Profile
from honestlift.moments.spec import Sum
from honestlift.moments.table import Label

ABSENT = "missing"
"""Name of the level of those without a category, where they are one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Where each covariate of a study is to be found.

    Attributes:
        measured: covariate to its measured columns: itself, or the 0/1 columns of its levels.
        grouped: covariate to the names of its levels among the counts of the cells.
    """

    measured: Mapping[str, Sequence[str]]
    grouped: Mapping[str, Sequence[str]]


def level_name(name: str, label: Label) -> str:
    """What the level of a category is called."""
    return f"{name} = {ABSENT if label is None else label}"


def covariates_of(
    cells: Cells, study: Study, columns: Columns, indicators: Mapping[str, NDArray[np.float64]], profile: Profile
) -> dict[str, Covariate]:
    """Every covariate and every ``pre`` of a metric, by the name of its column."""
    made: dict[str, Covariate] = {}
    for name in study.covariates:
        if name in columns.grouped:
            shares = [cells.shares(indicators[level]) for level in columns.grouped[name][1:]]
            made[name] = _covariate(name, shares, cells)
        else:
            measured = columns.measured[name]
            made[name] = _covariate(name, _means(cells, study, measured if measured == [name] else measured[1:], profile), cells)
    for metric in study.metrics:
        if metric.pre and metric.pre not in made:
            made[metric.pre] = _covariate(metric.pre, _means(cells, study, [metric.pre], profile), cells)
    return made


def _covariate(name: str, values: Sequence[NDArray[np.float64]], cells: Cells) -> Covariate:
    return Covariate(name=name, values=np.stack(values, axis=1) if values else np.empty((cells.arm.size, 0)))


def _means(cells: Cells, study: Study, names: Sequence[str], profile: Profile) -> list[NDArray[np.float64]]:
    """Means over those of whom a column is known; and the share of the others, where these are a category."""
    made = [cells.means(name) for name in names]
    if study.missing == "category":
        gaps = [name for name in names if profile.columns[name].missing]
        made += [cells.shares(cells.moments.rows - cells.moments.sums[Sum((), (name,))]) for name in gaps]
    return made
