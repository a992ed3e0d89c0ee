"""What an engine says when it fails, in one line, whatever engine it is."""

from __future__ import annotations

import re

import duckdb
import pyarrow as pa
from narwhals.exceptions import NarwhalsError

from honestlift.errors import SourceError

_ENGINES = {"pyspark", "py4j", "ibis", "psycopg", "sqlglot"}


def is_failure(reason: BaseException) -> bool:
    """Whether an error is an engine's, by the package that its class comes from; a broken connection to one counts."""
    known = isinstance(reason, (duckdb.Error, NarwhalsError, pa.ArrowException, ConnectionError, EOFError))
    return known or any(c.__module__.split(".")[0] in _ENGINES for c in type(reason).__mro__)


def is_interrupted(reason: BaseException) -> bool:
    """Whether an error is the engine's word for Ctrl-C, or for ``interrupt``."""
    plain = isinstance(reason, RuntimeError) and str(reason) == "Query interrupted"
    return plain or isinstance(reason, duckdb.InterruptException)


_NO_ROOM = re.compile(
    r"No space left|max_temp_directory_size|Could not write|failed to (?:off|pre)?load|temporary (?:file|directory)", re.I
)


def stopped(reason: Exception) -> SourceError:
    """The error of an engine that has failed: one that ran out of room says what would give it more."""
    text = first_line(reason)
    if isinstance(reason, (duckdb.OutOfMemoryException, MemoryError)) or _NO_ROOM.search(str(reason)):
        return SourceError.no_room(text)
    return SourceError.engine(text)


def first_line(reason: Exception) -> str:
    """What an engine said, without the query and the stack below its first line; of a CSV error the line and the value too."""
    lines = str(reason).strip().split("\n")
    kept = lines[:3] if "CSV Error" in lines[0] else lines[:1]
    return ", ".join(line.strip().rstrip(".") for line in kept)
