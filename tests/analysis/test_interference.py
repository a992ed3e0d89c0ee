"""Two results held against each other: where users reach their colleagues the two differ, where they do not they agree."""

import numpy as np
import pandas as pd
import pytest

import honestlift as hl
from studies import answer, frame, make_estimate, make_lift


def users(spill: float, seed: int) -> hl.Lift:
    """Forty workspaces whose users were randomized one by one; everybody gains from the treated share of the colleagues."""
    data, rng = frame(40, 30, effect=0, seed=seed), np.random.default_rng(seed)
    data["treated"] = rng.permutation(np.arange(len(data)) % 2)
    share = data.groupby("workspace")["treated"].transform("mean")
    data["minutes"] += 0.5 * data["treated"] + spill * share
    design = hl.ClusterDesign(unit="user", cluster="user", treatment="treated")
    return hl.analyze(data, design, "minutes", bootstrap=0)


def workspaces(spill: float, seed: int) -> hl.Lift:
    return answer(frame(40, 30, effect=0.5 + spill, seed=seed))


def test_a_user_may_be_its_own_cluster():
    lift = users(0.0, 1)
    assert lift.data["n_clusters"] == lift.data["n_units"] == 1200
    e = lift.headline()
    naive = lift.find("naive_ols")
    assert (e.estimate, e.std_error) == (pytest.approx(naive.estimate), pytest.approx(naive.std_error, rel=0.02))


def test_the_two_agree_without_interference_and_differ_with_it():
    quiet = hl.compare_randomizations(workspaces(0.0, 1), users(0.0, 2))
    assert (quiet.code, quiet.level, quiet.remedy) == ("interference", "ok", "")
    fires = hl.compare_randomizations(workspaces(0.8, 1), users(0.8, 2))
    assert fires.level == "caution"
    assert (fires.evidence["difference"] or 0) > 0
    assert "reaches others" in fires.statement
    gap = (fires.evidence["by_cluster"] or 0) - (fires.evidence["by_user"] or 0)
    assert fires.evidence["difference"] == pytest.approx(gap)
    assert fires.evidence["z"] == pytest.approx(gap / (fires.evidence["std_error"] or 1))


def test_what_cannot_be_compared_is_refused():
    good = make_lift()
    with pytest.raises(hl.HonestliftError, match="first result"):
        hl.compare_randomizations(good, good, "other")
    for changed in ({"identified": "association"}, {"estimand": "ATE"}, {"std_error": None}):
        with pytest.raises(hl.HonestliftError, match="second result"):
            hl.compare_randomizations(good, make_lift(estimates=(make_estimate(**changed),)))
    with pytest.raises(hl.HonestliftError, match="scale"):
        hl.compare_randomizations(good, make_lift(estimates=(make_estimate(scale="difference of ratios"),)))


def test_a_global_headline_is_compared_by_its_effect_per_user():
    gate = make_estimate(estimand="gate", method="linear_in_fraction", estimate=9.0)
    both = make_lift(estimates=(gate, make_estimate(headline=False)))
    assert hl.compare_randomizations(both, make_lift()).evidence["difference"] == 0


def test_other_roles_still_need_columns_of_their_own():
    with pytest.raises(hl.HonestliftError, match="both as unit and as treatment"):
        hl.Study(design=hl.ClusterDesign(unit="u", cluster="w", treatment="u"), metrics=(hl.Mean("y"),))
    assert isinstance(users(0.0, 3).to_pandas(), pd.DataFrame)
