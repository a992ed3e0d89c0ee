"""What leaks out of a unit, by enumeration and by brute force on the e-mail graph; what a unit costs, against re-drawn arms."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from numpy.typing import NDArray

import honestlift as hl
from email_graph import collaboration
from honestlift.inference.frontier import Ties, leak, precision

V = hl.Variation.of(clusters=42, mean_size=24, icc=0.2, sd=1.5)


def small() -> hl.Collaboration:
    """Eleven users in five workspaces; the last has no ties, one tie is heavy, one stands twice, one is to oneself."""
    return hl.Collaboration(
        workspace=np.array([0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4]),
        source=np.array([0, 1, 2, 3, 5, 7, 8, 9, 4, 4, 1, 6]),
        target=np.array([1, 3, 5, 4, 6, 0, 9, 2, 8, 8, 1, 7]),
        weight=np.array([1.0, 2.0, 1.0, 1.0, 4.0, 1.0, 1.0, 1.0, 0.5, 0.5, 7.0, 2.0]),
    )


def brute(graph: hl.Collaboration, part: NDArray[np.int64], treated: int) -> dict[str, float]:
    """Every assignment of the clusters, user by user and tie by tie, without anything of the code under test."""
    n, clusters = graph.users, int(part.max()) + 1
    weight = np.zeros((n, n))
    for i, j, w in zip(
        graph.source, graph.target, graph.weight if graph.weight is not None else np.ones(graph.source.size), strict=True
    ):
        if i != j:
            weight[i, j] += w
            weight[j, i] += w
    across = sum(weight[i, j] for i in range(n) for j in range(n) if part[i] != part[j])
    own: dict[bool, list[list[float]]] = {True: [[] for _ in range(n)], False: [[] for _ in range(n)]}
    reached: list[list[float]] = [[] for _ in range(n)]
    for chosen in combinations(range(clusters), treated):
        on = np.isin(part, chosen)
        for i in range(n):
            total = weight[i].sum()
            own[bool(on[i])][i].append(weight[i][on].sum() / total if total else 0.0)
            if not on[i]:
                reached[i].append(float((weight[i][on] > 0).any()))
    mean = {arm: float(np.mean([np.mean(found) for found in lists])) for arm, lists in own.items()}
    return {
        "leakage": across / weight.sum(),
        "connected": float((weight.sum(axis=1) > 0).mean()),
        "fraction": mean[False],
        "fraction_treated": mean[True],
        "exposed": float(np.mean([np.mean(found) for found in reached])),
    }


@pytest.mark.parametrize("part", ["user", "workspace", "pairs", "across"])
@pytest.mark.parametrize("share", [0.5, 0.3])
def test_expectations_are_those_of_every_assignment(part: str, share: float):
    graph = small()
    parts = {
        "user": np.arange(11),
        "workspace": np.asarray(graph.workspace),
        "pairs": np.array([0, 0, 0, 0, 0, 1, 1, 2, 2, 3, 3]),
        "across": np.array([0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2]),
    }
    clusters = int(parts[part].max()) + 1
    treated = int(np.floor(share * clusters + 0.5))
    wanted = brute(graph, parts[part], treated)
    found = leak(Ties(graph=graph), parts[part], share)
    for name, value in wanted.items():
        assert getattr(found, name) == pytest.approx(value, abs=1e-12), name


def test_email_leakage_by_brute_force():
    """Edge by edge from the files: no array of the code under test."""
    graph, edges, department = collaboration()
    pairs = {frozenset((a, b)) for a, b in edges if a != b}
    weight = dict.fromkeys(pairs, 0)
    for a, b in edges:
        if a != b:
            weight[frozenset((a, b))] += 1
    across = sum(w for pair, w in weight.items() if len({department[p] for p in pair}) == 2)
    found = leak(Ties(graph=graph), np.asarray(graph.workspace))
    assert found.leakage == pytest.approx(across / sum(weight.values()), abs=1e-12)
    assert round(found.leakage, 2) == 0.65
    ties: dict[int, list[tuple[int, float]]] = {p: [] for p in department}
    for pair, w in weight.items():
        a, b = pair
        ties[a].append((b, w))
        ties[b].append((a, w))
    outside = [
        sum(w for q, w in mine if department[q] != department[p]) / sum(w for _, w in mine) if mine else 0.0
        for p, mine in ties.items()
    ]
    assert found.outside == pytest.approx(np.mean(outside), abs=1e-12)
    assert found.connected == pytest.approx(np.mean([bool(mine) for mine in ties.values()]), abs=1e-12)
    assert found.fraction == pytest.approx(np.mean(outside) * 21 / 41, abs=1e-12)
    rng, hits = np.random.default_rng(2), np.zeros((2, len(department)))
    names = sorted(set(department.values()))
    for _ in range(800):
        on = set(rng.permutation(names)[:21].tolist())
        for p, mine in ties.items():
            if department[p] not in on:
                hits[0, p] += 1
                hits[1, p] += any(department[q] in on for q, _ in mine)
    assert found.exposed == pytest.approx(float((hits[1] / hits[0]).mean()), abs=0.01)


def test_nothing_leaks_where_nobody_works_across():
    graph = hl.Collaboration(workspace=np.array([0, 0, 1, 1, 2, 2, 3, 3]), source=np.arange(0, 8, 2), target=np.arange(1, 8, 2))
    found = leak(Ties(graph=graph), np.asarray(graph.workspace))
    assert (found.leakage, found.fraction, found.exposed, found.connected) == (0, 0, 0, 1)
    assert found.seen(0.7) == pytest.approx(1)
    alone = leak(Ties(graph=graph), np.arange(8))
    assert alone.leakage == 1
    assert alone.seen(0.7) == pytest.approx((1 - 0.7 / 7) / 1.7)  # E f|treated − E f|control = −1/(K−1)


@pytest.mark.parametrize("unit", ["user", "workspace", "across"])
def test_standard_error_is_that_of_redrawn_arms(unit: str):
    graph = hl.Collaboration(workspace=np.repeat(np.arange(30), 10), source=np.array([0]), target=np.array([11]))
    rng = np.random.default_rng(9)
    parts = {"user": np.arange(300), "workspace": np.asarray(graph.workspace), "across": np.arange(300) % 25}
    part = parts[unit]
    found = precision(graph, part, V, rng)
    assert not found.simulated
    clusters = int(part.max()) + 1
    differences: list[float] = []
    for _ in range(4_000):
        y = rng.normal(0, V.between**0.5, 30)[graph.workspace] + rng.normal(0, V.within**0.5, 300)
        on = (rng.permutation(clusters) < round(clusters / 2))[part]
        differences.append(y[on].mean() - y[~on].mean())
    assert found.std_error == pytest.approx(np.std(differences), rel=0.05)


def test_few_unequal_clusters_are_simulated():
    graph = collaboration()[0]
    own = precision(graph, np.asarray(graph.workspace), V, np.random.default_rng(1))
    users = precision(graph, np.arange(graph.users), V, np.random.default_rng(1))
    assert own.simulated
    assert not users.simulated
    assert users.std_error < own.std_error
    assert own.mde > 2.5 * own.std_error
