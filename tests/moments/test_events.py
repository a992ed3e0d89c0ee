"""Tests of events: sums per user against pandas, in the same bytes whatever the order, and one value of everything else."""

from __future__ import annotations

import math

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from honestlift.errors import DataError
from honestlift.moments.events import per_unit
from honestlift.source.connect import Source, connect
from rows_data import FORMS

FIXED = {"ws": "cluster", "treated": "treatment", "tier": "covariate"}
SUMMED = {"y": "outcome", "pre": "measure before treatment"}


def events(rows: int = 3000) -> pd.DataFrame:
    rng = np.random.default_rng(6)
    user = rng.integers(0, 400, rows)
    y = np.exp(rng.normal(0, 4, rows))
    y[rng.random(rows) < 0.2] = np.nan
    y[user < 5] = np.nan
    return pd.DataFrame(
        {
            "user_id": user,
            "ws": user % 12,
            "treated": user % 2,
            "tier": np.where(user % 3, "free", "paid"),
            "y": y,
            "pre": 1e9 + rng.normal(size=rows),
            "used": (rng.random(rows) < 0.1).astype(int),
        }
    )


def fetched(source: Source) -> pd.DataFrame:
    frame = source.everything().collect("pyarrow").to_arrow().to_pandas()
    frame.columns = list(source.columns)
    return frame.sort_values("user_id", ignore_index=True)


def one_row_each(data, **changes) -> Source:
    return per_unit(connect(data), "user_id", **{"fixed": FIXED, "summed": SUMMED, "highest": ["used"], **changes})


def test_agrees_with_pandas_groupby():
    frame = events()
    mine = fetched(one_row_each(frame))
    by = frame.groupby("user_id")
    assert mine.user_id.tolist() == sorted(set(frame.user_id))
    for name in FIXED:
        assert mine[name].tolist() == by[name].first().tolist()
    assert mine.used.tolist() == by.used.max().tolist()
    for name in SUMMED:
        exact = by[name].apply(lambda v: math.fsum(v.dropna()) if v.notna().any() else np.nan)
        # two roundings, of the two parts' sum and of fsum
        assert np.allclose(mine[name], exact, rtol=3e-16, atol=0, equal_nan=True)
    assert mine.y[:5].isna().all()


@pytest.mark.parametrize("form", ["shuffled", "pandas, numpy", "polars, lazy", "ten parts", "csv", "relation"])
def test_a_users_sum_is_the_same_bytes_in_any_order(form, tmp_path):
    table = pa.Table.from_pandas(events(), preserve_index=False)
    plain, other = (fetched(one_row_each(d)) for d in (table, FORMS[form](table, tmp_path)))
    for name in SUMMED:
        assert other[name].to_numpy().tobytes() == plain[name].to_numpy().tobytes()


def test_kinds_and_names_are_those_of_one_row_per_user():
    made = one_row_each(events())
    assert made.columns == ("user_id", "ws", "treated", "tier", "y", "pre", "used")
    assert made.kinds == ("integer", "integer", "integer", "text", "number", "number", "number")


@pytest.mark.parametrize(
    ("column", "value", "what"),
    [
        ("ws", 99, "more than one cluster"),
        ("treated", 9, "more than one treatment"),
        ("tier", "other", "more than one value of 'tier', the covariate"),
    ],
)
def test_a_fixed_column_that_varies_within_a_user(column, value, what):
    frame = events()
    frame.loc[frame.index[frame.user_id == 7][0], column] = value
    with pytest.raises(DataError, match=f"1 values of 'user_id' have rows with {what}, for example 7"):
        one_row_each(frame)


def test_a_fixed_column_with_a_gap_is_missing_for_the_user():
    frame = events().astype({"ws": float})
    frame.loc[frame.index[frame.user_id == 7][0], "ws"] = np.nan
    frame.loc[frame.index[frame.user_id == 8][0], "tier"] = None
    mine = fetched(one_row_each(frame)).set_index("user_id")
    assert mine.ws.isna().sum() == mine.tier.isna().sum() == 1
    assert np.isnan(mine.ws[7])


@pytest.mark.parametrize(
    ("value", "message"), [(np.inf, "'y', the outcome, is infinite on 1 rows"), (-2e180, "'y' reaches 2e\\+180")]
)
def test_an_event_that_cannot_be_summed(value, message):
    frame = events()
    frame.loc[50, "y"] = value
    with pytest.raises(DataError, match=message):
        one_row_each(frame)


def test_events_without_a_user_and_no_events_at_all():
    frame = events().astype({"user_id": "Int64"})
    frame.loc[3:5, "user_id"] = None
    with pytest.raises(DataError, match="3 rows have no value of 'user_id', the unit"):
        one_row_each(frame)
    with pytest.raises(DataError, match="no rows"):
        one_row_each(events()[:0])


def test_all_missing_events_make_all_missing_sums():
    frame = events().assign(y=np.nan)
    assert fetched(one_row_each(frame)).y.isna().all()


def test_other_kinds_of_fixed_columns():
    connection = duckdb.connect()
    rel = connection.sql(
        "SELECT i % 4 AS user_id, ('00000000-0000-0000-0000-00000000000' || (i % 2))::UUID AS ws, (i % 2 = 0) AS treated, "
        "(CASE i % 2 WHEN 0 THEN 'a' ELSE 'b' END)::ENUM('b', 'a') AS tier, DATE '2026-01-01' + (i % 2)::INTEGER AS day, "
        "i::DECIMAL(9,2) AS y, 1 AS pre, NULL AS used FROM range(20) t(i)"
    )
    mine = fetched(one_row_each(rel, fixed={**FIXED, "day": "covariate"}))
    assert mine.y.tolist() == [40.0, 45.0, 50.0, 55.0]
    assert mine.tier.astype(str).tolist() == ["a", "b", "a", "b"]
    assert mine.treated.tolist() == [True, False, True, False]
    assert mine.used.isna().all()
