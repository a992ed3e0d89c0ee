"""The table of roll-outs in waves: the committed page against the command, and its promises in fewer worlds."""

from __future__ import annotations

import pytest
from simulations.waves import PAGE, SITUATIONS, Situation, line, measured


@pytest.mark.slow
@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda s: s.name)
def test_the_committed_table_is_what_the_command_makes(situation: Situation):
    assert line(situation, measured(situation)) in PAGE.read_text(encoding="utf-8")


def test_intervals_cover_where_trends_are_parallel_and_the_regression_is_off_where_effects_grow():
    found = measured(SITUATIONS[4], 200)  # growing, 20 workspaces
    assert min(found[:3]) > 0.88  # Monte Carlo standard error .016
    assert abs(found[4]) < 0.03  # of an error of .13 in each world: three standard errors
    assert found[5] < -0.08
    drifting = measured(SITUATIONS[-1], 60)
    assert drifting[0] < 0.5
    assert drifting[6] > 0.5
