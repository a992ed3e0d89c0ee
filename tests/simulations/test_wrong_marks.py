"""The table of wrong marks: the committed page against the command; right rates keep the promise, wrong ones do not."""

from __future__ import annotations

import pytest
from simulations.wrong_marks import PAGE, SITUATIONS, Situation, coverage, line


@pytest.mark.slow
@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda s: s.name)
def test_the_committed_table_is_what_the_command_makes(situation: Situation):
    found = coverage(situation)
    assert line(situation, found) in PAGE.read_text(encoding="utf-8")
    if situation.true == situation.stated and not situation.differential:
        assert found[0, :2].min() > 0.93


def test_right_rates_cover_and_marks_as_they_are_do_not_in_few_worlds():
    direct, spillover, _, marked = coverage(SITUATIONS[0], 120)[0]
    assert min(direct, spillover) > 0.88  # Monte Carlo standard error .02
    assert marked < 0.7
    assert coverage(SITUATIONS[4], 60)[0, 1] < 0.5
