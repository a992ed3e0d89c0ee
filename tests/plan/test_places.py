"""Plans name tables of engines; a password in one is refused, and not repeated."""

from __future__ import annotations

from pathlib import Path

import pytest

from honestlift.errors import PlanError
from honestlift.plan import DataSpark, DataWarehouse, files_of, read_plan
from honestlift.plan.places import place_of, place_values
from honestlift.plan.schema import PlanSection

PLAN = """
data: {data}
unit: user
design: {{kind: cluster, cluster: team, treatment: treated}}
metrics: [minutes]
"""


def read(folder: Path, data: str):
    (folder / "plan.yaml").write_text(PLAN.format(data=data), encoding="utf-8")
    return read_plan(folder / "plan.yaml").data


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("{spark: lake.users}", DataSpark(table="lake.users")),
        ('{ibis: "postgres://u@h/d", table: s.t}', DataWarehouse(address="postgres://u@h/d", table="s.t")),
        ('{ibis: "postgres://u:${PW}@h/d", table: t}', DataWarehouse(address="postgres://u:${PW}@h/d", table="t")),
        ('{ibis: "${DATABASE_URL}", table: t}', DataWarehouse(address="${DATABASE_URL}", table="t")),
    ],
)
def test_engines(tmp_path, text, place):
    assert read(tmp_path, text) == place
    assert files_of(place) == []
    section = PlanSection.model_fields["data"]
    assert section.is_required()
    values = place_values(place, tmp_path)
    made = PlanSection.model_validate(
        {
            "data": values,
            "unit": "u",
            "design": {"kind": "cluster", "cluster": "c", "treatment": "t"},
            "metrics": ["y"],
        }
    )
    assert place_of(made.data, tmp_path) == place


@pytest.mark.parametrize(
    "data",
    [
        '{ibis: "postgres://u:s3cret@h/d", table: t}',
        '{ibis: "postgres://h/d?password=s3cret", table: t}',
        '{ibis: "postgres://u:x@s3cret@h/d", table: t}',
        '{ibis: "postgres://u:s3cret@h/d", tabel: t}',
        '{ibis: "postgres://u:s3cret@h/d", table: ""}',
        '{database: "postgres://u:s3cret@h/d", table: t}',
        '"postgres://u:s3cret@h/d"',
        "postgres://u:s3cret@h/d",
    ],
)
def test_a_password_is_refused_and_not_repeated(tmp_path, data):
    with pytest.raises(PlanError) as refused:
        read(tmp_path, data)
    assert "holds a password" in str(refused.value)
    assert "${PGPASSWORD}" in str(refused.value)
    assert "plan.yaml, line 2" in str(refused.value)
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ("{spark: t, table: u}", "'table'"),
        ('{ibis: "postgres://h/d"}', "data.table"),
        ('{ibis: "postgres://h/d", tabel: t}', "Did you mean 'table'"),
        ("{ibis: users.parquet, table: t}", "Expected an address such as postgres://"),
        ('"postgres://h/d"', "Name a table of a database"),
        ('{database: "postgres://h/d", table: t}', "Name a table of a database"),
    ],
)
def test_mistakes(tmp_path, data, said):
    with pytest.raises(PlanError) as refused:
        read(tmp_path, data)
    assert said in str(refused.value)
