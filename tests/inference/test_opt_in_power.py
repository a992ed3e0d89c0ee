"""Power of studies of users who choose: by hand where choice is random, laws, and the errors that studies then report."""

from __future__ import annotations

import math

import numpy as np
import pytest

import honestlift as hl
from honestlift.inference.opt_in_power import opt_in_power, propensities, separation, users_needed
from honestlift.simulate import OptInWorld


@pytest.mark.parametrize("estimand", ["ATE", "ATT", "ATO"])
def test_choice_at_random_is_an_experiment(estimand: str):
    found = opt_in_power(hl.Selection(users=1000, adoption=0.2, strength=0.0, sd=3.0), estimand)
    assert found.std_error == pytest.approx(3 * math.sqrt(1 / 200 + 1 / 800))
    assert (found.opted, found.others) == (pytest.approx(200), pytest.approx(800))
    assert separation(hl.Selection(users=1000, adoption=0.2, strength=0.0)) == pytest.approx(0.5)


@pytest.mark.parametrize("strength", [0.5, 1.5, 3.0])
@pytest.mark.parametrize("adoption", [0.01, 0.2, 0.9])
def test_adoption_is_kept_and_no_weights_beat_overlap_weights(adoption: float, strength: float):
    s = hl.Selection(users=10_000, adoption=adoption, strength=strength)
    e, mass = propensities(s)
    assert float(e @ mass) == pytest.approx(adoption, abs=1e-9)
    errors = {name: opt_in_power(s, name).std_error for name in ("ATE", "ATT", "ATO")}
    assert errors["ATO"] == min(errors.values())
    assert opt_in_power(s, "ATT").opted == pytest.approx(10_000 * adoption)


def test_mirrored_choice_mirrors_the_arms():
    one, other = (opt_in_power(hl.Selection(users=999, adoption=a, strength=1.2), "ATE") for a in (0.3, 0.7))
    assert (one.opted, one.others) == (pytest.approx(other.others), pytest.approx(other.opted))


def test_a_logit_normal_mean_in_closed_form():
    s = hl.Selection(users=100_000, adoption=0.3, strength=1.0)
    e = propensities(s)[0]
    a = math.log(e[e.size // 2] / (1 - e[e.size // 2]))  # the logit at the middle
    assert opt_in_power(s, "ATE").opted == pytest.approx(100_000 / (1 + math.exp(-a + 0.5)), rel=1e-6)


def test_needed_users_have_the_power():
    s = hl.Selection(users=5_000, adoption=0.1, strength=1.0)
    n = users_needed(s, 0.1, "ATT")
    assert n is not None
    enough, short = (opt_in_power(hl.Selection(users=k, adoption=0.1, strength=1.0), "ATT") for k in (n, n - 1))
    assert enough.mde() <= 0.1 < short.mde()
    assert enough.power(0.1) == pytest.approx(0.8, abs=1e-3)
    assert users_needed(s, 0.0, "ATT") is None


def test_few_effective_users_are_flagged():
    assert not opt_in_power(hl.Selection(users=2_000, adoption=0.01, strength=2.0), "ATE").trusted
    assert opt_in_power(hl.Selection(users=20_000, adoption=0.01, strength=2.0), "ATT").trusted


def test_studies_report_the_error_that_was_planned():
    planned = hl.Selection(users=20_000, adoption=0.2, strength=1.0, sd=1.0)
    world = OptInWorld(users=20_000, adoption=0.2, effect=0.1, pull=1.0, push=0.3).draw(3)
    design = hl.OptInDesign(unit="user_id", treatment="opt_in", estimands=("ATE", "ATT", "ATO"))
    lift = hl.analyze(world.table, design, "outcome", covariates=["activity", "tenure"], bootstrap=0)
    for estimand in ("ATE", "ATT", "ATO"):
        found = lift.find("aipw", estimand).std_error
        assert found == pytest.approx(opt_in_power(planned, estimand).std_error, rel=0.06)


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"users": 5}, "users"),
        ({"adoption": 0.0}, "adoption"),
        ({"adoption": float("nan")}, "adoption"),
        ({"strength": -1.0}, "strength"),
        ({"strength": float("nan")}, "strength"),
        ({"sd": 0.0}, "sd"),
    ],
)
def test_what_cannot_be_is_refused(changed: dict[str, float], named: str):
    with pytest.raises(hl.HonestliftError, match=named):
        hl.Selection(**({"users": 1000, "adoption": 0.2} | changed))
    with pytest.raises(hl.HonestliftError, match="estimand"):
        opt_in_power(hl.Selection(users=100, adoption=0.5), "ATM")


def test_the_estimand_with_the_largest_arm_is_not_always_the_best():
    rare = hl.Selection(users=50_000, adoption=0.01, strength=1.5)
    assert opt_in_power(rare, "ATT").std_error < 0.5 * opt_in_power(rare, "ATE").std_error
    assert np.isfinite(opt_in_power(rare, "ATE").std_error)
