"""The ledger: each assumption's status from the worst of its checks."""

import pytest

from honestlift.analysis.ledger import ROWS, ledger
from honestlift.result import Level
from studies import answer, frame, make_check


def row(assumption: str, *found: tuple[str, Level]) -> tuple[str, tuple[str, ...]]:
    checks = [make_check(code=code, level=level, statement=f"{code} is {level}.") for code, level in found]
    entry = next(a for a in ledger(checks) if a.assumption == assumption)
    return entry.status, entry.checks


@pytest.mark.parametrize(("level", "status"), [("ok", "holds"), ("caution", "questioned"), ("stop", "violated")])
def test_a_level_becomes_a_status(level: Level, status: str):
    assert row("There are enough workspaces", ("few_clusters", level)) == (status, ("few_clusters",))


def test_the_worst_speaks_and_all_are_named():
    checks = [
        make_check(code="few_clusters", statement="A."),
        make_check(code="cluster_leverage", level="caution", statement="B."),
    ]
    entry = next(a for a in ledger(checks) if a.assumption.startswith("There are enough"))
    assert (entry.status, entry.statement, entry.checks) == ("questioned", "B.", ("few_clusters", "cluster_leverage"))


def test_no_check_is_no_evidence():
    assert {a.status for a in ledger([])} == {"untested"}
    assert [a.assumption for a in ledger([])] == [assumption for assumption, _ in ROWS]


@pytest.mark.parametrize("level", ["caution", "stop"])
def test_leakage_is_questioned_but_never_cleared(level: Level):
    assert row("Nothing leaks between workspaces", ("exposure_not_randomized", level))[0] == "questioned"
    assert row("Nothing leaks between workspaces", ("exposure_positivity", "ok"))[0] == "untested"


def test_every_code_that_a_study_raises_has_its_place_or_needs_none():
    lift = answer(frame())
    assert {entry.assumption: entry.status for entry in lift.ledger} == {
        "Workspaces were assigned at random": "holds",
        "Whole workspaces have one version of the feature": "holds",
        "Every user is in one workspace": "holds",
        "There are enough workspaces": "holds",
        "Outcomes are measured alike in both arms": "holds",
        "Nothing leaks between workspaces": "untested",
    }
