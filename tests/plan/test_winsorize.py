"""The key `winsorize` of a metric: read, written, refused."""

from __future__ import annotations

from pathlib import Path

import pytest

import honestlift as hl
from honestlift.errors import PlanError
from honestlift.plan.read import read_plan
from honestlift.plan.write import plan_text

PLAN = """\
data: users.parquet
unit: user
design: {{kind: {kind}, cluster: workspace, treatment: treated}}
metrics:
  - {{column: minutes, pre: before, winsorize: {value}}}
covariates: [tier]
"""


def _read(folder: Path, value: str, kind: str = "cluster") -> hl.Study:
    (folder / "plan.yaml").write_text(PLAN.format(value=value, kind=kind), encoding="utf-8")
    return read_plan(folder / "plan.yaml").study


@pytest.mark.parametrize(
    ("text", "value"),
    [("0.99", 0.99), ("{above: 120}", hl.Winsorize(above=120)), ("{above: 1.5, below: 0}", hl.Winsorize(above=1.5, below=0))],
)
def test_it_is_read_and_written(tmp_path: Path, text: str, value: object) -> None:
    study = _read(tmp_path, text)
    assert study.metrics[0].winsorize == value
    plan = read_plan(tmp_path / "plan.yaml")
    (tmp_path / "again.yaml").write_text(plan_text(plan.study, plan.data, tmp_path), encoding="utf-8")
    assert read_plan(tmp_path / "again.yaml").study == study


@pytest.mark.parametrize("text", ["1.0", "0.2", "{above: x}", "{top: 3}", "{}", "{above: 1, below: 2}", '"0.99"', "[0.1, 0.9]"])
def test_it_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(PlanError, match=r"winsorize|top"):
        _read(tmp_path, text)


def test_an_opt_in_study_has_none(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="only the metrics of cluster studies"):
        _read(tmp_path, "0.99", "opt_in")
