"""Spark alone: tables by name, plans that adapt or are cut, and executors that are killed in the middle of a study."""

from __future__ import annotations

import os
import signal
import threading
import time
from typing import Any

import psutil
import pyarrow.parquet as pq
import pytest

import honestlift as hl
from engines import test_tables as tables
from engines.test_engines import DESIGN, METRICS, answer, rows
from honestlift.analysis.joining import rows_of
from honestlift.cli.run import open_data
from honestlift.errors import SourceError
from honestlift.moments.scan import collect
from honestlift.plan import read_plan
from honestlift.source import spark as source_spark

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


@pytest.fixture
def joined(spark: Any, tmp_path: Any) -> dict[str, Any]:
    """The hostile tables, in Spark."""
    found = tables.hostile()
    for name, table in found.items():
        pq.write_table(table, str(tmp_path / f"{name}.parquet"), row_group_size=500)
    return {name: spark.read.parquet(str(tmp_path / f"{name}.parquet")).repartition(3) for name in found}


def test_plans_that_adapt_as_they_run(spark, joined, tmp_path):
    """As Spark does unless it is told not to, with more partitions than there is work for: the same bytes."""
    pq.write_table(rows(), str(tmp_path / "rows.parquet"))
    spark.conf.set("spark.sql.adaptive.enabled", "true")
    spark.conf.set("spark.sql.shuffle.partitions", "7")
    try:
        assert tables.answer(joined, tables.STUDY) == tables.answer(tables.hostile(), tables.STUDY)
        lift = hl.analyze(spark.read.parquet(str(tmp_path / "rows.parquet")), DESIGN, METRICS, seed=3)
        assert answer(lift) == answer(hl.analyze(rows(), DESIGN, METRICS, seed=3))
    finally:
        spark.conf.set("spark.sql.adaptive.enabled", "false")
        spark.conf.set("spark.sql.shuffle.partitions", "2")


def test_joined_rows_do_not_carry_the_plan_that_joined_them_and_are_made_again(joined):
    """What is asked of them reads rows, and joins nothing; when all executors die, with what they held, the rows are the same."""
    made: Any = rows_of(joined, tables.STUDY)
    assert "Join" not in made.rows._jdf.queryExecution().toString()

    def read() -> list[str]:
        return sorted(map(str, collect(made.everything()).to_pylist()))

    before, victims = read(), executors()
    assert len(before) > 300
    assert len(victims) == 2
    for victim in victims:
        victim.kill()
    assert read() == before
    assert not {p.pid for p in victims} & {p.pid for p in executors()}


def test_a_cluster_that_hides_its_insides_keeps_the_plan():
    class Hidden:
        @property
        def sparkSession(self) -> Any:  # noqa: N802
            from pyspark.errors import PySparkAttributeError

            raise PySparkAttributeError(errorClass="JVM_ATTRIBUTE_NOT_SUPPORTED", messageParameters={"attr_name": "_jdf"})

    rows = Hidden()
    assert source_spark._by_stages(rows) is rows
