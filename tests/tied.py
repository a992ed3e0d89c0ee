"""Studies with a collaboration graph, small enough for brute force."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

import honestlift as hl
from honestlift.estimators.exposure.people import People


@lru_cache(maxsize=8)
def world(
    users: int = 1_200, workspaces: int = 24, seed: int = 1, response: str = "any"
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, float]]:
    """Users, edges and truth; the arms drawn at random."""
    record = hl.assign([str(g) for g in range(workspaces)], hl.Rule(), seed=seed)
    made = hl.simulate.collaboration_graph(users, seed, workspaces=workspaces, response=response, assignment=record)  # pyright: ignore[reportArgumentType]
    assert made.edges is not None
    return made.table.to_pandas(), made.edges.to_pandas(), dict(made.truth)


def graph_exposure(edges: Any, **options: Any) -> hl.Exposure:
    """Edges with the simulation's columns."""
    return hl.Exposure(edges=hl.Edges(data=edges, source="source", target="target"), **options)


def graph_study(exposure: hl.Exposure, *, pre: str | None = None, **options: Any) -> hl.Study:
    """A study of the simulation's columns."""
    own = {k: options.pop(k) for k in ("strata", "assignment") if k in options}
    design = hl.ClusterDesign(unit="user_id", cluster="workspace_id", treatment="treated", exposure=exposure, **own)
    return hl.Study(design=design, metrics=(hl.Mean("session_minutes", pre=pre),), bootstrap=0, **options)


@lru_cache(maxsize=8)
def answered(seed: int = 1, headline: str = "itt", pre: str | None = None) -> hl.Lift:
    """The result of one simulated study."""
    users, edges, _ = world(seed=seed)
    return hl.run(users, graph_study(graph_exposure(edges), pre=pre, headline=headline))


def looped(users: pd.DataFrame, edges: pd.DataFrame) -> pd.DataFrame:
    """By loops: each user's own arm, partner workspaces, exposure by ``any``, and treated fraction; in the order of the ids."""
    home = dict(zip(users.user_id, users.workspace_id, strict=True))
    arm = dict(zip(users.workspace_id, users.treated, strict=True))
    partners: dict[int, set[int]] = {u: set() for u in home}
    for a, b in zip(edges.source, edges.target, strict=True):
        if a in home and b in home and a != b:
            partners[a].add(b)
            partners[b].add(a)
    rows: list[dict[str, Any]] = []
    for u in sorted(home):
        out = [home[v] for v in partners[u] if home[v] != home[u]]
        treated = [arm[w] for w in out]
        rows.append(
            {
                "user_id": u,
                "on": arm[home[u]],
                "degree": len(set(out)),
                "exposed": int(any(treated)),
                "fraction": sum(treated) / len(out) if out else 0.0,
                "alone": all(t == arm[home[u]] for t in treated),
            }
        )
    return pd.DataFrame(rows).merge(users, on="user_id")


def people(
    own: list[int],
    treated: list[int],
    exposed: list[int],
    chance: list[list[float]],
    cell: list[int] | None = None,
    degree: list[int] | None = None,
    fraction: list[float] | None = None,
    alike: list[list[float]] | None = None,
    as_one: list[bool] | None = None,
) -> People:
    """Users by hand."""
    n = len(own)
    on = np.array(treated, dtype=bool)
    return People(
        own=np.array(own, dtype=np.int64),
        clusters=max(own) + 1,
        treated=on,
        level=2 * on.astype(np.int64) + np.array(exposed),
        chance=np.array(chance, dtype=float),
        cell=np.array(cell if cell is not None else [0] * n, dtype=np.int64),
        degree=np.array(degree if degree is not None else [1] * n, dtype=np.int64),
        fraction=np.array(fraction if fraction is not None else exposed, dtype=float),
        dose=np.full((n, 2), 0.5),
        alike=np.array(alike if alike is not None else [[0.25, 0.25]] * n, dtype=float),
        as_one=np.array(as_one if as_one is not None else [True] * n, dtype=bool),
    )
