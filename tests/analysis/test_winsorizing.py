"""Capped metrics: the cap is exactly a quantile of the measure before treatment, and the effect is that of the capped column."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest

import honestlift as hl
from honestlift.errors import DataError, DesignError
from honestlift.report.html import write_report

DESIGN = hl.ClusterDesign(unit="user", cluster="workspace", treatment="treated")


def rows(shift: float = 0.0, *, seed: int = 2, clusters: int = 24) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    workspace = np.repeat(np.arange(clusters), 40)
    treated = rng.permutation(np.arange(clusters) % 2)[workspace]
    level = rng.normal(3, 0.2, clusters)[workspace]
    before = np.exp(level + rng.normal(0, 1, workspace.size))
    after = np.exp(level + rng.normal(0, 1, workspace.size) + shift * treated)
    return pd.DataFrame(
        {"user": np.arange(workspace.size), "workspace": workspace, "treated": treated, "before": before, "after": after}
    )


def test_the_cap_is_the_quantile_of_the_measure_before_and_the_effect_that_of_the_capped_column() -> None:
    users = rows()
    users.loc[3, "before"] = np.nan
    users.loc[5, "after"] = np.nan
    found = hl.analyze(users, DESIGN, hl.Mean("after", pre="before", winsorize=0.9), bootstrap=0)
    cap = np.nanquantile(users["before"], 0.9, method="inverted_cdf")
    by_hand = users.assign(after=users["after"].clip(upper=cap), before=users["before"].clip(upper=cap))
    other = hl.analyze(by_hand, DESIGN, hl.Mean("after", pre="before"), bootstrap=0)
    plain = hl.analyze(users.assign(before=by_hand["before"]), DESIGN, hl.Mean("after", pre="before"), bootstrap=0)
    for ours, theirs in ((found.headline(), other.headline()), (found.find("user_ols:unwinsorized"), plain.headline())):
        assert ours.estimate == pytest.approx(theirs.estimate, rel=1e-12)
        assert ours.std_error == pytest.approx(theirs.std_error, rel=1e-10)
    assert not found.find("user_ols:unwinsorized").headline
    table = found.tables["winsorized"]
    cut = {row[5]: dict(zip(table.columns, row, strict=True)) for row in table.rows}
    for arm, value in (("treated", 1), ("control", 0)):
        mine = users["after"][(users["treated"] == value)]
        assert cut[arm]["above"] == cap
        assert (cut[arm]["cut"], cut[arm]["users"]) == ((mine > cap).sum(), mine.notna().sum())


def test_stated_caps_on_both_sides_leave_the_measure_before_alone() -> None:
    users = rows()
    found = hl.analyze(users, DESIGN, hl.Mean("after", pre="before", winsorize=hl.Winsorize(above=60, below=5)), bootstrap=0)
    other = hl.analyze(users.assign(after=users["after"].clip(5, 60)), DESIGN, hl.Mean("after", pre="before"), bootstrap=0)
    assert found.headline().estimate == pytest.approx(other.headline().estimate, rel=1e-12)
    assert "at least 5 and at most 60, as the plan states" in found.check("winsorized").statement


def test_the_same_bytes_on_any_frame_and_order() -> None:
    users = rows()
    metric = hl.Mean("after", pre="before", winsorize=0.99)
    results = [
        hl.analyze(frame, DESIGN, metric, bootstrap=20).to_dict()["estimates"]
        for frame in (users, pl.from_pandas(users.sample(frac=1, random_state=1)))
    ]
    assert results[0] == results[1]


def test_an_effect_beyond_the_cap_is_a_caution_and_none_is_quiet() -> None:
    metric = hl.Mean("after", pre="before", winsorize=0.98)
    moved = hl.analyze(rows(1.2), DESIGN, metric, bootstrap=0)
    assert moved.check("winsorized").level == "caution"
    assert moved.verdict.level == "likely, with caveats"
    quiet = hl.analyze(rows(), DESIGN, metric, bootstrap=0)
    assert quiet.check("winsorized").level == "ok"
    assert any("is capped" in reason for reason in quiet.verdict.because)


def test_a_cap_that_nobody_reaches_changes_nothing() -> None:
    users = rows()
    found = hl.analyze(users, DESIGN, hl.Mean("after", winsorize=hl.Winsorize(above=1e6)), bootstrap=0)
    assert found.headline().estimate == found.find("user_ols:unwinsorized").estimate
    assert found.check("winsorized").level == "ok"


def test_a_cap_below_all_values_is_refused() -> None:
    with pytest.raises(DataError, match=r"'after capped', the outcome, is -3 on every row"):
        hl.analyze(rows(), DESIGN, hl.Mean("after", winsorize=hl.Winsorize(above=-3)), bootstrap=0)


def test_hostile_names_other_metrics_and_events() -> None:
    users = rows().rename(columns={"after": 'a"; drop', "before": "after capped"})
    users['a"; drop capped'] = 1.0
    metrics = [hl.Mean('a"; drop', pre="after capped", winsorize=0.95), hl.Mean('a"; drop', name="plain")]
    found = hl.analyze(users, DESIGN, metrics, bootstrap=0)
    assert found.headline('a"; drop').estimate != found.headline("plain").estimate
    halves = pd.concat([rows(), rows()]).assign(before=lambda f: f["before"] / 2, after=lambda f: f["after"] / 2)
    metric = hl.Mean("after", pre="before", winsorize=0.9)
    summed = hl.analyze(halves, DESIGN, metric, rows="events", bootstrap=0).headline().estimate
    assert summed == pytest.approx(hl.analyze(rows(), DESIGN, metric, bootstrap=0).headline().estimate, rel=1e-12)


def test_a_quantile_without_a_measure_before_is_refused_in_words() -> None:
    with pytest.raises(DesignError, match=r"would move with the effect.* Name `pre`"):
        hl.Mean("after", winsorize=0.99)
    for wrong in (0.3, 1.0, True):
        with pytest.raises(DesignError, match="winsorize is"):
            hl.Mean("after", pre="before", winsorize=wrong)
    for caps in ({}, {"above": np.inf}, {"above": 1, "below": 1}):
        with pytest.raises(DesignError, match="winsorize is"):
            hl.Winsorize(**caps)
    with pytest.raises(DesignError, match="only the metrics of cluster studies"):
        hl.OptInStudy(
            design=hl.OptInDesign(unit="user", treatment="treated"),
            metrics=(hl.Mean("after", winsorize=hl.Winsorize(above=3)),),
            covariates=("before",),
        )


def test_it_is_checked_without_the_outcome_and_shown_on_the_page(tmp_path: Path) -> None:
    study = hl.Study(design=DESIGN, metrics=(hl.Mean("after", pre="before", winsorize=0.9),), bootstrap=0)
    assert hl.check_design(rows().drop(columns="after"), study).not_read == ("after",)
    write_report(hl.run(rows(), study), tmp_path / "r.html")
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "the metric without its cap" in page
    assert "The question is the effect on the capped metric" in page
