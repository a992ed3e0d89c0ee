"""Files of sums read back: whole, unchanged, of a known version, and possible; or refused with the reason."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from honestlift.errors import MomentsError
from honestlift.moments.fetched import key_of
from honestlift.moments.profile import ColumnProfile, Profile
from honestlift.moments.spec import Sum
from honestlift.moments.stored import HEADER, VERSION, StoredMoments, column_from, digest, in_key_order, profile_from
from honestlift.moments.stored_text import read_text, with_typed_keys
from honestlift.moments.table import Moments

_Parquet = cast("Any", pq)


def read_stored(path: str) -> StoredMoments:
    """One file of sums.

    Raises:
        MomentsError: if it is not there, no such file, cut short, changed, or of another version.
    """
    text = path.lower().endswith((".csv", ".csv.gz"))
    try:
        table = read_text(path) if text else _Parquet.read_table(path, partitioning=None)
    except FileNotFoundError:
        raise MomentsError.not_found(path) from None
    except (pa.ArrowException, OSError) as reason:
        raise MomentsError.unreadable(path, str(reason).splitlines()[0]) from reason
    if "layout" not in table.column_names:  # an engine that names columns in capitals
        table = table.rename_columns([name.lower() for name in table.column_names])
    plan = _layout(path, table)
    table = with_typed_keys(table, len(plan["keys"]), plan.get("kinds")) if text else table
    header = _header(path, table)
    outside: dict[str, Any] = {}
    if not header and isinstance(plan.get("facts"), list):
        table, outside = _in_the_study(path, table, plan)
    moments = _moments(path, table, plan)
    if not header:
        _require_possible(path, moments)
        return StoredMoments(
            moments=moments,
            question=plan["question"],
            profile=_elsewhere(path, table, moments),
            header=_told(path, table, plan) | outside,
            names=(path,),
        )
    if header.pop("digest", None) != digest(moments, header):
        raise MomentsError.edited(path)
    columns = {m: _profile(values) for m, values in header.pop("profile").items()}
    profile = profile_from(moments, columns)
    return StoredMoments(moments=moments, question=plan["question"], profile=profile, header=header, names=(path,))


def _layout(path: str, table: pa.Table) -> dict[str, Any]:
    if "layout" not in table.column_names or not table.num_rows:
        raise MomentsError.unreadable(path, "it has no column 'layout', or no rows")
    texts = table.column("layout").unique().to_pylist()
    try:
        plan = json.loads(cast("str", texts[0])) if len(texts) == 1 else None
    except (TypeError, ValueError):
        plan = None
    if not isinstance(plan, dict):
        raise MomentsError.unreadable(path, "its column 'layout' is not one text of JSON")
    values = cast("dict[str, Any]", plan)
    if values.get("version") != VERSION:
        raise MomentsError.version(path, values.get("version"), VERSION)
    kinds = {"question": str, "keys": list, "measures": list, "sums": list}
    if any(not isinstance(values.get(name), kind) for name, kind in kinds.items()):
        raise MomentsError.unreadable(path, f"its layout does not say {', '.join(kinds)}")
    if not _sound(values):
        raise MomentsError.unreadable(path, "its layout does not have a count, a sum and a sum of squares of every measure")
    names = ["cells", "total", "n", *(f"k{i}" for i in range(len(values["keys"])))]
    names += [f"o{j}" for j in range(len(values["measures"]))] + [f"s{i}" for i in range(len(values["sums"]))]
    absent = [name for name in names if table.column_names.count(name) != 1]
    if absent:
        raise MomentsError.unreadable(path, f"it has no column {absent[0]!r}, or two")
    return values


def _in_the_study(path: str, table: pa.Table, plan: Mapping[str, Any]) -> tuple[pa.Table, dict[str, Any]]:
    """The cells of the users in the study, where tables were joined; and the users of each cell by why they are not (``z``), and facts.

    Raises:
        MomentsError: if cells or columns are absent.
    """
    absent = [name for name in ("z", *plan["facts"]) if table.column_names.count(name) != 1]
    if absent:
        raise MomentsError.unreadable(path, f"it has no column {absent[0]!r}, or two")
    rows, why = (_numbers(path, table, name).astype(np.int64) for name in "nz")
    _require_whole(path, table, rows)
    facts = {name: _one_number(path, table, name) for name in plan["facts"]}
    late = _numbers(path, table, "late") if "late" in table.column_names else np.zeros(table.num_rows)
    if np.any(late < 0) or np.any(late > rows) or np.any(why < 0):
        raise MomentsError.impossible(path, "a cell with more late users than it has")
    values = {
        name: [_plain(v) for v in key_of(cast("Any", table.column(f"k{i}"))).values()] for i, name in enumerate(plan["keys"])
    }
    cells = {"values": values, "users": rows.tolist(), "why": why.tolist(), "late": late.tolist()}
    inside = why == 0
    if not inside.any():
        raise MomentsError.impossible(path, "no user is in the study, all came late or were never exposed")
    kept = cast("Any", table).filter(pa.array(inside))
    for name, value in (("cells", int(inside.sum())), ("total", int(rows[inside].sum()))):
        kept = kept.set_column(kept.column_names.index(name), name, pa.array(np.full(kept.num_rows, value)))
    return kept, {"facts": facts, "cells": cells}


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)


def _sound(layout: Mapping[str, Any]) -> bool:
    """Whether the sums are lists of measures, and every measure has its three."""
    try:
        sums = {(tuple(factors), tuple(present)) for factors, present in layout["sums"]}
        measures = set(layout["measures"])
    except (TypeError, ValueError):
        return False
    named = {name for factors, present in sums for name in (*factors, *present)}
    return bool(layout["keys"]) and named == measures and all(((m,) * p, (m,)) in sums for m in measures for p in range(3))


def _moments(path: str, table: pa.Table, plan: Mapping[str, Any]) -> Moments:
    """The sums, their cells in the order of their keys, after looking whether rows can have them."""
    rows = _numbers(path, table, "n").astype(np.int64)
    _require_whole(path, table, rows)
    keys = {name: key_of(cast("Any", table.column(f"k{i}"))) for i, name in enumerate(plan["keys"])}
    if "u" in table.column_names and np.any(_numbers(path, table, "u") != rows):
        raise MomentsError.impossible(path, "a user stands on several rows of a cell (u differs from n)")
    origin: dict[str, float] = {}
    for j, name in enumerate(plan["measures"]):
        values = np.unique(_numbers(path, table, f"o{j}"))
        if values.size != 1:
            raise MomentsError.impossible(path, f"the origin of {name!r} is not one number")
        origin[name] = float(values[0])
    sums = {
        Sum(tuple(factors), tuple(present)): _numbers(path, table, f"s{i}") for i, (factors, present) in enumerate(plan["sums"])
    }
    moments = in_key_order(Moments(keys=keys, rows=rows, sums=sums, origin=origin))
    codes = np.stack([key.codes for key in keys.values()], axis=1)
    if len(np.unique(codes, axis=0)) < moments.cells:
        raise MomentsError.impossible(path, "the same cell stands in it twice")
    return moments


def _require_whole(path: str, table: pa.Table, rows: NDArray[np.int64]) -> None:
    """No cell and no user is absent."""
    for name, what, found in (("cells", "cells", table.num_rows), ("total", "users", int(rows.sum()))):
        told = {int(v) for v in np.unique(_numbers(path, table, name))}
        if told != {found}:
            raise MomentsError.incomplete(path, what, found, max(told, default=0))


def _numbers(path: str, table: pa.Table, name: str) -> NDArray[np.float64]:
    try:
        values = cast("Any", table.column(name)).cast(pa.float64()).to_numpy()
    except (pa.ArrowException, ValueError) as reason:
        raise MomentsError.unreadable(path, f"its column {name!r} does not hold numbers") from reason
    if not np.isfinite(values).all():
        raise MomentsError.impossible(path, f"column {name!r} has a value that is missing or not finite")
    return values


def _require_possible(path: str, moments: Moments) -> None:
    """Counts are whole numbers from 0 to the cell's rows, and no square of a sum exceeds count × sum of squares."""
    if moments.rows.min(initial=1) < 1:
        raise MomentsError.impossible(path, "a cell without rows")
    for s, values in moments.sums.items():
        named = " × ".join(s.factors)
        if not s.factors and (np.any(values < 0) or np.any(values > moments.rows) or np.any(values != np.floor(values))):
            raise MomentsError.impossible(
                path, f"a count of {', '.join(s.present) or 'rows'} that is not from 0 to the cell's rows"
            )
        if len(s.factors) == 2 and s.factors[0] == s.factors[1]:
            first, count = moments.sums.get(Sum(s.factors[:1], s.present)), moments.sums.get(Sum((), s.present))
            if first is None or count is None:
                continue
            mean = float(values.sum()) / max(float(count.sum()), 1.0)
            slack = 1e-9 * np.abs(values) + 1e-7 * abs(mean) * count + 1e-300  # sums are rounded by what is typical
            if np.any(first**2 > count * (values + slack)):
                raise MomentsError.impossible(path, f"the sum of squares of {named} is too small for its sum")


def _header(path: str, table: pa.Table) -> dict[str, Any]:
    text = (table.schema.metadata or {}).get(HEADER)
    if text is None:
        return {}
    try:
        return cast("dict[str, Any]", json.loads(text))
    except ValueError as reason:
        raise MomentsError.unreadable(path, "its header is not JSON") from reason


def _profile(values: Sequence[float]) -> ColumnProfile:
    count, missing, infinite, low, high, mean, spread = values
    return ColumnProfile(
        count=int(count), missing=int(missing), infinite=int(infinite), low=low, high=high, mean=mean, spread=spread
    )


def _told(path: str, table: pa.Table, plan: Mapping[str, Any]) -> dict[str, Any]:
    """What a query says of its rows beside the sums: the users, those without a name, those with several values, those left out."""
    facts: dict[str, Any] = {"elsewhere": True, "engine": str(plan.get("dialect") or "elsewhere")}
    for name in ("users", "nobody", "several", "gone"):
        if name in table.column_names:
            facts[name] = _one_number(path, table, name)
    return facts


def _one_number(path: str, table: pa.Table, name: str) -> int:
    values = np.unique(_numbers(path, table, name))
    if values.size != 1 or not 0 <= values[0] <= 2**53:
        raise MomentsError.impossible(path, f"{name!r} is not one number from 0 up")
    return int(values[0])


def _elsewhere(path: str, table: pa.Table, moments: Moments) -> Profile:
    """The profile of an answer that has no header: ranges from its columns ``l`` and ``h``, the rest from the sums."""
    columns: dict[str, ColumnProfile] = {}
    for j, m in enumerate(moments.origin):
        low, high = (_present(table, f"{end}{j}") for end in "lh")
        if f"l{j}" not in table.column_names or f"h{j}" not in table.column_names:
            raise MomentsError.unreadable(path, f"it has no column 'l{j}' or 'h{j}' with the range of {m!r}")
        infinite = int(_numbers(path, table, f"i{j}").sum()) if f"i{j}" in table.column_names else 0
        columns[m] = replace(column_from(moments, m, min(low, default=math.nan), max(high, default=math.nan)), infinite=infinite)
    return profile_from(moments, columns)


def _present(table: pa.Table, name: str) -> list[float]:
    """The values of a column that are not missing; none where there is no such column."""
    values: list[Any] = table.column(name).to_pylist() if name in table.column_names else []
    return [float(v) for v in values if v is not None]
