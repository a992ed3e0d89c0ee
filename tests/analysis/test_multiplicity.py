"""Several metrics in one role: the table, the sentence, and guardrails outside."""

from __future__ import annotations

import honestlift as hl
from studies import answer, frame


def test_metrics_of_one_role_are_corrected_together_and_guardrails_are_not():
    f = frame(40, effect=1.0).assign(errors=lambda d: d.user % 7, clicks=lambda d: d.minutes + d.before, cost=lambda d: d.before)
    metrics = [hl.Mean("minutes"), hl.Mean("errors"), hl.Mean("clicks"), hl.Mean("cost", role="guardrail", margin=0.1)]
    lift = answer(f, metrics)
    rows = lift.tables["multiplicity"].rows
    assert [row[:2] for row in rows] == [("secondary", "errors"), ("secondary", "clicks")]
    p = {row[1]: row[2:] for row in rows}
    assert p["clicks"][0] == lift.headline("clicks").p_value
    assert p["clicks"][1] == 2 * p["clicks"][0]
    assert p["errors"][1] == p["errors"][0] == p["errors"][2]
    (said,) = [text for text in lift.verdict.because if "Holm" in text]
    assert (
        said
        == "At the 5 % level 1 of 2 secondary metrics differs by itself, and 1 after Holm's correction for their number (clicks)."
    )
    assert said in " ".join(str(lift).replace("│", " ").split())


def test_one_metric_is_not_corrected():
    lift = answer(frame())
    assert lift.tables["multiplicity"].rows == ()
    assert not [text for text in lift.verdict.because if "Holm" in text]
