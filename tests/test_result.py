"""The nouns: what a Lift says of itself, its JSON, and what is asked for in vain."""

import json
import math
from dataclasses import FrozenInstanceError

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import honestlift as hl
from studies import make_check, make_estimate, make_lift

CONTRACT = [
    *("schema_version", "honestlift_version", "name", "kind", "data", "population", "estimates"),
    *("checks", "ledger", "verdict", "tables", "provenance"),
]


def test_json_has_the_keys_of_the_contract_in_order():
    values = json.loads(make_lift().to_json())
    assert list(values) == CONTRACT
    assert list(values["estimates"][0]) == [
        *("metric", "estimand", "method", "estimate", "std_error", "df", "p_value", "conf_low", "conf_high", "level", "scale"),
        *("relative", "adjustment", "identified", "n_units", "n_clusters", "headline", "contrast"),
    ]
    assert list(values["estimates"][0]["relative"]) == ["estimate", "conf_low", "conf_high"]
    assert {"code", "level", "statement", "remedy", "evidence"} <= set(values["checks"][0])
    assert list(values["ledger"][0])[:4] == ["assumption", "status", "statement", "checks"]
    assert set(values["ledger"][0]) == {"assumption", "status", "statement", "checks", "code", "basis", "evidence", "concerns"}
    assert list(values["verdict"]) == ["level", "headline", "because", "would_change_it"]
    assert values["tables"] == {"t": {"columns": ["a", "b"], "rows": [[1, "x"], [2.5, None]]}}


def test_json_ends_with_a_newline_and_keeps_letters():
    text = make_lift(name="Notizen für 分析 🎉").to_json()
    assert text.endswith("}\n")
    assert "Notizen für 分析 🎉" in text


def test_reading_back_gives_an_equal_lift():
    lift = make_lift()
    assert hl.Lift.from_dict(json.loads(lift.to_json())) == lift


@pytest.mark.parametrize("version", [0, 2, None, "1"])
def test_another_schema_version_is_refused(version: object):
    values = {**make_lift().to_dict(), "schema_version": version}
    with pytest.raises(ValueError, match=r"schema version .* Expected 1"):
        hl.Lift.from_dict(values)


def test_what_json_cannot_say_is_null():
    odd = {"nan": math.nan, "inf": np.inf, "int": np.int64(3), "float": np.float64(0.5), "bool": np.bool_(True), "none": None}
    lift = make_lift(data=odd, tables={"t": hl.Table(columns=("x",), rows=((np.float64(-np.inf),), (np.int64(2),)))})
    values = json.loads(lift.to_json())
    assert values["data"] == {"nan": None, "inf": None, "int": 3, "float": 0.5, "bool": True, "none": None}
    assert values["tables"]["t"]["rows"] == [[None], [2]]


def test_find_wants_exactly_one():
    lift = make_lift(
        estimates=(make_estimate(), make_estimate(metric="errors"), make_estimate(method="cluster_means", estimand="itt_cluster"))
    )
    assert lift.find("cluster_means").estimand == "itt_cluster"
    assert lift.find("user_ols", metric="errors").metric == "errors"
    with pytest.raises(
        LookupError, match=r"^2 estimates match method 'user_ols'. Expected one of: itt_cluster by cluster_means; itt_user"
    ):
        lift.find("user_ols")
    with pytest.raises(LookupError, match=r"^0 estimates match"):
        lift.find("user_ols", estimand="direct")


def test_headline_and_checks_are_found_by_metric():
    lift = make_lift(
        estimates=(make_estimate(), make_estimate(metric="errors", estimate=-1.0)),
        checks=(make_check(), make_check(code="size_effect", metric="errors", level="caution")),
    )
    assert lift.headline().metric == "minutes"
    assert lift.headline("errors").estimate == -1.0
    assert lift.check("size_effect").level == "caution"
    assert lift.check("size_effect", "errors").metric == "errors"
    with pytest.raises(LookupError, match=r"No metric is called 'errros'. Expected one of \['errors', 'minutes'\]"):
        lift.headline("errros")
    with pytest.raises(LookupError, match="No check is called 'size'"):
        lift.check("size")
    with pytest.raises(LookupError):
        lift.check("size_effect", "minutes")


@pytest.mark.parametrize(
    ("concerns", "metric", "touched"),
    [
        ((), None, True),
        (("direct",), None, False),
        (("itt_user", "gate"), None, True),
        ((), "errors", False),
        ((), "minutes", True),
    ],
)
def test_a_check_touches_what_it_speaks_of(concerns: tuple[str, ...], metric: str | None, touched: bool):
    assert make_check(concerns=concerns, metric=metric).touches("minutes", "itt_user") is touched


def test_tidy_frame_has_a_row_per_estimate_and_spreads_the_relative_effect():
    tidy = make_lift(estimates=(make_estimate(), make_estimate(metric="errors", df=None))).to_pandas()
    assert isinstance(tidy, pd.DataFrame)
    assert tidy.shape == (2, 20)
    assert list(tidy.metric) == ["minutes", "errors"]
    assert tidy.relative_conf_high.tolist() == [0.18, 0.18]
    assert math.isnan(tidy.df[1])


def test_the_frames_of_all_kinds_hold_the_same():
    lift = make_lift(estimates=(make_estimate(), make_estimate(metric="errors", df=None, n_clusters=None)))
    arrow, polars = lift.to_arrow(), lift.to_polars()
    assert isinstance(arrow, pa.Table)
    assert isinstance(polars, pl.DataFrame)
    assert polars.rows() == [tuple(row.values()) for row in arrow.to_pylist()]
    assert list(lift.to_pandas()) == arrow.column_names == polars.columns
    assert arrow["n_clusters"].to_pylist() == [20, None]


def test_types_do_not_depend_on_what_is_missing():
    nothing = hl.Relative(estimate=None, conf_low=None, conf_high=None)
    gone = dict.fromkeys(("estimate", "std_error", "df", "p_value", "conf_low", "conf_high", "n_clusters"))
    empty = make_lift(estimates=(make_estimate(**gone, relative=nothing),))
    assert empty.to_arrow().schema == make_lift().to_arrow().schema == make_lift(estimates=()).to_arrow().schema


def test_tidy_has_the_names_of_broom():
    """Broom's column glossary: term, estimate, std.error, statistic, p.value, conf.low, conf.high."""
    lift = make_lift(
        estimates=(make_estimate(), make_estimate(method="cluster_means", std_error=None), make_estimate(std_error=0.0))
    )
    tidy = lift.tidy()
    names = ["term", "estimate", "std.error", "statistic", "p.value", "conf.low", "conf.high", "metric", "estimand", "method"]
    assert list(tidy) == names
    assert tidy.term[0] == "minutes: itt_user"
    assert tidy.statistic[0] == 2.5
    assert tidy.statistic[1:].isna().all()


def test_a_lift_is_frozen_and_prints_its_verdict_first():
    lift = make_lift()
    with pytest.raises(FrozenInstanceError):
        lift.name = "Other"  # pyright: ignore[reportAttributeAccessIssue]
    assert str(lift).index("Supported.") < str(lift).index("estimate")
