"""Four tables of one study, and the plan that joins them."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

START = datetime(2026, 1, 1)

PLAN = """\
name: Three tables
data: users.parquet
unit: user_id
assignment_table: {data: assignment_table.parquet, cluster: workspace_id, time: assigned_at, joined: joined_at, moves: first}
exposure_table: {data: exposure_table.parquet, unit: user_id, time: seen_at}
events:
  data: events.parquet
  unit: user_id
  time: at
  until: 2026-03-25
  columns:
    - {name: clicks, window: 2w}
design:
  kind: cluster
  cluster: workspace_id
  treatment: {column: arm, treated: "on", control: "off"}
metrics:
  - {column: minutes, window: 14d, pre_window: 28d}
  - {column: minutes, name: All minutes, window: all}
  - {name: Per click, kind: ratio, numerator: minutes, denominator: weight, window: 7d}
  - clicks
bootstrap: 0
"""


def world(seed: int = 1, users: int = 400, clusters: int = 12, events: int = 4000) -> dict[str, pl.DataFrame]:
    """Users of whom some join late, events of whom some are of nobody, all on a clock of whole hours."""
    rng = np.random.default_rng(seed)

    def clock(low: int, high: int, size: int) -> list[datetime]:
        return [START + timedelta(hours=int(h)) for h in rng.integers(low, high, size)]

    ids = np.arange(users) * 7 + 3
    return {
        "users": pl.DataFrame(
            {
                "user_id": ids,
                "workspace_id": [f"w{i}" for i in rng.integers(0, clusters, users)],
                "joined_at": clock(0, 24 * 40, users),
                "tier": rng.integers(0, 3, users),
            }
        ),
        "assignment_table": pl.DataFrame(
            {
                "workspace_id": [f"w{i}" for i in range(clusters)],
                "arm": ["on" if i % 2 else "off" for i in range(clusters)],
                "assigned_at": [START + timedelta(days=25, hours=i) for i in range(clusters)],
            }
        ),
        "exposure_table": pl.DataFrame({"user_id": rng.choice(ids, 900), "seen_at": clock(24 * 20, 24 * 50, 900)}),
        "events": pl.DataFrame(
            {
                "user_id": rng.choice(np.append(ids, [1, 2]), events),
                "at": clock(0, 24 * 80, events),
                "minutes": rng.exponential(3, events),
            }
        ),
    }


def written(folder: Path) -> Path:
    """The tables as files, and the plan beside them."""
    for name, table in world().items():
        rows = table.with_columns(pl.lit(1.0).alias("weight")) if name == "events" else table
        rows.write_parquet(folder / f"{name}.parquet")
    (folder / "plan.yaml").write_text(PLAN)
    return folder
