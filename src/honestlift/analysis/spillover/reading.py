"""From a collaboration graph to users one by one: whom each is tied to, what the design could have exposed her to, and her outcomes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from honestlift.analysis.covariates import ABSENT
from honestlift.analysis.reading import Reading, Step
from honestlift.analysis.rule import drawn_by
from honestlift.design.assignment import Redraw
from honestlift.design.exposure import Exposure
from honestlift.design.metric import Mean
from honestlift.design.study import Study
from honestlift.errors import TiesError
from honestlift.estimators.exposure.levels import fraction, reached
from honestlift.estimators.exposure.people import Floats, People
from honestlift.estimators.exposure.probability import Probabilities, probabilities
from honestlift.moments.edges import EdgeCounts
from honestlift.moments.expressions import double
from honestlift.moments.reach import Reach
from honestlift.moments.scan import collect
from honestlift.moments.ties import Ties, read_ties, within
from honestlift.source.connect import Source, connect

DRAWS = 5_000
"""Re-draws for probabilities that have no closed form."""

MOST_PAIRS = 400_000_000
"""Pairs of a user and a partner cluster that are held in memory."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Graph:
    """A collaboration graph under the design of the study.

    Attributes:
        exposure: what was asked.
        people: the users, and what the design could have done to each.
        reach: their ties to other clusters, in the same order.
        redraw: the rule, on the clusters in the order of the cells.
        outcomes: column to (U,) values about the origin of its sums, covariates among them; NaN where missing.
        known: covariate, or ``pre`` of a metric, to its columns among these; of a category all levels but the first.
        counts: what became of the rows of edges.
        within: (K,) weight of the ties of each cluster's users among themselves.
        names: (K,) the clusters.
        arm: (K,) whether each is treated.
        std_error: the largest Monte Carlo error of a probability; 0 for closed forms.
        draws: re-draws behind the probabilities; 0 for closed forms.
    """

    exposure: Exposure
    people: People
    reach: Reach
    redraw: Redraw
    outcomes: dict[str, Floats]
    known: dict[str, tuple[str, ...]]
    counts: EdgeCounts
    within: Floats
    names: tuple[str, ...]
    arm: NDArray[np.bool_]
    std_error: float
    draws: int


def read_graph(reading: Reading, study: Study, step: Step, *, outcomes: bool = True) -> Graph | None:
    """Join the ties to the users in the engine, and bring back one row per user and partner cluster; None without a graph.

    Without ``outcomes`` no scan names the column of a metric.

    Raises:
        ColumnError: if a column of the ties is missing.
        DataError: if a column cannot hold what it should, or there are too many ties to hold.
        MomentsError: if the study was read from a file of sums.
        SourceError: if the ties are in another engine, or one fails.
    """
    exposure = study.design.exposure
    graph = None if exposure is None else exposure.graph
    if exposure is None or graph is None:
        return None
    d, cells = study.design, reading.cells
    step("Joining ties to users")
    means = [m for m in study.metrics if isinstance(m, Mean)] if outcomes else []
    source, known = _covariates(reading, means, study)
    columns = list(
        dict.fromkeys([*(c for m in means for c in (m.column, m.pre) if c), *(c for some in known.values() for c in some)])
    )
    wanted = list(dict.fromkeys([d.unit, d.cluster, d.arm, *columns]))
    treatment = cells.moments.keys[d.arm]
    treated = treatment.labels[int(treatment.codes[cells.treated][0])]
    ties = read_ties(source, wanted, graph, connect(graph.data, table=graph.table), treated, exposure.since)
    place = {name: i for i, name in enumerate(cells.names)}
    moved = np.array([place[name] for name in ties.names], dtype=np.int64)
    own, order, values = _users(ties, moved, wanted, columns, reading)
    reach = _reach(ties, moved, own, order)
    redraw = drawn_by(reading, cells.indicator(np.zeros(cells.moments.cells)), (), study)
    step("Probabilities of exposure under the design")
    rng = np.random.default_rng([study.seed, 6])
    chances = probabilities(redraw, reach, exposure.kind, exposure.least, draws=DRAWS, rng=rng)
    inside = np.empty(moved.size)
    inside[moved] = within(ties)
    return Graph(
        exposure=exposure,
        people=_people(own, reach, cells.arm, chances, exposure),
        reach=reach,
        redraw=redraw,
        outcomes=values,
        known=known,
        counts=ties.counts,
        within=inside,
        names=tuple(str(name) for name in cells.names),
        arm=cells.arm,
        std_error=chances.std_error,
        draws=0 if chances.exact else chances.draws,
    )


def _covariates(reading: Reading, means: Sequence[Mean], study: Study) -> tuple[Source, dict[str, tuple[str, ...]]]:
    """The users with a 0/1 column for each level of the categories; and the columns of what means are adjusted for."""
    source, known = reading.source, dict[str, tuple[str, ...]]()
    if not means or study.adjustment == "none":
        return source, known
    for name in study.covariates:
        if name in reading.columns.grouped:
            labels = reading.cells.moments.keys[name].labels
            levels = [str(label) for label in labels if label is not None]
            source = source.with_indicators(name, levels, ABSENT if None in labels else None)
            known[name] = tuple(reading.columns.grouped[name][1:])
        else:
            measured = tuple(reading.columns.measured[name])
            known[name] = measured if measured == (name,) else measured[1:]
    return source, known | {m.pre: (m.pre,) for m in means if m.pre}


def _people(own: NDArray[np.int64], reach: Reach, arm: NDArray[np.bool_], known: Probabilities, exposure: Exposure) -> People:
    """The users under the actual arms, beside what the design could have done."""
    on = arm[own]
    exposed = reached(reach, arm, exposure.kind, exposure.least)
    return People(
        own=own,
        clusters=arm.size,
        treated=on,
        level=2 * on.astype(np.int64) + exposed,
        chance=known.level,
        cell=known.cell,
        degree=reach.degree.astype(np.int64),
        fraction=fraction(reach, arm),
        dose=known.dose,
        alike=known.surrounded,
        as_one=_as_one(reach, arm),
    )


def _users(
    ties: Ties, moved: NDArray[np.int64], wanted: Sequence[str], columns: Sequence[str], reading: Reading
) -> tuple[NDArray[np.int64], NDArray[np.int64], dict[str, Floats]]:
    """Each user's cluster, in the order of clusters and ids; the numbers of the users in that order; and their outcomes."""
    source = ties.users
    made = {name: double(f"c{wanted.index(name)}", source.kind(name)) for name in columns}
    at = len(wanted)
    asked = [expression.alias(f"y{i}") for i, expression in enumerate(made.values())]
    table = collect(source.everything().select(nw.col(f"c{at}").alias("m"), nw.col(f"c{at + 1}").alias("g"), *asked))
    number = table.column("m").to_numpy().astype(np.int64)
    own = moved[table.column("g").to_numpy().astype(np.int64)]
    order = np.lexsort([number, own])
    outcomes: dict[str, Floats] = {}
    for i, name in enumerate(made):
        values = np.asarray(table.column(f"y{i}").to_numpy(), dtype=np.float64)[order]
        outcomes[name] = np.where(np.isfinite(values), values, np.nan) - reading.cells.moments.origin.get(name, 0.0)
    return own[order], number[order], outcomes


def _reach(ties: Ties, moved: NDArray[np.int64], own: NDArray[np.int64], order: NDArray[np.int64]) -> Reach:
    """The pairs of users and other clusters, the users in their order, the clusters in that of the cells.

    Raises:
        TiesError: if there are too many to hold.
    """
    rows = ties.rows().filter(nw.col("g") != nw.col("h"))
    pairs = int(collect(rows.select(nw.len().alias("n"))).to_pylist()[0]["n"])
    if pairs > MOST_PAIRS:
        raise TiesError.too_many_ties(pairs, MOST_PAIRS)
    table = collect(rows.select("m", "h", *dict.fromkeys(("n", *ties.weights))))
    place = np.empty(order.size, dtype=np.int64)
    place[order] = np.arange(order.size)
    user = place[table.column("m").to_numpy()]
    partner = moved[table.column("h").to_numpy()]
    n = table.column("n").to_numpy()
    weight = n.astype(np.float64)
    if ties.weighted:
        weight = np.zeros(n.size)
        for name in ties.weights:
            weight += table.column(name).to_numpy().astype(np.float64)
    del table
    sort = np.argsort(user * moved.size + partner, kind="stable")
    return Reach(
        own=own.astype(np.int32),
        indptr=np.concatenate([[0], np.cumsum(np.bincount(user, minlength=order.size))]).astype(np.int64),
        partner=partner[sort].astype(np.int32),
        ties=n[sort].astype(np.int32),
        weight=weight[sort],
        weighted=ties.weighted,
        clusters=moved.size,
    )


def _as_one(reach: Reach, arm: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(U,) whether all partner clusters have the own arm."""
    user = np.repeat(np.arange(reach.own.size), np.diff(reach.indptr))
    differs = arm[reach.partner] != arm[reach.own[user]]
    return np.bincount(user[differs], minlength=reach.own.size) == 0
