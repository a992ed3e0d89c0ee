"""The embedded engine: limits, the spill folder, progress, and a scan that is stopped."""

from __future__ import annotations

import os
import stat
import threading
import time
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest

import honestlift as hl
from honestlift.moments import scan
from honestlift.source import engine as engines
from honestlift.source.connect import connect
from honestlift.source.duck import DuckSource
from honestlift.source.engine import Limits, beside, engine, interrupt, is_amount, progress, tidy, watch
from studies import without_clock

SMALL = "110MB"
"""Less than the users of ``large`` need to be told apart."""


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A file whose users, told apart by text, do not fit the smaller limits."""
    path = str(tmp_path_factory.mktemp("large") / "users.parquet")
    rows = "SELECT 'a user whose name is long: ' || range AS u, range % 60 AS w, range % 60 % 2 AS t, hash(range) % 100 AS y"
    duckdb.execute(f"COPY ({rows} FROM range(1500000)) TO '{path}'")
    return path


def study() -> hl.Study:
    design = hl.ClusterDesign(unit="u", cluster="w", treatment="t")
    return hl.Study(design=design, metrics=(hl.Mean("y"),), bootstrap=0, exact_duplicates=True)


def setting(connection: duckdb.DuckDBPyConnection, name: str) -> Any:
    return connection.execute("SELECT current_setting($1)", [name]).fetchall()[0][0]


def test_a_table_that_does_not_fit_the_memory_gives_the_same_bytes(large: str, tmp_path: Path):
    spilling = connect(large, threads=2, memory_limit=SMALL, spill=tmp_path)
    assert without_clock(hl.run(spilling, study())) == without_clock(hl.run(large, study()))
    folder = next(tmp_path.iterdir())
    assert folder.name.startswith("honestlift-")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    tidy()
    assert list(tmp_path.iterdir()) == []


def test_a_full_spill_folder_is_an_error_and_no_number(large: str, tmp_path: Path):
    spilling = connect(large, threads=2, memory_limit=SMALL, spill=tmp_path, spill_limit="1MB")
    with pytest.raises(hl.HonestliftError, match=r"run out of room: .* Raise --memory-limit, name a folder on a larger disk"):
        hl.run(spilling, study())
    assert isinstance(spilling, DuckSource)
    assert spilling.relation.aggregate("count(*)").fetchall() == [(1_500_000,)]  # the connection lives


def test_too_little_memory_is_an_error(large: str, tmp_path: Path):
    with pytest.raises(hl.HonestliftError, match="run out of room"):
        hl.run(connect(large, threads=1, memory_limit="2MB", spill=tmp_path), study())


def test_a_sort_that_runs_out_of_room_is_an_error(large: str, tmp_path: Path):
    source = connect(large, threads=1, memory_limit="60MB", spill=tmp_path, spill_limit="1MB")
    with pytest.raises(hl.HonestliftError, match="run out of room"):
        source.sorted_copy(("u", "y"), 1)


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ({"spill": "nowhere"}, r"spill is 'nowhere'\. Expected a folder that is there and may be written to \(No such file"),
        ({"spill": __file__}, r"may be written to \(Not a directory"),
        ({"spill_limit": "much"}, "spill_limit is 'much'. Expected a size"),
        ({"memory_limit": "4"}, "memory_limit is '4'. Expected a size"),
        ({"threads": -1}, "threads is -1"),
    ],
)
def test_limits_that_make_no_sense(limits: dict[str, Any], words: str):
    with pytest.raises(hl.HonestliftError, match=words):
        connect(pd.DataFrame({"y": [1]}), **limits)


@pytest.mark.parametrize("text", ["4GB", "1.5 GiB", "500mb", "10B"])
def test_amounts(text: str):
    assert is_amount(text)
    assert setting(engine(Limits(memory=text if text != "10B" else "9MB")), "memory_limit")


def test_what_is_spilled_goes_to_a_folder_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    made = engine(Limits(threads=1))
    assert Path(setting(made, "temp_directory")).parent == tmp_path
    monkeypatch.setenv("TMPDIR", str(tmp_path / "gone"))
    assert setting(engine(Limits(threads=1)), "temp_directory") == ""  # nowhere to spill to: memory alone
    shared = Path(setting(engine(Limits()), "temp_directory"))
    assert shared.name.startswith("honestlift-") or str(shared) == "."


def test_a_database_that_is_open_twice_spills_where_it_did(tmp_path: Path):
    path = str(tmp_path / "x.duckdb")
    with duckdb.connect(path) as made:
        made.execute("CREATE TABLE t AS SELECT range AS a FROM range(3)")
    first = connect(path, table="t", spill=tmp_path)
    second = connect(path, table="t")
    assert [scan.count_rows(source) for source in (first, second)] == [3, 3]


def test_a_copy_has_half_of_the_memory():
    made = engine(Limits(threads=1, memory="400MB"))
    copy = beside(made)
    assert setting(made, "memory_limit") == setting(copy, "memory_limit") == "190.7 MiB"
    assert setting(copy, "threads") == 1
    assert setting(made, "temp_directory") != setting(copy, "temp_directory")
    unlimited = engine(Limits(threads=2))
    assert setting(beside(unlimited), "threads") == 2
    assert setting(unlimited, "memory_limit") == setting(duckdb.connect(), "memory_limit")
    assert setting(beside(None), "threads") == setting(engine(Limits()), "threads")


def long_query(connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyRelation:
    return connection.sql("SELECT sum(hash(a.range) % 3 + b.range) AS c0 FROM range(1000000) a, range(1000000) b")


def test_a_scan_is_stopped_from_another_thread():
    relation = long_query(engine(Limits()))
    source = DuckSource(relation=relation, connection=None, columns=("y",), kinds=("number",))
    started = time.monotonic()
    timer = threading.Timer(0.2, interrupt)
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        scan.collect(source.everything())
    timer.join()
    assert time.monotonic() - started < 10


def test_how_far_a_scan_is_can_be_seen_from_another_thread(monkeypatch: pytest.MonkeyPatch):
    assert progress() is None
    monkeypatch.setattr(engines, "_watched", [False])
    watch()
    connection = engine(Limits(threads=1))
    seen: list[float | None] = []

    def look() -> None:
        end = time.monotonic() + 10
        while time.monotonic() < end and not any(s is not None for s in seen):
            seen.append(progress())
            time.sleep(0.01)
        interrupt()

    looking = threading.Thread(target=look)
    looking.start()
    with pytest.raises(duckdb.InterruptException):
        connection.sql("SELECT sum(hash(range)) FROM range(100000000000)").fetchall()
    looking.join()
    share = next(s for s in seen if s is not None)
    assert 0 <= share <= 1
    connection.close()
    assert progress() is None  # a closed connection is passed over
    interrupt()


def test_nothing_is_left_of_a_process_that_ends(tmp_path: Path):
    import subprocess
    import sys

    code = "import honestlift as hl, pandas as pd; hl.connect(pd.DataFrame({'y': [1]}), memory_limit='1GB')"
    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ, "TMPDIR": str(tmp_path)})
    assert list(tmp_path.iterdir()) == []
