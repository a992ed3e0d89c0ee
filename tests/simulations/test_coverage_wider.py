"""Coverage where the headline is stretched: the committed table, and the promise in few worlds."""

from __future__ import annotations

import pytest
from simulations.coverage import PAGE
from simulations.coverage_wider import END, ROWS, START, coverage, section, with_section


@pytest.mark.slow
@pytest.mark.parametrize("label", ROWS)
def test_the_committed_table_is_what_the_command_makes_and_keeps_its_promise(label: str) -> None:
    found = coverage(label)
    assert f"| {label} | {' | '.join(f'{c:.3f}' for c in found)} |" in PAGE.read_text(encoding="utf-8")
    if "heavy" not in label:
        assert min(found[1:3]) > 0.92  # 1,000 worlds: four standard errors of .007 under .95


def test_a_covariate_narrows_the_interval_and_strata_remove_a_bias() -> None:
    """150 worlds: Monte Carlo standard error .018 at .95."""
    plain, adjusted, _, width = coverage("20 (10), covariate, additive", 150)
    assert min(plain, adjusted) > 0.88
    assert width < 0.75
    plain, adjusted, _, _ = coverage("48 (24), three strata, shares 1/4, 1/2, 3/4", 100)
    assert plain < 0.5
    assert adjusted > 0.85


def test_the_section_replaces_the_one_that_is_there() -> None:
    once = with_section("# Page\n\ntext\n", section(2))
    assert once.startswith("# Page\n\ntext\n\n" + START)
    assert with_section(once, section(2)) == once
    assert once.count(END) == 1
