"""assign: a draw with its record, and a run that checks the data against it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from honestlift import Assignment
from studies import frame

PLAN = """\
data: users.parquet
unit: user
design:
  kind: cluster
  cluster: workspace
  treatment: treated
  assignment: assignment.json
{strata}
metrics: [minutes]
bootstrap: 0
"""


def write(folder: Path, f: pd.DataFrame) -> None:
    parquet.write_table(pa.Table.from_pandas(f, preserve_index=False), folder / "users.parquet")


@pytest.fixture
def roster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pd.DataFrame:
    monkeypatch.chdir(tmp_path)
    f = (
        frame(24, 10)
        .assign(tier=["free", "pro", "max"] * 80)
        .assign(tier=lambda d: d.groupby("workspace").tier.transform("first"))
    )
    write(tmp_path, f)
    return f


def follow(folder: Path, f: pd.DataFrame) -> pd.DataFrame:
    assigned = json.loads((folder / "assignment.json").read_text(encoding="utf-8"))["assigned"]
    return f.assign(treated=[int(assigned[str(w)] == "treated") for w in f.workspace])


def test_draw_record_plan_run(cli, roster: pd.DataFrame, tmp_path: Path):
    drawn = cli("assign", "users.parquet", "--cluster", "workspace", "--seed", "7")
    assert drawn.code == 0
    first, _, head, size = drawn.out.splitlines()
    assert first == "12 workspaces treated, 12 control; complete randomization, seed 7."
    assert head.split() == ["mean", "of", "workspaces", "treated", "control", "difference", "by", "chance"]
    assert size.split() == ["size", "10.00", "10.00", "0.00", "SD", "±0.41", "SD"]
    assert "design.assignment" in drawn.err
    record = Assignment.from_json((tmp_path / "assignment.json").read_text(encoding="utf-8"))
    assert record.reproduces()
    write(tmp_path, follow(tmp_path, roster))
    (tmp_path / "plan.yaml").write_text(PLAN.format(strata=""), encoding="utf-8")
    result = json.loads(cli("run", "--json").out)
    levels = {c["code"]: c["level"] for c in result["checks"]}
    assert (levels["assignment_followed"], levels["sample_ratio"]) == ("ok", "ok")
    write(tmp_path, follow(tmp_path, roster).assign(treated=lambda d: 1 - d.treated))
    broken = json.loads(cli("run", "--json").out)
    assert {c["code"]: c["level"] for c in broken["checks"]}["assignment_followed"] == "stop"
    assert broken["verdict"]["level"] == "not trustworthy"


def test_stratified_draw_and_run(cli, roster: pd.DataFrame, tmp_path: Path):
    drawn = cli("assign", "users.parquet", "-c", "workspace", "-s", "tier", "--seed", "7", "--share", "0.5")
    assert drawn.code == 0
    assert "stratified randomization" in drawn.out
    followed = follow(tmp_path, roster)
    per_tier = followed.groupby("tier").apply(
        lambda d: d.groupby("workspace").treated.first().agg(["sum", "size"]), include_groups=False
    )
    assert ((per_tier["sum"] - per_tier["size"] / 2).abs() < 1).all()
    write(tmp_path, followed)
    (tmp_path / "plan.yaml").write_text(PLAN.format(strata="  strata: [tier]"), encoding="utf-8")
    result = json.loads(cli("run", "--json").out)
    assert {c["code"]: c["level"] for c in result["checks"]}["assignment_followed"] == "ok"
    assert next(e for e in result["estimates"] if e["headline"])["adjustment"].startswith("strata")


@pytest.mark.usefixtures("roster")
def test_the_seed_decides_and_a_fresh_one_is_recorded(cli):
    for name, seed in (("a", ["--seed", "1"]), ("b", ["--seed", "1"]), ("c", [])):
        assert cli("assign", "users.parquet", "-c", "workspace", "--out", f"{name}.json", *seed).code == 0
    a, b, c = (Path(f"{name}.json").read_text(encoding="utf-8") for name in "abc")
    assert a == b
    assert a != c
    fresh = Assignment.from_json(c)
    assert fresh.reproduces()
    assert f"seed {fresh.seed}" not in a


def test_the_order_of_rows_does_not_matter(cli, roster: pd.DataFrame, tmp_path: Path):
    cli("assign", "users.parquet", "-c", "workspace", "--seed", "3", "--out", "a.json")
    write(tmp_path, roster.sample(frac=1, random_state=0))
    cli("assign", "users.parquet", "-c", "workspace", "--seed", "3", "--out", "b.json")
    assert Path("a.json").read_bytes() == Path("b.json").read_bytes()


@pytest.mark.usefixtures("roster")
def test_a_second_draw_is_a_second_experiment(cli, tmp_path: Path):
    assert cli("assign", "users.parquet", "-c", "workspace").code == 0
    before = (tmp_path / "assignment.json").read_bytes()
    ended = cli("assign", "users.parquet", "-c", "workspace")
    assert ended.code == 2
    assert "a second draw is a second experiment" in ended.err
    assert (tmp_path / "assignment.json").read_bytes() == before
    assert cli("assign", "users.parquet", "-c", "workspace", "--force").code == 0
    assert (tmp_path / "assignment.json").read_bytes() != before


@pytest.mark.usefixtures("roster")
@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["-c", "workspce"], "Did you mean 'workspace'?"),
        (["-c", "workspace", "-s", "tir"], "Did you mean 'tier'?"),
        (["-c", "workspace", "--share", "0.01"], "Expected at least 2 in each arm"),
        (["-c", "workspace", "--share", "1.5"], "a number between 0 and 1"),
        (["-c", "workspace", "--share", "nan"], "a number between 0 and 1"),
        (["-c", "workspace", "-s", "user"], "more than one stratum"),
        (["-c", "workspace", "--seed", "-1"], "--seed"),
        ([], "--cluster"),
    ],
)
def test_draws_that_cannot_be_exit_2_and_write_nothing(cli, tmp_path: Path, args: list[str], words: str):
    ended = cli("assign", "users.parquet", *args)
    assert ended.code == 2
    assert words in ended.err
    assert not (tmp_path / "assignment.json").exists()


def test_clusters_without_a_name_are_refused(cli, roster: pd.DataFrame, tmp_path: Path):
    write(tmp_path, roster.assign(workspace=roster.workspace.where(roster.user != 3)))
    ended = cli("assign", "users.parquet", "-c", "workspace")
    assert ended.code == 2
    assert "no value of 'workspace'" in ended.err


@pytest.fixture
def uneven(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pd.DataFrame:
    monkeypatch.chdir(tmp_path)
    f = frame(24, [3 + 7 * (i * i % 11) for i in range(24)])
    write(tmp_path, f)
    return f


def test_pairs_and_balanced_draws_come_out_of_one_table(cli, uneven: pd.DataFrame, tmp_path: Path):
    for rule in ("matched_pairs", "rerandomized"):
        ended = cli(
            "assign", "users.parquet", "-c", "workspace", "--rule", rule, "--on", "before", "--seed", "3", "--out", f"{rule}.json"
        )
        assert ended.code == 0, ended.err
        record = Assignment.from_json((tmp_path / f"{rule}.json").read_text(encoding="utf-8"))
        assert record.rule.covariates == ("size", "before")
        assert record.reproduces()
        for w, d in uneven.groupby("workspace"):
            size, before = (record.covariates or {})[str(w)]
            assert (size, before) == (len(d), pytest.approx(d.before.mean(), abs=1e-12))
        shown = {line.split()[0]: float(line.split()[3]) for line in ended.out.splitlines()[3:]}
        treated = np.array([record.assigned[str(w)] == "treated" for w in range(24)])
        sizes = uneven.groupby("workspace").size().to_numpy()
        assert shown["size"] == pytest.approx((sizes[treated].mean() - sizes[~treated].mean()) / sizes.std(ddof=1), abs=0.006)
        assert abs(shown["size"]) < 0.2
        assert abs(shown["before"]) < 0.4
    bare = cli("assign", "users.parquet", "-c", "workspace", "--rule", "matched_pairs", "--no-size", "--on", "before")
    assert bare.code == 0
    assert Assignment.from_json((tmp_path / "assignment.json").read_text(encoding="utf-8")).rule.covariates == ("before",)


def test_the_same_rows_in_any_order_are_the_same_record(cli, uneven: pd.DataFrame, tmp_path: Path):
    for name, f in (("a", uneven), ("b", uneven.sample(frac=1, random_state=5))):
        write(tmp_path, f)
        cli(
            "assign",
            "users.parquet",
            "-c",
            "workspace",
            "--rule",
            "rerandomized",
            "--on",
            "before",
            "--seed",
            "3",
            "--out",
            f"{name}.json",
        )
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()


def test_a_pair_study_runs_from_the_command_line(cli, uneven: pd.DataFrame, tmp_path: Path):
    assert cli("assign", "users.parquet", "-c", "workspace", "--rule", "matched_pairs", "--seed", "3").code == 0
    write(tmp_path, follow(tmp_path, uneven))
    (tmp_path / "plan.yaml").write_text(PLAN.format(strata=""), encoding="utf-8")
    result = json.loads(cli("run", "--json").out)
    checks = {c["code"]: c for c in result["checks"]}
    assert checks["assignment_followed"]["level"] == "ok"
    assert checks["methods_disagree"]["evidence"]["randomization_smallest"] == 2 / 2**12
    assert next(e for e in result["estimates"] if e["headline"])["adjustment"] == "pairs, additive"


def test_several_arms_by_weight(cli, uneven: pd.DataFrame, tmp_path: Path):
    arms = ["--arm", "control=2", "--arm", "short=1", "--arm", "long=1"]
    ended = cli("assign", "users.parquet", "-c", "workspace", "--seed", "3", *arms)
    assert ended.out.startswith("12 workspaces control, 6 short, 6 long; complete randomization, seed 3.\n")
    assert "size, short" in ended.out
    record = json.loads((tmp_path / "assignment.json").read_text(encoding="utf-8"))
    assert record["arms"] == {"control": 0.5, "short": 0.25, "long": 0.25}
    assert len(uneven)


def test_users_within_saturations_are_drawn_and_written(cli, uneven: pd.DataFrame, tmp_path: Path):
    levels = ["--saturation", "0", "--saturation", "0.5", "--saturation", "1"]
    for roll in ("arms.csv", "arms.parquet"):
        args = [*levels, "--unit", "user", "--users", roll, "--seed", "3", "--force"]
        ended = cli("assign", "users.parquet", "-c", "workspace", *args)
        assert ended.code == 0, ended.err
    arms = pd.read_parquet(tmp_path / "arms.parquet")
    assert arms.astype(str).equals(pd.read_csv(tmp_path / "arms.csv").astype(str))
    assert list(arms.columns) == ["user", "workspace", "saturation", "arm"]
    assert sorted(arms.user) == sorted(uneven.user)
    record = Assignment.from_json((tmp_path / "assignment.json").read_text(encoding="utf-8"))
    for w, d in arms.groupby("workspace"):
        s = float(record.assigned[str(w)])
        assert (d.saturation == s).all()
        assert (d.arm == "treated").sum() == int(s * len(d) + 0.5)
    write(tmp_path, uneven.sample(frac=1, random_state=1))
    cli("assign", "users.parquet", "-c", "workspace", *args)
    again = pd.read_parquet(tmp_path / "arms.parquet")
    assert again.set_index("user").arm.sort_index().equals(arms.set_index("user").arm.sort_index())


@pytest.mark.usefixtures("uneven")
@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--rule", "matched_pairs", "--no-size"], "names of covariates"),
        (["--rule", "matched_pairs", "--share", "0.3"], "one half"),
        (["--rule", "rerandomized", "--on", "befor"], "Did you mean 'before'?"),
        (["--rule", "rerandomized", "--accept", "0.0001"], "Accept 0.00037 of the draws or more"),
        (["--rule", "saturation", "--saturation", "0", "--saturation", "1"], "Expected --unit and --users"),
        (["--saturation", "0", "--saturation", "2", "--unit", "user", "--users", "u.csv"], "two or more different shares"),
        (["--unit", "user"], "go together"),
        (["--unit", "user", "--users", "users.parquet", "--force"], "is read by this command"),
        (["--arm", "control"], "Expected a name and a weight"),
        (["--arm", "=3"], "Expected a name and a weight"),
        (["--arm", "a=1", "--arm", "a=2"], "the same name"),
        (["--arm", "a=1"], "two or more named arms"),
        (["--rule", "lottery"], "lottery"),
        (["--rule", "complete", "-s", "before"], "more than one stratum"),
    ],
)
def test_rules_that_cannot_be_exit_2_and_write_nothing(cli, tmp_path: Path, args: list[str], words: str):
    before = (tmp_path / "users.parquet").read_bytes()
    ended = cli("assign", "users.parquet", "-c", "workspace", *args)
    assert ended.code == 2
    assert words in ended.err
    assert not (tmp_path / "assignment.json").exists()
    assert (tmp_path / "users.parquet").read_bytes() == before


def test_what_cannot_be_matched_on_is_named(cli, uneven: pd.DataFrame, tmp_path: Path):
    cases = {
        "text": (uneven.assign(x="a"), "Column 'x'"),
        "missing": (uneven.assign(x=uneven.before.where(uneven.workspace != 3)), "missing or infinite for 1 clusters"),
        "infinite": (uneven.assign(x=np.inf), "infinite"),
        "constant": (uneven.assign(x=1.5), "the same in all clusters"),
        "combined": (uneven.assign(x=uneven.groupby("workspace").user.transform("size") * 2.0), "linear combination of 'size'"),
    }
    for f, words in cases.values():
        write(tmp_path, f)
        ended = cli("assign", "users.parquet", "-c", "workspace", "--rule", "matched_pairs", "--on", "x")
        assert ended.code == 2, words
        assert words in ended.err
    write(tmp_path, pd.concat([uneven, uneven.iloc[:1].assign(workspace=5)]))
    ended = cli(
        "assign", "users.parquet", "-c", "workspace", "--saturation", "0", "--saturation", "1", "-u", "user", "--users", "u.csv"
    )
    assert ended.code == 2
    assert "1 users are in more than one cluster" in ended.err
    assert not list(tmp_path.glob("*.json"))


def test_hopeless_draws_are_said_to_be(cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path, frame(4, [1, 2, 300, 400]))
    ended = cli("assign", "users.parquet", "-c", "workspace", "--seed", "1")
    assert "smallest p-value of an exact test is 0.33" in ended.err
    drawn = {seed: cli("assign", "users.parquet", "-c", "workspace", "--seed", seed, "--force").err for seed in range(6)}
    assert any("Drawing again until they look alike breaks the tests" in text for text in drawn.values())


def test_hostile_names_are_names(cli, uneven: pd.DataFrame, tmp_path: Path):
    names = {"workspace": 'select "w"; drop table x --', "before": "größe\n'b'", "user": "arm"}
    f = uneven.rename(columns=names).assign(**{names["workspace"]: ["ws '\"" + str(w) + "\u202e é" for w in uneven.workspace]})
    write(tmp_path, f)
    args = [
        "-c",
        names["workspace"],
        "--on",
        names["before"],
        "--rule",
        "rerandomized",
        "--seed",
        "1",
        "-u",
        "arm",
        "--users",
        "u.parquet",
    ]
    ended = cli("assign", "users.parquet", *args)
    assert ended.code == 0, ended.err
    assert "\u202e" not in ended.out
    record = Assignment.from_json((tmp_path / "assignment.json").read_text(encoding="utf-8"))
    assert record.reproduces()
    assert set(record.assigned) == set(f[names["workspace"]])
    assert list(pd.read_parquet(tmp_path / "u.parquet").columns) == ["arm", names["workspace"], "arm_drawn"]
