"""Edges and logs of artifacts: what is left out and counted, and the two ends as numbers of users."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import narwhals as nw

from honestlift.design.exposure import Artifacts, Edges
from honestlift.errors import DataError, TiesError
from honestlift.moments.exact import Grid, grid
from honestlift.moments.expressions import double, levels, moment, present, rounded
from honestlift.moments.scan import collect
from honestlift.source.connect import Kind, Source

Frame = nw.LazyFrame[Any]

WHOLE = 2.0**53
"""Whole numbers below it are doubles, each one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeCounts:
    """What became of the rows of edges (or of a log).

    Attributes:
        rows: all of them.
        no_end: without one of the two users.
        no_weight: with a weight that is missing, not finite, or not above zero; left out.
        unknown: with a user who is not in the study; left out.
        to_oneself: left out.
        repeated: further rows of a tie that is there already, in either direction unless they have one.
        late: from the launch on; None where no time or no launch is known. They count as all others do.
    """

    rows: int
    no_end: int
    no_weight: int
    unknown: int
    to_oneself: int
    repeated: int
    late: int | None


def same_kind(unit: str, of_unit: Kind, ends: Mapping[str, Kind]) -> bool:
    """Whether the ids can be compared as they are; if not, whole numbers and text are compared as text.

    Raises:
        DataError: if they can be compared in no way.
    """
    for name, kind in ends.items():
        alike = kind == of_unit or {kind, of_unit} <= {"integer", "number", "text"}
        if not alike or kind == "other":
            raise TiesError.other_ids(name, kind, unit, of_unit)
    return all(kind == of_unit or (kind == "number" and of_unit == "integer") for kind in ends.values())


def as_id(column: str, kind: Kind, *, plain: bool) -> nw.Expr:
    """A column of user ids, to be compared with the ids of the users; NULL where a floating-point number is no whole one."""
    value = nw.col(column)
    if kind == "number":  # pandas turns whole numbers with gaps into these
        number = value.cast(nw.Float64)
        whole = present(number) & (number.floor() == number).fill_null(False) & (number.abs() < WHOLE).fill_null(False)
        value = nw.when(whole).then(number).cast(nw.Int64)
    return value if plain and kind != "text" else value.cast(nw.String)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CodedEdges:
    """Ties as the engine holds them: numbers of users ``a`` and ``b``, of their clusters ``ga`` and ``gb``, and parts of the weight.

    Attributes:
        ties: one row per tie between two different users; with both directions as one unless directed.
        weights: columns that add up to the weight; none where every tie counts one.
        counts: what became of the rows.
    """

    ties: Source
    weights: tuple[str, ...]
    counts: EdgeCounts


def coded(edges: Source, graph: Edges | Artifacts, users: Frame, *, plain: bool, since: date | None) -> CodedEdges:
    """Edges (or a log) as ties between users of the study.

    Args:
        edges: the columns of the graph, in the engine that holds the users (``Source.beside``).
        graph: names the columns.
        users: ``k`` (id), ``m`` (number), ``g`` (number of the cluster), one row per user.
        plain: whether ids are compared as they are, else as text.
        since: the launch.

    Raises:
        DataError: if a column cannot hold what it should.
        SourceError: if the engine fails.
    """
    columns = graph.columns
    frame, grids = _valid(edges, columns, plain=plain)
    facts = _facts(edges, frame, columns, since)
    weight_grid = _weight_grid(grids, facts)
    artifact = "artifact" in columns
    kept = frame.filter(nw.col("ok") == 1)
    more = [nw.col("x")] if artifact else []
    if weight_grid is not None:
        more += [part.alias(f"w{x}") for x, part in rounded(nw.col("w"), weight_grid).items()]
    parts = tuple(f"w{x}" for x in levels(weight_grid)) if weight_grid is not None else ()
    names = ["x"] * artifact + list(parts)
    first = users.select(nw.col("k").alias("s"), nw.col("m").alias("a"), nw.col("g").alias("ga"))
    second = users.select(nw.col("k").alias("t"), nw.col("m").alias("b"), nw.col("g").alias("gb"))
    joined = kept.select("s", "t", *more).join(first, on="s").join(second, on="t").select("a", "ga", "b", "gb", *names)
    made = [*("integer" for _ in range(4)), *("text" for _ in range(artifact)), *("number" for _ in parts)]
    known = edges.written(joined, ("a", "ga", "b", "gb", *names), made)  # pyright: ignore[reportArgumentType]
    ties, weights, (found, alone, pairs) = _folded(known, parts, artifact=artifact, directed=graph.directed)
    known.released()
    counts = EdgeCounts(
        rows=facts["rows"],
        no_end=facts["no_end"],
        no_weight=facts["rows"] - facts["no_end"] - facts["ok"],
        unknown=facts["ok"] - found,
        to_oneself=alone,
        repeated=found - alone - pairs,
        late=facts.get("late"),
    )
    return CodedEdges(ties=ties, weights=weights, counts=counts)


def _valid(edges: Source, columns: Mapping[str, str], *, plain: bool) -> tuple[Frame, Kind | None]:
    """Ends ``s`` and ``t``, weight ``w``, artifact ``x``, time ``d``; ``ok`` says whether the row can be used."""
    names = list(columns.values())
    place = {role: f"c{names.index(name)}" for role, name in columns.items()}
    kinds: dict[str, Kind] = {role: edges.kind(name) for role, name in columns.items()}
    start, end = ("author", "reader") if "author" in columns else ("source", "target")
    made = [as_id(place[start], kinds[start], plain=plain).alias("s"), as_id(place[end], kinds[end], plain=plain).alias("t")]
    if "weight" in columns:
        if kinds["weight"] not in ("integer", "number", "boolean"):
            raise DataError.not_numeric(columns["weight"], "weight", kinds["weight"])
        made.append(double(place["weight"], kinds["weight"]).alias("w"))
    if "artifact" in columns:
        made.append(nw.col(place["artifact"]).cast(nw.String).alias("x"))
    if "time" in columns:
        if kinds["time"] != "time":
            raise DataError.not_a_time(columns["time"], "time of the ties", kinds["time"])
        made.append(nw.col(place["time"]).alias("d"))
    frame = edges.select(names).select(*made)
    needed = ["s", "t"] + (["x"] if "artifact" in columns else [])
    ends = nw.all_horizontal(*[~nw.col(n).is_null() for n in needed], ignore_nulls=False)
    ok = ends
    if "weight" in columns:
        ok = ends & present(nw.col("w")) & (nw.col("w") > 0.0).fill_null(False)
    frame = frame.with_columns(ends.cast(nw.Int32).alias("ends"), ok.cast(nw.Int32).alias("ok"))
    return frame, kinds.get("weight")


def _facts(edges: Source, frame: Frame, columns: Mapping[str, str], since: date | None) -> dict[str, Any]:
    """Rows, rows without an end, rows that can be used, those from the launch on, and the range of the weight."""
    made = [nw.col("ends"), nw.col("ok")]
    wanted = [nw.len().alias("rows"), nw.col("ends").sum(), nw.col("ok").sum()]
    if "weight" in columns:
        made.append(nw.when(nw.col("ok") == 1).then(nw.col("w")).alias("w"))
        wanted += [nw.col("w").max().alias("most"), nw.col("w").min().alias("least")]
    if "time" in columns and since is not None:
        late = (nw.col("d") >= moment(_moment(edges, columns["time"], since))).fill_null(False)
        made.append(late.cast(nw.Int32).alias("late"))
        wanted.append(nw.col("late").sum())
    row = collect(frame.select(*made).select(*wanted)).to_pylist()[0]
    facts: dict[str, Any] = {
        "rows": int(row["rows"]),
        "ok": int(row["ok"] or 0),
        "most": row.get("most"),
        "least": row.get("least"),
    }
    facts["no_end"] = facts["rows"] - int(row["ends"] or 0)
    return facts | ({"late": int(row["late"] or 0)} if "late" in row else {})


def _moment(edges: Source, name: str, since: date) -> date | datetime:
    """The launch as the engine can compare it with a column of times."""
    held = edges.select([name]).collect_schema()["c0"]
    if isinstance(held, nw.Datetime):
        return datetime(since.year, since.month, since.day, tzinfo=UTC if held.time_zone else None)
    return since


def _weight_grid(kind: Kind | None, facts: Mapping[str, Any]) -> Grid | None:
    """The grid on which weights add exactly; None where there are none.

    Raises:
        DataError: if the weights are too far apart to be added.
    """
    if kind is None:
        return None
    most, least = facts["most"], facts["least"]
    if most is None or kind in ("integer", "boolean"):
        return Grid(0.0, None)
    if not least > 0 or most / least > 2.0**80:
        raise TiesError.weights_apart(least, most)
    return grid(most, 2 * facts["rows"], 0.0, 1.0)


def _folded(
    known: Source, parts: tuple[str, ...], *, artifact: bool, directed: bool
) -> tuple[Source, tuple[str, ...], tuple[int, int, int]]:
    """One row per tie, with its weight; and how many rows there are, how many tie a user to herself, and how many ties there are."""
    every = known.everything()
    names = {f"c{i}": n for i, n in enumerate(known.columns)}
    rows = every.select(*[nw.col(c).alias(n) for c, n in names.items()])
    own = rows.select((nw.col("a") == nw.col("b")).cast(nw.Int32).alias("own"))
    counted = collect(own.select(nw.len().alias("n"), nw.col("own").sum())).to_pylist()[0]
    rows = rows.filter(nw.col("a") != nw.col("b"))
    keys = ["a", "ga", "b", "gb"]
    if not directed:
        less, rest = nw.col("a") < nw.col("b"), [n for n in names.values() if n not in keys]
        ends = [nw.when(less).then(nw.col(p)).otherwise(nw.col(q)).alias(p) for p, q in (("a", "b"), ("ga", "gb"))]
        ends += [nw.when(less).then(nw.col(q)).otherwise(nw.col(p)).alias(q) for p, q in (("a", "b"), ("ga", "gb"))]
        rows = rows.select(*ends, *rest)
    if artifact:  # a document that was read ten times is one artifact
        rows = rows.group_by(*keys, "x").agg(nw.len().alias("n")).select(*keys)
        grouped = rows.group_by(*keys).agg(nw.len().cast(nw.Float64).alias("wh"))
        parts = ("wh",)
    elif parts:
        grouped = rows.group_by(*keys).agg(*[nw.col(p).sum() for p in parts])
    else:
        grouped = rows.unique(subset=keys).select(*keys)
    ties = known.written(grouped.select(*keys, *parts), (*keys, *parts), [*["integer"] * 4, *["number"] * len(parts)])  # pyright: ignore[reportArgumentType]
    pairs = int(collect(ties.everything().select(nw.len().alias("n"))).to_pylist()[0]["n"])
    return ties, parts, (int(counted["n"]), int(counted["own"] or 0), pairs)
