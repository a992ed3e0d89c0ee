"""The keys of the tables that are joined with the users: assignment, exposure, events; and the windows of metrics."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol, cast

from pydantic import ConfigDict, Field, Tag, field_validator
from pydantic_core import PydanticCustomError

from honestlift.design.tables import AssignmentTable, EventSum, EventTable, ExposureTable, Tables
from honestlift.errors import TablesError
from honestlift.plan.location import DataPath, DataTable, resolve, shorten
from honestlift.plan.section import SHORT_OR_LONG, Section, Text


class TableSection(Section):
    """A table of a database."""

    model_config = ConfigDict(title="Database table")

    database: Text = Field(description="The database file, relative to the plan.", examples=["warehouse.duckdb"])
    table: Text = Field(description="The table in it.", examples=["users"])


Place = Annotated[Annotated[Text, Tag("(text)")] | Annotated[TableSection, Tag("(mapping)")], SHORT_OR_LONG]
