"""Tests of what columns must hold: each kind of bad input stops with its class and its words."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from honestlift.analysis import summing
from honestlift.design.cluster import ClusterDesign, Treatment
from honestlift.errors import ColumnError, DataError
from study_data import done, frame, full, study, with_values


def words(message: str) -> int:
    return message.count(". ") + 1


class TestColumns:
    """Columns that are missing, repeated, or of the wrong kind."""

    @pytest.mark.parametrize(
        ("column", "role"),
        [("user_id", "unit"), ("ws", "cluster"), ("treated", "treatment"), ("seen", "exposure"), ("tier", "covariate"), ("used", "uptake"),
         ("y", "outcome"), ("before", "covariate"), ("placebo", "negative control")],
    )  # fmt: skip
    def test_each_missing_column_is_named_with_its_role(self, column, role):
        with pytest.raises(ColumnError, match=f"no column '{column}', which the plan names as {role}. Did you mean '{column}_'"):
            done(frame().rename(columns={column: f"{column}_"}), full())

    def test_a_column_that_stands_twice(self):
        data = frame()
        data.columns = ["y" if c == "z" else c for c in data.columns]
        with pytest.raises(ColumnError, match="more than one column called 'y'"):
            done(data)

    @pytest.mark.parametrize("column", ["ws", "treated", "seen", "user_id"])
    def test_lists_are_no_keys(self, column):
        with pytest.raises(DataError, match=f"Column '{column}', the .*, holds lists"):
            done(frame().assign(**{column: [[1]] * 80}), full())

    @pytest.mark.parametrize(
        ("column", "value", "held"),
        [
            ("y", "much", "text"),
            ("y", pd.Timestamp("2026-01-01"), "dates or times"),
            ("used", "yes", "text"),
            ("placebo", "n/a", "text"),
        ],
    )
    def test_text_where_numbers_belong(self, column, value, held):
        with pytest.raises(DataError, match=f"Column '{column}', the .*, holds {held}. Expected numbers or 0/1. Convert it"):
            done(frame().assign(**{column: value}), full())

    def test_dates_as_covariates(self):
        with pytest.raises(DataError, match="Column 'tier', the covariate, holds dates or times"):
            done(frame().assign(tier=pd.Timestamp("2026-01-01")), full())

    def test_floats_as_ids(self):
        with pytest.raises(DataError, match="'user_id', the unit, holds floating-point numbers"):
            done(frame().astype({"user_id": float}))


class TestValues:
    """Issue 2's list of bad input, and what stands beside it."""

    CASES: tuple[tuple[str, pd.DataFrame, str], ...] = (
        ("empty", frame()[:0], "The table has no rows"),
        ("missing unit", with_values("user_id", None, [3, 4], "Int64"), "2 rows have no value of 'user_id', the unit"),
        ("missing cluster", with_values("ws", None, [3], "Int64"), "1 rows have no value of 'ws', the cluster"),
        ("missing treatment", with_values("treated", None, [3, 9], "Int64"), "2 rows have no value of 'treated', the treatment"),
        ("missing exposure", with_values("seen", None, [3], "Int64"), "1 rows have no value of 'seen', the exposure"),
        ("missing covariate", with_values("before", np.nan, [3, 5], float), "2 rows have no value of 'before', the covariate"),
        ("missing category", with_values("tier", None, [3]), "1 rows have no value of 'tier', the covariate"),
        ("missing uptake", with_values("used", None, [3], "Int64"), "1 rows have no value of 'used', the uptake"),
        ("all missing", with_values("y", np.nan, slice(None), float), "'y', the outcome, has no value on any row"),
        ("all missing, untyped", frame().assign(y=None), "'y', the outcome, has no value on any row"),
        ("constant", frame().assign(y=2.5), "'y', the outcome, is 2.5 on every row"),
        ("infinite", with_values("y", np.inf, [1, 2, 3], float), "'y', the outcome, is infinite on 3 rows"),
        ("infinite control", with_values("placebo", -np.inf, [1], float), "'placebo', the negative control, is infinite on 1 rows"),
        ("too large", with_values("y", -3e200, [1], float), "'y' reaches 3e\\+200"),
        ("repeated", with_values("user_id", 7, [3, 4], int), "1 values of 'user_id' stand on more than one row, for example 7"),
        ("two arms in a cluster", with_values("treated", 1, [0], int), "'treated' varies within 1 values of 'ws', for example 0"),
        ("three arms", frame().assign(treated=lambda f: f.ws % 3), "holds 0, 1, 2. Expected 0/1"),
        ("no treated", frame().assign(treated=0), "No row of 'treated' is in the treated arm"),
        ("no control", frame().assign(treated=1), "No row of 'treated' is in the control arm"),
        ("one treated cluster", frame().assign(treated=lambda f: (f.ws == 1) * 1), "1 treated and 9 control clusters"),
        ("uptake 2", with_values("used", 2, [3], int), "'used', the uptake, holds 2.0. Expected 0/1"),
        ("uptake one half", with_values("used", 0.5, [3], float), "'used', the uptake, holds 0.5. Expected 0/1"),
        ("uptake next to 1", with_values("used", math.nextafter(1, 0), [3], float), "'used', the uptake, holds 0.99"),
        ("exposure 2", with_values("seen", 2, [3], int), "'seen', the exposure, holds 0, 1, 2. Expected 0/1"),
        ("exposure text", frame().assign(seen="yes"), "'seen', the exposure, holds 'yes'. Expected 0/1"),
        ("many categories", frame().assign(tier=lambda f: "t" + f.user_id.astype(str)), "Text column 'tier' has 80 different values"),
        ("no outcome in an arm", frame().assign(y=lambda f: f.y.where(f.treated == 1)), "No control user has a value of 'y'"),
    )  # fmt: skip

    @pytest.mark.parametrize(("data", "message"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
    def test_stops_with_its_words(self, data, message):
        with pytest.raises(DataError, match=message) as caught:
            done(data, full())
        assert words(str(caught.value)) >= 3

    @pytest.mark.parametrize(
        ("column", "role"),
        [("y", "outcome"), ("z", "outcome"), ("before", "measure before treatment"), ("placebo", "negative control")],
    )
    def test_one_cluster_of_an_arm_left_once_missing_values_are_dropped(self, column, role):
        data = frame()
        data.loc[(data.treated == 1) & (data.ws != 3), column] = np.nan
        with pytest.raises(DataError, match=f"'{column}', the {role}, has values in 1 treated and 5 control clusters of 'ws'"):
            done(data, full(covariates=("tier",)))

    def test_two_clusters_are_enough(self):
        data = frame()
        data.loc[(data.treated == 1) & (data.ws > 3), "y"] = np.nan
        assert done(data).cells.outcome("y").arm.sum() == 2

    def test_constant_once_the_other_arms_are_gone(self):
        data = frame().assign(
            treated=lambda f: np.select([f.ws < 4, f.ws < 7], [0, 1], 2), y=lambda f: np.where(f.ws < 7, 1.0, f.y)
        )
        design = ClusterDesign(unit="user_id", cluster="ws", treatment=Treatment(column="treated", treated=1, control=0))
        with pytest.raises(DataError, match="'y', the outcome, is 1 on every row"):
            done(data, study(design))

    def test_constant_over_the_rows_that_have_it(self):
        with pytest.raises(DataError, match="is 1 on every row"):
            done(frame().assign(y=lambda f: np.where(f.user_id % 3, 1.0, np.nan)))

    def test_a_continuous_column_as_treatment_or_exposure_never_leaves_the_engine(self, monkeypatch):
        monkeypatch.setattr(summing, "MOST_CELLS", 60)
        for column, role in (("treated", "treatment"), ("seen", "exposure")):
            with pytest.raises(DataError, match=f"'{column}', the {role}, has 80 different values. Expected at most 50"):
                done(frame().assign(**{column: lambda f: f.y}), full())

    def test_many_categories_never_leave_the_engine(self, monkeypatch):
        monkeypatch.setattr(summing, "MOST_CELLS", 60)
        with pytest.raises(DataError, match=r"Text column 'tier' has 80 different values. Expected at most 50"):
            done(frame().assign(tier=lambda f: "t" + f.user_id.astype(str)), full())
