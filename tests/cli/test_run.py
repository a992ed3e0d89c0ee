"""run, validate and schema: exit codes, where the result goes, and what is said on which stream."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

import honestlift as hl

RUN = "honestlift.cli.run"
"""The module; the package has the command of this name."""


def small(folder: Path, **plan: Any) -> Path:
    """A plan of forty rows beside its CSV."""
    rows = ["user,ws,d,y,x"]
    rows += [f"{i},{i // 4},{i // 4 % 2},{(i * 37 % 11) + 3 * (i // 4 % 2)},{i % 3}" for i in range(48)]
    (folder / "rows.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    values = {
        "data": "rows.csv",
        "unit": "user",
        "design": {"kind": "cluster", "cluster": "ws", "treatment": "d"},
        "metrics": ["y"],
        "bootstrap": 20,
        **plan,
    }
    path = folder / "small.yaml"
    path.write_text(yaml.safe_dump(values, allow_unicode=True), encoding="utf-8")
    return path


def test_the_answer_is_printed_and_kept_beside_the_plan(cli, study: Path):
    ended = cli("run", "plan.yaml")
    assert ended.code == 0
    assert ended.out.index("Likely, with caveats.") < ended.out.index("(naive)") < ended.out.index("exposure_not_randomized")
    assert ended.err.splitlines()[0] == "Counting users per workspace …"
    assert ended.err.splitlines()[-1] == "The result is in result.json, the page in report.html."
    kept = json.loads((study / "result.json").read_text(encoding="utf-8"))
    assert hl.Lift.from_dict(kept).name == "AI meeting notes"
    assert sorted(p.name for p in study.iterdir()) == ["plan.yaml", "report.html", "result.json", "users.parquet"]


def test_json_goes_to_stdout_alone_and_writes_nothing(cli, study: Path):
    ended = cli("run", "plan.yaml", "--json")
    assert ended.code == 0
    assert json.loads(ended.out)["verdict"]["level"] == "likely, with caveats"
    assert "Estimating …" in ended.err
    assert not (study / "result.json").exists()


def test_quiet_is_quiet(cli, tmp_path: Path):
    ended = cli("run", small(tmp_path), "--quiet")
    assert (ended.code, ended.err) == (0, "")
    assert (tmp_path / "result.json").exists()


@pytest.mark.parametrize("json_too", [False, True])
@pytest.mark.parametrize("target", ["other.json", "deep/er/still.json", "ünïcode 分析.json"])
def test_out_is_where_it_goes(cli, tmp_path: Path, target: str, json_too: bool):
    ended = cli("run", small(tmp_path), "--out", tmp_path / target, *(["--json"] if json_too else []))
    assert ended.code == 0
    assert json.loads((tmp_path / target).read_text(encoding="utf-8"))["kind"] == "cluster"
    assert not (tmp_path / "result.json").exists()
    if json_too:
        assert ended.out.encode() == (tmp_path / target).read_bytes()


def test_out_dash_is_stdout(cli, tmp_path: Path):
    ended = cli("run", small(tmp_path), "--out", "-")
    assert json.loads(ended.out)["kind"] == "cluster"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["rows.csv", "small.yaml"]


def test_out_that_is_a_folder_is_refused_before_anything_runs(cli, tmp_path: Path):
    (tmp_path / "folder").mkdir()
    for target in (tmp_path / "folder", ""):
        ended = cli("run", small(tmp_path), "--out", target)
        assert ended.code == 2
        assert "is a directory" in ended.err.lower()
        assert "Estimating" not in ended.err


def test_out_below_a_file_is_refused_before_anything_runs(cli, tmp_path: Path):
    plan = small(tmp_path)
    ended = cli("run", plan, "--out", tmp_path / "rows.csv" / "result.json")
    assert ended.code == 2
    assert "cannot be written: Not a directory" in ended.err
    assert "Estimating" not in ended.err


def test_a_folder_that_cannot_be_written_to_is_refused_before_anything_runs(cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    plan = small(tmp_path)
    real = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != tmp_path and real(path, mode))  # root may write anywhere
    ended = cli("run", plan)
    assert ended.code == 2
    assert "result.json' cannot be written: Permission denied. Expected a file in a folder of yours. Use --out." in ended.err
    assert "Estimating" not in ended.err
    assert cli("run", plan, "--json").code == 0


def test_the_same_plan_gives_the_same_bytes_but_for_the_clock(cli, tmp_path: Path):
    plan = small(tmp_path)
    first, second = (json.loads(cli("run", plan, "--json", "--threads", n).out) for n in (1, 2))
    for values in (first, second):
        del values["provenance"]["started"], values["provenance"]["seconds"]
    assert first == second


def test_an_unwelcome_result_is_no_error(cli, tmp_path: Path):
    plan = small(tmp_path, metrics=[{"column": "y", "better": "lower"}])
    ended = cli("run", plan, "--json")
    assert ended.code == 0
    assert json.loads(ended.out)["verdict"]["level"] == "harmful"


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"metrics": ["yy"]}, ["no column 'yy'", "Did you mean 'y'?"]),
        ({"metrics": []}, ["small.yaml, line", "metrics"]),
        ({"levl": 0.9}, ["there is no key 'levl'. Did you mean 'level'?"]),
        ({"level": 1.5}, ["level is 1.5"]),
        ({"data": "nope.parquet"}, ["There is no file at", "nope.parquet"]),
        ({"data": "small.yaml"}, ["neither parquet nor CSV"]),
        ({"headline": "gate"}, ["headline", "a collaboration graph"]),
    ],
)
def test_what_cannot_run_exits_2_and_says_why(cli, tmp_path: Path, changed: dict[str, Any], words: list[str]):
    ended = cli("run", small(tmp_path, **changed))
    assert ended.code == 2
    assert ended.out == ""
    assert "Traceback" not in ended.err
    for word in words:
        assert word in ended.err
    assert not (tmp_path / "result.json").exists()


@pytest.mark.usefixtures("study")
@pytest.mark.parametrize(
    "args",
    [
        ["run", "nope.yaml"],
        ["run", "plan.yaml", "--threads", "0"],
        ["run", "plan.yaml", "--memory-limit", "lots"],
        ["run", "plan.yaml", "--memory-limit", ""],
        ["run", "plan.yaml", "--spill", "nowhere"],
        ["run", "plan.yaml", "--spill", "plan.yaml"],
        ["check", "plan.yaml", "--spill-limit", "lots"],
        ["run", "plan.yaml", "extra"],
        ["run", "--bogus"],
        ["run", "."],
        ["bogus"],
        ["validate", "nope.yaml"],
    ],
)
def test_wrong_arguments_exit_2(cli, args: list[str]):
    ended = cli(*args)
    assert ended.code == 2
    assert ended.err
    assert "Traceback" not in ended.err


@pytest.mark.parametrize("amount", ["1GB", "512MB", "0.5 GiB", "2000000000B"])
def test_amounts_of_memory_that_are_taken(cli, tmp_path: Path, amount: str):
    assert cli("run", small(tmp_path), "-q", "--memory-limit", amount).code == 0


def test_an_internal_error_exits_70_with_its_traceback(cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def broken(*_: object) -> None:
        raise ZeroDivisionError("deep inside")

    monkeypatch.setattr(sys.modules[RUN], "analyze", broken)
    ended = cli("run", small(tmp_path))
    assert ended.code == 70
    assert "ZeroDivisionError: deep inside" in ended.err
    assert ended.err.rstrip().endswith("This is a bug in honestlift, not in your data. Please report the lines above.")


@pytest.mark.parametrize("interruption", [KeyboardInterrupt(), RuntimeError("Query interrupted")])
def test_an_interruption_exits_130_and_leaves_the_old_result(
    cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, interruption: BaseException
):
    """DuckDB turns Ctrl-C into a RuntimeError of these words."""
    plan = small(tmp_path)
    (tmp_path / "result.json").write_text("old", encoding="utf-8")

    def interrupted(*_: object) -> None:
        raise interruption

    monkeypatch.setattr(sys.modules[RUN], "analyze", interrupted)
    ended = cli("run", plan)
    assert ended.code == 130
    assert ended.err.rstrip().endswith("Interrupted. No file was left half-written.")
    assert "Traceback" not in ended.err
    assert (tmp_path / "result.json").read_text(encoding="utf-8") == "old"


def test_an_interruption_while_writing_leaves_the_old_result_whole(cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    plan = small(tmp_path)
    (tmp_path / "result.json").write_text("old", encoding="utf-8")

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupted)
    assert cli("run", plan).code == 130
    assert (tmp_path / "result.json").read_text(encoding="utf-8") == "old"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["result.json", "rows.csv", "small.yaml"]


@pytest.mark.usefixtures("study")
def test_validate_reads_no_value(cli):
    ended = cli("validate", "plan.yaml")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out == "plan.yaml is valid: 1 metric, 19 columns in the data.\n"


def test_validate_finds_what_run_would(cli, study: Path):
    text = (study / "plan.yaml").read_text(encoding="utf-8")
    (study / "plan.yaml").write_text(text.replace("cluster: workspace_id", "cluster: workspce_id"), encoding="utf-8")
    ended = cli("validate")
    assert ended.code == 2
    assert "no column 'workspce_id', which the plan names as cluster. Did you mean 'workspace_id'?" in ended.err


def test_schema_is_json_schema(cli):
    ended = cli("schema")
    schema = json.loads(ended.out)
    assert ended.code == 0
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    for kind in schema["oneOf"]:
        plan = schema["$defs"][kind["$ref"].rsplit("/", 1)[1]]
        assert {"data", "unit", "design", "metrics"} <= set(plan["required"])
        assert plan["additionalProperties"] is False


def test_hostile_names_reach_the_screen_as_text_and_json_as_they_are(cli, tmp_path: Path):
    name = "a [bold]b[/bold] [/red] \u202eevil 分析 🎉 " + "x" * 300
    plan = small(tmp_path, name=name, metrics=[{"column": "y", "name": f"m {name}"}])
    ended = cli("run", plan)
    assert ended.code == 0
    assert "[bold]b[/bold]" in ended.out
    assert "\u202e" not in ended.out
    assert json.loads((tmp_path / "result.json").read_text(encoding="utf-8"))["name"] == name


def test_control_characters_in_a_plan_never_reach_the_terminal(cli, tmp_path: Path):
    plan = small(tmp_path)
    hostile = 'name: "red \\x1b[31m bell \\a end"\n' + plan.read_text(encoding="utf-8")
    plan.write_text(hostile, encoding="utf-8")
    ended = cli("run", plan)
    assert ended.code == 0
    assert "\x1b" not in ended.out + ended.err
    assert "\a" not in ended.out + ended.err


def test_a_plan_whose_name_is_hostile_is_named_safely(cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    ended = cli("run", "x\x1b[31m[bold].yaml")
    assert ended.code == 2
    assert "\x1b" not in ended.err


def test_a_name_that_looks_like_an_emoji_code_stays_text(cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    plan = small(tmp_path, name=":smile: study", metrics=[{"column": "y", "name": ":fire:"}])
    ended = cli("run", plan, "--out", ":smile:.json")
    assert ":smile: study" in ended.out
    assert ":fire:" in ended.out
    assert ":smile:.json" in ended.err


def test_more_threads_than_any_machine_has_are_refused(cli, tmp_path: Path):
    assert cli("run", small(tmp_path), "--threads", 100_000).code == 2


@pytest.mark.parametrize("name", ["small.yaml", "rows.csv"])
def test_no_output_replaces_what_is_read(cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str):
    monkeypatch.chdir(tmp_path)
    small(tmp_path)
    before = (tmp_path / name).read_bytes()
    ended = cli("run", "small.yaml", "--out", name)
    assert ended.code == 2
    assert "would be replaced. Expected another file to write to" in ended.err
    assert (tmp_path / name).read_bytes() == before


def test_looks_are_recorded_and_the_result_holds_at_every_one(cli, tmp_path: Path):
    plan, looks = small(tmp_path), tmp_path / "looks.json"
    assert cli("run", plan, "--looks", looks, "--quiet").code == 0
    rows = (tmp_path / "rows.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    (tmp_path / "rows.csv").write_text("".join(rows) + "48,0,0,7,1\n49,1,1,3,0\n", encoding="utf-8")
    ended = cli("run", plan, "--looks", looks)
    assert ended.code == 0
    assert "Looks at y" in ended.out
    kept = hl.Lift.from_dict(json.loads((tmp_path / "result.json").read_text(encoding="utf-8")))
    assert [row[1] for row in kept.tables["monitoring"].rows] == [1, 2]
    assert kept.find("user_ols:always_valid") is not None
    assert 'id="looks"' in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_a_record_of_looks_at_another_question_is_refused_and_nothing_written(cli, tmp_path: Path):
    looks = tmp_path / "looks.json"
    assert cli("run", small(tmp_path), "--looks", looks, "--json", "--quiet").code == 0
    before = looks.read_bytes()
    ended = cli("run", small(tmp_path, seed=2), "--looks", looks)
    assert ended.code == 2
    assert "The record of looks is of the question" in ended.err
    assert looks.read_bytes() == before
    assert not (tmp_path / "result.json").exists()
