"""Several metrics in one role: their p-values corrected for their number, and the sentence about it. Guardrails stay outside."""

from __future__ import annotations

import math
from collections.abc import Sequence

from honestlift.analysis.arms import Comparison
from honestlift.analysis.roles import Answered
from honestlift.design.asked import AnyStudy
from honestlift.inference.multiplicity import benjamini_hochberg, holm
from honestlift.report import words
from honestlift.result import Table

COLUMNS = ("role", "metric", "p_value", "holm", "benjamini_hochberg")


PAIRWISE = "pairwise"
"""The family of the comparisons between treated arms, whatever the role of the metric."""


def multiplicity_table(answers: Sequence[Answered], study: AnyStudy, further: Sequence[Comparison] = ()) -> Table:
    """The headlines of each role with several metrics or arms: p-value, by Holm, by Benjamini and Hochberg.

    A guardrail is held to its margin by its own interval: to miss one harm in looking for several would be no safety.
    """
    rows: list[tuple[object, ...]] = []
    tests = [(study.role(a.metric), a.metric.label, _p_value(a)) for a in answers]
    for c in further:
        tests += [(PAIRWISE if c.pairwise else study.role(a.metric), c.label(a.metric), _p_value(a)) for a in c.answers]
    for role in ("primary", "secondary", PAIRWISE):
        family = [(label, p) for r, label, p in tests if r == role]
        if len(family) < 2:
            continue
        p = [math.nan if value is None else value for _, value in family]
        corrected = zip(family, holm(p), benjamini_hochberg(p), strict=True)
        rows += [(role, label, value, strict, mild) for (label, value), strict, mild in corrected]
    return Table(columns=COLUMNS, rows=tuple(rows))


def _p_value(answer: Answered) -> float | None:
    return next(e.p_value for e in answer.estimates if e.headline)


def corrections(table: Table, level: float) -> list[str]:
    """What is left of each role after the correction, in a sentence."""
    made: list[str] = []
    alpha = round(1 - level, 12)
    noun = "comparisons" if any(row[0] == PAIRWISE for row in table.rows) else "metrics"
    for role in dict.fromkeys(row[0] for row in table.rows):
        family = [row for row in table.rows if row[0] == role]
        alone = [row for row in family if row[2] is not None and row[2] <= alpha]
        left = [words.clean(row[1]) for row in family if row[3] <= alpha]
        verb = "differs by itself" if len(alone) == 1 else "differ by themselves"
        text = f"At the {words.level(alpha)} level {len(alone)} of {len(family)} {role} {noun} {verb}"
        kept = f"{len(left)} after Holm's correction for their number" + (f" ({words.listing(left)})" if left else "")
        made.append(f"{text}, and {kept}.")
    return made
