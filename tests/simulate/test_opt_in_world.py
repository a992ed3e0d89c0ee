"""Worlds of self-selected users: what each promises, and what the study says of it."""

from __future__ import annotations

import numpy as np
import pytest

import honestlift as hl
from honestlift.diagnostics.choice import multiple
from honestlift.errors import DesignError
from honestlift.simulate import OptInWorld, hidden_cause, low_adoption, no_overlap


def study(world: OptInWorld, seed: int, estimands=("ATE", "ATT", "ATO"), **options) -> hl.Lift:
    design = hl.OptInDesign(unit="user_id", treatment="opt_in", estimands=estimands)
    return hl.analyze(
        world.draw(seed).table, design, [hl.Mean("outcome")], covariates=["activity", "tenure"], bootstrap=0, **options
    )


def test_a_world_keeps_its_adoption_and_is_the_same_for_the_same_seed() -> None:
    world = OptInWorld(users=50_000, adoption=0.01, pull=2.0)
    table = world.draw(3).table
    assert table.equals(world.draw(3).table)
    assert table["opt_in"].to_numpy().mean() == pytest.approx(0.01, abs=4 * np.sqrt(0.01 / 50_000))
    assert not table.equals(world.draw(4).table)
    with pytest.raises(DesignError, match="adoption is 0"):
        OptInWorld(adoption=0)
    with pytest.raises(DesignError, match=r"hidden is -1. Expected a multiple from 0 up"):
        hidden_cause(times=-1)


def test_at_one_percent_adoption_the_att_covers_the_naive_does_not_and_nothing_is_clipped() -> None:
    """200,000 users, truth .04. Clipping at .05 returns nearly the naive number (methods: .107 against .110)."""
    made = study(low_adoption(), 1, ("ATT", "ATE"))
    att, naive = made.find("aipw", "ATT"), made.find("naive", "ATT")
    assert att.n_units == 200_000
    assert att.conf_low <= 0.04 <= att.conf_high
    assert not naive.conf_low <= 0.04 <= naive.conf_high
    assert made.headline() == att
    assert made.data["dropped"] == {}
    lowest = min(row[1] for row in made.tables["overlap"].rows if row[0] == "others")
    assert lowest < 0.001  # the propensities are what they are


def test_without_overlap_the_ate_is_refused_and_another_question_answered() -> None:
    made = study(no_overlap(), 1)
    stop = made.check("overlap:ATE")
    assert stop.level == "stop"
    assert stop.evidence["unreached"] == pytest.approx(0.5, abs=0.02)
    assert "The ATT, ATO and ATM are supported." in stop.statement
    headline = made.headline()
    assert headline.estimand == "ATT"
    assert headline.conf_low <= 0.2 <= headline.conf_high
    assert made.verdict.level == "likely, with caveats"


@pytest.mark.parametrize("strength", [1.0, 2.0, 3.0])
def test_an_unmeasured_cause_is_missed_and_the_words_say_how_strong_it_must_be(strength: float) -> None:
    """Truth 0: the interval misses it; adjusted for a cause of the strength k that is there it covers it, and the words name k."""
    made = study(hidden_cause(times=strength), 3)
    headline = made.headline()
    assert not headline.conf_low <= 0 <= headline.conf_high
    evidence = made.check("fragile").evidence
    times = evidence["times"]
    assert evidence["interval_times"] <= strength  # a cause that strong, and the interval contains zero
    assert times == pytest.approx(strength, rel=0.1)  # the benchmark itself is estimated
    rows = {(r[1], r[2]): r for r in made.tables["sensitivity_benchmarks"].rows}
    row = rows["activity", strength]
    assert row[6] <= 0 <= row[7]
    assert f"An unmeasured cause {multiple(times)} times as strong as activity" in made.verdict.because[1]
