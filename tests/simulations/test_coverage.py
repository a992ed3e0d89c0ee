"""The coverage table against the one that was published for these worlds, and the committed page against the table."""

from __future__ import annotations

import numpy as np
import pytest
from simulations.coverage import COLUMNS, PAGE, ROWS, WORLDS, Row, coverage


@pytest.mark.slow
@pytest.mark.parametrize("row", [row for row in ROWS if row.reference], ids=lambda row: row.label)
def test_coverage_is_reproduced_within_monte_carlo_error(row: Row) -> None:
    here, there = np.array(coverage(row)), np.array(row.reference)
    p = np.clip((here + there) / 2, 0.001, 0.999)
    # two independent simulations of 2,000 worlds each: four standard errors of their difference
    assert np.all(np.abs(here - there) < 4 * np.sqrt(2 * p * (1 - p) / WORLDS) + 0.001)


@pytest.mark.slow
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.label)
def test_the_committed_table_is_what_the_command_makes(row: Row) -> None:
    cells = " | ".join(f"{c:.3f}" for c in coverage(row))
    assert f"| {row.label} | {cells} |" in PAGE.read_text()


def test_the_headline_keeps_its_promise_in_few_worlds_and_the_naive_one_does_not() -> None:
    row = ROWS[4]  # 10 workspaces
    found = dict(zip(COLUMNS, coverage(row, worlds=200), strict=True))
    # 200 worlds: Monte Carlo standard error .016 at .95
    assert found["CR2 + Satterthwaite"] > 0.90
    assert found["naive"] < 0.20
    assert found["CR1S normal"] < found["CR2 + Satterthwaite"]
