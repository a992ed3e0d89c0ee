"""The tables of spillover on the e-mail graph: the committed page against the command, what it promises, and the same in few draws."""

from __future__ import annotations

import numpy as np
import pytest
from simulations.spillover import LAUNCHES, LEVELS, PAGE, RULES, cell, design, graph, lines

from email_graph import collaboration

DEFAULT, LINE = "**within cells** (default)", "**linear in the fraction** (headline)"


def test_the_graph_is_that_of_the_file() -> None:
    """Counted from the edges by sets: partners in other departments of five people or more, and how many of them."""
    reach, (whole, edges, department) = graph(), collaboration()
    size = np.bincount(list(department.values()))
    people = [p for p in department if size[department[p]] >= 5]
    partners: dict[int, set[int]] = {p: set() for p in people}
    for a, b in edges:
        if a in partners and b in partners and department[a] != department[b]:
            partners[a].add(b)
            partners[b].add(a)
    assert (reach.users, reach.clusters) == (len(people), int((size >= 5).sum())) == (987, 35)
    assert int(reach.ties.sum()) == sum(map(len, partners.values()))
    counted = sorted((len({department[b] for b in some}), len(some)) for some in partners.values())
    totals = np.bincount(np.repeat(np.arange(reach.users), reach.degree), reach.ties, reach.users).astype(int)
    assert sorted(zip(reach.degree.tolist(), totals.tolist(), strict=True)) == counted
    assert whole.users == 1005


def test_who_leaves_for_positivity() -> None:
    """With `any`: who has no partner elsewhere, or more than the 17 other departments that can be control."""
    reach = graph()
    dropped = {name: design(reach, rule).dropped for name, rule in RULES.items()}
    assert dropped["any"] == pytest.approx(float(((reach.degree == 0) | (reach.degree > 17)).mean()), abs=1e-15)
    assert (reach.degree == 0).mean() <= dropped["fraction ≥ .25"] < dropped["any"]


@pytest.mark.parametrize("label", ["`any`", "`{fraction: 0.25}`, heavy tails"])
def test_in_few_draws_the_plain_contrast_is_biased_and_the_default_is_not(label: str) -> None:
    found = cell(label, 40)
    assert found["plain contrast"][0] > 0.3
    assert found["plain contrast"][2] < 0.1
    bias, rmse, covered, made = found[DEFAULT]
    assert made == 40
    assert abs(bias) < 3.5 * rmse / 40**0.5
    assert covered > 0.8


def test_in_few_draws_the_line_is_closer_to_the_launch_than_who_is_surrounded_and_than_means() -> None:
    found = cell("in proportion to the fraction", 60)
    bias = [abs(found[name][0]) for name in ("difference in means", "surrounded", LINE)]
    assert bias == sorted(bias, reverse=True)
    assert bias[0] > 0.1


@pytest.mark.slow
@pytest.mark.parametrize("label", [*LEVELS, *LAUNCHES])
def test_the_committed_table_is_what_the_command_makes(label: str) -> None:
    found, text = cell(label), PAGE.read_text(encoding="utf-8")
    for line in lines(label, found):
        assert line in text
    if label in LEVELS and "true" not in label:
        bias, rmse, covered, made = found[DEFAULT]
        assert abs(bias) < 4 * rmse / made**0.5
        assert covered >= 0.93
        assert abs(found["plain contrast"][0]) > 0.3
    if label in LAUNCHES:
        bias = [abs(found[name][0]) for name in ("difference in means", "surrounded", LINE)]
        assert bias == sorted(bias, reverse=True)
