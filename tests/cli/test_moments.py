"""run --save-moments and --moments: the same bytes, files of their own, and what cannot be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import honestlift as hl


def numbers(path: Path) -> dict[str, Any]:
    values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    del values["provenance"]["started"], values["provenance"]["seconds"]
    return values


def test_the_published_study_from_its_sums(cli, study: Path):
    assert cli("run", "plan.yaml", "--out", "rows.json").code == 0
    ended = cli("run", "plan.yaml", "--save-moments", "moments.parquet", "--out", "kept.json")
    assert ended.code == 0
    assert "Sketching the users …" in ended.err
    (study / "users.parquet").unlink()  # the rows are not needed any more
    ended = cli("run", "plan.yaml", "--moments", "moments.parquet", "--out", "sums.json")
    assert (ended.code, ended.err.splitlines()[0]) == (0, "Reading the sums …")
    assert numbers(study / "rows.json") == numbers(study / "kept.json") == numbers(study / "sums.json")
    assert "stored_moments" not in (study / "sums.json").read_text(encoding="utf-8")


def test_shards_are_added(cli, study: Path):
    plan = (study / "plan.yaml").read_text(encoding="utf-8")
    users = hl.connect("users.parquet").relation
    for i in range(2):
        users.filter(f"user_id % 2 = {i}").write_parquet(f"half{i}.parquet")
        (study / f"half{i}.yaml").write_text(plan.replace("users.parquet", f"half{i}.parquet"), encoding="utf-8")
        assert cli("run", f"half{i}.yaml", "--save-moments", f"sums{i}.parquet", "--json").code == 0
    assert cli("run", "plan.yaml", "--moments", "sums*.parquet", "-q").code == 0
    result = numbers(study / "result.json")
    assert result["data"]["n_units"] == 50_000
    assert "outcome_density" in result["tables"]
    page = (study / "report.html").read_text(encoding="utf-8")
    assert "The sums of 2 files were added; of one user in 8, none stands in two of them." in page
    ended = cli("run", "plan.yaml", "--moments", "sums0.parquet", "--moments", "sums0.parquet", "--json")
    assert json.loads(ended.out)["data"]["n_units"] == 25_000


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--moments", "m.parquet", "--save-moments", "n.parquet"], "Expected one of the two"),
        (["--moments", "none.parquet"], "There is no file of sums at 'none.parquet'"),
        (["--moments", "users.parquet"], "it has no column 'layout'"),
        (["--save-moments", "users.parquet"], "would be replaced"),
        (["--moments", "m.parquet", "--out", "m.parquet"], "would be replaced"),
    ],
)
def test_what_cannot_be(cli, study: Path, options: list[str], words: str):
    ended = cli("run", "plan.yaml", *options)
    assert ended.code == 2
    assert words in ended.err
    assert sorted(p.name for p in study.iterdir()) == ["plan.yaml", "users.parquet"]
