"""What can be wrong with ties between users."""

from __future__ import annotations

from honestlift.errors.rows import DataError


class TiesError(DataError):
    """A collaboration graph that cannot be joined to the users of a study."""

    @classmethod
    def other_ids(cls, column: str, held: str, unit: str, expected: str) -> TiesError:
        return cls(
            f"Column {column!r} of the ties holds {held}, and {unit!r}, the unit, {expected}. Expected ids of the same kind. Convert one."
        )

    @classmethod
    def weights_apart(cls, least: float, most: float) -> TiesError:
        return cls(
            f"The weights of the ties go from {least:g} to {most:g}, too far apart to be added. Expected weights of like size. "
            "Check their unit, or leave the weight out."
        )

    @classmethod
    def too_many_ties(cls, pairs: int, most: int) -> TiesError:
        return cls(
            f"The ties join users to {pairs:,} clusters of other users. Expected at most {most:,} such pairs, which are held in memory. "
            "Leave out weak ties, or study a random part of the clusters."
        )
