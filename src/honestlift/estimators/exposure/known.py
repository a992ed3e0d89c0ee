"""What was known of users before the treatment, as regressors beside a contrast of exposure.

The arm varies between clusters only, so that its effect is adjusted for their means; exposure varies within clusters too, and there each
user's distance from that mean is worth as much. Both stand beside the levels, added, not multiplied: within cells of equal chances the
levels are as good as randomized, so that no covariate moves what is estimated (Freedman's bias is of unequal effects and vanishes with
the clusters; Lin 2013, Annals of Applied Statistics 7), and four levels would ask for four times the columns.

Contrasts by inverse probability, and among surrounded users, are of what these regressors leave of the outcome, with the slopes of the
least squares beside them: the difference estimator of Aronow & Samii (2017), Annals of Applied Statistics 11, section 6. Any fixed slopes
would do, since weighted means of what was known before are alike but for chance; so that what is estimated of them is of second order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from honestlift.estimators.fit import Fit

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Known:
    """Regressors of U users that no arm can have moved.

    Attributes:
        names: (q,) their names.
        matrix: (U, q).
    """

    names: tuple[str, ...]
    matrix: Floats

    def __post_init__(self) -> None:
        self.matrix.setflags(write=False)

    def of(self, kept: Bools) -> Known:
        """Of some users, (U,), centred at their mean."""
        some = self.matrix[kept]
        return Known(names=self.names, matrix=some - some.mean(axis=0))

    def left(self, outcome: Floats, kept: Bools, fit: Fit) -> Floats:
        """(U,) the outcome without what goes with the regressors, about their mean among the users who are kept.

        Args:
            outcome: (U,).
            kept: (U,) at whose mean nothing is taken off.
            fit: whose slopes are taken; a regressor that it lacks has none.
        """
        slope = np.array([fit.theta[fit.names.index(name)] if name in fit.names else 0.0 for name in self.names])
        return outcome - np.einsum("ij,j->i", self.matrix - self.matrix[kept].mean(axis=0), slope)


def known(own: NDArray[np.int64], names: Sequence[str], means: Floats, columns: dict[str, Floats]) -> Known:
    """The means of the users' clusters, and each user's distance from the mean of the own cluster.

    Args:
        own: (U,) index of each user's cluster.
        names: (m,) names of the means.
        means: (G, m) means of the clusters, about any origin.
        columns: name to (U,) values about any origin; NaN for a user of whom it is not known, who counts as her cluster's mean.
    """
    clusters = means.shape[0]
    made = [np.ascontiguousarray(means[own])]
    for values in columns.values():
        here = np.isfinite(values)
        held = np.where(here, values, 0.0)
        size = np.bincount(own, here, clusters)
        mean = np.bincount(own, held, clusters) / np.maximum(size, 1.0)
        made.append(np.where(here, held - mean[own], 0.0)[:, None])
    return Known(names=(*names, *(f"own {name}" for name in columns)), matrix=np.concatenate(made, axis=1))
