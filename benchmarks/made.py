"""Files of made-up users, as many as are asked for, kept under benchmarks/data/ (not in the repository)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from honestlift.estimators.propensity import expit

DATA = Path(__file__).parent / "data"
COVARIATES = ("x1", "x2", "x3")
PART = 1_000_000


def workspaces(rows: int, clusters: int, extra: int = 0) -> Path:
    """Users in random order in workspaces of two arms: two outcomes, three covariates, and ``extra`` more outcomes."""

    def parts() -> Iterator[pa.Table]:
        rng = np.random.default_rng(20261123)
        level = rng.normal(0, 0.3, clusters)
        for start in range(0, rows, PART):
            n = min(PART, rows - start)
            workspace = rng.integers(0, clusters, n)
            x = {name: rng.normal(5, 1.4, n) for name in COVARIATES}
            y = 20 + level[workspace] + 0.5 * x["x1"] + 0.05 * (workspace % 2) + rng.normal(size=n)
            columns = {"user_id": np.arange(start, start + n), "workspace_id": workspace, "treated": workspace % 2}
            columns |= {"y": y, "done": (rng.random(n) < 0.3).astype(np.int8), **x}
            yield pa.table(columns | {f"y{i}": rng.normal(5, 1.4, n) for i in range(extra)})

    return _written(f"workspaces-{rows}-{clusters}-{extra}", parts())


def choosers(rows: int) -> Path:
    """Users with four continuous covariates who choose by three of them; 0/1 outcomes."""

    def parts() -> Iterator[pa.Table]:
        for part, start in enumerate(range(0, rows, PART)):
            table = choosing(min(PART, rows - start), seed=part)
            yield table.set_column(0, "user_id", [np.arange(start, start + table.num_rows)])

    return _written(f"choosers-{rows}", parts())


def choosing(rows: int, covariates: int = 4, seed: int = 20261125) -> pa.Table:
    """The same in memory."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, covariates))
    chosen = rng.random(rows) < expit(-1.2 + 0.8 * x[:, 0] + 0.4 * x[:, 1] - 0.3 * x[:, 2])
    y = rng.random(rows) < np.clip(0.4 + 0.05 * x[:, 0] + 0.08 * chosen, 0.01, 0.99)
    columns = {f"x{j + 1}": x[:, j] for j in range(covariates)}
    return pa.table({"user_id": np.arange(rows), **columns, "opt_in": chosen.astype(np.int8), "y": y.astype(np.int8)})


def _written(name: str, parts: Iterator[pa.Table]) -> Path:
    path, unfinished = DATA / f"{name}.parquet", DATA / f"{name}.unfinished"
    if path.exists():
        return path
    DATA.mkdir(exist_ok=True)
    first = next(parts)
    with pq.ParquetWriter(unfinished, first.schema) as writer:
        writer.write_table(first)
        for table in parts:
            writer.write_table(table)
    unfinished.rename(path)
    return path
