"""Small made-up studies for the tests of the walk: a frame, its design, and the answer without its clock."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd

import honestlift as hl

DESIGN: dict[str, str] = {"unit": "user", "cluster": "workspace", "treatment": "treated"}


def frame(
    clusters: int = 32, size: int | list[int] = 12, *, effect: float = 0.5, seed: int = 0, between: float = 0.3, mean: float = 5.0
) -> pd.DataFrame:
    """Users in workspaces, every other of which is treated in a random order, with a covariate that nothing depends on."""
    rng = np.random.default_rng(seed)
    sizes = np.full(clusters, size) if isinstance(size, int) else np.array(size)
    workspace = np.repeat(np.arange(clusters), sizes)
    treated = rng.permutation(np.arange(clusters) % 2)[workspace]
    minutes = mean + rng.normal(0, between, clusters)[workspace] + effect * treated + rng.normal(0, 1, workspace.size)
    return pd.DataFrame(
        {
            "user": np.arange(workspace.size),
            "workspace": workspace,
            "treated": treated,
            "minutes": minutes,
            "before": rng.normal(0, 1, workspace.size),
            "exposed": (1 - treated) * rng.binomial(1, 0.3, workspace.size),
        }
    )


def answer(data: Any, metrics: list[hl.Mean] | None = None, *, bootstrap: int = 0, **options: Any) -> hl.Lift:
    """The answer for such a frame; options of the design are told from those of the analysis by their names."""
    design = {name: options.pop(name) for name in ("strata", "exposure", "uptake", "assignment", "treatment") if name in options}
    study = hl.ClusterDesign(**{**DESIGN, **design})
    return hl.analyze(data, study, metrics or [hl.Mean("minutes")], bootstrap=bootstrap, **options)


def without_clock(lift: hl.Lift) -> dict[str, Any]:
    """The result as JSON holds it, without the two values that may differ between runs of the same study."""
    values: dict[str, Any] = json.loads(lift.to_json())
    assert values["provenance"].pop("started")
    assert values["provenance"].pop("seconds") >= 0
    return values


def numbers(lift: hl.Lift) -> list[tuple[Any, ...]]:
    """Every estimate's numbers, to the bit."""
    return [
        (e.metric, e.method, e.estimand, e.estimate, e.std_error, e.df, e.p_value, e.conf_low, e.conf_high, e.relative)
        for e in lift.estimates
    ]


def levels(lift: hl.Lift) -> dict[str, str]:
    """Code of each check to its level."""
    return {check.code: check.level for check in lift.checks}


def make_lift(**changed: Any) -> hl.Lift:
    """A Lift made by hand, with one estimate and one check."""
    relative = hl.Relative(estimate=0.1, conf_low=0.02, conf_high=0.18)
    values: dict[str, Any] = {
        "name": "Study",
        "kind": "cluster",
        "data": {"n_units": 6, "n_clusters": 4, "n_treated_units": 3, "n_treated_clusters": 2, "dropped": {}, "engine": "duckdb"},
        "population": {},
        "estimates": (make_estimate(relative=relative),),
        "checks": (make_check(),),
        "ledger": (hl.Assumption(assumption="Workspaces were assigned at random", status="holds", statement="", checks=("a",)),),
        "verdict": hl.Verdict(level="supported", headline="Supported.", because=("Because.",), would_change_it=("This.",)),
        "tables": {"t": hl.Table(columns=("a", "b"), rows=((1, "x"), (2.5, None)))},
        "provenance": {
            "plan_sha256": "ab" * 32,
            "seed": 0,
            "versions": {},
            "started": "2025-01-01T00:00:00+00:00",
            "seconds": 0.1,
        },
        "honestlift_version": "0",
    }
    return hl.Lift(**{**values, **changed})


def make_estimate(**changed: Any) -> hl.Estimate:
    """A headline estimate of +1 with the interval 0.2 to 1.8."""
    values: dict[str, Any] = {
        "metric": "minutes",
        "estimand": "itt_user",
        "method": "user_ols",
        "estimate": 1.0,
        "std_error": 0.4,
        "df": 10.0,
        "p_value": 0.03,
        "conf_low": 0.2,
        "conf_high": 1.8,
        "level": 0.95,
        "scale": "difference",
        "relative": hl.Relative(estimate=0.1, conf_low=0.02, conf_high=0.18),
        "adjustment": "none",
        "identified": "randomized",
        "n_units": 600,
        "n_clusters": 20,
        "headline": True,
    }
    return hl.Estimate(**{**values, **changed})


def make_check(**changed: Any) -> hl.Check:
    """A check that passed."""
    values: dict[str, Any] = {
        "code": "few_clusters",
        "level": "ok",
        "statement": "Enough.",
        "remedy": "",
        "evidence": {"df": 18.0},
    }
    return hl.Check(**{**values, **changed})
