"""simulate: the published bytes, worlds of one's own, and the truth beside them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pyarrow import csv, parquet

import honestlift as hl
from honestlift.simulate import collaboration, published


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(("world", "make"), [("collaboration", collaboration), ("published", published)])
def test_the_published_worlds(cli, world: str, make):
    ended = cli("simulate", world, "--users", "2000", "--seed", "5")
    assert ended.code == 0
    made = make(2000, 5)
    assert ended.out == f"2,000 users, {made.table.num_columns} columns: users.parquet\n"
    assert parquet.read_table("users.parquet").equals(made.table)
    assert json.loads(Path("users.truth.json").read_text(encoding="utf-8")) == dict(made.truth)


@pytest.mark.parametrize(
    ("world", "make", "options"),
    [
        ("low-adoption", hl.simulate.low_adoption(2_000), []),
        ("no-overlap", hl.simulate.no_overlap(2_000), []),
        ("hidden-cause", hl.simulate.hidden_cause(2_000, times=3.0), ["--times", "3"]),
    ],
)
def test_users_who_choose(cli, world: str, make: hl.simulate.OptInWorld, options: list[str]):
    assert cli("simulate", world, "--users", "2000", "--seed", "5", *options).code == 0
    made = make.draw(5)
    assert parquet.read_table("users.parquet").equals(made.table)
    assert json.loads(Path("users.truth.json").read_text(encoding="utf-8")) == dict(made.truth)


def test_each_world_has_its_own_size(cli):
    assert cli("simulate", "no-overlap").out.startswith("20,000 users, ")


def test_csv_by_its_name(cli):
    assert cli("simulate", "collaboration", "--users", "500", "--out", "deep/rows.csv").code == 0
    assert csv.read_csv("deep/rows.csv").num_rows == 500
    assert Path("deep/rows.truth.json").exists()


def test_a_world_of_ones_own(cli):
    ended = cli("simulate", "cluster", "--clusters", "20", "--users", "4000", "--effect", "0.3", "--icc", "0.2", "--size-cv", "1")
    assert ended.code == 0
    table = parquet.read_table("users.parquet")
    assert len(set(table["workspace_id"].to_pylist())) == 20
    assert json.loads(Path("users.truth.json").read_text(encoding="utf-8"))["gate"] == pytest.approx(0.3)


@pytest.mark.parametrize(
    "args",
    [
        ["marvellous"],
        ["published", "--users", "99"],
        ["cluster", "--clusters", "3"],
        ["cluster", "--icc", "1"],
        ["hidden-cause", "--times", "-1"],
        ["hidden-cause", "--times", "nan"],
        ["cluster", "--icc", "-0.1"],
        ["cluster", "--effect", "nan"],
        ["cluster", "--size-cv", "-1"],
        ["cluster", "--clusters", "200", "--users", "100"],
        ["published", "--seed", "-1"],
    ],
)
def test_worlds_that_cannot_be_exit_2_and_write_nothing(cli, tmp_path: Path, args: list[str]):
    ended = cli("simulate", *args)
    assert ended.code == 2, ended.err
    assert "Traceback" not in ended.err
    assert list(tmp_path.iterdir()) == []
