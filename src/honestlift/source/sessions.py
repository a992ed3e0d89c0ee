"""Sessions with a database at an address: opened with a limit on the wait, shared by the tables of a study, closed when these go."""

from __future__ import annotations

import os
from importlib import import_module
from threading import get_ident
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from weakref import WeakValueDictionary, finalize

from honestlift.errors import ReachError, SourceError
from honestlift.source.address import Address, filled
from honestlift.source.failure import first_line, is_failure
from honestlift.source.heartbeat import watch
from honestlift.source.warehouse import IbisSource, ibis_source

_POSTGRES = {"postgres", "postgresql"}

_NAMES = """
SELECT n.nspname, c.relname, pg_table_is_visible(c.oid)
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'v', 'm', 'f', 'p') AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
ORDER BY n.nspname, c.relname
"""

_PATIENCE = {
    "connect_timeout": ("PGCONNECT_TIMEOUT", 30),
    "keepalives_idle": (None, 30),
    "keepalives_interval": (None, 10),
    "keepalives_count": (None, 6),
    "tcp_user_timeout": (None, 90_000),
}
"""A peer that is gone without a word is noticed after a minute and a half, whatever the system's own limits are."""

_OPEN: WeakValueDictionary[tuple[str, int, int], Any] = WeakValueDictionary()


def database_table(address: str, table: str | None) -> IbisSource:
    """A table of the database at an address.

    Args:
        address: such as ``postgres://user@host/database``; ``${NAME}`` in it is a variable of the environment. What it leaves out is
            taken from the environment as the database's own programs do: ``PGHOST``, ``PGUSER``, ``PGPASSWORD``, ``~/.pgpass``.
        table: its name, ``schema.table`` where it is not on the search path; it is looked up as a name.

    Raises:
        SourceError: if the database cannot be reached, or has no such table. No message holds a credential.
    """
    place = filled(address)
    if table is None:
        raise ReachError.address_without_table(place.shown)
    backend = _session(place)
    try:
        schema, name = _found(backend, table)
        return ibis_source(_table(backend, schema, name))
    except SourceError:
        raise
    except Exception as reason:
        if not is_failure(reason):
            raise
        raise ReachError.unreachable(place.shown, place.hidden(first_line(reason))) from None


def _session(place: Address) -> Any:
    """One session per address and thread, so that its tables can be joined; a new one where the last was cut."""
    key = (place.url, os.getpid(), get_ident())
    held = _OPEN.get(key)
    if held is not None and not getattr(held.con, "closed", False):
        return held
    ibis = package("ibis", "ibis")
    try:
        backend = _postgres(place, ibis) if place.scheme in _POSTGRES else ibis.connect(place.url)
    except SourceError:
        raise
    except Exception as reason:  # whatever a driver raises: it may hold the address, and is neither shown nor chained
        raise ReachError.unreachable(place.shown, place.hidden(first_line(reason))) from None
    _OPEN[key] = backend
    return backend


def _postgres(place: Address, ibis: Any) -> Any:
    """A session that libpq opens, which knows its own environment, service and password files."""
    psycopg = package("psycopg", "ibis")
    said = {name for name, _ in parse_qsl(urlsplit(place.url).query, keep_blank_values=True)}
    limits = {name: v for name, (variable, v) in _PATIENCE.items() if name not in said and (variable or "") not in os.environ}
    connection = psycopg.connect(place.url, autocommit=True, fallback_application_name="honestlift", **limits)
    backend = ibis.postgres.from_connection(connection)
    finalize(backend, connection.close)
    watch(connection, place.url, limits)
    return backend


def _found(backend: Any, table: str) -> tuple[Any, str]:
    """Schema and name of a table, among those that are there."""
    if backend.name != "postgres":
        names = list(backend.list_tables())
        if table in names or "." not in table:
            if table not in names:
                raise SourceError.no_table(table, names)
            return None, table
        schema, _, name = table.rpartition(".")
        return tuple(schema.split(".")) if "." in schema else schema, name
    known: dict[str, tuple[str, str]] = {}
    for schema, name, visible in backend.con.execute(_NAMES).fetchall():
        known[f"{schema}.{name}"] = (schema, name)
        if visible:
            known[name] = (schema, name)
    if table not in known:
        raise SourceError.no_table(table, list(known))
    return known[table]


def _table(backend: Any, schema: Any, name: str) -> Any:
    """A table as Ibis has it; of PostgreSQL without asking Ibis to take a name apart at its dots."""
    if backend.name != "postgres":
        return backend.table(name, database=schema)
    operations = import_module("ibis.expr.operations")
    held = {"schema": backend.get_schema(name, database=schema), "source": backend}
    return operations.DatabaseTable(name, namespace=operations.Namespace(database=schema), **held).to_expr()


def package(name: str, extra: str) -> Any:
    """A package that an extra brings.

    Raises:
        SourceError: if it is not installed.
    """
    try:
        return import_module(name)
    except ImportError as reason:
        raise ReachError.no_extra(extra, reason.name or name) from None
