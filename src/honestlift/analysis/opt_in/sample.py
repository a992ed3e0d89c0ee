"""A hashed sample of users, drawn in their engine: what diagnostics look at where there are too many users to hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from honestlift.design.opt_in import OptInStudy
from honestlift.moments import scan
from honestlift.moments.choice import Arms, Covariate
from honestlift.moments.covariates import DesignColumns, design_frame, rescaled
from honestlift.moments.patterns import Patterns, patterns_of_rows
from honestlift.moments.profile import ColumnProfile
from honestlift.source.buckets import BUCKET, with_buckets
from honestlift.source.connect import Source

Floats = NDArray[np.float64]

SAMPLE = 2**18
"""Users of each arm, about, in the sample."""

SAMPLED = "\0sampled"
"""Column that says who is in it."""

FEWEST_SAMPLED = 4095
"""The sample takes at least one in so many users: no more buckets of text ids can be told apart."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Look:
    """What is known of the rows before they are profiled.

    Attributes:
        arms: the values of the treatment.
        covariates: in the order of the study.
        roles: every measured column, with what it is.
        group: column of the workspaces or buckets; None without.
        grouped: the rows with that column.
        rows: how many there are.
    """

    arms: Arms
    covariates: tuple[Covariate, ...]
    roles: Mapping[str, str]
    group: str | None
    grouped: Source
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sample:
    """A hashed sample of users, as arrays.

    Attributes:
        x: (n, k − 1) covariate columns as they came.
        treated: (n,) who opted in.
        outcomes: (n,) each, about their origins; NaN where missing.
        group: (n,) workspace or bucket of each, from 0 up; None without either.
    """

    x: Floats
    treated: NDArray[np.bool_]
    outcomes: Mapping[str, Floats]
    group: NDArray[np.int64] | None


def sampled_patterns(
    sample: Sample, design: DesignColumns, profiles: Mapping[str, ColumnProfile], column: str | None
) -> Patterns:
    """The sampled users (who have an outcome), one pattern each, unweighted.

    Args:
        sample: the users.
        design: their covariates.
        profiles: of the outcomes.
        column: the outcome; None for everybody.
    """
    y = np.zeros(sample.treated.size) if column is None else sample.outcomes[column]
    there = np.isfinite(y)
    group = None if sample.group is None else sample.group[there]
    made = patterns_of_rows(sample.x[there], sample.treated[there], y[there], names=design.names, origin=0.0, group=group)
    origin = 0.0 if column is None else profiles[column].origin
    covariates = tuple(c.covariate for c in design.columns)
    return replace(made, origin=origin, covariates=covariates, references=design.references)


def one_in_odd(rows: int, wanted: int) -> int:
    """An odd number: buckets and folds, whose number is even or a divisor of another hash, then do not go with the sample."""
    m = -(-rows // max(wanted, 1))
    return min(m if m % 2 else m + 1, FEWEST_SAMPLED)


def draw(
    source: Source,
    look: Look,
    study: OptInStudy,
    profiles: Mapping[str, ColumnProfile],
    design: DesignColumns,
    one_in: tuple[int, int],
) -> Sample:
    """One in so many users of each arm, by a hash of their id, in an order of their own."""
    d, arms, group = study.design, look.arms, look.group
    parts: list[Floats] = []
    groups: list[list[Any]] = []
    for label, m in zip((arms.control, arms.treated), one_in, strict=True):
        assert label is not None
        some = source.restricted(d.arm, [label])
        some = with_buckets(some, d.unit, m, SAMPLED).restricted(SAMPLED, [0]) if m > 1 else some
        some = with_buckets(some, d.unit) if group == BUCKET else some
        table = scan.collect(design_frame(some, d.arm, arms, group, profiles, design))
        names = [n for n in table.column_names if n != "g"]
        parts.append(np.column_stack([_floats(table.column(n)) for n in names]))
        groups.append(table.column("g").to_pylist() if group else [])
    rows = np.concatenate(parts)
    order = np.lexsort(rows.T[::-1])
    rows = rows[order]
    code = None
    if group:
        labels, code = np.unique(np.array([str(g) for part in groups for g in part]), return_inverse=True)
        code = (labels.astype(np.int64)[code] if group == BUCKET else code.astype(np.int64))[order]
    k = 1 + len(profiles)
    outcomes = {name: np.ascontiguousarray(rows[:, 1 + i]) for i, name in enumerate(profiles)}
    return Sample(x=rescaled(design, rows[:, k:]), treated=rows[:, 0] == 1.0, outcomes=outcomes, group=code)


def _floats(column: Any) -> Floats:
    """A column of doubles, NaN where NULL."""
    return np.asarray(column.to_numpy(), dtype=np.float64)
