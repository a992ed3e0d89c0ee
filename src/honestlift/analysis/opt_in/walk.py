"""The walk of an opt-in study, top to bottom: read, model the choice, gate, estimate, doubt, check, judge, tabulate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from honestlift.analysis.opt_in.checking import Gate, check_opt_in, gate
from honestlift.analysis.opt_in.estimates import OptInAnswer, estimate_opt_in
from honestlift.analysis.opt_in.fits import Trimmed, propensity_of, trim, trimming
from honestlift.analysis.opt_in.reading import OptInReading, Step, read_opt_in
from honestlift.analysis.opt_in.sensitivity import (
    Sensitivity,
    benchmark_table,
    contour_table,
    rosenbaum_table,
    sensitivity,
    summary_table,
)
from honestlift.analysis.opt_in.tables import (
    balance_table,
    categories_table,
    drivers_table,
    matching_table,
    overlap_table,
    trimming_table,
    weights_table,
)
from honestlift.analysis.opt_in.verdict import judge_opt_in, ledger_opt_in
from honestlift.analysis.provenance import Clock, provenance
from honestlift.analysis.roles import metric_table
from honestlift.design.opt_in import OptInStudy
from honestlift.estimators.propensity import Propensity
from honestlift.moments.patterns import Patterns
from honestlift.result import Lift, Table
from honestlift.source.connect import Source
from honestlift.version import __version__


def analyze_opt_in(source: Source, study: OptInStudy, step: Step) -> Lift:
    """From rows to a Lift. Everything after the reading happens on patterns: distinct covariate rows with their sums.

    Raises:
        HonestliftError: if a column or a value is not what the study needs.
    """
    clock = Clock()
    reading = read_opt_in(source, study, step)
    step("Modelling who opts in")
    everyone = reading.users if reading.clustered else reading.users.collapsed()
    first = propensity_of(everyone, study)
    bounds = trimming(everyone, first, study)
    users = trim(everyone, first, bounds)
    propensity = first if bounds is None else propensity_of(users, study)
    support = gate(users, propensity, study)
    headline = support.headline
    step("Estimating")
    answers = [estimate_opt_in(m, reading, study, bounds, headline) for m in study.metrics]
    step("Asking what was not measured")
    found = [sensitivity(answer, study.level) for answer in answers]
    step("Checking")
    checks = check_opt_in(reading, users, propensity, answers, found, support.checks, study)
    verdict = judge_opt_in(answers, checks, found, study)
    step("Tabulating")
    whole = answers if bounds is None else [estimate_opt_in(m, reading, study, None, headline) for m in study.metrics]
    return Lift(
        name=study.name,
        kind="opt_in",
        data=_data(reading, bounds, users, study),
        population=_population(reading),
        estimates=tuple(e for answer in answers for e in answer.estimates),
        checks=checks,
        ledger=ledger_opt_in(checks, headline),
        verdict=verdict,
        tables=_tables(reading, users, propensity, answers, found, support, study)
        | {"trimming": trimming_table(replace(reading, users=everyone), first, bounds, answers, whole)},
        provenance=provenance(study, clock),
        honestlift_version=__version__,
    )


def _tables(
    reading: OptInReading,
    users: Patterns,
    propensity: Propensity,
    answers: Sequence[OptInAnswer],
    found: Sequence[Sensitivity],
    support: Gate,
    study: OptInStudy,
) -> dict[str, Table]:
    primary, doubt = next((a, s) for a, s in zip(answers, found, strict=True) if a.metric is study.primary)
    made = {
        "metrics": metric_table(answers, study),
        "drivers": drivers_table(users, propensity),
        "categories": categories_table(reading),
        "overlap": overlap_table(users, propensity),
        "balance": balance_table(support.balances, study),
        "weights": weights_table(users, propensity, study),
        "matching": matching_table(answers),
        "sensitivity": summary_table(answers, found),
        "sensitivity_benchmarks": benchmark_table(answers, found),
        "sensitivity_contours": contour_table(primary, doubt),
    }
    rosenbaum = rosenbaum_table(answers)
    return made | ({"rosenbaum": rosenbaum} if rosenbaum.rows else {})


def _data(reading: OptInReading, bounds: Trimmed | None, users: Patterns, study: OptInStudy) -> dict[str, Any]:
    dropped = dict(reading.dropped)
    everyone = reading.users.arms
    if bounds is not None:
        gone = int(reading.users.rows - users.rows)
        dropped |= {f"propensity outside {bounds.low:.3g} to {bounds.high:.3g}": gone} if gone else {}
    for metric in study.metrics:
        there = reading.outcomes[metric.column].arms
        for arm, name in ((1, "opted in"), (0, "others")):
            gone = int(everyone[arm] - there[arm])
            if gone:
                dropped[f"{metric.label} missing, {name}"] = gone
    return {
        "n_units": int(reading.users.rows),
        "n_clusters": reading.grouped.groups if reading.clustered else None,
        "n_treated_units": int(everyone[1]),
        "n_treated_clusters": None,
        "dropped": dropped,
        "engine": reading.engine,
    }


def _population(reading: OptInReading) -> dict[str, Any]:
    others, opted = reading.users.arms
    arms = {"treated": {"users": int(opted), "clusters": None}, "control": {"users": int(others), "clusters": None}}
    return {"arms": arms, "exposure_counts": {}, "cluster_size": _cluster_sizes(reading)}


def _cluster_sizes(reading: OptInReading) -> dict[str, Any]:
    if not reading.clustered or reading.users.group is None:
        return {"min": None, "median": None, "max": None}
    sizes = np.bincount(reading.users.group, reading.users.count.sum(axis=1), reading.users.groups)
    return {"min": int(sizes.min()), "median": float(np.median(sizes)), "max": int(sizes.max())}
