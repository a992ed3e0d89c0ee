"""What a query for sums is made of: columns with their roles, and the sums."""

from __future__ import annotations

from dataclasses import dataclass

from honestlift.moments.spec import Sum
from honestlift.source.connect import Kind


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the user's table, and what it holds; None where that is not known."""

    name: str
    kind: Kind | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a table of sums needs.

    Attributes:
        unit: the column that names the user.
        keys: what is grouped by: cluster, arm, strata, exposure, segments, categories.
        measures: what is summed, in the order of the origins.
        sums: the sums, in the order of their columns.
        layout: what the columns of the answer mean, as JSON.
        arm: place of the treatment among the keys.
        arms: the values of the arms as text; none where every row is in an arm.
        complete: keys and measures that must be there for a user to count.
        summed: measures that are summed over a user's events; None where every row is a user.
        highest: measures of which a user's greatest counts.
        joined: whether tables are joined, by which some users are not in the study: cells then have ``z``, why.
        keeps: whether late users are kept: cells then have ``late``, how many.
    """

    unit: Column
    keys: tuple[Column, ...]
    measures: tuple[Column, ...]
    sums: tuple[Sum, ...]
    layout: str
    arm: int
    arms: tuple[str, ...] = ()
    complete: tuple[str, ...] = ()
    summed: frozenset[str] | None = None
    highest: frozenset[str] = frozenset()
    joined: bool = False
    keeps: bool = False

    @property
    def groups(self) -> list[str]:
        """The names that keys have in the query."""
        return [*(f"k{i}" for i in range(len(self.keys))), *(["z"] if self.joined else [])]

    @property
    def marked(self) -> bool:
        """Whether some rows are there to be counted only."""
        return bool(self.arms) or self.joined

    @property
    def values(self) -> list[str]:
        """The names that measures have in the query."""
        return [f"v{j}" for j in range(len(self.measures))]

    def place(self, measure: str) -> int:
        """Which measure it is."""
        return [m.name for m in self.measures].index(measure)
