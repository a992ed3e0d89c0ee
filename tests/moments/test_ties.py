"""Ties by joins in the engine, against loops over the same rows."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import honestlift as hl
from honestlift.design.exposure import Artifacts, Edges
from honestlift.errors import ColumnError, DataError
from honestlift.moments.scan import collect
from honestlift.moments.ties import Ties, read_ties, within

USERS = {"id": list(range(12)), "team": ["a"] * 4 + ["b"] * 3 + ["c"] * 3 + ["d"] * 2, "on": [1] * 7 + [0] * 5}


def ties_of(users: Any, graph: Edges | Artifacts, wanted: tuple[str, ...] = ("id", "team", "on"), **more: Any) -> Ties:
    return read_ties(hl.connect(users), wanted, graph, hl.connect(graph.data), 1, **more)


def as_dict(ties: Ties) -> dict[tuple[int, int], tuple[int, float]]:
    table = collect(ties.rows()).to_pylist()
    return {(row["m"], row["h"]): (row["n"], float(sum(row[w] for w in ties.weights))) for row in table}


def by_loops(
    users: dict[str, list[Any]], edges: list[tuple[Any, Any, float]], directed: bool
) -> dict[tuple[int, int], tuple[int, float]]:
    """The same with a dictionary, from clean edges."""
    place = {u: i for i, u in enumerate(sorted(users["id"]))}
    code = {t: i for i, t in enumerate(sorted(set(users["team"])))}
    team = {place[u]: code[t] for u, t in zip(users["id"], users["team"], strict=True)}
    weight: dict[tuple[int, int], float] = defaultdict(float)
    for a, b, w in edges:
        if a in place and b in place and a != b:
            pair = (place[a], place[b])
            weight[pair if directed else (min(pair), max(pair))] += w
    made: dict[tuple[int, int], tuple[int, float]] = {}
    for (a, b), w in weight.items():
        for source, reached in ((a, b),) if directed else ((a, b), (b, a)):
            n, total = made.get((reached, team[source]), (0, 0.0))
            made[reached, team[source]] = (n + 1, total + w)
    return made


@pytest.mark.parametrize("directed", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_ties_equal_loops(directed: bool, weighted: bool) -> None:
    rng = np.random.default_rng(4)
    a, b, w = rng.integers(0, 14, 60), rng.integers(0, 14, 60), rng.exponential(1, 60)
    graph = Edges(
        data=pd.DataFrame({"a": a, "b": b, "w": w}), source="a", target="b", weight="w" if weighted else None, directed=directed
    )
    ties = ties_of(pd.DataFrame(USERS), graph)
    expected = by_loops(USERS, list(zip(a.tolist(), b.tolist(), w.tolist(), strict=True)), directed)
    found = as_dict(ties)
    assert {k: n for k, (n, _) in found.items()} == {k: n for k, (n, _) in expected.items()}
    for key, (n, weight) in expected.items():
        assert found[key][1] == pytest.approx(weight if weighted else n, rel=1e-14)
    assert ties.counts.unknown == int(((a > 11) | (b > 11)).sum())
    assert ties.counts.to_oneself == int(((a == b) & (a <= 11)).sum())
    assert ties.names == ("a", "b", "c", "d")
    assert ties.arm.tolist() == [True, True, False, False]
    assert ties.sizes.tolist() == [4, 3, 3, 2]


def test_what_cannot_be_used_is_counted() -> None:
    rows = pa.table(
        {
            "a": pa.array([0, 0, 0, 0, 0, None, 3, 4, 5, 99]),
            "b": pa.array([5, 5, 6, 7, 8, 4, 3, None, 0, 1]),
            "w": pa.array([1.0, 2.0, 0.0, -1.0, float("nan"), 1.0, 1.0, 1.0, float("inf"), 1.0]),
        }
    )
    found = ties_of(pd.DataFrame(USERS), Edges(data=rows, source="a", target="b", weight="w"))
    counts = found.counts
    assert (counts.rows, counts.no_end, counts.no_weight, counts.unknown, counts.to_oneself, counts.repeated) == (
        10,
        2,
        4,
        1,
        1,
        1,
    )
    assert as_dict(found) == {(0, 1): (1, 3.0), (5, 0): (1, 3.0)}


def test_ids_with_gaps_from_pandas_and_ids_as_text() -> None:
    gaps = pd.DataFrame({"a": [0, 1, None, 2.5], "b": [5, 6, 7, 8]})
    found = ties_of(pd.DataFrame(USERS), Edges(data=gaps, source="a", target="b"))
    assert (found.counts.no_end, sorted(as_dict(found))) == (2, [(0, 1), (1, 1), (5, 0), (6, 0)])
    text = pl.DataFrame({"a": ["0", "1", "x"], "b": ["5", "6", "7"]})
    found = ties_of(pd.DataFrame(USERS), Edges(data=text, source="a", target="b"))
    assert (found.counts.unknown, len(as_dict(found))) == (1, 4)


def test_large_ids_and_hostile_names() -> None:
    big = 2**60
    users = pa.table({'a "b; drop': [big, big + 1, big + 2], "select": ["x", "y", "y"], "*": [True, False, False]})
    edges = pa.table({'a "b; drop': [big, big + 2], "%s": [big + 1, big + 1]})
    graph = Edges(data=edges, source='a "b; drop', target="%s")
    found = ties_of(users, graph, ('a "b; drop', "select", "*"))
    assert as_dict(found) == {(0, 1): (1, 1.0), (1, 0): (1, 1.0), (1, 1): (1, 1.0), (2, 1): (1, 1.0)}


@pytest.mark.parametrize("directed", [False, True])
def test_a_log_is_folded_into_ties_by_artifact(directed: bool) -> None:
    log = pd.DataFrame({"doc": ["p", "p", "p", "q", "r"], "by": [0, 0, 0, 0, 7], "who": [5, 5, 7, 5, 0]})
    found = ties_of(pd.DataFrame(USERS), Artifacts(data=log, artifact="doc", author="by", reader="who", directed=directed))
    one_way = {(5, 0): (1, 2.0), (7, 0): (1, 1.0), (0, 2): (1, 1.0)}
    assert as_dict(found) == (one_way if directed else {(0, 1): (1, 2.0), (0, 2): (1, 2.0), (5, 0): (1, 2.0), (7, 0): (1, 2.0)})


def test_ties_from_the_launch_on_are_counted() -> None:
    rows = pd.DataFrame({"a": [0, 1, 2], "b": [5, 6, 7], "at": pd.to_datetime(["2026-01-01", "2026-02-01", "2026-03-01"])})
    graph = Edges(data=rows, source="a", target="b", time="at")
    launch = hl.Exposure(edges=graph, launch="2026-02-01").since
    assert ties_of(pd.DataFrame(USERS), graph, since=launch).counts.late == 2
    zoned = Edges(data=rows.assign(at=rows["at"].dt.tz_localize("UTC")), source="a", target="b", time="at")
    assert ties_of(pd.DataFrame(USERS), zoned, since=launch).counts.late == 2
    assert ties_of(pd.DataFrame(USERS), graph).counts.late is None


def test_the_order_of_the_rows_changes_no_bit() -> None:
    rng = np.random.default_rng(5)
    edges = pd.DataFrame({"a": rng.integers(0, 12, 500), "b": rng.integers(0, 12, 500), "w": rng.lognormal(0, 6, 500)})
    first = as_dict(ties_of(pd.DataFrame(USERS), Edges(data=edges, source="a", target="b", weight="w")))
    again = as_dict(
        ties_of(
            pd.DataFrame(USERS).sample(frac=1, random_state=1),
            Edges(data=edges.sample(frac=1, random_state=2), source="b", target="a", weight="w"),
        )
    )
    assert first == again


def test_ties_within_clusters_are_seen_from_both_ends() -> None:
    edges = pd.DataFrame({"a": [0, 0, 5], "b": [1, 5, 9], "w": [2.0, 3.0, 4.0]})
    found = within(ties_of(pd.DataFrame(USERS), Edges(data=edges, source="a", target="b", weight="w")))
    assert found.tolist() == [4.0, 0.0, 0.0, 0.0]


def test_bad_ties_are_refused() -> None:
    users = pd.DataFrame(USERS)
    with pytest.raises(ColumnError, match="target of the ties"):
        ties_of(users, Edges(data=pd.DataFrame({"a": [1], "b": [2]}), source="a", target="c"))
    with pytest.raises(DataError, match="holds time"):
        ties_of(users, Edges(data=pd.DataFrame({"a": [1], "b": pd.to_datetime(["2026-01-01"])}), source="a", target="b"))
    with pytest.raises(DataError, match="weight"):
        ties_of(users, Edges(data=pd.DataFrame({"a": [1], "b": [2], "w": ["x"]}), source="a", target="b", weight="w"))
    with pytest.raises(DataError, match="too far apart"):
        ties_of(
            users, Edges(data=pd.DataFrame({"a": [1, 2], "b": [7, 7], "w": [1e-200, 1.0]}), source="a", target="b", weight="w")
        )
    with pytest.raises(DataError, match="dates or timestamps"):
        ties_of(users, Edges(data=pd.DataFrame({"a": [1], "b": [2], "t": [3]}), source="a", target="b", time="t"))


def test_no_ties_at_all() -> None:
    empty = pa.table({"a": pa.array([], pa.int64()), "b": pa.array([], pa.int64())})
    found = ties_of(pd.DataFrame(USERS), Edges(data=empty, source="a", target="b"))
    assert (found.counts.rows, as_dict(found), within(found).sum()) == (0, {}, 0)
