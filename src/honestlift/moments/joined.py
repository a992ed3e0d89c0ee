"""Users, their assignment and their exposure, from several tables, in the engine: who moved, whom nobody assigned, who was exposed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from honestlift.design.tables import AssignmentTable, ExposureTable
from honestlift.errors import DataError, TablesError
from honestlift.moments.scan import collect
from honestlift.source.table import Note, Source

Frame = nw.LazyFrame[Any]

COMPARABLE = ("integer", "text", "boolean", "time")
"""Kinds of keys that tables can be joined by."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Left:
    """Users with a reason to be left out, by cluster: (K,) each, in an order that depends on nothing but these numbers.

    Attributes:
        arm: the cluster's arm, a place in ``labels``.
        users: its users.
        gone: those of them with the reason.
        labels: the arms.
    """

    arm: NDArray[np.int64]
    users: NDArray[np.float64]
    gone: NDArray[np.float64]
    labels: tuple[Any, ...]


def as_frame(source: Source, names: Mapping[str, str]) -> Frame:
    """The named columns under names of ours."""
    return source.everything().select(*[nw.col(f"c{source.columns.index(n)}").alias(alias) for alias, n in names.items()])


def family(source: Source, name: str) -> str:
    """What a column of times holds, in words; equal words can be compared.

    Raises:
        TablesError: if it holds no times.
    """
    held = as_frame(source, {"x": name}).collect_schema()["x"]
    if held == nw.Date:
        return "dates"
    if not isinstance(held, nw.Datetime):
        raise TablesError.not_a_time(name, source.kind(name))
    return "times without a zone" if held.time_zone is None else "times with a zone"


def require_same_times(first: Source, one: str, second: Source, other: str) -> None:
    """Two columns of times can be compared.

    Raises:
        TablesError: if they cannot.
    """
    held = family(first, one), family(second, other)
    if held[0] != held[1]:
        raise TablesError.unlike(f"Column {one!r}", held[0], f"column {other!r}", held[1])


def require_same_keys(first: Source, one: str, second: Source, other: str) -> None:
    """Two columns can be joined.

    Raises:
        TablesError: if they cannot.
    """
    held = first.kind(one), second.kind(other)
    if held[0] != held[1] or held[0] not in COMPARABLE:
        raise TablesError.unlike(f"Column {one!r} of the users", held[0], f"column {other!r} of the other table", held[1])


def one_row_each(users: Source, unit: str, cluster: str, table: AssignmentTable | None) -> tuple[Source, list[Note]]:
    """The users, on one row each where the table says what becomes of those who are on several.

    The same Source where nobody is; if not, one whose rows are written once, as they are asked for many times (``Source.written``).

    Raises:
        DataError: if a row names no user.
        TablesError: if a user's rows in the chosen cluster differ in another column.
    """
    u, g = (f"c{users.columns.index(n)}" for n in (unit, cluster))
    frame = users.everything()
    if table is None or table.moves == "error":
        _require_named(unit, count_of(frame.filter(nw.col(u).is_null())))
        return users, []
    j = f"c{users.columns.index(table.joined)}" if table.joined else None
    each = frame.group_by(u).agg(nw.len().alias("n"), nw.col(g).min().alias("low"), nw.col(g).max().alias("high"))
    nameless, more = nw.col(u).is_null(), ~nw.col(u).is_null() & (nw.col("n") > 1)
    counted = facts_of(
        each, nameless=nw.when(nameless).then(nw.col("n")), all=more, moved=more & (nw.col("low") != nw.col("high"))
    )
    _require_named(unit, counted["nameless"])
    moved, all_of_them = counted["moved"], counted["all"]
    if not all_of_them:
        return users, []
    both = frame.join(each, on=u)
    left, found = _agreed(_chosen(both.filter(nw.col("n") > 1), table.moves, u, g, j), users, u, [c for c in (u, j) if c])
    gone = all_of_them - found
    told = {"first": "in the first", "last": "in the last", "most": "where they have most rows", "drop": "left out"}
    notes = [Note(reason=f"in several clusters, {told[table.moves]}", users=moved, dropped=table.moves == "drop")]
    lost = gone - moved if table.moves == "drop" else gone
    notes += [Note(reason="on several rows, without a cluster or a time", users=lost, dropped=True)] if lost else []
    columns = [f"c{i}" for i in range(len(users.columns))]
    rows: Frame = nw.concat([both.filter(nw.col("n") == 1).select(*columns), left.select(*columns)], how="vertical")
    return users.written(rows, users.columns, users.kinds), [note for note in notes if note.users]


def _require_named(unit: str, missing: int) -> None:
    if missing:
        raise DataError.missing_values(unit, "unit", missing)


def _chosen(several: Frame, moves: str, u: str, g: str, j: str | None) -> Frame:
    """The rows of the cluster that counts, of users in the clusters ``low`` to ``high``; of two as good, the first by name."""
    if moves == "drop":
        return several.filter(nw.col("low") == nw.col("high"))
    if moves == "most":
        sizes = several.filter(~nw.col(g).is_null()).group_by(u, g).agg(nw.len().alias("m"))
        best = sizes.join(sizes.group_by(u).agg(nw.col("m").max().alias("most")), on=u).filter(nw.col("m") == nw.col("most"))
    else:
        time = nw.col(j or "")
        ends = several.group_by(u).agg((time.min() if moves == "first" else time.max()).alias("when"))
        best = several.join(ends, on=u).filter(time == nw.col("when")).select(u, g)
    target = best.group_by(u).agg(nw.col(g).min().alias("target"))
    return several.join(target, on=u).filter(nw.col(g) == nw.col("target")).drop("target")


def _agreed(rows: Frame, users: Source, u: str, free: Sequence[str]) -> tuple[Frame, int]:
    """One row per user, whose rows must agree in all but the ``free`` columns, of which the least value counts; and how many users."""
    columns = [f"c{i}" for i in range(len(users.columns)) if f"c{i}" != u]
    wanted = [e for c in columns for e in (nw.col(c).min().alias(c), nw.col(c).max().alias(f"{c}b"))]
    made = rows.group_by(u).agg(*wanted)
    held = [c for c in columns if c not in free]
    found = facts_of(made, all=nw.lit(1), **{f"d{c}": nw.col(c) != nw.col(f"{c}b") for c in held})
    wrong = next((c for c in held if found[f"d{c}"]), None)
    if wrong is not None:
        raise TablesError.several_values(users.columns[int(wrong[1:])], found[f"d{wrong}"])
    return made.select(u, *columns), found["all"]


def assigned(users: Source, frame: Frame, table: AssignmentTable, assignment: Source, key: str) -> tuple[Frame, list[Note]]:
    """The users who were assigned, with their arm, ``a``, and the time of its assignment, ``t``.

    Args:
        users: names the columns of ``frame``.
        frame: one row per user.
        table: the columns of the assignment, and the rules.
        assignment: the rows of the assignment, where they can be joined with the users.
        key: column of the users that the assignment is joined by.

    Raises:
        TablesError: if a key has several arms or none, or nobody was assigned.
    """
    own = table.cluster or table.unit or ""
    names = {"k": own, "a": table.arm} | ({"t": table.time} if table.time else {})
    rows = as_frame(assignment, names).filter(~nw.col("k").is_null())
    wanted = [nw.col("a").min().alias("a"), nw.col("a").max().alias("b"), nw.col("a").count().alias("n")]
    each = rows.group_by("k").agg(*wanted, *([nw.col("t").min()] if table.time else []))
    assigned_keys = _one_arm(each, own, table.time)
    place = f"c{users.columns.index(key)}"
    arms = each.drop("b", "n").rename({"k": place})
    rows_of_key = frame.group_by(place).agg(nw.len().alias("rows")).join(arms.select(place, "a"), on=place, how="left")
    known, count = ~nw.col("a").is_null(), nw.col("rows")
    there = facts_of(
        rows_of_key,
        all=count,
        nameless=nw.when(nw.col(place).is_null()).then(count),
        found=nw.when(known).then(count),
        keys=known,
    )
    if not there["found"]:
        raise TablesError.nobody(key)
    elsewhere = there["all"] - there["nameless"] - there["found"]
    nowhere = f"assigned {'workspaces' if table.cluster else 'users'} of whom there is no row"
    notes = [
        Note(reason=f"no {key}", users=there["nameless"], dropped=True),
        Note(reason="not in the assignment table", users=elsewhere, dropped=True),
        Note(reason=nowhere, users=assigned_keys - there["keys"], dropped=False),
    ]
    return frame.join(arms, on=place), notes


def exposed(frame: Frame, place: str, exposures: Source, table: ExposureTable, *, timed: bool) -> Frame:
    """The users with the time of their first exposure, ``x``: the first after ``t`` where there is one; nothing for those without."""
    rows = as_frame(exposures, {place: table.unit, "x": table.time}).filter(~nw.col("x").is_null())
    if timed:
        rows = rows.join(frame.select(place, "t"), on=place).filter(nw.col("x") >= nw.col("t"))
    return frame.join(rows.group_by(place).agg(nw.col("x").min()), on=place, how="left")


def left(frame: Frame, gone: nw.Expr, arm: str, cluster: str) -> Left:
    """The users for whom ``gone`` is so, by cluster; those without a cluster or an arm are in nobody's arm."""
    marked = frame.select(nw.col(arm).alias("a"), nw.col(cluster).alias("g"), gone.fill_null(False).cast(nw.Int32).alias("gone"))
    counted = marked.group_by("a", "g").agg(nw.len().alias("n"), nw.col("gone").sum())
    rows = [r for r in collect(counted.select("a", "n", "gone")).to_pylist() if r["a"] is not None]
    labels = tuple(sorted({r["a"] for r in rows}))
    found = sorted((labels.index(r["a"]), int(r["n"]), int(r["gone"])) for r in rows)
    return Left(
        arm=np.array([r[0] for r in found], dtype=np.int64),
        users=np.array([r[1] for r in found], dtype=np.float64),
        gone=np.array([r[2] for r in found], dtype=np.float64),
        labels=labels,
    )


def _one_arm(each: Frame, key: str, time: str | None) -> int:
    """The keys of the assignment, of which each has one arm, and a time where one is named."""
    wrong = (nw.col("a") != nw.col("b")).fill_null(False)
    gaps = {"without": nw.col("n") == 0} | ({"timeless": nw.col("t").is_null()} if time else {})
    found = facts_of(each, all=nw.lit(1), wrong=wrong, **gaps)
    if found["wrong"]:
        example = collect(each.filter(wrong).select(nw.col("k").min())).column("k")[0].as_py()
        raise TablesError.several_arms(key, example, found["wrong"])
    if found["without"]:
        raise TablesError.no_arm(key, found["without"])
    if time and found["timeless"]:
        raise TablesError.no_time(time, "the time of the assignment", found["timeless"])
    return found["all"]


def facts_of(frame: Frame, **so: nw.Expr) -> dict[str, int]:
    """For how many rows each is so, or what the counts add up to, in one scan; nothing counts as no."""
    marks = frame.select(*[mark.cast(nw.Int64).alias(name) for name, mark in so.items()])
    row = collect(marks.select(*[nw.col(name).sum() for name in so])).to_pylist()[0]
    return {name: int(row[name] or 0) for name in so}


def count_of(frame: Frame) -> int:
    """Rows."""
    return int(collect(frame.select(nw.len().alias("n"))).column("n")[0].as_py())
