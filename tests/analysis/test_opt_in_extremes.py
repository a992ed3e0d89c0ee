"""Extreme users and columns that are not what they seem: one answer on both roads, or one refusal, and never a crash."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import honestlift as hl
from honestlift.analysis.opt_in import reading
from honestlift.errors import DataError, DesignError


def users(n: int = 3_000) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, 2))
    chose = rng.random(n) < 1 / (1 + np.exp(0.85 - 0.6 * x[:, 0] - 0.3 * x[:, 1]))
    y = 1 + 0.5 * x[:, 0] + 0.2 * x[:, 1] + 0.3 * chose + rng.normal(size=n)
    return {"u": np.arange(n), "a": x[:, 0], "b": x[:, 1], "t": chose, "y": y, "w": rng.integers(0, 60, n)}


def ask(monkeypatch: pytest.MonkeyPatch, columns: dict[str, Any], *, scanned: bool, **options: Any) -> hl.Lift:
    monkeypatch.setattr(reading, "MOST_PATTERNS", 0 if scanned else 1_000_000)
    design = hl.OptInDesign(unit="u", treatment="t", cluster=options.pop("cluster", None))
    covariates = options.pop("covariates", ["a", "b"])
    table = pa.table({name: pa.array(v, from_pandas=True) for name, v in columns.items()})
    return hl.analyze(table, design, ["y"], covariates=covariates, bootstrap=0, **options)


@pytest.mark.parametrize("far", [100.0, 1e3, 1e6])
def test_one_user_far_out_whose_propensity_rounds_to_one_leaves_numbers(monkeypatch: pytest.MonkeyPatch, far: float) -> None:
    made = users()
    made["a"] = made["a"].copy()
    made["a"][int(np.flatnonzero(made["t"])[0])] = far
    held, scanned = (ask(monkeypatch, made, scanned=s) for s in (False, True))
    for estimand in ("ATE", "ATT"):
        one, two = (lift.find("ipw", estimand).estimate for lift in (held, scanned))
        assert one is not None
        assert two == pytest.approx(one, rel=1e-6)
        assert 0.1 < one < 0.4  # nobody among the others is near that user


@pytest.mark.parametrize("scanned", [False, True])
def test_nearly_no_overlap_is_refused_by_the_gate_with_numbers(monkeypatch: pytest.MonkeyPatch, scanned: bool) -> None:
    made = users()
    made["z"] = np.where(made["t"], np.abs(made["b"]), -np.abs(made["b"]))
    made["z"][:5] *= -1
    lift = ask(monkeypatch, made, scanned=scanned, covariates=["a", "z"])
    assert lift.verdict.level == "not trustworthy"
    assert lift.check("overlap:ATE").level == "stop"
    assert "nan" not in lift.check("overlap:ATT").statement


@pytest.mark.parametrize("scanned", [False, True])
@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        ({"w": "gaps"}, {"cluster": "w"}, "rows have no value of 'w', the cluster"),
        ({"w": 1}, {"cluster": "w"}, "Column 'w', the cluster, is 1 on every row"),
        ({"y": "choice"}, {}, "Column 'y', the outcome, is the same for all users of either arm of 't'"),
        ({"y": 1e-200}, {}, "Column 'y' varies by about"),
        ({"a": 1e300}, {}, "its square does not fit a double"),
        ({"a": np.inf}, {}, "Column 'a', the covariate, is infinite on 1 rows"),
        ({"y": "others only"}, {}, "No treated user has a value of 'y'"),
        ({"a": "others only"}, {"missing": "drop"}, "leaves no users in one of the arms"),
        ({"a": "others only"}, {"missing": "category"}, "'a = missing' tells who is treated"),
        ({"a": "choice"}, {}, "'a' tells who is treated"),
        ({"a": "ids"}, {}, "Column 'a', the covariate, holds whole numbers beyond 2^53"),
    ],
)
def test_both_roads_refuse_in_the_same_words(
    monkeypatch: pytest.MonkeyPatch, scanned: bool, change: dict[str, Any], options: dict[str, Any], message: str
) -> None:
    made = users()
    ((name, how),) = change.items()
    chose = made["t"]
    values = {"gaps": np.where(made[name] > 2, made[name], np.nan), "choice": chose * 1.0}
    values |= {"others only": np.where(chose, np.nan, made[name])}
    values["ids"] = made["u"] + 2**60
    if isinstance(how, str):
        made[name] = values[how]
    elif name == "w":
        made[name] = np.full(chose.size, how)
    elif np.isinf(how):
        made[name] = np.where(made["u"] == 7, how, made[name])
    else:
        made[name] = made[name] * how
    with pytest.raises(DataError) as caught:
        ask(monkeypatch, made, scanned=scanned, **options)
    assert message in str(caught.value)


@pytest.mark.parametrize("scanned", [False, True])
def test_a_copy_of_the_outcome_stops_the_study(monkeypatch: pytest.MonkeyPatch, scanned: bool) -> None:
    made = users()
    made["z"] = 2 * made["y"] + 3
    lift = ask(monkeypatch, made, scanned=scanned, covariates=["a", "z"])
    assert lift.check("outcome_in_covariates").level == "stop"


def test_learners_must_be_able_to_learn() -> None:
    with pytest.raises(DesignError, match="Expected a learner with fit and predict_proba"):
        hl.Learners(classifier="logit", regressor=3)
