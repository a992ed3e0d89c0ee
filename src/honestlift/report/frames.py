"""The estimates of a result as tables: every column, or those that broom's ``tidy`` has."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from honestlift.result import Estimate, Lift, Relative

if TYPE_CHECKING:
    import pyarrow as pa

NUMBERS = ("estimate", "std_error", "df", "p_value", "conf_low", "conf_high", "level")
COUNTS = ("n_units", "n_clusters")


def estimates_table(lift: Lift) -> pa.Table:
    """One row per metric, estimand and method, one column per attribute; ``relative`` is spread over three columns at the end."""
    names = [f.name for f in fields(Estimate) if f.name != "relative"]
    columns = {name: [getattr(e, name) for e in lift.estimates] for name in names}
    for part in (f.name for f in fields(Relative)):
        columns[f"relative_{part}"] = [getattr(e.relative, part) for e in lift.estimates]
    return _table(columns)


def tidy_table(lift: Lift) -> pa.Table:
    """The same rows with the names of R's broom; ``term`` is the metric and the estimand.

    ``statistic`` is the estimate over its standard error; null where there is none.
    """
    rows = lift.estimates
    columns: dict[str, list[Any]] = {
        "term": [f"{e.metric}: {e.estimand}" for e in rows],
        "estimate": [e.estimate for e in rows],
        "std.error": [e.std_error for e in rows],
        "statistic": [_statistic(e) for e in rows],
        "p.value": [e.p_value for e in rows],
        "conf.low": [e.conf_low for e in rows],
        "conf.high": [e.conf_high for e in rows],
    }
    return _table(columns | {name: [getattr(e, name) for e in rows] for name in ("metric", "estimand", "method")})


def _statistic(e: Estimate) -> float | None:
    return e.estimate / e.std_error if e.estimate is not None and e.std_error else None


def _table(columns: dict[str, list[Any]]) -> pa.Table:
    """Columns with a type that does not depend on which values are missing."""
    import pyarrow as pa

    def kind(name: str) -> pa.DataType:
        plain = name.replace(".", "_").removeprefix("relative_")
        if plain in NUMBERS or plain == "statistic":
            return pa.float64()
        return pa.int64() if name in COUNTS else pa.bool_() if name == "headline" else pa.string()

    return pa.table({name: pa.array(values, kind(name)) for name, values in columns.items()})
