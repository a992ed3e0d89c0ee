"""Does a two-stage design stand as it was drawn: workspaces at their saturations, users of both arms in them, enough of each?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import sqrt

import numpy as np

from honestlift.design.assignment import Assignment
from honestlift.report import words
from honestlift.result import Check, Level, Number

SURPRISE = 3.3
"""Standard errors of a coin by which treated users may differ from the saturation: those who joined late have a coin each."""


def saturation_followed(record: Assignment, users: Mapping[str, tuple[int, int]]) -> Check:
    """Is every workspace treated to the share that the record says, and does the record re-draw from its own seed?

    Args:
        record: the recorded assignment.
        users: workspace to its users, control and treated.
    """
    unknown = [name for name in users if record.arm_of(name) is None]
    wrong = [name for name, n in users.items() if name not in unknown and _off(float(str(record.arm_of(name))), n)]
    scatter, limit = _scatter(record, {name: n for name, n in users.items() if name not in unknown})
    redrawn = record.reproduces()
    evidence: dict[str, Number] = {
        "scatter": scatter,
        "disagree": len(wrong),
        "not_in_record": len(unknown),
        "reproduces": int(redrawn),
    }
    bad: list[str] = []
    if wrong:
        verb = "has" if len(wrong) == 1 else "have"
        bad.append(
            f"{words.count(len(wrong), 'workspace')} {verb} another share of treated users than recorded ({words.listing(wrong)})"
        )
    if scatter > limit:
        bad.append(
            f"shares of treated users scatter {words.times(scatter)} times as much as a coin for each user would make them"
        )
    if unknown:
        bad.append(f"{words.count(len(unknown), 'workspace')} of the data are not in the record ({words.listing(unknown)})")
    if not redrawn:
        bad.append("the recorded saturations do not come out of the recorded seed and rule")
    text = words.clean("; ".join(bad)) + "." if bad else ""
    text = (
        text[:1].upper() + text[1:]
        if bad
        else "Each workspace is treated to its recorded saturation, which is re-drawn from its seed."
    )
    remedy = (
        "Analyse by the recorded arm, or find out who changed it: the comparison is no longer the randomized one." if bad else ""
    )
    return Check(code="assignment_followed", level="stop" if bad else "ok", statement=text, remedy=remedy, evidence=evidence)


def _scatter(record: Assignment, users: Mapping[str, tuple[int, int]]) -> tuple[float, float]:
    """Mean squared distance from the saturation, in variances of a coin per user, and what it may be; fixed numbers make it almost zero."""
    parts = [(float(str(record.arm_of(name))), n) for name, n in users.items()]
    squares = [(n[1] - a * sum(n)) ** 2 / (sum(n) * a * (1 - a)) for a, n in parts if 0 < a < 1 and sum(n)]
    if not squares:
        return 0.0, 1.0
    return sum(squares) / len(squares), 1 + SURPRISE * sqrt(2 / len(squares))


def _off(saturation: float, users: tuple[int, int]) -> bool:
    n = sum(users)
    return abs(users[1] - saturation * n) > (1 if 0 < saturation < 1 else 0) + SURPRISE * sqrt(n * saturation * (1 - saturation))


def saturation_ratio(record: Assignment, present: Sequence[str]) -> Check:
    """Have as many workspaces of one saturation left the data as of the others? Fisher's test of each, times their number."""
    from scipy.stats import fisher_exact

    here = set(present)
    drawn = {name: list(record.assigned.values()).count(name) for name in record.rule.names}
    lost = {a: sum(arm == a and name not in here for name, arm in record.assigned.items()) for a in drawn}
    total, gone = sum(drawn.values()), sum(lost.values())
    p = 1.0
    for arm, size in drawn.items():
        table = np.array([[lost[arm], size - lost[arm]], [gone - lost[arm], total - size - gone + lost[arm]]])
        p = min(p, len(drawn) * float(fisher_exact(table)[1])) if gone else p
    level: Level = "stop" if p < 0.001 else "caution" if p < 0.01 else "ok"
    text = f"{total - gone:,} of {words.count(total, 'recorded workspace')} are in the data"
    by = words.listing([f"{n} at {words.percent(float(s))}" for s, n in lost.items()], 9)
    text += f"; missing by saturation: {by} ({words.p_value(p)})." if gone else "."
    return Check(
        code="sample_ratio",
        level=level,
        statement=text,
        remedy="" if level == "ok" else "Find out why workspaces of one saturation left the data; they are no longer comparable.",
        evidence={"missing": gone, "p_value": p},
    )


def few_at_saturation(df: float | None, clusters: Mapping[float, int]) -> Check:
    """Degrees of freedom of the headline, and workspaces at the saturation that has fewest."""
    fewest, known = min(clusters.values()), df or 0.0
    level: Level = "stop" if known < 4 or fewest < 3 else "caution" if known < 10 or fewest < 10 else "ok"
    told = words.listing([f"{n:,} at {words.percent(a)}" for a, n in clusters.items()], 9)
    return Check(
        code="few_clusters",
        level=level,
        statement=f"Workspaces by saturation: {told}; the interval uses {known:.1f} degrees of freedom.",
        remedy={
            "ok": "",
            "caution": "Believe intervals that use these degrees of freedom, and add workspaces rather than users.",
            "stop": "Randomize more workspaces: so few cannot show how much workspaces differ by themselves.",
        }[level],
        evidence={"df": df, "fewest": fewest},
    )


def saturation_cells(lacking: int, clusters: int) -> Check:
    """Workspaces between 0 and 1 that are too small to have users of both arms: they say nothing of the direct effect."""
    share = lacking / clusters if clusters else 0.0
    level: Level = "caution" if share > 0.1 else "ok"
    text = f"{lacking:,} of {words.count(clusters, 'workspace')} at saturations between 0 and 100 % lack users of one arm."
    return Check(
        code="saturation_cells",
        level=level,
        statement=text,
        remedy="" if level == "ok" else "Small workspaces cannot be split: the direct effect is that of the larger ones.",
        evidence={"lacking": lacking, "clusters": clusters},
        concerns=("direct", "indirect", "total"),
    )
