"""What a query needs of tables that it joins, and what of them no query says honestly."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, cast

from honestlift.analysis.joining import columns_of
from honestlift.design.study import Study
from honestlift.errors import TablesError
from honestlift.moments.joined import family
from honestlift.source.connect import Kind, connect


def not_joined_in_a_query(study: Study, *, zoned: bool | None) -> list[str]:
    """What of the joins no query is made for."""
    tables, reasons = study.tables, list[str]()
    if tables is None:
        return reasons
    table, events = tables.assignment, tables.events
    if table is not None and table.moves != "error":
        reasons.append(
            f"`moves: {table.moves}`, users in several clusters (a table of users on one row each needs `moves: error`)"
        )
    ends = [made.label for made in events.sums if made.window and not made.before] if events and tables.timed else []
    if ends and events is not None and events.until is None:
        reasons.append(f"a window ({ends[0]}) without `until`, the end of the data")
    elif ends and zoned is None:
        reasons.append("a window over times of which it is not known whether they have a zone (say so by `zoned`)")
    return reasons


def require_places(study: Study, table: str | Mapping[str, str]) -> dict[str, str]:
    """A table for each that the study joins.

    Raises:
        TablesError: if one is not there, or there are several and none is joined.
    """
    needed = list(study.tables.names) if study.tables else ["users"]
    given = {"users": table} if isinstance(table, str) else dict(table)
    for name in needed:
        if name not in given:
            raise TablesError.not_given(name, needed)
    if set(given) - set(needed):
        raise TablesError.too_many(list(given))
    return given


def joined_columns(study: Study) -> list[str]:
    """The names that a user gave to columns of the joined tables."""
    tables = study.tables
    if tables is None:
        return []
    table, exposure, events = tables.assignment, tables.exposure, tables.events
    found = [study.design.cluster]
    found += (
        [name for name in (table.arm, table.cluster, table.unit, table.time, table.joined) if name is not None] if table else []
    )
    found += [exposure.unit, exposure.time] if exposure else []
    if events is not None:
        found += [events.unit, *([events.time] if events.time is not None else [])]
        found += [made.column for made in events.sums if made.column is not None]
    return found


def joins_of(study: Study, places: Mapping[str, Any], kinds: Mapping[str, Kind], *, zoned: bool | None) -> Any:
    """What the query joins; None where the study has one table."""
    from honestlift.moments.query.joins import Joins

    if study.tables is None:
        return None
    own: dict[str, Kind] = {name.removeprefix("events."): kind for name, kind in kinds.items() if name.startswith("events.")}
    return Joins(tables=study.tables, places=places, cluster=study.design.cluster, kinds=own, zoned=bool(zoned))


def with_facts(layout: str, facts: Sequence[str]) -> str:
    """The layout of an answer that says which of its columns tell what became of users."""
    return json.dumps(json.loads(layout) | {"facts": list(facts)}, ensure_ascii=False)


def kinds_of(data: Any, study: Study) -> tuple[dict[str, Kind], bool | None]:
    """What the columns of a study hold, those of its events as ``events.minutes``; and whether the times of events have a zone.

    Args:
        data: a Source, or where the study joins tables a mapping of them.
        study: the question.
    """
    if study.tables is None:
        source = connect(data)
        return dict(zip(source.columns, source.kinds, strict=True)), None
    found = {str(name): connect(table) for name, table in cast("Mapping[str, Any]", data).items()}
    columns, kinds = columns_of(found, study)
    held: dict[str, Kind] = dict(zip(columns, kinds, strict=True))
    events, zoned = study.tables.events, None
    if events is not None:
        rows = found["events"]
        held |= {f"events.{name}": kind for name, kind in zip(rows.columns, rows.kinds, strict=True)}
        zoned = family(rows, events.time) == "times with a zone" if events.time is not None else None
    return held, zoned
