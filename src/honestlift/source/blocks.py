"""Rows of the embedded engine as a stream of Arrow batches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import duckdb
import narwhals as nw
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from honestlift.source.failure import is_interrupted, stopped


def reader_of(frame: nw.LazyFrame[Any], rows: int = 1_000_000) -> pa.RecordBatchReader:
    """A reader of the rows; any other query on its connection would cut it short in silence."""
    relation: Any = nw.to_native(frame)
    return relation.to_arrow_reader(rows) if hasattr(relation, "to_arrow_reader") else relation.fetch_record_batch(rows)


def arrow_batches(frame: nw.LazyFrame[Any], rows: int) -> Iterator[Any]:
    """The rows, so many at a time.

    Raises:
        SourceError: if the engine fails.
    """
    try:
        yield from reader_of(frame, rows)
    except (duckdb.Error, pa.ArrowException, RuntimeError) as reason:
        if is_interrupted(reason):
            raise KeyboardInterrupt from reason
        raise stopped(reason) from reason


def arrays_of(batch: Any) -> list[NDArray[np.float64]]:
    """The columns of a batch of doubles, (n,) each; NaN where NULL."""
    columns: Any = batch.columns
    return [column.to_numpy(zero_copy_only=False) for column in columns]


def threads_of(frame: nw.LazyFrame[Any]) -> int:
    """How many threads the rows' engine may use."""
    relation: Any = nw.to_native(frame)
    return int(relation.limit(1).project("current_setting('threads')").fetchall()[0][0])
