"""The comparison with peers, without their environment: both tables have the same tasks, ours are right, disagreement is an error."""

from __future__ import annotations

import math
import re
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from benchmarks.peers import cases, data, turns, work
from benchmarks.peers.ours import OURS

FOLDER = Path(cases.__file__).parent
ROUNDING = 1e-9
"""The same formula in another order of the same sums."""


def names(file: str) -> dict[str, str]:
    """Package to what follows its name, from lines of a requirements file; names as package indexes compare them."""
    lines = (FOLDER / file).read_text(encoding="utf-8").split()
    parts = [re.fullmatch(r"([A-Za-z0-9._-]+)(.*)", line) for line in lines]
    assert all(parts), lines
    return {re.sub(r"[-_.]+", "-", p[1]).lower(): p[2] for p in parts if p}


def columns(path: Path) -> dict[str, np.ndarray]:
    table = pq.read_table(path)
    return {name: table[name].to_numpy().astype(float) for name in table.column_names}


def test_every_peer_is_asked_for_and_pinned():
    wanted, pinned = names("requirements.txt"), names("constraints.txt")
    assert set(wanted.values()) == {""}
    assert all(re.fullmatch(r"==[0-9][A-Za-z0-9.+!]*", p) for p in pinned.values()), pinned
    assert wanted.keys() <= pinned.keys()
    assert {re.sub(r"[-_.]+", "-", p).lower() for p in work.PACKAGES.values()} <= wanted.keys()


def test_both_sides_know_the_same_tasks_and_every_case_is_one_of_them():
    assert work.PEERS.keys() == OURS.keys() == {c.task for c in cases.CASES}
    asked = {(c.task, p.name) for c in cases.CASES for p in c.peers}
    assert asked == {(task, peer) for task, peers in work.PEERS.items() for peer in peers}
    assert {peer for peers in work.PEERS.values() for peer in peers} == work.PACKAGES.keys()


def test_the_peers_side_names_nothing_of_honestlift():
    for file in ("work.py", "side.py"):
        imported = re.findall(r"^\s*(?:from|import) (\S+)", (FOLDER / file).read_text(encoding="utf-8"), re.MULTILINE)
        assert imported
        assert not [name for name in imported if name.startswith("honestlift")]


@pytest.mark.parametrize("kind", ["CR1", "CR3"])
def test_least_squares_from_the_file_is_that_of_numpy(tmp_path: Path, kind: str):
    path = data.make("workspaces", 400, 8, tmp_path)
    c = columns(path)
    x = np.column_stack([np.ones(400), c["treated"], c["x1"], c["x2"], c["x3"]])
    groups = np.unique(c["workspace_id"])
    theta = np.linalg.lstsq(x, c["y"], rcond=None)[0]
    if kind == "CR1":
        u = x * (c["y"] - x @ theta)[:, None]
        scores = np.stack([u[c["workspace_id"] == g].sum(axis=0) for g in groups])
        bread = np.linalg.inv(x.T @ x)
        factor = groups.size / (groups.size - 1) * 399 / 395
        error = math.sqrt(factor * (bread @ scores.T @ scores @ bread)[1, 1])
    else:  # by its definition: every workspace left out once
        without = [np.linalg.lstsq(x[c["workspace_id"] != g], c["y"][c["workspace_id"] != g], rcond=None)[0] for g in groups]
        error = math.sqrt(sum((t[1] - theta[1]) ** 2 for t in without))
    found = OURS[kind](path)
    assert found["effect"] == pytest.approx(theta[1], rel=ROUNDING)
    assert found["se effect"] == pytest.approx(error, rel=ROUNDING)


def test_weighting_and_matching_from_the_file_are_those_of_numpy(tmp_path: Path):
    path = data.make("tied", 600, folder=tmp_path)
    c = columns(path)
    t, y = c["opt_in"], c["y"]
    x = np.column_stack([np.ones(600), *(c[f"x{j}"] for j in range(1, 5))])
    beta = np.zeros(5)
    for _ in range(30):
        e = 1 / (1 + np.exp(-x @ beta))
        beta += np.linalg.solve((x * (e * (1 - e))[:, None]).T @ x, x.T @ (t - e))
    ate = np.average(y, weights=t / e) - np.average(y, weights=(1 - t) / (1 - e))
    att = y[t == 1].mean() - np.average(y[t == 0], weights=(e / (1 - e))[t == 0])
    found = OURS["weighting"](path)
    assert (found["ATE"], found["ATT"]) == pytest.approx((ate, att), rel=ROUNDING)
    apart = np.abs(e[t == 1][:, None] - e[t == 0][None, :])
    near = apart <= apart.min(axis=1, keepdims=True) + 1e-12
    assert near.sum(axis=1).max() > 1, "no ties"
    matched = (y[t == 1] - near @ y[t == 0] / near.sum(axis=1)).mean()
    assert OURS["matching"](path)["ATT"] == pytest.approx(matched, rel=ROUNDING)


def test_the_files_are_the_same_bytes_every_time(tmp_path: Path):
    one, two = (data.make("choosers", 50, folder=tmp_path / n) for n in ("a", "b"))
    assert one.read_bytes() == two.read_bytes()


def test_our_side_answers_in_a_process_of_its_own_what_it_answers_here(tmp_path: Path):
    warm, counted = data.make_warm("workspaces", tmp_path), data.make("workspaces", 300, 10, tmp_path)
    with turns.ours("CR1", warm, counted) as side:
        side.ready()
        turn = side.turn(60)
    assert turn.answer == OURS["CR1"](counted)
    assert turn.seconds > 0
    assert turn.peak_mb > 10
    assert side.versions.keys() == {"honestlift", "duckdb", "numpy"}


def test_a_side_that_takes_too_long_is_stopped_and_one_that_fails_says_why():
    with (
        turns.Side([sys.executable, "-c", "import time; time.sleep(60)"]) as slow,
        pytest.raises(turns.OverrunError, match=r"over 0\.2 s"),
    ):
        slow.turn(0.2)
    with (
        turns.Side([sys.executable, "-c", "raise ValueError('no such column')"]) as broken,
        pytest.raises(RuntimeError, match="no such"),
    ):
        broken.ready()


def test_without_the_peers_environment_the_error_says_what_makes_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr(turns, "PEERS_PYTHON", tmp_path / "python")
    with pytest.raises(FileNotFoundError, match="make bench-peers"):
        turns.theirs("CR1", "pyfixest", tmp_path, tmp_path)


PEER = cases.Peer(name="StatsPAI", estimate=0.1, error=0.05)
CASE = replace(cases.CASES[0], p=0.02, peers=(PEER,))
MINE = {"ATE": 1.0, "se ATE": 0.5, "p": 0.5}


@pytest.mark.parametrize("theirs", [{"ATE": 1.049}, {"se ATE": 0.524}, {"p": 0.481}])
def test_answers_within_what_the_case_explains_agree(theirs: dict[str, float]):
    cases.agree(CASE, PEER, MINE, MINE | theirs)


@pytest.mark.parametrize("theirs", [{"ATE": 1.051}, {"se ATE": 0.526}, {"p": 0.479}, {"ATE": math.nan}, {"se ATE": math.nan}])
def test_answers_further_apart_are_an_error_with_both_in_it(theirs: dict[str, float]):
    with pytest.raises(cases.DisagreementError, match=f"{next(iter(theirs))} is .*apart"):
        cases.agree(CASE, PEER, MINE, MINE | theirs)


def test_answers_with_nothing_in_common_are_an_error():
    with pytest.raises(cases.DisagreementError, match="no number in common"):
        cases.agree(CASE, PEER, MINE, {"ATT": 1.0})
