"""The tables of the rules: the committed page against the command, and what each rule promises, in fewer worlds."""

from __future__ import annotations

import pytest
from simulations.rules import PAGE, ROWS, SIZED, cell, line


@pytest.mark.slow
@pytest.mark.parametrize("label", [*ROWS, *SIZED])
def test_the_committed_table_is_what_the_command_makes(label: str) -> None:
    assert line(label, cell(label)) in PAGE.read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.parametrize(
    "label", [label for label in ROWS if "unadjusted" not in label and "ignored" not in label and "CR1" not in label]
)
def test_analysed_as_the_design_demands_every_rule_keeps_its_promise(label: str) -> None:
    bias, spread, covered, _ = cell(label)
    assert abs(covered - 0.95) < 4 * 0.005  # four Monte Carlo errors of 2,000 worlds
    assert abs(bias) < 4 * spread / 2_000**0.5


def test_rules_keep_their_promise_in_few_worlds_and_an_analysis_that_ignores_them_does_not() -> None:
    found = {label: cell(label, 120) for label in ROWS if label.startswith(("rerandomized", "matched pairs"))}
    # 120 worlds: Monte Carlo standard error .02 at .95
    for label in ("rerandomized; covariates", "rerandomized; randomization test with covariates", "matched pairs; pair effects"):
        assert 0.88 < found[label][2] <= 1, label
    assert found["matched pairs; pair effects, CR1 by workspace"][2] < 0.9
    assert found["rerandomized; unadjusted"][3] > 1.4 * found["rerandomized; covariates"][3]
    assert found["matched pairs; pairs ignored"][3] > 1.2 * found["matched pairs; pair effects"][3]
