"""A table of users and a table of ties become a collaboration: counted in the engine, joined by the users' ids."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from honestlift.design.collaboration import Collaboration
from honestlift.errors import ColumnError, DataError, PlanningError
from honestlift.moments import scan
from honestlift.moments.spec import Spec, Sum
from honestlift.moments.table import Key, Moments
from honestlift.source.connect import Source, connect

MOST_USERS = 5_000_000
"""Users up to which a graph is read for planning."""


def collaboration_of(
    users: Any, edges: Any, *, unit: str, cluster: str, source: str = "source", target: str = "target", weight: str | None = None
) -> Collaboration:
    """Read who works with whom, for ``compare_designs`` and ``power``.

    Args:
        users: a Source, or anything that ``connect`` takes: one row per user.
        edges: the same for the ties, one row per tie or several; they are counted in the engine.
        unit: column of ``users`` that names the user.
        cluster: column of ``users`` that names the workspace.
        source: column of ``edges`` that names one end.
        target: the other end.
        weight: column of ``edges`` with a weight above zero; without it each row counts one.

    Returns:
        The graph. Ties with an end that is no user of the table are left out and counted in ``unknown``.

    Raises:
        ColumnError: if a column is missing.
        DataError: if a user stands twice or has no workspace.
        PlanningError: if the ids are of another type, a weight is not above zero, or no tie joins two users.

    Example:
        >>> import pandas as pd
        >>> users = pd.DataFrame({"user_id": [1, 2, 3, 4], "team": ["a", "a", "b", "b"]})
        >>> edges = pd.DataFrame({"source": [1, 2, 3], "target": [2, 3, 9]})
        >>> graph = hl.collaboration_of(users, edges, unit="user_id", cluster="team")
        >>> graph.workspace.tolist(), graph.unknown
        ([0, 0, 1, 1], 1)
    """
    rows, ties = connect(users), connect(edges)
    roster = _roster(rows, unit, cluster)
    for name, role in ((source, "source"), (target, "target"), *(((weight, "weight"),) if weight else ())):
        ties.position(name, role)
    if ties.kind(source) != ties.kind(target) or ties.kind(source) != rows.kind(unit):
        raise PlanningError.ids_differ(source, unit)
    found, weights = _ties(ties, source, target, weight)
    people, homes = roster.keys[unit], roster.keys[cluster]
    at = {label: i for i, label in enumerate(people.labels)}
    ends = [_positions(found.keys[name], at) for name in (source, target)]
    known = (ends[0] >= 0) & (ends[1] >= 0)
    if not (known & (ends[0] != ends[1])).any():
        raise PlanningError.no_edges()
    workspace = np.zeros(len(people.labels), dtype=np.int64)
    workspace[people.codes] = homes.codes
    unknown = int(found.rows[~known].sum())
    return Collaboration(
        workspace=workspace, source=ends[0][known], target=ends[1][known], weight=weights[known], unknown=unknown
    )


def _roster(rows: Source, unit: str, cluster: str) -> Moments:
    rows.position(unit, "unit")
    rows.position(cluster, "cluster")
    if rows.kind(unit) == "number":
        raise DataError.float_ids(unit)
    counts = scan.few_cells(rows, [unit, cluster], MOST_USERS)
    if counts is None:
        raise DataError.too_many_values(unit, "unit", MOST_USERS + 1, MOST_USERS)
    if not counts.rows.size:
        raise DataError.empty()
    for name, role in ((unit, "unit"), (cluster, "cluster")):
        key = counts.keys[name]
        if None in key.labels:
            raise DataError.missing_values(name, role, int(counts.rows[key.codes == key.labels.index(None)].sum()))
    people = counts.keys[unit]
    times = np.bincount(people.codes, counts.rows, len(people.labels))
    if (times > 1).any():
        wrong = np.flatnonzero(times > 1)
        raise DataError.duplicated_units(unit, people.labels[int(wrong[0])], int(wrong.size), sampled=False)
    return counts


def _ties(ties: Source, source: str, target: str, weight: str | None) -> tuple[Moments, NDArray[np.float64]]:
    """The different pairs, and the weight of each."""
    if source == target:
        raise ColumnError.ambiguous(source)
    found = scan.count_cells(ties, [source, target])
    if weight is None:
        return found, found.rows.astype(np.float64)
    if ties.kind(weight) not in ("integer", "number", "boolean"):
        raise DataError.not_numeric(weight, "weight", ties.kind(weight))
    profile = scan.profile(ties, [weight], found)
    column = profile.columns[weight]
    if column.infinite:
        raise DataError.infinite(weight, "weight", column.infinite)
    if column.missing:
        raise DataError.missing_values(weight, "weight", column.missing)
    if not column.low > 0:
        raise PlanningError.not_positive(weight, column.low)
    total = scan.sums(ties, Spec(source, (target,), (Sum.of(weight),)), profile)
    return total, total.sums[Sum.of(weight)] + total.origin[weight] * total.rows


def _positions(key: Key, at: dict[Any, int]) -> NDArray[np.int64]:
    """(C,) index of each tie's end among the users; −1 for someone else."""
    return np.array([at.get(label, -1) for label in key.labels], dtype=np.int64)[key.codes]
