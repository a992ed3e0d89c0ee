"""The command: a page from result.json, and run writes it too."""

from __future__ import annotations

from pathlib import Path

import pytest

from honestlift.cli.report import page_path, read_result
from honestlift.errors import ReportError
from honestlift.report.html import report_html
from pages import call, exposed, plain
from studies import frame

PLAN = """\
data: users.parquet
unit: user
design: {kind: cluster, cluster: workspace, treatment: treated}
metrics: [minutes]
bootstrap: 0
"""


def test_report_beside_the_result(tmp_path: Path):
    (tmp_path / "result.json").write_text(exposed().to_json(), encoding="utf-8")
    done = call("report", cwd=tmp_path)
    assert done.returncode == 0
    assert done.stdout == ""
    assert "report.html" in done.stderr
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == report_html(exposed())
    assert call("report", "result.json", "--out", "sub/other.html", "-q", cwd=tmp_path).stderr == ""
    assert (tmp_path / "sub" / "other.html").exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("no json", "is no result"),
        ("[]", "keys are not those"),
        ("{}", "schema version None"),
        ('{"schema_version": 1}', "keys are not those"),
        (plain().to_json().replace('"schema_version": 1', '"schema_version": 99'), "schema version 99"),
    ],
)
def test_what_is_no_result_is_said(text: str, message: str, tmp_path: Path):
    (tmp_path / "result.json").write_text(text, encoding="utf-8")
    with pytest.raises(ReportError, match=message):
        read_result(tmp_path / "result.json")


def test_no_file(tmp_path: Path):
    done = call("report", "nowhere.json", cwd=tmp_path)
    assert (done.returncode, "There is no result at 'nowhere.json'" in done.stderr) == (2, True)


def test_run_writes_the_page_beside_the_result(tmp_path: Path):
    frame(20, 20).to_parquet(tmp_path / "users.parquet")
    (tmp_path / "plan.yaml").write_text(PLAN)
    done = call("run", "plan.yaml", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "report.html").read_bytes()
    assert call("report", "result.json", "--out", "again.html", cwd=tmp_path).returncode == 0
    assert (tmp_path / "again.html").read_bytes() == page
    assert "the page in report.html" in done.stderr


def test_json_alone_makes_no_page(tmp_path: Path):
    frame(20, 20).to_parquet(tmp_path / "users.parquet")
    (tmp_path / "plan.yaml").write_text(PLAN)
    assert call("run", "plan.yaml", "--json", cwd=tmp_path).returncode == 0
    assert sorted(p.name for p in tmp_path.iterdir()) == ["plan.yaml", "users.parquet"]


def test_the_page_never_takes_the_place_of_the_result():
    assert page_path(Path("a/result.json")) == Path("a/report.html")
    assert page_path(Path("a/mine.json")) == Path("a/mine.html")
    assert page_path(Path("a/mine.html")) == Path("a/mine.html.html")
