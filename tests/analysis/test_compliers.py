"""Use that is chosen where it is offered: rows, first stage, checks and ledger of a study with logged use."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import honestlift as hl
from honestlift.report.terminal import as_text
from studies import answer, frame, levels


def offered(treated: float = 0.6, control: float = 0.0, *, clusters: int = 30, effect: float = 2.0) -> pd.DataFrame:
    """Only use has an effect; keen users use it first, and have more of the outcome anyway."""
    f = frame(clusters, 20, effect=0.0)
    keen = np.random.default_rng(1).random(len(f))
    used = (keen > 1 - np.where(f.treated == 1, treated, control)).astype(int)
    return f.assign(used=used, minutes=f.minutes + effect * used + 2 * keen)


def test_the_effect_of_use_is_the_effect_of_the_offer_over_its_effect_on_use():
    f = offered(control=0.1)
    lift = answer(f, uptake="used")
    found, headline = lift.find("iv_2sls"), lift.headline()
    shares = f.groupby("treated").used.mean()
    assert found.estimate == pytest.approx(headline.estimate / (shares[1] - shares[0]), rel=1e-9)
    assert found.conf_low < 2.0 < found.conf_high  # the truth
    assert (found.estimand, found.identified, found.headline) == ("cace", "randomized", False)
    ar = lift.find("iv_2sls:anderson_rubin")
    assert ar.p_value == pytest.approx(headline.p_value, rel=1e-9)
    assert ar.conf_low < found.estimate < ar.conf_high
    table = lift.tables["uptake"]
    row = dict(zip(table.columns, table.rows[0], strict=True))
    assert (row["use_treated"], row["use_control"]) == pytest.approx((shares[1], shares[0]), rel=1e-12)
    assert row["f"] == pytest.approx((row["effect_on_use"] / row["std_error"]) ** 2)
    assert levels(lift)["first_stage"] == "ok"


def test_users_without_the_outcome_are_not_counted_among_the_users():
    f = offered()
    f["minutes"] = f.minutes.where((f.used == 0) | (f.user % 3 > 0))
    seen = f.dropna(subset=["minutes"])
    lift = answer(f, uptake="used")
    shares = seen.groupby("treated").used.mean()
    assert lift.find("iv_2sls").estimate == pytest.approx(lift.headline().estimate / (shares[1] - shares[0]), rel=1e-9)


def test_strata_adjust_both_stages():
    f = offered().assign(tier=lambda d: d.workspace % 2)
    lift = answer(f, uptake="used", strata=("tier",))
    on_use = answer(f, [hl.Mean("used")], strata=("tier",)).headline()
    assert lift.find("iv_2sls").estimate == pytest.approx(lift.headline().estimate / on_use.estimate, rel=1e-9)
    assert lift.find("iv_2sls").adjustment == "strata, interacted"


def test_the_ledger_names_what_it_rests_on():
    rows = {a.assumption: a.status for a in answer(offered(), uptake="used").ledger}
    assert rows["The feature works through its user's own use"] == "untested"
    assert rows["Nobody uses the feature because it was kept from them"] == "holds"
    lift = answer(offered(control=0.2), uptake="used", exposure=hl.Exposure(column="exposed"))
    rows = {a.assumption: a.status for a in lift.ledger}
    assert rows["The feature works through its user's own use"] == "questioned"
    assert rows["Nobody uses the feature because it was kept from them"] == "questioned"
    assert not [a for a in answer(offered()).ledger if "own use" in a.assumption]


def test_an_offer_that_moves_no_use_is_doubted_for_compliers_only():
    f = offered().assign(used=lambda d: d.user % 2)
    lift = answer(f, uptake="used")
    check = lift.check("first_stage")
    assert (check.level, check.concerns) == ("stop", ("cace",))
    assert not [e for e in lift.estimates if e.estimand == "cace"]
    weak = answer(f.assign(used=np.random.default_rng(0).integers(0, 2, len(f))), uptake="used")
    assert weak.check("first_stage").level == "caution"
    ar = weak.find("iv_2sls:anderson_rubin")
    assert (ar.conf_low, ar.conf_high) == (None, None)


def test_use_as_a_metric_or_as_the_treatment():
    f = offered()
    both = answer(f, [hl.Mean("minutes"), hl.Mean("used")], uptake="used")
    assert {e.metric for e in both.estimates if e.estimand == "cace"} == {"minutes"}
    same = answer(f, uptake="treated")
    assert same.find("iv_2sls").estimate == pytest.approx(same.headline().estimate, rel=1e-12)
    assert same.check("first_stage").level == "ok"


def test_the_terminal_shows_anderson_and_rubins_interval_beside_it():
    text = as_text(answer(offered(), uptake="used"))
    assert "Effect on those who use it because it is offered" in text
    assert "Anderson–Rubin +" in text
