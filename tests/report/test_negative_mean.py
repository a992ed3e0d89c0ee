"""A share of a negative control mean: words go with the effect, numbers stay what the contract says."""

from __future__ import annotations

import numpy as np
import pandas as pd

import honestlift as hl
from honestlift.report.names import as_share, negative_mean
from honestlift.report.results import blocks, guardrails

DESIGN = hl.ClusterDesign(unit="user", cluster="workspace", treatment="treated")


def rows(control: float) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    workspace = np.repeat(np.arange(30), 30)
    treated = rng.permutation(np.arange(30) % 2)[workspace]
    y = control + rng.normal(0, 0.1, 30)[workspace] + rng.normal(size=900) + treated
    return pd.DataFrame({"user": np.arange(900), "workspace": workspace, "treated": treated, "y": y})


def test_a_rise_from_a_negative_mean_is_a_positive_share_of_its_size() -> None:
    lift = hl.analyze(rows(-10), DESIGN, [hl.Mean("y"), hl.Mean("y", name="guard", role="guardrail", margin=0.02)], bootstrap=0)
    e = lift.headline()
    assert e.estimate > 0 > e.relative.estimate
    assert negative_mean(e)
    share = as_share(e)
    assert (share.estimate, share.conf_low, share.conf_high) == (
        -e.relative.estimate,
        -e.relative.conf_high,
        -e.relative.conf_low,
    )
    assert "; +1" in lift.verdict.headline.split("interval")[1]
    assert "of the control mean's size" in lift.verdict.headline
    assert next(r.share for r in blocks(lift)[0].rows if r.tone == "headline").startswith("+")
    assert guardrails(lift)[0].rows[-1].effect.startswith("+")
    assert {row[0]: row[4] for row in lift.tables["metrics"].rows}["guard"] == "holds"
    assert any("Guardrail guard holds: +" in reason for reason in lift.verdict.because)


def test_with_a_positive_mean_all_is_as_the_contract_has_it() -> None:
    e = hl.analyze(rows(10), DESIGN, "y", bootstrap=0).headline()
    assert not negative_mean(e)
    assert as_share(e) == e.relative
