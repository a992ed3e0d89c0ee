"""What is checked before an outcome is read: no scan names an outcome, and what is found is what the whole walk finds."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest

import honestlift as hl
from honestlift.analysis.check import check_design
from honestlift.design.cluster import ClusterDesign
from honestlift.design.exposure import Exposure
from honestlift.design.metric import Mean, Ratio
from honestlift.design.opt_in import OptInDesign, OptInStudy
from honestlift.design.study import Study
from honestlift.errors import ColumnError, DataError, SourceError

OUTCOMES = ("y", "z", "placebo")


def frame(seed: int = 3) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    ws = np.repeat(np.arange(24), 16 + np.arange(24) % 9 + (np.arange(24) == 5))
    before = rng.normal(size=ws.size)
    return pd.DataFrame(
        {
            "user": np.arange(ws.size),
            "ws": ws,
            "d": ws % 2,
            "region": np.where(ws % 4 < 2, "north", "south"),
            "seen": rng.integers(0, 2, ws.size),
            "tier": np.where(rng.random(ws.size) < 0.5, "free", "paid"),
            "used": (rng.random(ws.size) < 0.3).astype(int),
            "before": before,
            "opted": (rng.random(ws.size) < 1 / (1 + np.exp(-0.5 * before.round()))).astype(int),
            "rounded": before.round(),
            "y": rng.normal(5.0, 1.0, ws.size) + ws % 2,
            "z": rng.normal(1.0, 1.0, ws.size),
            "placebo": rng.normal(size=ws.size),
        }
    )


CLUSTER = Study(
    design=ClusterDesign(unit="user", cluster="ws", treatment="d", exposure=Exposure(column="seen"), uptake="used"),
    metrics=(Mean("y", pre="before"), Mean("z", role="guardrail", margin=0.1)),
    covariates=("tier",),
    negative_controls=("placebo",),
)
STRATA = replace(CLUSTER, design=replace(CLUSTER.design, strata=("region",)))
EVENTS = replace(CLUSTER, rows="events", design=replace(CLUSTER.design, uptake=None))
OPT_IN = OptInStudy(
    design=OptInDesign(unit="user", treatment="opted", estimands=("ATE", "ATT", "ATM")),
    metrics=(Mean("y"), Mean("z")),
    covariates=("tier", "rounded"),
    negative_controls=("placebo",),
    bootstrap=0,
)
NESTED = replace(OPT_IN, design=replace(OPT_IN.design, cluster="ws"))
TRIMMED = replace(OPT_IN, trim=(0.2, 0.8), bootstrap=20)
STUDIES: dict[str, Any] = {
    "cluster": CLUSTER,
    "strata": STRATA,
    "events": EVENTS,
    "opt_in": OPT_IN,
    "nested": NESTED,
    "trimmed": TRIMMED,
}


def relation(f: pd.DataFrame, outcome: str) -> duckdb.DuckDBPyRelation:
    """The rows with every outcome replaced by an expression."""
    connection = duckdb.connect()
    connection.register("f", f)
    changed = ", ".join(f"{outcome} AS {name}" for name in OUTCOMES)
    return connection.sql(f"SELECT * REPLACE ({changed}) FROM f")


@pytest.mark.parametrize("study", STUDIES.values(), ids=list(STUDIES))
def test_no_outcome_is_read(study: Any):
    """An outcome whose reading is an error, one that is NULL, text or not there at all: the same checks."""
    f = frame()
    made = check_design(f, study)
    found = made.to_dict()
    poison = "CASE WHEN random() < 2 THEN error('an outcome was read') END"
    assert check_design(relation(f, f"CAST({poison} AS DOUBLE)"), study).to_dict() == found
    assert check_design(relation(f, "CAST(NULL AS DOUBLE)"), study).to_dict() == found
    assert check_design(relation(f, "'text'"), study).to_dict() == found
    assert check_design(f.drop(columns=list(OUTCOMES)), study).to_dict() == found
    assert made.checks
    assert set(made.not_read) == set(OUTCOMES)


@pytest.mark.parametrize("study", [CLUSTER, OPT_IN], ids=["cluster", "opt_in"])
def test_the_poison_works(study: Any):
    """A run of the same rows does read it."""
    poison = "CAST(CASE WHEN random() < 2 THEN error('an outcome was read') END AS DOUBLE)"
    with pytest.raises(SourceError, match="an outcome was read"):
        hl.run(relation(frame(), poison), study)


@pytest.mark.parametrize("study", STUDIES.values(), ids=list(STUDIES))
def test_what_is_found_is_what_the_whole_walk_finds(study: Any):
    lift = hl.run(frame(), study)
    whole = {(c.code, c.metric): c for c in lift.checks}
    found = check_design(frame(), study)
    for c in found.checks:
        other = whole[c.code, c.metric]
        assert (c.level, c.remedy) == (other.level, other.remedy)
        if not c.code.startswith("exposure"):  # the walk adds how precise the spillover claims to be
            if not c.code.startswith("weighted_smd"):  # the two levels of a tier differ by the same: a tie of the last digit
                assert c.statement == other.statement
            sizes = [{k: v if v is None else abs(v) for k, v in one.evidence.items()} for one in (c, other)]
            assert sizes[0] == pytest.approx(sizes[1], rel=1e-9)
    for name, table in found.tables.items():
        assert table.columns == lift.tables[name].columns
        assert len(table.rows) == len(lift.tables[name].rows)
    assert found.plan_sha256 == lift.provenance["plan_sha256"]
    assert {k: found.data[k] for k in ("n_units", "n_treated_units", "n_clusters", "engine")} == {
        k: lift.data[k] for k in ("n_units", "n_treated_units", "n_clusters", "engine")
    }


def test_what_needs_an_outcome_is_not_checked():
    codes = {c.code.partition(":")[0] for study in STUDIES.values() for c in check_design(frame(), study).checks}
    assert codes.isdisjoint(
        {"missing_outcome", "size_effect", "negative_control", "methods_disagree", "fragile", "outcome_in_covariates"}
    )
    assert {
        "sample_ratio",
        "few_clusters",
        "pre_period_balance",
        "use_in_control",
        "overlap",
        "weighted_smd",
        "separation",
    } <= codes


def test_bad_news_comes_first_and_estimands_that_the_data_do_not_support_are_named():
    f = frame()
    f["opted"] = (np.random.default_rng(0).random(len(f)) < np.where(f.rounded > 0, 0.97, 0.1)).astype(int)
    found = check_design(f, OPT_IN)
    levels = [c.level for c in found.checks]
    assert levels == sorted(levels, key=["stop", "caution", "ok"].index)
    assert levels[0] == "stop"
    stopped = {e for c in found.checks if c.level == "stop" for e in c.concerns}
    assert set(found.supported) == set(OPT_IN.design.estimands) - stopped


def test_bad_input_is_an_error():
    with pytest.raises(ColumnError, match="no column 'tier'"):
        check_design(frame().drop(columns="tier"), CLUSTER)
    with pytest.raises(DataError):
        check_design(frame().assign(user=1), CLUSTER)
    with pytest.raises(DataError):
        check_design(frame().assign(opted=0), OPT_IN)


def test_as_plain_values():
    values = check_design(frame(), OPT_IN).to_dict()
    assert list(values)[:4] == ["schema_version", "honestlift_version", "name", "kind"]
    assert values["checks"][0]["code"]
    assert values["tables"]["drivers"]["rows"]


def test_the_columns_of_a_ratio_are_outcomes_too():
    asked = replace(CLUSTER, metrics=(Ratio("cost", "tasks", pre="before"), Mean("y")))
    found = check_design(frame().drop(columns=list(OUTCOMES)), asked)
    assert found.not_read == ("cost", "tasks", "y", "placebo")


def test_degrees_of_freedom_are_those_of_an_adjusted_headline():
    f, asked = frame(), replace(CLUSTER, negative_controls=())
    whole, before = hl.run(f, asked), check_design(f, asked)
    told = next(c for c in before.checks if c.code == "few_clusters")
    assert whole.headline("y").adjustment.startswith("covariates")
    assert told.statement == whole.check("few_clusters").statement
    assert told.evidence == pytest.approx(dict(whole.check("few_clusters").evidence), rel=1e-12)
