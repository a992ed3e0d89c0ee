"""A study on a Spark cluster of two processes against Spark's own bare aggregation of the same rows."""

from __future__ import annotations

from typing import Any

from benchmarks.ladder import CLUSTERS, METRICS
from benchmarks.made import COVARIATES, workspaces
from benchmarks.timing import Result, in_turn

SESSION: list[Any] = []


def session() -> Any:
    """A cluster on this machine's loopback: two executors, in processes of their own."""
    if not SESSION:
        from pyspark.sql import SparkSession

        options = {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1", "spark.ui.enabled": "false"}
        options |= {"spark.executor.memory": "1g"}
        options |= {"spark.sql.session.timeZone": "UTC", "spark.sql.shuffle.partitions": "8"}
        builder = SparkSession.builder.master("local-cluster[2,1,2048]").appName("benchmarks")
        for name, value in options.items():
            builder = builder.config(name, value)
        SESSION.append(builder.getOrCreate())
        SESSION[0].sparkContext.setLogLevel("ERROR")
    return SESSION[0]


def bare(frame: Any) -> Any:
    """The same profile and the same plain sums as in ``ladder``, in Spark's SQL."""
    columns = (*METRICS, *COVARIATES)
    frame.createOrReplaceTempView("users")
    profile = ", ".join(f"count({c}), min({c}), max({c}), sum({c}), sum({c} * {c})" for c in columns)
    session().sql(f"SELECT {profile} FROM users").toArrow()
    pairs = [(a, b) for i, a in enumerate(columns) for b in columns[i:] if {a, b} != set(METRICS)]
    sums = ", ".join([f"sum({c})" for c in columns] + [f"sum({a} * {b})" for a, b in pairs])
    return session().sql(f"SELECT workspace_id, treated, count(*), {sums} FROM users GROUP BY workspace_id, treated").toArrow()


def study(frame: Any) -> Any:
    """The whole study of ``ladder``."""
    import honestlift as hl

    design = hl.ClusterDesign(unit="user_id", cluster="workspace_id", treatment="treated")
    return hl.analyze(frame, design, list(METRICS), covariates=COVARIATES, seed=7)


def cases(runs: int, rows: int) -> list[Result]:
    rows = min(rows, 20_000_000)
    frame = session().read.parquet(str(workspaces(rows, CLUSTERS)))
    mine, theirs, _ = in_turn(lambda: study(frame), lambda: bare(frame), runs=max(1, runs // 2))
    session().stop()
    SESSION.clear()
    allowed = 1.3 * theirs + 5
    return [
        Result(
            case=f"cluster study on Spark, {rows:,} users in {CLUSTERS:,} workspaces, 3 covariates, 2 metrics",
            ours=mine,
            rival=allowed,
            rival_is=f"1.3 × Spark's bare aggregation + bare profile ({theirs:.1f} s) + 5 s",
            ratio=mine / allowed,
            target="ours/rival ≤ 1",
            met=mine <= allowed,
            extra={"bare_seconds": theirs},
        )
    ]
