"""What can be wrong with a two-stage (saturation) study."""

from __future__ import annotations

from collections.abc import Sequence

from honestlift.errors.question import DesignError


class TwoStageError(DesignError):
    """A question that the analysis of a two-stage design has no place for, or data that are not such a design."""

    @classmethod
    def without(cls, found: Sequence[str]) -> TwoStageError:
        return cls(
            f"The assignment record is that of a two-stage (saturation) design, whose analysis has no {', '.join(found)}. "
            "Expected means of outcomes alone. Leave the rest out of the plan."
        )

    @classmethod
    def no_outcome(cls, column: str) -> TwoStageError:
        return cls(
            f"{column!r} is there at one saturation alone. Expected workspaces with it at two or more. Check how it was recorded, or leave "
            "the metric out."
        )

    @classmethod
    def one_saturation(cls, cluster: str, found: int) -> TwoStageError:
        what = "Workspaces of one saturation alone are" if found else "No workspace of the record is"
        return cls(
            f"{what} in the data, by the column {cluster!r} and the record. Expected two saturations or more. "
            "Check that the record is the one by which these workspaces were treated."
        )
