"""The walk of a cluster study, top to bottom: read, estimate, check, judge, tabulate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from honestlift.analysis.alternatives import with_alternatives
from honestlift.analysis.arms import Comparison, arm_sizes, comparisons, contrast_name, in_words
from honestlift.analysis.assumptions import CLUSTER
from honestlift.analysis.checking import check, worst_first
from honestlift.analysis.compliers import Uptake, uptake_table, with_compliers
from honestlift.analysis.estimates import Answer, estimate_metric
from honestlift.analysis.ledger import ledger
from honestlift.analysis.multiplicity import corrections, multiplicity_table
from honestlift.analysis.over_time import over_time
from honestlift.analysis.placebo import Lab, run_lab
from honestlift.analysis.provenance import Clock, provenance
from honestlift.analysis.quantiles import estimate_quantile
from honestlift.analysis.reading import Reading, Step, read
from honestlift.analysis.record import assignment_facts
from honestlift.analysis.requirements import check_denominator
from honestlift.analysis.roles import metric_table
from honestlift.analysis.rule import known_before, redrawn_by
from honestlift.analysis.saturation.reading import recorded
from honestlift.analysis.saturation.walk import analyze_two_stage
from honestlift.analysis.segments import segment_tables
from honestlift.analysis.spillover.walk import with_graph
from honestlift.analysis.stored import reading_of
from honestlift.analysis.tables import cluster_table, density_table, exposure_table, groups_of
from honestlift.analysis.unmeasured_exposure import unmeasured_checks, unmeasured_tables
from honestlift.analysis.verdict import headline_of, judge
from honestlift.analysis.winsorizing import winsorized_table, with_plain
from honestlift.design.metric import Metric, Quantile, Ratio
from honestlift.design.study import Study
from honestlift.errors import MomentsError
from honestlift.estimators.ratio import ratio_outcome, workspace_ratios
from honestlift.moments.cells import Outcome
from honestlift.moments.stored import StoredMoments
from honestlift.result import Estimate, Lift, Table
from honestlift.source.connect import Source
from honestlift.version import __version__


def analyze_cluster(source: Source | StoredMoments, study: Study, step: Step) -> Lift:
    """From rows, or sums of them, to a Lift. Rows are scanned a handful of times; all else happens on the table of sums.

    Raises:
        HonestliftError: if a column or a value is not what the study needs.
    """
    if recorded(study) is not None:
        if isinstance(source, StoredMoments):
            raise MomentsError.needs_rows()
        return analyze_two_stage(source, study, step)
    clock = Clock()
    reading = reading_of(source, study) if isinstance(source, StoredMoments) else read(source, study, step)
    step("Estimating")
    asked, study = study, reading.study
    answers = [_answer(metric, reading, study) for metric in study.metrics]
    answers = [with_alternatives(a, redrawn_by(reading, a.outcome, a.metric.columns, study), study) for a in answers]
    compliers = [with_compliers(answer, reading, study) for answer in answers]
    stages = [s for _, s in compliers if s]
    graph = with_graph([a for a, _ in compliers], reading, study, step)
    answers = graph.answers
    time = over_time(source if isinstance(source, Source) else None, reading, answers, study, step)
    step("Re-drawing the assignment")
    lab = run_lab(reading, study)
    step("Checking")
    checks = worst_first(
        [*check(reading, answers, study, lab, stages), *graph.checks, *unmeasured_checks(answers, study), *time.checks]
    )
    further = comparisons(reading, asked, _answer)
    several = multiplicity_table(answers, study, further)
    rests_on = ledger(CLUSTER, checks, headline_of(answers, study))
    said = [*in_words(further, study, contrast_name(asked)), *corrections(several, study.level)]
    verdict = judge(answers, checks, rests_on, study, said)
    step("Tabulating")
    return Lift(
        name=study.name,
        kind="cluster",
        data=_data(reading, [a.outcome for a in answers], study),
        population=_population(reading, study),
        estimates=_rows(answers, further, contrast_name(asked)),
        checks=worst_first([*checks, *(c for other in further for c in other.checks)]),
        ledger=rests_on,
        verdict=verdict,
        tables=_tables(reading, answers, study, further, several, lab, stages) | graph.tables | time.tables,
        provenance=provenance(asked, clock),
        honestlift_version=__version__,
    )


def _tables(
    reading: Reading,
    answers: list[Answer],
    study: Study,
    further: Sequence[Comparison],
    several: Table,
    lab: Lab | None,
    stages: Sequence[Uptake],
) -> dict[str, Table]:
    """The numbers behind the figures."""
    tables = {
        "metrics": metric_table(answers, study, further),
        "multiplicity": several,
        "clusters": cluster_table(reading, answers),
        "exposure": exposure_table(answers),
        "outcome_density": density_table(reading, study.primary, study),
    }
    tables |= unmeasured_tables(answers, study)
    tables |= segment_tables(reading, answers, study) if study.segments else {}
    tables |= {"winsorized": winsorized_table(reading.capped, reading.cells)} if reading.capped else {}
    tables |= {"placebo_lab": lab.table()} if lab else {}
    return tables | ({"uptake": uptake_table(stages)} if stages else {})


def _rows(answers: list[Answer], further: Sequence[Comparison], name: str | None) -> tuple[Estimate, ...]:
    """All estimates, the headline's comparison first."""
    own = (replace(e, contrast=name) if name else e for answer in answers for e in answer.estimates)
    return (*own, *(e for other in further for e in other.estimates))


def _answer(metric: Metric, reading: Reading, study: Study) -> Answer:
    """One metric, adjusted for what the draw balanced, then for its own measure before the treatment, then as the study has them."""
    cells = reading.cells
    covariates = known_before(reading, metric, metric.columns, study)
    if isinstance(metric, Quantile):
        return estimate_quantile(metric, reading, study, covariates)
    if not isinstance(metric, Ratio):
        found = estimate_metric(metric, cells.outcome(metric.column), study, covariates)
        capped = next((c for c in reading.capped if c.as_read is metric), None)
        return found if capped is None else with_plain(found, capped, cells, study, covariates)
    check_denominator(cells, metric)
    ratios = workspace_ratios(cells, *metric.columns)
    return estimate_metric(metric, ratio_outcome(cells, *metric.columns), study, covariates, ratios)


def _data(reading: Reading, outcomes: list[Outcome], study: Study) -> dict[str, Any]:
    cells = reading.cells
    users = cells.users
    dropped = dict(reading.dropped)
    for metric, outcome in zip(study.metrics, outcomes, strict=True):
        for arm, treated in (("treated", True), ("control", False)):
            gone = int(users[cells.arm == treated].sum() - outcome.count[outcome.treated == treated].sum())
            if gone:
                dropped[f"{metric.label} missing, {arm}"] = gone
    return {
        "n_units": int(users.sum()),
        "n_clusters": int(users.size),
        "n_treated_units": int(users[cells.arm].sum()),
        "n_treated_clusters": int(cells.arm.sum()),
        "dropped": dropped,
        "engine": reading.engine,
    }


def _population(reading: Reading, study: Study) -> dict[str, Any]:
    cells = reading.cells
    users = cells.users
    everyone = cells.indicator(np.zeros(cells.moments.cells))
    arms = {
        name: {"users": int(users[cells.arm == treated].sum()), "clusters": int((cells.arm == treated).sum())}
        for name, treated in (("treated", True), ("control", False))
    }
    exposure = {} if cells.exposed is None else {g: int(everyone.count[c].sum()) for g, c in groups_of(everyone).items()}
    sizes = {"min": int(users.min()), "median": float(np.median(users)), "max": int(users.max())}
    rule, several = assignment_facts(study), arm_sizes(reading)
    made = {"arms": arms, "exposure_counts": exposure, "cluster_size": sizes}
    return made | ({"named_arms": several} if several else {}) | ({"assignment": rule} if rule else {})
