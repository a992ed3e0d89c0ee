"""Metrics: what is measured, which way is better, and how much it counts."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from honestlift.errors import DesignError

Better = Literal["higher", "lower"]
Role = Literal["primary", "secondary", "guardrail"]


@dataclass(frozen=True, slots=True)
class Mean:
    """The mean of a column over users.

    Attributes:
        column: the outcome, a number or 0/1, one value per user.
        name: what people call it; the column's name by default.
        better: which direction is good news, ``higher`` or ``lower``.
        role: ``primary``, ``secondary`` or ``guardrail``. By default the first metric of a study is primary when none says
            that it is, the others secondary.
        margin: for a guardrail, the loss that is still tolerable, as a fraction of the control mean (0.02 is 2 %).
        pre: the same measure before the treatment began, if there is one.

    Raises:
        DesignError: if a value is out of range.

    Example:
        >>> hl.Mean("cost_usd", name="Cost", better="lower", role="guardrail", margin=0.02).label
        'Cost'
    """

    column: str
    name: str | None = None
    better: Better = "higher"
    role: Role | None = None
    margin: float | None = None
    pre: str | None = None

    def __post_init__(self) -> None:
        if self.better not in ("higher", "lower"):
            raise DesignError.out_of_range("better", self.better, "'higher' or 'lower'")
        if self.role not in (None, "primary", "secondary", "guardrail"):
            raise DesignError.out_of_range("role", self.role, "'primary', 'secondary' or 'guardrail'")
        if self.margin is not None and not (math.isfinite(self.margin) and 0 <= self.margin < 1):
            raise DesignError.out_of_range("margin", self.margin, "a fraction of the control mean from 0 to below 1")

    @property
    def label(self) -> str:
        """The name by which the result speaks of this metric."""
        return self.name or self.column
