"""The ledger: each assumption's status from its checks, and for every tested one a study where it fires and one where it is quiet."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

import honestlift as hl
from honestlift.analysis.assumptions import CLUSTER, DRAWN_WAVES, NO_ASSUMPTION, OPT_IN, WAVES, Row
from honestlift.analysis.ledger import broken, ledger
from honestlift.errors import DataError
from honestlift.report.names import CHECKS
from honestlift.result import Level
from pages import choosers, chosen
from studies import answer, frame, make_check, make_estimate
from tied import graph_exposure, graph_study, looped, world
from waves_data import rollout
from waves_data import study as waves_study

ROW = Row(code="a", assumption="A", tests=("one", "two"), bounds=("bound",), unseen="Nothing speaks of it.")


def only(row: Row, *checks: hl.Check) -> hl.Assumption:
    """The one row of a ledger for the headline of the metric ``minutes``."""
    (made,) = ledger([row], checks, make_estimate())
    return made


def said(code: str, level: Level = "ok", **changed: Any) -> hl.Check:
    return make_check(code=code, level=level, statement=f"{code} is {level}.", **changed)


@pytest.mark.parametrize(("level", "status"), [("ok", "holds"), ("caution", "questioned"), ("stop", "violated")])
def test_a_level_becomes_a_status(level: Level, status: str):
    made = only(ROW, said("one", level, evidence={"df": 3.0}))
    assert (made.status, made.basis, made.checks, made.evidence) == (status, "tested", ("one",), {"df": 3.0})
    assert made.statement == f"one is {level}."


def test_the_worst_speaks_and_all_are_named():
    made = only(ROW, said("one"), said("two", "caution"))
    assert (made.status, made.statement, made.checks) == ("questioned", "two is caution.", ("two", "one"))


def test_no_check_is_no_evidence():
    for rows in (CLUSTER, OPT_IN, WAVES, DRAWN_WAVES):
        made = ledger(rows, [], make_estimate())
        assert {(a.status, a.basis, a.checks) for a in made} == {("untested", "none", ())}
        assert [a.code for a in made] == [row.code for row in rows if not row.only_with]


def test_a_bound_says_how_much_it_would_matter_but_never_clears():
    row = Row(code="a", assumption="A", tests=("one",), bounds=("bound",), provable=False, unseen="No data can show it.")
    bounded = only(row, said("one"), said("bound"))
    assert (bounded.status, bounded.basis, bounded.statement) == ("untested", "bounded", "bound is ok.")
    assert only(row, said("one", "stop"), said("bound")).status == "violated"
    assert (only(row, said("bound", "caution")).status, only(row, said("bound", "caution")).basis) == ("questioned", "bounded")
    alone = only(row, said("one"))
    assert (alone.status, alone.basis, alone.statement) == ("untested", "tested", "one is ok. No data can show it.")


def test_what_passes_without_the_check_that_clears_leaves_it_untested():
    row = Row(code="a", assumption="A", tests=("one", "two"), needs="two", unseen="Name it.")
    assert only(row, said("one")).status == "untested"
    assert only(row, said("one"), said("two")).status == "holds"
    zero = Row(code="a", assumption="A", tests=("one",), zero="using", at_most_questioned=True, unseen="Some did.")
    assert only(zero, said("one", evidence={"using": 0})).status == "holds"
    assert only(zero, said("one", evidence={"using": 1})).status == "untested"
    assert only(zero, said("one", "stop", evidence={"using": 9})).status == "questioned"


def test_another_metric_says_nothing_and_another_estimand_only_where_none_speaks_of_the_headline():
    assert only(ROW, said("one", "stop", metric="clicks")).status == "untested"
    elsewhere = only(ROW, said("one", "stop", concerns=("direct", "spillover")))
    assert (elsewhere.status, elsewhere.concerns) == ("violated", ("direct", "spillover"))
    assert (broken([elsewhere], "itt_user"), broken([elsewhere], "direct")) == ([], [elsewhere])
    both = only(ROW, said("one", "stop", concerns=("direct",)), said("one", concerns=("itt_user",)))
    assert (both.status, both.concerns) == ("holds", ())


def test_a_code_that_carries_its_estimand_is_found():
    assert only(ROW, said("one:ATT", "caution")).checks == ("one:ATT",)


def test_every_check_speaks_of_an_assumption_or_says_why_not():
    placed = {code for row in (*CLUSTER, *OPT_IN, *WAVES, *DRAWN_WAVES) for code in (*row.tests, *row.bounds)}
    assert not placed & NO_ASSUMPTION.keys()
    assert placed | NO_ASSUMPTION.keys() | {"roster"} >= CHECKS.keys()  # the roster waits for a graph
    assert placed <= CHECKS.keys()


def shifted(column: str, by: float, **options: Any) -> Callable[[], hl.Lift]:
    """A study in which a column of the treated differs."""
    return lambda: answer(frame().assign(**{column: lambda d: d[column] + by * d.treated}), **options)


def recorded(*, swap: bool) -> hl.Lift:
    """A study with its record; two workspaces have changed arms where ``swap``."""
    data = frame(20, 10)
    record = hl.assign([str(w) for w in range(20)], hl.Rule(), seed=3)
    arms = np.array([record.assigned[str(w)] == "treated" for w in data.workspace])
    wrong = data.workspace.isin([data.workspace[arms].iloc[0], data.workspace[~arms].iloc[0]]) & swap
    return answer(data.assign(treated=(arms ^ wrong).astype(int)), assignment=record)


def missing(share: float) -> hl.Lift:
    """A study in which treated users lack the outcome."""
    data = frame()
    gone = (data.treated == 1) & (np.random.default_rng(0).random(len(data)) < share)
    return answer(data.assign(minutes=data.minutes.mask(gone)))


def used(control: float) -> hl.Lift:
    """A study with logged use."""
    data = frame()
    use = np.random.default_rng(1).random(len(data)) < np.where(data.treated == 1, 0.6, control)
    return answer(data.assign(used=use.astype(int)), uptake="used")


def twice(away: float) -> hl.Lift:
    """A study at its second look, its effect so many standard errors from zero."""
    first = answer(frame(40, effect=0.0))
    e = first.headline()
    assert e.std_error is not None
    now = replace(first, estimates=(replace(e, estimate=away * e.std_error),))
    return hl.monitor(now, hl.Looks.of(first).with_look(first))


def jumped(by: float) -> hl.Lift:
    """A study with a collaboration graph; control users with any treated partner elsewhere lose so much at once."""
    users, edges, _ = world(users=6_000)
    home, on = (dict(zip(users.user_id, users[c], strict=True)) for c in ("workspace_id", "treated"))
    ends = [*zip(edges.source, edges.target, strict=True), *zip(edges.target, edges.source, strict=True)]
    reached = users.user_id.isin({a for a, b in ends if home[a] != home[b] and on[b]})
    return hl.run(
        users.assign(session_minutes=users.session_minutes - by * reached * (1 - users.treated)),
        graph_study(graph_exposure(edges)),
    )


def reaching(by: float) -> hl.Lift:
    """A study with a collaboration graph, and so much for a treated partner elsewhere, beyond what the simulation has."""
    users, edges, _ = world()
    told = looped(users, edges)
    minutes = told.session_minutes + (by - 0.2) * told.exposed
    return hl.run(told.assign(session_minutes=minutes), graph_study(graph_exposure(edges)))


def timed(late: int) -> hl.Lift:
    """An opt-in study whose covariate was measured after the choice of some."""
    data = choosers()
    data["chose_at"] = pd.Timestamp("2025-03-02")
    data["age_at"] = pd.Timestamp("2025-03-01") + pd.to_timedelta((np.arange(len(data)) < late) * 3, unit="D")
    design = hl.OptInDesign(unit="user", treatment="chosen", treatment_time="chose_at", estimands=("ATT",))
    covariates = ["tier", hl.Covariate("age", measured_at="age_at")]
    return hl.analyze(data, design, [hl.Mean("minutes")], covariates=covariates, bootstrap=0)


def apart() -> hl.Lift:
    """An opt-in study in which the two groups hardly meet."""
    data, rng = choosers(1_200, seed=9), np.random.default_rng(4)
    activity = np.round(rng.normal(0, 1, len(data)), 2)
    data["chosen"] = (activity + rng.normal(0, 0.15, len(data)) > 0.8).astype(int)
    return chosen(data.assign(activity=activity), covariates=["activity"], estimands=("ATT",))


def gaps(share: float) -> hl.Lift:
    """An opt-in study in which those who opted in lack the outcome."""
    data = choosers()
    gone = (data.chosen == 1) & (np.random.default_rng(0).random(len(data)) < share)
    return chosen(data.assign(minutes=data.minutes.mask(gone)))


def moved(by: float) -> hl.Lift:
    """An opt-in study with a negative control."""
    data = choosers(effect=4.0)
    data["logins"] = np.random.default_rng(5).normal(0, 1, len(data)) + by * data.chosen
    return chosen(data, negative_controls=["logins"])


def rolled(seed: int = 5, *, gone: float = 0.0, same: int = 0, randomized: bool = False, **world: Any) -> hl.Lift:
    """A roll-out in waves; some treated rows lack the outcome, some users have rows in two workspaces."""
    rows = rollout(np.random.default_rng(seed), **world)
    lost = (rows.week >= rows.start.fillna(99)) & (np.random.default_rng(0).random(len(rows)) < gone)
    users = rows.user.where(rows.user >= same, rows.user.max())
    return hl.run(rows.assign(y=rows.y.mask(lost), user=users), waves_study(randomized=randomized))


STUDIES: dict[tuple[str, str], tuple[Callable[[], hl.Lift], Callable[[], hl.Lift]]] = {
    ("cluster", "random_assignment"): (lambda: recorded(swap=True), lambda: recorded(swap=False)),
    ("cluster", "one_version"): (lambda: used(0.3), lambda: used(0.0)),
    ("cluster", "exchangeable"): (shifted("before", 1.0, covariates=["before"]), shifted("before", 0.0, covariates=["before"])),
    ("cluster", "enough_clusters"): (lambda: answer(frame(5, 30)), lambda: answer(frame())),
    ("cluster", "measured_alike"): (lambda: missing(0.4), lambda: missing(0.0)),
    ("cluster", "exposure_by_design"): (
        lambda: answer(frame(), exposure=hl.Exposure(column="exposed")),
        lambda: answer(frame(), exposure=hl.Exposure(column="exposed", randomized=True)),
    ),
    ("cluster", "exposure_positivity"): (
        lambda: answer(frame().assign(exposed=0), exposure=hl.Exposure(column="exposed", randomized=True)),
        lambda: answer(frame(), exposure=hl.Exposure(column="exposed", randomized=True)),
    ),
    ("cluster", "partial_interference"): (lambda: reaching(1.0), lambda: reaching(0.0)),
    ("cluster", "linear_dose"): (lambda: jumped(6.0), lambda: jumped(0.0)),
    ("cluster", "exclusion"): (
        lambda: answer(
            frame().assign(used=lambda d: d.treated * (d.user % 3 > 0)), uptake="used", exposure=hl.Exposure(column="exposed")
        ),
        lambda: used(0.0),
    ),
    ("cluster", "no_defiers"): (lambda: used(0.3), lambda: used(0.0)),
    ("cluster", "one_look"): (lambda: twice(2.1), lambda: twice(9.0)),
    ("opt_in", "no_unmeasured_confounder"): (lambda: moved(1.0), lambda: moved(0.0)),
    ("opt_in", "positivity"): (apart, lambda: chosen(choosers(), estimands=("ATT",))),
    ("opt_in", "covariates_before"): (lambda: timed(7), lambda: timed(0)),
    ("opt_in", "model_balances"): (apart, lambda: chosen(choosers(), estimands=("ATT",))),
    ("opt_in", "measured_alike"): (lambda: gaps(0.3), lambda: gaps(0.0)),
    ("opt_in", "enough_clusters"): (
        lambda: chosen(choosers().assign(workspace=lambda d: d.user % 4), cluster="workspace", estimands=("ATT",)),
        lambda: chosen(choosers(), cluster="workspace", estimands=("ATT",)),
    ),
    ("waves", "parallel_trends"): (lambda: rolled(drift=0.5), rolled),
    ("waves", "random_order"): (lambda: rolled(drift=0.5, randomized=True), lambda: rolled(randomized=True)),
    ("waves", "no_anticipation"): (lambda: rolled(early=2.0, clusters=60), rolled),
    ("waves", "one_place"): (lambda: rolled(same=3), rolled),
    ("waves", "enough_clusters"): (lambda: rolled(clusters=9), rolled),
    ("waves", "measured_alike"): (lambda: rolled(gone=0.4, clusters=60), rolled),
}
"""For each row with tests, a study in which it fires and one in which it is quiet; ``one_place`` fires before there is a result."""


KINDS = (("cluster", CLUSTER), ("opt_in", OPT_IN), ("waves", (*WAVES, *DRAWN_WAVES)))


def test_every_tested_row_has_its_studies():
    tested = {(kind, r.code) for kind, rows in KINDS for r in rows if r.tests}
    assert STUDIES.keys() == tested - {("cluster", "one_place"), ("opt_in", "one_place")}


@pytest.mark.parametrize(("kind", "code"), STUDIES)
def test_a_row_fires_where_it_must_and_is_quiet_where_it_may(kind: str, code: str):
    fires, quiet = (make() for make in STUDIES[kind, code])
    assert fires.kind == quiet.kind == kind
    assert fires.assumption(code).status in ("questioned", "violated")
    assert fires.assumption(code).evidence
    assert quiet.assumption(code).status in ("holds", "untested")
    for lift in (fires, quiet):
        _drives(lift)


def _drives(lift: hl.Lift) -> None:
    """A violated assumption makes the verdict; no other verdict stands beside one, and it is the first reason."""
    failed = broken(lift.ledger, lift.headline().estimand)
    assert bool(failed) == (lift.verdict.level == "not trustworthy")
    for a, reason in zip(failed, lift.verdict.because, strict=False):
        assert reason.startswith("It rests on this, which does not hold: ")
        assert reason.endswith(a.statement)
        assert sum(a.statement in r for r in lift.verdict.because) == 1
    assert all(a.assumption[1:] in lift.verdict.headline for a in failed)


def test_a_user_in_two_places_ends_the_run():
    twice_there = pd.concat([frame(), frame().iloc[:3]])
    with pytest.raises(DataError, match="more than one row"):
        answer(twice_there)
    with pytest.raises(DataError, match="more than one row"):
        chosen(pd.concat([choosers(), choosers().iloc[:3]]))
    with pytest.raises(DataError, match="arm"):
        answer(frame().assign(treated=lambda d: d.user % 2))
    assert answer(frame()).assumption("one_place").status == "holds"
    assert chosen(choosers()).assumption("one_place").status == "holds"


def test_a_healthy_study_and_its_ledger():
    lift = answer(frame())
    assert {a.code: a.status for a in lift.ledger} == {
        "random_assignment": "untested",
        "one_place": "holds",
        "one_version": "untested",
        "partial_interference": "untested",
        "exchangeable": "untested",
        "enough_clusters": "holds",
        "measured_alike": "holds",
        "exposure_by_design": "untested",
        "exposure_positivity": "untested",
    }


def test_looking_up_an_assumption_in_vain_says_what_there_is():
    with pytest.raises(LookupError, match="'one_place'"):
        answer(frame()).assumption("nothing")


def test_the_ledger_survives_json_and_reads_what_older_versions_wrote():
    lift = answer(frame())
    values = lift.to_dict()
    assert hl.Lift.from_dict(values).ledger == lift.ledger
    for row in values["ledger"]:
        for key in ("code", "basis", "evidence", "concerns"):
            del row[key]
    assert [a.status for a in hl.Lift.from_dict(values).ledger] == [a.status for a in lift.ledger]
