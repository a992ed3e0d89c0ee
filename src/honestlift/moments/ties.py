"""From ties to who is tied to which cluster: a row per user and partner cluster, in the engine that holds the users."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from honestlift.design.exposure import Artifacts, Edges
from honestlift.moments.edges import EdgeCounts, as_id, coded, same_kind
from honestlift.moments.fetched import key_of
from honestlift.moments.scan import collect
from honestlift.moments.table import Label
from honestlift.source.connect import Kind, Source

Frame = nw.LazyFrame[Any]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ties:
    """A collaboration graph as the study sees it. Users are numbered by their id, clusters by their name.

    Attributes:
        users: the users' columns, then ``number`` and ``cluster number``; one row per user.
        pairs: one row per user and cluster that the user is tied to: ``m`` (the user's number), ``g`` (own cluster), ``h`` (cluster of the
            partners, which may be the own one), ``n`` (partners there), then the columns of ``weights``.
        weights: columns of ``pairs`` that add up to the weight of the ties; ``n`` itself where every tie counts one.
        names: (G,) the clusters' labels, by number.
        arm: (G,) whether the cluster is treated.
        sizes: (G,) its users.
        counts: what became of the rows of edges.
        weighted: whether ties have weights of their own.
        whole: whether all weights are whole numbers.
    """

    users: Source
    pairs: Source
    weights: tuple[str, ...]
    names: tuple[Label, ...]
    arm: NDArray[np.bool_]
    sizes: NDArray[np.int64]
    counts: EdgeCounts
    weighted: bool
    whole: bool

    def __post_init__(self) -> None:
        for array in (self.arm, self.sizes):
            array.setflags(write=False)

    @property
    def clusters(self) -> int:
        """Number G of clusters."""
        return len(self.names)

    def rows(self) -> Frame:
        """``pairs`` under its names."""
        return self.pairs.everything().select(*[nw.col(f"c{i}").alias(n) for i, n in enumerate(self.pairs.columns)])

    def members(self) -> Frame:
        """``m`` and ``g`` of every user."""
        at = len(self.users.columns)
        return self.users.everything().select(nw.col(f"c{at - 2}").alias("m"), nw.col(f"c{at - 1}").alias("g"))


def read_ties(
    source: Source, wanted: Sequence[str], graph: Edges | Artifacts, edges: Source, treated: Label, since: date | None = None
) -> Ties:
    """Join the ties to the users, where both are; nothing per tie leaves the engine.

    Args:
        source: the users of the two arms, one row each.
        wanted: the users' columns that are to stay, the first three of them unit, cluster and treatment.
        graph: names the columns of the ties.
        edges: the ties.
        treated: the value of the treatment in the treated arm.
        since: the launch.

    Raises:
        ColumnError: if a column is missing.
        DataError: if a column cannot hold what it should.
        SourceError: if the ties are in another engine, or one fails.
    """
    columns = graph.columns
    for role, name in columns.items():
        edges.position(name, f"{role} of the ties")
    ends: dict[str, Kind] = {columns[r]: edges.kind(columns[r]) for r in ("source", "target", "author", "reader") if r in columns}
    plain = same_kind(wanted[0], source.kind(wanted[0]), ends)
    mine, its = source.beside(wanted, edges, list(columns.values()))
    users, clusters = _numbered(mine, treated)
    at = len(wanted)
    ids = as_id("c0", mine.kind(wanted[0]), plain=plain).alias("k")
    roster = users.everything().select(ids, nw.col(f"c{at}").alias("m"), nw.col(f"c{at + 1}").alias("g"))
    found = coded(its, graph, roster, plain=plain, since=since)
    its.released()
    pairs = _by_cluster(found.ties, found.weights, directed=graph.directed)
    found.ties.released()
    table = collect(clusters.sort("g"))
    whole = not found.weights or found.weights == ("wh",)
    return Ties(
        users=users,
        pairs=pairs,
        weights=found.weights or ("n",),
        names=_labels(table),
        arm=table.column("t").to_numpy() == 1,
        sizes=table.column("n").to_numpy().astype(np.int64),
        counts=found.counts,
        weighted=bool(found.weights),
        whole=whole,
    )


def _numbered(users: Source, treated: Label) -> tuple[Source, Frame]:
    """The users with their number and that of their cluster; and the clusters: ``c1``, ``n`` users, ``t`` (treated), ``g``."""
    frame = users.everything()
    arm = frame.select("c1", (nw.col("c2") == treated).cast(nw.Int32).alias("t"))
    grouped = arm.group_by("c1").agg(nw.len().alias("n"), nw.col("t").max())
    numbered = grouped.with_row_index("g", order_by="c1").with_columns(nw.col("g").cast(nw.Int32))
    kinds: list[Kind] = [users.kind(users.columns[1]), "integer", "integer", "integer"]
    kept = users.written(numbered.select("c1", "n", "t", "g"), ("cluster", "n", "t", "g"), kinds)
    clusters = kept.everything().select(*[nw.col(f"c{i}").alias(n) for i, n in enumerate(("c1", "n", "t", "g"))])
    at = len(users.columns)
    counted = frame.with_row_index("m", order_by="c0").join(clusters.select("c1", "g"), on="c1")
    made = counted.select(
        *[f"c{i}" for i in range(at)], nw.col("m").cast(nw.Int32).alias(f"c{at}"), nw.col("g").alias(f"c{at + 1}")
    )
    columns = (*users.columns, "number", "cluster number")
    return users.written(made, columns, (*users.kinds, "integer", "integer")), clusters


def _labels(table: Any) -> tuple[Label, ...]:
    key = key_of(table.column("c1"))
    return tuple(key.values())


def _by_cluster(ties: Source, weights: tuple[str, ...], *, directed: bool) -> Source:
    """A row per user and partner cluster, from a row per tie; a directed tie reaches its second end only."""
    every = ties.everything()
    names = dict(enumerate(ties.columns))
    rows = every.select(*[nw.col(f"c{i}").alias(n) for i, n in names.items()])
    reached = [rows.select(nw.col("b").alias("m"), nw.col("gb").alias("g"), nw.col("ga").alias("h"), *weights)]
    if not directed:
        reached.append(rows.select(nw.col("a").alias("m"), nw.col("ga").alias("g"), nw.col("gb").alias("h"), *weights))
    both = nw.concat(reached, how="vertical") if len(reached) > 1 else reached[0]
    grouped = both.group_by("m", "g", "h").agg(nw.len().cast(nw.Int64).alias("n"), *[nw.col(w).sum() for w in weights])
    columns = ("m", "g", "h", "n", *weights)
    return ties.written(grouped.select(*columns), columns, (*["integer"] * 4, *["number"] * len(weights)))  # pyright: ignore[reportArgumentType]


def within(ties: Ties) -> NDArray[np.float64]:
    """(G,) weight of the ties of each cluster's users among themselves, every tie seen from both of its ends."""
    inside = ties.rows().filter(nw.col("g") == nw.col("h"))
    table = collect(inside.group_by("g").agg(*[nw.col(w).sum() for w in ties.weights]))
    weight = np.sum([table.column(w).to_numpy().astype(np.float64) for w in ties.weights], axis=0)
    made = np.zeros(ties.clusters)
    made[table.column("g").to_numpy()] = weight
    return made
