"""The table of adjusted spillover on the e-mail graph: the committed page against the command, and the same in few draws."""

from __future__ import annotations

import numpy as np
import pytest
from simulations.adjusted_spillover import LAUNCHES, LEVELS, before_and_after, cell, lines
from simulations.spillover import PAGE, PER_DEPARTMENT, graph

MAIN = dict.fromkeys(LEVELS, "within cells") | dict.fromkeys(LAUNCHES, "linear in the fraction")


@pytest.mark.parametrize("heavy", [False, True])
def test_half_of_what_people_and_departments_differ_by_is_known_before(heavy: bool) -> None:
    """Correlation √.5 of people within departments, and of departments; spreads as without a measure from before."""
    reach, rng = graph(), np.random.default_rng(0)
    many = [before_and_after(reach, rng, heavy=heavy) for _ in range(200)]
    both = np.array(many) - PER_DEPARTMENT * reach.degree
    size = np.bincount(reach.own)
    means = np.stack([np.bincount(reach.own, row) / size for row in both.reshape(-1, reach.users)]).reshape(200, 2, -1)
    large = means[:, :, size > 30]
    within = both - means[:, :, reach.own]
    for pairs, slack in ((large, 0.05), (within, 0.02)):
        assert np.corrcoef(pairs[:, 0].ravel(), pairs[:, 1].ravel())[0, 1] == pytest.approx(0.5**0.5, abs=slack)
    assert within.std() == pytest.approx(0.5, rel=0.05)


@pytest.mark.parametrize("label", ["spillover, `any`", "launch"])
def test_in_few_draws_the_interval_is_narrower_and_holds(label: str) -> None:
    found = cell(label, 60)
    plain, adjusted = (found[f"{MAIN[label]}{how}"] for how in ("", ", adjusted"))
    assert 0.6 < adjusted[3] / plain[3] < 0.8
    assert abs(adjusted[0]) < 4 * adjusted[1] / 60**0.5
    assert adjusted[2] > 0.85


@pytest.mark.slow
@pytest.mark.parametrize("label", [*LEVELS, *LAUNCHES])
def test_the_committed_table_is_what_the_command_makes(label: str) -> None:
    found, text = cell(label), PAGE.read_text(encoding="utf-8")
    for line in lines(label, found):
        assert line in text
    plain, adjusted = (found[f"{MAIN[label]}{how}"] for how in ("", ", adjusted"))
    assert abs(adjusted[0]) < 4 * adjusted[1] / adjusted[4] ** 0.5
    assert adjusted[2] >= 0.93
    assert 0.66 < adjusted[3] / plain[3] < 0.76
