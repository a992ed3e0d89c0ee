"""The outside answers of tests/oracles, and sums per cluster made from rows. A missing file is an error, never a skip."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from honestlift.moments.cluster import ClusterMoments

FOLDER = Path(__file__).parent / "oracles"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trial:
    """The rows of a cluster-randomized data set and the outside answers for it."""

    cluster: NDArray[np.int64]
    stratum: NDArray[np.int64]
    treated: NDArray[np.float64]
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    answers: dict[str, Any]

    def design(self, *columns: NDArray[np.float64]) -> NDArray[np.float64]:
        """Intercept, arm and further columns, (N, k)."""
        return np.column_stack([np.ones_like(self.y), self.treated, *columns])


def trial(name: str) -> Trial:
    """``crt10`` or ``crt50``."""
    rows = np.genfromtxt(FOLDER / f"{name}.csv", delimiter=",", names=True)
    answers = json.loads((FOLDER / "cluster.json").read_text(encoding="utf-8"))[name]
    return Trial(
        cluster=rows["ws"].astype(np.int64),
        stratum=rows["stratum"].astype(np.int64),
        treated=rows["d"],
        x=rows["x"],
        y=rows["y"],
        answers=answers,
    )


def moments_of_rows(
    cluster: ArrayLike, design: NDArray[np.float64], y: ArrayLike, *, origin: float | None = None, names: tuple[str, ...] = ()
) -> ClusterMoments:
    """Cross-products per cluster, one cluster at a time from its rows; about the mean of y unless an origin is given."""
    groups = np.asarray(cluster)
    outcome = np.asarray(y, dtype=np.float64)
    about = float(outcome.mean()) if origin is None else origin
    parts = [(design[groups == g], outcome[groups == g] - about) for g in np.unique(groups)]
    return ClusterMoments(
        names=names or ("intercept", "treated", "x", "z", "w")[: design.shape[1]],
        A=np.stack([x.T @ x for x, _ in parts]),
        b=np.stack([x.T @ v for x, v in parts]),
        c=np.array([v @ v for _, v in parts]),
        n=np.array([float(v.size) for _, v in parts]),
        origin=about,
    )


SIX_ROWS = {
    "cluster": np.array([0, 0, 1, 2, 2, 3]),
    "treated": np.array([0.0, 0.0, 0.0, 1.0, 1.0, 1.0]),
    "y": np.array([1.0, 3.0, 2.0, 4.0, 6.0, 8.0]),
}
"""Four clusters of 2, 1, 2, 1 rows. Means 2 and 6; residual sums per cluster 0, 0, −2, 2; N = 3 in each arm."""


def six_rows() -> ClusterMoments:
    """Sums of ``SIX_ROWS`` for y ~ 1 + treated."""
    design = np.column_stack([np.ones(6), SIX_ROWS["treated"]])
    return moments_of_rows(SIX_ROWS["cluster"], design, SIX_ROWS["y"])


def random_trial(
    seed: int, clusters: int = 8, columns: int = 3
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Cluster, design (intercept, arm, further columns) and outcome of a made-up trial with clusters of 2 to 6 rows."""
    rng = np.random.default_rng(seed)
    cluster = np.repeat(np.arange(clusters), rng.integers(2, 7, clusters))
    arm = rng.permutation(np.arange(clusters) % 2)[cluster].astype(np.float64)
    design = np.column_stack([np.ones(cluster.size), arm, rng.normal(size=(cluster.size, columns - 2))])
    y = 3 + 0.5 * arm + rng.normal(size=clusters)[cluster] + rng.normal(size=cluster.size)
    return cluster, design, y
