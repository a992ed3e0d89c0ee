"""Two-stage studies end to end: the truth is found, each check fires and is quiet, what has no place is refused."""

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

import honestlift as hl
from honestlift.report.html import report_html
from studies import levels, without_clock
from two_stage_data import DESIGN, answer, record, rows

DRAWN = record(40, (0.0, 0.25, 0.5, 1.0))
ROWS = rows(DRAWN)


@pytest.fixture(scope="module")
def lift() -> hl.Lift:
    return answer(ROWS, DRAWN, [hl.Mean("minutes", name="Minutes")])


def estimand(lift: hl.Lift, code: str) -> hl.Estimate:
    return lift.find("two_stage", code)


def test_every_effect_is_that_of_the_workspace_means(lift: hl.Lift):
    """Against pandas: means of users by workspace and arm, then of workspaces."""
    at = ROWS["workspace"].map({w: float(s) for w, s in DRAWN.assigned.items()})
    cells = ROWS.assign(at=at).groupby(["at", "workspace", "treated"])["minutes"].mean().unstack()
    by = cells.groupby("at").mean()
    whole = ROWS.assign(at=at).groupby(["at", "workspace"])["minutes"].mean().groupby("at").mean()
    assert estimand(lift, "direct:0.25").estimate == pytest.approx(by.loc[0.25, 1] - by.loc[0.25, 0])
    assert estimand(lift, "indirect:0.5-0").estimate == pytest.approx(by.loc[0.5, 0] - by.loc[0, 0])
    assert estimand(lift, "total:1-0.25").estimate == pytest.approx(by.loc[1, 1] - by.loc[0.25, 0])
    assert estimand(lift, "overall:1-0").estimate == pytest.approx(whole[1] - whole[0])
    d = cells.loc[0.25, 1] - cells.loc[0.25, 0]
    assert estimand(lift, "direct:0.25").std_error == pytest.approx(d.std() / len(d) ** 0.5)
    assert estimand(lift, "direct:0.25").df == len(d) - 1
    assert estimand(lift, "overall:1-0").relative.estimate == pytest.approx((whole[1] - whole[0]) / whole[0])


def test_there_is_no_direct_effect_at_no_and_at_full_saturation(lift: hl.Lift):
    codes = {e.estimand for e in lift.estimates}
    assert {c for c in codes if c.startswith("direct")} == {"direct:0.25", "direct:0.5"}
    assert {c for c in codes if c.startswith("indirect")} == {"indirect:0.25-0", "indirect:0.5-0", "indirect:0.5-0.25"}
    assert "total:0.25-0" in codes
    assert len(codes) == 2 + 3 + 6 + 6
    keys = [(e.metric, e.estimand, e.method) for e in lift.estimates]
    assert len(keys) == len(set(keys))


def test_the_headline_is_what_a_launch_does_and_the_truth_is_inside():
    lift = answer(rows(record(120, (0.0, 0.5, 1.0))), record(120, (0.0, 0.5, 1.0)))
    e = lift.headline()
    assert (e.estimand, e.method, e.identified) == ("overall:1-0", "two_stage", "randomized")
    for code, truth in {"overall:1-0": 1.8, "direct:0.5": 1.0, "indirect:0.5-0": 0.4, "total:0.5-0": 1.4}.items():
        found = estimand(lift, code)
        assert abs((found.estimate or 0) - truth) < 3 * (found.std_error or 0)
    assert lift.verdict.level == "supported"
    naive = lift.find("naive_ols")
    assert naive.estimand == "overall:1-0"
    assert (naive.conf_high or 0) < 1.8


def test_checks_are_quiet_on_a_study_that_follows_its_record(lift: hl.Lift):
    assert set(levels(lift).values()) == {"ok"}
    assert {a.code for a in lift.ledger if a.status == "holds"} == {
        "random_assignment", "one_place", "enough_clusters", "measured_alike"
    }  # fmt: skip


def test_users_treated_against_the_record_stop_it():
    wrong = ROWS.copy()
    at = wrong["workspace"].map(DRAWN.assigned)
    first = wrong.loc[at == "0", "workspace"].iloc[0]
    wrong.loc[wrong["workspace"] == first, "treated"] = 1
    lift = answer(wrong, DRAWN)
    assert lift.check("assignment_followed").level == "stop"
    assert first in lift.check("assignment_followed").statement
    assert lift.verdict.level == "not trustworthy"


def test_a_stranger_is_named_left_out_and_stops_it():
    more = pd.concat([ROWS, ROWS.tail(20).assign(workspace="new", user=lambda d: "x" + d["user"])])
    lift = answer(more, DRAWN)
    assert lift.data["dropped"] == {"workspace not in the record": 20}
    assert lift.check("assignment_followed").evidence["not_in_record"] == 1
    assert lift.headline().estimate == pytest.approx(answer(ROWS, DRAWN).headline().estimate)


def test_workspaces_of_one_saturation_that_leave_are_seen():
    at = ROWS["workspace"].map(DRAWN.assigned)
    gone = ROWS.loc[at == "1", "workspace"].unique()[:7]
    lift = answer(ROWS[~ROWS["workspace"].isin(gone)], DRAWN)
    check = lift.check("sample_ratio")
    assert (check.level, check.evidence["missing"]) == ("stop", 7)
    assert lift.check("few_clusters").level in ("caution", "stop")


def test_missing_outcomes_at_one_end_are_seen():
    lost = ROWS.copy()
    rng = np.random.default_rng(0)
    at = lost["workspace"].map(DRAWN.assigned)
    lost.loc[(at == "1") & (rng.random(len(lost)) < 0.3), "minutes"] = np.nan
    lift = answer(lost, DRAWN)
    assert lift.check("missing_outcome").level == "stop"
    assert sum(n for why, n in lift.data["dropped"].items() if "missing" in why) == int(lost["minutes"].isna().sum())


def test_workspaces_too_small_to_split_are_counted():
    drawn = record(24, (0.25, 0.75))
    lift = answer(rows(drawn, size=1), drawn, [hl.Mean("minutes")])
    assert lift.check("saturation_cells").level == "caution"
    assert {e.estimand for e in lift.estimates if e.method == "two_stage"} == {"overall:0.75-0.25", "total:0.75-0.25"}


def test_the_order_of_rows_and_the_kind_of_columns_change_nothing():
    first = without_clock(answer(ROWS, DRAWN))
    assert first == without_clock(answer(ROWS.sample(frac=1, random_state=2), DRAWN))
    named = ROWS.assign(treated=np.where(ROWS["treated"] == 1, "on", "off"))
    told = answer(named, DRAWN, design={"treatment": hl.Treatment(column="treated", treated="on", control="off")})
    assert told.headline().estimate == first["estimates"][1]["estimate"]


def test_events_are_summed_per_user_first():
    events = pd.concat([ROWS.assign(minutes=ROWS["minutes"] / 2)] * 2)
    lift = answer(events, DRAWN, rows="events")
    assert lift.headline().estimate == pytest.approx(answer(ROWS, DRAWN).headline().estimate)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"covariates": ["before"]}, "covariates"),
        ({"segments": ["tier"]}, "segments"),
        ({"negative_controls": ["before"]}, "negative_controls"),
        ({"design": {"uptake": "used"}}, "uptake"),
        ({"metrics": [hl.Ratio("minutes", "tasks")]}, "ratio"),
        ({"metrics": [hl.Mean("minutes", winsorize=0.99, pre="before")]}, "winsorize"),
    ],
)
def test_what_has_no_place_is_refused(options: dict[str, Any], said: str):
    metrics = options.pop("metrics", "minutes")
    with pytest.raises(hl.HonestliftError, match=f"two-stage.*{said}"):
        answer(ROWS, DRAWN, metrics, **options)


def test_bad_data_give_no_number():
    with pytest.raises(hl.HonestliftError, match="one saturation"):
        answer(ROWS[ROWS["workspace"].map(DRAWN.assigned) == "0.5"], DRAWN)
    with pytest.raises(hl.HonestliftError, match="No workspace of the record"):
        answer(ROWS.assign(workspace="w" + ROWS["workspace"]), DRAWN)
    with pytest.raises(hl.HonestliftError, match="treated"):
        answer(ROWS.assign(treated=0), DRAWN)
    with pytest.raises(hl.HonestliftError, match="infinite"):
        answer(ROWS.assign(minutes=ROWS["minutes"].where(ROWS.index > 0, np.inf)), DRAWN)
    with pytest.raises(hl.HonestliftError, match="rows"):
        answer(pd.concat([ROWS, ROWS.head(1)]), DRAWN)


def test_hardly_any_data_give_no_interval_and_no_trust():
    drawn = record(4, (0.0, 1.0))
    one = [next(w for w, a in drawn.assigned.items() if a == level) for level in ("0", "1")]
    lift = answer(rows(drawn, size=3)[lambda d: d["workspace"].isin(one)], drawn)
    assert lift.headline().conf_low is None
    assert lift.verdict.level == "not trustworthy"
    assert report_html(lift)
    assert str(lift)
    gone = ROWS.assign(other=ROWS["minutes"].where(ROWS["workspace"].map(DRAWN.assigned) == "0.5"))
    with pytest.raises(hl.HonestliftError, match="one saturation alone"):
        answer(gone, DRAWN, ["minutes", "other"])


def test_who_joined_late_without_a_draw_is_left_out():
    from dataclasses import replace

    late = replace(DRAWN, rule=replace(DRAWN.rule, late="control"))
    more = pd.concat([ROWS, ROWS[ROWS["treated"] == 0].tail(9).assign(workspace="new", user=lambda d: "x" + d["user"])])
    lift = answer(more, late)
    assert lift.data["dropped"] == {"workspace not in the record": 9}
    assert lift.headline().estimate == pytest.approx(answer(ROWS, DRAWN).headline().estimate)


def test_page_terminal_and_paragraph_say_what_was_done(lift: hl.Lift):
    page = report_html(lift)
    assert "Workspaces randomized to shares of treated users" in page
    block = page.split('<section id="saturations"')[1].split("</section>")[0]
    assert block.count("<tr") == 1 + 4
    assert "treated − control" not in page
    assert "with 100 % of a workspace's users treated, against 0 %" in lift.verdict.headline
    assert "Effect on all users of a workspace, 100 % − 0 % treated" in str(lift)
    assert "By workspace: direct effect at 25 % treated" in lift.paragraph()
    assert hl.Lift.from_dict(json.loads(lift.to_json())).to_dict() == lift.to_dict()


def test_without_the_record_the_varying_treatment_is_still_an_error():
    with pytest.raises(hl.HonestliftError, match="varies"):
        hl.analyze(ROWS, hl.ClusterDesign(**DESIGN), "minutes")
