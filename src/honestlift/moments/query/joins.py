"""Tables that are joined within the query: who was assigned, who came late, who was exposed, what they did, as one row per user."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from honestlift.design.tables import EventSum, EventTable, Tables
from honestlift.moments.query.asked import Asked
from honestlift.moments.query.grids import Steps, constants, exponent, log_rows
from honestlift.moments.query.names import column, double, exp, finite, infinite, ours
from honestlift.source.connect import Kind

LATE, UNSEEN = 1, 2
"""Why a user is not in the study (``z``), 0 for those who are: late, or without an exposure; 3 without a covariate, see ``rows.py``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Joins:
    """What a query joins.

    Attributes:
        tables: the tables and the rules.
        places: where each is, by its name, from ``names.place``.
        cluster: the users' column of the cluster.
        kinds: what columns of the events hold.
        zoned: whether their times have a zone.
    """

    tables: Tables
    places: Mapping[str, Any]
    cluster: str
    kinds: Mapping[str, Kind]
    zoned: bool

    @property
    def measured(self) -> list[str]:
        """The columns of the events that are summed."""
        return list(dict.fromkeys(made.column for made in self.sums if made.column))

    @property
    def sums(self) -> Sequence[EventSum]:
        """The columns that are made from events."""
        return self.tables.events.sums if self.tables.events else ()

    @property
    def clocked(self) -> bool:
        """Whether events before a user's first exposure are told from those after it."""
        return self.tables.timed and self.tables.events is not None and self.tables.events.time is not None

    @property
    def keeps(self) -> bool:
        """Whether late users are kept, and counted."""
        table = self.tables.assignment
        return table is not None and table.late == "keep" and table.joined is not None and table.time is not None

    @property
    def facts(self) -> list[str]:
        """Numbers that the query tells of the tables."""
        made = ["nameless"]
        if self.tables.assignment:
            made += ["several_arms", "without_arm", "without_time", "unassigned", "nowhere"]
        if self.tables.events:
            made += ["idle", "lost", *(f"open{i}" for i in range(len(self.sums)))]
            made += [f"{what}{i}" for i in range(len(self.measured)) for what in ("endless", "large")]
        return made


def joined(asked: Asked, joins: Joins, dialect: str, exact: bool) -> Steps:
    """The steps that end with ``r``, as ``rows.renamed`` makes it of one table, with ``z``; and ``facts``, one row."""
    made: Steps = [("people", _people(asked, joins, dialect, exact))]
    made += _assigned(asked, joins, dialect, exact) if joins.tables.assignment else [("assigned", ours("SELECT * FROM people"))]
    made += _exposed(joins, dialect, exact)
    made += _events(joins, joins.tables.events, dialect, exact) if joins.tables.events else []
    return [*made, ("r", _rows(asked, joins)), ("rows_told", _rows_told(joins)), ("facts", _facts(joins))]


def _people(asked: Asked, joins: Joins, dialect: str, exact: bool) -> Any:
    """Every column of the users by its place."""
    table, events = joins.tables.assignment, [made.label for made in joins.sums]
    away = {*events, *([table.arm] if table else [])}
    made = [exp.alias_(column(k.name, dialect, exact), f"k{i}") for i, k in enumerate(asked.keys) if k.name not in away]
    made += [exp.alias_(column(asked.unit.name, dialect, exact), "u"), exp.alias_(column(joins.cluster, dialect, exact), "g")]
    made += [
        exp.alias_(double(column(m.name, dialect, exact), m.kind), f"w{j}")
        for j, m in enumerate(asked.measures)
        if m.name not in away
    ]
    if table and table.joined and table.time:
        made.append(exp.alias_(column(table.joined, dialect, exact), "joined_at"))
    return exp.select(*made).from_(joins.places["users"])


def _assigned(asked: Asked, joins: Joins, dialect: str, exact: bool) -> Steps:
    """The arm of every key, the users who have one, and how many do not."""
    table = joins.tables.assignment
    assert table is not None
    names = {"k": table.cluster or table.unit or "", "a": table.arm} | ({"t": table.time} if table.time else {})
    rows = [exp.alias_(column(name, dialect, exact), alias) for alias, name in names.items()]
    low, high = ("BOOL_AND(a)", "BOOL_OR(a)") if asked.keys[asked.arm].kind == "boolean" else ("MIN(a)", "MAX(a)")
    time = ", MIN(t) AS t" if table.time else ""
    key = "g" if table.cluster else "u"
    timeless = "COUNT(*) - COUNT(t)" if table.time else "0"
    facts = "COUNT(CASE WHEN a <> b THEN 1 END) AS several_arms, COUNT(CASE WHEN n = 0 THEN 1 END) AS without_arm"
    return [
        ("assignment", exp.select(*rows).from_(joins.places["assignment_table"])),
        (
            "arms",
            ours(f"SELECT k, {low} AS a, {high} AS b, COUNT(a) AS n{time} FROM assignment WHERE NOT k IS NULL GROUP BY k"),
        ),
        ("arms_told", ours(f"SELECT {facts}, {timeless} AS without_time FROM arms")),
        ("keys_told", ours(f"SELECT COUNT(*) - COUNT({key}) AS nameless, COUNT({key}) AS named FROM people")),
        ("there", ours(f"SELECT {key} AS h FROM people GROUP BY {key}")),
        ("absent", ours("SELECT COUNT(*) AS nowhere FROM arms LEFT JOIN there ON k = h WHERE h IS NULL")),
        ("assigned", ours(f"SELECT people.*, a{', t' if table.time else ''} FROM people INNER JOIN arms ON {key} = k")),
        ("assigned_told", ours("SELECT COUNT(*) AS found FROM assigned")),
    ]


def _exposed(joins: Joins, dialect: str, exact: bool) -> Steps:
    """Who is in the study, by ``z``, and from when (``s``)."""
    table, exposure = joins.tables.assignment, joins.tables.exposure
    timed = table is not None and table.time is not None
    kept = joins.keeps
    came = timed and table is not None and table.joined is not None
    mark = f"CASE WHEN joined_at > t THEN {LATE} ELSE 0 END" if came and not kept else "0"
    late = ", CASE WHEN joined_at > t THEN 1 ELSE 0 END AS late" if kept else ""
    start = "CASE WHEN joined_at > t THEN joined_at ELSE t END" if kept else "t"
    begin = f", {start} AS s" if timed else ""
    if exposure is None:
        return [("studied", ours(f"SELECT assigned.*, {mark} AS z{late}{begin} FROM assigned"))]
    seen = [exp.alias_(column(exposure.unit, dialect, exact), "h"), exp.alias_(column(exposure.time, dialect, exact), "x")]
    after = f"WHERE x >= {start}" if timed else "WHERE NOT x IS NULL"
    why = f"CASE WHEN y = {LATE} THEN {LATE} WHEN x IS NULL THEN {UNSEEN} ELSE 0 END"
    return [
        ("timely", ours(f"SELECT assigned.*, {mark} AS y{late} FROM assigned")),
        ("seen", exp.select(*seen).from_(joins.places["exposure_table"])),
        ("first_seen", ours(f"SELECT h, MIN(x) AS x FROM seen INNER JOIN timely ON h = u {after} GROUP BY h")),
        ("studied", ours(f"SELECT timely.*, {why} AS z, x AS s FROM timely LEFT JOIN first_seen ON u = h")),
    ]


def _events(joins: Joins, table: EventTable, dialect: str, exact: bool) -> Steps:
    """A user's sums, exact in any order as those of ``rows.users`` are."""
    some = range(len(joins.measured))
    own = [exp.alias_(column(table.unit, dialect, exact), "h")]
    own += [exp.alias_(column(table.time, dialect, exact), "happened")] if table.time and joins.clocked else []
    own += [exp.alias_(double(column(m, dialect, exact), joins.kinds.get(m)), f"m{i}") for i, m in enumerate(joins.measured)]
    happened = ["happened"] if joins.clocked else []
    clean = [
        "h",
        *happened,
        *(f"CASE WHEN {finite(f'm{i}', dialect)} AND ABS(m{i}) <= 1e150 THEN m{i} END AS y{i}" for i in some),
    ]
    clean += [f"{infinite(f'm{i}', dialect)} AS j{i}" for i in some]
    clean += [f"CASE WHEN {finite(f'm{i}', dialect)} AND ABS(m{i}) > 1e150 THEN 1 ELSE 0 END AS b{i}" for i in some]
    told = ["COUNT(*) AS happenings", *(f"GREATEST(ABS(MIN(y{i})), ABS(MAX(y{i}))) AS n{i}" for i in some)]
    told += [f"COALESCE(SUM(j{i}), 0) AS endless{i}" for i in some]
    told += [f"COALESCE(SUM(b{i}), 0) AS large{i}" for i in some]
    powers = ["1 AS one", *(f"{exponent(f'n{i}', 'r')} AS q{i}" for i in some)]
    grid = [f"{part} AS {name}{i}" for i in some for name, part in zip("px", constants(f"q{i}", "r"), strict=True)]
    parts = ["h", *happened, *(part for i in some for part in (f"y{i}", f"x{i}", f"(y{i} + p{i}) - p{i} AS t{i}"))]
    sums = [f"{_sum(made, joins)} AS e{i}" for i, made in enumerate(joins.sums)]
    there = "WHERE NOT happened IS NULL" if joins.clocked else ""
    return [
        ("event_rows", exp.select(*own).from_(joins.places["events"])),
        ("event_values", exp.select(*map(ours, clean)).from_("event_rows")),
        ("events_told", exp.select(*map(ours, told)).from_("event_values")),
        ("event_counts", ours("SELECT COUNT(*) AS n FROM event_values GROUP BY h")),
        ("event_most", ours(f"SELECT {log_rows('CAST(COALESCE(MAX(n), 1) AS DOUBLE)')} AS r FROM event_counts")),
        ("event_powers", exp.select("r", *map(ours, powers)).from_("events_told").join("event_most", join_type="cross")),
        ("window_grids", exp.select("1 AS one", *map(ours, grid)).from_("event_powers")),
        ("event_parts", exp.select(*map(ours, parts)).from_("event_values").join("window_grids", join_type="cross")),
        (
            "windows",
            ours(
                f"SELECT u AS h, COUNT(*) AS happenings, {', '.join(sums)} "
                f"FROM event_parts INNER JOIN studied ON h = u AND z = 0 {there} GROUP BY u"
            ),
        ),
    ]


def _edge(made: EventSum) -> str | None:
    """The other end of a window. Dates need no whole days here: a day is before an hour of it if and only if it is before the next."""
    if made.length is None:
        return None
    return f"s {'-' if made.before else '+'} INTERVAL '{int(made.length.total_seconds() // 3600)}' HOUR"


def _sum(made: EventSum, joins: Joins) -> str:
    edge = _edge(made)
    inside = "happened < s" if made.before else "happened >= s"
    if edge is not None:
        inside += f" AND happened {'>=' if made.before else '<'} {edge}"
    if made.column is None:
        return f"SUM(CASE WHEN {inside} THEN 1.0E0 ELSE 0.0E0 END)" if joins.clocked else "CAST(COUNT(*) AS DOUBLE)"
    i = joins.measured.index(made.column)
    high, low = f"t{i}", f"((y{i} - t{i}) + x{i}) - x{i}"
    if joins.clocked:
        high, low = (f"CASE WHEN {inside} THEN {part} END" for part in (high, low))
    return f"COALESCE(SUM({high}), 0) + COALESCE(SUM({low}), 0)"


def _until(joins: Joins) -> Any:
    """The end of the data, as the events' times are compared with it."""
    table = joins.tables.events
    ends = table.until if table else None
    assert ends is not None
    whole = ends if isinstance(ends, datetime) else datetime(ends.year, ends.month, ends.day)
    if not joins.zoned:
        return f"CAST('{whole.replace(tzinfo=None)}' AS TIMESTAMP)"
    return f"CAST('{whole if whole.tzinfo else whole.replace(tzinfo=UTC)}' AS TIMESTAMPTZ)"


def ends_matter(tables: Tables) -> bool:
    """Whether a window can reach beyond the end of the data."""
    return bool(tables.events and tables.timed and any(made.window and not made.before for made in tables.events.sums))


def _rows(asked: Asked, joins: Joins) -> Any:
    """Keys, unit and measures by their place, and ``z``; and what ``facts`` counts."""
    table, labels = joins.tables.assignment, [made.label for made in joins.sums]
    made = ["a AS k" + str(i) if table and k.name == table.arm else f"k{i}" for i, k in enumerate(asked.keys)]
    made += ["u", "z", *(["late"] if joins.keeps else [])]
    for j, measure in enumerate(asked.measures):
        made.append(f"{_total(labels.index(measure.name), joins)} AS w{j}" if measure.name in labels else f"w{j}")
    if not joins.tables.events:
        return ours(f"SELECT {', '.join(made)} FROM studied")
    made += ["happenings", *(f"{_total(i, joins)} AS e{i}" for i in range(len(labels)))]
    return ours(f"SELECT {', '.join(made)} FROM studied LEFT JOIN windows ON u = h")


def _total(i: int, joins: Joins) -> str:
    """A user's sum; nothing where the window reaches beyond the end of the data."""
    made, total = joins.sums[i], f"COALESCE(e{i}, 0)"
    edge = _edge(made)
    return total if edge is None or made.before else f"CASE WHEN {edge} <= {_until(joins)} THEN {total} END"


def _facts(joins: Joins) -> Any:
    sources, made = ["rows_told"], list[str]()
    if joins.tables.assignment:
        sources += ["arms_told", "keys_told", "absent", "assigned_told"]
        made += ["nameless", "several_arms", "without_arm", "without_time", "named - found AS unassigned", "nowhere"]
    else:
        made.append("0 AS nameless")
    if joins.tables.events:
        sources.append("events_told")
        made += ["idle", "GREATEST(happenings - counted, 0) AS lost", *(f"open{i}" for i in range(len(joins.sums)))]
        made += [f"{what}{i}" for i in range(len(joins.measured)) for what in ("endless", "large")]
    return ours(f"SELECT {', '.join(made)} FROM {' CROSS JOIN '.join(sources)}")


def _rows_told(joins: Joins) -> Any:
    """Users without an event, events that count, windows that are not over."""
    made = ["1 AS one"]
    if joins.tables.events:
        made += ["COUNT(*) - COUNT(happenings) AS idle", "COALESCE(SUM(happenings), 0) AS counted"]
        made += [f"COUNT(*) - COUNT(e{i}) AS open{i}" for i in range(len(joins.sums))]
    return ours(f"SELECT {', '.join(made)} FROM r WHERE z = 0")
