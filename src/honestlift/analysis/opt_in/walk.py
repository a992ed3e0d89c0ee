"""The walk of an opt-in study, top to bottom: read, model the choice, gate, estimate, doubt, check, judge, tabulate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from honestlift.analysis.assumptions import OPT_IN
from honestlift.analysis.ledger import ledger
from honestlift.analysis.opt_in.checking import check_opt_in, negative_controls
from honestlift.analysis.opt_in.choosing import Choice, model_choice
from honestlift.analysis.opt_in.estimates import OptInAnswer, estimate_opt_in
from honestlift.analysis.opt_in.reading import OptInReading, Step, read_opt_in, reading_of_patterns
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
    controls_table,
    drivers_table,
    matching_table,
    overlap_table,
    trimming_table,
    weights_table,
)
from honestlift.analysis.opt_in.verdict import judge_opt_in
from honestlift.analysis.provenance import Clock, provenance
from honestlift.analysis.roles import metric_table
from honestlift.design.opt_in import OptInStudy
from honestlift.moments.stored import StoredMoments
from honestlift.result import Lift, Table
from honestlift.source.connect import Source
from honestlift.version import __version__


def analyze_opt_in(source: Source | StoredMoments, study: OptInStudy, step: Step) -> Lift:
    """From rows, or sums of them, to a Lift. Everything after the reading happens on patterns: distinct covariate rows with their sums.

    Raises:
        HonestliftError: if a column or a value is not what the study needs.
    """
    clock = Clock()
    reading = reading_of_patterns(source, study) if isinstance(source, StoredMoments) else read_opt_in(source, study, step)
    step("Modelling who opts in")
    choice = model_choice(reading, study)
    bounds, headline = choice.bounds, choice.support.headline
    step("Estimating")
    answers = [estimate_opt_in(m, reading, study, headline, bounds, choice.stream) for m in study.metrics]
    step("Asking what was not measured")
    found = [sensitivity(answer, study.level) for answer in answers]
    step("Checking")
    controls = negative_controls(reading, study, headline)
    checks = check_opt_in(reading, choice.users, choice.propensity, answers, found, choice.support.checks, controls, study)
    rests_on = ledger(OPT_IN, checks, next(e for a in answers if a.metric is study.primary for e in a.estimates if e.headline))
    verdict = judge_opt_in(answers, checks, rests_on, found, study, bounds)
    step("Tabulating")
    whole = (
        answers if bounds is None else [estimate_opt_in(m, reading, study, headline, None, reading.stream) for m in study.metrics]
    )
    return Lift(
        name=study.name,
        kind="opt_in",
        data=_data(reading, choice, study),
        population=_population(reading),
        estimates=tuple(e for answer in answers for e in answer.estimates),
        checks=checks,
        ledger=rests_on,
        verdict=verdict,
        tables=_of_choice(reading, choice)
        | _tables(choice, answers, found, study)
        | ({"negative_controls": controls_table(controls, headline)} if controls else {})
        | {"trimming": trimming_table(choice.everyone, choice.first, bounds, answers, whole)},
        provenance=provenance(study, clock),
        honestlift_version=__version__,
    )


def _of_choice(reading: OptInReading, choice: Choice) -> dict[str, Table]:
    """Who opts in, before anybody is trimmed."""
    return {
        "categories": categories_table(reading, choice.everyone, choice.first),
        "overlap": overlap_table(choice.everyone, choice.first),
    }


def _tables(
    choice: Choice,
    answers: Sequence[OptInAnswer],
    found: Sequence[Sensitivity],
    study: OptInStudy,
) -> dict[str, Table]:
    users, propensity = choice.users, choice.propensity
    primary, doubt = next((a, s) for a, s in zip(answers, found, strict=True) if a.metric is study.primary)
    made = {
        "metrics": metric_table(answers, study),
        "drivers": drivers_table(users, propensity),
        "balance": balance_table(choice.support.balances, study),
        "weights": weights_table(users, propensity, study, choice.reach),
        "matching": matching_table(answers),
        "sensitivity": summary_table(answers, found),
        "sensitivity_benchmarks": benchmark_table(answers, found),
        "sensitivity_contours": contour_table(primary, doubt),
    }
    rosenbaum = rosenbaum_table(answers)
    return made | ({"rosenbaum": rosenbaum} if rosenbaum.rows else {})


def _data(reading: OptInReading, choice: Choice, study: OptInStudy) -> dict[str, Any]:
    dropped = dict(reading.dropped)
    if choice.bounds is not None:
        gone = reading.rows - round(choice.users.rows)
        dropped |= {f"propensity outside {choice.bounds.low:.3g} to {choice.bounds.high:.3g}": gone} if gone else {}
    for metric in study.metrics:
        there = reading.outcome_arms[metric.column]
        for arm, name in ((1, "opted in"), (0, "others")):
            gone = reading.arms[arm] - there[arm]
            if gone:
                dropped[f"{metric.label} missing, {name}"] = gone
    return {
        "n_units": reading.rows,
        "n_clusters": reading.cluster_rows.size if reading.clustered else None,
        "n_treated_units": reading.arms[1],
        "n_treated_clusters": None,
        "dropped": dropped,
        "engine": reading.entrance.engine,
    }


def _population(reading: OptInReading) -> dict[str, Any]:
    others, opted = reading.arms
    arms = {"treated": {"users": opted, "clusters": None}, "control": {"users": others, "clusters": None}}
    sizes: dict[str, Any] = {"min": None, "median": None, "max": None}
    if reading.clustered:
        rows = reading.cluster_rows
        sizes = {"min": int(rows.min()), "median": float(np.median(rows)), "max": int(rows.max())}
    return {"arms": arms, "exposure_counts": {}, "cluster_size": sizes}
