"""How often the mark of an exposure is wrong, as stated rates."""

from __future__ import annotations

from dataclasses import dataclass

from honestlift.errors import DesignError


@dataclass(frozen=True, slots=True, kw_only=True)
class Misclassification:
    """How often the mark of an exposure is wrong, as shares from 0 to below 1; two numbers are the lowest and the highest.

    The rates are taken to be the same in every workspace, and to have nothing to do with the outcome of a user whose true exposure
    is held fixed (nondifferential misclassification; Hausman, Abrevaya & Scott-Morton 1998, Journal of Econometrics 87).

    Attributes:
        false_positive: share of the unexposed users who are marked all the same.
        false_negative: share of the exposed users whose mark is missing.

    Raises:
        DesignError: if a rate is no share, a range is upside down, or both together could say nothing (they add up to 1 or more).

    Example:
        >>> wrong = hl.Misclassification(false_positive=0.05, false_negative=(0, 0.2))
        >>> wrong.ranges
        ((0.05, 0.05), (0.0, 0.2))
    """

    false_positive: float | tuple[float, float] = 0.0
    false_negative: float | tuple[float, float] = 0.0

    def __post_init__(self) -> None:
        for name in ("false_positive", "false_negative"):
            value = getattr(self, name)
            low, high = _range(value)
            if not 0 <= low <= high < 1:
                raise DesignError.out_of_range(name, value, "a share from 0 to below 1, or the lowest and the highest")
        if sum(high for _, high in self.ranges) >= 1:
            raise DesignError.out_of_range(
                "false_negative", self.false_negative, "less than 1 together with false_positive, or the mark says nothing"
            )

    @property
    def ranges(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """Lowest and highest rate, of false positives and of false negatives."""
        return _range(self.false_positive), _range(self.false_negative)

    def canonical(self) -> dict[str, list[float]]:
        """The ranges as plain values."""
        return {"false_positive": list(self.ranges[0]), "false_negative": list(self.ranges[1])}


def _range(value: float | tuple[float, float]) -> tuple[float, float]:
    low, high = value if isinstance(value, tuple | list) else (value, value)
    return float(low), float(high)
