"""A PostgreSQL server of the tests' own: started on loopback in a folder that goes with it, never as root; and tables loaded into it."""

from __future__ import annotations

import glob
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from typing import Any
from urllib.parse import quote

import pyarrow as pa

PASSWORD = "s3cr;et@/ %41'é"
USER = "own er"
_LIMIT = 120
SETTINGS = """
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = ''
fsync = off
max_connections = 30
jit = off  # for a few thousand rows it costs more than it saves
extra_float_digits = 0  # an answer as text would lose its last digits
timezone = 'America/New_York'
"""


@dataclass(frozen=True)
class Server:
    """A running server, and how to reach it."""

    port: int
    database: str = "studies"

    @property
    def address(self) -> str:
        """Without a password."""
        return f"postgres://{quote(USER, safe='')}@127.0.0.1:{self.port}/{self.database}"

    @property
    def whole(self) -> str:
        """With the password."""
        user = quote(USER, safe="")
        return self.address.replace(f"{user}@", f"{user}:{quote(PASSWORD, safe='')}@")

    def session(self) -> Any:
        import psycopg

        return psycopg.connect(self.whole, autocommit=True)


@contextmanager
def running() -> Iterator[Server]:
    """A server from an empty folder, its texts ordered as in English, unlike their bytes."""
    folder = Path(mkdtemp(prefix="honestlift-postgres-", dir="/tmp"))
    data, port = folder / "data", _free_port()
    (folder / "password").write_text(PASSWORD + "\n", encoding="utf-8")
    if os.getuid() == 0:
        for path in (folder, folder / "password"):
            shutil.chown(path, "postgres")
    try:
        secret = ["--auth=scram-sha-256", f"--username={USER}", f"--pwfile={folder / 'password'}"]
        locale = ["--encoding=UTF8", "--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en-US"]
        _program(folder, "initdb", "--no-sync", "--pgdata", str(data), *secret, *locale)
        with (data / "postgresql.conf").open("a", encoding="utf-8") as settings:
            settings.write(SETTINGS.format(port=port))
        _program(folder, "pg_ctl", "--pgdata", str(data), "--wait", "--log", str(folder / "log"), "start")
        try:
            with Server(port, "postgres").session() as made:
                made.execute("CREATE DATABASE studies")
            yield Server(port)
        finally:
            _program(folder, "pg_ctl", "--pgdata", str(data), "--wait", "--mode=immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _program(folder: Path, name: str, *arguments: str) -> None:
    """Run one of the server's programs; as root, in the name of the user that Debian makes for it."""
    found = shutil.which(name) or max(glob.glob(f"/usr/lib/postgresql/*/bin/{name}"), default=None)
    assert found is not None, f"{name} is not installed; see .ci/engines-setup"
    command = [found, *arguments]
    if os.getuid() == 0:
        command = ["runuser", "-u", "postgres", "--", *command]
    log = folder / f"{name}.out"
    with log.open("ab") as out:  # not a pipe: the server would hold it open
        done = subprocess.run(command, cwd=folder, stdout=out, stderr=out, timeout=_LIMIT, check=False)
    assert done.returncode == 0, log.read_text(encoding="utf-8", errors="replace")


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def load(session: Any, name: str, table: pa.Table, schema: str = "public") -> None:
    """An Arrow table as a table of the database; a dictionary column becomes an enumeration, in the order of its values."""
    from psycopg import sql

    columns = []
    for i, (column, field) in enumerate(zip(table.columns, table.schema, strict=True)):
        kind = _kind(field.type)
        if pa.types.is_dictionary(field.type):
            kind = f"e_{abs(hash(name))}_{i}"
            values = sorted({v for v in column.to_pylist() if v is not None}, reverse=True)
            made = sql.SQL("CREATE TYPE {} AS ENUM ({})").format(
                sql.Identifier(kind), sql.SQL(", ").join(map(sql.Literal, values))
            )
            session.execute(made)
        columns.append(sql.SQL("{} {}").format(sql.Identifier(field.name), sql.SQL(kind)))
    place = sql.Identifier(schema, name)
    session.execute(sql.SQL("CREATE TABLE {} ({})").format(place, sql.SQL(", ").join(columns)))
    with session.cursor() as cursor, cursor.copy(sql.SQL("COPY {} FROM STDIN").format(place)) as copy:
        for row in zip(*(c.to_pylist() for c in table.columns), strict=True):
            copy.write_row(row)


def _kind(kind: pa.DataType) -> str:
    if pa.types.is_decimal(kind):
        return f"numeric({kind.precision}, {kind.scale})"
    if pa.types.is_timestamp(kind):
        return "timestamptz" if kind.tz else "timestamp"
    kinds = {
        "int8": "smallint",
        "int16": "smallint",
        "int32": "integer",
        "int64": "bigint",
        "uint64": "numeric(20, 0)",
        "float": "real",
    }
    return {**kinds, "double": "double precision", "bool": "boolean", "string": "text", "date32[day]": "date"}.get(
        str(kind), "text"
    )
