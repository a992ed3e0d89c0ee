"""Where the rows are, in a plan: a file, a table of a database, of a Spark session, or of one that Ibis reaches."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, ConfigDict, Discriminator, Field, Tag
from pydantic_core import PydanticCustomError

from honestlift.plan.location import DataPath, DataSpark, DataTable, DataWarehouse, Place, resolve, shorten
from honestlift.plan.section import Section, Text, text_or_mapping
from honestlift.source.address import holds_secret, is_address

_NO_SECRET = (
    "The address holds a password or the like, which is not repeated here: plans are shared and kept. Expected none, or a variable "
    "of the environment: write ${{{example}}} in its place, and set it where the study runs"
)
_NO_ADDRESS = "Expected a file. Name a table of a database by data: {ibis: …, table: …}"


def _without_secret(value: str) -> str:
    if holds_secret(value):
        raise PydanticCustomError("secret", _NO_SECRET.format(example="PGPASSWORD"))
    return value


def _file(value: str) -> str:
    _without_secret(value)
    if is_address(value):
        raise PydanticCustomError("address", _NO_ADDRESS)
    return value


def _address(value: str) -> str:
    _without_secret(value)
    if not is_address(value) and not value.startswith("${"):
        raise PydanticCustomError("address", "Expected an address such as postgres://user@host/database")
    return value


class TableSection(Section):
    """A table of a database."""

    model_config = ConfigDict(title="Database table")

    database: Annotated[Text, AfterValidator(_file)] = Field(
        description="The database file, relative to the plan.", examples=["warehouse.duckdb"]
    )
    table: Text = Field(description="The table in it.", examples=["users"])


class WarehouseSection(Section):
    """A table of a database that is reached through Ibis."""

    model_config = ConfigDict(title="Table reached through Ibis")

    ibis: Annotated[Text, AfterValidator(_address)] = Field(
        description="The address of the database, without a password: a variable of the environment stands for it, if one is needed.",
        examples=["postgres://analyst@db.example.org/lake", "postgres://analyst:${PGPASSWORD}@db.example.org/lake"],
    )
    table: Text = Field(
        description="The table in it, with its schema where that is not on the search path.", examples=["lake.users"]
    )


class SparkSection(Section):
    """A table that a Spark session knows."""

    model_config = ConfigDict(title="Spark table")

    spark: Text = Field(
        description="The table, as the running or configured Spark session knows it.", examples=["catalog.lake.users"]
    )


def _kind_of_place(value: object) -> str | None:
    if not isinstance(value, dict):
        return text_or_mapping(value)
    return next((f"({key})" for key in ("ibis", "spark") if key in value), "(mapping)")


DataSection = Annotated[
    Annotated[Text, AfterValidator(_file), Tag("(text)")]
    | Annotated[TableSection, Tag("(mapping)")]
    | Annotated[WarehouseSection, Tag("(ibis)")]
    | Annotated[SparkSection, Tag("(spark)")],
    Discriminator(_kind_of_place, custom_error_type="either", custom_error_message="Expected text or a mapping"),
]


def section_of(value: Any) -> type[Section]:
    """The section that a mapping of data is, by its keys."""
    kinds: dict[str | None, type[Section]] = {"(ibis)": WarehouseSection, "(spark)": SparkSection}
    return kinds.get(_kind_of_place(value), TableSection)


def place_of(data: str | TableSection | WarehouseSection | SparkSection, folder: Path) -> Place:
    """What a plan says, with paths made absolute."""
    if isinstance(data, WarehouseSection):
        return DataWarehouse(address=data.ibis, table=data.table)
    if isinstance(data, SparkSection):
        return DataSpark(table=data.spark)
    if isinstance(data, TableSection):
        return DataTable(database=resolve(data.database, folder), table=data.table)
    return DataPath(path=resolve(data, folder))


def place_values(data: Place, folder: Path) -> Any:
    """The inverse of ``place_of``."""
    match data:
        case DataPath():
            return shorten(data.path, folder)
        case DataTable():
            return {"database": shorten(data.database, folder), "table": data.table}
        case DataWarehouse():
            return {"ibis": data.address, "table": data.table}
        case DataSpark():
            return {"spark": data.table}
