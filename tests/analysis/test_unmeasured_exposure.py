"""What a study says of spillover that it cannot tell: wrong marks at stated rates, bounds for stated ratios."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

import honestlift as hl
from studies import answer, frame, levels, without_clock


def data(seed: int = 4, groups: int = 30) -> pd.DataFrame:
    made = frame(groups, 40, effect=0.8, seed=seed)
    made["minutes"] += 0.4 * made["exposed"]
    return made


def exposure(**rates: Any) -> hl.Exposure:
    return hl.Exposure(column="exposed", misclassification=hl.Misclassification(**rates))


def table(lift: hl.Lift, name: str) -> pd.DataFrame:
    found = lift.tables[name]
    return pd.DataFrame(found.rows, columns=list(found.columns))


def test_the_first_rows_are_the_contrasts_as_marked():
    lift = answer(data(), exposure=exposure(false_negative=0.2))
    found = table(lift, "misclassification")
    for name in ("direct", "spillover"):
        row = found[found["estimand"] == name].iloc[0]
        e = lift.find("two_exposure_ols", name)
        assert (row["false_positive"], row["false_negative"]) == (0, 0)
        assert (row["estimate"], row["conf_low"], row["df"]) == pytest.approx((e.estimate, e.conf_low, e.df), rel=1e-12)
    assert len(found) == 4


def test_stated_rates_bring_back_the_truth_that_wrong_marks_blur():
    """Marks flipped at 10 % and 30 %: at these rates the estimates are those of the true exposure, within their errors."""
    made, rng = data(groups=200), np.random.default_rng(1)
    control, true = made["treated"] == 0, made["exposed"] == 1
    draw = rng.random(len(made))
    made["exposed"] = (control & np.where(true, draw >= 0.3, draw < 0.1)).astype(int)
    found = table(answer(made, exposure=exposure(false_positive=0.1, false_negative=0.3)), "misclassification")
    spill = found[found["estimand"] == "spillover"]
    assert spill.iloc[0]["conf_high"] < 0.4
    assert spill.iloc[1]["conf_low"] < 0.4 < spill.iloc[1]["conf_high"]
    assert abs(spill.iloc[1]["estimate"] - 0.4) < 0.06
    assert spill.iloc[1]["share_exposed"] == pytest.approx(0.3, abs=0.02)


def test_a_range_is_looked_at_at_both_ends_and_in_the_middle():
    found = table(answer(data(), exposure=exposure(false_positive=(0, 0.1), false_negative=(0.2, 0.4))), "misclassification")
    pairs = list(dict.fromkeys(zip(found["false_positive"], found["false_negative"], strict=True)))
    assert [tuple(np.round(p, 9)) for p in pairs] == [(0, 0), *((p, q) for p in (0, 0.05, 0.1) for q in (0.2, 0.3, 0.4))]


def test_rates_that_cannot_be_give_no_number_and_a_caution():
    lift = answer(data(), exposure=exposure(false_positive=(0, 0.5)))
    found = table(lift, "misclassification")
    gone = found[found["false_positive"] == 0.5]
    assert gone["estimate"].isna().all()
    assert (gone["share_exposed"] < 0).all()
    check = lift.check("misclassification")
    assert (check.level, check.evidence["impossible"]) == ("caution", 1)
    assert "misclassification" in lift.assumption("exposure_by_design").checks


def test_the_check_is_quiet_where_no_decision_moves_and_the_ledger_is_bounded():
    vouched = hl.Exposure(column="exposed", randomized=True, misclassification=hl.Misclassification(false_negative=0.1))
    lift = answer(data(), exposure=vouched)
    assert lift.check("misclassification").level == "ok"
    row = lift.assumption("exposure_by_design")
    assert (row.status, row.basis) == ("untested", "bounded")


def test_without_rates_nothing_is_said_and_the_hash_is_as_it_was():
    design = {"unit": "user", "cluster": "workspace", "treatment": "treated"}
    plain = hl.Study(design=hl.ClusterDesign(**design, exposure=hl.Exposure(column="exposed")), metrics=(hl.Mean("minutes"),))
    assert plain.canonical()["design"]["exposure"] == {"column": "exposed", "randomized": False}
    lift = answer(data(), exposure=hl.Exposure(column="exposed"))
    assert "misclassification" not in lift.tables
    assert "misclassification" not in levels(lift)


def test_bounds_by_the_share_that_is_marked():
    lift = answer(data(), exposure=hl.Exposure(column="exposed"))
    itt, found = lift.headline(), table(lift, "spillover_bounds")
    marked = float(lift.check("exposure_not_randomized").evidence["exposed_share_of_control"] or 0)
    row = found[(found["share_is"] == "marked") & (found["ratio"] == 0.5)].iloc[0]
    assert row["exposed_share"] == marked
    assert (row["direct_low"], row["direct_high"]) == pytest.approx((itt.estimate, (itt.estimate or 0) / (1 - 0.5 * marked)))
    worst = found[(found["exposed_share"] == 1) & (found["ratio"] == 1)].iloc[0]
    assert worst[["shown", "direct_low", "conf_high"]].isna().all()


def test_bounds_for_assumed_shares_without_an_exposure_and_none_where_the_design_tells():
    found = table(answer(data()), "spillover_bounds")
    assert set(found["share_is"]) == {"assumed"}
    assert sorted(set(found["exposed_share"])) == [0.1, 0.25, 0.5, 1.0]
    assert "spillover_bounds" not in answer(data(), exposure=hl.Exposure(column="exposed", randomized=True)).tables


def test_only_means_have_them():
    made = data()
    made["tasks"] = 1.0 + made["exposed"]
    metrics: Any = [hl.Ratio("minutes", "tasks"), hl.Quantile("minutes", 0.5, name="Median")]
    lift = answer(made, metrics, exposure=exposure(false_negative=0.2))
    assert not lift.tables["misclassification"].rows
    assert "misclassification" not in levels(lift)
    assert "spillover_bounds" not in lift.tables


def test_the_order_of_rows_changes_nothing():
    made, asked = data(), exposure(false_positive=(0, 0.1), false_negative=0.2)
    first = without_clock(answer(made, exposure=asked))
    again = without_clock(answer(made.sample(frac=1, random_state=1), exposure=asked))
    assert first == again


@pytest.mark.parametrize(
    ("rates", "said"),
    [
        ({"false_positive": 1.0}, "false_positive"),
        ({"false_negative": (0.4, 0.2)}, "false_negative"),
        ({"false_positive": 0.5, "false_negative": 0.5}, "less than 1 together"),
        ({"false_positive": -0.1}, "false_positive"),
        ({"false_positive": float("nan")}, "false_positive"),
    ],
)
def test_rates_out_of_range_are_refused(rates: dict[str, Any], said: str):
    with pytest.raises(hl.HonestliftError, match=said):
        hl.Misclassification(**rates)


def test_rates_need_a_column():
    with pytest.raises(hl.HonestliftError, match="only with a column"):
        hl.Exposure(
            edges={"data": "e.csv", "source": "a", "target": "b"},  # pyright: ignore[reportArgumentType]
            misclassification=hl.Misclassification(false_negative=0.1),
        )
