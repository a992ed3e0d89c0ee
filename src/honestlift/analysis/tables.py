"""The tables behind the figures; no group under ten users leaves the analysis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from honestlift.analysis.estimates import Answer
from honestlift.analysis.reading import Reading
from honestlift.design.metric import Metric, Quantile, Ratio
from honestlift.design.study import Study
from honestlift.moments import scan
from honestlift.moments.cells import Cells, Outcome
from honestlift.result import Table

FEWEST = 10
"""Users below which a group is merged with others."""

MOST_CLUSTERS = 80
"""Clusters above which the table keeps the extremes and quantiles of the cluster means."""

BINS = 60


def names_with(cells: Cells, *columns: str) -> tuple[str, ...]:
    """Names of the clusters that have users with a value of all these columns, in the order of their ``Outcome``; of all without any."""
    if not columns:
        return tuple(str(name) for name in cells.names)
    return tuple(str(name) for name, kept in zip(cells.names, cells.kept(*columns), strict=True) if kept)


def cluster_table(reading: Reading, answers: Sequence[Answer]) -> Table:
    """Mean of each metric by cluster, with its standard error within the cluster; small clusters merged by arm."""
    rows: list[tuple[object, ...]] = []
    for answer in answers:
        if isinstance(answer.metric, Quantile):  # a workspace has none of its own
            continue
        rows += _cluster_rows(answer, names_with(reading.cells, *answer.metric.columns))
    return Table(columns=("metric", "cluster", "arm", "users", "mean", "std_error"), rows=tuple(rows))


def _cluster_rows(answer: Answer, names: tuple[str, ...]) -> list[tuple[str, str, str, int, float, float]]:
    o = answer.workspaces or answer.outcome
    n, total, square = o.per_cluster()
    large = np.flatnonzero(n >= FEWEST)
    sums, labels, arms = [np.stack([n, total, square], axis=1)[large]], [names[i] for i in large], o.arm[large].tolist()
    for treated in (True, False):
        small = (n < FEWEST) & (o.arm == treated)
        if n[small].sum() >= FEWEST:
            sums.append(np.array([[n[small].sum(), total[small].sum(), square[small].sum()]]))
            labels.append(f"{np.count_nonzero(small)} small workspaces")
            arms.append(treated)
    users, totals, squares = np.concatenate(sums).T
    means = totals / users
    errors = np.sqrt(np.maximum(squares / users - means**2, 0.0) / (users - 1))
    order = np.argsort(means + o.origin, kind="stable")
    if order.size > MOST_CLUSTERS:
        order = order[[round(i * (order.size - 1) / (MOST_CLUSTERS - 1)) for i in range(MOST_CLUSTERS)]]

    def row(i: int) -> tuple[str, str, str, int, float, float]:
        arm = "treated" if arms[i] else "control"
        return (answer.metric.label, labels[i], arm, int(users[i]), float(means[i]) + o.origin, float(errors[i]))

    return [row(i) for i in order]


def groups_of(outcome: Outcome) -> dict[str, NDArray[np.bool_]]:
    """The cells of treated users and of controls, the latter split by exposure where there is one."""
    if outcome.exposed is None:
        return {"treated": outcome.treated, "control": ~outcome.treated}
    pure = ~outcome.treated & ~outcome.exposed
    return {"treated": outcome.treated, "exposed control": outcome.exposed, "pure control": pure}


def exposure_table(answers: Sequence[Answer]) -> Table:
    """Users and mean of each metric by arm and exposure."""
    rows: list[tuple[object, ...]] = []
    for answer in answers:
        if isinstance(answer.metric, Quantile):
            continue
        o = answer.outcome
        for group, cells in groups_of(o).items():
            users = float(o.count[cells].sum())
            if users >= FEWEST:
                rows.append((answer.metric.label, group, int(users), float(o.total[cells].sum() / users + o.origin)))
    return Table(columns=("metric", "group", "users", "mean"), rows=tuple(rows))


def density_table(reading: Reading, metric: Metric, study: Study) -> Table:
    """Users per bin of a metric, by arm and exposure, from one more scan; bins under ten users are merged with the next.

    A ratio has no value per user, and no bins; files of sums of several scans have none that could be added.
    """
    columns = ("metric", "group", "low", "high", "users")
    if isinstance(metric, Ratio):
        return Table(columns=columns, rows=())
    if reading.stored:
        return Table(columns=columns, rows=tuple((metric.label, *row) for row in reading.stored.header.get("density", ())))
    d = study.design
    keys = [d.arm, *([d.mark] if d.mark else [])]
    edges = _edges(reading, metric.column)
    counts, bins = scan.histogram(
        reading.source, keys, metric.column, edges, complete=not reading.profile.columns[metric.column].missing
    )
    treated = _equal_to_treated(reading, counts.keys[d.arm].values(), study)
    groups = {"treated": treated}
    if d.mark is None:
        groups["control"] = ~treated
    else:
        exposed = np.array([v == 1 for v in counts.keys[d.mark].values()], dtype=np.bool_) & ~treated
        groups |= {"exposed control": exposed, "pure control": ~treated & ~exposed}
    rows: list[tuple[object, ...]] = []
    for group, cells in groups.items():
        users = np.bincount(bins[cells], counts.rows[cells].astype(np.float64), edges.size - 1)
        rows += [(metric.label, group, low, high, n) for low, high, n in _merged(edges, users)]
    return Table(columns=columns, rows=tuple(rows))


def _equal_to_treated(reading: Reading, values: Sequence[object], study: Study) -> NDArray[np.bool_]:
    key = reading.cells.moments.keys[study.design.arm]
    codes: list[int] = key.codes[reading.cells.treated].tolist()
    treated = {key.labels[code] for code in set(codes)}
    return np.array([v in treated for v in values], dtype=np.bool_)


def _edges(reading: Reading, column: str) -> NDArray[np.float64]:
    """Equal bins over four spreads around the mean; one bin per value for whole numbers of a small range."""
    p = reading.profile.columns[column]
    if reading.source.kind(column) in ("integer", "boolean") and p.high - p.low < BINS:
        return np.arange(p.low, p.high + 2) - 0.5
    return np.linspace(max(p.low, p.about(-4)), min(p.high, p.about(4)), BINS + 1)


def _merged(edges: NDArray[np.float64], users: NDArray[Any]) -> list[tuple[float, float, int]]:
    """Bins joined from the left until each holds enough users; what is left over joins the last."""
    made: list[tuple[float, float, int]] = []
    start, held = 0, 0
    for i, n in enumerate(users):
        held += int(n)
        if held >= FEWEST:
            made.append((float(edges[start]), float(edges[i + 1]), held))
            start, held = i + 1, 0
    if held and made:
        low, _, n = made.pop()
        made.append((low, float(edges[-1]), n + held))
    return made
