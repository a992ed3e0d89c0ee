"""The embedded engine: what it may use, where it spills, and what watches and interrupts it."""

from __future__ import annotations

import atexit
import os
import re
import shutil
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from weakref import WeakKeyDictionary, WeakSet

import duckdb

from honestlift.errors import DesignError

BITS = 16
"""Groups that so many bits tell apart get a table by place, so that thousands of numbered workspaces need no hash; 12 without it."""

_AMOUNT = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([KMGT]i?)?B(?:ytes?)?\s*", re.IGNORECASE)
_SIZE = "a size such as '4GB'"

_folders: list[str] = []
_connections: WeakSet[duckdb.DuckDBPyConnection] = WeakSet()
_limited: WeakKeyDictionary[duckdb.DuckDBPyConnection, Limits] = WeakKeyDictionary()
_watched = [False]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What an engine may use.

    Attributes:
        threads: threads; all cores where it is None.
        memory: what it may hold in memory before it spills, e.g. ``4GB``; four fifths of the machine's where it is None.
        spill: folder in which it makes one of its own to spill into; that of the system where it is None.
        spill_limit: what it may write there; nine tenths of the free space where it is None.
    """

    threads: int | None = None
    memory: str | None = None
    spill: str | None = None
    spill_limit: str | None = None


def engine(limits: Limits, database: str = ":memory:") -> duckdb.DuckDBPyConnection:
    """A connection of its own; on the shared engine unless there is a database file, or limits, which hold for a whole engine.

    Raises:
        DesignError: if the engine does not take a limit, or the spill folder may not be written to.
    """
    if (limits, database) == (Limits(), ":memory:"):
        return watched(_shared().cursor())
    for name, amount in (("memory_limit", limits.memory), ("spill_limit", limits.spill_limit)):
        if amount is not None and not is_amount(amount):
            raise DesignError.out_of_range(name, amount, _SIZE)
    folder = _folder(limits.spill)
    connection = duckdb.connect(database, read_only=database != ":memory:")
    _spill_into(connection, folder, limits.spill is not None)
    settings = (
        ("threads", "threads", limits.threads, "a number of threads from 1 up"),
        ("memory_limit", "memory_limit", limits.memory, _SIZE),
        ("spill_limit", "max_temp_directory_size", limits.spill_limit, _SIZE),
    )
    for name, setting, value, expected in settings:
        try:
            if value is not None:
                connection.execute(f"SET {setting} = $1", [value])
        except duckdb.Error as reason:
            raise DesignError.out_of_range(name, value, expected) from reason
    _limited[connection] = limits
    return watched(connection)


def another(connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    """One more connection to the same engine."""
    made = watched(connection.cursor())
    if connection in _limited:
        _limited[made] = _limited[connection]
    return made


def beside(connection: duckdb.DuckDBPyConnection | None) -> duckdb.DuckDBPyConnection:
    """An engine for a copy of rows that another one streams; where that one's memory is limited, each has a half from now on.

    Args:
        connection: the other engine's; None where the user holds it.
    """
    if connection is None:
        return engine(Limits())
    limits = _limited.get(connection, Limits())
    if limits.memory is None:
        threads = connection.execute("SELECT current_setting('threads')").fetchall()[0][0]
        return engine(Limits(threads=int(threads), spill=limits.spill, spill_limit=limits.spill_limit))
    number, unit = _amount(limits.memory)
    half = f"{number / 2}{unit}B"
    connection.execute("SET memory_limit = $1", [half])
    return engine(Limits(threads=limits.threads, memory=half, spill=limits.spill, spill_limit=limits.spill_limit))


def is_amount(text: str) -> bool:
    """Whether a text is an amount of memory: a number and a unit."""
    return _AMOUNT.fullmatch(text) is not None


def watched(connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    """The same connection, known to ``progress`` and ``interrupt``, with a table by place for groups that are small whole numbers."""
    _connections.add(connection)
    with suppress(duckdb.CatalogException):  # an engine without the setting hashes its groups
        connection.execute(f"SET perfect_ht_threshold = {BITS}")
    if _watched[0]:
        connection.execute("SET enable_progress_bar_print = false; SET enable_progress_bar = true")
    return connection


def watch() -> None:
    """From now on connections keep count of how far their scans are."""
    _watched[0] = True


def progress() -> float | None:
    """The share of the running scan that is done, from any thread; None where none runs or it cannot be told."""
    shares: list[float] = []
    for connection in _alive():
        try:
            shares.append(connection.query_progress() / 100)
        except duckdb.Error:  # closed by now
            continue
    return min((share for share in shares if 0 <= share <= 1), default=None)


def interrupt() -> None:
    """Stop every running scan of this process, from any thread."""
    for connection in _alive():
        try:
            connection.interrupt()
        except duckdb.Error:
            continue


def tidy() -> None:
    """Remove what engines have spilled; they cannot spill afterwards."""
    while _folders:
        shutil.rmtree(_folders.pop(), ignore_errors=True)


atexit.register(tidy)


def _alive() -> tuple[duckdb.DuckDBPyConnection, ...]:
    try:
        return tuple(_connections)
    except RuntimeError:  # another thread opens one at this moment
        return ()


@cache
def _shared() -> duckdb.DuckDBPyConnection:
    """One engine per process for files and frames: to start one costs milliseconds, a cursor on it nothing."""
    connection = duckdb.connect()
    _spill_into(connection, _folder(None), asked=False)
    return connection


def _folder(spill: str | None) -> str:
    """A new folder that only this user may read, and that goes when the process ends; empty where there is no place for one.

    Raises:
        DesignError: if a place was asked for, and there is none.
    """
    found = os.environ.get("TMPDIR") or ("/var/tmp" if os.access("/var/tmp", os.W_OK) else tempfile.gettempdir())
    try:
        made = tempfile.mkdtemp(prefix="honestlift-", dir=found if spill is None else os.path.expanduser(spill))
    except OSError as reason:
        if spill is None:
            return ""
        expected = f"a folder that is there and may be written to ({reason.strerror})"
        raise DesignError.out_of_range("spill", spill, expected) from reason
    _folders.append(made)
    return made


def _spill_into(connection: duckdb.DuckDBPyConnection, folder: str, asked: bool) -> None:
    """Name the folder to the engine; one that has spilled already, as that of a database that is open twice, stays where it is.

    Raises:
        DesignError: if a place was asked for, and the engine is not free to take it.
    """
    try:
        connection.execute("SET temp_directory = $1", [folder])
    except duckdb.Error as reason:
        if asked:
            expected = "the folder that this database has spilled into already"
            raise DesignError.out_of_range("spill", folder, expected) from reason


def _amount(text: str) -> tuple[float, str]:
    found = _AMOUNT.fullmatch(text)
    assert found is not None
    return float(found[1]), found[2] or ""
