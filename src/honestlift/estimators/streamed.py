"""Every opt-in estimator from sums that the engine computes: the same equations as on patterns, for rows that do not collapse.

With W_a the weight of an arm, q the target's share, m_a = z'β_a the outcome models, and ' the derivative by the logit's predictor:

    weighting    N = ΣW Y              D = ΣW    ∂N = ΣW'Y z               ∂D = ΣW'z
    regression   N = Σq m              D = Σq    ∂N = Σq'm z, Σq z         ∂D = Σq'z
    augmented    N = Σq m + ΣW(Y − m)  D = Σq    ∂N = Σq'm z + ΣW'(Y − m)z, Σ(q − W)z
    balancing    N = Σω Y              D = Σω    ∂N = Σω Y z               ∂D = Σω z

Derivatives come by the propensity, then by the own arm's outcome model. See ``weighting.py`` and ``doubly_robust.py`` for sources.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from honestlift.estimators.design import require_rank
from honestlift.estimators.mixtures import MIXTURES, ONE, TARGETS, Balancing
from honestlift.estimators.stack import solve_square
from honestlift.estimators.tilt import Estimand
from honestlift.moments.streamed.influences import Mix
from honestlift.moments.streamed.terms import Term

Floats = NDArray[np.float64]
Get = Callable[[Term], Floats]
Key = tuple[str, Estimand]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FitSums:
    """What a fit's estimating equation adds up to in every group: minus its derivative (G, k, k), and its score (G, k)."""

    information: Floats
    score: Floats
    penalty: Floats
    pull: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MeanSums:
    """A potential mean's sums in every group, and what its influence function is made of.

    Attributes:
        top, bottom: (G,) numerator and denominator.
        moved: by which of the fits it moves: its place, ∂top (G, k), ∂bottom (G, k) or None.
        weight, share, modelled, balance: as in ``Influence``; ``balance`` without its direction.
    """

    top: Floats
    bottom: Floats
    moved: tuple[tuple[int, Floats, Floats | None], ...]
    weight: Mix
    share: tuple[Mix, Mix] | None
    modelled: bool
    balance: tuple[int, tuple[float, float]] | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Assembled:
    """All estimators of one outcome. The first three fits are the propensity and the outcome models of others and opted-in."""

    fits: tuple[FitSums, ...]
    stacks: Mapping[Key, tuple[MeanSums, MeanSums]]

    def defined(self) -> Assembled:
        """Without the estimators whose weights vanish: the overlap check says so."""
        kept = {k: pair for k, pair in self.stacks.items() if all(mean.bottom.sum() > 0 for mean in pair)}
        return replace(self, stacks=kept)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Assembly:
    """How the estimators are put together from terms.

    Attributes:
        columns: number k of design columns.
        estimands: whose effects.
        outcomes: coefficients of the two outcome models.
        balance: the balancing weights that exist, in the order of the model's.
        penalty, pull: of the propensity.
    """

    columns: int
    estimands: tuple[Estimand, ...]
    outcomes: tuple[Floats, Floats]
    balance: tuple[Balancing, ...]
    penalty: Floats
    pull: Floats

    def terms(self) -> list[Term]:
        """Every term that ``assemble`` asks for."""
        asked: dict[Term, None] = {}

        def record(term: Term) -> Floats:
            asked[term] = None
            return np.ones(1)

        self.assemble(record)
        return list(asked)

    def assemble(self, get: Get) -> Assembled:
        """The sums of every estimator in every group.

        Args:
            get: from a term to its sums, (G,).
        """
        fits = [self._propensity(get), *(self._outcome(get, arm) for arm in (0, 1))]
        fits += [self._balancing(get, j, target) for j, target in enumerate(self.balance)]
        stacks: dict[Key, tuple[MeanSums, MeanSums]] = {}
        for estimand in self.estimands:
            for method, make in (("naive", _naive), ("regression", _regression), ("ipw", _weighted), ("aipw", _augmented)):
                stacks[method, estimand] = (make(self, get, estimand, 0), make(self, get, estimand, 1))
            targets = TARGETS.get(estimand)
            if targets and all(t is None or t in self.balance for t in targets):
                stacks["entropy", estimand] = (_balanced(self, get, targets[0], 0), _balanced(self, get, targets[1], 1))
        return Assembled(fits=tuple(fits), stacks=stacks)

    def vector(self, get: Get, mix: Mix, arm: int, factor: str = "") -> Floats:
        """Σ over an arm of a mixture of weights · factor · z, (G, k)."""
        made = np.zeros((1, self.columns))
        for name, coefficient in mix.items():
            made = made + coefficient * np.stack([get(Term(arm, name, factor, 0, i)) for i in range(self.columns)], axis=1)
        return made

    def scalar(self, get: Get, mix: Mix, arm: int, factor: str = "") -> Floats:
        """Σ over an arm of a mixture of weights · factor, (G,), to the last digit."""
        made = np.zeros(1)
        for name, coefficient in mix.items():
            made = made + coefficient * get(Term(arm, name, factor, 0, 0, True))
        return made

    def precise(self, get: Get, mix: Mix, arm: int, factor: str = "") -> Floats:
        """The vector to the last digit, (G, k)."""
        made = np.zeros((1, self.columns))
        for name, coefficient in mix.items():
            made = made + coefficient * np.stack([get(Term(arm, name, factor, 0, i, True)) for i in range(self.columns)], axis=1)
        return made

    def matrix(self, get: Get, weight: str, arm: int, *, precise: bool = False) -> Floats:
        """Σ over an arm of weight · zz', (G, k, k)."""
        k = self.columns
        made: list[list[Floats]] = [
            [get(Term(arm, weight, "", min(i, j), max(i, j), precise)) for j in range(k)] for i in range(k)
        ]
        return np.moveaxis(np.array(made), 2, 0)

    def _propensity(self, get: Get) -> FitSums:
        score = self.precise(get, {"residual": 1.0}, -1)
        return FitSums(information=self.matrix(get, "v", -1), score=score, penalty=self.penalty, pull=self.pull)

    def _outcome(self, get: Get, arm: int) -> FitSums:
        zero = np.zeros(self.columns)
        score = self.precise(get, ONE, arm, "r")
        return FitSums(information=self.matrix(get, "one", arm), score=score, penalty=zero, pull=zero)

    def _balancing(self, get: Get, j: int, target: Balancing) -> FitSums:
        zero, wanted = np.zeros(self.columns), np.zeros((1, self.columns))
        for arm, share in enumerate(target.share):
            wanted = wanted + share * self.precise(get, ONE, arm) if share else wanted
        score = wanted - self.precise(get, {f"exp{j}": 1.0}, target.arm)
        return FitSums(information=self.matrix(get, f"exp{j}", target.arm), score=score, penalty=zero, pull=zero)


def _naive(a: Assembly, get: Get, _: Estimand, arm: int) -> MeanSums:
    top, bottom = a.scalar(get, ONE, arm, "y"), a.scalar(get, ONE, arm)
    return MeanSums(top=top, bottom=bottom, moved=(), weight=ONE, share=None, modelled=False)


def _weighted(a: Assembly, get: Get, estimand: Estimand, arm: int) -> MeanSums:
    made = MIXTURES[estimand]
    weight, moved = made.weight[arm], made.moved[arm]
    top, bottom = a.scalar(get, weight, arm, "y"), a.scalar(get, weight, arm)
    slopes = ((0, a.vector(get, moved, arm, "y"), a.vector(get, moved, arm)),) if moved else ()
    return MeanSums(top=top, bottom=bottom, moved=slopes, weight=weight, share=None, modelled=False)


def _share(a: Assembly, get: Get, estimand: Estimand) -> Floats:
    """Σ q z, (G, k), to the last digit: Σ q and Σ q m follow."""
    return a.precise(get, MIXTURES[estimand].share[0], 0) + a.precise(get, MIXTURES[estimand].share[1], 1)


def _share_moved(a: Assembly, get: Get, estimand: Estimand, factor: str = "") -> Floats:
    made = MIXTURES[estimand].share_moved
    return a.vector(get, made[0], 0, factor) + a.vector(get, made[1], 1, factor)


def _regression(a: Assembly, get: Get, estimand: Estimand, arm: int) -> MeanSums:
    share, mixtures = _share(a, get, estimand), MIXTURES[estimand]
    slopes: list[tuple[int, Floats, Floats | None]] = []
    if mixtures.share_moved[0]:
        slopes.append((0, _share_moved(a, get, estimand, f"m{arm}"), _share_moved(a, get, estimand)))
    slopes.append((1 + arm, share, None))
    top = np.einsum("gj,j->g", share, a.outcomes[arm])
    return MeanSums(top=top, bottom=share[:, 0], moved=tuple(slopes), weight={}, share=mixtures.share, modelled=True)


def _augmented(a: Assembly, get: Get, estimand: Estimand, arm: int) -> MeanSums:
    made, share = MIXTURES[estimand], _share(a, get, estimand)
    weight, moved = made.weight[arm], made.moved[arm]
    top = np.einsum("gj,j->g", share, a.outcomes[arm]) + a.scalar(get, weight, arm, "r")
    by_score, below = a.vector(get, moved, arm, "r"), None
    if made.share_moved[0]:
        by_score, below = by_score + _share_moved(a, get, estimand, f"m{arm}"), _share_moved(a, get, estimand)
    slopes: list[tuple[int, Floats, Floats | None]] = [(0, by_score, below)] if moved or below is not None else []
    slopes.append((1 + arm, share - a.vector(get, weight, arm), None))
    return MeanSums(top=top, bottom=share[:, 0], moved=tuple(slopes), weight=weight, share=made.share, modelled=True)


def _balanced(a: Assembly, get: Get, target: Balancing | None, arm: int) -> MeanSums:
    if target is None:
        return _naive(a, get, "ATE", arm)
    j = a.balance.index(target)
    weight: Mix = {f"exp{j}": 1.0}
    slopes = ((3 + j, a.vector(get, weight, arm, "y"), a.vector(get, weight, arm)),)
    top, bottom = a.scalar(get, weight, arm, "y"), a.scalar(get, weight, arm)
    return MeanSums(top=top, bottom=bottom, moved=slopes, weight=weight, share=None, modelled=False, balance=(j, target.share))


def outcome_terms(columns: int) -> list[Term]:
    """What the outcome models, the naive means and the classical regression need of each arm."""
    products = [Term(arm, "one", "", i, j, True) for arm in (0, 1) for i in range(columns) for j in range(i, columns)]
    with_y = [Term(arm, "one", "y", 0, i, True) for arm in (0, 1) for i in range(columns)]
    return [*products, *with_y, *(Term(arm, "one", "yy", 0, 0, True) for arm in (0, 1))]


def outcome_models(names: Sequence[str], get: Get) -> tuple[Floats, Floats]:
    """Least squares of the outcome on the design in each arm, (k,) each.

    Args:
        names: (k − 1,) names of the columns after the intercept.
        get: from the terms above to their sums.

    Raises:
        DesignError: if a column is zero or collinear in an arm; it is named.
    """
    k = len(names) + 1
    made: list[Floats] = []
    for arm in (0, 1):
        normal = products_of(get, arm, k)
        require_rank(("intercept", *names), normal)
        made.append(solve_square(normal, np.array([float(get(Term(arm, "one", "y", 0, i, True)).sum()) for i in range(k)])))
    return made[0], made[1]


def products_of(get: Get, arm: int, columns: int) -> Floats:
    """Σ zz' of an arm, (k, k)."""
    return np.array(
        [[float(get(Term(arm, "one", "", min(i, j), max(i, j), True)).sum()) for j in range(columns)] for i in range(columns)]
    )
