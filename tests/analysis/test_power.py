"""A proposal from what is known: its rows, checks and words, that it is the same each time, and units compared on a graph."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import honestlift as hl
from email_graph import FOLDER, collaboration
from honestlift.analysis.power.designs import RESOLUTIONS
from honestlift.analysis.power.partitions import communities, merged

PUBLISHED = hl.Variation.of(clusters=50, mean_size=1000, icc=0.5, sd=0.18**0.5, mean=5.0)
UNEQUAL = hl.Variation.of(clusters=24, mean_size=80, icc=0.1, sd=1.0, size_cv=1.2)


def test_the_published_scenario():
    found = hl.power(PUBLISHED, effect=0.2, spillover=0.2)
    row = found.answer()
    assert (row.estimand, row.method, row.clusters_needed) == ("itt_user", "formula", 74)
    assert (round(row.mde, 3), round(row.power, 2)) == (0.243, 0.64)
    assert found.answer("spillover").clusters_needed == 74
    assert found.recommendation.level == "too small"
    assert "74 workspaces are needed" in found.recommendation.headline
    assert any("would not help" in text for text in found.recommendation.would_change_it)
    assert [c.code for c in found.checks if c.level == "caution"] == ["power"]


@pytest.mark.parametrize(("effect", "level"), [(0.3, "ready"), (None, "open"), (0.1, "too small")])
def test_levels(effect: float | None, level: str):
    assert hl.power(PUBLISHED, effect=effect, draws=500).recommendation.level == level


def test_unequal_workspaces_are_answered_by_simulation():
    found = hl.power(UNEQUAL, effect=0.4, draws=2_000)
    closed, drawn = (next(r for r in found.rows if r.estimand == "itt_user" and r.method == m) for m in ("formula", "simulated"))
    assert drawn.headline
    assert not closed.headline
    assert not closed.trusted
    assert next(c for c in found.checks if c.code == "formula").level == "caution"
    assert drawn.std_error_power == pytest.approx((drawn.power * (1 - drawn.power) / 2_000) ** 0.5)
    needed = hl.power(UNEQUAL.with_clusters(drawn.clusters_needed), effect=0.4, draws=2_000)
    assert next(r for r in needed.rows if r.method == "simulated").power >= 0.8


def test_small_arms_are_flagged_and_tiny_ones_stop():
    few = hl.power(hl.Variation.of(clusters=12, mean_size=50, icc=0.05, sd=1.0), effect=2.0, draws=500)
    assert next(c for c in few.checks if c.code == "few_clusters").level == "caution"
    assert few.recommendation.level == "ready, with caveats"
    tiny = hl.power(hl.Variation.of(clusters=4, mean_size=50, icc=0.05, sd=1.0), effect=9.0, draws=500)
    assert next(c for c in tiny.checks if c.code == "few_clusters").level == "stop"
    assert tiny.recommendation.level == "too small"


def test_the_same_question_gives_the_same_bytes_and_comes_back_from_json():
    one, two = (hl.power(UNEQUAL, effect=0.3, draws=400, seed=5) for _ in range(2))
    assert one.to_json() == two.to_json()
    assert hl.power(UNEQUAL, effect=0.3, draws=400, seed=6).to_json() != one.to_json()
    assert hl.Proposal.from_dict(json.loads(one.to_json())).to_json() == one.to_json()
    assert "NaN" not in one.to_json()
    with pytest.raises(ValueError, match="schema version"):
        hl.Proposal.from_dict(json.loads(one.to_json()) | {"schema_version": 99})


def test_levers_do_what_they_say():
    found = hl.power(PUBLISHED, effect=0.2)
    table = found.tables["levers"]
    rows = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    double = next(r for r in rows if r["name"] == "100 workspaces")
    assert double["mde"] == pytest.approx(hl.power(PUBLISHED.with_clusters(100)).answer().mde)
    best = next(r for r in rows if r["name"] == "covariate that explains 80 %")
    known = replace(PUBLISHED, r2_between=0.8, covariates=1)
    assert best["mde"] == pytest.approx(hl.power(known).answer().mde)
    assert hl.power(PUBLISHED.with_clusters(best["worth_clusters"])).answer().mde == pytest.approx(best["mde"], rel=0.02)
    assert [r["mde"] for r in rows] == sorted(r["mde"] for r in rows)


def test_what_is_in_already_is_told():
    known = replace(PUBLISHED, r2_between=0.8, covariates=1)
    table = hl.power(known, effect=0.2).tables["levers"]
    rows = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    done = next(r for r in rows if r["done"])
    assert done["mde"] == pytest.approx(hl.power(PUBLISHED).answer().mde)


def test_a_recorded_rule_is_drawn():
    strata = {str(g): str(g % 2) for g in range(24)}
    record = hl.assign(list(strata), hl.Rule(kind="stratified"), seed=1, strata=strata)
    found = hl.power(UNEQUAL, effect=0.4, redraw=hl.redraws(record), draws=500)
    assert found.inputs["rule"] == "as recorded"
    assert found.answer().method == "simulated"
    with pytest.raises(hl.HonestliftError, match="redraw"):
        hl.power(PUBLISHED, redraw=hl.redraws(record))


def test_users_who_choose():
    found = hl.power(hl.Selection(users=5_000, adoption=0.02, strength=1.2), effect=0.1)
    assert found.kind == "opt_in"
    assert [r.estimand for r in found.rows] == ["ATT", "ATO", "ATE"]
    assert [c.code for c in found.checks if c.level == "stop"] == ["overlap:ATE"]
    assert f"{found.answer('ATT').users_needed:,} users are needed" in found.recommendation.headline
    ready = hl.power(hl.Selection(users=500_000, adoption=0.2), effect=0.1).recommendation
    assert ready.level == "ready"
    with pytest.raises(LookupError, match="ATM"):
        found.answer("ATM")


@pytest.mark.parametrize(
    "options",
    [{"effect": 0.0}, {"effect": float("nan")}, {"target": 1.0}, {"level": 0.2}, {"draws": 3}, {"seed": -1}, {"share": 0.01}],
)
def test_what_cannot_be_asked_is_refused(options: dict[str, float]):
    with pytest.raises(hl.HonestliftError, match=next(iter(options))):
        hl.power(PUBLISHED, **options)


@pytest.fixture(scope="module")
def email() -> hl.Designs:
    v = hl.Variation.of(clusters=42, mean_size=24, icc=0.1, sd=1.0)
    return hl.compare_designs(collaboration()[0], v, ratio=0.5, effect=0.5, seed=7)


def test_units_of_the_email_graph(email: hl.Designs):
    users, workspaces = email.find("user"), email.find("workspace")
    assert users.leak.leakage == 1
    assert round(workspaces.leak.leakage, 3) == 0.653
    merges = [c for c in email.candidates if c.design.startswith("merged")]
    assert len(merges) == 4
    leaks = [workspaces.leak.leakage, *(c.leak.leakage for c in merges)]
    assert leaks == sorted(leaks, reverse=True)
    assert users.bias < workspaces.bias < merges[-1].bias < 0
    assert users.precision.std_error == min(c.precision.std_error for c in email.candidates)
    for one in email.candidates:
        beaten = [c for c in email.candidates if abs(c.bias) < abs(one.bias) and c.precision.std_error < one.precision.std_error]
        assert not (one.frontier and beaten)
    assert email.recommended == min(email.candidates, key=lambda c: c.rmse or 0).design


def test_the_docs_hold_the_email_frontier(email: hl.Designs):
    page = (Path(__file__).parents[2] / "docs" / "how-to" / "choose-the-unit.md").read_text(encoding="utf-8")
    for c in email.candidates:
        numbers = f"{c.precision.clusters:,} | {100 * c.leak.leakage:.0f} % | {100 * c.leak.exposed:.0f} % | {100 * c.bias:.1f} %"
        assert (
            f"| {c.design.replace(':', ' ')} | {numbers.replace('-', '−')} | {c.precision.mde:.2f} | {c.mde_launch:.2f} |" in page
        )


def test_the_same_graph_in_any_order_of_edges_gives_the_same_units(email: hl.Designs):
    graph = collaboration()[0]
    shuffled = np.random.default_rng(1).permutation(graph.source.size)
    other = hl.Collaboration(workspace=graph.workspace, source=graph.target[shuffled], target=graph.source[shuffled])
    v = hl.Variation.of(clusters=42, mean_size=24, icc=0.1, sd=1.0)
    assert hl.compare_designs(other, v, ratio=0.5, effect=0.5, seed=7).table() == email.table()
    assert len(RESOLUTIONS) == 4


def test_merging_follows_the_ties():
    graph = hl.Collaboration(
        workspace=np.arange(16) // 2,
        source=np.array([0, 4, 8, 12, 0]),
        target=np.array([2, 6, 10, 14, 15]),
        weight=np.array([5.0, 5, 5, 5, 1]),
    )
    part = merged(graph, (7, 6))[6]
    assert int(part.max()) == 5
    assert part[0] == part[2]
    assert part[4] == part[6]
    assert merged(graph, (3,)) == {}


def test_users_without_ties_join_the_community_of_their_workspace():
    source = np.array([0, 1, 0, 3, 4, 3])
    target = np.array([1, 2, 2, 4, 5, 5])
    graph = hl.Collaboration(workspace=np.array([0, 0, 0, 1, 1, 1, 0, 1, 2]), source=source, target=target)
    part = communities(graph, 1.0, 1)
    assert part[6] == part[0]
    assert part[7] == part[3]
    assert len({part[0], part[3], part[8]}) == 3


def test_no_spillover_is_no_bias_and_less_effect_takes_the_precise_unit():
    graph = collaboration()[0]
    v = hl.Variation.of(clusters=42, mean_size=24, icc=0.1, sd=1.0)
    found = hl.compare_designs(graph, v, ratio=0.0, resolutions=())
    assert all(c.bias == 0 for c in found.candidates)
    assert found.recommended == "user"
    large = hl.compare_designs(graph, v, ratio=1.0, effect=5.0, resolutions=())
    assert large.recommended == "merged:10"


def test_a_leaking_proposal_says_so(email: hl.Designs):
    found = hl.power(hl.Variation.of(clusters=42, mean_size=24, icc=0.1, sd=1.0), effect=0.5, designs=email, draws=500)
    check = next(c for c in found.checks if c.code == "leakage")
    assert check.level == "caution"
    assert "65 %" in check.statement
    assert found.answer("gate").mde > found.answer("itt_user").mde
    assert found.recommendation.level == "ready, with caveats"


def test_what_is_known_before_narrows_every_effect_of_a_launch_alike():
    """Half of the variance known between workspaces and within: √.5 of the error of spillover and launch, as of the arms' effect."""
    graph, v = collaboration()[0], hl.Variation.of(clusters=42, mean_size=24, icc=0.1, sd=1.0)
    rows: list[dict[tuple[str, str], float]] = []
    for known in (v, replace(v, r2_between=0.5, r2_within=0.5)):
        designs = hl.compare_designs(graph, known, resolutions=())
        found = hl.power(known, spillover=0.2, designs=designs, draws=500)
        rows.append({(row.estimand, row.method): row.std_error for row in found.rows})
    assert {estimand for estimand, _ in rows[0]} == {"itt_user", "itt_cluster", "spillover", "gate"}
    for key, error in rows[0].items():
        assert rows[1][key] == pytest.approx(0.5**0.5 * error, rel=1e-9), key


def test_a_graph_is_read_from_tables():
    graph = hl.collaboration_of(FOLDER / "departments.csv", FOLDER / "edges.csv", unit="person", cluster="department")
    known = collaboration()[0]
    assert all(np.array_equal(a, b) for a, b in zip(graph.ties, known.ties, strict=True))
    assert np.array_equal(graph.workspace, known.workspace)


USERS = pd.DataFrame({"u": ["a", "b", "c", "d"], "w": [1, 1, 2, 2]})
EDGES = pd.DataFrame({"source": ["a", "b", "x", "a"], "target": ["b", "c", "a", "b"], "n": [2.0, 1.0, 1.0, 4.0]})


def test_weights_add_up_and_strangers_are_counted():
    graph = hl.collaboration_of(USERS, EDGES, unit="u", cluster="w", weight="n")
    assert [part.tolist() for part in graph.ties] == [[0, 1], [1, 2], [6.0, 1.0]]
    assert graph.unknown == 1


@pytest.mark.parametrize(
    ("users", "edges", "weight"),
    [
        (pd.concat([USERS, USERS]), EDGES, None),
        (USERS.assign(w=[1, 1, None, 2]), EDGES, None),
        (USERS, EDGES.assign(n=[0.0, 1, 1, 1]), "n"),
        (USERS, EDGES.assign(n=[None, 1.0, 1, 1]), "n"),
        (USERS, EDGES.assign(n=[np.inf, 1.0, 1, 1]), "n"),
        (USERS, EDGES.assign(n="a"), "n"),
        (USERS, EDGES.assign(source=[1, 2, 3, 4], target=[1, 2, 3, 4]), None),
        (USERS, EDGES.assign(source="x"), None),
        (USERS, EDGES.assign(target=EDGES.source), None),
        (USERS[:0], EDGES, None),
        (USERS, EDGES.drop(columns="target"), None),
        (USERS.assign(u=[0.5, 1.5, 2.5, 3.5]), EDGES, None),
    ],
)
def test_tables_that_are_no_graph_are_refused(users: pd.DataFrame, edges: pd.DataFrame, weight: str | None):
    with pytest.raises(hl.HonestliftError):
        hl.collaboration_of(users, edges, unit="u", cluster="w", weight=weight)


def test_without_networkx_it_is_asked_for(monkeypatch: pytest.MonkeyPatch):
    import sys

    monkeypatch.setitem(sys.modules, "networkx", None)
    with pytest.raises(hl.HonestliftError, match=r"honestlift\[graph\]"):
        communities(collaboration()[0], 1.0, 1)
