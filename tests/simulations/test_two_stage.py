"""The table of two-stage coverage: the committed page against the command, and the promise in fewer worlds."""

from __future__ import annotations

import pytest
from simulations.two_stage import PAGE, SITUATIONS, Situation, coverage, line


@pytest.mark.slow
@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda s: s.name)
def test_the_committed_table_is_what_the_command_makes_and_the_promise_is_kept(situation: Situation):
    found = coverage(situation)
    assert line(situation, found) in PAGE.read_text(encoding="utf-8")
    assert min(found) > 0.93


def test_intervals_cover_in_few_worlds():
    assert min(coverage(SITUATIONS[1], 150)) > 0.88  # Monte Carlo standard error .018
