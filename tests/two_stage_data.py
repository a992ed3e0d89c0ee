"""Two-stage studies with a known truth: the record of the draw, and rows that follow it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

import honestlift as hl

DESIGN: dict[str, str] = {"unit": "user", "cluster": "workspace", "treatment": "treated"}


def record(clusters: int = 30, saturations: tuple[float, ...] = (0.0, 0.5, 1.0), seed: int = 3) -> hl.Assignment:
    return hl.assign([f"w{i:03d}" for i in range(clusters)], hl.Rule(kind="saturation", saturations=saturations), seed=seed)


def rows(
    drawn: hl.Assignment, size: int = 20, *, direct: float = 1.0, spill: float = 0.8, seed: int = 0, between: float = 0.3
) -> pd.DataFrame:
    """Outcomes 5 + direct·own + spill·(share of the colleagues treated) + noise of workspace and user."""
    rng = np.random.default_rng(seed)
    made: list[dict[str, Any]] = []
    users = {w: [f"{w}-{i}" for i in range(size)] for w in drawn.assigned}
    for w, on in hl.treated_users(drawn, users).items():
        base, share = 5 + rng.normal(0, between), sum(on) / len(on)
        for name, mine in zip(users[w], on, strict=True):
            y = base + direct * mine + spill * share + rng.normal(0, 0.5)
            made.append({"user": name, "workspace": w, "treated": int(mine), "minutes": y})
    return pd.DataFrame(made)


def answer(data: Any, drawn: hl.Assignment, metrics: Any = "minutes", **options: Any) -> hl.Lift:
    design = hl.ClusterDesign(**{**DESIGN, **options.pop("design", {})}, assignment=drawn)
    return hl.analyze(data, design, metrics, bootstrap=0, **options)
