"""The keys of the tables that are joined with the users, assignment, exposure and events, and the windows of metrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date, datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import ConfigDict, Field, field_validator
from pydantic_core import PydanticCustomError

from honestlift.design.tables import AssignmentTable, EventSum, EventTable, ExposureTable, Tables
from honestlift.errors import TablesError
from honestlift.plan.location import Place
from honestlift.plan.metrics import AskedSection, MetricSection, QuantileSection, RatioSection
from honestlift.plan.places import DataSection, place_of, place_values
from honestlift.plan.section import Section, Text

TABLES = ("assignment_table", "exposure_table", "events")


class AssignmentTableSection(Section):
    """Who was assigned to which arm, in a table of its own; its column of the arm is that of `design.treatment`."""

    model_config = ConfigDict(title="Assignment table")

    data: DataSection = Field(description="Its rows, as `data` names those of the users.", examples=["assignment.parquet"])
    cluster: Text | None = Field(
        default=None, description="Its column of the assigned cluster; or `unit`.", examples=["workspace_id"]
    )
    unit: Text | None = Field(
        default=None, description="Its column of the user, where it has a row per user.", examples=["user_id"]
    )
    time: Text | None = Field(
        default=None, description="Its column of the time of the assignment; the earliest counts.", examples=["assigned_at"]
    )
    joined: Text | None = Field(
        default=None, description="The users' column of when they came into their cluster.", examples=["joined_at"]
    )
    moves: Literal["error", "first", "last", "most", "drop"] = Field(
        default="error",
        description="Users in several clusters: an error; the first or last they joined; that with most rows; left out and counted.",
        examples=["first"],
    )
    late: Literal["drop", "keep", "error"] = Field(
        default="drop",
        description="Users who joined after the assignment: left out and counted; kept, their events counting from then; an error.",
        examples=["drop"],
    )


class ExposureTableSection(Section):
    """When users met the feature, or would have: the first time after the assignment counts; users without one are left out."""

    model_config = ConfigDict(title="Exposure table")

    data: DataSection = Field(description="Its rows, as `data` names those of the users.", examples=["exposures.parquet"])
    unit: Text = Field(description="Its column of the user.", examples=["user_id"])
    time: Text = Field(description="Its column of the time.", examples=["seen_at"])


class EventColumnSection(Section):
    """A column of the users that is summed from their events, for other uses than a metric with a `window`."""

    model_config = ConfigDict(title="Column made from events")

    column: Text | None = Field(
        default=None, description="The events' column that is summed; none counts events.", examples=["minutes"]
    )
    name: Text | None = Field(
        default=None, description="What the users' column is called; else as the events'.", examples=["sessions"]
    )
    window: Text | None = Field(
        default=None, description="How long events count: 12h, 14d, 2w; none for all that follow.", examples=["14d"]
    )
    before: bool = Field(
        default=False, description="The window ends at first exposure instead of beginning there.", examples=[True]
    )


class EventsSection(Section):
    """What users did, an event a row."""

    model_config = ConfigDict(title="Events")

    data: DataSection = Field(description="Its rows, as `data` names those of the users.", examples=["events.parquet"])
    unit: Text = Field(description="Its column of the user.", examples=["user_id"])
    time: Text | None = Field(default=None, description="Its column of the time.", examples=["at"])
    until: Text | None = Field(
        default=None,
        description="End of the data, itself not in them; else the last event. A window that is not over by then has no value.",
        examples=["2026-03-01", "2026-03-01T00:00:00+00:00"],
    )
    columns: list[EventColumnSection] = Field(
        default=[],
        description="Further columns of the users that are made from events.",
        examples=[[{"name": "sessions", "window": "14d"}]],
    )

    @field_validator("until")
    @classmethod
    def _a_time(cls, value: str | None) -> str | None:
        try:
            _ = value and instant(value)
        except ValueError:
            raise PydanticCustomError("time", "Expected a date or a time, e.g. 2026-03-01 or 2026-03-01T12:00:00+00:00") from None
        return value


SECTIONS_OF_TABLES: dict[str, type[Section]] = {
    "assignment_table": AssignmentTableSection,
    "exposure_table": ExposureTableSection,
    "events": EventsSection,
    "events.columns.*": EventColumnSection,
}


def instant(value: str) -> date | datetime:
    """A day, or a time with or without a zone."""
    return date.fromisoformat(value) if len(value) == 10 else datetime.fromisoformat(value)


def label_of(column: str, window: str, *, before: bool = False) -> str:
    """The users' column that a window of the events' column becomes: ``minutes (14d)``."""
    return f"{column} ({window}{' before' if before else ''})"


Metric = str | MetricSection | RatioSection | QuantileSection


def over_events(metrics: Sequence[Metric]) -> tuple[list[Metric], list[EventSum]]:
    """Metrics with a window as metrics of the columns that are made for them, and these columns."""
    sums: dict[str, EventSum] = {}
    made: list[Metric] = []

    def column(name: str, window: str, *, before: bool = False) -> str:
        label = label_of(name, window, before=before)
        sums[label] = EventSum(column=name, name=label, window=None if window == "all" else window, before=before)
        return label

    for metric in metrics:
        update: dict[str, Any] = {}
        if isinstance(metric, AskedSection) and metric.window:
            keys = ("numerator", "denominator") if isinstance(metric, RatioSection) else ("column",)
            update = {key: column(getattr(metric, key), metric.window) for key in keys}
            if not isinstance(metric, RatioSection) and metric.pre_window:
                update["pre"] = column(metric.column, metric.pre_window, before=True)
        elif isinstance(metric, (MetricSection, QuantileSection)) and metric.pre_window:
            raise TablesError.pre_window_alone(metric.pre_window)
        made.append(metric.model_copy(update=update) if update and not isinstance(metric, str) else metric)
    return made, list(sums.values())


def tables_of(
    assignment: AssignmentTableSection | None,
    exposure: ExposureTableSection | None,
    events: EventsSection | None,
    arm: str,
    windows: Sequence[EventSum],
) -> Tables | None:
    """The tables that a plan names.

    Raises:
        TablesError: if they do not go together.
    """
    if windows and events is None:
        raise TablesError.window_without_events(windows[0].column or "")
    if assignment is None and exposure is None and events is None:
        return None
    own = assignment.model_dump(exclude={"data"}) if assignment else {}
    sums = (*(EventSum(**made.model_dump()) for made in (events.columns if events else ())), *windows)
    return Tables(
        assignment=AssignmentTable(arm=arm, **own) if assignment else None,
        exposure=ExposureTable(unit=exposure.unit, time=exposure.time) if exposure else None,
        events=EventTable(unit=events.unit, time=events.time, sums=sums, until=instant(events.until) if events.until else None)
        if events
        else None,
    )


def places_of(sections: Mapping[str, Any], folder: Path) -> dict[str, Place]:
    """Where the rows of each joined table are, by its key."""
    return {name: place_of(section.data, folder) for name, section in sections.items() if section is not None}


def tables_values(tables: Tables, places: Mapping[str, Place], folder: Path) -> dict[str, Any]:
    """The inverse of ``tables_of``: every sum of events is a column of its own.

    Raises:
        TablesError: if the place of a table is not given.
    """
    found = {"assignment_table": tables.assignment, "exposure_table": tables.exposure, "events": tables.events}
    values: dict[str, Any] = {}
    for name, table in found.items():
        if table is None:
            continue
        if name not in places:
            raise TablesError.not_given(name, [key for key, there in found.items() if there])
        told = {key: value for key, value in asdict(table).items() if value is not None and key not in ("arm", "sums")}
        told |= {"until": told["until"].isoformat()} if "until" in told else {}
        values[name] = {"data": place_values(places[name], folder), **told}
    if tables.events is not None:
        listed = [{k: v for k, v in asdict(s).items() if v is not None and v is not False} for s in tables.events.sums]
        values["events"]["columns"] = listed
    return values
