"""The tables of docs/explanation/power.md: spot checks of the cheap rows always, the whole tables by the slow tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from simulations.power import CHOICES, SHAPES, Shape, cluster_power, opt_in_errors

PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "power.md"


@pytest.mark.slow
@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.label)
def test_worlds_agree_with_the_simulation_and_where_it_says_so_with_the_formula(shape: Shape) -> None:
    worlds, own, trusted = cluster_power(shape)
    assert abs(worlds - own) < 0.035  # four Monte Carlo standard errors of 2,000 worlds
    if trusted:
        assert abs(own - 0.8) < 0.03
    assert f"| {shape.label} | {worlds:.3f} | {own:.3f} |" in PAGE.read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.parametrize(("adoption", "strength"), CHOICES)
def test_studies_of_users_who_choose_have_the_power_that_was_planned(adoption: float, strength: float) -> None:
    for estimand, (error, spread, power, announced) in opt_in_errors(adoption, strength).items():
        assert spread == pytest.approx(error, rel=0.14)  # four Monte Carlo standard errors of 400 studies
        if (estimand, strength) != ("ATE", 1.5):  # the studies' own errors are too small there; the docs say so
            assert abs(announced - power) < 0.08
        assert f"| {adoption:g} | {strength:g} | {estimand} | {error:.4f} | {spread:.4f} |" in PAGE.read_text(encoding="utf-8")


def test_unequal_arms_in_few_worlds() -> None:
    worlds, own, trusted = cluster_power(Shape(50, 0.2, 0.6, 0.1), worlds=400)
    assert trusted
    assert abs(own - 0.8) < 0.03
    assert abs(worlds - own) < 0.08  # Monte Carlo standard error .02


def test_every_row_stands_on_the_page() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert all(f"| {shape.label} | " in text for shape in SHAPES)
    assert all(f"| {adoption:g} | {strength:g} | ATT | " in text for adoption, strength in CHOICES)
