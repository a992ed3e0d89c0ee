"""Flags that hash: the platform's own test vectors, ranges and namespaces by hand, and a roll-out read as a design."""

from __future__ import annotations

import json

import numpy as np
import pytest

import honestlift as hl
from honestlift.design.assignment.flag import buckets, fnv1a32
from honestlift.errors import AssignmentError, DesignError

VECTORS = [
    ("", "a", 1, 0.22),
    ("", "b", 1, 0.077),
    ("b", "a", 1, 0.946),
    ("ef", "d", 1, 0.652),
    ("asdf", "8952klfjas09ujk", 1, 0.549),
    ("", "123", 1, 0.011),
    ("", '___)((*":&', 1, 0.563),
    ("seed", "a", 2, 0.0505),
    ("seed", "b", 2, 0.2696),
    ("foo", "ab", 2, 0.2575),
    ("foo", "def", 2, 0.2019),
    ("89123klj", "8952klfjas09ujkasdf", 2, 0.124),
    ("90850943850283058242805", "123", 2, 0.7516),
    ("()**(%$##$%#$#", '___)((*":&', 2, 0.0128),
]
"""Seed, id, version and bucket: the facts of ``hash`` in the cases.json by which GrowthBook has its SDKs tested."""


@pytest.mark.parametrize(("seed", "value", "version", "expected"), VECTORS)
def test_the_platforms_own_vectors(seed: str, value: str, version: int, expected: float):
    assert buckets([value], seed, version)[0] == expected
    assert buckets(["a longer one beside it", value, "x"], seed, version)[1] == expected


def test_fnv1a_of_nothing_and_of_one_letter():
    """The vectors of RFC 9923, appendix C: the empty text and "a"; and of "foobar"."""
    assert fnv1a32(["", "a", "foobar"]).tolist() == [0x811C9DC5, 0xE40C292C, 0xBF9CF968]
    assert fnv1a32([]).size == 0


def test_variations_lie_beside_each_other_with_gaps_for_coverage():
    ids = [f"w{i}" for i in range(4_000)]
    flag = hl.HashedFlag(key="k", weights={"off": 0.5, "on": 0.3, "more": 0.2}, coverage=0.4)
    place = buckets(ids, "k", 2)
    due = np.select([place < 0.2, (place >= 0.5) & (place < 0.62), (place >= 0.8) & (place < 0.88)], ["off", "on", "more"], "")
    assert [v or "" for v in flag.variations(ids)] == due.tolist()
    assert [v for v in flag.variations(ids) if v].count("off") == pytest.approx(800, abs=4 * np.sqrt(4_000 * 0.16))


def test_a_namespace_has_a_hash_of_its_own():
    ids = [f"w{i}" for i in range(2_000)]
    whole = hl.HashedFlag(key="k").variations(ids)
    part = hl.HashedFlag(key="k", namespace=("space", 0.25, 0.75)).variations(ids)
    there = buckets(ids, "__space", 1)
    assert part == [v if 0.25 <= t < 0.75 else None for v, t in zip(whole, there, strict=True)]
    assert hl.HashedFlag(key="other", seed="k").variations(ids) == whole


@pytest.mark.parametrize(
    "wrong",
    [
        {"key": ""},
        {"hash_version": 3},
        {"coverage": 0.0},
        {"coverage": float("nan")},
        {"weights": {"on": 1.0}},
        {"weights": {"off": 0.5, "on": 0.2}},
        {"weights": {"off": 1.5, "on": -0.5}},
        {"namespace": ("n", 0.5, 0.5)},
    ],
)
def test_what_a_flag_cannot_be(wrong: dict[str, object]):
    with pytest.raises(DesignError, match=next(iter(wrong))):
        hl.HashedFlag(**{"key": "k", **wrong})  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("name", ["", "café", "a\0"])
def test_ids_that_sdks_hash_differently_are_refused(name: str):
    with pytest.raises(AssignmentError, match="cannot be hashed"):
        hl.HashedFlag(key="k").variations(["fine", name])


def test_a_rollout_is_a_record_that_knows_late_clusters():
    flag = hl.HashedFlag(key="ai", weights={"treated": 0.3, "control": 0.7}, coverage=0.9)
    record = hl.read_rollout([f"w{i}" for i in range(300)][::-1], flag)
    assert record.rule == hl.Rule(kind="bernoulli", share=0.3)
    assert list(record.assigned) == [f"w{i}" for i in sorted(range(300), key=str) if f"w{i}" in record.assigned]
    assert 230 < len(record.assigned) < 300
    assert record.reproduces()
    assert hl.Assignment.from_json(record.to_json()) == record
    assert record.arm_of("w301") == flag.variations(["w301"])[0]
    edited = json.loads(record.to_json())
    edited["flag"]["key"] = "another"
    assert not hl.Assignment.from_json(json.dumps(edited)).reproduces()
    redraw = hl.redraws(record)
    arms = redraw(np.random.default_rng(0), 4_000)
    assert arms.mean() == pytest.approx(0.3, abs=0.003)
    assert arms.sum(axis=1).std() == pytest.approx(np.sqrt(len(record.assigned) * 0.21), rel=0.06)


def test_an_arm_without_clusters_is_no_design():
    with pytest.raises(AssignmentError, match=r"2 into 'control'|into 'treated'"):
        hl.read_rollout(["a", "b"], hl.HashedFlag(key="k"))
