"""The tables of a study become one row per user: what is read where, in which order, and under which names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

import narwhals as nw

from honestlift.design.opt_in import OptInStudy
from honestlift.design.study import Study
from honestlift.errors import TablesError
from honestlift.moments.joined import assigned, one_row_each, require_same_keys, require_same_times
from honestlift.moments.windows import with_events
from honestlift.source.connect import connect
from honestlift.source.table import Kind, Note, Source
from honestlift.source.together import together

Step = Any


def rows_of(data: Any, study: Study | OptInStudy, step: Step = lambda _: None, *, outcomes: bool = True) -> Source:
    """The rows of a study: its one table, or its tables joined to one row per user.

    Args:
        data: what ``connect`` takes; or, where the study joins tables, a mapping with ``users``, ``assignment_table`` and ``events``.
        study: the question.
        step: hears each stage as it begins.
        outcomes: whether events are read; if not, their columns are missing from the rows.

    Raises:
        TablesError: if a table is not given, or they cannot be joined as the study asks.
        HonestliftError: if a column or a value is not what the study needs.
    """
    tables = None if isinstance(study, OptInStudy) else study.tables
    several: Mapping[str, Any] | None = cast("Mapping[str, Any]", data) if isinstance(data, Mapping) else None
    if tables is None:
        if several is not None:
            raise TablesError.too_many([str(name) for name in several])
        return connect(data)
    assert isinstance(study, Study)
    needed = ["users", *(["assignment_table"] if tables.assignment else []), *(["events"] if tables.events else [])]
    for name in needed:
        if several is None or name not in several:
            raise TablesError.not_given(name, needed)
    if several is None:
        raise TablesError.not_given("users", needed)
    step("Joining tables")
    used = [name for name in needed if outcomes or name != "events"]
    found = dict(zip(used, together([connect(several[name]) for name in used]), strict=True))
    return joined(found, study)


def joined(found: Mapping[str, Source], study: Study) -> Source:
    """Users, assignment and events, where they can be joined, as one row per user.

    Raises:
        TablesError: if they cannot be joined as the study asks.
    """
    tables, d, users = study.tables, study.design, found["users"]
    assert tables is not None
    _require_columns(found, study)
    frame, notes = one_row_each(users, d.unit, d.cluster, tables.assignment)
    columns, kinds = list(users.columns), list(users.kinds)
    names = [f"c{i}" for i in range(len(columns))]
    table, timed = tables.assignment, False
    if table is not None:
        assignment = found["assignment_table"]
        key = d.cluster if table.cluster else d.unit
        made = assigned(users, frame, table, assignment, key)
        frame, timed = made.frame, table.time is not None
        notes += made.notes
        columns.append(table.arm)
        kinds.append(assignment.kind(table.arm))
        names.append("a")
    if tables.events is not None and "events" in found:
        frame, more = with_events(frame, f"c{users.columns.index(d.unit)}", found["events"], tables.events, timed=timed)
        notes += more
        columns += [wanted.label for wanted in tables.events.sums]
        kinds += cast("list[Kind]", ["number"] * len(tables.events.sums))
        names += [f"e{i}" for i in range(len(tables.events.sums))]
    whole = frame.select(*[nw.col(n).alias(f"c{i}") for i, n in enumerate(names)])
    return replace(users.kept(whole, columns, kinds), notes=tuple(notes))


def _require_columns(found: Mapping[str, Source], study: Study) -> None:
    """Every column that joins, or is made, is there once, and of a kind that can be compared."""
    tables, d, users = study.tables, study.design, found["users"]
    assert tables is not None
    users.position(d.unit, "unit")
    users.position(d.cluster, "cluster")
    table = tables.assignment
    if table is not None:
        rows, own, key = found["assignment_table"], table.cluster or table.unit or "", d.cluster if table.cluster else d.unit
        for name, role in ((own, "key of the assignment"), (table.arm, "arm"), (table.time, "time of the assignment")):
            if name is not None:
                rows.position(name, role)
        require_same_keys(users, key, rows, own)
        if table.arm in users.columns:
            raise TablesError.column_there(table.arm, "the assignment table")
        if table.joined:
            users.position(table.joined, "time of joining")
            if table.time:
                require_same_times(users, table.joined, rows, table.time)
    if tables.events is not None and "events" in found:
        _require_events(found, study)


def _require_events(found: Mapping[str, Source], study: Study) -> None:
    tables, users, events = study.tables, found["users"], found["events"]
    assert tables is not None
    assert tables.events is not None
    wanted = tables.events
    events.position(wanted.unit, "unit of the events")
    require_same_keys(users, study.design.unit, events, wanted.unit)
    for made in wanted.sums:
        if made.column is not None:
            events.position(made.column, "measure of events")
            if events.kind(made.column) not in ("integer", "number", "boolean"):
                raise TablesError.unlike(f"Column {made.column!r} of the events", events.kind(made.column), "a sum", "numbers")
        if made.label in users.columns or (tables.assignment and made.label == tables.assignment.arm):
            raise TablesError.column_there(made.label, "the events")
    if wanted.time is not None:
        events.position(wanted.time, "time of the events")
        if tables.assignment and tables.assignment.time:
            require_same_times(events, wanted.time, found["assignment_table"], tables.assignment.time)


def dropped_of(notes: tuple[Note, ...]) -> dict[str, int]:
    """Why users were left out before the rows were read, and how many."""
    return {note.reason: note.users for note in notes if note.dropped}
