"""A small cluster experiment that every column of a study can be asked of, and the walk from it to cells."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from honestlift.analysis.reading import Reading, read
from honestlift.design.cluster import ClusterDesign
from honestlift.design.exposure import Exposure
from honestlift.design.metric import Mean
from honestlift.design.study import Study
from honestlift.source.connect import connect


def frame(clusters: int = 10, each: int = 8, seed: int = 3) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    ws = np.repeat(np.arange(clusters), each)
    n = ws.size
    return pd.DataFrame(
        {
            "user_id": np.arange(n),
            "ws": ws,
            "treated": ws % 2,
            "seen": rng.integers(0, 2, n),
            "tier": np.where(rng.random(n) < 0.5, "free", "paid"),
            "used": (rng.random(n) < 0.3).astype(int),
            "before": rng.normal(size=n),
            "placebo": rng.normal(size=n),
            "y": rng.normal(5.0, 1.0, n),
            "z": rng.normal(1.0, 1.0, n),
        }
    )


DESIGN = ClusterDesign(unit="user_id", cluster="ws", treatment="treated")
FULL = ClusterDesign(unit="user_id", cluster="ws", treatment="treated", exposure=Exposure(column="seen"), uptake="used")


def study(design: ClusterDesign = DESIGN, **changes: Any) -> Study:
    return Study(**{"design": design, "metrics": (Mean("y"),), **changes})


def full(**changes: Any) -> Study:
    asked: dict[str, Any] = {
        "metrics": (Mean("y", pre="before"), Mean("z")),
        "covariates": ("tier", "before"),
        "negative_controls": ("placebo",),
    }
    return study(FULL, **{**asked, **changes})


def done(data: Any, asked: Study | None = None) -> Reading:
    return read(connect(data), asked or study(), lambda _: None)


def with_values(column: str, values: Any, at: Any = slice(None), kind: Any = None) -> pd.DataFrame:
    made = frame()
    made[column] = made[column].astype(kind or object)
    made.loc[made.index[at], column] = values
    return made if kind else made.infer_objects()
