"""What an opt-in study refuses, and what it says then."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import honestlift as hl
from honestlift.errors import ColumnError, DataError, DesignError
from honestlift.simulate import published

TABLE = published().table
COVARIATES = ["engagement_tier", "query_confidence"]


def lift(data: Any = TABLE, design: hl.OptInDesign | None = None, **options: Any) -> hl.Lift:
    options = {"metrics": [hl.Mean("task_completed")], "covariates": COVARIATES, "bootstrap": 0} | options
    return hl.analyze(data, design or hl.OptInDesign(unit="user_id", treatment="opt_in_agent_mode"), **options)


def with_column(name: str, values: Any) -> pa.Table:
    return TABLE.append_column(name, pa.array(values))


CHOSE = TABLE["opt_in_agent_mode"].to_numpy()


@pytest.mark.parametrize(
    ("table", "options", "error", "message"),
    [
        (with_column("t", CHOSE * 0), {"treatment": "t"}, DataError, "No row of 't' is in the treated arm (1)."),
        (with_column("t", CHOSE * 0 + 1), {"treatment": "t"}, DataError, "No row of 't' is in the control arm (0)."),
        (
            with_column("t", CHOSE * 2),
            {"treatment": "t"},
            DataError,
            "Treatment column 't' holds 0, 2. Expected 0/1 or true/false.",
        ),
        (with_column("t", [None, *CHOSE[1:]]), {"treatment": "t"}, DataError, "1 rows have no value of 't', the treatment."),
        (with_column("c", CHOSE * 3.0), {"add": "c"}, DataError, "'c' tells who is treated by 'opt_in_agent_mode'"),
        (
            with_column("c", TABLE["query_confidence"].to_numpy() * 2 + 1),
            {"add": "c"},
            DesignError,
            "The regressor 'c' is a linear combination of 'intercept', 'engagement_tier = light'",
        ),
        (
            with_column("c", np.where(CHOSE, np.where(TABLE["user_id"].to_numpy() % 9 == 0, "beta", "a"), "a")),
            {"add": "c"},
            DataError,
            "users with 'c' = 'beta' are treated. Expected both arms in every category.",
        ),
        (
            with_column("c", [f"n{i % 400}" for i in range(50_000)]),
            {"add": "c"},
            DataError,
            "Text column 'c' has 400 different values.",
        ),
        (with_column("c", np.full(50_000, 3.5)), {"add": "c"}, DataError, "Column 'c', the covariate, is 3.5 on every row."),
        (with_column("u", np.arange(50_000) // 2), {"unit": "u"}, DataError, "25,000 values of 'u' stand on more than one row"),
        (
            with_column("u", np.arange(50_000) / 2),
            {"unit": "u"},
            DataError,
            "Column 'u', the unit, holds floating-point numbers.",
        ),
        (TABLE, {"add": "engagment"}, ColumnError, "The table has no column 'engagment', which the plan names as covariate."),
        (TABLE.slice(0, 0), {}, DataError, "The table has no rows."),
    ],
)
def test_bad_input_is_told(table: pa.Table, options: dict[str, str], error: type[Exception], message: str) -> None:
    design = hl.OptInDesign(unit=options.get("unit", "user_id"), treatment=options.get("treatment", "opt_in_agent_mode"))
    covariates = [*COVARIATES, *([options["add"]] if "add" in options else [])]
    with pytest.raises(error) as caught:
        lift(table, design, covariates=covariates)
    assert message in str(caught.value)


def test_options_of_an_opt_in_study_are_refused_in_a_cluster_experiment() -> None:
    design = hl.ClusterDesign(unit="user_id", cluster="workspace_id", treatment="opt_in_agent_mode")
    with pytest.raises(DesignError, match="options of an opt-in study"):
        hl.analyze(TABLE, design, [hl.Mean("task_completed")], trim="crump")
    with pytest.raises(DesignError, match="names no covariates"):
        lift(covariates=[])
