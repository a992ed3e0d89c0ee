"""What can be wrong with folders such as day=2026-01-01, whose names are columns."""

from __future__ import annotations

from collections.abc import Sequence

from honestlift.errors.root import listed
from honestlift.errors.rows import SourceError


class PartitionError(SourceError):
    """Files lie in folders whose names do not make clear columns."""

    @classmethod
    def unlike(cls, one: str, keys: Sequence[str], other: str, others: Sequence[str]) -> PartitionError:
        return cls(
            f"{one!r} lies in folders that give the columns {listed(keys) if keys else 'none'}, {other!r} in such that give "
            f"{listed(others) if others else 'none'}. Expected the same for all files. Name the files of one layout, or a folder of them."
        )

    @classmethod
    def twice(cls, file: str, one: str, other: str) -> PartitionError:
        what = (
            f"gives the column {one!r} twice" if one == other else f"gives the columns {one!r} and {other!r}, alike but for case,"
        )
        return cls(f"The path {file!r} {what} by its folders. Expected each column once. Rename one of the folders.")

    @classmethod
    def confusable(cls, folder: str, column: str) -> PartitionError:
        return cls(
            f"The engine cannot tell the folder {folder!r} from the column {column!r}, which is in the files. Expected names that differ "
            "in more than case. Rename the folder, or pass a frame."
        )

    @classmethod
    def contradicts(cls, file: str, key: str, value: str) -> PartitionError:
        return cls(
            f"{file!r} lies in the folder of {key!r} = {value!r}, but its own column {key!r} has another value on some rows. Expected "
            "one truth. Rename the folder, or write the files without the column."
        )

    @classmethod
    def undecodable(cls, folder: str) -> PartitionError:
        return cls(f"The folder {folder!r} cannot be read as text: its percent code is no UTF-8. Expected key=value. Rename it.")

    @classmethod
    def log_of_changes(cls, folder: str) -> PartitionError:
        return cls(
            f"{folder!r} is a Delta table: by its log some of the parquet files in it hold rows that were deleted or replaced. Expected "
            "the rows that count. Pass a frame or a DuckDB relation that reads the log, e.g. delta_scan."
        )
