"""Spark alone: tables by name, and an executor that is killed in the middle of a study."""

from __future__ import annotations

import os
import signal
import threading
import time

import psutil
import pyarrow.parquet as pq
import pytest

import honestlift as hl
from engines.test_engines import DESIGN, METRICS, answer, rows
from honestlift.cli.run import open_data
from honestlift.errors import SourceError
from honestlift.plan import read_plan

pytestmark = [pytest.mark.engine, pytest.mark.filterwarnings("ignore")]


def executors() -> list[psutil.Process]:
    found = psutil.Process().children(recursive=True)
    return [p for p in found if p.status() != psutil.STATUS_ZOMBIE and "CoarseGrainedExecutorBackend" in " ".join(p.cmdline())]


def test_a_table_by_name(spark):
    spark.createDataFrame([(1, "a")], "id int, t string").createOrReplaceTempView("users_named")
    assert hl.connect(spark, table="users_named").columns == ("id", "t")
    with pytest.raises(SourceError):
        hl.connect(spark, table="users_named; DROP TABLE users_named")
    with pytest.raises(SourceError):
        hl.connect(spark, table="no_such_table")
    assert hl.connect(spark, table="users_named").engine == "spark"


def test_a_plan_names_a_table(spark, tmp_path):
    pq.write_table(rows(), str(tmp_path / "rows.parquet"))
    spark.read.parquet(str(tmp_path / "rows.parquet")).createOrReplaceTempView("planned")
    text = "data: {spark: planned}\nunit: user\ndesign: {kind: cluster, cluster: tier, treatment: treated}\nmetrics: [minutes]\n"
    (tmp_path / "plan.yaml").write_text(text, encoding="utf-8")
    source = open_data(read_plan(tmp_path / "plan.yaml").data)
    assert (source.engine, source.columns) == ("spark", tuple(rows().column_names))


def test_an_executor_killed_in_mid_run(spark, tmp_path):
    path = str(tmp_path / "rows.parquet")
    pq.write_table(rows(), path)
    before = {p.pid for p in executors()}
    assert len(before) == 2
    victim = min(before)
    killer = threading.Timer(0.5, os.kill, (victim, signal.SIGKILL))
    killer.start()
    lift = hl.analyze(spark.read.parquet(path).repartition(8), DESIGN, METRICS, covariates=["before"], seed=3)
    killer.join()
    assert answer(lift) == answer(hl.analyze(rows(), DESIGN, METRICS, covariates=["before"], seed=3))
    deadline = time.monotonic() + 30
    while len(alive := {p.pid for p in executors()}) < 2 and time.monotonic() < deadline:
        time.sleep(0.2)
    assert victim not in alive
