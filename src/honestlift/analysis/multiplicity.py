"""Several metrics in one role: their p-values corrected for their number, and the sentence about it. Guardrails stay outside."""

from __future__ import annotations

import math
from collections.abc import Sequence

from honestlift.analysis.estimates import Answer
from honestlift.design.study import Study
from honestlift.inference.multiplicity import benjamini_hochberg, holm
from honestlift.report import words
from honestlift.result import Table

COLUMNS = ("role", "metric", "p_value", "holm", "benjamini_hochberg")


def multiplicity_table(answers: Sequence[Answer], study: Study) -> Table:
    """The headlines of each role with several metrics: p-value, by Holm, by Benjamini and Hochberg.

    A guardrail is held to its margin by its own interval: to miss one harm in looking for several would be no safety.
    """
    rows: list[tuple[object, ...]] = []
    for role in ("primary", "secondary"):
        family = [a for a in answers if study.role(a.metric) == role]
        if len(family) < 2:
            continue
        found = [next(e.p_value for e in a.estimates if e.headline) for a in family]
        p = [math.nan if value is None else value for value in found]
        corrected = zip(family, found, holm(p), benjamini_hochberg(p), strict=True)
        rows += [(role, a.metric.label, value, strict, mild) for a, value, strict, mild in corrected]
    return Table(columns=COLUMNS, rows=tuple(rows))


def corrections(table: Table, level: float) -> list[str]:
    """What is left of each role after the correction, in a sentence."""
    made: list[str] = []
    alpha = round(1 - level, 12)
    for role in dict.fromkeys(row[0] for row in table.rows):
        family = [row for row in table.rows if row[0] == role]
        alone = [row for row in family if row[2] is not None and row[2] <= alpha]
        left = [words.clean(row[1]) for row in family if row[3] <= alpha]
        verb = "differs by itself" if len(alone) == 1 else "differ by themselves"
        text = f"At the {words.level(alpha)} level {len(alone)} of {len(family)} {role} metrics {verb}"
        kept = f"{len(left)} after Holm's correction for their number" + (f" ({words.listing(left)})" if left else "")
        made.append(f"{text}, and {kept}.")
    return made
