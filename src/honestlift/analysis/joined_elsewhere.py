"""Tables that a query joined elsewhere, held to what honestlift would have refused, and the same notes of who is left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from honestlift.analysis.left_out import note_of
from honestlift.design.study import Study
from honestlift.design.tables import Tables
from honestlift.errors import DataError, TablesError
from honestlift.moments.joined import Left
from honestlift.source.table import Note

LATE, UNSEEN = 1, 2
"""Why users of a cell are not in the study, as ``moments/query/joins.py`` writes it."""


def notes_elsewhere(header: Mapping[str, Any], study: Study) -> list[Note]:
    """What became of users and events, in the order in which ``joining.py`` tells it.

    Args:
        header: what the answer of the query says beside its sums: ``facts``, and ``cells`` with the users by why they are left out.
        study: the question, which joins tables.

    Raises:
        TablesError: if the tables do not go together as the study asks.
        DataError: if an event is infinite or too large.
    """
    tables, facts = study.tables, header["facts"]
    assert tables is not None
    cells = header["cells"]
    why = np.array(cells["why"], dtype=np.int64)
    notes = _assignment(tables, facts, study) if tables.assignment else []
    table = tables.assignment
    if table is not None and table.joined and table.time:
        kept = table.late == "keep"
        late = _left(cells, study, why >= 0, cells["late"] if kept else (why == LATE) * np.array(cells["users"]))
        if table.late == "error" and late.gone.sum():
            raise TablesError.late(int(late.gone.sum()))
        reason = "joined after the assignment, kept" if kept else "joined after the assignment"
        notes.append(note_of(reason, late, study, dropped=not kept))
    if tables.exposure is not None:
        found = _left(cells, study, why != LATE, (why == UNSEEN) * np.array(cells["users"]))
        if found.gone.sum() == found.users.sum():
            raise TablesError.nobody_exposed(tables.exposure.unit)
        timed = table is not None and table.time is not None
        reason = "no exposure after the assignment" if timed else "no exposure"
        notes.append(note_of(reason, found, study, dropped=True))
    notes += _events(tables, facts, int(np.array(cells["users"])[(why != LATE) & (why != UNSEEN)].sum())) if tables.events else []
    return [note for note in notes if note.users]


def _assignment(tables: Tables, facts: Mapping[str, int], study: Study) -> list[Note]:
    table = tables.assignment
    assert table is not None
    own, key = table.cluster or table.unit or "", study.design.cluster if table.cluster else study.design.unit
    if facts["several_arms"]:
        raise TablesError.several_arms(own, None, facts["several_arms"])
    if facts["without_arm"]:
        raise TablesError.no_arm(own, facts["without_arm"])
    if facts["without_time"]:
        raise TablesError.no_time(table.time or "", "the time of the assignment", facts["without_time"])
    return [
        Note(reason=f"no {key}", users=facts["nameless"], dropped=True),
        Note(reason="not in the assignment table", users=facts["unassigned"], dropped=True),
        Note(
            reason=f"assigned {'workspaces' if table.cluster else 'users'} of whom there is no row",
            users=facts["nowhere"],
            dropped=False,
        ),
    ]


def _events(tables: Tables, facts: Mapping[str, int], users: int) -> list[Note]:
    assert tables.events is not None
    measured = list(dict.fromkeys(made.column for made in tables.events.sums if made.column))
    for i, name in enumerate(measured):
        if facts[f"endless{i}"]:
            raise DataError.infinite(name, "measure of events", facts[f"endless{i}"])
        if facts[f"large{i}"]:
            raise DataError.too_large(name, 1e150)
    notes = [Note(reason="users without an event", users=facts["idle"], dropped=False)]
    for i, made in enumerate(tables.events.sums):
        if facts[f"open{i}"] == users:
            raise TablesError.too_short(made.label)
        notes.append(Note(reason=f"window of {made.label} not over", users=facts[f"open{i}"], dropped=False))
    return [*notes, Note(reason="events of nobody in the study, or without a time", users=facts["lost"], dropped=False)]


def _left(cells: Mapping[str, Any], study: Study, among: NDArray[np.bool_], gone: Sequence[float] | NDArray[np.int64]) -> Left:
    """The users of cells, and those of them who are gone, by cluster and arm; see ``moments.joined.left``."""
    arms, clusters = cells["values"][study.design.arm], cells["values"][study.design.cluster]
    found: dict[tuple[Any, Any], list[int]] = {}
    for i in np.flatnonzero(among).tolist():
        if arms[i] is not None:
            count = found.setdefault((arms[i], clusters[i]), [0, 0])
            count[0] += int(cells["users"][i])
            count[1] += int(gone[i])
    labels = tuple(sorted({arm for arm, _ in found}))
    rows = sorted((labels.index(arm), n, out) for (arm, _), (n, out) in found.items())
    return Left(
        arm=np.array([r[0] for r in rows], dtype=np.int64),
        users=np.array([r[1] for r in rows], dtype=np.float64),
        gone=np.array([r[2] for r in rows], dtype=np.float64),
        labels=labels,
    )
