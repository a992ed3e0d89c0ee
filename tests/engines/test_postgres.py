"""PostgreSQL alone: its own types, hostile names, credentials that stay out of sight, a session that is cut in the middle."""

from __future__ import annotations

import gc
import json
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import narwhals as nw
import numpy as np
import pyarrow as pa
import pytest
import yaml

import honestlift as hl
from engines.server import PASSWORD, Server, load
from engines.test_engines import CLUSTER, DESIGN, METRICS, answer, rows
from honestlift.errors import SourceError
from honestlift.moments import scan
from honestlift.source import heartbeat
from honestlift.source.connect import connect

pytestmark = [pytest.mark.engine, pytest.mark.filterwarnings("ignore")]

TABLE = 'users of "tests"; DROP TABLE users; --'
SCHEMA = "sche.ma"


@pytest.fixture(scope="module")
def users(postgres: Server) -> Server:
    """The server with the rows of the tests of all engines in a schema and a table of hostile names."""
    with postgres.session() as session:
        session.execute(f'CREATE SCHEMA "{SCHEMA}"')
        load(session, TABLE, rows(), SCHEMA)
    return postgres


def made(server: Server, *statements: str) -> None:
    with server.session() as session:
        for statement in statements:
            session.execute(statement)


def read(source: Any) -> list[dict[str, Any]]:
    return scan.collect(source.everything()).to_pylist()


def test_tables_are_looked_up_as_names(users, monkeypatch):
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    assert connect(users.address, table=f"{SCHEMA}.{TABLE}").columns[1] == CLUSTER
    for name in (TABLE, f'"{SCHEMA}"."{TABLE}"', "pg_class", "x; DROP TABLE users", "%s", "no_such_table"):
        with pytest.raises(SourceError, match="The database has no table"):
            connect(users.address, table=name)
    with pytest.raises(SourceError, match="no table in it is named"):
        connect(users.address)


def test_a_table_of_the_users_own_session(users):
    import ibis

    with users.session() as session:
        session.execute(f'SET search_path = "{SCHEMA}"')
        table = ibis.postgres.from_connection(session).table(TABLE)
        found = hl.analyze(table.filter(table["minutes"].isnull() | (table["minutes"] > 5.0)), DESIGN, METRICS, seed=3)
        assert not session.closed
    kept = [v is None or not v <= 5 for v in rows()["minutes"].to_pylist()]
    assert answer(found) == answer(hl.analyze(rows().filter(pa.array(kept)), DESIGN, METRICS, seed=3))
    assert json.loads(found.to_json())["data"]["engine"] == "postgres"


def test_types_of_its_own(users):
    """Each is what it would be elsewhere: text without an order of its own, numbers as doubles, the rest not at all."""
    made(
        users,
        "CREATE TYPE mood AS ENUM ('sad', 'ok')",
        "CREATE EXTENSION IF NOT EXISTS citext",
        "CREATE TABLE own (a numeric, b mood, c char(3), d citext, e uuid, f jsonb, g integer[], h money, i real, j interval, "
        "k numeric(30,0), l timestamptz, m timestamp, n date, o bytea, p int4range, q inet, r varchar(5), s smallint)",
        "INSERT INTO own VALUES (1.1, 'ok', 'a', 'Ab', '00000000-0000-0000-0000-000000000001', '{}', '{1}', 1, 0.1, '1 day', "
        "123456789012345678901234567890, '2024-01-01 00:00+02', '2024-01-01', '2024-01-01', 'x', '[1,2)', '::1', 'v', 3)",
        "INSERT INTO own DEFAULT VALUES",
    )
    source = connect(users.whole, table="own")
    text, number, whole, moment, other = "text", "number", "integer", "time", "other"
    assert source.kinds == (
        *(number, text, text, text, text, other, other, number, number, other),
        *(whole, moment, moment, moment, other, other, other, text, whole),
    )
    first = next(row for row in read(source) if row["c0"] is not None)
    assert (first["c1"], first["c2"], first["c3"], first["c17"]) == ("ok", "a", "Ab", "v")
    assert scan.summaries(source, ["a", "h", "i", "s"])[2].mean == np.float64(np.float32(0.1))
    assert scan.count_cells(source, ["k"]).keys["k"].labels == (123456789012345678901234567890, None)
    assert scan.count_cells(source, ["d"]).keys["d"].labels == ("Ab", None)
    assert scan.distinct(source) == (2, [1] * 19)


def test_numbers_that_are_none(users):
    """What ``numeric`` calls NaN and Infinity is what doubles call so, in measures and in keys."""
    made(
        users, "CREATE TABLE odd (a numeric, b numeric(8, 2))", "INSERT INTO odd VALUES ('NaN', 'NaN'), ('Infinity', 1), (1.5, 1)"
    )
    source = connect(users.whole, table="odd")
    first, second = scan.summaries(source, ["a", "b"])
    assert (first.count, first.missing, first.infinite, first.mean) == (1, 1, 1, 1.5)
    assert (second.count, second.missing, second.mean) == (2, 1, 1.0)
    assert scan.count_cells(source, ["b"]).keys["b"].labels == (1, None)


def test_types_that_ibis_does_not_know(users):
    made(
        users,
        "CREATE SCHEMA elsewhere",
        "CREATE TYPE elsewhere.\"Mo od\" AS ENUM ('z', 'a')",
        "CREATE DOMAIN elsewhere.share AS numeric(4, 2)",
        "CREATE DOMAIN elsewhere.part AS elsewhere.share",
        'CREATE DOMAIN elsewhere.felt AS elsewhere."Mo od"',
        'CREATE TABLE made (a elsewhere."Mo od", b elsewhere.part, c elsewhere.felt, d tsvector)',
        "INSERT INTO made VALUES ('z', 0.25, 'a', 'x'), (NULL, NULL, NULL, NULL)",
    )
    source = connect(users.whole, table="made")
    assert source.kinds == ("text", "number", "text", "other")
    assert [c for c in source.columns if scan.missing(source, c) != 1] == []
    assert scan.summaries(source, ["b"])[0].mean == 0.25
    assert scan.count_cells(source, ["a", "c"]).keys["a"].labels == ("z", None)


@pytest.mark.parametrize("power", [-170, -155, 160])
def test_squares_beyond_the_doubles(users, power):
    """Elsewhere they are zero or infinite; here they would be an error of the server."""
    rng = np.random.default_rng(1)
    values = rng.normal(size=400)
    values[::7] *= 10.0**power
    table = pa.table({"u": range(400), "g": np.arange(400) // 10, "t": (np.arange(400) // 10) % 2, "y": values})
    with users.session() as session:
        load(session, name := f"far_{power}", table)
    design = hl.ClusterDesign(unit="u", cluster="g", treatment="t")

    def ended(data: Any) -> Any:
        try:
            return answer(hl.analyze(data, design, ["y"], seed=1))
        except hl.HonestliftError as refused:
            return str(refused)

    assert ended(connect(users.whole, table=name)) == ended(table)


def slow(server: Server, name: str) -> str:
    """A view on the rows that takes some seconds to read."""
    made(
        server,
        f"CREATE FUNCTION {name}(v double precision) RETURNS double precision LANGUAGE plpgsql AS "
        "$$ BEGIN PERFORM pg_sleep(0.002); RETURN v; END $$",
    )
    columns = ", ".join('"' + c.replace('"', '""') + '"' for c in rows().column_names if c != "minutes")
    table = TABLE.replace('"', '""')
    made(server, f'CREATE VIEW {name}_rows AS SELECT {columns}, {name}(minutes) AS minutes FROM "{SCHEMA}"."{table}"')
    return f"{name}_rows"


def test_a_session_that_is_ended_in_mid_run(users):
    name = slow(users, "ended")
    source = connect(users.whole, table=name)
    cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'honestlift' AND state = 'active'"
    killer = threading.Timer(2.0, made, (users, cut))
    killer.start()
    started = time.monotonic()
    with pytest.raises(SourceError, match=r"The engine stopped: .*terminat.*Nothing was estimated"):
        hl.analyze(source, DESIGN, METRICS, seed=3)
    killer.join()
    assert time.monotonic() - started < 30
    assert connect(users.whole, table=f"{SCHEMA}.{TABLE}").kind("minutes") == "number"  # a new session
    with pytest.raises(SourceError, match="The engine stopped"):
        hl.analyze(source, DESIGN, METRICS, seed=3)  # the old one stays closed


def test_a_line_that_is_cut_in_mid_run(users):
    name = slow(users, "cut")
    with Line(users.port) as line:
        source = connect(users.whole.replace(str(users.port), str(line.port)), table=name)
        killer = threading.Timer(2.0, line.cut)
        killer.start()
        with pytest.raises(SourceError, match="The engine stopped"):
            hl.analyze(source, DESIGN, METRICS, seed=3)
        killer.join()


def test_a_peer_that_falls_silent_in_mid_run(users, monkeypatch):
    """It takes what it is sent, and its system answers for it, but nothing comes back any more: an error, and no wait without end."""
    monkeypatch.setattr(heartbeat, "EVERY", 0.5)
    name = slow(users, "silent")
    with Line(users.port) as line:
        address = users.whole.replace(str(users.port), str(line.port)) + "?connect_timeout=2"
        source = connect(address, table=name)
        silence = threading.Timer(2.0, line.silent.set)
        silence.start()
        started = time.monotonic()
        with pytest.raises(SourceError, match="The engine stopped") as refused:
            hl.analyze(source, DESIGN, METRICS, seed=3)
        silence.join()
        assert 2 < time.monotonic() - started < 60
        assert PASSWORD not in str(refused.value)
        with pytest.raises(SourceError, match=r"cannot be reached: .*timeout"):
            connect(address + "&application_name=another", table=name)


def test_a_long_query_is_left_alone(users, monkeypatch):
    """A server that works, and answers who knocks, is waited for."""
    monkeypatch.setattr(heartbeat, "EVERY", 0.1)
    source = connect(users.whole + "?application_name=patient", table=f"{SCHEMA}.{TABLE}")
    assert source.rows.get_backend().con.execute("SELECT 'done' FROM pg_sleep(2)").fetchone() == ("done",)


class Line:
    """A wire to the server that can be cut, or fall silent."""

    def __init__(self, port: int) -> None:
        self.server, self.ends, self.silent = port, list[socket.socket](), threading.Event()
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Line:
        return self

    def __exit__(self, *_: object) -> None:
        self.cut()
        self.listening.close()

    def cut(self) -> None:
        for end in self.ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        try:
            while True:
                near = self.listening.accept()[0]
                far = socket.create_connection(("127.0.0.1", self.server))
                self.ends += [near, far]
                for one, other in ((near, far), (far, near)):
                    threading.Thread(target=self._pass, args=(one, other), daemon=True).start()
        except OSError:
            return

    def _pass(self, one: socket.socket, other: socket.socket) -> None:
        try:
            while piece := one.recv(65536):
                if not self.silent.is_set():
                    other.sendall(piece)
        except OSError:
            pass
        finally:
            for end in (one, other):
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)


def test_a_user_who_may_write_no_temporary_tables(users):
    """Users' rows need none; events do, and say so."""
    made(
        users,
        "CREATE ROLE reader LOGIN PASSWORD 'reads'",
        "REVOKE TEMPORARY ON DATABASE studies FROM PUBLIC",
        f'GRANT USAGE ON SCHEMA "{SCHEMA}" TO reader',
        f'GRANT SELECT ON ALL TABLES IN SCHEMA "{SCHEMA}" TO reader',
    )
    source = connect(f"postgres://reader:reads@127.0.0.1:{users.port}/studies", table=f"{SCHEMA}.{TABLE}")
    assert answer(hl.analyze(source, DESIGN, METRICS, seed=3)) == answer(hl.analyze(rows(), DESIGN, METRICS, seed=3))
    with pytest.raises(SourceError, match=r"wrote no temporary table: permission denied.*Grant it"):
        hl.analyze(source, DESIGN, [hl.Mean("minutes")], rows="events")


def test_tables_of_one_session_are_joined(users):
    ids = pa.table({"u": pa.array([2**53 + i for i in range(10)], pa.int64()), "v": range(10)})
    with users.session() as session:
        load(session, "ids", ids)
    source, other = (connect(users.whole, table=t) for t in (f"{SCHEMA}.{TABLE}", "ids"))
    mine, its = source.beside(["user", "minutes"], other, ["u", "v"])
    right = its.everything().select(nw.col("c0"), nw.col("c1").alias("v"))
    joined = mine.written(mine.everything().join(right, on="c0"), ["user", "minutes", "v"], ["integer", "number", "integer"])
    assert scan.count_rows(joined) == 10
    joined.released()
    with pytest.raises(SourceError, match=r"The engine stopped: .*does not exist"):
        scan.count_rows(joined)
    for alone in (connect(ids), connect(users.whole + "?application_name=other", table="ids")):
        with pytest.raises(SourceError, match="cannot be joined"):
            source.beside(["user"], alone, ["u"])


def test_temporary_tables_go(users):
    source = connect(users.whole, table=f"{SCHEMA}.{TABLE}")
    hl.analyze(source, DESIGN, [hl.Mean("minutes")], rows="events")
    gc.collect()
    session = source.rows.get_backend().con
    left = "SELECT count(*) FROM pg_class WHERE relpersistence = 't' AND relnamespace = pg_my_temp_schema() AND relkind = 'r'"
    assert session.execute(left).fetchone() == (0,)


def test_sessions_go(users):
    gc.collect()
    source = connect(users.whole, table=f"{SCHEMA}.{TABLE}")
    again = connect(users.whole, table=f"{SCHEMA}.{TABLE}")
    assert source.rows.get_backend() is again.rows.get_backend()
    session = source.rows.get_backend().con
    del source, again
    gc.collect()
    assert session.closed


def test_studies_in_threads(users):
    """Each thread has a session of its own: one cannot answer two queries at a time."""

    def one(seed: int) -> dict[str, Any]:
        return answer(hl.analyze(connect(users.whole, table=f"{SCHEMA}.{TABLE}"), DESIGN, METRICS, seed=seed))

    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(one, [3, 3, 3]))
    assert found == [found[0]] * 3


WRONG = "wr0ng;pass"


@pytest.mark.parametrize(
    "address",
    [
        "postgres://nobody:{p}@127.0.0.1:{port}/studies",
        "postgres://127.0.0.1:{port}/studies?user=nobody&password={p}",
        "postgres://nobody:{p}@127.0.0.1:{port}/no_such_database",
        "postgres://nobody:{p}@127.0.0.1:1/studies",
        "postgres://nobody:{p}@no-such-host.invalid/studies",
        "postgres://nobody:{p}@127.0.0.1:{port}/studies?no_such_option=1",
        "postgres://nobody:{p}@127.0.0.1:{port}x/studies",
        "postgres://nobody:{p}@[127.0.0.1:{port}/studies",
        "postgres://no@body:{p}@127.0.0.1:{port}/studies",
        "nosuchscheme://nobody:{p}@127.0.0.1/studies",
        "mysql://nobody:{p}@127.0.0.1/studies",
    ],
)
def test_no_error_holds_a_credential(users, address, monkeypatch):
    for password in (WRONG, "${ODD}"):
        monkeypatch.setenv("ODD", WRONG)
        with pytest.raises(SourceError) as refused:
            connect(address.format(p=password, port=users.port), table="t")
        seen: BaseException | None = refused.value
        while seen is not None:
            assert "wr0ng" not in str(seen)
            seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)


def test_a_driver_that_repeats_the_address(monkeypatch):
    import ibis
    import psycopg

    def fail(address: str, **_: Any) -> None:
        raise psycopg.OperationalError(f"cannot connect to {address}\nuser nobody, password {WRONG}")

    monkeypatch.setattr(psycopg, "connect", fail)
    monkeypatch.setattr(ibis, "connect", fail)
    for scheme in ("postgres", "mysql"):
        with pytest.raises(SourceError, match="cannot be reached") as refused:
            connect(f"{scheme}://nobody:{WRONG}@h/d", table="t")
        assert "wr0ng" not in str(refused.value)
        assert refused.value.__suppress_context__


def plan(folder: Path, address: str) -> Path:
    design = {"kind": "cluster", "cluster": CLUSTER, "treatment": "treated"}
    data = {"ibis": address, "table": f"{SCHEMA}.{TABLE}"}
    values = {"data": data, "unit": "user", "design": design, "metrics": ["minutes"], "seed": 3}
    (folder / "plan.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")
    return folder / "plan.yaml"


def test_a_plan_and_no_credential_in_what_it_makes(users, tmp_path, monkeypatch):
    monkeypatch.setenv("STUDY_PASSWORD", PASSWORD)
    monkeypatch.chdir(tmp_path)
    coded = quote(PASSWORD, safe="")
    asked = plan(tmp_path, users.whole.replace(coded, "${STUDY_PASSWORD}"))
    printed = ""
    for command in (["validate"], ["check"], ["lock"], ["run", "--save-moments", "sums.parquet"], ["run", "--json"]):
        code, said = honestlift(command[0], asked, *command[1:])
        assert code == 0, said
        printed += said
    found = json.loads((tmp_path / "result.json").read_text(encoding="utf-8"))
    assert found["data"]["engine"] == "postgres"
    assert {p.suffix for p in tmp_path.iterdir()} == {".yaml", ".json", ".html", ".parquet"}
    for content in (printed.encode(), *(p.read_bytes() for p in tmp_path.iterdir())):
        assert PASSWORD.encode() not in content
        assert coded.encode() not in content
    expected = hl.analyze(rows(), hl.ClusterDesign(unit="user", cluster=CLUSTER, treatment="treated"), ["minutes"], seed=3)
    assert found["estimates"] == json.loads(expected.to_json())["estimates"]


def test_a_plan_whose_password_is_wrong(users, tmp_path, monkeypatch):
    monkeypatch.setenv("PGPASSWORD", WRONG)
    asked = plan(tmp_path, users.address)
    code, said = honestlift("run", asked)
    assert code == 2
    assert "cannot be reached" in said
    assert "password authentication failed" in said
    assert "Traceback" not in said
    assert WRONG not in said
    assert [p.name for p in tmp_path.iterdir()] == ["plan.yaml"]


def test_a_plan_that_names_a_variable_that_is_not_set(tmp_path):
    code, said = honestlift("run", plan(tmp_path, "postgres://u:${NOT_SET}@127.0.0.1/studies"))
    assert code == 2
    assert "no variable 'NOT_SET'" in said


def honestlift(*arguments: object) -> tuple[int, str]:
    """The command in a process of its own: its exit code, and all that it printed."""
    command = [sys.executable, "-m", "honestlift", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    return done.returncode, done.stdout + done.stderr
