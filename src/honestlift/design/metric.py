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
        _check(self.better, self.role, self.margin)

    @property
    def label(self) -> str:
        """The name by which the result speaks of this metric."""
        return self.name or self.column

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that a user must have a value of."""
        return (self.column,)


@dataclass(frozen=True, slots=True)
class Ratio:
    """The sum of one column over the sum of another, such as cost per task: cluster studies only.

    Attributes:
        numerator: what is counted, one value per user.
        denominator: per what, one value per user.
        name: what people call it; ``numerator / denominator`` by default.
        better, role, margin, pre: as for ``Mean``.

    Raises:
        DesignError: if a value is out of range, or the two columns are one.

    Example:
        >>> hl.Ratio("cost", "tasks", better="lower").label
        'cost / tasks'
    """

    numerator: str
    denominator: str
    name: str | None = None
    better: Better = "higher"
    role: Role | None = None
    margin: float | None = None
    pre: str | None = None

    def __post_init__(self) -> None:
        _check(self.better, self.role, self.margin)
        if self.numerator == self.denominator:
            raise DesignError.out_of_range("denominator", self.denominator, "another column than the numerator")

    @property
    def label(self) -> str:
        """The name by which the result speaks of this metric."""
        return self.name or f"{self.numerator} / {self.denominator}"

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that a user must have a value of."""
        return (self.numerator, self.denominator)


Metric = Mean | Ratio


def _check(better: str, role: str | None, margin: float | None) -> None:
    """What all metrics have in common is in range."""
    if better not in ("higher", "lower"):
        raise DesignError.out_of_range("better", better, "'higher' or 'lower'")
    if role not in (None, "primary", "secondary", "guardrail"):
        raise DesignError.out_of_range("role", role, "'primary', 'secondary' or 'guardrail'")
    if margin is not None and not (math.isfinite(margin) and 0 <= margin < 1):
        raise DesignError.out_of_range("margin", margin, "a fraction of the control mean from 0 to below 1")
