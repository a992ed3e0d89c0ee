"""Was a covariate measured before the choice? Times are compared in the engine; nothing is added to a date or taken off one."""

from __future__ import annotations

from dataclasses import dataclass

import narwhals as nw

from honestlift.errors import DataError
from honestlift.moments import scan
from honestlift.source.connect import Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """When a covariate was measured, among the users who opted in.

    Attributes:
        covariate: its column.
        users: users who opted in.
        late: of them, those for whom it was measured after they opted in.
        unknown: of them, those without one of the two times.
    """

    covariate: str
    users: int
    late: int
    unknown: int


def timing(chosen: Source, covariate: str, measured_at: str, opted_in_at: str) -> Timing:
    """Count the users for whom a covariate was measured after they opted in.

    A date stands for its midnight. Times without a zone are taken to be of one and the same zone; the same moment is not after.

    Args:
        chosen: the users who opted in.
        covariate: the column that was measured.
        measured_at: column of the time at which it was.
        opted_in_at: column of the time at which they opted in.

    Raises:
        DataError: if one of the two columns has a time zone and the other has none.
    """
    frame = chosen.select([measured_at, opted_in_at])
    kinds = frame.collect_schema()
    zoned = [name for name, c in ((measured_at, "c0"), (opted_in_at, "c1")) if getattr(kinds[c], "time_zone", None)]
    if len(zoned) == 1:
        raise DataError.mixed_zones(zoned[0], opted_in_at if zoned[0] == measured_at else measured_at)
    known = ~nw.col("c0").is_null() & ~nw.col("c1").is_null()
    late = nw.when(known).then(nw.col("c0") > nw.col("c1")).otherwise(nw.lit(False))
    marked = frame.select(late.cast(nw.Int32).alias("late"), (~known).cast(nw.Int32).alias("unknown"))
    row = scan.collect(marked.select(nw.len().alias("n"), nw.col("late").sum(), nw.col("unknown").sum())).to_pylist()[0]
    return Timing(covariate=covariate, users=int(row["n"]), late=int(row["late"] or 0), unknown=int(row["unknown"] or 0))
