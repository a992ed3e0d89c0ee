"""Events to columns of the users: sums over windows that are counted from each user's first exposure, exact in any order."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import narwhals as nw

from honestlift.design.tables import EventSum, EventTable
from honestlift.errors import DataError, TablesError
from honestlift.moments.exact import Grid, grid
from honestlift.moments.expressions import double, levels, moment, present, rounded
from honestlift.moments.joined import Frame, as_frame, family
from honestlift.moments.scan import collect, summaries
from honestlift.source.table import Note, Source


def with_events(frame: Frame, place: str, events: Source, table: EventTable, *, timed: bool) -> tuple[Frame, int]:
    """The users with one more column per sum, ``e0``, ``e1``, …: 0 for those without an event, nothing for a window that is not over.

    A last column, ``n``, has a user's events. The number of all events comes back too.

    Args:
        frame: one row per user; ``t`` is the time from which events count, if ``timed``.
        place: its column of the user.
        events: the rows of the events, where they can be joined with the users.
        table: the columns of the events, and the sums.
        timed: whether events before ``t`` are told from those after it.

    Raises:
        DataError: if an event is infinite or too large.
    """
    timed = timed and table.time is not None
    measured = list(dict.fromkeys(made.column for made in table.sums if made.column))
    names = {place: table.unit} | {f"m{i}": name for i, name in enumerate(measured)}
    names |= {"when": table.time} if table.time and timed else {}
    grids, every, last = _grids(events, measured, table, ends=timed and table.until is None)
    joined = as_frame(events, names).join(frame.select(place, *(["t"] if timed else [])), on=place)
    if timed:
        joined = joined.filter(~nw.col("when").is_null())
    dates = timed and family(events, table.time or "") == "dates"
    made: list[nw.Expr] = []
    for i, wanted in enumerate(table.sums):
        made += _parts(i, wanted, _inside(wanted, dates=dates) if timed else None, measured, events, grids)
    parts = [
        f"s{i}{x}" for i, wanted in enumerate(table.sums) for x in (levels(grids[wanted.column]) if wanted.column else ("h",))
    ]
    added = joined.select(place, *made).group_by(place).agg(nw.len().alias("n"), *[nw.col(p).sum() for p in parts])
    ends = _until(events, table, last) if timed else None
    whole = frame.join(added, on=place, how="left")
    return whole.with_columns(*[_total(i, wanted, grids, ends, dates=dates) for i, wanted in enumerate(table.sums)]).drop(
        *parts
    ), every


def _grids(
    events: Source, measured: Sequence[str], table: EventTable, *, ends: bool
) -> tuple[dict[str, Grid], int, date | datetime | None]:
    """The grids on which a user's sums are exact in any order; the number of events; and, if ``ends``, the time of the last."""
    last = {"when": table.time} if ends and table.time else {}
    counts = as_frame(events, {"u": table.unit} | last).group_by("u").agg(nw.len().alias("n"), *[nw.col(n).max() for n in last])
    wanted = [nw.col("n").max().alias("most"), nw.col("n").sum().alias("n"), *[nw.col(n).max() for n in last]]
    row: dict[str, Any] = collect(counts.select(*wanted)).to_pylist()[0]
    largest = int(row["most"] or 1)
    found: dict[str, Grid] = {}
    for name, column in zip(measured, summaries(events, measured), strict=True):
        if column.infinite:
            raise DataError.infinite(name, "measure of events", column.infinite)
        bound = max(abs(column.low), abs(column.high)) if column.count else 0.0
        if bound > 1e150:
            raise DataError.too_large(name, bound)
        found[name] = grid(bound, largest, 0.0, 1.0)
    return found, int(row["n"] or 0), row.get("when")


def _inside(wanted: EventSum, *, dates: bool) -> nw.Expr:
    """Whether an event is in the window: from first exposure on, or up to it."""
    when, start, edge = nw.col("when"), nw.col("t"), _edge(wanted, dates=dates)
    if wanted.before:
        return when < start if edge is None else (when < start) & (when >= edge)
    return when >= start if edge is None else (when >= start) & (when < edge)


def _edge(wanted: EventSum, *, dates: bool) -> nw.Expr | None:
    """The other end of a window that begins, or ends, at first exposure; None where it has none.

    Dates are moved by whole days, which compare them alike: an engine's midnights know hours that clocks skip.
    """
    if wanted.length is None:
        return None
    hours = int(wanted.length.total_seconds() // 3600)
    days = hours // 24 if wanted.before else -(-hours // 24)
    return nw.col("t").dt.offset_by(f"{'-' if wanted.before else ''}{f'{days}d' if dates else f'{hours}h'}")


def _parts(
    i: int, wanted: EventSum, inside: nw.Expr | None, measured: Sequence[str], events: Source, grids: dict[str, Grid]
) -> list[nw.Expr]:
    if wanted.column is None:
        one = nw.lit(1.0)
        return [(one if inside is None else nw.when(inside).then(one).otherwise(nw.lit(0.0))).alias(f"s{i}h")]
    value = double(f"m{measured.index(wanted.column)}", events.kind(wanted.column))
    counted = present(value) if inside is None else present(value) & inside
    return [part.alias(f"s{i}{x}") for x, part in rounded(nw.when(counted).then(value), grids[wanted.column]).items()]


def _total(i: int, wanted: EventSum, grids: dict[str, Grid], ends: date | datetime | None, *, dates: bool) -> nw.Expr:
    """A user's sum; nothing where the window reaches beyond the end of the data."""
    parts = levels(grids[wanted.column]) if wanted.column else ("h",)
    total = nw.col(f"s{i}h").fill_null(0.0)
    total = total + nw.col(f"s{i}l").fill_null(0.0) if "l" in parts else total
    edge = _edge(wanted, dates=dates)
    if edge is None or wanted.before or ends is None:
        return total.alias(f"e{i}")
    return nw.when(edge <= moment(ends)).then(total).alias(f"e{i}")


def _until(events: Source, table: EventTable, last: date | datetime | None) -> date | datetime | None:
    """The end of the data, as the engine compares it: as the table says, or else when the last event was."""
    assert table.time is not None
    held = family(events, table.time)
    ends = table.until
    if ends is None:
        ends = last + timedelta(days=1) if held == "dates" and last is not None else last
    if held == "dates" or ends is None:
        return ends.date() if isinstance(ends, datetime) else ends
    if not isinstance(ends, datetime):
        ends = datetime(ends.year, ends.month, ends.day)
    zoned = held == "times with a zone"
    if zoned and ends.tzinfo is None:
        return ends.replace(tzinfo=UTC)
    return ends if zoned else ends.replace(tzinfo=None)


def event_notes(rows: Frame, table: EventTable, sums: Sequence[str], events: str, every: int) -> list[Note]:
    """Windows that are not over, users without an event, and events that count for nobody.

    Args:
        rows: the joined rows.
        table: the sums.
        sums: their columns in the rows.
        events: the column of a user's events.
        every: the number of all events.

    Raises:
        TablesError: if no user's window is over.
    """
    counts = [nw.col(n).count().alias(f"n{i}") for i, n in enumerate(sums)]
    seen = [nw.len().alias("n"), nw.col(events).sum().alias("events"), nw.col(events).count().alias("some")]
    row: dict[str, Any] = collect(rows.select(*counts, *seen)).to_pylist()[0]
    notes = [Note(reason="users without an event", users=int(row["n"] - row["some"]), dropped=False)]
    for i, wanted in enumerate(table.sums):
        if row[f"n{i}"] == 0:
            raise TablesError.too_short(wanted.label)
        open_ones = int(row["n"] - row[f"n{i}"])
        notes.append(Note(reason=f"window of {wanted.label} not over", users=open_ones, dropped=False))
    lost = every - int(row["events"] or 0)
    return [*notes, Note(reason="events of nobody in the study, or without a time", users=lost, dropped=False)]
