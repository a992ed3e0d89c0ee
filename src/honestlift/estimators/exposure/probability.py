"""temporary"""

from dataclasses import dataclass

import numpy as np

from honestlift.estimators.exposure.levels import reached


@dataclass
class P:
    level: np.ndarray
    surrounded: np.ndarray
    dose: np.ndarray
    cell: np.ndarray
    exact: bool
    draws: int
    std_error: float


def probabilities(redraw, reach, kind, least, *, draws, rng):
    T = redraw(rng, draws).astype(bool)
    E = reached(reach, T, kind, least)
    on = T[:, reach.own]
    lev = np.stack([(~on & ~E).mean(0), (~on & E).mean(0), (on & ~E).mean(0), (on & E).mean(0)], 1)
    s = reach.degree
    user = np.repeat(np.arange(reach.users), s)
    W = np.zeros((reach.users, reach.clusters))
    W[user, reach.partner] = reach.weight
    tot = W.sum(1)
    f = (T @ W.T) / np.where(tot > 0, tot, 1)
    A = W > 0
    n = A.sum(1)
    all1 = n == (T @ A.T)
    all0 = (T @ A.T) == 0
    sur = np.stack([(~on & all0).mean(0), (on & all1).mean(0)], 1)
    p = on.mean(0)
    dose = np.stack([(f * ~on).mean(0) / (1 - p), (f * on).mean(0) / p], 1)
    return P(lev, sur, dose, s.astype(np.int64), False, draws, 0.01)
