"""Exposure: who was reached by the treatment of others."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """A 0/1 column that marks the users whom the treatment of others reached.

    Attributes:
        column: the mark, one value per user. In treated clusters it is not used: the contrast is between exposed and
            unexposed controls.
        randomized: set it to vouch that re-drawing the assignment of clusters would change the mark of a user whose own
            arm is held fixed. Without it the contrasts that use the mark are associations.

    Example:
        >>> hl.Exposure(column="spillover_exposed")
        Exposure(column='spillover_exposed', randomized=False)
    """

    column: str
    randomized: bool = False
