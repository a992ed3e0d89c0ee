"""Plans that join tables, on the command line."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from tests.joined_data import written

import honestlift as hl
from honestlift.plan import read_plan


def test_the_command_line_gives_the_answer_of_the_calls(cli, tmp_path: Path):
    folder = written(tmp_path)
    ended = cli("run", folder / "plan.yaml", "--json", "--quiet", "--save-moments", folder / "sums.parquet")
    assert ended.code == 0
    plan = read_plan(folder / "plan.yaml")
    names = ("users", "assignment_table", "exposure_table", "events")
    lift = hl.run({name: str(folder / f"{name}.parquet") for name in names}, plan.study)
    assert json.loads(ended.out)["estimates"] == json.loads(lift.to_json())["estimates"]
    assert json.loads(ended.out)["checks"] == json.loads(lift.to_json())["checks"]
    again = cli("run", folder / "plan.yaml", "--json", "--quiet", "--moments", folder / "sums.parquet")
    assert json.loads(again.out)["estimates"] == json.loads(ended.out)["estimates"]
    assert replace(lift, provenance={}).kind == "cluster"


def test_the_columns_of_joined_tables_are_checked_before_a_row_is_read(cli, tmp_path: Path):
    folder = written(tmp_path)
    ended = cli("validate", folder / "plan.yaml")
    assert (ended.code, "4 metrics, 11 columns" in ended.out) == (0, True)
    plan = (folder / "plan.yaml").read_text()
    (folder / "plan.yaml").write_text(plan.replace("column: minutes, window", "column: minuts, window"))
    ended = cli("validate", folder / "plan.yaml")
    assert ended.code == 2
    assert "Did you mean 'minutes'?" in ended.err


def test_check_tells_who_is_left_out(cli, tmp_path: Path):
    ended = cli("check", written(tmp_path) / "plan.yaml", "--quiet")
    assert ended.code == 0
    assert "Reasons to be left out" in ended.out
    assert "joined after the assignment; they are left out" in " ".join(ended.out.split())


def test_no_result_is_written_over_a_joined_table(cli, tmp_path: Path):
    folder = written(tmp_path)
    ended = cli("run", folder / "plan.yaml", "--out", folder / "events.parquet")
    assert ended.code == 2
    assert (folder / "events.parquet").read_bytes()[:4] == b"PAR1"
