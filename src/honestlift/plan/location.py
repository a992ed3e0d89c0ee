"""Where the data of a plan are, as a plain description that knows no engine."""

from __future__ import annotations

import os
from dataclasses import dataclass
from glob import glob
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class DataPath:
    """A file, or a glob that matches several: an absolute path, or an address such as ``s3://bucket/users.parquet``."""

    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DataTable:
    """A table of a database; ``database`` is an absolute path or an address."""

    database: str
    table: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DataWarehouse:
    """A table of a database that Ibis reaches; ``address`` has variables of the environment where credentials would stand."""

    address: str
    table: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSpark:
    """A table that a Spark session knows."""

    table: str


Place = DataPath | DataTable | DataWarehouse | DataSpark


def resolve(path: str, folder: Path) -> str:
    """A path of the plan as an absolute one; an address with ``://`` stays as it is.

    Args:
        path: what the plan says; ``~`` is the home folder.
        folder: folder of the plan, to which other paths are relative.
    """
    if "://" in path:
        return path
    return os.path.abspath(os.path.join(os.path.abspath(folder), os.path.expanduser(path)))


def shorten(path: str, folder: Path) -> str:
    """The inverse of ``resolve``: relative to the folder of the plan where the path lies in it, else absolute."""
    if "://" in path:
        return path
    whole, start = os.path.abspath(path), os.path.join(os.path.abspath(folder), "")
    if not whole.startswith(start) or whole == start:
        return whole
    inside = whole.removeprefix(start)
    return os.path.join(os.curdir, inside) if inside.startswith("~") else inside


def files_of(data: Place) -> list[Path]:
    """The files that a plan's data are in, as far as they lie on this machine."""
    if isinstance(data, (DataWarehouse, DataSpark)):
        return []
    path = data.path if isinstance(data, DataPath) else data.database
    return [] if "://" in path else [Path(found) for found in (glob(path, recursive=True) or [path])]
