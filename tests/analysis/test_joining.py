"""Several tables joined to one row per user, against the same by hand in pandas."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from tests.joined_data import START, world

import honestlift as hl
from honestlift.analysis.joining import rows_of
from honestlift.errors import TablesError

WINDOW = timedelta(days=14)
DESIGN = hl.ClusterDesign(
    unit="user_id", cluster="workspace_id", treatment=hl.Treatment(column="arm", treated="on", control="off")
)
ASSIGNED = hl.AssignmentTable(cluster="workspace_id", arm="arm", time="assigned_at", joined="joined_at")
EVENTS = hl.EventTable(
    unit="user_id",
    time="at",
    sums=(
        hl.EventSum(column="minutes", window="14d"),
        hl.EventSum(column="minutes", name="before", window="2w", before=True),
        hl.EventSum(name="actions", window="336h"),
    ),
)


def study(**asked: Any) -> hl.Study:
    tables = hl.Tables(**{"assignment": ASSIGNED, "events": EVENTS} | asked)
    metrics = (hl.Mean("minutes", pre="before"), hl.Mean("actions")) if tables.events else (hl.Mean("tier"),)
    return hl.Study(design=DESIGN, metrics=metrics, bootstrap=0, tables=tables)


def rows(data: Any, asked: hl.Study) -> pd.DataFrame:
    """The joined rows, by user."""
    made = rows_of(data, asked)
    frame = made.everything().collect("pyarrow").to_arrow().to_pandas()
    frame.columns = list(made.columns)
    return frame.sort_values(list(frame.columns)[:1]).reset_index(drop=True)


def notes(data: Any, asked: hl.Study) -> dict[str, int]:
    return {note.reason: note.users for note in rows_of(data, asked).notes}


def by_hand(data: dict[str, pl.DataFrame], *, late: str = "drop", exposures: bool = False) -> pd.DataFrame:
    """The same, user by user and event by event."""
    users, events = data["users"].to_pandas(), data["events"].to_pandas()
    assigned = data["assignment_table"].to_pandas().set_index("workspace_id")
    seen = data["exposure_table"].to_pandas()
    made: list[dict[str, Any]] = []
    for user in users.itertuples():
        if user.workspace_id not in assigned.index:
            continue
        arm, start = assigned.loc[user.workspace_id, "arm"], assigned.loc[user.workspace_id, "assigned_at"]
        if user.joined_at > start:
            if late == "drop":
                continue
            start = user.joined_at
        if exposures:
            own = seen[(seen.user_id == user.user_id) & (seen.seen_at >= start)].seen_at
            if own.empty:
                continue
            start = own.min()
        mine = events[events.user_id == user.user_id]
        inside = mine[(mine["at"] >= start) & (mine["at"] < start + WINDOW)]
        earlier = mine[(mine["at"] < start) & (mine["at"] >= start - WINDOW)]
        row = {"user_id": user.user_id, "workspace_id": user.workspace_id, "tier": user.tier, "arm": arm}
        over = start + WINDOW <= events["at"].max()
        row |= {"minutes": inside.minutes.sum() if over else np.nan, "before": earlier.minutes.sum()}
        made.append(row | {"actions": float(len(inside)) if over else np.nan})
    return pd.DataFrame(made).sort_values("user_id").reset_index(drop=True)


def same(got: pd.DataFrame, due: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(got[list(due.columns)], due, check_dtype=False, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("late", ["drop", "keep"])
@pytest.mark.parametrize("exposures", [False, True])
def test_the_joined_rows_are_those_made_by_hand(late: Any, exposures: bool) -> None:
    data = world()
    asked = study(
        assignment=replace(ASSIGNED, late=late),
        exposure=hl.ExposureTable(unit="user_id", time="seen_at") if exposures else None,
    )
    due = by_hand(data, late=late, exposures=exposures)
    same(rows(data, asked), due)
    told = notes(data, asked)
    late_ones = 400 - len(by_hand(data))
    assert told["joined after the assignment" + (", kept" if late == "keep" else "")] == late_ones
    if exposures:
        assert told["no exposure after the assignment"] == len(by_hand(data, late=late)) - len(due)
    mine = data["events"].filter(pl.col("user_id").is_in(due.user_id.to_list()))
    assert told["events of nobody in the study, or without a time"] == len(data["events"]) - len(mine)
    assert told.get("users without an event", 0) == len(due) - mine["user_id"].n_unique()
    assert told.get("window of minutes not over", 0) == due.minutes.isna().sum()


def test_the_answer_has_the_same_bytes_in_any_order_of_rows_and_from_files(tmp_path: Any) -> None:
    data, asked = world(), study()
    answers: list[str] = []
    for seed in (None, 1, 2):
        mixed = {n: t if seed is None else t.sample(fraction=1.0, shuffle=True, seed=seed) for n, t in data.items()}
        lift = hl.run(mixed, asked)
        answers.append(replace(lift, provenance={}).to_json())
    for name, table in data.items():
        table.write_parquet(tmp_path / f"{name}.parquet")
    lift = hl.run({name: str(tmp_path / f"{name}.parquet") for name in data}, asked)
    answers.append(replace(lift, provenance={}).to_json())
    assert len(set(answers)) == 1
    assert lift.data["dropped"]["joined after the assignment"] > 0
    codes = {check.code: check for check in lift.checks}
    assert codes["joined_tables"].level == "ok"
    assert codes["left_out_alike"].evidence["users"] == lift.data["dropped"]["joined after the assignment"]


def test_one_table_and_three_give_the_same_answer() -> None:
    data, asked = world(), study()
    one = pl.from_pandas(by_hand(data))
    plain = hl.run(one, replace(asked, tables=None))
    lift = hl.run(data, asked)
    assert [e.estimate for e in lift.estimates] == pytest.approx([e.estimate for e in plain.estimates], rel=1e-12)


def test_times_with_a_zone_and_dates() -> None:
    data = world()
    zoned = {
        name: table.with_columns(pl.col(c).dt.replace_time_zone("UTC").dt.convert_time_zone(zone) for c in times)
        for (name, table), times, zone in zip(
            data.items(),
            (["joined_at"], ["assigned_at"], ["seen_at"], ["at"]),
            ("Asia/Tokyo", "America/New_York", "UTC", "Europe/Berlin"),
            strict=True,
        )
    }
    same(rows(zoned, study()), by_hand(data))
    days = {
        name: table.with_columns(pl.col(c).cast(pl.Date) for c in times)
        for (name, table), times in zip(data.items(), (["joined_at"], ["assigned_at"], ["seen_at"], ["at"]), strict=True)
    }
    midnights = {
        name: table.with_columns(pl.col(c).cast(pl.Datetime) for c, kind in table.schema.items() if kind == pl.Date)
        for name, table in days.items()
    }
    until = replace(EVENTS, until=date(2026, 3, 1))
    same(rows(days, study(events=until)), rows(midnights, study(events=until)).drop(columns="joined_at"))


def test_the_end_of_the_data_may_be_said() -> None:
    data = world()
    open_ones = [
        rows(data, study(events=replace(EVENTS, until=end))).minutes.isna().sum()
        for end in (date(2026, 2, 9), datetime(2026, 2, 9, 6), datetime(2026, 2, 9, 6, tzinfo=UTC), date(2026, 3, 1))
    ]
    assert open_ones[0] > open_ones[1] == open_ones[2] > open_ones[3] == 0


def test_names_that_try_to_be_sql() -> None:
    data = world()
    odd = {
        "user_id": '"; drop table users; --',
        "workspace_id": "select * from",
        "arm": "a.b",
        "at": "'",
        "minutes": "ünïcode 💥",
    }
    mixed = {name: table.rename({k: v for k, v in odd.items() if k in table.columns}) for name, table in data.items()}
    asked = hl.Study(
        design=hl.ClusterDesign(
            unit=odd["user_id"],
            cluster=odd["workspace_id"],
            treatment=hl.Treatment(column=odd["arm"], treated="on", control="off"),
        ),
        metrics=(hl.Mean(odd["minutes"], pre="before"),),
        bootstrap=0,
        tables=hl.Tables(
            assignment=replace(ASSIGNED, cluster=odd["workspace_id"], arm=odd["arm"]),
            events=hl.EventTable(
                unit=odd["user_id"],
                time=odd["at"],
                sums=tuple(replace(s, column=s.column and odd["minutes"]) for s in EVENTS.sums),
            ),
        ),
    )
    back = {v: k for k, v in odd.items()}
    same(rows(mixed, asked).rename(columns=back), by_hand(data))


def test_keys_without_a_value_match_nobody_and_repeated_assignments_count_once() -> None:
    data = world()
    users = data["users"].with_columns(
        pl.when(pl.col("user_id") < 40).then(None).otherwise(pl.col("workspace_id")).alias("workspace_id")
    )
    table = data["assignment_table"]
    nameless = pl.DataFrame({"workspace_id": [None], "arm": ["on"], "assigned_at": [START]}, schema=table.schema)
    elsewhere = pl.DataFrame({"workspace_id": ["w99"], "arm": ["on"], "assigned_at": [START]}, schema=table.schema)
    later = table.with_columns(pl.col("assigned_at") + timedelta(days=3))
    events = pl.concat(
        [
            data["events"],
            data["events"].head(5).with_columns(pl.lit(None, pl.Int64).alias("user_id")),
            data["events"].head(3).with_columns(pl.lit(None, pl.Datetime).alias("at")),
            data["events"].head(2).with_columns(pl.lit(float("nan")).alias("minutes")),
        ]
    )
    mixed = data | {"users": users, "events": events, "assignment_table": pl.concat([table, later, nameless, elsewhere])}
    kept = data | {"users": data["users"].filter(pl.col("user_id") >= 40)}
    got, due = rows(mixed, study()), by_hand(kept)
    same(got.drop(columns="actions"), due.drop(columns="actions"))  # an event without a measure is an event
    told = notes(mixed, study())
    assert told["no workspace_id"] == (data["users"]["user_id"] < 40).sum()
    assert told["assigned workspaces of whom there is no row"] == 1


def test_arms_of_users_and_users_whom_nobody_assigned() -> None:
    data = world()
    by_user = data["users"].join(data["assignment_table"], on="workspace_id").select("user_id", "arm", "assigned_at")
    kept = by_user.filter(pl.col("user_id") >= 100)
    asked = study(assignment=hl.AssignmentTable(unit="user_id", arm="arm", time="assigned_at", joined="joined_at"))
    due = by_hand(data | {"users": data["users"].filter(pl.col("user_id") >= 100)})
    same(rows(data | {"assignment_table": kept}, asked), due)
    assert notes(data | {"assignment_table": kept}, asked)["not in the assignment table"] == len(by_user) - len(kept)


MOVES = pl.DataFrame(
    {
        "user_id": [1, 1, 2, 2, 2, 3, 3, 4, 5, 5],
        "workspace_id": ["w0", "w1", "w3", "w2", "w3", "w1", "w1", "w2", "w0", None],
        "joined_at": [START + timedelta(days=d) for d in (2, 1, 1, 3, 2, 1, 2, 1, 2, 1)],
        "tier": [0, 0, 1, 1, 1, 2, 2, 0, 1, 1],
    }
)


@pytest.mark.parametrize(
    ("rule", "due", "moved"),
    [
        ("first", {1: "w1", 2: "w3", 3: "w1", 4: "w2"}, 2),
        ("last", {1: "w0", 2: "w2", 3: "w1", 4: "w2", 5: "w0"}, 2),
        ("most", {1: "w0", 2: "w3", 3: "w1", 4: "w2", 5: "w0"}, 2),
        ("drop", {3: "w1", 4: "w2", 5: "w0"}, 2),
    ],
)
def test_users_in_several_clusters_are_where_the_rule_says(rule: Any, due: dict[int, str], moved: int) -> None:
    data = world() | {"users": MOVES}
    asked = study(assignment=replace(ASSIGNED, moves=rule), events=None)
    for seed in (0, 1, 2):
        mixed = data | {"users": MOVES.sample(fraction=1.0, shuffle=True, seed=seed)}
        got = rows(mixed, asked)
        assert dict(zip(got.user_id, got.workspace_id, strict=True)) == due
        assert sum(n for reason, n in notes(mixed, asked).items() if reason.startswith("in several clusters")) == moved


def test_a_log_of_exposures_that_is_kept_in_one_arm_is_caught() -> None:
    data = world(users=3000, events=6000)
    arms = dict(data["assignment_table"].select("workspace_id", "arm").iter_rows())
    of = {u: arms[w] for u, w in data["users"].select("user_id", "workspace_id").iter_rows()}
    rng = np.random.default_rng(0)
    seen = [u for u, arm in of.items() if arm == "on" or rng.random() < 0.7]
    log = pl.DataFrame({"user_id": seen, "seen_at": [START + timedelta(days=30)] * len(seen)})
    asked = study(exposure=hl.ExposureTable(unit="user_id", time="seen_at"))
    lift = hl.run(data | {"exposure_table": log}, asked)
    check = next(c for c in lift.checks if c.code == "left_out_alike" and "exposure" in c.statement)
    assert check.level == "stop"
    assert lift.verdict.level == "not trustworthy"
    everybody = pl.DataFrame({"user_id": list(of), "seen_at": [START + timedelta(days=30)] * len(of)})
    lift = hl.run(data | {"exposure_table": everybody}, asked)
    assert all(c.level == "ok" for c in lift.checks if c.code == "left_out_alike")


def test_check_reads_no_event_after_first_exposure() -> None:
    data = world()
    earlier = data["events"].filter(pl.col("at") < START + timedelta(days=25, hours=12))
    found = [hl.check_design(data | {"events": events}, study()).to_dict() for events in (data["events"], earlier)]
    told = [c["evidence"] for answer in found for c in answer["checks"] if c["code"] == "pre_period_balance"]
    assert len(told) == 2
    assert told[0] == told[1]
    unread = hl.check_design({"users": data["users"], "assignment_table": data["assignment_table"]}, study(events=None))
    assert "left_out_alike" in {c.code for c in unread.checks}


def test_sums_of_joined_tables_are_kept_with_what_became_of_users() -> None:
    data, asked = world(), study()
    lift = hl.run(data, asked)
    again = hl.run(hl.collect_moments(data, asked), asked)
    assert [e.estimate for e in again.estimates] == [e.estimate for e in lift.estimates]
    told = [next(c.statement for c in found.checks if c.code == "left_out_alike") for found in (lift, again)]
    assert told[0] == told[1]


def refused(asked: hl.Study, data: Any, words: str) -> None:
    with pytest.raises(TablesError, match=words):
        hl.run(data, asked)


def test_what_cannot_be_joined_is_refused() -> None:
    data = world()
    table, users, events = data["assignment_table"], data["users"], data["events"]
    refused(study(), data["users"], "users is not among the data")
    refused(study(), {"users": users, "events": events}, "assignment_table is not among the data")
    refused(replace(study(), tables=None), data, "which the study does not join")
    flipped = table.with_columns(pl.lit("on").alias("arm"))
    refused(study(), data | {"assignment_table": pl.concat([table, flipped])}, "6 values of 'workspace_id' .* several arms")
    refused(study(), data | {"assignment_table": table.with_columns(pl.lit(None, pl.String).alias("arm"))}, "have no arm")
    refused(
        study(), data | {"assignment_table": table.with_columns(pl.lit(None, pl.Datetime).alias("assigned_at"))}, "missing on 12"
    )
    refused(
        study(),
        data | {"assignment_table": table.with_columns(pl.format("x{}", "workspace_id").alias("workspace_id"))},
        "No user's 'workspace_id'",
    )
    coded = table.with_columns(pl.int_range(pl.len()).alias("workspace_id"))
    refused(study(), data | {"assignment_table": coded}, "holds text and column .* integer")
    refused(study(), data | {"users": users.with_columns(pl.lit("on").alias("arm"))}, "have a column 'arm' already")
    refused(study(), data | {"events": events.with_columns(pl.col("at").dt.replace_time_zone("UTC"))}, "times with a zone")
    refused(study(), data | {"events": events.with_columns(pl.col("at").cast(pl.String))}, "holds text. Expected dates or times")
    refused(study(), data | {"events": events.with_columns(pl.lit("3").alias("minutes"))}, "Expected the same type")
    refused(study(), data | {"events": events.filter(pl.col("at") < START + timedelta(days=20))}, "window of 'minutes' is over")
    refused(study(assignment=replace(ASSIGNED, late="error")), data, "joined after the assignment. Expected none")
    early = data["exposure_table"].with_columns(pl.lit(START).alias("seen_at"))
    seen = study(exposure=hl.ExposureTable(unit="user_id", time="seen_at"))
    refused(seen, data | {"exposure_table": early}, "exposure table after the assignment")
    torn = MOVES.with_columns(pl.int_range(pl.len()).alias("tier"))
    rule = study(assignment=replace(ASSIGNED, moves="first"), events=None)
    refused(rule, data | {"users": torn}, "several values of 'tier'")
    infinite = events.with_columns(pl.lit(float("inf")).alias("minutes"))
    with pytest.raises(hl.HonestliftError, match="infinite"):
        hl.run(data | {"events": infinite}, study())
    with pytest.raises(hl.HonestliftError, match="user_id"):
        hl.run(data | {"users": pl.concat([users, users])}, study())
    choice = hl.OptInDesign(unit="user_id", treatment="arm")
    with pytest.raises(TablesError, match="Only cluster studies join tables"):
        hl.analyze(data, choice, "minutes", covariates="tier", tables=study().tables)


def test_tables_in_two_engines_are_refused() -> None:
    from honestlift.source.spark import SparkSource
    from honestlift.source.together import together

    here = hl.connect(world()["users"])
    there = SparkSource(rows=None, columns=("a",), kinds=("integer",))
    with pytest.raises(TablesError, match="One table is in duckdb and another in spark"):
        together([here, there])
