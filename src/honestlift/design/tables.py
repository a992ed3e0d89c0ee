"""Several tables instead of one: users, who was assigned, who was exposed, and events; the rules by which they become one row per user."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Literal, get_args

from honestlift.errors import TablesError

Moves = Literal["error", "first", "last", "most", "drop"]
Late = Literal["drop", "keep", "error"]

_WINDOW = re.compile(r"([1-9][0-9]{0,5})\s*(h|d|w)")
_HOURS = {"h": 1, "d": 24, "w": 168}


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignmentTable:
    """Who was assigned to which arm, in a table of its own; and what becomes of users who move, or come late.

    Attributes:
        arm: column of the arm; the design's ``treatment`` names it too.
        cluster: column that names the cluster, if clusters are assigned; its users are found by the design's cluster.
        unit: column that names the user, if the table has a row per user; one of the two.
        time: column of the time of the assignment. The earliest counts where there are several.
        joined: column of the users' table with the time at which a user joined the cluster.
        moves: what becomes of users who are in several clusters: ``error``; in the ``first`` or ``last`` that they joined; in that
            with ``most`` rows; ``drop``, left out and counted.
        late: what becomes of users who joined after the assignment: ``drop``, left out and counted; ``keep``, their events count from when
            they joined; ``error``.

    Raises:
        TablesError: if not exactly one of ``cluster`` and ``unit`` is named, or a rule needs a time that is not.

    Example:
        >>> hl.AssignmentTable(cluster="workspace_id", arm="arm", time="assigned_at", joined="joined_at", moves="first").late
        'drop'
    """

    arm: str
    cluster: str | None = None
    unit: str | None = None
    time: str | None = None
    joined: str | None = None
    moves: Moves = "error"
    late: Late = "drop"

    def __post_init__(self) -> None:
        if (self.cluster is None) == (self.unit is None):
            raise TablesError.one_key()
        for name, value, known in (("moves", self.moves, get_args(Moves)), ("late", self.late, get_args(Late))):
            if value not in known:
                raise TablesError.rule(name, value, known)
        if self.moves in ("first", "last") and self.joined is None:
            raise TablesError.needs_time(f"`moves: {self.moves}`", "`joined`, when users came into their cluster")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExposureTable:
    """When users met the feature, or would have met it: a row per user, or several, of which the first after the assignment counts.

    Users without a row are left out and counted, by arm: a log that is kept in one arm only would compare unlike users.

    Attributes:
        unit: column that names the user.
        time: column of the time of the exposure; of the same kind as the time of the assignment.

    Example:
        >>> hl.ExposureTable(unit="user_id", time="seen_at").time
        'seen_at'
    """

    unit: str
    time: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EventSum:
    """A column of the users that is made from their events.

    Attributes:
        column: column of the events that is summed; None counts events.
        name: what the column of the users is called; the summed column's name by default.
        window: how long events count from first exposure, such as ``12h``, ``14d`` or ``2w``; None for all that follow. A day has 24 hours.
        before: the window ends at first exposure instead, for a measure before treatment.

    Raises:
        TablesError: if the window is none, or there is neither a column nor a name.

    Example:
        >>> hl.EventSum(column="minutes", window="14d").length
        datetime.timedelta(days=14)
    """

    column: str | None = None
    name: str | None = None
    window: str | None = None
    before: bool = False

    def __post_init__(self) -> None:
        if self.column is None and self.name is None:
            raise TablesError.no_name()
        if self.window is not None and not _WINDOW.fullmatch(self.window):
            raise TablesError.window(self.window)

    @property
    def label(self) -> str:
        """The name of the column of the users."""
        return self.name or self.column or ""

    @property
    def length(self) -> timedelta | None:
        """How long events count; None for all that follow, or went before."""
        found = _WINDOW.fullmatch(self.window or "")
        return timedelta(hours=int(found[1]) * _HOURS[found[2]]) if found else None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventTable:
    """What users did, an event a row, in a table of its own.

    Attributes:
        unit: column that names the user.
        time: column of the event's time; of the same kind as the time of the assignment.
        sums: the columns of the users that are made from it.
        until: end of the data, itself not in them; by default the last event's time, or the day after the last event's day. A user whose
            window is not over by then has no value.

    Raises:
        TablesError: if nothing is summed, two sums have one name, or a window has no time.

    Example:
        >>> table = hl.EventTable(unit="user_id", time="at", sums=(hl.EventSum(column="minutes", window="14d"),))
        >>> [made.label for made in table.sums]
        ['minutes']
    """

    unit: str
    sums: tuple[EventSum, ...]
    time: str | None = None
    until: date | datetime | None = None

    def __post_init__(self) -> None:
        if not self.sums:
            raise TablesError.no_sums()
        labels = [made.label for made in self.sums]
        for label in labels:
            if labels.count(label) > 1:
                raise TablesError.repeated(label)
        for made in self.sums:
            if self.time is None and (made.window or made.before):
                raise TablesError.needs_time(f"the window of {made.label!r}", "`time`, that of the events")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tables:
    """The tables beside that of the users, of which at least one is there.

    Events count from a user's first exposure where there is a table of exposures, else from the time of the assignment, else all.

    Raises:
        TablesError: if there is none, or a window is counted from an assignment without a time.

    Example:
        >>> tables = hl.Tables(assignment=hl.AssignmentTable(cluster="workspace_id", arm="arm"))
        >>> tables.names
        ('users', 'assignment_table')
    """

    assignment: AssignmentTable | None = None
    exposure: ExposureTable | None = None
    events: EventTable | None = None

    def __post_init__(self) -> None:
        if self.assignment is None and self.exposure is None and self.events is None:
            raise TablesError.none()
        made = [s for s in self.events.sums if s.window or s.before] if self.events else []
        if made and not self.timed:
            raise TablesError.needs_time(
                f"the window of {made[0].label!r}", "the time of the assignment table or an exposure table"
            )

    @property
    def timed(self) -> bool:
        """Whether there is a time from which a user's events count."""
        return self.exposure is not None or (self.assignment is not None and self.assignment.time is not None)

    def before(self) -> Tables | None:
        """The same without what happened after first exposure."""
        sums = tuple(made for made in self.events.sums if made.before) if self.events else ()
        events = replace(self.events, sums=sums) if self.events and sums else None
        alone = self.assignment is None and self.exposure is None and events is None
        return None if alone else replace(self, events=events)

    @property
    def names(self) -> tuple[str, ...]:
        """What the data must have."""
        there = {"users": self, "assignment_table": self.assignment, "exposure_table": self.exposure, "events": self.events}
        return tuple(name for name, table in there.items() if table is not None)
