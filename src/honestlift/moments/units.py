"""How users stand in the rows: on one row each, or in one cluster each."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import narwhals as nw

from honestlift.moments import scan
from honestlift.moments.fetched import moments_of
from honestlift.moments.table import Label, Moments
from honestlift.source.connect import Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Units:
    """How the units stand in the rows.

    Attributes:
        missing: rows without a unit.
        repeated: units that stand on more than one row, among those looked at.
        example: one of them; None if there is none.
    """

    missing: int
    repeated: int
    example: Label


def not_integers(source: Source, unit: str) -> tuple[int, Label]:
    """Rows with a unit that is no whole number of at most 38 digits, and one such unit."""
    text = nw.col("c0").cast(nw.String)
    other = source.select([unit]).select(text.alias("c0")).filter(~nw.col("c0").is_null())
    other = other.filter(~nw.col("c0").str.contains("^[+-]?[0-9]{1,38}$"))
    row = scan.collect(other.select(nw.len().alias("n"), nw.col("c0").min().alias("c0"))).to_pylist()[0]
    return int(row["n"]), row["c0"]


def units(source: Source, unit: str, *, one_in: int = 1) -> Units:
    """Rows without a unit, and units on more than one row.

    Args:
        source: the rows.
        unit: column that names the unit.
        one_in: 1 looks at every unit, m at about one in m, chosen by a hash: a repeated unit is then seen with probability 1/m,
            so that d of them are all overlooked with probability (1 − 1/m)^d.
    """
    frame = (source if one_in == 1 else source.one_in(unit, one_in)).select([unit])
    column = nw.col("c0")
    counted = frame.select(nw.len().alias("rows"), column.count().alias("present"), column.n_unique().alias("different"))
    row = scan.collect(counted).to_pylist()[0]
    without = int(row["rows"] - row["present"])
    gaps = without if one_in == 1 else scan.missing(source, unit)
    if row["present"] == row["different"] - (1 if without else 0):
        return Units(missing=gaps, repeated=0, example=None)
    many = frame.group_by("c0").agg(nw.len().alias("n")).filter((nw.col("n") > 1) & ~column.is_null())
    found = scan.collect(many.select(nw.len().alias("n"), nw.col("c0").min().alias("c0"))).to_pylist()[0]
    example = found["c0"]
    return Units(missing=gaps, repeated=int(found["n"]), example=int(example) if isinstance(example, Decimal) else example)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Nested:
    """How units that may stand on several rows lie in clusters.

    Attributes:
        missing: rows without a unit.
        different: units.
        by_cluster: units of each cluster, as its rows; one that is in two clusters counts in both.
    """

    missing: int
    different: int
    by_cluster: Moments

    @property
    def moved(self) -> int:
        """Clusters that units have beyond their first."""
        return int(self.by_cluster.rows.sum()) - self.different


def nested(source: Source, unit: str, cluster: str) -> Nested:
    """Units per cluster, each counted once there, in two scans."""
    rows = source.select([cluster, unit])
    column = nw.col("c1")
    row = scan.collect(rows.select(nw.len().alias("n"), column.count().alias("d"), column.n_unique().alias("u"))).to_pylist()[0]
    missing = int(row["n"]) - int(row["d"])
    once = rows.filter(~column.is_null()).group_by("c0", "c1").agg(nw.len().alias("r"))
    table = scan.collect(once.group_by("c0").agg(nw.len().alias("n")))
    return Nested(
        missing=missing, different=int(row["u"]) - (1 if missing else 0), by_cluster=moments_of(table, [cluster], {}, {})
    )
