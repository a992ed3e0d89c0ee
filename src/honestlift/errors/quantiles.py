"""What can be wrong with a quantile that is asked of a column."""

from __future__ import annotations

from honestlift.errors.rows import DataError


class QuantileError(DataError):
    """A quantile that the values do not have, or whose difference they cannot tell."""

    @classmethod
    def beyond(cls, column: str, q: float, arm: str) -> QuantileError:
        return cls(
            f"The interval of the {q:g} quantile of {column!r} in the {arm} arm reaches beyond the data. Expected users and workspaces "
            "enough on both sides of it. Ask for a quantile nearer to the median, or for the mean."
        )

    @classmethod
    def fixed(cls, column: str, q: float, control: float, treated: float) -> QuantileError:
        return cls(
            f"The {q:g} quantile of {column!r} is {control:g} in the control and {treated:g} in the treated arm, where so many users are "
            "that no effect in reach moves it. Expected a quantile that can move. Ask for the mean, or for another quantile."
        )

    @classmethod
    def too_spread(cls, column: str) -> QuantileError:
        return cls(
            f"The values of {column!r} spread over more than 80 powers of ten. Expected values whose quantiles can be told apart. "
            "Look for a broken unit, or take logarithms."
        )
