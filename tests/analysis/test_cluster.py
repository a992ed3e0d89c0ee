"""The walk of a cluster study: the published table to its last digit, counts, who was left out, and where it came from."""

from __future__ import annotations

import json
import re
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import honestlift as hl
from honestlift.cli import commands
from studies import answer, frame

# Every published quantity , as the tutorial prints it: estimate, standard error, ends of the 95 % interval.
PUBLISHED = {
    ("naive_ols", "itt_user"): (0.6723, 0.0034, 0.6656, 0.6790),
    ("cluster_wls", "itt_user"): (0.6723, 0.0652, 0.5412, 0.8035),
    ("two_exposure_ols:cr1", "direct"): (0.7284, 0.0647, 0.6016, 0.8552),
    ("two_exposure_ols:cr1", "spillover"): (0.2083, 0.0038, 0.2008, 0.2158),
}
# Percentile intervals of 500 replicates: another stream of random numbers moves an end by its Monte Carlo error.
BOOTSTRAP = {
    ("cluster_wls:bootstrap", "itt_user"): (0.5386, 0.7966, 0.02),
    ("two_exposure_ols:bootstrap", "direct"): (0.5931, 0.8519, 0.02),
    ("two_exposure_ols:bootstrap", "spillover"): (0.2008, 0.2164, 0.002),
}


@pytest.fixture(scope="module")
def result(published: Path) -> dict[str, Any]:
    """What `honestlift run plan.yaml --json` prints."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(published)
        made = CliRunner().invoke(commands, ["run", "plan.yaml", "--json"])
    assert made.exit_code == 0
    return json.loads(made.stdout)


def find(result: dict[str, Any], method: str, estimand: str) -> dict[str, Any]:
    return next(e for e in result["estimates"] if (e["method"], e["estimand"]) == (method, estimand))


@pytest.mark.parametrize("key", PUBLISHED)
def test_published_numbers_to_their_last_printed_digit(result: dict[str, Any], key: tuple[str, str]):
    e = find(result, *key)
    assert tuple(round(e[name], 4) for name in ("estimate", "std_error", "conf_low", "conf_high")) == PUBLISHED[key]


@pytest.mark.parametrize("key", BOOTSTRAP)
def test_published_bootstrap_within_its_monte_carlo_error(result: dict[str, Any], key: tuple[str, str]):
    e, (low, high, tolerance) = find(result, *key), BOOTSTRAP[key]
    assert (e["conf_low"], e["conf_high"]) == pytest.approx((low, high), abs=tolerance)


def test_published_counts(result: dict[str, Any]):
    data, population = result["data"], result["population"]
    assert (data["n_units"], data["n_clusters"], data["n_treated_units"], data["n_treated_clusters"]) == (50_000, 50, 24_937, 25)
    assert population["exposure_counts"] == {"treated": 24_937, "exposed control": 6_744, "pure control": 18_319}
    assert population["cluster_size"] == {"min": 923, "median": 1002, "max": 1052}
    assert population["arms"] == {"treated": {"users": 24_937, "clusters": 25}, "control": {"users": 25_063, "clusters": 25}}


def test_published_roll_out_and_words(result: dict[str, Any]):
    rollout = find(result, "published_rollout", "gate")
    assert round(rollout["estimate"], 4) == 0.7565
    assert rollout["std_error"] is None
    assert rollout["conf_low"] is None
    naive, honest = find(result, "naive_ols", "itt_user"), find(result, "cluster_wls", "itt_user")
    assert round(honest["std_error"] / naive["std_error"]) == 19  # "roughly 19 times too small"
    assert round(100 * (0.80 - naive["estimate"]) / 0.80) == 16  # "16 percent underestimate"
    assert any("19 times too small" in reason for reason in result["verdict"]["because"])
    assert find(result, "cluster_wls", "itt_user")["df"] == 48


def test_what_is_an_association_is_called_one(result: dict[str, Any]):
    found = {e["estimand"]: e["identified"] for e in result["estimates"]}
    assert found == {
        "itt_user": "randomized",
        "itt_cluster": "randomized",
        "direct": "association",
        "spillover": "association",
        "gate": "association",
    }
    (stop,) = [c for c in result["checks"] if c["level"] == "stop"]
    assert (stop["code"], stop["concerns"]) == ("exposure_not_randomized", ["direct", "spillover"])
    assert [e["method"] for e in result["estimates"] if e["headline"]] == ["user_ols"]
    assert result["verdict"]["level"] == "likely, with caveats"


def test_one_row_per_metric_estimand_and_method(result: dict[str, Any]):
    keys = [(e["metric"], e["estimand"], e["method"]) for e in result["estimates"]]
    assert len(set(keys)) == len(keys)


def test_provenance(result: dict[str, Any]):
    provenance = result["provenance"]
    assert re.fullmatch(r"[0-9a-f]{64}", provenance["plan_sha256"])
    assert provenance["seed"] == 42
    assert {"python", "duckdb", "numpy"} <= set(provenance["versions"])
    assert datetime.fromisoformat(provenance["started"]).utcoffset() is not None
    assert 0 < provenance["seconds"] < 60
    assert result["data"]["engine"] == "duckdb"


def test_missing_outcomes_are_counted_by_arm():
    f = frame().assign(errors=lambda d: d.before)
    f.loc[(f.treated == 1) & (f.user % 10 == 0), "minutes"] = np.nan
    f.loc[(f.treated == 0) & (f.user % 6 == 0), "minutes"] = np.nan
    lift = answer(f, [hl.Mean("minutes"), hl.Mean("errors")])
    treated, control = int(f.minutes[f.treated == 1].isna().sum()), int(f.minutes[f.treated == 0].isna().sum())
    assert lift.data["dropped"] == {"minutes missing, treated": treated, "minutes missing, control": control}
    assert lift.data["n_units"] == 384
    assert lift.headline("minutes").n_units == 384 - treated - control
    assert lift.headline("errors").n_units == 384
    assert lift.headline("minutes").estimate == pytest.approx(
        f.minutes[f.treated == 1].mean() - f.minutes[f.treated == 0].mean(), rel=1e-12
    )


def test_other_arms_are_left_out_and_counted():
    f = frame()
    f["arm"] = f.treated.map({0: "off", 1: "on"}).where(f.workspace > 3, "pilot")
    lift = answer(f, treatment=hl.Treatment(column="arm", treated="on", control="off"))
    kept = f[f.workspace > 3]
    assert lift.data["dropped"] == {"arm is pilot": 48}
    assert lift.data["n_clusters"] == 28
    assert lift.headline().estimate == answer(kept).headline().estimate


def test_stages_are_told_in_their_order():
    stages: list[str] = []
    study = hl.Study(
        design=hl.ClusterDesign(unit="user", cluster="workspace", treatment="treated"), metrics=(hl.Mean("minutes"),), bootstrap=0
    )
    hl.run(frame(), study, stages.append)
    assert stages[-4:] == ["Estimating", "Re-drawing the assignment", "Checking", "Tabulating"]
    assert len(stages) == len(set(stages)) == 8
