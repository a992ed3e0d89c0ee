"""A roll-out in waves from rows to a Lift: read, estimate, check, judge, tabulate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from honestlift.analysis.assumptions import DRAWN_WAVES, WAVES
from honestlift.analysis.checking import worst_first
from honestlift.analysis.ledger import ledger
from honestlift.analysis.multiplicity import corrections, multiplicity_table
from honestlift.analysis.provenance import Clock, provenance
from honestlift.analysis.roles import metric_table
from honestlift.analysis.waves.checks import outcome_checks
from honestlift.analysis.waves.estimates import Answer, estimate_waves
from honestlift.analysis.waves.reading import Reading, Step, read_waves
from honestlift.analysis.waves.timeline import COLUMNS, Point
from honestlift.analysis.waves.verdict import judge_waves
from honestlift.design.waves import WavesStudy
from honestlift.result import Lift, Table
from honestlift.source.connect import Source
from honestlift.version import __version__

FEWEST_ROWS = 10
"""Rows below which an effect is not told alone."""


def analyze_waves(source: Source, study: WavesStudy, step: Step) -> Lift:
    """From rows to a Lift. Rows are scanned five times; all else happens on sums per cluster and period.

    Raises:
        HonestliftError: if a column or a value is not what the study needs.
    """
    clock = Clock()
    reading = read_waves(source, study, step)
    step("Estimating")
    answers = [estimate_waves(m, reading.sums, study, reading.nested.different) for m in study.metrics]
    step("Checking")
    checks = worst_first(outcome_checks(reading, answers, study))
    primary = next(a for a in answers if a.metric is study.primary)
    rests_on = ledger(DRAWN_WAVES if study.design.randomized else WAVES, checks, primary.headline)
    several = multiplicity_table(answers, study)
    return Lift(
        name=study.name,
        kind="waves",
        data=counted(reading) | {"dropped": _dropped(reading, answers)},
        population=_population(reading),
        estimates=tuple(e for a in answers for e in a.estimates),
        checks=checks,
        ledger=rests_on,
        verdict=judge_waves(answers, checks, rests_on, study, corrections(several, study.level)),
        tables={
            "metrics": metric_table(answers, study),
            "multiplicity": several,
            "since": _since(answers),
            "waves": _waves(answers, reading),
            "by_wave": _by_wave(answers, reading),
        },
        provenance=provenance(study, clock),
        honestlift_version=__version__,
    )


def counted(reading: Reading) -> dict[str, Any]:
    """Users, workspaces, rows and periods; as in a result."""
    ever = reading.sums.rows.start < reading.sums.rows.periods
    return {
        "n_units": reading.nested.different,
        "n_clusters": len(reading.sums.names),
        "n_treated_units": int(reading.users[ever].sum()),
        "n_treated_clusters": int(ever.sum()),
        "n_rows": int(reading.sums.rows.count.sum()),
        "n_periods": reading.sums.rows.periods,
        "dropped": {},
        "engine": reading.engine,
    }


def _dropped(reading: Reading, answers: Sequence[Answer]) -> dict[str, int]:
    made: dict[str, int] = {}
    for answer in answers:
        panel = reading.sums.missing(answer.metric.column)
        for name, on in (("with the feature", panel.treated), ("without", ~panel.treated)):
            gone = int(panel.total[on].sum())
            made |= {f"{answer.metric.label} missing, {name}": gone} if gone else {}
    return made


def _population(reading: Reading) -> dict[str, Any]:
    users, panel = reading.users, reading.sums.rows
    ever = panel.start < panel.periods
    arms = {
        name: {"users": int(users[some].sum()), "clusters": int(some.sum())}
        for name, some in (("treated", ever), ("control", ~ever))
    }
    size = {"min": int(users.min()), "median": float(np.median(users)), "max": int(users.max())}
    by = {str(reading.sums.period(g)): int((panel.start == g).sum()) for g in panel.waves}
    return {"arms": arms, "exposure_counts": {}, "cluster_size": size, "waves": by}


def _since(answers: Sequence[Answer]) -> Table:
    """Effects by periods since the start; before it, as negative numbers, the gaps."""
    rows: list[tuple[object, ...]] = []
    for a in answers:
        told = [
            *zip(a.time.on.until.tolist(), a.time.gaps, strict=True),
            *zip(a.time.on.since.tolist(), a.time.since, strict=True),
        ]
        rows += [(a.metric.label, e, *point.row()) for e, point in told if _enough(point)]
    return Table(columns=("metric", "since", *COLUMNS), rows=tuple(rows))


def _waves(answers: Sequence[Answer], reading: Reading) -> Table:
    rows: list[tuple[object, ...]] = []
    for a in answers:
        told = zip(a.time.on.cells.tolist(), a.time.cells, strict=True)
        at = reading.sums.period
        rows += [(a.metric.label, at(g), at(t), *point.row()) for (g, t), point in told if _enough(point)]
    return Table(columns=("metric", "wave", "period", *COLUMNS), rows=tuple(rows))


def _by_wave(answers: Sequence[Answer], reading: Reading) -> Table:
    """Each wave with its workspaces and the periods in which there is a comparison, and their mean effect."""
    rows: list[tuple[object, ...]] = []
    for a in answers:
        on, there = a.time.on, a.panel.count.sum(axis=1) > 0
        for g, point in zip(on.waves.tolist(), a.time.waves, strict=True):
            own = int((there & (a.panel.start == g)).sum()), int((on.cells[:, 0] == g).sum())
            rows += [(a.metric.label, reading.sums.period(g), *own, *point.row())] if _enough(point) else []
    return Table(columns=("metric", "wave", "workspaces", "periods", *COLUMNS), rows=tuple(rows))


def _enough(point: Point) -> bool:
    return point.rows >= FEWEST_ROWS
