"""Metrics: what is measured, which way is better, and how much it counts."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from honestlift.errors import DesignError

Better = Literal["higher", "lower"]
Role = Literal["primary", "secondary", "guardrail"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Winsorize:
    """Stated values beyond which an outcome counts as these values.

    Attributes:
        above: what a larger value counts as.
        below: what a smaller value counts as.

    Raises:
        DesignError: if neither is given, one is not finite, or they are not in ascending order.

    Example:
        >>> hl.Mean("session_minutes", winsorize=hl.Winsorize(above=120)).winsorize.above
        120
    """

    above: float | None = None
    below: float | None = None

    def __post_init__(self) -> None:
        given = [v for v in (self.below, self.above) if v is not None]
        expected = "finite values, the one below less than the one above, at least one of them"
        if not given or not all(math.isfinite(v) for v in given) or given != sorted(set(given)):
            raise DesignError.out_of_range("winsorize", {"below": self.below, "above": self.above}, expected)


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
        winsorize: cap the outcome: at a ``Winsorize``'s stated values, or, for a share such as 0.99, at that quantile of ``pre`` over
            all users of the study, which the treatment cannot have moved. It changes the question to the mean of the capped metric.
            Cluster studies only.

    Raises:
        DesignError: if a value is out of range, or a quantile is asked for without ``pre``.

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
    winsorize: float | Winsorize | None = None

    def __post_init__(self) -> None:
        _check(self.better, self.role, self.margin)
        if self.winsorize is None or isinstance(self.winsorize, Winsorize):
            return
        if isinstance(self.winsorize, bool) or not 0.5 <= self.winsorize < 1:
            expected = "a quantile of the measure before treatment from 0.5 to below 1, or stated values {above: 120}"
            raise DesignError.out_of_range("winsorize", self.winsorize, expected)
        if self.pre is None:
            raise DesignError.winsorize_without_pre(self.label, self.winsorize)

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


@dataclass(frozen=True, slots=True)
class Quantile:
    """A quantile of a column over users, such as the slowest tenth's latency: cluster studies only.

    An arm's quantile is the least value that at least a share ``q`` of its users do not exceed.

    Attributes:
        column: the outcome, a number, one value per user.
        q: which quantile, between 0 and 1: 0.5 is the median.
        name: what people call it; ``0.9 quantile of column`` by default.
        better, role, margin, pre: as for ``Mean``.

    Raises:
        DesignError: if a value is out of range.

    Example:
        >>> hl.Quantile("latency_ms", q=0.9, better="lower").label
        '0.9 quantile of latency_ms'
    """

    column: str
    q: float
    name: str | None = None
    better: Better = "higher"
    role: Role | None = None
    margin: float | None = None
    pre: str | None = None

    def __post_init__(self) -> None:
        _check(self.better, self.role, self.margin)
        if isinstance(self.q, bool) or not 0 < self.q < 1:
            raise DesignError.out_of_range("q", self.q, "a number between 0 and 1, for example 0.9")

    @property
    def label(self) -> str:
        """The name by which the result speaks of this metric."""
        return self.name or f"{self.q:g} quantile of {self.column}"

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that a user must have a value of."""
        return (self.column,)


Metric = Mean | Ratio | Quantile


def _check(better: str, role: str | None, margin: float | None) -> None:
    """What all metrics have in common is in range."""
    if better not in ("higher", "lower"):
        raise DesignError.out_of_range("better", better, "'higher' or 'lower'")
    if role not in (None, "primary", "secondary", "guardrail"):
        raise DesignError.out_of_range("role", role, "'primary', 'secondary' or 'guardrail'")
    if margin is not None and not (math.isfinite(margin) and 0 <= margin < 1):
        raise DesignError.out_of_range("margin", margin, "a fraction of the control mean from 0 to below 1")
