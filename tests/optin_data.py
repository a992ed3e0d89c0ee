"""The data sets behind propensity.json as patterns, and its answers by id. A missing file is an error, never a skip."""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from honestlift.moments.patterns import Patterns, patterns_of_rows
from honestlift.simulate import published

FOLDER = Path(__file__).parent / "oracles"


@cache
def fixtures() -> dict[str, dict[str, Any]]:
    """Every fixture of propensity.json, by id."""
    text = (FOLDER / "propensity.json").read_text(encoding="utf-8")
    return {f["id"]: f for f in json.loads(text)["fixtures"]}


@cache
def cattaneo_columns() -> dict[str, NDArray[np.float64]]:
    """Cattaneo's (2010) birth weights, 4,642 rows, as statsmodels ships them."""
    path = resources.files("statsmodels.treatment.tests.results") / "cataneo2.csv"
    with path.open(encoding="utf-8") as file:
        rows = np.genfromtxt(file, delimiter=",", names=True)
    made = {name: rows[name].astype(np.float64) for name in rows.dtype.names}
    return made | {"mage^2": made["mage"] ** 2}


def cattaneo(*names: str) -> Patterns:
    """Birth weight by smoking, with the named covariates, one pattern per row."""
    columns = cattaneo_columns()
    x = np.column_stack([columns[name] for name in names])
    return patterns_of_rows(x, columns["mbsmoke_"] == 1, columns["bweight"], names=names)


CATTANEO = ("mmarried_", "mage", "mage^2", "fbaby_", "medu")
"""The covariates of the propensity in most fixtures."""


@cache
def llm_columns() -> dict[str, NDArray[Any]]:
    """The published data set of 50,000 users."""
    table = published().table
    return {name: table[name].to_numpy(zero_copy_only=False) for name in table.column_names}


def llm_x() -> NDArray[np.float64]:
    """Dummies of light and medium, and query_confidence."""
    columns = llm_columns()
    tier = columns["engagement_tier"]
    return np.column_stack([tier == "light", tier == "medium", columns["query_confidence"]]).astype(np.float64)


@cache
def llm(*, by_workspace: bool = False) -> Patterns:
    """task_completed by opt_in_agent_mode, one pattern per row."""
    columns = llm_columns()
    return patterns_of_rows(
        llm_x(),
        columns["opt_in_agent_mode"] == 1,
        columns["task_completed"].astype(np.float64),
        names=("engagement_tier = light", "engagement_tier = medium", "query_confidence"),
        group=columns["workspace_id"].astype(np.int64) if by_workspace else None,
    )
