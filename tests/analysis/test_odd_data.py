"""Odd data: everything that can be answered is, in finite numbers and without a warning; the rest is refused in words."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import pytest

import honestlift as hl
from honestlift.errors import DataError
from studies import answer, frame, numbers


@pytest.mark.parametrize("scale", [1e-300, 5e-324, 1e-160, 1e-75, 1e75, 1e140])
def test_outcomes_whose_powers_do_not_fit_a_double_are_refused(scale: float):
    with pytest.raises(DataError, match="the fourth power of that does not fit a double"):
        answer(frame().assign(minutes=lambda d: d.minutes * scale))


ODD: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "two workspaces per arm": lambda _: frame(4),
    "one user per workspace": lambda _: frame(40, 1),
    "no variance within": lambda f: f.assign(minutes=f.workspace * 1.0),
    "no variance between": lambda f: f.assign(minutes=f.user % 4 * 0.1 + 0.1),
    "arms wholly apart": lambda f: f.assign(minutes=f.treated * 1.0),
    "arms apart, some noise": lambda f: f.assign(minutes=f.treated + 0.01 * (f.user % 2)),
    "negative means": lambda f: f.assign(minutes=f.minutes - 50),
    "zero control mean": lambda f: f.assign(minutes=f.minutes.where(f.treated == 1, 0.0)),
    "control mean that rounds to zero": lambda f: f.assign(minutes=f.minutes - f.minutes[f.treated == 0].mean()),
    "tiny": lambda f: f.assign(minutes=f.minutes * 1e-60),
    "huge": lambda f: f.assign(minutes=f.minutes * 1e60),
    "a trillion": lambda f: f.assign(minutes=f.minutes * 1e12),
    "far from zero": lambda f: f.assign(minutes=f.minutes + 1e15),
    "workspaces without outcomes": lambda f: f.assign(minutes=f.minutes.where(f.workspace > 3)),
    "one success": lambda f: f.assign(minutes=(f.user == 3) * 1),
    "boolean": lambda f: f.assign(minutes=f.minutes > 5),
    "one giant workspace": lambda _: frame(20, [20_000] + [5] * 19),
    "one outlier": lambda f: f.assign(minutes=f.minutes.where(f.user != 3, 1e5)),
    "int8": lambda f: f.assign(minutes=f.minutes.astype("int8")),
    "one covariate level": lambda f: f.assign(tier="all"),
    "constant covariate": lambda f: f.assign(before=1.0),
    "nobody exposed": lambda f: f.assign(exposed=0),
    "everybody exposed": lambda f: f.assign(exposed=1),
    "whole workspaces exposed": lambda f: f.assign(exposed=(f.workspace % 4 == 0) * (1 - f.treated)),
    "exposed users without outcomes": lambda f: f.assign(minutes=f.minutes.where(f.exposed == 0)),
    "nullable integers": lambda f: f.assign(minutes=f.minutes.round().astype("Int64").mask(f.user < 9)),
    "categorical names": lambda f: f.assign(workspace=f.workspace.astype(str).astype("category")),
}


@pytest.mark.parametrize("clusters", [12, 32])
@pytest.mark.parametrize("kind", ODD)
def test_odd_data_give_an_answer_without_a_warning(kind: str, clusters: int):
    """Warnings are errors here. Every number is finite or null, no interval is upside down, and all can be printed."""
    f = ODD[kind](frame(clusters))
    covariates = ["before", "tier"] if "tier" in f else ["before"]
    lift = answer(f, covariates=covariates, exposure=hl.Exposure(column="exposed"), bootstrap=20)
    for e in lift.estimates:
        if e.conf_low is not None and e.conf_high is not None and e.estimate is not None:
            assert e.conf_low <= e.estimate + 1e-9 * abs(e.estimate) or "bootstrap" in e.method
            assert e.conf_low <= e.conf_high
        assert e.std_error is None or e.std_error >= 0
        assert e.p_value is None or 0 <= e.p_value <= 1
        share = e.relative.estimate
        assert share is None or abs(share) < 1e6, "a share of a control mean that is only rounding"
    assert lift.to_json()
    assert max(len(line) for line in str(lift).splitlines()) <= 116
    assert sum(e.headline for e in lift.estimates) == 1


def test_rounding_is_not_taken_for_an_effect():
    """Every workspace holds the same four values: the effect is zero, whatever the last bits of its mean say."""
    f = frame().assign(minutes=lambda d: d.user % 4 * 0.1 + 0.1)
    lift = answer(f)
    assert (lift.headline().estimate, lift.headline().std_error, lift.headline().p_value) == (0.0, 0.0, None)
    assert lift.verdict.level == "inconclusive"


def test_five_thousand_workspaces():
    lift = answer(frame(5000, 3, effect=0.5), bootstrap=20)
    assert lift.data["n_clusters"] == 5000
    assert lift.verdict.level == "supported"


def test_names_of_columns_do_not_matter():
    names = {
        "user": 'u"; DROP TABLE x; --',
        "workspace": "分析 'é'",
        "treated": "c0",
        "minutes": "c1",
        "before": "rows",
        "exposed": "n",
    }
    design = hl.ClusterDesign(
        unit=names["user"], cluster=names["workspace"], treatment=names["treated"], exposure=hl.Exposure(column=names["exposed"])
    )
    renamed = hl.analyze(frame().rename(columns=names), design, [hl.Mean("c1")], covariates=["rows"], bootstrap=20)
    plain = answer(frame(), covariates=["before"], exposure=hl.Exposure(column="exposed"), bootstrap=20)
    assert [n[3:] for n in numbers(renamed)] == [n[3:] for n in numbers(plain)]


def test_a_metric_may_bear_the_name_of_another_column():
    lift = answer(frame(), [hl.Mean("minutes", name="before"), hl.Mean("before", name="minutes")])
    alone = answer(frame())
    assert lift.headline("before").estimate == alone.headline().estimate
    assert lift.headline("minutes").estimate != alone.headline().estimate
