"""Joined tables on every engine: the same bytes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
import pytest
from tests.joined_data import world, written

import honestlift as hl
from honestlift.plan import read_plan
from honestlift.source.connect import connect

pytestmark = pytest.mark.filterwarnings("ignore")  # PySpark warns of its own insides


def answer(data: Any, study: Any) -> str:
    told = hl.run(data, study).to_dict()
    told["provenance"] = None
    told["data"].pop("engine")
    return json.dumps(told)


@pytest.mark.parametrize("name", ["database", "pandas", pytest.param("spark", marks=pytest.mark.engine)])
def test_joined_tables_give_the_same_bytes(name: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    folder, names = written(tmp_path), list(world())
    study = read_plan(folder / "plan.yaml").study
    files = {table: str(folder / f"{table}.parquet") for table in names}
    if name == "database":
        with duckdb.connect(str(folder / "lake.duckdb")) as made:
            for table, path in files.items():
                made.execute(f"CREATE TABLE {table} AS FROM '{path}'")
        data: Any = {table: connect(str(folder / "lake.duckdb"), table=table) for table in names}
    elif name == "pandas":
        import pandas as pd

        data = {table: pd.read_parquet(path) for table, path in files.items()}
    else:
        session = request.getfixturevalue("spark")
        data = {table: session.read.parquet(path).repartition(3) for table, path in files.items()}
    assert answer(data, study) == answer(files, study)
