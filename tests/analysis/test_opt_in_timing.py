"""Covariates measured after the opt-in stop an opt-in study, and ids of any type give the same bytes once the plan says their type."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest

import honestlift as hl
from honestlift.errors import ColumnError, DataError, DesignError
from honestlift.plan import read_plan
from honestlift.simulate import OptInWorld

USERS = 2_000
TABLE = OptInWorld(users=USERS, adoption=0.3, effect=1.0).draw(5).table
CHOSE = TABLE["opt_in"].to_numpy() == 1
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
LATE = [int(i) for i in np.flatnonzero(CHOSE)[:7]]


def timed(measured: Any, opted: Any, kind: pa.DataType) -> pa.Table:
    """Everybody is measured and opts in at the default times; the first seven who opted in are measured an hour or a day later."""
    later = timedelta(days=1) if kind in (pa.date32(),) else timedelta(hours=1)
    at = [measured + later if i in LATE else measured for i in range(USERS)]
    chose = [opted if chosen else None for chosen in CHOSE]
    return TABLE.append_column("seen_at", pa.array(at, kind)).append_column("opted_at", pa.array(chose, kind))


ZONED, PLAIN = pa.timestamp("us", tz="UTC"), pa.timestamp("us")
DESIGN = hl.OptInDesign(unit="user_id", treatment="opt_in", estimands=("ATE",), treatment_time="opted_at")
SEEN = hl.Covariate("activity", measured_at="seen_at")


def lift(table: Any, covariates: Any = (SEEN, "tenure"), design: hl.OptInDesign = DESIGN, **options: Any) -> hl.Lift:
    return hl.analyze(table, design, ["outcome"], covariates=covariates, **{"bootstrap": 0, **options})


@pytest.mark.parametrize(
    ("at", "kind"),
    [(NOON, ZONED), (NOON.replace(tzinfo=None), PLAIN), (date(2026, 3, 1), pa.date32())],
    ids=["zone", "none", "date"],
)
def test_a_covariate_measured_after_the_opt_in_stops_with_the_count_of_users(at: Any, kind: pa.DataType) -> None:
    """Measured at the same moment as the opt-in is not after it; users who did not opt in have no time to compare."""
    made = lift(timed(at, at, kind))
    check = made.check("covariate_timing")
    assert check.level == "stop"
    assert check.statement == f"activity was measured after the opt-in for 7 of the {CHOSE.sum():,} users who opted in."
    assert check.evidence == {"late": 7, "users": int(CHOSE.sum()), "unknown": 0}
    assert made.verdict.level == "not trustworthy"
    row = next(a for a in made.ledger if "covariate_timing" in a.checks)
    assert row.status == "violated"


def test_covariates_measured_in_time_pass_and_unknown_times_are_counted() -> None:
    table = timed(NOON, NOON + timedelta(hours=1), ZONED)
    assert lift(table).check("covariate_timing").level == "ok"
    times = table["opted_at"].to_pylist()
    times[LATE[0]] = None
    gaps = table.set_column(table.column_names.index("opted_at"), "opted_at", pa.array(times, ZONED))
    check = lift(gaps).check("covariate_timing")
    assert (check.level, check.evidence["unknown"]) == ("ok", 1)
    assert check.statement.endswith("1 user who opted in without a time to compare.")


def test_zones_are_compared_as_moments() -> None:
    """Noon in UTC is two in the afternoon two hours east: the same moment, which is not after."""
    east = pa.timestamp("us", tz="+02:00")
    table = TABLE.append_column("seen_at", pa.array([NOON.astimezone(timezone(timedelta(hours=2)))] * USERS, east))
    table = table.append_column("opted_at", pa.array([NOON if c else None for c in CHOSE], ZONED))
    assert lift(table).check("covariate_timing").evidence["late"] == 0


def test_a_study_without_times_has_no_check_of_them() -> None:
    made = lift(TABLE, ["activity"], hl.OptInDesign(unit="user_id", treatment="opt_in", estimands=("ATE",)))
    assert not [c for c in made.checks if c.code == "covariate_timing"]


def test_what_cannot_be_compared_is_told() -> None:
    table = timed(NOON, NOON, ZONED)
    plain = table.append_column("local", pa.array([NOON.replace(tzinfo=None)] * USERS, PLAIN))
    with pytest.raises(DataError, match=r"'opted_at' has a time zone and 'local' has none.*Expected both"):
        lift(plain, [hl.Covariate("activity", measured_at="local")])
    with pytest.raises(DataError, match=r"Column 'tenure', the time of activity, holds numbers. Expected dates or timestamps"):
        lift(table, [hl.Covariate("activity", measured_at="tenure")])
    with pytest.raises(ColumnError, match=r"no column 'seen', which the plan names as time of activity. Did you mean 'seen_at'"):
        lift(table, [hl.Covariate("activity", measured_at="seen")])
    with pytest.raises(DesignError, match=r"does not say when users opted in.*Add `treatment_time: column`"):
        lift(table, design=hl.OptInDesign(unit="user_id", treatment="opt_in"))
    cluster = hl.ClusterDesign(unit="user_id", cluster="tenure", treatment="opt_in")
    with pytest.raises(DesignError, match="learners and measured_at are options of an opt-in study"):
        hl.analyze(table, cluster, ["outcome"], covariates=SEEN)


def values(made: hl.Lift) -> str:
    plain = made.to_dict()
    return json.dumps(plain | {"provenance": plain["provenance"] | {"started": None, "seconds": None}})


@pytest.mark.parametrize("kind", ["integer", "text"])
def test_the_plan_fixes_the_type_of_the_ids_and_with_it_every_byte(tmp_path, kind: str) -> None:
    """The same users as integers, as text, and as a CSV file whose reader makes up its own mind."""
    ids = (7 * np.arange(USERS) - 300).astype(np.int64)
    whole = TABLE.set_column(0, "user_id", pa.array(ids))
    pq.write_table(whole, tmp_path / "whole.parquet")
    pq.write_table(TABLE.set_column(0, "user_id", pa.array([str(i) for i in ids])), tmp_path / "text.parquet")
    pa_csv.write_csv(whole, tmp_path / "whole.csv")
    body = "unit: user_id\n{type}design: {{kind: opt_in, treatment: opt_in}}\nmetrics: [outcome]\ncovariates: [activity]\nbootstrap: 50\n"
    made: dict[tuple[str, str], str] = {}
    for said in (f"unit_type: {kind}\n", ""):
        for file in ("whole.parquet", "text.parquet", "whole.csv"):
            (tmp_path / "plan.yaml").write_text(f"data: {file}\n" + body.format(type=said), encoding="utf-8")
            plan = read_plan(tmp_path / "plan.yaml")
            made[said, file] = values(hl.run(plan.data.path, plan.study))
    said = f"unit_type: {kind}\n"
    assert made[said, "whole.parquet"] == made[said, "text.parquet"]
    assert len(made[said, "whole.csv"]) == len(
        made[said, "whole.parquet"]
    )  # a float may be read from text with another last digit
    assert made["", "whole.parquet"] != made["", "text.parquet"]  # without it the hash sees two kinds of id


def test_text_that_is_no_whole_number_is_told() -> None:
    named = TABLE.set_column(0, "user_id", pa.array(["7.0", "u1", None, *[str(i) for i in range(3, USERS)]]))
    design = hl.OptInDesign(unit="user_id", treatment="opt_in", unit_type="integer")
    with pytest.raises(
        DataError, match=r"2 rows have a value of 'user_id', the unit, that is no whole number, for example '7.0'"
    ):
        lift(named, ["activity"], design)
    leading = TABLE.set_column(0, "user_id", pa.array(["3", "03", *[str(i) for i in range(10, USERS + 8)]]))
    with pytest.raises(DataError, match=r"1 values of 'user_id' stand on more than one row, for example 3"):
        lift(leading, ["activity"], design)
    with pytest.raises(DesignError, match=r"unit_type is 'number'. Expected 'integer', 'text' or nothing"):
        hl.OptInDesign(unit="u", treatment="t", unit_type="number")  # type: ignore[arg-type]
