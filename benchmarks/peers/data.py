"""The made-up users that both sides work on, as parquet files: in workspaces, or free to choose; the same bytes every time."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

FOLDER = Path(__file__).parents[1] / "data"
SEED = 20261126
WARM_ROWS, WARM_WORKSPACES = 2_000, 20

Kind = Literal["workspaces", "choosers", "tied"]


def make(kind: Kind, rows: int, workspaces: int = 0, folder: Path = FOLDER) -> Path:
    """The file of so many users, made where it is not there."""
    path = folder / f"peers-{kind}-{rows}-{workspaces}.parquet"
    if not path.exists():
        folder.mkdir(exist_ok=True, parents=True)
        table = in_workspaces(rows, workspaces) if kind == "workspaces" else choosers(rows, tied=kind == "tied")
        pq.write_table(table, path)
    return path


def make_warm(kind: Kind, folder: Path = FOLDER) -> Path:
    """A small file of the same kind, on which both sides warm up."""
    return make(kind, WARM_ROWS, WARM_WORKSPACES if kind == "workspaces" else 0, folder)


def in_workspaces(rows: int, workspaces: int) -> pa.Table:
    """Users in random order, in workspaces of unequal size that were randomized half and half; three covariates."""
    rng = np.random.default_rng(SEED)
    workspace = rng.choice(workspaces, rows, p=rng.dirichlet(np.full(workspaces, 3.0)))
    arm = rng.permutation(np.arange(workspaces) % 2)[workspace]
    x = rng.normal(size=(rows, 3)) + rng.normal(0, 0.3, (workspaces, 3))[workspace]
    noise = rng.normal(0, 0.2, workspaces)[workspace] + rng.normal(size=rows)
    y = 5 + 0.05 * arm + 0.3 * x[:, 0] - 0.2 * x[:, 1] + 0.1 * x[:, 2] + noise
    return pa.table({"user_id": np.arange(rows), "workspace_id": workspace, "treated": arm, "y": y, **_columns(x)})


def choosers(rows: int, *, tied: bool = False) -> pa.Table:
    """Users who choose by three of four covariates, all of which matter; ``tied``: covariates in steps of a half, so that users tie."""
    rng = np.random.default_rng(SEED)
    x = rng.normal(size=(rows, 4))
    x = np.clip(np.round(2 * x) / 2, -2, 2) if tied else x
    e = 1 / (1 + np.exp(1.2 - 0.8 * x[:, 0] - 0.4 * x[:, 1] + 0.3 * x[:, 2]))
    chosen = rng.random(rows) < e
    y = 0.4 + 0.05 * x[:, 0] + 0.08 * chosen + 0.1 * x[:, 3] + rng.normal(size=rows)
    return pa.table({"user_id": np.arange(rows), "opt_in": chosen.astype(np.int8), "y": y, **_columns(x)})


def _columns(x: np.ndarray) -> dict[str, np.ndarray]:
    return {f"x{j + 1}": x[:, j] for j in range(x.shape[1])}
