"""Folders such as day=2026-01-01: their columns mean the same by every road, or are refused."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet as pq
import pytest

import honestlift as hl
from honestlift.errors import PartitionError, SourceError
from honestlift.moments import scan
from honestlift.source.connect import Source, connect
from studies import DESIGN, frame, without_clock


def lake(folder: Path, values: list[str], key: str = "k") -> Path:
    """A file with one row per value of a key, in the folder of that value."""
    for i, value in enumerate(values):
        written(folder / f"{key}={value}", y=[i])
    return folder


def written(folder: Path, name: str = "part-0.parquet", **columns: list[object]) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), folder / name)
    return str(folder / name)


def column(source: Source, name: str) -> list[object]:
    """A column's values, in the order of y."""
    rows = scan.collect(source.select(["y", name])).to_pylist()
    return [row["c1"] for row in sorted(rows, key=lambda row: row["c0"])]


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        (["2026-01-01", "2026-01-02"], "time", [dt.date(2026, 1, 1), dt.date(2026, 1, 2)]),
        (["01", "-12"], "integer", [1, -12]),
        (["9007199254740993", "1"], "integer", [2**53 + 1, 1]),
        (["2026-01-01 10%3A30%3A00", "2026-01-01"], "time", [dt.datetime(2026, 1, 1, 10, 30), dt.datetime(2026, 1, 1)]),
        (["1", "1.5"], "text", ["1", "1.5"]),
        (["2026-01-01", "2026-02-30"], "text", ["2026-01-01", "2026-02-30"]),
        (["7", "99999999999999999999"], "text", ["7", "99999999999999999999"]),
        (["it's", 'say "x"', "'; DROP TABLE rows; --"], "text", ["it's", 'say "x"', "'; DROP TABLE rows; --"]),
        (["a b%2Fc", "ünï %", "[x]*"], "text", ["a b/c", "ünï %", "[x]*"]),
        (["__HIVE_DEFAULT_PARTITION__", "3"], "integer", [None, 3]),
        (["__HIVE_DEFAULT_PARTITION__", "null", "b"], "text", [None, None, "b"]),
        (["__HIVE_DEFAULT_PARTITION__"], "text", [None]),
        (["", "a"], "text", ["", "a"]),
    ],
)
def test_values_are_whole_numbers_dates_times_else_text(values, kind, expected, tmp_path: Path) -> None:
    source = connect(lake(tmp_path / "lake", values))
    assert (source.columns, source.kind("k")) == (("y", "k"), kind)
    assert column(source, "k") == expected


@pytest.mark.parametrize(
    "key", ["sp ace", "it's", 'q"uote', "a; drop table t; --", "ünï", "select", "a.b", "*", "#1", "c0", "x)]"]
)
def test_names_of_folders_are_names_and_nothing_else(key: str, tmp_path: Path) -> None:
    source = connect(lake(tmp_path, ["a", "b"], key))
    assert source.columns == ("y", key)
    assert column(source, key) == ["a", "b"]


def test_percent_code_in_the_name(tmp_path: Path) -> None:
    assert connect(lake(tmp_path, ["a"], "the%20key")).columns == ("y", "the key")


def test_every_way_to_name_the_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for i, day in enumerate(["2026-01-01", "2026-01-02"]):
        for j, region in enumerate(["eu", "us"]):
            written(tmp_path / "lake" / f"day={day}" / f"region={region}", y=[2 * i + j])
    (tmp_path / "lake" / "_SUCCESS").touch()
    days, regions = [dt.date(2026, 1, 1)] * 2 + [dt.date(2026, 1, 2)] * 2, ["eu", "us"] * 2
    files = sorted(str(f) for f in (tmp_path / "lake").rglob("*.parquet"))
    monkeypatch.chdir(tmp_path)
    for place in (
        "lake",
        "lake/",
        tmp_path / "lake",
        "lake/**/*.parquet",
        "lake/*/*/part-*.parquet",
        files,
        tuple(map(Path, files)),
    ):
        source = connect(place)
        assert source.columns == ("y", "day", "region")
        assert (column(source, "day"), column(source, "region")) == (days, regions)
    for place in ("lake/day=2026-01-02", "lake/day=2026-01-02/*/*.parquet", ["lake/day=2026-01-02", "lake/day=2026-01-02"]):
        assert (column(connect(place), "day"), column(connect(place), "region")) == (days[2:], regions[2:])
    monkeypatch.chdir(tmp_path / "lake" / "day=2026-01-02" / "region=us")
    assert column(connect("part-0.parquet"), "region") == ["us"]


def test_folders_further_up_are_not_columns(tmp_path: Path) -> None:
    home = tmp_path / "run=3" / "project"
    file = written(home, run=[7], y=[0])
    assert (connect(file).columns, column(connect(file), "run")) == (("run", "y"), [7])
    assert connect(lake(home / "lake", ["a"])).columns == ("y", "k")
    assert connect(lake(home / "raw" / "k=1" / "more", ["a"], "j")).columns == ("y", "j")


def test_other_folders_in_a_folder_are_left_alone(tmp_path: Path) -> None:
    lake(tmp_path, ["a"])
    written(tmp_path / "old", y=[9])
    written(tmp_path / "k=a" / "_temporary", y=[9])
    assert column(connect(tmp_path), "k") == ["a"]


class TestColumnInBoth:
    """A column that the files have too is theirs, where they agree with their folders."""

    @pytest.mark.parametrize(
        ("folder", "value"), [("01", "01"), ("1", 1.0), ("2026-01-01", dt.date(2026, 1, 1)), ("true", True), ("a%20b", "a b")]
    )
    def test_it_keeps_its_type(self, folder: str, value: object, tmp_path: Path) -> None:
        written(tmp_path / f"k={folder}", k=[value, value], y=[0, 1])
        assert (connect(tmp_path).columns, column(connect(tmp_path), "k")) == (("k", "y"), [value, value])

    def test_beside_one_that_is_not(self, tmp_path: Path) -> None:
        for i, (k, j) in enumerate([("01", "x"), ("__HIVE_DEFAULT_PARTITION__", "y")]):
            written(tmp_path / f"k={k}" / f"j={j}", k=pa.array(["01" if i == 0 else None]), y=[i])
        source = connect(tmp_path)
        assert source.columns == ("k", "y", "j")
        assert (column(source, "k"), column(source, "j")) == (["01", None], ["x", "y"])

    @pytest.mark.parametrize("values", [["a", "b"], ["a", None], ["A", "a"]])
    def test_another_value_on_some_row_is_refused(self, values: list[object], tmp_path: Path) -> None:
        written(tmp_path / "k=a", k=["a", "a"], y=[0, 1])
        written(tmp_path / "k=a", "part-1.parquet", k=values, y=[2, 3])
        with pytest.raises(PartitionError, match=r"part-1.parquet' lies in the folder of 'k' = 'a', but its own column 'k'"):
            connect(tmp_path)

    def test_a_nested_column_is_refused(self, tmp_path: Path) -> None:
        written(tmp_path / "k=a", k=[["a"]], y=[0])
        with pytest.raises(PartitionError, match="has another value"):
            connect(tmp_path)

    def test_files_called_like_the_column_of_files(self, tmp_path: Path) -> None:
        written(tmp_path / "file=a", file=["a"], y=[0])
        assert column(connect(tmp_path), "file") == ["a"]


class TestRefused:
    """Folders that do not make clear columns."""

    def test_keys_that_differ(self, tmp_path: Path) -> None:
        written(tmp_path / "day=1", y=[0])
        written(tmp_path / "week=1", y=[1])
        with pytest.raises(PartitionError, match=r"give the columns 'day', .* give 'week'. Expected the same for all files"):
            connect(tmp_path)

    def test_files_beside_folders(self, tmp_path: Path) -> None:
        written(tmp_path / "day=1", y=[0])
        written(tmp_path, y=[1])
        with pytest.raises(PartitionError, match="give none"):
            connect(tmp_path)

    @pytest.mark.parametrize("inner", ["k=2", "K=2", "%6B=2"])
    def test_a_key_twice(self, inner: str, tmp_path: Path) -> None:
        written(tmp_path / "k=1" / inner, y=[0])
        with pytest.raises(PartitionError, match=r"by its folders. Expected each column once"):
            connect(tmp_path)

    def test_a_column_that_differs_by_case(self, tmp_path: Path) -> None:
        written(tmp_path / "day=1", Day=[5], y=[0])
        with pytest.raises(PartitionError, match="cannot tell the folder 'day' from the column 'Day'"):
            connect(tmp_path)

    def test_what_the_engine_calls_a_column(self, tmp_path: Path) -> None:
        written(tmp_path / "a_1=9", A=[5], a=[6], y=[0])
        with pytest.raises(PartitionError, match="cannot tell the folder 'a_1' from the column 'a'"):
            connect(tmp_path)

    def test_a_folder_further_up_that_would_hide_a_column(self, tmp_path: Path) -> None:
        written(tmp_path / "run=3" / "project" / "k=a", run=[7], y=[0])
        with pytest.raises(PartitionError, match="cannot tell the folder 'run' from the column 'run'"):
            connect(tmp_path / "run=3" / "project")

    def test_percent_code_that_is_no_text(self, tmp_path: Path) -> None:
        with pytest.raises(PartitionError, match="no UTF-8"):
            connect(lake(tmp_path, ["%ff"]))

    def test_a_delta_table(self, tmp_path: Path) -> None:
        (lake(tmp_path, ["a"]) / "_delta_log").mkdir()
        with pytest.raises(PartitionError, match="is a Delta table"):
            connect(tmp_path)

    def test_a_list_with_something_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(SourceError, match=r"There is no file at 'nowhere.parquet'"):
            connect([str(lake(tmp_path, ["a"])), "nowhere.parquet"])

    def test_an_empty_list(self) -> None:
        with pytest.raises(SourceError, match="list is not a table"):
            connect([])


def test_folders_with_signs_that_end_a_key_are_not_columns(tmp_path: Path) -> None:
    for folder in ("k=a=b", "k=a?b", "=a", "k=a\\b"):
        assert connect(written(tmp_path / folder, y=[0])).columns == ("y",)


def test_files_that_hold_a_column_in_several_types(tmp_path: Path) -> None:
    written(tmp_path / "k=1", y=[1])
    written(tmp_path / "k=2", y=[1.5])
    assert column(connect(tmp_path), "k") == [1, 2]


@pytest.fixture(scope="module")
def users() -> pd.DataFrame:
    made = frame()
    made["plan"] = [("pro", "free")[i] for i in made["workspace"] % 4 // 2]
    return made


@pytest.fixture(scope="module")
def parts(users: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The users by plan and workspace, in folders."""
    folder = tmp_path_factory.mktemp("parts") / "lake"
    duckdb.from_df(users).write_parquet(str(folder), partition_by=["plan", "workspace"])
    return folder


def study() -> hl.Study:
    return hl.Study(design=hl.ClusterDesign(**DESIGN, strata="plan"), metrics=(hl.Mean("minutes"),), seed=3, bootstrap=50)


def answered(data: object) -> dict[str, object]:
    return without_clock(hl.run(data, study()))


def test_a_study_has_the_same_bytes_by_every_road(users: pd.DataFrame, parts: Path) -> None:
    expected = answered(users)
    files = sorted(map(str, parts.rglob("*.parquet")))
    hive = pa.dataset.partitioning(pa.schema([("plan", pa.string()), ("workspace", pa.int64())]), flavor="hive")
    roads = {
        "folder": str(parts),
        "glob": f"{parts}/**/*.parquet",
        "list": files[::-1],
        "polars": pl.scan_parquet(f"{parts}/**/*.parquet", hive_partitioning=True),
        "polars folder": pl.scan_parquet(parts, hive_partitioning=True),
        "arrow": pa.dataset.dataset(parts, partitioning="hive"),
        "arrow with types": pa.dataset.dataset(parts, partitioning=hive),
        "duckdb": duckdb.sql(f"FROM read_parquet('{parts}/**/*.parquet', hive_partitioning = true)"),
    }
    for road, data in roads.items():
        assert answered(data) == expected, road


def test_polars_that_keeps_the_columns_in_the_files(users: pd.DataFrame, tmp_path: Path) -> None:
    for (plan, workspace), part in pl.DataFrame(users).group_by("plan", "workspace"):
        folder = tmp_path / f"plan={plan}" / f"workspace={workspace}"
        folder.mkdir(parents=True)
        part.write_parquet(folder / "0.parquet")
    assert answered(tmp_path) == answered(users)


def test_a_table_that_is_joined_lies_in_folders(tmp_path: Path) -> None:
    users = frame()
    pl.DataFrame(users.drop(columns=["treated"])).write_parquet(tmp_path / "users.parquet")
    for arm in (0, 1):
        names = sorted(set(users.loc[users["treated"] == arm, "workspace"]))
        written(tmp_path / "assignment" / f"treated={arm}", workspace=names)
    tables = hl.Tables(assignment=hl.AssignmentTable(cluster="workspace", arm="treated"))
    asked = hl.Study(design=hl.ClusterDesign(**DESIGN), metrics=(hl.Mean("minutes"),), bootstrap=0, tables=tables)
    lift = hl.run({"users": tmp_path / "users.parquet", "assignment_table": tmp_path / "assignment"}, asked)
    alone = hl.analyze(users, hl.ClusterDesign(**DESIGN), ["minutes"], bootstrap=0)
    assert lift.headline().estimate == alone.headline().estimate
