"""Tables of sums as parquet files, and back: a documented, versioned schema that a warehouse's answer can have as well.

One row per cell. ``layout`` says on every row what the columns mean, ``cells`` and ``total`` how many rows and users the whole
answer has, so that a file that was cut short is noticed. What honestlift writes itself also has a header in the parquet metadata:
the profile of the columns, what needed the rows, a sketch of the users, and a hash of everything.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from honestlift.moments.profile import ColumnProfile, Profile
from honestlift.moments.spec import Sum
from honestlift.moments.table import Key, Moments
from honestlift.report.files import write_files

VERSION = 1
"""Version of the schema; see docs/reference/moments.md."""

HEADER = b"honestlift"

_Parquet = cast("Any", pq)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StoredMoments:
    """Sums that were made earlier, or elsewhere, with what is known of the rows behind them.

    ``write`` keeps them in a file, ``read_moments`` brings them back, and ``run`` answers the study from them as from the rows.

    Attributes:
        moments: the sums per cell.
        question: hash of all in the study that the sums depend on.
        profile: what is known of every measured column.
        header: what needed the rows, as plain values; empty if the sums come from elsewhere.
        names: the files that they come from.

    Example:
        >>> design = hl.ClusterDesign(unit="user_id", cluster="workspace_id", treatment="treated")
        >>> study = hl.Study(design=design, metrics=(hl.Mean("session_minutes_obs"),), bootstrap=0)
        >>> stored = hl.collect_moments("users.parquet", study)
        >>> stored.moments.cells, hl.run(stored, study).headline() == hl.run("users.parquet", study).headline()
        (50, True)
    """

    moments: Moments
    question: str
    profile: Profile
    header: Mapping[str, Any]
    names: tuple[str, ...] = ()

    def to_bytes(self) -> bytes:
        """The file's bytes: the same for the same sums."""
        moments = in_key_order(self.moments)
        table = _table(moments, self.question)
        header = dict(self.header) | {"profile": {m: _listed(c) for m, c in self.profile.columns.items()}}
        header["digest"] = digest(moments, header)
        made = table.replace_schema_metadata({HEADER: json.dumps(header, ensure_ascii=False).encode()})
        sink = io.BytesIO()
        _Parquet.write_table(made, sink, compression="zstd")
        return sink.getvalue()

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write the file, whole or not at all.

        Raises:
            ReportError: if it cannot be written.
        """
        write_files({Path(path): self.to_bytes()})


def layout(moments_keys: Sequence[str], measures: Sequence[str], sums: Sequence[Sum], question: str) -> str:
    """What the columns of a table of sums mean, as JSON; the same on every row of the table.

    Args:
        moments_keys: the grouping columns: cluster, arm, strata, exposure, categories.
        measures: the measured columns, in the order of their origins.
        sums: the sums, in the order of their columns.
        question: hash of all in the study that the sums depend on.
    """
    listed = [[list(s.factors), list(s.present)] for s in sums]
    values = {"version": VERSION, "question": question, "keys": list(moments_keys), "measures": list(measures), "sums": listed}
    return json.dumps(values, ensure_ascii=False)


def _table(moments: Moments, question: str) -> pa.Table:
    size, measures = moments.cells, list(moments.origin)
    text = layout(list(moments.keys), measures, list(moments.sums), question)
    columns: dict[str, Any] = {
        "layout": pa.array([text] * size, pa.string()),
        "cells": np.full(size, size, dtype=np.int64),
        "total": np.full(size, int(moments.rows.sum()), dtype=np.int64),
    }
    columns |= {f"k{i}": _typed(key) for i, key in enumerate(moments.keys.values())}
    columns["n"] = moments.rows
    columns |= {f"o{j}": np.full(size, moments.origin[m]) for j, m in enumerate(measures)}
    columns |= {f"s{i}": values for i, values in enumerate(moments.sums.values())}
    return pa.table(columns)


def _typed(key: Key) -> pa.Array[Any]:
    """The values of a key as a column that ``key_of`` reads back as the same labels."""
    values: list[Any] = list(key.values())
    kinds: set[type] = {type(v) for v in values if v is not None}
    if kinds <= {int, float} and float in kinds:
        values = [None if v is None else float(v) for v in values]
    elif kinds == {int} and max(abs(v) for v in values if v is not None) >= 2**63:
        values = [None if v is None else Decimal(v) for v in values]
    elif kinds == {int, str}:  # decimals with and without digits behind the point
        values = [None if v is None else Decimal(str(v)) for v in values]
    return pa.array(values)


def _listed(column: ColumnProfile) -> list[float]:
    return [column.count, column.missing, column.infinite, column.low, column.high, column.mean, column.spread]


def digest(moments: Moments, header: Mapping[str, Any]) -> str:
    """Hash of all that a file holds: the sums, their cells in the order of their keys, and the header."""
    rest = json.dumps({k: v for k, v in header.items() if k != "digest"}, sort_keys=True, ensure_ascii=False)
    ordered = hashlib.sha256(moments.digest().encode() + rest.encode())
    return ordered.hexdigest()


def in_key_order(moments: Moments) -> Moments:
    """The same sums, their cells in the order of their keys, as a scan brings them."""
    order = np.lexsort([key.codes for key in reversed(list(moments.keys.values()))])
    return Moments(
        keys={name: Key(codes=key.codes[order], labels=key.labels) for name, key in moments.keys.items()},
        rows=moments.rows[order],
        sums={s: values[order] + 0.0 for s, values in moments.sums.items()},
        origin=dict(moments.origin),
    )


def column_from(moments: Moments, measure: str, low: float, high: float) -> ColumnProfile:
    """A column's profile from its sums and its range."""
    count = float(moments.sums[Sum((), (measure,))].sum())
    first, second = (math.fsum(moments.sums[Sum((measure,) * power, (measure,))]) for power in (1, 2))
    mean = first / count if count else math.nan
    spread = math.sqrt(max(second / count - mean * mean, 0.0)) if count else math.nan
    missing, centre = int(moments.rows.sum() - count), moments.origin[measure]
    return ColumnProfile(
        count=int(count),
        missing=missing,
        infinite=0,
        low=low,
        high=high,
        mean=centre + mean,
        spread=0.0 if low == high else spread,
    )


def profile_from(moments: Moments, columns: Mapping[str, ColumnProfile]) -> Profile:
    """The profile of a whole table from those of its columns."""
    rows = moments.rows
    return Profile(
        rows=int(rows.sum()),
        cells=moments.cells,
        largest_cell=int(rows.max(initial=0)),
        typical_cell=float(np.mean(rows**-0.5) ** -2) if rows.size else 0.0,
        columns=dict(columns),
    )
