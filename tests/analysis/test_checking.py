"""Each check fires on data that deserve it and is quiet on data that do not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

import honestlift as hl
from honestlift.errors import DataError
from studies import answer, frame, levels


@dataclass(frozen=True)
class Case:
    """Data and options, and the level of one check."""

    code: str
    level: str
    made: Callable[[], tuple[pd.DataFrame, dict[str, Any]]]


def recorded(seed: int = 3) -> tuple[pd.DataFrame, hl.Assignment]:
    """40 workspaces that follow their record."""
    record = hl.assign([str(w) for w in range(40)], hl.Rule(), seed=seed)
    f = frame(40)
    return f.assign(treated=[int(record.assigned[str(w)] == "treated") for w in f.workspace]), record


def follow() -> tuple[pd.DataFrame, dict[str, Any]]:
    f, record = recorded()
    return f, {"assignment": record}


def two_swapped() -> tuple[pd.DataFrame, dict[str, Any]]:
    f, record = recorded()
    on, off = f.workspace[f.treated == 1].iloc[0], f.workspace[f.treated == 0].iloc[0]
    return f.assign(treated=f.treated.where(~f.workspace.isin([on, off]), 1 - f.treated)), {"assignment": record}


def tampered() -> tuple[pd.DataFrame, dict[str, Any]]:
    f, record = recorded()
    arms = {name: {"treated": "control", "control": "treated"}[arm] for name, arm in record.assigned.items()}
    return f.assign(treated=1 - f.treated), {"assignment": replace(record, assigned=arms)}


def unknown() -> tuple[pd.DataFrame, dict[str, Any]]:
    f, record = recorded()
    return f.assign(workspace=f.workspace.replace({0: 99})), {"assignment": record}


def lost(treated: int, control: int) -> Callable[[], tuple[pd.DataFrame, dict[str, Any]]]:
    def made() -> tuple[pd.DataFrame, dict[str, Any]]:
        f, record = recorded()
        gone = [*f.workspace[f.treated == 1].unique()[:treated], *f.workspace[f.treated == 0].unique()[:control]]
        return f[~f.workspace.isin(gone)], {"assignment": record}

    return made


def data(**columns: Any) -> Callable[[], tuple[pd.DataFrame, dict[str, Any]]]:
    """Forty workspaces of 30 with some columns replaced, and options."""

    def made() -> tuple[pd.DataFrame, dict[str, Any]]:
        options = columns.get("options", {})
        return frame(40, 30).assign(**{k: v for k, v in columns.items() if k != "options"}), options

    return made


def coin(p_control: float, p_treated: float, seed: int = 0) -> Callable[[pd.DataFrame], Any]:
    return lambda d: np.random.default_rng(seed).random(len(d)) < np.where(d.treated == 1, p_treated, p_control)


def missing(p_control: float, p_treated: float) -> Callable[[pd.DataFrame], Any]:
    return lambda d: d.minutes.mask(coin(p_control, p_treated)(d))


def leaning(gap: float) -> Callable[[pd.DataFrame], Any]:
    return lambda d: d.before + gap * d.treated


def sized(sizes: list[int], slope: float = 0.0) -> Callable[[], tuple[pd.DataFrame, dict[str, Any]]]:
    def made() -> tuple[pd.DataFrame, dict[str, Any]]:
        f = frame(len(sizes), sizes)
        n = f.groupby("workspace").user.transform("size")
        return f.assign(minutes=f.minutes + slope * f.treated * n / n.mean()), {}

    return made


UPTAKE: dict[str, Any] = {"uptake": "used"}
CONTROLS: dict[str, Any] = {"negative_controls": ["before"]}
BEFORE: dict[str, Any] = {"covariates": ["before"]}
EXPOSURE: dict[str, Any] = {"exposure": hl.Exposure(column="exposed")}
CASES = [
    Case("sample_ratio", "ok", lambda: (frame(), {})),
    Case("sample_ratio", "ok", follow),
    Case("sample_ratio", "ok", lost(3, 2)),
    Case("sample_ratio", "caution", lost(8, 0)),
    Case("sample_ratio", "stop", lost(0, 12)),
    Case("assignment_followed", "ok", follow),
    Case("assignment_followed", "ok", lost(3, 2)),
    Case("assignment_followed", "stop", two_swapped),
    Case("assignment_followed", "stop", tampered),
    Case("assignment_followed", "stop", unknown),
    Case("treatment_constant", "ok", lambda: (frame(), {})),
    Case("unit_in_clusters", "ok", lambda: (frame(), {})),
    Case("few_clusters", "ok", lambda: (frame(20), {})),
    Case("few_clusters", "caution", lambda: (frame(18), {})),
    Case("few_clusters", "stop", lambda: (frame(4), {})),
    Case("cluster_leverage", "ok", sized([20] * 20)),
    Case("cluster_leverage", "caution", sized([20] * 19 + [120])),
    Case("cluster_leverage", "stop", sized([20] * 19 + [2000])),
    Case("size_effect", "ok", sized([10, 40] * 20)),
    Case("size_effect", "caution", sized([10, 40] * 20, slope=2.0)),
    Case("missing_outcome", "ok", lambda: (frame(), {})),
    Case("missing_outcome", "ok", data(minutes=missing(0.2, 0.2))),
    Case("missing_outcome", "caution", data(minutes=missing(0.0, 0.01))),
    Case("missing_outcome", "stop", data(minutes=missing(0.1, 0.3))),
    Case("pre_period_balance", "ok", data(options=BEFORE)),
    Case("pre_period_balance", "caution", data(before=leaning(0.12), options=BEFORE)),
    Case("pre_period_balance", "stop", data(before=leaning(1.0), options=BEFORE)),
    Case("pre_period_balance", "stop", data(before=leaning(1.0), options={"metrics": [hl.Mean("minutes", pre="before")]})),
    Case(
        "pre_period_balance", "ok", data(tier=lambda d: np.where(coin(0.4, 0.4)(d), "a", "b"), options={"covariates": ["tier"]})
    ),
    Case(
        "pre_period_balance", "stop", data(tier=lambda d: np.where(coin(0.2, 0.5)(d), "a", "b"), options={"covariates": ["tier"]})
    ),
    Case("pre_period_balance", "ok", data(tier="same", options={"covariates": ["tier", "before"]})),
    Case("negative_control", "ok", data(options=CONTROLS)),
    Case("negative_control", "caution", data(before=leaning(0.12), options=CONTROLS)),
    Case("negative_control", "stop", data(before=leaning(1.0), options=CONTROLS)),
    Case("exposure_not_randomized", "stop", lambda: (frame(), EXPOSURE)),
    Case("exposure_positivity", "stop", data(exposed=0, options=EXPOSURE)),
    Case("exposure_positivity", "stop", data(exposed=1, options=EXPOSURE)),
    Case("use_in_control", "ok", data(used=coin(0.005, 0.6), options=UPTAKE)),
    Case("use_in_control", "caution", data(used=coin(0.05, 0.6), options=UPTAKE)),
    Case("use_in_control", "stop", data(used=coin(0.3, 0.6), options=UPTAKE)),
]


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c.code} {c.level} {CASES.index(c)}")
def test_each_check_fires_and_is_quiet(case: Case):
    f, options = case.made()
    lift = answer(f, **options)
    check = lift.check(case.code)
    assert check.level == case.level, check.statement
    assert check.statement[-1] == "."
    assert bool(check.remedy) or check.level == "ok"
    assert check.evidence
    assert all(v is None or np.isfinite(v) for v in check.evidence.values())


def test_every_level_that_the_tests_above_could_reach_is_reached():
    reached = {(c.code, c.level) for c in CASES}
    never = {("treatment_constant", "stop"), ("unit_in_clusters", "stop")}  # errors end the run before
    wanted = {(c.code, level) for c in CASES for level in ("ok", "stop") if (c.code, level) not in never}
    wanted -= {
        ("cluster_leverage", "stop"),
        ("size_effect", "stop"),
        ("exposure_not_randomized", "ok"),
        ("exposure_positivity", "ok"),
    }
    assert wanted <= reached


def test_checks_that_no_column_asks_for_are_not_there():
    assert set(levels(answer(frame(40)))) == {
        *("sample_ratio", "treatment_constant", "unit_in_clusters", "few_clusters", "cluster_leverage"),
        *("size_effect", "missing_outcome", "methods_disagree", "placebo_lab"),
    }


def test_an_exposure_that_the_user_vouches_for_is_not_called_a_trait():
    lift = answer(frame(40), exposure=hl.Exposure(column="exposed", randomized=True))
    assert "exposure_not_randomized" not in levels(lift)


def test_the_worst_come_first():
    f, options = two_swapped()
    found = [c.level for c in answer(f, exposure=hl.Exposure(column="exposed"), **options).checks]
    assert found == sorted(found, key=["stop", "caution", "ok"].index)
    assert found[0] == "stop"


def test_each_metric_has_its_own_checks():
    f = frame(40, 30).assign(errors=missing(0.1, 0.3))
    lift = answer(f, [hl.Mean("minutes"), hl.Mean("errors", name="Errors")])
    assert lift.check("missing_outcome", "minutes").level == "ok"
    assert lift.check("missing_outcome", "Errors").level == "stop"
    assert lift.check("size_effect", "Errors").metric == "Errors"


def test_the_evidence_of_missing_outcomes_is_exact():
    f = frame(40, 30).assign(minutes=missing(0.1, 0.3))
    evidence = answer(f).check("missing_outcome").evidence
    gone = f.minutes.isna()
    assert evidence["missing"] == gone.sum()
    assert evidence["share_treated"] == pytest.approx(gone[f.treated == 1].mean(), rel=1e-12)
    assert evidence["share_control"] == pytest.approx(gone[f.treated == 0].mean(), rel=1e-12)


def test_outcomes_missing_alike_in_every_workspace_are_no_news():
    """A third of each workspace: the difference is zero but for rounding, which is no evidence."""
    f = frame(40, 30).assign(minutes=lambda d: d.minutes.mask(d.user % 3 == 0))
    assert answer(f).check("missing_outcome").level == "ok"


def test_balance_is_corrected_for_the_number_of_columns():
    rng = np.random.default_rng(0)
    f = frame(40, 30)
    extra = {f"x{i}": rng.normal(size=len(f)) for i in range(9)}
    check = answer(f.assign(**extra), covariates=["before", *extra]).check("pre_period_balance")
    assert check.evidence["tested"] == 10
    alone = answer(f, covariates=["before"]).check("pre_period_balance")
    assert alone.evidence["tested"] == 1


def test_a_covariate_that_is_the_treatment_by_another_name():
    check = answer(frame(40).assign(copy=lambda d: d.treated * 1.0), covariates=["copy"]).check("pre_period_balance")
    assert (check.level, check.evidence["difference"]) == ("stop", pytest.approx(1.0))


def test_a_constant_negative_control_tests_nothing_and_is_refused():
    with pytest.raises(DataError, match="'before', the negative control, is 5 on every row"):
        answer(frame().assign(before=5.0), negative_controls=["before"])


@pytest.mark.parametrize("values", [[0.5], [0, 1, 2], [-1, 1]])
def test_uptake_is_0_or_1(values: list[float]):
    with pytest.raises(DataError, match="'used', the uptake"):
        answer(frame().assign(used=lambda d: np.resize(values, len(d))), uptake="used")


def test_the_workspace_of_most_leverage_is_named():
    f = frame(20, [20] * 7 + [100] + [20] * 12).assign(workspace=lambda d: "team " + d.workspace.astype(str))
    assert "Workspace team 7 counts" in answer(f).check("cluster_leverage").statement
    partly = f.assign(minutes=f.minutes.where(f.workspace != "team 2"))
    assert "Workspace team 7 counts" in answer(partly).check("cluster_leverage").statement


def test_one_workspace_that_is_nearly_a_whole_arm_makes_the_result_untrustworthy():
    """Its own baseline cannot be told from the effect: such an interval covers the truth half of the time."""
    lift = answer(frame(40, [20] * 39 + [20_000], effect=1.0))
    assert lift.check("cluster_leverage").level == "stop"
    assert lift.check("few_clusters").level == "caution"
    assert lift.verdict.level == "not trustworthy"


def test_strata_are_part_of_the_record_that_is_checked():
    tiers = {str(w): "ab"[w % 2] for w in range(40)}
    record = hl.assign(list(tiers), hl.Rule(kind="stratified", share=0.25), seed=1, strata=tiers)
    f = frame(40).assign(tier=lambda d: np.array(["a", "b"])[d.workspace % 2])
    f["treated"] = [int(record.assigned[str(w)] == "treated") for w in f.workspace]
    lift = answer(f, assignment=record, strata=("tier",))
    assert lift.check("assignment_followed").level == "ok"
    assert lift.data["n_treated_clusters"] == 10
    assert lift.headline().adjustment == "strata, interacted"
