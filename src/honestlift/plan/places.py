"""Where the rows are, in a plan: a file, or a table of a database."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import ConfigDict, Field, Tag

from honestlift.plan.location import DataPath, DataTable, Place, resolve, shorten
from honestlift.plan.section import SHORT_OR_LONG, Section, Text


class TableSection(Section):
    """A table of a database."""

    model_config = ConfigDict(title="Database table")

    database: Text = Field(description="The database file, relative to the plan.", examples=["warehouse.duckdb"])
    table: Text = Field(description="The table in it.", examples=["users"])


DataSection = Annotated[Annotated[Text, Tag("(text)")] | Annotated[TableSection, Tag("(mapping)")], SHORT_OR_LONG]


def place_of(data: str | TableSection, folder: Path) -> Place:
    """What a plan says, with paths made absolute."""
    if isinstance(data, TableSection):
        return DataTable(database=resolve(data.database, folder), table=data.table)
    return DataPath(path=resolve(data, folder))


def place_values(data: Place, folder: Path) -> Any:
    """The inverse of ``place_of``."""
    if isinstance(data, DataPath):
        return shorten(data.path, folder)
    return {"database": shorten(data.database, folder), "table": data.table}
