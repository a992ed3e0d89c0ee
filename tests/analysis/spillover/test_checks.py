"""The checks of a collaboration graph: each where it fires and where it is quiet."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import honestlift as hl
from honestlift.errors import MomentsError
from tied import answered, graph_exposure, graph_study, world


def level(lift: hl.Lift, code: str, estimand: str | None = None) -> str:
    found = [c for c in lift.checks if c.code == code and (estimand is None or estimand in c.concerns)]
    assert len(found) == 1, [c.code for c in lift.checks]
    return found[0].level


def run(users: pd.DataFrame, edges: pd.DataFrame, *, pre: str | None = None, **options: object) -> hl.Lift:
    return hl.run(users, graph_study(graph_exposure(edges, **options), pre=pre))  # pyright: ignore[reportArgumentType]


def test_all_is_quiet_in_a_sound_study() -> None:
    lift = answered(pre="minutes_before")
    assert {c.code for c in lift.checks if c.level != "ok"} <= {"exposure_positivity", "interference"}  # it does leak
    assert level(lift, "placebo_exposure") == "ok"
    assert level(lift, "launch_agreement") == "ok"
    assert "in closed form" in lift.check("exposure_not_randomized").statement


@pytest.mark.parametrize(("share", "told"), [(0.02, "ok"), (0.2, "caution"), (0.7, "stop")])
def test_ties_that_lead_out_of_the_study(share: float, told: str) -> None:
    users, edges, _ = world()
    out = np.random.default_rng(0).random(len(edges)) < share
    lift = run(users, edges.assign(target=edges.target.where(~out, edges.target + 10_000_000)))
    assert level(lift, "ties_unknown") == told
    assert lift.check("ties_unknown").evidence["unknown"] == out.sum()


def test_ties_from_after_the_launch() -> None:
    users, edges, _ = world()
    day = pd.Timestamp("2026-01-01") + pd.to_timedelta(np.arange(len(edges)) % 10, unit="D")
    graph = hl.Edges(data=edges.assign(at=day), source="source", target="target", time="at")
    for launch, told in (("2026-01-05", "caution"), ("2026-02-01", "ok")):
        lift = hl.run(users, graph_study(hl.Exposure(edges=graph, launch=launch)))
        assert level(lift, "ties_after_launch") == told
    assert "is not told" in answered().check("ties_after_launch").statement


def test_users_without_a_chance() -> None:
    """Few of the users have ties elsewhere: their spillover is told, and that it is theirs; a graph without any gives no number."""
    users, edges, _ = world()
    home = dict(zip(users.user_id, users.workspace_id, strict=True))
    inside = edges.source.map(home).to_numpy() == edges.target.map(home).to_numpy()
    few = edges[inside | (np.arange(len(edges)) % 8 == 0)]
    lift = run(users, few)
    assert level(lift, "exposure_positivity", "spillover") == "stop"
    assert level(lift, "exposure_positivity", "direct") == "ok"
    assert lift.find("exposure_strata_ols", "spillover").n_units < len(users) / 2
    none = run(users, edges[inside])
    assert level(none, "exposure_positivity", "spillover") == "stop"
    assert not [e for e in none.estimates if e.estimand == "spillover"]
    assert not [e for e in none.estimates if e.method == "linear_in_fraction"]


def test_exposure_that_differed_before_the_launch() -> None:
    """The measure before the treatment goes with exposure: the ties or the arms are not what they seem."""
    users, edges, _ = world()
    before = answered(pre="minutes_before")
    reached = users.user_id.isin(_reached(users, edges))
    lift = run(users.assign(minutes_before=users.minutes_before + 1.0 * reached), edges, pre="minutes_before")
    assert (level(before, "placebo_exposure"), level(lift, "placebo_exposure")) == ("ok", "stop")


def _reached(users: pd.DataFrame, edges: pd.DataFrame) -> set[int]:
    home, on = (dict(zip(users.user_id, users[c], strict=True)) for c in ("workspace_id", "treated"))
    made: set[int] = set()
    for a, b in zip(edges.source, edges.target, strict=True):
        made |= {x for x, y in ((a, b), (b, a)) if home[x] != home[y] and on[y]}
    return made


def test_roads_to_the_launch_that_disagree() -> None:
    """An outcome that jumps for whoever has a treated partner, however small the share: the line misses it."""
    users, edges, _ = world(users=6_000)
    reached = users.user_id.isin(_reached(users, edges))
    lift = run(users.assign(session_minutes=users.session_minutes - 6.0 * reached * (1 - users.treated)), edges)
    quiet = run(users, edges)
    assert (level(quiet, "launch_agreement"), level(lift, "launch_agreement")) == ("ok", "caution")


def test_a_launch_without_a_line_says_so_and_the_effect_of_the_arms_is_the_headline() -> None:
    users, edges, _ = world()
    home = dict(zip(users.user_id, users.workspace_id, strict=True))
    inside = edges[edges.source.map(home).to_numpy() == edges.target.map(home).to_numpy()]
    lift = hl.run(users, graph_study(graph_exposure(inside), headline="gate"))
    assert level(lift, "launch_agreement") == "stop"
    assert lift.check("launch_agreement").concerns == ("gate",)
    assert (lift.headline().estimand, lift.verdict.level) == ("itt_user", "likely, with caveats")
    assert not [c for c in hl.run(users, graph_study(graph_exposure(inside))).checks if c.code == "launch_agreement"]


def test_what_is_known_before_an_outcome_is() -> None:
    users, edges, _ = world()
    study = graph_study(graph_exposure(edges))
    checked = hl.check_design(users.drop(columns="session_minutes"), study)
    levels = {c.code: c.level for c in checked.checks}
    assert levels["ties_unknown"] == levels["exposure_not_randomized"] == "ok"
    assert [c.statement for c in checked.checks if c.code == "exposure_positivity"] == [
        c.statement for c in answered().checks if c.code == "exposure_positivity"
    ]


def test_sums_cannot_stand_for_a_graph() -> None:
    users, edges, _ = world()
    with pytest.raises(MomentsError, match="the collaboration graph"):
        hl.collect_moments(users, graph_study(graph_exposure(edges)))


def test_a_rerandomized_draw_has_probabilities_by_its_own_rule() -> None:
    users, edges, _ = world()
    mean = users.groupby("workspace_id").minutes_before.mean()
    clusters = [str(w) for w in mean.index]
    rule = hl.Rule(kind="rerandomized", covariates=("before",), acceptance=0.05)
    record = hl.assign(clusters, rule, seed=5, covariates={c: (v,) for c, v in zip(clusters, mean.tolist(), strict=True)})
    arm = users.workspace_id.astype(str).map(record.assigned).eq("treated").astype(int)
    lift = hl.run(users.assign(treated=arm), graph_study(graph_exposure(edges), assignment=record))
    told = lift.check("exposure_not_randomized")
    assert "the recorded rule" in told.statement
    assert told.evidence["draws"] == 5_000


def test_exact_tests_are_made_for_any_number_of_workspaces() -> None:
    """2,500 workspaces of two or three users, whose pairs are more than the ties: spillover is seen, and the placebo is quiet."""
    made = hl.simulate.collaboration_graph(6_000, 1, workspaces=2_500)
    lift = hl.run(made.table, graph_study(graph_exposure(made.edges), pre="minutes_before"))
    assert (level(lift, "interference"), level(lift, "placebo_exposure")) == ("caution", "ok")
    assert "session_minutes, adjusted, goes with" in lift.check("interference").statement
