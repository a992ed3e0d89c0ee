"""Tests of files: what a path or glob means, the names in a CSV header, and clear words for what cannot be read."""

from __future__ import annotations

import gzip

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet as pq
import pytest

from honestlift.errors import SourceError
from honestlift.moments import scan
from honestlift.source.connect import Source, connect


def values(source: Source, name: str) -> list:
    return source.select([name]).collect("pyarrow").to_arrow().column("c0").to_pylist()


def house_form(message: str) -> bool:
    """What is wrong, what was expected or is there, what to do: three sentences."""
    return message.count(". ") >= 2 or ("Did you mean" in message or "It has" in message)


class TestFiles:
    """Files."""

    def test_a_folder_means_its_parquet_files(self, tmp_path):
        for i in range(3):
            pq.write_table(pa.table({"y": [i]}), tmp_path / f"{i}.parquet")
        (tmp_path / "notes.txt").write_text("x")
        assert sorted(values(connect(str(tmp_path)), "y")) == [0, 1, 2]
        assert sorted(values(connect(tmp_path), "y")) == [0, 1, 2]

    @pytest.mark.parametrize(
        "name", ["[x].parquet", "a*b?.parquet", "it's.parquet", "sp ace;--.parquet", "ü.pq", "UPPER.PARQUET"]
    )
    def test_a_file_is_its_name_before_it_is_a_glob(self, name, tmp_path):
        pq.write_table(pa.table({"y": [1]}), tmp_path / "x.parquet")
        pq.write_table(pa.table({"y": [2]}), tmp_path / name)
        assert values(connect(str(tmp_path / name)), "y") == [2]

    def test_csv_dialects_and_compression(self, tmp_path):
        (tmp_path / "semi.csv").write_text('\ufeffid;"the; name";y\n1;x;2.5\n', encoding="utf-8")
        (tmp_path / "tab.tsv").write_text("id\tA\ta\n1\t2\t3\n")
        with gzip.open(tmp_path / "z.csv.gz", "wt") as file:
            file.write("id,y\n1,2\n")
        assert connect(tmp_path / "semi.csv").columns == ("id", "the; name", "y")
        assert values(connect(tmp_path / "tab.tsv"), "a") == [3]
        assert values(connect(tmp_path / "z.csv.gz"), "y") == [2]

    def test_csv_of_text_only_has_its_header(self, tmp_path):
        (tmp_path / "t.csv").write_text("id,arm\nu,on\nv,off\n")
        assert values(connect(tmp_path / "t.csv"), "arm") == ["on", "off"]

    def test_csv_kinds_are_settled_by_many_rows(self, tmp_path):
        (tmp_path / "late.csv").write_text("id,y\n" + "".join(f"{i},1\n" for i in range(60_000)) + "7,2.5\n")
        assert connect(tmp_path / "late.csv").kinds == ("integer", "number")

    def test_a_csv_value_that_does_not_fit_is_named_with_its_line(self, tmp_path):
        (tmp_path / "late.csv").write_text("id,y\n" + "".join(f"{i},1\n" for i in range(250_000)) + "7,what\n")
        with pytest.raises(SourceError, match=r"(?s)Line: 250002.*what.*Nothing was estimated"):
            scan.profile(connect(tmp_path / "late.csv"), ["y"], scan.count_cells(connect(pa.table({"id": [1]})), ["id"]))

    def test_header_only_csv_has_columns_and_no_rows(self, tmp_path):
        (tmp_path / "h.csv").write_text("user_id,ws,y\n")
        source = connect(tmp_path / "h.csv")
        assert source.columns == ("user_id", "ws", "y")
        assert values(source, "y") == []


class TestUnreadable:
    """What cannot be read."""

    @pytest.mark.parametrize("kept", [0.1, 0.5, 0.9, 0.999])
    def test_half_written_parquet(self, kept, tmp_path):
        path = tmp_path / "x.parquet"
        pq.write_table(pa.table({"y": np.random.default_rng(1).normal(size=5000)}), path)
        path.write_bytes(path.read_bytes()[: int(path.stat().st_size * kept)])
        with pytest.raises(SourceError, match=r"cannot be read: .*Write it again") as caught:
            connect(str(path))
        assert house_form(str(caught.value))

    def test_damaged_in_the_middle(self, tmp_path):
        """The footer is whole, so that the damage shows only when the pages are read."""
        path = tmp_path / "x.parquet"
        pq.write_table(pa.table({"y": np.random.default_rng(1).normal(size=5000)}), path, compression="zstd")
        content = bytearray(path.read_bytes())
        content[4:60] = bytes(56)
        path.write_bytes(content)
        source = connect(str(path))
        with pytest.raises(SourceError, match="The engine stopped"):
            scan.profile(source, ["y"], scan.count_cells(connect(pa.table({"id": [1]})), ["id"]))

    def test_one_bad_part_of_ten(self, tmp_path):
        for i in range(3):
            pq.write_table(pa.table({"y": [i]}), tmp_path / f"{i}.parquet")
        (tmp_path / "2.parquet").write_bytes((tmp_path / "2.parquet").read_bytes()[:-9])
        with pytest.raises(SourceError, match=r"2\.parquet"):
            scan.count_cells(connect(str(tmp_path / "*.parquet")), ["y"])

    @pytest.mark.parametrize("name", ["x.parquet", "x.csv", "x.csv.gz"])
    def test_a_file_without_bytes(self, name, tmp_path):
        (tmp_path / name).touch()
        with pytest.raises(SourceError, match=r"no bytes.*Expected a complete parquet or CSV file. Write it again"):
            connect(str(tmp_path / name))

    @pytest.mark.parametrize("path", ["nowhere.parquet", "none-*.parquet", "nowhere.duckdb", "."])
    def test_nothing_there(self, path, tmp_path):
        with pytest.raises(SourceError, match=r"There is no file at .*Check the path"):
            connect(str(tmp_path / path), table="t" if path.endswith("duckdb") else None)

    @pytest.mark.parametrize("name", ["x.xlsx", "x.json", "x"])
    def test_other_formats(self, name, tmp_path):
        (tmp_path / name).write_text("x")
        with pytest.raises(SourceError, match="neither parquet nor CSV"):
            connect(str(tmp_path / name))

    def test_text_in_parquets_clothes(self, tmp_path):
        (tmp_path / "x.parquet").write_text("user_id,y\n1,2\n" * 20)
        with pytest.raises(SourceError, match="cannot be read"):
            connect(str(tmp_path / "x.parquet"))

    @pytest.mark.parametrize("data", [5, [1, 2], {"a": [1]}, np.zeros(3), None, pl.Series([1])])
    def test_things_that_are_no_table(self, data):
        with pytest.raises(SourceError, match="is not a table that honestlift can read"):
            connect(data)
