"""The gate: each verdict and each state of a guardrail to its code, from the result alone, and the JUnit XML that any name leaves whole."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace
from typing import Any

import pytest

import honestlift as hl
from honestlift.errors import ReportError
from honestlift.report.decision import code_of, gate
from honestlift.report.junit import junit
from pages import HOSTILE, hostile
from studies import make_check, make_estimate, make_lift

LEVELS = {"supported": 0, "likely, with caveats": 0, "inconclusive": 3, "harmful": 1, "not trustworthy": 1}
STATES = {"holds": 0, "is breached": 1, "is unsettled": 3, None: 3}


def lift(level: str = "supported", state: str | None = "holds", checks: tuple[hl.Check, ...] = (), **changed: Any) -> hl.Lift:
    """A primary metric with a verdict, and a guardrail in a state."""
    rows = (("minutes", "primary", "higher", None, None), ("errors", "guardrail", "lower", 0.02, state))
    table = hl.Table(columns=("metric", "role", "better", "margin", "state"), rows=rows)
    verdict = hl.Verdict(level=level, headline=f"{level}.", because=(), would_change_it=("Do this.",))  # pyright: ignore[reportArgumentType]
    estimates = (make_estimate(), make_estimate(metric="errors"))
    return make_lift(**{"verdict": verdict, "tables": {"metrics": table}, "estimates": estimates, "checks": checks, **changed})


@pytest.mark.parametrize("kind", ["cluster", "opt_in"])
@pytest.mark.parametrize(("level", "code"), LEVELS.items())
def test_the_verdict_decides(kind: str, level: str, code: int):
    assert gate(lift(level, kind=kind)).code == code


@pytest.mark.parametrize(("state", "code"), STATES.items())
def test_so_does_a_guardrail(state: str | None, code: int):
    assert gate(lift(state=state)).code == code


@pytest.mark.parametrize(
    ("level", "state", "code"), [("inconclusive", "is breached", 1), ("harmful", "is unsettled", 1), ("inconclusive", "holds", 3)]
)
def test_the_worse_one_counts(level: str, state: str, code: int):
    assert gate(lift(level, state)).code == code


def test_several_results_are_as_bad_as_the_worst():
    good, unsettled, bad = (gate(lift(level)) for level in ("supported", "inconclusive", "harmful"))
    assert [code_of(g) for g in ([good], [good, unsettled], [unsettled, bad, good], [])] == [0, 3, 1, 0]


def test_a_guardrail_whose_number_a_check_stops_does_not_hold():
    """The verdict speaks of the primary metric only; a guardrail that is missing in one arm holds nothing."""
    missing = make_check(
        code="missing_outcome", level="stop", metric="errors", statement="Missing in one arm.", remedy="Find out."
    )
    judged = gate(lift(checks=(missing,)))
    assert judged.code == 1
    guardrail = next(c for c in judged.cases if c.group == "guardrail")
    assert (guardrail.outcome, guardrail.statement) == ("fail", "errors is not trustworthy: Missing in one arm.")
    assert gate(lift(checks=(replace(missing, level="caution"),))).code == 0


@pytest.mark.parametrize(
    ("changed", "outcome"),
    [
        ({"level": "ok"}, "pass"),
        ({"level": "caution"}, "pass"),
        ({"level": "stop"}, "fail"),
        ({"level": "stop", "concerns": ("direct",)}, "aside"),
        ({"level": "stop", "concerns": ("itt_user",)}, "fail"),
        ({"level": "stop", "metric": "unasked"}, "aside"),
    ],
)
def test_a_stop_fails_where_it_speaks_of_a_number_that_decides(changed: dict[str, Any], outcome: str):
    judged = gate(lift("not trustworthy", checks=(make_check(**changed),)))
    assert [c.outcome for c in judged.cases if c.group == "check"] == [outcome]


def test_a_result_that_does_not_know_its_guardrails_is_refused():
    with pytest.raises(ReportError, match="does not say which of its metrics are guardrails"):
        gate(make_lift())


def test_junit_has_a_case_for_everything_and_counts_them():
    checks = (
        make_check(),
        make_check(code="use_in_control", level="stop", concerns=("direct",), statement="Leak.", remedy="Mend."),
    )
    judged = gate(lift("inconclusive", "is breached", checks))
    root = ET.fromstring(junit({"a/result.json": judged}))
    suite = root[0]
    assert suite.get("name") == "Study (a/result.json)"
    assert {k: suite.get(k) for k in ("tests", "failures", "errors", "skipped")} == {
        "tests": "4",
        "failures": "1",
        "errors": "1",
        "skipped": "1",
    }
    assert [(c.get("classname"), c[0].tag) for c in suite] == [
        ("honestlift.verdict", "error"),
        ("honestlift.guardrail", "failure"),
        ("honestlift.check", "system-out"),
        ("honestlift.check", "skipped"),
    ]
    assert suite[0][0].get("message") == "inconclusive."
    assert suite[0][0].get("type") == "inconclusive"
    assert suite[0][0].text == "inconclusive.\nDo this."
    assert "errors is breached" in (suite[1][0].get("message") or "")
    assert suite[3][0].text == "Leak.\nMend."


def test_hostile_names_are_text_in_junit():
    odd = "a\x00b\x1bc\ufffe ]]> & \ud800"
    judged = gate(replace(hostile(), checks=(make_check(statement=odd, level="stop", metric=HOSTILE[0]),)))
    text = junit({"<r>": judged, "other": gate(lift())})
    root = ET.fromstring(text)
    assert len(root) == 2
    assert b"<script" not in text
    names = {c.get("name") for c in root[0]}
    assert any(HOSTILE[0].split('"')[0] in str(name) for name in names)
    assert "]]> &" in "".join(root[0].itertext())


def test_a_walk_of_either_kind_says_what_the_gate_needs():
    from studies import answer, frame

    data = frame(30, 20, effect=0.8, seed=3)
    data["cost"] = 10 + 0 * data["minutes"] + data["before"]
    metrics = [hl.Mean("minutes"), hl.Mean("cost", role="guardrail", better="lower", margin=0.5)]
    assert gate(answer(data, metrics)).code == 0
    data["choice"] = (data["exposed"] + data["before"] > 0.2).astype(int)
    chosen = hl.analyze(data, hl.OptInDesign(unit="user", treatment="choice"), metrics, covariates=["before"], bootstrap=0)
    judged = gate(chosen)
    assert [c.group for c in judged.deciding] == ["verdict", "guardrail"]
