"""Our side: each task from the parquet file, which is read inside the time that is counted, by the rooms that a study walks through.

`python -m benchmarks.peers.ours TASK WARM COUNTED`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from math import sqrt
from pathlib import Path

import numpy as np

import honestlift as hl
from benchmarks.peers.side import Answer, serve
from honestlift.analysis.opt_in.estimates import estimate_opt_in
from honestlift.analysis.opt_in.fits import fit_all
from honestlift.analysis.opt_in.flexible import flexible_rows
from honestlift.analysis.opt_in.reading import read_opt_in
from honestlift.analysis.sheet import Sheet
from honestlift.design.opt_in import Estimand
from honestlift.estimators.doubly_robust import augmented, balanced
from honestlift.estimators.entropy import balancing_fits
from honestlift.estimators.fit import Fit, least_squares
from honestlift.estimators.matching import match
from honestlift.estimators.stack import Stack, solve
from honestlift.estimators.weighting import weighted
from honestlift.inference.abadie_imbens import estimated_score_variance, known_score_variance
from honestlift.inference.influence import covariance as covariance_of_means
from honestlift.inference.influence import effect_covariance
from honestlift.inference.randomization import randomization_p_value, redraws
from honestlift.inference.sandwich import Kind, covariance
from honestlift.inference.wild import wild_draws, wild_p_value
from honestlift.moments import scan
from honestlift.moments.cluster import ClusterMoments
from honestlift.moments.patterns import Patterns
from honestlift.moments.spec import Spec, Sum
from honestlift.moments.table import Moments

COVARIATES = ("x1", "x2", "x3")
CONFOUNDERS = (*COVARIATES, "x4")
DRAWS, SEED, FOLDS, REPLICATES = 9_999, 7, 5, 500
OUTCOME = hl.Mean("y")


def sums_of(path: Path, covariates: Sequence[str]) -> Moments:
    """Counts, profile and exact sums per workspace, as a study fetches them."""
    source, keys = hl.connect(path), ("workspace_id", "treated")
    cells = scan.count_cells(source, keys)
    spec = Spec.of_outcome("workspace_id", "y", covariates, cells=keys[1:])
    return scan.sums(source, spec, scan.profile(source, spec.measures, cells))


def products(moments: Moments, covariates: Sequence[str]) -> ClusterMoments:
    """The cross-products of intercept, arm and covariates, the covariates about their origins, which moves the intercept alone."""
    present = ("y", *covariates)
    arm = np.array(moments.keys["treated"].values(), dtype=np.float64)

    def total(*factors: str) -> np.ndarray:
        return moments.sums[Sum.of(*factors, present=present)]

    names = ("intercept", "treated", *covariates)
    k, n = len(names), total()
    A, b = np.empty((n.size, k, k)), np.empty((n.size, k))
    A[:, 0, 0], b[:, 0] = n, total("y")
    for i, x in enumerate(covariates, start=2):
        A[:, 0, i] = A[:, i, 0] = total(x)
        b[:, i] = total(x, "y")
        for j, z in enumerate(covariates, start=2):
            A[:, i, j] = total(x, z)
    A[:, 1], b[:, 1] = A[:, 0] * arm[:, None], b[:, 0] * arm  # the arm is constant in a workspace
    A[:, 1, 1] = arm * n
    A[:, :, 1] = A[:, 1]
    return ClusterMoments(names=names, A=A, b=b, c=total("y", "y"), n=n, origin=moments.origin["y"])


def fit_of(path: Path) -> Fit:
    """Least squares on the arm and the covariates of the users."""
    return least_squares(products(sums_of(path, COVARIATES), COVARIATES))


def cluster(kind: Kind) -> Callable[[Path], Answer]:
    def call(path: Path) -> Answer:
        fit = fit_of(path)
        return {"effect": float(fit.theta[1]), "se effect": sqrt(covariance(fit, kind)[1, 1])}

    return call


def wild(path: Path) -> Answer:
    fit = fit_of(path)
    pick = np.eye(len(fit.names))[1]
    return {"p": wild_p_value(wild_draws(fit, pick, np.random.default_rng(SEED), draws=DRAWS))}


def randomization(path: Path) -> Answer:
    """The plain difference of means, as the peers take it; a study takes the studentized one, which is valid for average effects too."""
    sums = products(sums_of(path, ()), ())
    arm, rng = sums.A[:, 0, 1] > 0, np.random.default_rng(SEED)
    drawn = redraws(sums.n, sums.b[:, 0], arm, rng, statistic="difference", draws=DRAWS)
    return {"effect": drawn.estimate, "p": randomization_p_value(drawn)}


def study(*estimands: Estimand, bootstrap: int = 0, learners: hl.Learners | None = None) -> hl.OptInStudy:
    """Who chose, and what is asked."""
    design = hl.OptInDesign(unit="user_id", treatment="opt_in", estimands=estimands)
    return hl.OptInStudy(
        design=design, metrics=(OUTCOME,), covariates=CONFOUNDERS, bootstrap=bootstrap, seed=SEED, learners=learners
    )


def patterns_of(path: Path, asked: hl.OptInStudy) -> Patterns:
    """The users, read and checked as a study reads them."""
    return read_opt_in(hl.connect(path), asked, lambda _: None).outcomes[OUTCOME.column]


def answered(stack: Stack, patterns: Patterns, estimand: str) -> dict[str, float]:
    """One effect with its standard error, which knows that everything was estimated."""
    means = solve(stack, patterns)
    error = sqrt(effect_covariance(covariance_of_means(means, patterns))[1, 1])
    return {estimand: means.effect, f"se {estimand}": error}


def weighting(path: Path) -> Answer:
    asked = study("ATE", "ATT")
    fits = fit_all(patterns_of(path, asked), asked)
    made: dict[str, float] = {}
    for estimand in asked.design.estimands:
        made |= answered(weighted(fits.patterns, fits.propensity, estimand), fits.patterns, estimand)
    return made


def doubly_robust(path: Path) -> Answer:
    asked = study("ATE")
    fits = fit_all(patterns_of(path, asked), asked)
    return answered(augmented(fits.patterns, fits.propensity, fits.outcomes, "ATE"), fits.patterns, "ATE")


def bootstrap(path: Path) -> Answer:
    """Every estimator of both estimands with percentile intervals; the half width of theirs over 1.96 stands for the standard error."""
    asked = study("ATE", "ATT", bootstrap=REPLICATES)
    answer = estimate_opt_in(OUTCOME, read_opt_in(hl.connect(path), asked, lambda _: None), asked, "ATE")
    made: dict[str, float] = {}
    for estimand in asked.design.estimands:
        found = answer.find("ipw:bootstrap", estimand)
        assert found is not None
        assert found.estimate is not None
        assert found.conf_low is not None
        assert found.conf_high is not None
        made |= {estimand: found.estimate, f"se {estimand}": (found.conf_high - found.conf_low) / (2 * 1.959963984540054)}
    return made


def cross_fitted(path: Path) -> Answer:
    from sklearn.linear_model import LinearRegression, LogisticRegression

    learners = hl.Learners(classifier=LogisticRegression(C=np.inf), regressor=LinearRegression(), folds=FOLDS)
    asked = study("ATE", learners=learners)
    patterns = patterns_of(path, asked)
    sheet = Sheet(
        metric="y", level=0.95, units=int(patterns.rows), clusters=None, identified="observational", scale="difference", suffix=""
    )
    (row,) = flexible_rows(patterns, asked, None, False, float("inf"), sheet)
    assert row.estimate is not None
    assert row.std_error is not None
    return {"ATE": row.estimate, "se ATE": row.std_error}


def matching(*, known: bool) -> Callable[[Path], Answer]:
    def call(path: Path) -> Answer:
        asked = study("ATT")
        fits = fit_all(patterns_of(path, asked), asked)
        matched = match(fits.patterns, fits.propensity.e, "ATT")
        variance = known_score_variance(matched) if known else estimated_score_variance(matched, fits.patterns, fits.propensity)
        return {"ATT": matched.effect, "se ATT": sqrt(variance)}

    return call


def balancing(path: Path) -> Answer:
    patterns = patterns_of(path, study("ATT"))
    return answered(balanced(patterns, balancing_fits(patterns, "ATT"), "ATT"), patterns, "ATT")


OURS: dict[str, Callable[[Path], Answer]] = {
    "CR1": cluster("CR1S"),
    "CR2": cluster("CR2"),
    "CR3": cluster("CR3"),
    "wild bootstrap": wild,
    "randomization test": randomization,
    "weighting": weighting,
    "doubly robust": doubly_robust,
    "bootstrap": bootstrap,
    "cross-fitted": cross_fitted,
    "matching, known score": matching(known=True),
    "matching": matching(known=False),
    "balancing": balancing,
}
"""Every task by its name, as in the peers' table."""


def main(task: str, warm: str, counted: str) -> None:
    """Serve one task."""
    serve(OURS[task], Path(warm), Path(counted), ("honestlift", "duckdb", "numpy"))


if __name__ == "__main__":
    main(*sys.argv[1:])
