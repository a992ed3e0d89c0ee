"""lock: the question is dated once; what changes it later, or came too late, is said."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from honestlift import __version__
from honestlift.plan import read_plan

PLAN = """\
# A comment.
name: Small
data: rows.csv
unit: user
design: {kind: cluster, cluster: ws, treatment: d}
metrics: [y]
bootstrap: 0
"""
OPT_IN = "data: rows.csv\nunit: user\ndesign: {kind: opt_in, treatment: d}\nmetrics: [y]\ncovariates: [x]\nbootstrap: 0\n"
ROWS = "user,ws,d,y,x\n" + "".join(f"{i},{i // 4},{i // 4 % 2},{(i * 37 % 11) + 3 * (i // 4 % 2)},{i % 3}\n" for i in range(48))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("rows.csv").write_text(ROWS, encoding="utf-8")
    Path("plan.yaml").write_text(PLAN, encoding="utf-8")
    return tmp_path


def kept(name: str = "plan.lock.json") -> dict[str, object]:
    return json.loads(Path(name).read_text(encoding="utf-8"))


def provenance(cli, *args: str) -> tuple[dict[str, object], str]:
    ended = cli("run", "plan.yaml", "--json", "--quiet", *args)
    assert ended.code == 0, ended.err
    return json.loads(ended.out)["provenance"], ended.err


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("text", [PLAN, OPT_IN], ids=["cluster", "opt_in"])
def test_the_file_holds_hash_time_and_version_and_the_result_bears_the_time(cli, text: str):
    Path("plan.yaml").write_text(text, encoding="utf-8")
    Path("rows.csv").rename("away.csv")  # no data are read
    before = datetime.now(UTC).replace(microsecond=0)
    ended = cli("lock")
    assert ended.code == 0
    values = kept()
    assert list(values)[:4] == ["schema_version", "plan_sha256", "locked", "honestlift_version"]
    assert (values["schema_version"], values["honestlift_version"]) == (1, __version__)
    assert values["plan_sha256"] == read_plan("plan.yaml").study.sha256()
    time = datetime.fromisoformat(str(values["locked"]))
    assert before <= time <= datetime.now(UTC)
    assert time.utcoffset().total_seconds() == 0  # pyright: ignore[reportOptionalMemberAccess]
    Path("away.csv").rename("rows.csv")
    found, said = provenance(cli)
    assert (found["locked"], said) == (values["locked"], "")
    assert found["plan_sha256"] == values["plan_sha256"]
    assert "locked_after_result" not in found


@pytest.mark.usefixtures("folder")
def test_without_a_lock_the_result_is_not_locked(cli):
    assert provenance(cli)[0]["locked"] is None


@pytest.mark.usefixtures("folder")
def test_another_wording_of_the_same_question_stays_locked(cli):
    assert cli("lock").code == 0
    lines = PLAN.replace("# A comment.", "# Another.").splitlines()
    Path("plan.yaml").write_text("\n".join([*reversed(lines)]) + "\n", encoding="utf-8")
    assert provenance(cli)[0]["locked"] == kept()["locked"]
    assert provenance(cli, "--exact-duplicates")[0]["locked"] == kept()["locked"]


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("changed", ["metrics: [x]", "metrics: [{column: y, better: lower}]"])
def test_a_changed_question_is_not_locked_and_this_is_said(cli, changed: str):
    cli("lock")
    Path("plan.yaml").write_text(PLAN.replace("metrics: [y]", changed), encoding="utf-8")
    found, said = provenance(cli)
    assert found["locked"] is None
    assert "plan.yaml has changed since it was locked on " in said
    refused = cli("lock")
    assert refused.code == 2
    assert "has changed since it was locked" in refused.err
    assert "--again" in refused.err
    first = kept()["locked"]
    assert cli("lock", "--again").code == 0
    assert kept()["earlier"] == [first]
    assert provenance(cli)[0]["locked"] == kept()["locked"]


@pytest.mark.usefixtures("folder")
def test_a_lock_of_the_same_question_keeps_its_time(cli):
    cli("lock")
    before = Path("plan.lock.json").read_bytes()
    again = cli("lock")
    assert (again.code, "is unchanged" in again.out) == (0, True)
    assert Path("plan.lock.json").read_bytes() == before


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("result", ["same", "earlier", "unreadable"])
def test_after_a_result_locking_is_refused_and_with_again_the_next_result_says_so(cli, result: str):
    cli("run", "--quiet")
    if result == "earlier":
        Path("plan.yaml").write_text(PLAN.replace("metrics: [y]", "metrics: [x]"), encoding="utf-8")
    if result == "unreadable":
        Path("result.json").write_text("{}", encoding="utf-8")
    refused = cli("lock")
    assert refused.code == 2
    assert "locking after the fact is no lock" in refused.err
    assert not Path("plan.lock.json").exists()
    ended = cli("lock", "--again")
    assert ended.code == 0
    assert "the result of the next run will say so" in ended.err
    found, said = provenance(cli)
    assert (found["locked"], found["locked_after_result"]) == (kept()["locked"], True)
    assert "locking after the fact is no lock" in said


@pytest.mark.usefixtures("folder")
def test_a_result_of_another_study_does_not_stand_in_the_way(cli):
    cli("run", "--quiet")
    Path("plan.yaml").write_text(PLAN.replace("name: Small", "name: Other"), encoding="utf-8")
    assert cli("lock").code == 0
    assert kept()["after_result"] is False


@pytest.mark.usefixtures("folder")
def test_a_lock_before_its_result_stays_whole(cli):
    cli("lock")
    cli("run", "--quiet")
    assert cli("lock").code == 0
    assert json.loads(Path("result.json").read_text(encoding="utf-8"))["provenance"]["locked"] == kept()["locked"]
    assert "locked since" in cli("run", "--quiet").out


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"schema_version": 2}',
        '{"schema_version": 1, "plan_sha256": "a", "locked": "x", "honestlift_version": "0"}',
    ],
)
def test_a_file_that_is_no_lock_stops_run_and_lock(cli, text: str):
    Path("plan.lock.json").write_text(text, encoding="utf-8")
    for command in (("run",), ("lock",), ("lock", "--again")):
        ended = cli(*command)
        assert ended.code == 2
        assert "plan.lock.json' is no lock of a plan" in ended.err
    assert not Path("result.json").exists()


@pytest.mark.usefixtures("folder")
def test_another_plan_has_another_lock(cli):
    Path("other.yaml").write_text(PLAN, encoding="utf-8")
    cli("lock", "other.yaml")
    assert kept("other.lock.json")["plan_sha256"]
    assert provenance(cli)[0]["locked"] is None


@pytest.mark.usefixtures("folder")
def test_a_plan_that_cannot_be_read_is_not_locked(cli):
    Path("plan.yaml").write_text("data: rows.csv\n", encoding="utf-8")
    assert cli("lock").code == 2
    assert not Path("plan.lock.json").exists()
