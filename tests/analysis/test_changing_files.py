"""Files that are written anew, cut short or removed while a study reads them: an error that says so, and no number."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pytest

import honestlift as hl
from honestlift.errors import SourceError
from honestlift.moments import scan
from honestlift.plan import read_plan
from joined_data import written
from studies import DESIGN, frame

STUDY = hl.Study(design=hl.ClusterDesign(**DESIGN), metrics=(hl.Mean("minutes"), hl.Quantile("minutes", 0.5)), bootstrap=0)


def written_anew(path: Path) -> None:
    """As many rows, of other values."""
    rows = pd.read_parquet(path)
    rows.assign(**{rows.columns[-1]: rows[rows.columns[-1]] * 1.5}).to_parquet(path)


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def meanwhile(monkeypatch: pytest.MonkeyPatch, number: int, happen: Callable[[], object]) -> None:
    """Let something happen before a scan."""
    scans, fetched = [0], scan.fetched

    def counted(rows: Any) -> Any:
        scans[0] += 1
        _ = happen() if scans[0] == number else None
        return fetched(rows)

    monkeypatch.setattr(scan, "fetched", counted)


@pytest.mark.parametrize("number", [2, 4, 6])
@pytest.mark.parametrize(
    ("happens", "words"),
    [
        (written_anew, "The rows changed between two scans"),
        (cut_short, "The engine stopped"),
        (Path.unlink, "The engine stopped"),
    ],
)
@pytest.mark.parametrize("ask", [hl.run, hl.collect_moments])
def test_rows_that_change_between_two_scans(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, happens: Any, words: str, ask: Any
) -> None:
    path = tmp_path / "rows.parquet"
    frame().to_parquet(path)
    study = STUDY if ask is hl.run else hl.Study(design=STUDY.design, metrics=STUDY.metrics[:1], bootstrap=0)
    meanwhile(monkeypatch, number if ask is hl.run else 2, lambda: happens(path))
    with pytest.raises(SourceError, match=words):
        ask(str(path), study)


def test_a_file_in_a_folder_of_a_partition(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for workspace, rows in frame().groupby("workspace"):
        (tmp_path / f"workspace={workspace}").mkdir()
        rows.drop(columns=["workspace"]).to_parquet(tmp_path / f"workspace={workspace}" / "rows.parquet")
    meanwhile(monkeypatch, 4, lambda: written_anew(tmp_path / "workspace=7" / "rows.parquet"))
    with pytest.raises(SourceError, match="The rows changed between two scans"):
        hl.run(tmp_path, STUDY)


def test_events_that_change_while_tables_are_joined(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = read_plan(written(tmp_path) / "plan.yaml").study
    data = {name: str(tmp_path / f"{name}.parquet") for name in ("users", "assignment_table", "exposure_table", "events")}
    events = tmp_path / "events.parquet"
    meanwhile(monkeypatch, 6, lambda: pl.read_parquet(events).with_columns(pl.col("minutes") * 2).write_parquet(events))
    with pytest.raises(SourceError, match="The rows changed between two scans"):
        hl.run(data, plan)


def test_rows_that_were_written_before_the_study_are_read(tmp_path: Path) -> None:
    """A Source may outlive its file: what counts is what happens during a run."""
    path = tmp_path / "rows.parquet"
    frame().to_parquet(path)
    source = hl.connect(str(path))
    first = hl.run(source, STUDY).headline().estimate
    frame(seed=1).to_parquet(path)
    assert hl.run(source, STUDY).headline().estimate != first
