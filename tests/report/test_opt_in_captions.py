"""Captions of an opt-in study say what is true: on worlds whose answer is known, and by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import honestlift as hl
from honestlift.report.captions import caption
from honestlift.report.figures import figure_bytes, figures_of
from honestlift.report.figures.contours import drawn, surface
from honestlift.report.figures.overlap import band, sides
from honestlift.report.twins import twin
from pages import choosers, chosen, opted, opted_apart, opted_crowded, opted_plain, opted_rare, opted_trimmed
from studies import make_lift

FIGURES = ["forest", "categories", "overlap", "balance", "contours", "weights"]


def with_table(name: str, columns: tuple[str, ...], rows: tuple[tuple[object, ...], ...]) -> hl.Lift:
    """The usual opt-in result with one table by hand."""
    lift = opted()
    return replace(lift, tables={**lift.tables, name: hl.Table(columns=columns, rows=rows)})


def test_the_figures_of_an_opt_in_study():
    assert figures_of(opted()) == FIGURES
    assert "categories" not in figures_of(opted_plain())
    assert figures_of(make_lift(kind="opt_in")) == ["forest"]


@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.parametrize("narrow", [False, True])
def test_same_bytes_twice_and_small(name: str, narrow: bool):
    first = figure_bytes(opted(), name, narrow=narrow)
    assert first == figure_bytes(hl.Lift.from_dict(opted().to_dict()), name, narrow=narrow)
    assert len(first) < 60_000


def test_categories_name_the_most_and_the_least():
    columns = ("covariate", "level", "others", "opted_in", "opt_in_rate", "mean_propensity")
    rows = (("tier", "heavy", 25, 75, 0.75, 0.7), ("tier", "light", 180, 20, 0.1, 0.1), ("land", "x", 50, 50, 0.5, 0.5))
    finding = caption(with_table("categories", columns, rows), "categories").finding
    assert finding == "Of users with tier = heavy 75 % opted in, of those with light 10 %."
    same = (("tier", "a", 50, 50, 0.5, 0.5), ("tier", "b", 500, 500, 0.5, 0.5))
    assert "about alike" in caption(with_table("categories", columns, same), "categories").finding


def test_overlap_by_hand():
    columns = ("group", "low", "high", "users")
    bins = [(i / 10, (i + 1) / 10) for i in range(10)]
    opted_in = [("opted in", a, b, 100 if a >= 0.4 else 0) for a, b in bins]
    others = [("others", a, b, 100 if a < 0.8 else 0) for a, b in bins]
    lift = with_table("overlap", columns, (*opted_in, *others))
    assert band(sides(lift)) == (0.4, 0.8)
    finding = caption(lift, "overlap").finding
    assert "found in numbers from 40 % to 80 %" in finding
    assert "67 % of those who opted in and 50 % of the others" in finding  # 400 of 600, 400 of 800
    apart = [("others", a, b, 100 if a < 0.3 else 0) for a, b in bins]
    assert "hardly anybody to compare with" in caption(with_table("overlap", columns, (*opted_in, *apart)), "overlap").finding


def test_ten_users_over_much_of_the_line_are_no_overlap():
    assert "hardly anybody" in caption(opted_apart(), "overlap").finding
    assert "nearly every user has a counterpart" in caption(opted_crowded(), "overlap").finding


def test_trimmed_users_are_told():
    assert "Hatched: propensities that the study left out" in caption(opted_trimmed(), "overlap").finding
    assert "Hatched" not in caption(opted(), "overlap").finding


def test_balance_before_and_after():
    lift = opted()
    rows = [r for r in lift.tables["balance"].rows if r[0] == "ATE"]
    worst = max(rows, key=lambda r: abs(r[3]))
    finding = caption(lift, "balance").finding
    assert f"{sum(abs(r[3]) > 0.1 for r in rows)} of {len(rows)} columns differ" in finding
    assert f"most {worst[1]} ({abs(worst[3]):.2f})" in finding
    assert "Weighted for the ATE, none does" in finding
    assert "1 still does: activity by" in caption(opted_apart(), "balance").finding
    assert "30 of 51 columns are drawn" in caption(opted_crowded(), "balance").finding


def test_contours_say_what_a_cause_as_strong_as_the_strongest_would_leave():
    lift = opted()
    once = next(r for r in lift.tables["sensitivity_benchmarks"].rows if r[0] == "Task done" and r[1] == "tier" and r[2] == 1.0)
    finding = caption(lift, "contours").finding
    assert f"leaves {'+' if once[5] > 0 else '−'}{abs(once[5]):.3f}" in finding
    assert ("of the opposite sign" in finding) == (once[5] < 0)
    strong = chosen(choosers(2_000, effect=3.0, seed=1))
    assert "opposite sign" not in caption(strong, "contours").finding


def test_the_grid_of_the_contours_holds_the_benchmarks_and_the_robustness_value():
    lift = opted()
    grid = surface(lift)
    assert grid is not None
    assert [m.times for m in drawn(lift) if m.covariate == "tier"] == [1.0, 2.0, 3.0]
    assert grid.treatment[-1] > lift.tables["sensitivity"].rows[0][3]
    assert np.all(np.diff(np.abs(grid.adjusted[-1][:5])) < 0)  # stronger causes leave less


def test_weights_say_what_users_are_worth_and_what_is_refused():
    lift = opted_rare()
    row = next(r for r in lift.tables["weights"].rows if r[0] == "ATT" and r[1] == "others")
    finding = caption(lift, "weights").finding
    assert f"For the ATT, {row[2]:,} users who did not count as {row[3]:,.0f}" in finding
    assert "Refused: ATE and ATC." in finding
    assert "Refused" not in caption(opted(), "weights").finding


@pytest.mark.parametrize(("effect", "where"), [(1.0, "lie above zero"), (-1.0, "lie below zero"), (0.0, "include zero")])
def test_forest_says_where_the_adjusted_intervals_lie(effect: float, where: str):
    lift = chosen(choosers(1_500, effect=effect, seed=21))
    assert f"adjusted intervals {where}." in caption(lift, "forest").finding


@pytest.mark.parametrize("name", FIGURES)
def test_alternative_texts_and_tables(name: str):
    said, table = caption(opted(), name), twin(opted(), name)
    assert len(said.alt) > 40
    assert said.finding.endswith(".")
    assert table.rows
    assert all(len(row) == len(table.heads) for row in table.rows)


def test_the_table_has_what_the_figure_leaves_out():
    assert len(twin(opted_crowded(), "balance").rows) == 51
    assert len(twin(opted_crowded(), "categories").rows) == 51
