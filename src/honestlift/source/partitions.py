"""Columns that folders give their files: day=2026-01-01/part-0.parquet has the column day."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from urllib.parse import unquote

import duckdb
import pyarrow as pa

from honestlift.errors import PartitionError

_MISSING = ("__HIVE_DEFAULT_PARTITION__", "NULL")
"""What folders of rows without a value are called, in any case; versions of the engine differ on both."""

Pair = tuple[str, str]
"""A key and its value, as a folder spells them."""


def root_of(path: str) -> str:
    """Above which folder names give no columns, but for an unbroken run of them right at its end."""
    if os.path.isdir(path):
        return os.path.abspath(path)
    return os.path.abspath(os.path.dirname(path if os.path.exists(path) else re.split(r"[*?[]", path)[0]))


def layout_of(files: Sequence[str], root: str) -> list[dict[str, str]]:
    """The columns that folders give each file: keys as they are spelt there, values decoded.

    Args:
        files: absolute paths.
        root: an absolute folder that all of them lie in; see ``root_of``.

    Raises:
        PartitionError: if files have different ones, or one has a column twice.
    """
    layout = [_columns(file, root) for file in files]
    for file, own in zip(files, layout, strict=True):
        if own.keys() != layout[0].keys():
            raise PartitionError.unlike(files[0], list(layout[0]), file, list(own))
    return layout


def with_partitions(
    files: Sequence[str],
    layout: Sequence[dict[str, str]],
    plain: tuple[duckdb.DuckDBPyRelation, tuple[str, ...]],
    connection: duckdb.DuckDBPyConnection,
    *,
    union: bool,
) -> tuple[duckdb.DuckDBPyRelation, tuple[str, ...]]:
    """The rows with the columns that folders give them, after those of the files, in the order of the folders.

    Whole numbers, dates and times are such if all folders name one, else they are text. A column that is in the files too is that of
    the files, which must agree with the folders. No name enters a query: files are quoted, and columns go by their place.

    Args:
        files: absolute paths.
        layout: what ``layout_of`` found.
        plain: the rows without these columns, and the names of theirs.
        connection: where they are read.
        union: whether columns of the files are matched by their names.

    Raises:
        PartitionError: if the files contradict the folders, or names cannot be told apart.
    """
    relation, columns = plain
    names = {key: _decoded(key) for key in layout[0]}
    _require_apart(files[0], names, columns, relation.columns)
    places = {key: columns.index(name) for key, name in names.items() if name in columns}
    kinds = [str(kind) for kind in relation.types]
    for key, place in places.items():
        _require_agreement(files, [own[key] for own in layout], relation, place, names[key], connection, union)
    if len(places) == len(names):
        return plain
    hive = connection.sql(f"FROM {_scan(files, union)}, hive_partitioning = true, hive_types_autocast = false)")
    there, added = list(hive.columns[: len(columns)]), list(hive.columns[len(columns) :])
    if there != list(relation.columns) or not set(names) - set(places) <= set(added):
        raise PartitionError.confusable(os.path.dirname(files[0]), ", ".join(columns))
    cast = {place: kinds[place] for key, place in places.items() if key == names[key]}
    made = [_typed(i, cast[i]) if i in cast else f"#{i + 1}" for i in range(len(columns))]
    for key in names:
        if key not in places:
            made.append(_typed(len(columns) + added.index(key), _type({own[key] for own in layout})))
    own = ", ".join(f"{expression} AS c{i}" for i, expression in enumerate(made))
    return hive.project(own), (*columns, *(name for key, name in names.items() if key not in places))


def _pair(folder: str) -> Pair | None:
    """Key and value of a folder that the engine takes for a partition."""
    key, _, value = folder.partition("=")
    return (key, value) if key and folder.count("=") == 1 and not re.search(r"[?\n\\]", folder) else None


def _columns(file: str, root: str) -> dict[str, str]:
    above = [] if root == os.sep else root.split(os.sep)
    below = os.path.dirname(file).split(os.sep)[len(above) :]
    run: list[Pair] = []
    for folder in reversed(above):
        pair = _pair(folder)
        if pair is None:
            break
        run.insert(0, pair)
    found: dict[str, str] = {}
    for key, value in (*run, *filter(None, map(_pair, below))):
        same = next((other for other in found if _decoded(other).lower() == _decoded(key).lower()), None)
        if same is not None:
            raise PartitionError.twice(file, same, key)
        found[key] = _decoded(value)
    return found


def _decoded(text: str) -> str:
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError as reason:
        raise PartitionError.undecodable(text) from reason


def _is_missing(value: str) -> bool:
    return value.upper() in _MISSING


def _require_apart(file: str, names: dict[str, str], columns: Sequence[str], engine: Sequence[str]) -> None:
    """No folder may hide a column that it is not the same as: the engine looks for folders without regard to case, above the root too."""
    seen = {pair[0] for pair in map(_pair, re.split(r"[/\\]", os.path.dirname(file))) if pair}
    for mine, its in zip(columns, engine, strict=True):
        for key in seen:
            if key.lower() in (mine.lower(), its.lower()) and not names.get(key) == mine == its:
                raise PartitionError.confusable(key, mine)
        for name in names.values():
            if name.lower() == mine.lower() and name != mine:
                raise PartitionError.confusable(name, mine)
    for key in seen - set(names):
        same = next((name for name in names if name.lower() == key.lower()), None)
        if same is not None:
            raise PartitionError.twice(file, same, key)


def _require_agreement(
    files: Sequence[str],
    values: Sequence[str],
    relation: duckdb.DuckDBPyRelation,
    place: int,
    name: str,
    connection: duckdb.DuckDBPyConnection,
    union: bool,
) -> None:
    """A column of the files has the value of the folder on every row."""
    kind = str(relation.types[place])
    told = [None if _is_missing(value) else value for value in values]
    called = "file"
    while called in map(str.lower, relation.columns):
        called += "_"
    if '"' in kind or kind.endswith("]"):
        raise PartitionError.contradicts(files[0], name, values[0])
    rows = connection.sql(f"FROM {_scan(files, union)}, hive_partitioning = false, filename = '{called}')")
    mine = rows.project(f"#{place + 1} AS mine, #{len(relation.columns) + 1} AS place")
    expected = connection.from_arrow(pa.table({"file": pa.array(files, pa.string()), "told": pa.array(told, pa.string())}))
    both = mine.join(expected, "place = file", how="left")
    wrong = both.filter(f"file IS NULL OR TRY_CAST(told AS {kind}) IS DISTINCT FROM mine").aggregate("min(place)")
    for (file,) in wrong.fetchall():
        if file is not None:
            raise PartitionError.contradicts(file, name, dict(zip(files, values, strict=True)).get(file, ""))


def _scan(files: Sequence[str], union: bool) -> str:
    """The beginning of a call that reads files, each a literal."""
    literals = ("'" + glob.escape(file).replace("'", "''") + "'" for file in files)
    return f"read_parquet([{', '.join(literals)}], union_by_name = {'true' if union else 'false'}"


def _typed(place: int, kind: str) -> str:
    missing = ", ".join(f"'{text}'" for text in _MISSING)
    return f"CAST(CASE WHEN upper(#{place + 1}) NOT IN ({missing}) THEN #{place + 1} END AS {kind})"


def _type(values: Iterable[str]) -> str:
    """What values of folders are: whole numbers, dates and times if all are, else text."""
    told = [value for value in values if not _is_missing(value)]
    if told and all(re.fullmatch(r"-?[0-9]{1,19}", v) and -(2**63) <= int(v) < 2**63 for v in told):
        return "BIGINT"
    if told and all(re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", v) and _parses(date, v) for v in told):
        return "DATE"
    time = r"[0-9]{4}-[0-9]{2}-[0-9]{2}([ T][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?)?"
    return "TIMESTAMP" if told and all(re.fullmatch(time, v) and _parses(datetime, v) for v in told) else "VARCHAR"


def _parses(kind: type[date], value: str) -> bool:
    try:
        kind.fromisoformat(value)
    except ValueError:
        return False
    return True
