"""Parquet and CSV files: a path or glob becomes a relation and the column names as the files spell them."""

from __future__ import annotations

import csv
import glob
import gzip
import os
from collections.abc import Iterable, Sequence
from typing import Any, cast

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from honestlift.errors import PartitionError, SourceError
from honestlift.source.failure import first_line
from honestlift.source.partitions import layout_of, root_of, with_partitions

_PARQUET = (".parquet", ".pq")
_CSV = (".csv", ".tsv", ".csv.gz", ".tsv.gz")

_SAMPLE = 100_000
"""Rows of a CSV file that decide what its columns hold; a value further down that does not fit stops the scan with its line."""


def open_files(
    path: str | Sequence[str], connection: duckdb.DuckDBPyConnection
) -> tuple[duckdb.DuckDBPyRelation, tuple[str, ...], tuple[str, ...]]:
    """The rows of one file, of all files that a glob matches, of all parquet files in a folder, or of several of these together.

    Parquet files have the columns of their folders too, see ``partitions.py``.

    Returns:
        The relation, and its columns' names as the first file spells them: the engine renames a column that differs from another
        only by case, so that only its position can be relied upon. And the files.

    Raises:
        SourceError: if there is nothing at the path, or it cannot be read.
    """
    several = [path] if isinstance(path, str) else list(path)
    found = list(dict.fromkeys(os.path.abspath(f) for one in several for f in _there(one)))
    lower = [f.lower() for f in found]
    try:
        if all(f.endswith(_PARQUET) for f in lower):
            root = root_of(several[0]) if len(several) == 1 else os.path.commonpath(list(map(os.path.dirname, found)))
            return *_parquet(found, layout_of(found, root), connection), tuple(found)
        if all(f.endswith(_CSV) for f in lower):
            literal = list(map(glob.escape, found))
            relation = cast("Any", connection).read_csv(literal, header=True, sample_size=_SAMPLE)
            return relation, _spelt(relation.columns, _header(found[0], relation.columns)), tuple(found)
    except SourceError:
        raise
    except (duckdb.Error, pa.ArrowException, OSError) as reason:
        raise SourceError.unreadable(several[0], first_line(reason)) from reason
    raise SourceError.unknown_format(several[0])


def _there(path: str) -> list[str]:
    """The files at a path.

    Raises:
        SourceError: if there are none, or one is empty.
    """
    found = _found(path)
    if not found:
        raise SourceError.not_found(path)
    empty = next((f for f in found if not os.path.getsize(f)), None)
    if empty is not None:
        raise SourceError.unreadable(empty, "the file has no bytes")
    return found


def _parquet(
    found: Sequence[str], layout: Sequence[dict[str, str]], connection: duckdb.DuckDBPyConnection
) -> tuple[duckdb.DuckDBPyRelation, tuple[str, ...]]:
    literal = list(map(glob.escape, found))
    union = _unlike(found, literal, connection)
    relation = connection.read_parquet(literal, hive_partitioning=False, union_by_name=union)
    plain = relation, _spelt(relation.columns, cast("Any", pq).read_schema(found[0]).names)
    return with_partitions(found, layout, plain, connection, union=union) if layout[0] else plain


_TYPES = """
SELECT lower(name), count(DISTINCT file_name), count(DISTINCT (type, converted_type, logical_type, precision, scale))
FROM parquet_schema($1) WHERE num_children IS NULL GROUP BY 1 ORDER BY 1
"""


def _unlike(found: Sequence[str], literal: list[str], connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether parquet files hold a column in several types, which the engine would take as that of the first, and round the rest.

    Raises:
        SourceError: if such files do not have the same columns, which the engine would fill up.
    """
    if len(found) == 1:
        return False
    columns = connection.execute(_TYPES, [literal]).fetchall()
    if all(types == 1 for _, _, types in columns):
        return False
    short = next((name for name, files, _ in columns if files < len(found)), None)
    if short is not None:
        raise SourceError.unreadable(found[0], f"not all files that are read with it have the column {short!r}")
    return True


def stamp(files: Iterable[str]) -> tuple[tuple[int, int, int] | None, ...]:
    """By what files are known to be the same as before: when they were written, their size, and which they are; None where one is gone."""
    return tuple(map(_stamp, files))


def _stamp(file: str) -> tuple[int, int, int] | None:
    try:
        found = os.stat(file)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _found(path: str) -> list[str]:
    if os.path.isdir(path):
        return _in_folder(path)
    return [path] if os.path.exists(path) else [f for f in sorted(glob.glob(path, recursive=True)) if os.path.isfile(f)]


def _in_folder(path: str) -> list[str]:
    """The parquet files of a folder, and those of folders in it that are called key=value.

    Raises:
        PartitionError: if it is not these files that say which rows count.
    """
    if os.path.isdir(os.path.join(path, "_delta_log")):
        raise PartitionError.log_of_changes(path)
    below = (f for f in glob.glob(os.path.join(glob.escape(path), "*=*")) if os.path.isdir(f))
    return sorted(
        [*glob.glob(os.path.join(glob.escape(path), "*.parquet")), *(f for folder in below for f in _in_folder(folder))]
    )


def _spelt(engine: Sequence[str], file: Sequence[str]) -> tuple[str, ...]:
    """The file's spelling, where it has as many columns as the engine sees."""
    return tuple(str(name) for name in (file if len(file) == len(engine) else engine))


def _header(path: str, engine: Sequence[str]) -> Sequence[str]:
    """The first line of a CSV file, by the delimiter that gives the engine's columns; else what the engine calls them."""
    opened = gzip.open if path.lower().endswith(".gz") else open
    for delimiter in ",\t;|":
        try:
            with opened(path, "rt", encoding="utf-8-sig", newline="") as file:
                first = next(csv.reader(cast("Iterable[str]", file), delimiter=delimiter), list[str]())
        except (csv.Error, UnicodeDecodeError, EOFError):
            continue
        names = [name.strip() for name in first]
        if len(names) == len(engine) and all(map(_is_called, engine, names)):
            return names
    return engine


def _is_called(engine: str, name: str) -> bool:
    """Whether the engine may have made its name of this one, which it does for empty ones and for those it confuses."""
    return engine == name or not name or engine.startswith(f"{name}_")
