"""Monitoring a study over several looks: the rows, the table, the check and the verdict."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import honestlift as hl
from honestlift.errors import LooksError
from honestlift.inference.sequence import confidence_sequence, mixture_variance
from honestlift.report.terminal import as_text
from studies import answer, frame


def days(effect: float, looks: int, seed: int = 0) -> list[pd.DataFrame]:
    """The same study with more and more of its users."""
    f = frame(24, 40, effect=effect, seed=seed)
    order = np.random.default_rng(seed).permutation(len(f))
    return [f[order < len(f) * (i + 1) // looks] for i in range(looks)]


def test_each_look_is_recorded_and_widened(tmp_path: Path):
    path = tmp_path / "looks.json"
    seen = [hl.monitor(answer(f), path) for f in days(0.5, 3)]
    last = seen[-1]
    table = last.tables["monitoring"]
    rows = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    assert [r["look"] for r in rows] == [1, 2, 3]
    assert [r["users"] for r in rows] == [320, 640, 960]
    heads = [x.headline() for x in seen]
    assert [r["estimate"] for r in rows] == [h.estimate for h in heads]
    assert [(r["conf_low"], r["conf_high"]) for r in rows] == [(h.conf_low, h.conf_high) for h in heads]
    values = np.array([(h.estimate, h.std_error, h.df) for h in heads], dtype=float)
    expected = confidence_sequence(values[:, 0], values[:, 1], values[:, 2], 0.95, mixture_variance(values[0, 1], 0.95))
    assert [r["always_low"] for r in rows] == expected.low.tolist()
    row = last.find("user_ols:always_valid")
    assert (row.conf_low, row.conf_high) == (expected.low[-1], expected.high[-1])
    assert row.conf_low < last.headline().conf_low
    assert not row.headline
    assert hl.monitor(answer(days(0.5, 3)[-1]), path).tables["monitoring"] == table, "the same data are no new look"
    text = as_text(last)
    assert "Looks at minutes" in text
    assert "at every look +" in text


def test_a_claim_that_holds_at_one_look_only_is_doubted():
    """An effect of 2.2 standard errors: supported by one look, not by a second one."""
    f = frame(24, 40, effect=0.0, seed=4)
    means = f.groupby("workspace").minutes.transform("mean")
    wanted = f.assign(minutes=f.minutes - means + 5 + 0.3 * (means - 5))
    error = answer(wanted).headline()
    wanted = wanted.assign(minutes=wanted.minutes + (2.3 * error.std_error - error.estimate) * wanted.treated)
    plain = answer(wanted)
    assert plain.verdict.level == "supported"
    once = hl.monitor(plain, hl.Looks.of(plain))
    assert (once.verdict, once.check("peeking").level) == (plain.verdict, "ok")
    before = hl.Looks.of(plain).with_look(answer(wanted[wanted.user % 2 == 0]))
    twice = hl.monitor(answer(wanted), before)
    assert twice.check("peeking").level == "caution"
    assert twice.verdict.level == "likely, with caveats"
    assert twice.verdict.headline.startswith("Likely, with caveats. minutes: +")
    assert twice.check("peeking").statement in twice.verdict.because


def test_a_result_with_looks_survives_json(tmp_path: Path):
    lift = hl.monitor(answer(days(0.5, 1)[0]), tmp_path / "looks.json")
    assert hl.Lift.from_dict(lift.to_dict()).to_json() == lift.to_json()


def test_an_opt_in_study_is_not_monitored(tmp_path: Path):
    f = frame(10, 40)
    design = hl.OptInDesign(unit="user", treatment="treated", estimands=("ATE",))
    lift = hl.analyze(f, design, ["minutes"], covariates=["before"], bootstrap=0)
    with pytest.raises(LooksError, match="'opt_in' cannot be monitored"):
        hl.monitor(lift, tmp_path / "looks.json")
    assert not list(tmp_path.iterdir())
