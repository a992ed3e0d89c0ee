"""The wild cluster restricted bootstrap: a t test, and its inversion, from five numbers per draw."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from honestlift.errors import DesignError
from honestlift.estimators.fit import Fit, loading, solve_normal
from honestlift.inference.interval import inverted_interval
from honestlift.result import Interval

Weights = Literal["rademacher", "webb"]
Scores = Literal["WCR", "WCR-S"]

WEBB = np.array([-np.sqrt(1.5), -1.0, -np.sqrt(0.5), np.sqrt(0.5), 1.0, np.sqrt(1.5)])
"""Six points of equal probability, with mean 0 and variance 1 (Webb 2023, Canadian Journal of Economics 56)."""

TIE = 1e-10
"""Relative difference below which two t statistics are the same one; they are then counted as at least as large."""

BLOCK, MOST_DRAWS = 32_000_000, 8_192
"""Bytes of drawn weights held at one time, and most draws: their sums stay in the processor's cache."""

HANDFULS = 64
"""Tables of sums held at one time."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WildDraws:
    """All draws of a wild bootstrap for every hypothesis c'theta = r: t*² = (n₀ + n₁δ)² / (d₀ + d₁δ + d₂δ²), δ = c'theta − r.

    Attributes:
        estimate: c'theta.
        std_error: its CR0 standard error, by which the actual t is studentized.
        numerator: (B, 2) n₀ and n₁ of each draw.
        denominator: (B, 3) d₀, d₁ and d₂ of each draw.
        enumerated: whether the draws are all sign vectors, each once.
        smallest_p: smallest p-value that the draws can give.
    """

    estimate: float
    std_error: float
    numerator: NDArray[np.float64]
    denominator: NDArray[np.float64]
    enumerated: bool
    smallest_p: float

    def __post_init__(self) -> None:
        for array in (self.numerator, self.denominator):
            array.setflags(write=False)


def wild_draws(
    fit: Fit,
    contrast: NDArray[np.float64],
    rng: np.random.Generator,
    *,
    draws: int = 9_999,
    weights: Weights = "rademacher",
    scores: Scores = "WCR",
) -> WildDraws:
    """Draw a wild cluster restricted bootstrap of one contrast.

    Roodman, MacKinnon, Nielsen & Webb (2019), Stata Journal 19; WCR-S: MacKinnon, Nielsen & Webb (2023), Journal of Applied
    Econometrics 38, where the restricted estimate behind each cluster's scores leaves out that cluster.

    Args:
        fit: the unrestricted fit. Clusters without rows are left out.
        contrast: (k,) weights c of the coefficients.
        rng: source of randomness; not used when the sign vectors are enumerated.
        draws: number B of draws; with Rademacher weights all 2^G sign vectors are taken instead when they are no more.
        weights: ``rademacher`` (−1, +1) or ``webb`` (six points).
        scores: ``WCR`` or ``WCR-S``.

    Returns:
        The draws, of which ``wild_p_value`` and ``wild_interval`` are functions.

    Raises:
        DesignError: if an option is unknown.
    """
    if weights not in ("rademacher", "webb"):
        raise DesignError.out_of_range("weights", weights, "'rademacher' or 'webb'")
    if scores not in ("WCR", "WCR-S"):
        raise DesignError.out_of_range("scores", scores, "'WCR' or 'WCR-S'")
    used = np.flatnonzero(fit.n)
    points = 2 if weights == "rademacher" else WEBB.size
    enumerated = points == 2 and used.size < 63 and 2**used.size <= draws
    plan = _Plan(clusters=used.size, values=np.array([-1.0, 1.0]) if points == 2 else WEBB, exact=scores == "WCR")
    score = _restricted_scores(fit, used, contrast, jackknife=scores == "WCR-S")
    parts = [_five_numbers(picks, score, plan) for picks in (plan.enumerated() if enumerated else plan.random(draws, rng))]
    smallest = float(points) ** (1 - used.size)
    return WildDraws(
        estimate=float(contrast @ fit.theta),
        std_error=float(np.sqrt((np.einsum("gi,i->g", fit.scores, solve_normal(fit.root, contrast)) ** 2).sum())),
        numerator=np.concatenate([numerator for numerator, _ in parts]),
        denominator=np.concatenate([denominator for _, denominator in parts]),
        enumerated=enumerated,
        smallest_p=smallest if enumerated else max(smallest, 1 / (draws + 1)),
    )


def wild_p_value(draws: WildDraws, null: float = 0.0) -> float:
    """Two-sided p-value of c'theta = null: share of draws with |t*| ≥ |t|; (1 + number)/(B + 1) unless they are enumerated."""
    delta = draws.estimate - null
    n, d = draws.numerator, draws.denominator
    numerator = np.abs(n[:, 0] + n[:, 1] * delta)
    denominator = np.sqrt(np.maximum(d[:, 0] + (d[:, 1] + d[:, 2] * delta) * delta, 0.0))
    larger = int(np.count_nonzero(numerator * draws.std_error >= abs(delta) * (1 - TIE) * denominator))
    return larger / n.shape[0] if draws.enumerated else (1 + larger) / (n.shape[0] + 1)


def wild_interval(draws: WildDraws, level: float) -> Interval:
    """The values that the test does not reject, and the p-value for zero; no standard error, no df.

    The ends are infinite where no value is rejected, as with 5 clusters and a level of 0.95 (smallest p 2/32).
    """
    low, high = inverted_interval(lambda r: wild_p_value(draws, r), draws.estimate, draws.std_error, level)
    return Interval(std_error=np.nan, df=np.nan, p_value=wild_p_value(draws), low=low, high=high, level=level)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Scores:
    """What a draw needs of G clusters: scores u_g + δ v_g under the null, their influence α_g + δ β_g = c'M(u_g + δ v_g), w_g."""

    u: NDArray[np.float64]
    v: NDArray[np.float64]
    alpha: NDArray[np.float64]
    beta: NDArray[np.float64]
    w: NDArray[np.float64]


def _restricted_scores(fit: Fit, used: NDArray[np.int64], contrast: NDArray[np.float64], *, jackknife: bool) -> _Scores:
    """Scores at the restricted estimate, all linear in δ = c'theta − r; ``jackknife`` for WCR-S."""
    hessians, u = fit.hessians[used], fit.scores[used]
    bread = solve_normal(fit.root, contrast)  # Mc
    turned = np.einsum("gij,j->gi", hessians, bread)
    whole = loading(fit.root)
    v = turned / (contrast @ bread)
    if jackknife:
        u, v = _left_out(fit.root, hessians, u, contrast)
    return _Scores(
        u=u,
        v=v,
        alpha=np.einsum("gi,i->g", u, bread),
        beta=np.einsum("gi,i->g", v, bread),
        w=np.einsum("ij,gj->gi", whole @ whole.T, turned),  # M A_g M c
    )


def _left_out(
    root: NDArray[np.float64], hessians: NDArray[np.float64], scores: NDArray[np.float64], contrast: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Scores b_g − A_g theta~_(g), as level and slope in δ, at the restricted estimate without cluster g.

    theta~_(g) = theta + L x solves [[I − P_g, d], [d', 0]] [x; l] = [−L's_g; −δ], d = L'c: the bordered system in coordinates in
    which A is the identity, so that the Moore–Penrose inverse does not depend on the units of the regressors.
    """
    groups, k = scores.shape
    whole = loading(root)
    d = whole.T @ contrast
    length = float(np.sqrt(d @ d))
    bordered = np.zeros((groups, k + 1, k + 1))
    bordered[:, :k, :k] = np.eye(k) - np.einsum("ji,gjl,lm->gim", whole, hessians, whole, optimize=True)
    bordered[:, :k, k] = bordered[:, k, :k] = d / length
    inverse = np.linalg.pinv(bordered, rcond=1e-10, hermitian=True)
    level = -np.einsum("gij,gj->gi", inverse[:, :k, :k], np.einsum("gi,ij->gj", scores, whole))
    slope = -inverse[:, :k, k] / length
    into = np.einsum("gij,jl->gil", hessians, whole)
    return scores - np.einsum("gij,gj->gi", into, level), -np.einsum("gij,gj->gi", into, slope)


def _five_numbers(picks: NDArray[np.uint8], score: _Scores, plan: _Plan) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Numerator (B, 2) and denominator (B, 3) of t*² from the draws' places (H, B) in the plan's tables.

    t*² = (Σ v_g a_g)² / Σ_g (v_g a_g − w_g'Σ_h v_h s_h)². Where ``plan.exact``, a draw whose weights are all equal repeats the
    data: its numbers are known, and rounding must not break its tie with the actual t.
    """
    k = score.u.shape[1]
    a = np.stack([score.alpha, score.beta], axis=1)
    columns = [a, score.u, score.v, score.alpha[:, None] * score.w, score.beta[:, None] * score.w]
    squares = np.stack([a[:, 0] ** 2, 2 * a[:, 0] * a[:, 1], a[:, 1] ** 2], axis=1)
    sums = _drawn_sums(picks, np.concatenate(columns, axis=1), plan.values, plan.together)
    numerator = sums[:, :2]
    u, v, aw, bw = (sums[:, 2 + i * k : 2 + (i + 1) * k] for i in range(4))
    # signs have squares of one
    own = squares.sum(axis=0) if plan.values.size == 2 else _drawn_sums(picks, squares, plan.values**2, plan.together)
    spread = np.einsum("gi,gj->ij", score.w, score.w)
    wu, wv = np.einsum("bi,ij->bj", u, spread), np.einsum("bi,ij->bj", v, spread)
    denominator = own + np.stack(
        [
            ((wu - 2 * aw) * u).sum(axis=1),
            2 * ((wu - aw) * v - bw * u).sum(axis=1),
            ((wv - 2 * bw) * v).sum(axis=1),
        ],
        axis=1,
    )
    for value, place in plan.all_equal() if plan.exact else ():
        same = (picks == place[:, None]).all(axis=0)
        numerator[same] = value * np.array([0.0, 1.0])
        denominator[same] = value**2 * np.array([float(squares[:, 0].sum()), 0.0, 0.0])
    return numerator, denominator


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Plan:
    """How the weights of G clusters are drawn: ``together`` clusters at a time, as one byte that is a place in a table.

    The place of the weights values[d_0], values[d_1], … is d_0 + d_1·P + d_2·P² + …, P values in all.
    """

    clusters: int
    values: NDArray[np.float64]
    exact: bool

    @property
    def together(self) -> int:
        return 8 if self.values.size == 2 else 3  # 2^8 or 6^3 places: what a byte holds

    def sizes(self) -> NDArray[np.int64]:
        """(H,) number of places in the table of each handful of clusters; the last handful may be a small one."""
        handfuls = -(-self.clusters // self.together)
        held = np.full(handfuls, self.together, dtype=np.int64)
        held[-1] = self.clusters - (handfuls - 1) * self.together
        return self.values.size**held

    def all_equal(self) -> Iterator[tuple[float, NDArray[np.int64]]]:
        """Each value, and the places (H,) at which all clusters have it."""
        points, sizes = self.values.size, self.sizes()
        for digit, value in enumerate(self.values.tolist()):
            yield value, digit * (sizes - 1) // (points - 1)

    def enumerated(self) -> Iterator[NDArray[np.uint8]]:
        """All 2^G vectors of signs, in blocks (H, b)."""
        total = 2**self.clusters
        shifts = np.arange(0, self.clusters, 8)[:, None]
        for start in range(0, total, MOST_DRAWS):
            index = np.arange(start, min(start + MOST_DRAWS, total))
            yield ((index >> shifts) & 255).astype(np.uint8)

    def random(self, draws: int, rng: np.random.Generator) -> Iterator[NDArray[np.uint8]]:
        """Independent weights, in blocks (H, b)."""
        sizes = self.sizes()
        step = max(1, min(MOST_DRAWS, BLOCK // sizes.size))
        for start in range(0, draws, step):
            shape = (sizes.size, min(step, draws - start))
            picks = rng.integers(0, self.values.size**self.together, size=shape, dtype=np.uint8)
            if sizes[-1] < 256:
                picks[-1] %= sizes[-1].astype(np.uint8)
            yield picks


def _drawn_sums(
    picks: NDArray[np.uint8], columns: NDArray[np.float64], values: NDArray[np.float64], together: int
) -> NDArray[np.float64]:
    """Sums Σ_g v_g x_g of columns (G, m) over clusters under every draw, (B, m).

    The sums of each handful of clusters under all their weights are made once; a draw then adds one row per handful (the method
    of four Russians, Arlazarov et al. 1970) instead of one per cluster.
    """
    groups, m = columns.shape
    handfuls, draws = picks.shape
    padded = np.zeros((handfuls * together, m))
    padded[:groups] = columns
    padded = padded.reshape(handfuls, together, m)
    sums = np.zeros((draws, m))
    for start in range(0, handfuls, HANDFULS):
        some = padded[start : start + HANDFULS]
        tables = np.zeros((some.shape[0], 1, m))
        for j in range(together):
            added = values[None, :, None, None] * some[:, None, j, None, :]
            tables = (tables[:, None] + added).reshape(some.shape[0], -1, m)
        for table, places in zip(tables, picks[start : start + HANDFULS], strict=True):
            sums += table[places]
    return sums
