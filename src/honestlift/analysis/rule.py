"""The rule by which the arms came about, as the record has it, and what the analysis owes to it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from honestlift.analysis.reading import Reading
from honestlift.analysis.record import LATE, recorded_arms
from honestlift.analysis.tables import names_with
from honestlift.design.assignment import Assignment, Redraw, redraws
from honestlift.design.metric import Metric
from honestlift.design.study import Study
from honestlift.estimators.adjusted import Covariate
from honestlift.inference.randomization import within
from honestlift.moments.cells import Outcome


def redrawn_within(reading: Reading, outcome: Outcome, columns: Sequence[str], study: Study) -> NDArray[np.int64] | None:
    """Index of the stratum, 0 to S−1, within which each cluster of an outcome was assigned, (G,); None over all.

    A record of a stratified assignment says so whatever the plan's strata are, and so do its pairs. With any other record, or none,
    the plan's strata hold the re-draws to the numbers that each stratum had: still exact, given these.
    """
    record = study.design.assignment
    names = names_with(reading.cells, *columns)
    if record is not None and record.strata is not None and all(_drawn(record, name) for name in names):
        labels = [record.strata.get(name, LATE) for name in names]
        return np.unique(np.array(labels, dtype=np.str_), return_inverse=True)[1].astype(np.int64)
    stratum = outcome.stratum
    return None if stratum is None else np.unique(stratum, return_inverse=True)[1].astype(np.int64)


def redrawn_by(reading: Reading, outcome: Outcome, columns: Sequence[str], study: Study) -> Redraw:
    """The re-draws of an outcome's clusters by the record's rule; by numbers within strata where there is no record, or the data break it.

    The coins of a Bernoulli rule are held at the numbers that they gave, in each of the plan's strata: exact given these, and no re-draw
    leaves an arm empty.
    """
    return drawn_by(reading, outcome, columns, study).given(outcome.arm)


def drawn_by(reading: Reading, outcome: Outcome, columns: Sequence[str], study: Study) -> Redraw:
    """The same with the coins of a Bernoulli rule as they were: what the draw could have been before it was made."""
    record, arm = study.design.assignment, outcome.arm
    names = names_with(reading.cells, *columns)
    plain = within(arm, redrawn_within(reading, outcome, columns, study))
    arms = recorded_arms(study)
    if record is None or any(record.arm_of(name) != arms[int(on)] for name, on in zip(names, arm, strict=True)):
        return plain
    if record.rule.kind in ("complete", "bernoulli") and outcome.stratum is not None:
        return plain
    return redraws(record, names, arms)


def _drawn(record: Assignment, name: str) -> bool:
    return name in record.assigned or record.rule.late == "hash"


def known_before(reading: Reading, metric: Metric, columns: Sequence[str], study: Study) -> list[Covariate]:
    """What a metric is adjusted for: what the draw balanced, its own measure before the treatment, then as the study has them.

    Args:
        reading: the rows' sums.
        metric: the metric.
        columns: columns whose clusters are told; none for all clusters.
        study: the question.
    """
    kept = reading.cells.kept(*columns) if columns else np.ones(reading.cells.arm.size, dtype=np.bool_)
    made = balanced_covariates(reading, columns, study)
    there = {covariate.name for covariate in made}
    return made + [Covariate(name=n, values=reading.covariates[n].values[kept]) for n in study.before(metric) if n not in there]


def balanced_covariates(reading: Reading, columns: Sequence[str], study: Study) -> list[Covariate]:
    """What a rerandomized draw balanced, for the clusters of an outcome; a late one has the mean of the others.

    The analysis must contain it, or its intervals are wider than they need be (Li & Ding 2020, J. R. Stat. Soc. B 82).
    """
    record = study.design.assignment
    if record is None or record.rule.kind != "rerandomized" or record.covariates is None:
        return []
    known = np.array(list(record.covariates.values()), dtype=np.float64)
    average = tuple(known.mean(axis=0).tolist())
    names = names_with(reading.cells, *columns)
    values = np.array([record.covariates.get(name, average) for name in names], dtype=np.float64)
    return [Covariate(name=name, values=values[:, [j]]) for j, name in enumerate(record.rule.covariates)]
