"""What can be wrong with a roll-out in waves."""

from __future__ import annotations

from honestlift.errors.root import HonestliftError


class WavesError(HonestliftError, ValueError):
    """The waves cannot be compared."""

    @classmethod
    def no_period(cls, name: str, role: str, held: str) -> WavesError:
        return cls(f"Column {name!r}, the {role}, holds {held}. Expected whole numbers, such as weeks. Number the periods.")

    @classmethod
    def start_varies(cls, name: str, cluster: object) -> WavesError:
        return cls(
            f"Cluster {cluster!r} has several values of {name!r}. Expected one start per cluster, empty where there is none. "
            "Write the first period of treatment on all of its rows."
        )

    @classmethod
    def nobody_to_compare(cls, name: str) -> WavesError:
        return cls(
            f"No wave of {name!r} has two clusters, and two that start later or never, in one period. Expected some. "
            "If all clusters start at once, there is nobody to compare them with."
        )

    @classmethod
    def too_many_periods(cls, name: str, found: int, most: int) -> WavesError:
        return cls(f"Column {name!r} spans {found:,} periods. Expected up to {most:,}. Count in weeks or months.")
