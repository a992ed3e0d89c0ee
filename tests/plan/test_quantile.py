"""A metric of `kind: quantile`: read, written, refused."""

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
  - {metric}
covariates: [tier]
"""


def _read(folder: Path, metric: str, kind: str = "cluster") -> hl.Study:
    (folder / "plan.yaml").write_text(PLAN.format(metric=metric, kind=kind), encoding="utf-8")
    return read_plan(folder / "plan.yaml").study


def test_it_is_read_and_written(tmp_path: Path) -> None:
    study = _read(tmp_path, "{kind: quantile, column: ms, q: 0.9, better: lower, role: guardrail, margin: 0.1, pre: before}")
    assert study.metrics == (hl.Quantile("ms", 0.9, better="lower", role="guardrail", margin=0.1, pre="before"),)
    plan = read_plan(tmp_path / "plan.yaml")
    (tmp_path / "again.yaml").write_text(plan_text(plan.study, plan.data, tmp_path), encoding="utf-8")
    assert read_plan(tmp_path / "again.yaml").study == study


@pytest.mark.parametrize(
    ("metric", "said"),
    [
        ("{kind: quantile, column: ms}", r"metrics\[0\]\.q' is missing"),
        ("{kind: quantile, column: ms, q: 90}", "less than 1"),
        ("{kind: quantile, column: ms, q: 0}", "more than 0"),
        ("{column: ms, q: 0.9}", "in a metric of `kind: quantile`"),
        ("{kind: quantile, column: ms, q: 0.5, winsorize: 0.9}", "in a mean of a cluster study"),
    ],
)
def test_it_is_refused(tmp_path: Path, metric: str, said: str) -> None:
    with pytest.raises(PlanError, match=said):
        _read(tmp_path, metric)


def test_an_opt_in_study_has_none(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="metrics"):
        _read(tmp_path, "{kind: quantile, column: ms, q: 0.5}", "opt_in")
