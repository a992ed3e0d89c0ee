"""Coverage of a difference of quantiles: the committed table, and the promise in few worlds."""

from __future__ import annotations

from pathlib import Path

import pytest
from simulations.quantiles import SITUATIONS, Situation, coverage, line

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "quantiles.md"


@pytest.mark.slow
@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda s: s.name)
def test_the_committed_table_is_what_the_command_makes_and_keeps_its_promise(situation: Situation) -> None:
    found = coverage(situation)
    assert line(situation, found) in PAGE.read_text(encoding="utf-8")
    assert found["user_ols"] > 0.92  # 1,000 worlds: four standard errors of .007 under .95
    assert found["naive_ols"] < 0.85


def test_the_headline_covers_where_users_as_if_independent_do_not() -> None:
    """60 worlds: Monte Carlo standard error .028 at .95."""
    found = coverage(Situation(outcome="log-normal", q=0.9, clusters=20), 60)
    assert min(found["user_ols"], found["user_ols:inversion"]) >= 0.86
    assert found["naive_ols"] < 0.88
    assert found["refused"] == 0
