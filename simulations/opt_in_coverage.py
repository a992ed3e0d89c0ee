"""How often each interval of an opt-in study covers the truth: the table of docs/explanation/coverage-opt-in.md.

Run with `python -m simulations.opt_in_coverage`; it rewrites the page. The worlds are those of opt_in_worlds.py.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from honestlift.analysis.opt_in.fits import Key
from simulations.opt_in_intervals import Found, intervals, matching_intervals
from simulations.opt_in_page import Covered, page
from simulations.opt_in_worlds import BUCKETS, CoverageWorld, Tail

WORLDS, SEED = 2_000, 20261125
"""Worlds of every setting, and the seed."""

TOGETHER = 25
"""Worlds that are solved at once."""

PAGE = Path(__file__).parent.parent / "docs" / "explanation" / "coverage-opt-in.md"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """A column of the page: how many users, in how many workspaces (0 for none), with which outcome."""

    users: int
    workspaces: int
    tail: Tail

    def rng(self, world: int, part: int) -> np.random.Generator:
        """Each world has its own, so that fewer worlds are the first ones of more."""
        return np.random.default_rng([SEED, self.users, self.workspaces, self.tail == "heavy", part, world])


SETTINGS = tuple(
    Setting(users=n, workspaces=g, tail=tail) for g in (0, 50, 10) for tail in ("binary", "heavy") for n in (2_000, 5_000, 20_000)
)


def coverage(setting: Setting, worlds: int = WORLDS) -> Covered:
    """Share of the worlds in which each interval covers its own truth."""
    return {key: float(np.mean(seen)) for key, seen in hits(setting, range(worlds)).items()}


def hits(setting: Setting, worlds: range) -> Mapping[Key, list[bool]]:
    """Whether each interval covers its own truth, world by world.

    Args:
        setting: the design.
        worlds: numbers of the worlds.
    """
    clustered = setting.workspaces > 0
    cells, fine = (
        CoverageWorld(users=setting.users, workspaces=setting.workspaces, tail=setting.tail, step=step) for step in (0.5, 0.01)
    )
    clustered = setting.workspaces > 0
    cells, fine = (
        CoverageWorld(users=setting.users, workspaces=setting.workspaces, tail=setting.tail, step=step) for step in (0.5, 0.01)
    )
    truths = cells.truth(), fine.truth()
    made: defaultdict[Key, list[bool]] = defaultdict(list)

    def count(found: Found, truth: Mapping[str, float]) -> None:
        for key, ends in found.items():
            drawn = ends[~np.isnan(ends[:, 0])]
            made[key] += ((drawn[:, 0] <= truth[key[1]]) & (truth[key[1]] <= drawn[:, 1])).tolist()

    for start in range(worlds.start, worlds.stop, TOGETHER):
        block = range(start, min(start + TOGETHER, worlds.stop))
        drawn = [cells.draw(setting.rng(w, 0)).cells(setting.workspaces or BUCKETS) for w in block]
        rngs = [setting.rng(w, 1) for w in block]
        count(intervals(drawn, clustered=clustered, rngs=rngs), truths[0])
        for w in block:
            count(matching_intervals(fine.draw(setting.rng(w, 2)).patterns()), truths[1])
    return made


def main() -> None:
    """Rewrite the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worlds", type=int, default=WORLDS)
    worlds = parser.parse_args().worlds
    table = dict[Setting, Covered]()
    for setting in SETTINGS:
        print(setting, file=sys.stderr, flush=True)
        table[setting] = coverage(setting, worlds)
    PAGE.write_text(page(table, worlds))


if __name__ == "__main__":
    main()
