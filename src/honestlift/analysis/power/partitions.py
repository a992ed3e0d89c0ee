"""Ways to part users into clusters: each alone, by workspace, workspaces merged along their ties, communities of the graph."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from honestlift.design.collaboration import Collaboration
from honestlift.errors import PlanningError

MOST_MERGED = 1_500
"""Workspaces above which they are not merged: each step looks at every pair."""

MOST_TIES = 2_000_000
"""Ties above which communities are not looked for: the search is serial."""

FEWEST = 6
"""Clusters below which a way to part users is no design."""


def merged(graph: Collaboration, targets: tuple[int, ...]) -> dict[int, NDArray[np.int64]]:
    """Workspaces merged until so many clusters are left, by number of clusters: (N,) index of each user's cluster.

    Each step merges the pair with most tie weight per pair of users, w_gh/(n_g·n_h): merging takes w_gh off what leaks and adds
    2·n_g·n_h to the sum of squared sizes, which precision pays for. Pairs without ties are not merged.
    """
    clusters = graph.workspaces
    wanted = {t for t in targets if FEWEST <= t < clusters}
    if clusters > MOST_MERGED or not wanted:
        return {}
    i, j, w = graph.ties
    g, h = graph.workspace[i], graph.workspace[j]
    tie = np.bincount(np.concatenate([g, h]) * clusters + np.concatenate([h, g]), np.concatenate([w, w]), clusters**2)
    tie = tie.reshape(clusters, clusters).astype(np.float64)
    np.fill_diagonal(tie, 0.0)
    size = np.bincount(graph.workspace).astype(np.float64)
    density = tie / np.outer(size, size)
    into, made = np.arange(clusters), dict[int, NDArray[np.int64]]()
    for left in range(clusters - 1, min(wanted) - 1, -1):
        a, b = divmod(int(np.argmax(density)), clusters)
        if density[a, b] <= 0:
            break
        into[into == b] = a
        tie[a] += tie[b]
        tie[:, a] = tie[a]
        tie[b] = tie[:, b] = 0.0
        tie[a, a] = 0.0
        size[a] += size[b]
        density[b] = density[:, b] = 0.0
        density[a] = density[:, a] = tie[a] / (size[a] * size)
        if left in wanted:
            made[left] = np.unique(into[graph.workspace], return_inverse=True)[1].astype(np.int64)
    return made


def communities(graph: Collaboration, resolution: float, seed: int) -> NDArray[np.int64]:
    """Communities by the method of Louvain (Blondel et al. 2008), (N,) index of each user's; from networkx.

    Users without ties join the community that most users of their workspace are in, or stay with their workspace where it has none.

    Args:
        graph: the collaboration.
        resolution: 1 is modularity; larger values give more and smaller communities (Reichardt & Bornholdt 2006).
        seed: start of the search's own generator.

    Raises:
        PlanningError: if networkx is not installed.
    """
    try:
        networkx: Any = import_module("networkx")
    except ImportError as reason:
        raise PlanningError.no_library() from reason
    i, j, w = graph.ties
    made: Any = networkx.Graph()
    made.add_nodes_from(np.unique(np.concatenate([i, j])).tolist())
    made.add_weighted_edges_from(zip(i.tolist(), j.tolist(), w.tolist(), strict=True))
    found: Any = networkx.community.louvain_communities(made, weight="weight", resolution=resolution, seed=seed)
    label = np.full(graph.users, -1, dtype=np.int64)
    for number, members in enumerate(sorted((sorted(c) for c in found), key=lambda c: c[0])):
        label[np.array(members)] = number
    return _homes(graph, label)


def _homes(graph: Collaboration, label: NDArray[np.int64]) -> NDArray[np.int64]:
    """Users without a community (−1) join the one that most of their workspace is in; the first of several."""
    lost = label < 0
    if not lost.any():
        return np.unique(label, return_inverse=True)[1].astype(np.int64)
    number = int(label.max()) + 1
    pairs, count = np.unique(graph.workspace[~lost] * np.int64(number) + label[~lost], return_counts=True)
    home = number + np.arange(graph.workspaces)
    order = np.lexsort([-pairs, count])  # the largest last, of these the first label
    home[pairs[order] // number] = pairs[order] % number
    filled = np.where(lost, home[graph.workspace], label)
    return np.unique(filled, return_inverse=True)[1].astype(np.int64)
