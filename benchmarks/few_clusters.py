"""Resampling on the table of sums: the wild bootstrap against wildboottest, re-randomizations, very many clusters, the placebo lab."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import statsmodels.api as sm
from numpy.typing import NDArray

from benchmarks.timing import Result, in_turn, seconds
from honestlift.estimators.fit import least_squares
from honestlift.inference.placebo import METHODS, Trial, placebo_lab
from honestlift.inference.randomization import randomization_p_value, redraws
from honestlift.inference.sandwich import covariance, satterthwaite, whiten
from honestlift.inference.wild import wild_draws, wild_p_value
from honestlift.moments.cluster import ClusterMoments

DRAWS, SEED = 99_999, 20261123
PICK = np.array([0.0, 1.0, 0.0])


def rows(clusters: int, each: int) -> pd.DataFrame:
    """Users in workspaces of unequal size, an arm that is constant in a workspace, a covariate."""
    rng = np.random.default_rng(SEED)
    workspace = np.repeat(np.arange(clusters), rng.integers(each // 2, 2 * each, clusters))
    arm = rng.permutation(np.arange(clusters) % 2)[workspace].astype(float)
    x = rng.normal(size=workspace.size)
    y = 0.1 * arm + 0.3 * x + rng.normal(0, 0.3, clusters)[workspace] + rng.normal(size=workspace.size)
    return pd.DataFrame({"y": y, "one": 1.0, "treated": arm, "x": x, "workspace": workspace})


def sums(frame: pd.DataFrame) -> ClusterMoments:
    """The table that a scan brings back."""
    design, y, workspace = frame[["one", "treated", "x"]].to_numpy(), frame["y"].to_numpy(), frame["workspace"].to_numpy()
    starts = np.flatnonzero(np.r_[True, workspace[1:] != workspace[:-1]])

    def by_cluster(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.add.reduceat(values, starts, axis=0)

    return ClusterMoments(
        names=("intercept", "treated", "x"),
        A=by_cluster(design[:, :, None] * design[:, None, :]),
        b=by_cluster(design * y[:, None]),
        c=by_cluster(y**2),
        n=by_cluster(np.ones(y.size)),
    )


def cases(runs: int, _: int) -> list[Result]:
    frame = rows(50, 100)
    return [*_against_wildboottest(frame, sums(frame), runs), _many_clusters(), _lab(sums(frame), runs)]


def _against_wildboottest(frame: pd.DataFrame, moments: ClusterMoments, runs: int) -> list[Result]:
    from wildboottest.wildboottest import wildboottest

    model = sm.OLS(frame["y"], frame[["one", "treated", "x"]])
    arm = moments.A[:, 0, 1] > 0

    def wild() -> float:
        return wild_p_value(wild_draws(least_squares(moments), PICK, np.random.default_rng(SEED), draws=DRAWS))

    def again() -> float:
        return randomization_p_value(redraws(moments.n, moments.b[:, 0], arm, np.random.default_rng(SEED), draws=DRAWS))

    def rival() -> float:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            table = wildboottest(model, param="treated", B=DRAWS, cluster=frame["workspace"], seed=SEED, show=False)
        return float(table["p-value"].iloc[0])

    made: list[Result] = []
    for case, ours, wanted in (
        (f"wild bootstrap, {DRAWS:,} draws, 50 clusters, 3 regressors", wild, 5.0),
        (f"CR2 t under {DRAWS:,} re-randomizations of 50 clusters", again, 1.0),
    ):
        mine, theirs, ratio = in_turn(ours, rival, runs=runs)
        note = f"(p {ours():.4f}, theirs {rival():.4f})" if ours is wild else ""
        made.append(
            Result(
                case=case,
                ours=mine,
                rival=theirs,
                rival_is="wildboottest",
                ratio=1 / ratio,
                target=f"rival/ours ≥ {wanted:g}, and about 1 s",
                met=1 / ratio >= wanted and mine < 1.5,
                note=note,
            )
        )
    return made


def _many_clusters() -> Result:
    moments = sums(rows(180_000, 4))

    def all_of_it() -> float:
        fit = least_squares(moments)
        white = whiten(fit)
        for kind in ("CR2", "CV3"):
            covariance(white, kind)
        satterthwaite(white, PICK)
        return wild_p_value(wild_draws(fit, PICK, np.random.default_rng(SEED), draws=999))

    mine = min(seconds(all_of_it) for _ in range(3))
    case = "CR2, CV3, Satterthwaite df and 999 wild draws, 180,000 clusters, 3 regressors"
    return Result(case=case, ours=mine, rival=5.0, rival_is="limit", ratio=mine / 5, target="under 5 s", met=mine < 5)


def _lab(moments: ClusterMoments, runs: int) -> Result:
    none = np.zeros(moments.clusters, dtype=np.int64)
    trial = Trial(n=moments.n, total=moments.b[:, 0], square=moments.c, strata=none, treated=np.array([25]))
    mine = min(seconds(lambda: placebo_lab(trial, np.random.default_rng(SEED))) for _ in range(runs))
    case = f"placebo lab, 2,000 re-draws × {len(METHODS)} methods, 50 clusters"
    return Result(case=case, ours=mine, rival=1.0, rival_is="limit", ratio=mine, target="under 1 s", met=mine < 1)
