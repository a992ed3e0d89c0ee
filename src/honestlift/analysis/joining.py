"""The tables of a study become one row per user: what is read where, in which order, and under which names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, cast

import narwhals as nw

from honestlift.analysis.left_out import note_of
from honestlift.design.asked import AnyStudy
from honestlift.design.study import Study
from honestlift.design.tables import AssignmentTable, ExposureTable
from honestlift.errors import TablesError
from honestlift.moments.joined import (
    Frame,
    assigned,
    exposed,
    family,
    left,
    one_row_each,
    require_same_keys,
    require_same_times,
)
from honestlift.moments.windows import event_notes, with_events
from honestlift.source.connect import connect
from honestlift.source.table import Kind, Note, Source, unchanged
from honestlift.source.together import together

Step = Callable[[str], None]


def rows_of(data: Any, study: AnyStudy, step: Step = lambda _: None, *, outcomes: bool = True) -> Source:
    """The rows of a study: its one table, or its tables joined to one row per user.

    Args:
        data: what ``connect`` takes; or, where the study joins tables, a mapping with ``users``, ``assignment_table`` and ``events``.
        study: the question.
        step: hears each stage as it begins.
        outcomes: whether sums of events after first exposure are read; if not, they are missing from the rows.

    Raises:
        TablesError: if a table is not given, or they cannot be joined as the study asks.
        HonestliftError: if a column or a value is not what the study needs.
    """
    tables = study.tables if isinstance(study, Study) else None
    several: Mapping[str, Any] | None = cast("Mapping[str, Any]", data) if isinstance(data, Mapping) else None
    if tables is None:
        if several is not None:
            raise TablesError.too_many([str(name) for name in several])
        return connect(data)
    assert isinstance(study, Study)
    needed = list(tables.names)
    for name in needed:
        if several is None or name not in several:
            raise TablesError.not_given(name, needed)
    if several is None:
        raise TablesError.not_given("users", needed)
    step("Joining tables")
    asked = study if outcomes else replace(study, tables=tables.before())
    if asked.tables is None:
        return connect(several["users"])
    used = list(asked.tables.names)
    given = [connect(several[name]) for name in used]
    with unchanged(given):
        return joined(dict(zip(used, together(given), strict=True)), asked)


def columns_alone(data: Any, study: AnyStudy) -> Source:
    """The columns that the rows of a study will have, without reading a row: for a look at names and kinds, and nothing else.

    Raises:
        TablesError: if tables cannot be joined as the study asks.
    """
    if not isinstance(data, Mapping) or not isinstance(study, Study) or study.tables is None:
        return rows_of(data, study)
    found = {str(name): connect(table) for name, table in cast("Mapping[str, Any]", data).items()}
    require_joinable(found, study)
    columns, kinds = columns_of(found, study)
    return replace(found["users"], columns=tuple(columns), kinds=tuple(kinds))


def joined(found: Mapping[str, Source], study: Study) -> Source:
    """Users, assignment, exposures and events, where they can be joined, as one row per user.

    Raises:
        TablesError: if they cannot be joined as the study asks.
    """
    tables, d, users = study.tables, study.design, found["users"]
    assert tables is not None
    require_joinable(found, study)
    columns, kinds = columns_of(found, study)
    own = [f"c{i}" for i in range(len(users.columns))]
    single, notes = one_row_each(users, d.unit, d.cluster, tables.assignment)
    frame = single.everything()
    place, cluster = (f"c{users.columns.index(n)}" for n in (d.unit, d.cluster))
    table = tables.assignment
    if table is not None:
        frame, more = assigned(users, frame, table, found["assignment_table"], d.cluster if table.cluster else d.unit)
        notes += more
    timed = table is not None and table.time is not None
    arm = "a" if table else f"c{users.columns.index(d.arm)}"
    if table is not None and table.joined and table.time:
        frame, note = _without_late(frame, f"c{users.columns.index(table.joined)}", table, arm, cluster, study)
        notes.append(note)
    if tables.exposure is not None:
        frame, note = _exposed(frame, place, found["exposure_table"], tables.exposure, timed, arm, cluster, study)
        notes.append(note)
    names = [*own, *(["a"] if table else []), *(["t"] if tables.timed else [])]
    made = _held(users, frame, names)
    if single is not users:
        single.released()
    frame = made.everything().rename({f"c{i}": n for i, n in enumerate(names) if f"c{i}" != n})
    names = [n for n in names if n != "t"]
    wanted, every = tables.events if "events" in found else None, 0
    if wanted is not None:
        frame, every = with_events(frame, place, found["events"], wanted, timed=tables.timed)
        names += [f"e{i}" for i in range(len(wanted.sums))]
    there = len(names)
    whole = frame.select(*[nw.col(n).alias(f"c{i}") for i, n in enumerate(names + (["n"] if wanted else []))])
    rows = users.kept(whole, columns[:there], kinds[:there])
    if wanted is not None:
        sums = [f"c{there - len(wanted.sums) + i}" for i in range(len(wanted.sums))]
        notes += event_notes(rows.everything(there + 1), wanted, sums, f"c{there}", every)
    return replace(rows, notes=tuple(n for n in notes if n.users))


def _held(users: Source, frame: Frame, names: list[str]) -> Source:
    """Columns of the joined users, written once, as each sum of events and each count asks for them."""
    rows = frame.select(*[nw.col(n).alias(f"c{i}") for i, n in enumerate(names)])
    return users.written(rows, names, cast("list[Kind]", ["other"] * len(names)))


def _without_late(
    frame: Frame, joined_at: str, table: AssignmentTable, arm: str, cluster: str, study: Study
) -> tuple[Frame, Note]:
    """Those who came after the assignment, by the rule."""
    after = (nw.col(joined_at) > nw.col("t")).fill_null(False)
    found = left(frame, after, arm, cluster)
    late = int(found.gone.sum())
    if late and table.late == "error":
        raise TablesError.late(late)
    if table.late == "drop":
        return frame.filter(~after), note_of("joined after the assignment", found, study, dropped=True)
    when = nw.when(after).then(nw.col(joined_at)).otherwise(nw.col("t")).alias("t")
    return frame.with_columns(when), note_of("joined after the assignment, kept", found, study, dropped=False)


def _exposed(
    frame: Frame, place: str, exposures: Source, table: ExposureTable, timed: bool, arm: str, cluster: str, study: Study
) -> tuple[Frame, Note]:
    """The users who were exposed, events counting from then; the others are left out."""
    frame = exposed(frame, place, exposures, table, timed=timed)
    found = left(frame, nw.col("x").is_null(), arm, cluster)
    if found.gone.sum() == found.users.sum():
        raise TablesError.nobody_exposed(table.unit)
    frame = frame.filter(~nw.col("x").is_null()).with_columns(nw.col("x").alias("t"))
    return frame, note_of("no exposure after the assignment" if timed else "no exposure", found, study, dropped=True)


def columns_of(found: Mapping[str, Source], study: Study) -> tuple[list[str], list[Kind]]:
    """What the joined rows have: the users' columns, the arm, the sums of events."""
    tables, users = study.tables, found["users"]
    assert tables is not None
    columns, kinds = list(users.columns), list(users.kinds)
    if tables.assignment is not None:
        columns.append(tables.assignment.arm)
        kinds.append(found["assignment_table"].kind(tables.assignment.arm))
    if tables.events is not None:
        columns += [wanted.label for wanted in tables.events.sums]
        kinds += cast("list[Kind]", ["number"] * len(tables.events.sums))
    return columns, kinds


def require_joinable(found: Mapping[str, Source], study: Study) -> None:
    """Every column that joins, or is made, is there once, and of a kind that can be compared."""
    tables, d, users = study.tables, study.design, found["users"]
    assert tables is not None
    users.position(d.unit, "unit")
    users.position(d.cluster, "cluster")
    table = tables.assignment
    if table is None:
        users.position(d.arm, "treatment")
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
    if tables.exposure is not None:
        rows, own = found["exposure_table"], tables.exposure.unit
        rows.position(own, "unit of the exposures")
        rows.position(tables.exposure.time, "time of the exposures")
        require_same_keys(users, d.unit, rows, own)
        family(rows, tables.exposure.time)
        if table is not None and table.time:
            require_same_times(rows, tables.exposure.time, found["assignment_table"], table.time)
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
        if tables.exposure is not None:
            require_same_times(events, wanted.time, found["exposure_table"], tables.exposure.time)
        elif tables.assignment and tables.assignment.time:
            require_same_times(events, wanted.time, found["assignment_table"], tables.assignment.time)
