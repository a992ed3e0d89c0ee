"""The table of the focal test: the committed page against the command; size kept and power grown in fewer worlds."""

from __future__ import annotations

import pytest
from simulations.focal import CLUSTERS, PAGE, line, rejected


@pytest.mark.slow
@pytest.mark.parametrize("clusters", CLUSTERS)
def test_the_committed_table_is_what_the_command_makes(clusters: int):
    assert line(clusters) in PAGE.read_text(encoding="utf-8")


def test_size_and_power_in_few_worlds():
    size, placebo, adjusted = rejected(20, 0.0, 120)
    assert max(size, placebo, adjusted) < 0.12  # Monte Carlo standard error .02
    plain, _, narrower = rejected(50, 0.5, 60)
    assert 0.5 < plain < narrower
