"""The randomization test of the intention-to-treat effect: re-draw the arms by the design's own rule, and invert."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from honestlift.design.assignment import Redraw, fixed_counts
from honestlift.errors import DataError, DesignError
from honestlift.inference.interval import inverted_interval
from honestlift.result import Interval

Statistic = Literal["cr2_t", "neyman_t", "difference"]

TIE = 1e-10
"""Relative difference below which two statistics are the same one; they are then counted as at least as large."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Redraws:
    """All re-draws of the arms, for every constant effect r: t*² = (n₀ + n₁r)² / (d₀ + d₁r + d₂r²).

    Attributes:
        estimate: the difference of means in the actual arms.
        std_error: what the statistic divides it by; 1 for the plain difference.
        numerator: (B, 2) n₀ and n₁ of each re-draw.
        denominator: (B, 3) d₀, d₁ and d₂ of each re-draw.
        enumerated: whether the re-draws are all admissible assignments, each once.
        smallest_p: smallest p-value that the rule allows.
        assignments: number of admissible assignments.
    """

    estimate: float
    std_error: float
    numerator: NDArray[np.float64]
    denominator: NDArray[np.float64]
    enumerated: bool
    smallest_p: float
    assignments: int

    def __post_init__(self) -> None:
        for array in (self.numerator, self.denominator):
            array.setflags(write=False)


def redraws(
    n: NDArray[np.float64],
    total: NDArray[np.float64],
    treated: NDArray[np.bool_],
    rng: np.random.Generator,
    *,
    strata: NDArray[np.int64] | None = None,
    rule: Redraw | None = None,
    statistic: Statistic = "cr2_t",
    draws: int = 9_999,
) -> Redraws:
    """Re-draw the arms of an experiment by its rule; without one, with the actual number of treated clusters, over all or in each stratum.

    The statistic is adjusted for nothing; strata only restrict the re-draws. See ``adjusted_redraws`` for one with covariates.

    - ``cr2_t``: CR2 t of the difference of user means. In closed form, with e_g = S_g − n_g·mean_a and N_a users in arm a, its
      squared standard error is Σ_g e_g² / (N_a (N_a − n_g)): a cluster's block of I − H has the one eigenvalue 1 − n_g/N_a.
    - ``neyman_t``: Neyman's t of the difference of the unweighted means of cluster means (Neyman 1923): the same with n_g = 1.
    - ``difference``: of user means, unstudentized: exact for a constant effect only, not valid for an average effect.

    Args:
        n: (K,) users per cluster. A cluster without users is re-drawn too; a re-draw in which an arm has no users is left out.
        total: (K,) sum of the outcome about an origin.
        treated: (K,) the actual arms.
        rng: source of randomness; not used when the assignments are enumerated.
        strata: (K,) index of each cluster's stratum, 0 to S−1, where no rule is given.
        rule: how the arms are drawn again, of the same clusters in the same order.
        statistic: which statistic.
        draws: number B of re-draws; all admissible assignments are taken instead when they are no more.

    Returns:
        The re-draws, of which ``randomization_p_value`` and ``randomization_interval`` are functions.

    Raises:
        DesignError: if the statistic is unknown.
        DataError: if an arm has no users.
    """
    if statistic not in ("cr2_t", "neyman_t", "difference"):
        raise DesignError.out_of_range("statistic", statistic, "'cr2_t', 'neyman_t' or 'difference'")
    for arm, members in (("treated", treated), ("control", ~treated)):
        if not n[members].sum() > 0:
            raise DataError.no_outcome_in_arm("outcome", arm)
    if statistic == "neyman_t":
        total, n = np.divide(total, n, out=np.zeros_like(total), where=n > 0), (n > 0).astype(np.float64)
    rule = rule or within(treated, strata)
    blocks, enumerated = rule.blocks(rng, draws)
    imputed = np.where(treated, n, 0.0)  # what an effect of 1 adds to each cluster's sum
    parts = [_five_numbers(arms.astype(np.bool_), n, total, imputed, studentized=statistic != "difference") for arms in blocks]
    actual_n, actual_d = _five_numbers(treated[None, :], n, total, imputed, studentized=statistic != "difference")
    return collected(parts, float(actual_n[0, 0]), math.sqrt(actual_d[0, 0]), rule, draws, enumerated=enumerated)


def within(treated: NDArray[np.bool_], strata: NDArray[np.int64] | None) -> Redraw:
    """Re-draws of the actual number of treated clusters, over all or in each stratum, (K,) index 0 to S−1."""
    strata = np.zeros(treated.size, dtype=np.int64) if strata is None else strata
    return fixed_counts(strata, np.bincount(strata, treated).astype(np.int64))


def collected(
    parts: Sequence[tuple[NDArray[np.float64], NDArray[np.float64]]],
    estimate: float,
    std_error: float,
    rule: Redraw,
    draws: int,
    *,
    enumerated: bool,
) -> Redraws:
    """The numerators (b, 2) and denominators (b, 3) of all blocks, with the actual statistic and what the rule allows."""
    return Redraws(
        estimate=estimate,
        std_error=std_error,
        numerator=np.concatenate([numerator for numerator, _ in parts]),
        denominator=np.concatenate([denominator for _, denominator in parts]),
        enumerated=enumerated,
        smallest_p=rule.smallest_p(draws),
        assignments=rule.admissible,
    )


def randomization_p_value(drawn: Redraws, null: float = 0.0) -> float:
    """Two-sided p-value of a constant effect ``null``: share of re-draws with |t*| ≥ |t|.

    (1 + number)/(B + 1) unless the re-draws are enumerated. Exact for a constant effect; for an average effect it is asymptotic,
    and needs a studentized statistic (Wu & Ding 2021, Journal of the American Statistical Association 116).
    """
    n, d = drawn.numerator, drawn.denominator
    numerator = np.abs(n[:, 0] + n[:, 1] * null)
    denominator = np.sqrt(np.maximum(d[:, 0] + (d[:, 1] + d[:, 2] * null) * null, 0.0))
    actual = abs(drawn.estimate - null) * (1 - TIE)
    larger = int(np.count_nonzero(numerator * drawn.std_error >= actual * denominator))
    return larger / n.shape[0] if drawn.enumerated else (1 + larger) / (n.shape[0] + 1)


def randomization_interval(drawn: Redraws, level: float) -> Interval:
    """The constant effects that the test does not reject, and the p-value for zero; no standard error, no df.

    The ends are infinite where no effect is rejected, as with 2 treated of 4 clusters and a level of 0.95 (smallest p 2/6).
    """
    n, d = drawn.numerator, drawn.denominator
    typical = math.sqrt(float(np.mean(n[:, 0] ** 2)))  # spread of the difference over the re-draws
    step = typical if not d[:, 1:].any() else drawn.std_error
    low, high = inverted_interval(lambda r: randomization_p_value(drawn, r), drawn.estimate, step, level)
    return Interval(std_error=np.nan, df=np.nan, p_value=randomization_p_value(drawn), low=low, high=high, level=level)


def _five_numbers(
    arms: NDArray[np.bool_],
    n: NDArray[np.float64],
    total: NDArray[np.float64],
    imputed: NDArray[np.float64],
    *,
    studentized: bool,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Numerator (B, 2) and denominator (B, 3) of t*² from re-drawn arms (B, K).

    Under a constant effect r, cluster g has the sum S_g − r q_g without treatment, q_g = n_g where it was treated: both the
    difference of means and the residual sums are linear in r.
    """
    treated = arms.astype(np.float64)
    columns = np.stack([n, total, imputed])
    inside = np.einsum("bg,mg->mb", treated, columns)
    sums = np.stack([np.einsum("bg,mg->mb", 1 - treated, columns), inside])  # (arm, column, B)
    rows = np.where(sums[:, 0] > 0, sums[:, 0], np.nan)
    means = sums[:, 1:] / rows[:, None]
    numerator = np.stack([means[1, 0] - means[0, 0], means[0, 1] - means[1, 1]], axis=1)
    denominator = np.tile([1.0, 0.0, 0.0], (arms.shape[0], 1))
    if studentized:
        own = np.where(arms, rows[1, :, None], rows[0, :, None])
        left = own - n
        weight = np.divide(1.0, left * own, out=np.zeros_like(left), where=left > 0)
        e, q = (x - n * np.where(arms, m[1, :, None], m[0, :, None]) for x, m in ((total, means[:, 0]), (imputed, means[:, 1])))
        pairs = ((weight * e, e), (-2 * weight * e, q), (weight * q, q))
        denominator = np.stack([np.einsum("bg,bg->b", one, other) for one, other in pairs], axis=1)
    defined = ~np.isnan(numerator[:, 0])  # every arm has users
    return numerator[defined], denominator[defined]
