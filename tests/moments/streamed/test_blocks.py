"""Blocks of rows: every row once, whatever the threads; what goes wrong in one of them ends all of them."""

from __future__ import annotations

import threading
from typing import Any

import narwhals as nw
import numpy as np
import polars as pl
import pytest

import honestlift as hl
from honestlift.errors import SourceError
from honestlift.moments.streamed.blocks import BLOCK, FETCHED, STRETCH, Block, Stretches, add_up
from honestlift.moments.streamed.slices import MOST_ROWS, MOST_SQUARED
from honestlift.moments.streamed.weights import Model, Rows

N = 2 * FETCHED + 77
RNG = np.random.default_rng(8)
T, Y, G = RNG.integers(0, 2, N).astype(np.float64), RNG.normal(size=N), RNG.integers(0, 5, N)
PLAIN = Model(propensity=np.zeros(1))


def rows(*, groups: int = 1, threads: int = 2, **columns: Any) -> Rows:
    frame = pl.DataFrame({"g": G, "t": T, "y": Y} | columns)
    source = hl.connect(frame, threads=threads)
    named = source.select(list(frame.columns)).rename({f"c{i}": name for i, name in enumerate(frame.columns)})
    return Rows(frame=named, bound=np.ones(1), outcome=9.0, count=N, most=N, largest=N, grouped=groups > 1, groups=groups)


class Sums:
    """Rows and outcomes by arm and group."""

    def __init__(self) -> None:
        self.count, self.total, self.largest = np.zeros((2, 5)), np.zeros((2, 5)), 0

    def add(self, block: Block) -> None:
        arm = block.arm
        self.largest = max(self.largest, block.rows)
        there = block.stretches
        assert there.count.sum() == block.rows
        y = there.filled(np.array([[*block.column("y"), 0.0]]))[0].reshape(there.groups.size, -1)
        for group, count, values in zip(there.groups, there.count, y, strict=True):
            self.count[arm, group] += count
            self.total[arm, group] += values.sum()


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("groups", [1, 5])
def test_every_row_comes_once_with_its_arm_and_group(threads: int, groups: int) -> None:
    adders, met = add_up(rows(groups=groups, threads=threads), PLAIN, Sums)
    assert len(adders) == threads
    assert max(a.largest for a in adders) == BLOCK
    labels, places = met.sorted()
    count, total = (sum(getattr(a, name) for a in adders)[:, places] for name in ("count", "total"))
    own = G if groups > 1 else np.zeros(N, dtype=np.int64)
    assert labels == (tuple(range(5)) if groups > 1 else (None,))
    for arm in (0, 1):
        expected = np.bincount(own[arm == T], minlength=len(labels))
        assert count[arm].tolist() == expected.tolist()
        assert total[arm] == pytest.approx(np.bincount(own[arm == T], Y[arm == T], minlength=len(labels)), rel=1e-12)


@pytest.mark.parametrize("sizes", [[1], [1] * 50, [64, 65, 63], [3, 500, 1, 128], [7] * 9])
def test_stretches_hold_every_row_once_in_its_group(sizes: list[int]) -> None:
    rows = sum(sizes)
    made = Stretches.of(rows, np.repeat(np.arange(len(sizes)) + 4, sizes))
    assert made.index is not None
    length, remainder = divmod(made.index.size, made.groups.size)
    assert remainder == 0
    assert length <= STRETCH
    assert made.index.size <= 2 * BLOCK
    places = made.index.reshape(made.groups.size, length)
    for group, size in enumerate(sizes, start=4):
        own = places[made.groups == group]
        assert sorted(own[own < rows]) == list(range(sum(sizes[: group - 4]), sum(sizes[: group - 3])))
        assert made.count[made.groups == group].sum() == size
    assert set(places[places >= rows]) <= {rows}


def test_a_whole_block_of_groups_of_any_size_has_room() -> None:
    for size in (1, 2, 3, 5, 9, 33, 127, 129):
        codes = np.arange(BLOCK) // size
        found = Stretches.of(BLOCK, codes).index
        assert found is not None
        assert found.size <= 2 * BLOCK


def test_more_groups_than_there_were_are_an_error() -> None:
    with pytest.raises(SourceError, match="changed"):
        add_up(rows(groups=4), PLAIN, Sums)


def test_what_fails_in_one_thread_ends_the_others_and_is_told() -> None:
    class Failing(Sums):
        def add(self, block: Block) -> None:
            raise ZeroDivisionError(block)

    with pytest.raises(ZeroDivisionError):
        add_up(rows(), PLAIN, Failing)
    assert not [t for t in threading.enumerate() if t.name.startswith("ThreadPoolExecutor") and t.is_alive()]


def test_an_engine_that_fails_is_told() -> None:
    found = rows()
    relation = found.frame.to_native().project("g, t, CAST(CASE WHEN y > 3 THEN 'x' ELSE '1' END AS DOUBLE) AS y")
    with pytest.raises(SourceError, match="Conversion"):
        add_up(Rows(**{name: getattr(found, name) for name in Rows.__slots__} | {"frame": nw.from_native(relation)}), PLAIN, Sums)


def test_blocks_are_no_larger_than_their_products_are_exact() -> None:
    assert BLOCK <= MOST_SQUARED
    assert 2 * BLOCK <= MOST_ROWS  # filled up to stretches
