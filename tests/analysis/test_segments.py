"""Effects within segments: those of the users alone, refused where few, merged where small, corrected, never the headline."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest

import honestlift as hl
from honestlift.errors import DataError, DesignError
from honestlift.inference.multiplicity import benjamini_hochberg, holm
from honestlift.report.figures import figure_bytes, figures_of
from honestlift.report.html import write_report

DESIGN = hl.ClusterDesign(unit="user", cluster="workspace", treatment="treated")


def rows(effect: float = 0.0, *, seed: int = 2, clusters: int = 24) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    workspace = np.repeat(np.arange(clusters), 40)
    n = workspace.size
    treated = rng.permutation(np.arange(clusters) % 2)[workspace]
    tier = rng.choice(["free", "pro", "team"], n, p=[0.5, 0.4, 0.1])
    y = rng.normal(size=n) + rng.normal(0, 0.3, clusters)[workspace] + effect * treated * (tier == "pro")
    return pd.DataFrame(
        {
            "user": np.arange(n),
            "workspace": workspace,
            "treated": treated,
            "y": y,
            "tasks": rng.poisson(4, n) + 1,
            "tier": tier,
            "big": workspace < 12,
            "before": y + rng.normal(size=n),
        }
    )


def table(lift: hl.Lift, name: str = "segments") -> pd.DataFrame:
    found = lift.tables[name]
    return pd.DataFrame(found.rows, columns=list(found.columns))


@pytest.mark.parametrize("metric", [hl.Mean("y"), hl.Ratio("y", "tasks", name="y")])
def test_the_effect_in_a_level_is_that_of_its_users_alone(metric: hl.Mean | hl.Ratio) -> None:
    users = rows(0.5)
    users.loc[7, "y"] = np.nan
    found = table(hl.analyze(users, DESIGN, metric, segments=["tier", "big"], bootstrap=0))
    assert found["level"].tolist() == ["free", "pro", "team", "False", "True"]
    for row in found.to_dict("records"):
        value = row["level"] == "True" if row["segment"] == "big" else row["level"]
        alone = hl.analyze(users[users[row["segment"]] == value], DESIGN, metric, bootstrap=0).headline()
        for name in ("estimate", "std_error", "df", "p_value", "conf_low", "conf_high"):
            assert row[name] == pytest.approx(getattr(alone, name), rel=1e-8)
        assert (row["users"], row["workspaces"]) == (alone.n_units, alone.n_clusters)


def test_covariates_and_strata_are_in_as_in_the_headline() -> None:
    users = rows()
    design = hl.ClusterDesign(unit="user", cluster="workspace", treatment="treated", strata="big")
    lift = hl.analyze(users, design, "y", covariates="before", segments="tier", bootstrap=0)
    plain = hl.analyze(users, design, "y", segments="tier", bootstrap=0)
    assert (table(lift)["std_error"] != table(plain)["std_error"]).all()
    assert lift.headline().estimate == pytest.approx(
        hl.analyze(users, design, "y", covariates="before", bootstrap=0).headline().estimate
    )


def test_p_values_are_corrected_over_all_rows_and_no_row_is_a_headline() -> None:
    metrics = [hl.Mean("y"), hl.Mean("tasks"), hl.Quantile("y", 0.5)]
    lift = hl.analyze(rows(0.5), DESIGN, metrics, segments=["tier", "big"], bootstrap=0)
    found = table(lift)
    assert set(found["metric"]) == {"y", "tasks"}
    assert found["holm"].tolist() == pytest.approx(holm(found["p_value"].tolist()))
    assert found["benjamini_hochberg"].tolist() == pytest.approx(benjamini_hochberg(found["p_value"].tolist()))
    without = hl.analyze(rows(0.5), DESIGN, metrics, bootstrap=0)
    assert lift.verdict.level == without.verdict.level
    assert len(lift.estimates) == len(without.estimates)


def test_a_difference_between_levels_is_found_and_none_is_not() -> None:
    """The level is a user's or a workspace's; with two levels the test is Welch's kind of comparison of two effects."""
    differs = table(hl.analyze(rows(1.2), DESIGN, "y", segments="tier", bootstrap=0), "segment_tests")
    assert differs["p_value"][0] < 0.001
    assert differs[["levels", "df_levels"]].iloc[0].tolist() == [3, 2]
    quiet = [
        table(hl.analyze(rows(seed=s), DESIGN, "y", segments=["tier", "big"], bootstrap=0), "segment_tests") for s in range(12)
    ]
    assert np.mean(pd.concat(quiet)["p_value"] < 0.05) <= 0.25
    users = rows(1.0)
    two = table(hl.analyze(users, DESIGN, "y", segments="big", bootstrap=0), "segment_tests").iloc[0]
    apart = [hl.analyze(users[users["big"] == b], DESIGN, "y", bootstrap=0).headline() for b in (True, False)]
    t = (apart[0].estimate - apart[1].estimate) / np.hypot(apart[0].std_error, apart[1].std_error)
    assert two["f"] == pytest.approx(t**2, rel=1e-8)


def test_few_workspaces_are_refused_and_few_users_merged() -> None:
    users = rows()
    users["rare"] = np.where(users["workspace"] < 3, "here", "elsewhere")
    users.loc[:5, "tier"] = "x"
    users.loc[6:9, "tier"] = None
    lift = hl.analyze(users, DESIGN, "y", segments=["rare", "tier"], bootstrap=0)
    found = table(lift).set_index("level")
    assert "too few workspaces: " in found.loc["here", "refused"]
    assert np.isnan(found.loc["here", "estimate"])
    assert found.loc["(small levels)", "refused"] == "under 10 users in an arm"
    assert np.isnan(found.loc["(small levels)", "users"])
    assert "x" not in found.index
    assert found["holm"].notna().sum() == 4
    assert table(lift, "segment_tests")["levels"].tolist() == [1, 3]
    said = str(lift)
    assert "refused: too few workspaces" in said
    assert "fewer than two levels have an effect to compare" in said


def test_a_segment_that_the_treatment_moves_is_doubted_but_not_the_headline() -> None:
    users = rows()
    users["moved"] = np.where((users["treated"] == 1) & (users["user"] % 3 == 0), "heavy", "light")
    lift = hl.analyze(users, DESIGN, "y", segments=["moved", "tier"], bootstrap=0)
    assert lift.check("segment_balance:moved").level == "caution"
    assert lift.check("segment_balance:tier").level == "ok"
    assert not any("moved" in reason for reason in lift.verdict.because)
    study = hl.Study(design=DESIGN, metrics=(hl.Mean("not there"),), segments=("moved",))
    checked = hl.check_design(users, study)
    assert next(c for c in checked.checks if c.code == "segment_balance:moved").level == "caution"


def test_the_same_bytes_in_any_order_and_hostile_names(tmp_path: Path) -> None:
    users = rows(0.5).rename(columns={"tier": 'tier"; drop'})
    users.loc[users["user"] % 2 == 0, 'tier"; drop'] += "<b>\x1b"
    found = [
        hl.analyze(frame, DESIGN, "y", segments='tier"; drop', covariates='tier"; drop', bootstrap=0).to_dict()["tables"][
            "segments"
        ]
        for frame in (users, pl.from_pandas(users.sample(frac=1, random_state=1)))
    ]
    assert found[0] == found[1]
    lift = hl.analyze(users, DESIGN, "y", segments='tier"; drop', bootstrap=0)
    write_report(lift, tmp_path / "r.html")
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "Segments: exploratory" in page
    assert "<b>\x1b" not in page
    assert "segments" in figures_of(lift)
    assert figure_bytes(lift, "segments") == figure_bytes(hl.Lift.from_dict(lift.to_dict()), "segments")


def test_what_is_refused() -> None:
    users = rows()
    with pytest.raises(DataError, match="segment"):
        hl.analyze(users, DESIGN, "y", segments="before", bootstrap=0)
    with pytest.raises(DesignError, match="'y' is named both as metric and as segment"):
        hl.analyze(users, DESIGN, "y", segments="y", bootstrap=0)
    with pytest.raises(DesignError, match="segments are those of cluster studies"):
        hl.analyze(users, hl.OptInDesign(unit="user", treatment="treated"), "y", covariates="tier", segments="big")
    twice = pd.concat([users, users.assign(tier="other")])
    with pytest.raises(DataError, match="segment"):
        hl.analyze(twice, DESIGN, "y", segments="tier", rows="events", bootstrap=0)
