"""The published pipeline on 50,000 users, against the loop that people run today, and one fit against regression packages."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pyfixest as pf
import statsmodels.formula.api as smf

import honestlift as hl
from benchmarks.timing import Result, in_turn, seconds
from honestlift.analysis.estimates import Answer, estimate_metric
from honestlift.design.study import Study
from honestlift.estimators.exposure.published import two_exposure_moments
from honestlift.estimators.fit import least_squares
from honestlift.inference.sandwich import covariance
from honestlift.moments import scan
from honestlift.moments.arms import read_arms
from honestlift.moments.cells import Outcome, as_cells
from honestlift.moments.spec import Spec
from honestlift.simulate import collaboration

REPLICATES = 500
DESIGN = hl.ClusterDesign(
    unit="user_id", cluster="workspace_id", treatment="treated", exposure=hl.Exposure(column="spillover_exposed")
)
OUTCOME = hl.Mean("session_minutes_obs")


def loop(frame: pd.DataFrame, replicates: int) -> list[tuple[float, float, float]]:
    """The published pipeline in plain pandas and statsmodels: fits, then a bootstrap that stacks the drawn workspaces."""

    def fits(data: pd.DataFrame) -> tuple[float, float, float]:
        naive = smf.ols("session_minutes_obs ~ treated", data).fit()
        means = data.groupby("workspace_id").agg(y=("session_minutes_obs", "mean"), d=("treated", "first"), n=("treated", "size"))
        smf.wls("y ~ d", means, weights=means["n"]).fit()
        two = smf.ols("session_minutes_obs ~ treated + spillover_exposed", data).fit()
        return naive.params["treated"], two.params["treated"], two.params["spillover_exposed"]

    fits(frame)
    rng = np.random.default_rng(7)
    groups = dict(tuple(frame.groupby("workspace_id")))
    names = np.array(list(groups))
    draws = []
    for _ in range(replicates):
        drawn = rng.choice(names, names.size)
        draws.append(fits(pd.concat([groups[name].assign(workspace_id=i) for i, name in enumerate(drawn)], ignore_index=True)))
    return draws


def cases(runs: int, _: int) -> list[Result]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "users.parquet"
        table = collaboration().table
        pq.write_table(table, path)
        frame = table.to_pandas()
        return [*_pipeline(path, frame, runs), *_one_fit(path, frame, runs), _process(Path(folder), runs)]


def outcome_of(path: Path) -> Outcome:
    """From the file to the table of sums of the outcome: counts, profile, exact sums."""
    source, keys = hl.connect(path), (DESIGN.cluster, DESIGN.arm, "spillover_exposed")
    counts = scan.count_cells(source, keys)
    spec = Spec.of_outcome(DESIGN.cluster, OUTCOME.column, cells=keys[1:])
    sums = scan.sums(source, spec, scan.profile(source, spec.measures, counts))
    return as_cells(sums, DESIGN, read_arms(counts, DESIGN)).outcome(OUTCOME.column)


def pipeline(path: Path) -> Answer:
    """The published numbers and nothing else: every fit and its replicates, without checks and tables."""
    return estimate_metric(OUTCOME, outcome_of(path), Study(design=DESIGN, metrics=(OUTCOME,), bootstrap=REPLICATES, seed=7))


def two_exposures(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """One regression with its cluster-robust covariance, as the regression packages give it."""
    fit = least_squares(two_exposure_moments(outcome_of(path)))
    return fit.theta, covariance(fit, "CR1S")


def _pipeline(path: Path, frame: pd.DataFrame, runs: int) -> list[Result]:
    part = 50
    rival = seconds(lambda: loop(frame, part)) * REPLICATES / part
    roads = {
        "published pipeline from parquet, 500 replicates": lambda: pipeline(path),
        "the same with all checks and tables (analyze)": lambda: hl.analyze(
            path, DESIGN, [OUTCOME], bootstrap=REPLICATES, seed=7
        ),
    }
    made: list[Result] = []
    for case, ours in roads.items():
        ours()
        mine = sorted(seconds(ours) for _ in range(10 * runs))[5 * runs]
        ratio = rival / mine
        made.append(
            Result(
                case=f"{case}, 50,000 users",
                ours=mine,
                rival=rival,
                rival_is="pandas + statsmodels loop",
                ratio=ratio,
                target="rival/ours ≥ 1,000",
                met=ratio >= 1000,
                note=f"(the loop was timed on {part} replicates and scaled)",
            )
        )
    return made


def _one_fit(path: Path, frame: pd.DataFrame, runs: int) -> list[Result]:
    formula = "session_minutes_obs ~ treated + spillover_exposed"
    rivals = {
        "statsmodels": lambda: smf.ols(formula, frame).fit(cov_type="cluster", cov_kwds={"groups": frame["workspace_id"]}),
        "pyfixest": lambda: pf.feols(formula, frame, vcov={"CRV1": "workspace_id"}).tidy(),
    }
    name = min(rivals, key=lambda n: min(seconds(rivals[n]) for _ in range(3)))
    roads = {
        "two-exposure fit: ours from parquet, theirs from a frame in memory": lambda: two_exposures(path),
        "the same with all checks and tables (analyze)": lambda: hl.analyze(path, DESIGN, [OUTCOME], bootstrap=0),
    }
    made: list[Result] = []
    for case, ours in roads.items():
        mine, rival, ratio = in_turn(ours, rivals[name], runs=6 * runs, warm=2)
        made.append(
            Result(
                case=f"{case}, 50,000 users",
                ours=mine,
                rival=rival,
                rival_is=f"{name}, the faster of {' and '.join(rivals)}",
                ratio=ratio,
                target="ours/rival ≤ 1",
                met=ratio <= 1,
            )
        )
    return made


def _process(folder: Path, runs: int) -> Result:
    program = Path(sys.executable).with_name("honestlift")
    subprocess.run([program, "demo", "--quiet", "--out", folder / "demo"], check=True, capture_output=True)
    call = [program, "run", folder / "demo" / "plan.yaml", "--json", "--quiet"]
    bare = [sys.executable, "-c", "import numpy, duckdb, pyarrow"]
    mine, rival, ratio = in_turn(
        lambda: subprocess.run(call, check=True, capture_output=True),
        lambda: subprocess.run(bare, check=True, capture_output=True),
        runs=runs,
    )
    return Result(
        case="`honestlift run` as a process, warm",
        ours=mine,
        rival=rival,
        rival_is="python importing numpy, duckdb, pyarrow",
        ratio=ratio,
        target="under 3 s",
        met=mine < 3,
    )
