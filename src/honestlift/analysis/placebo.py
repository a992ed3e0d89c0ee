"""The placebo lab of a study: on the measure before the treatment, or else among the control workspaces alone."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from honestlift.analysis.reading import Reading
from honestlift.analysis.rule import redrawn_by, redrawn_within
from honestlift.design.metric import Mean
from honestlift.design.study import Study
from honestlift.estimators import itt
from honestlift.inference.placebo import FalseAlarms, Trial, placebo_lab
from honestlift.moments.cells import Outcome
from honestlift.result import Table

FEWEST, MOST = 6, 5_000
"""Workspaces below which there are too few assignments to speak of rates, and above which the lab is left out."""

WORK = 1_000_000
"""Re-draws × workspaces, about a second's work; beyond 500 workspaces the re-draws are fewer than 2,000."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lab:
    """How often each method cried wolf on the study's own data.

    Attributes:
        outcome: the column that was analysed; nothing can have moved it.
        basis: ``pre_period`` (all workspaces, before the treatment) or ``control_group`` (control workspaces, split again).
        workspaces, treated: how many there were, and how many of them were treated in each re-draw.
        redraws: number of re-drawn assignments.
        level: nominal coverage.
        alarms: one rate per method.
    """

    outcome: str
    basis: str
    workspaces: int
    treated: int
    redraws: int
    level: float
    alarms: tuple[FalseAlarms, ...]

    def table(self) -> Table:
        """The lab as the result holds it, a row per method."""
        columns = ("method", "false_alarms", "std_error", "redraws", "outcome", "basis", "workspaces", "treated", "level")
        rest = (self.redraws, self.outcome, self.basis, self.workspaces, self.treated, self.level)
        return Table(columns=columns, rows=tuple((a.method, a.rate, a.std_error, *rest) for a in self.alarms))


def run_lab(reading: Reading, study: Study) -> Lab | None:
    """The lab on the primary metric; None where there are too few workspaces, or too many to need it.

    A ratio has one only if it has a measure before the treatment: without, it would have to be taken anew in every re-draw.
    """
    metric, columns = study.primary, reading.profile.columns
    before = metric.pre if metric.pre is not None and columns[metric.pre].low < columns[metric.pre].high else None
    column = before or (metric.column if isinstance(metric, Mean) else None)
    if column is None:
        return None
    outcome = reading.cells.outcome(column)
    record = study.design.assignment
    kind = None if record is None else record.rule.kind
    within = redrawn_within(reading, outcome, (column,), study)
    alone = kind == "matched_pairs" and not before  # of each pair only the control workspace is left
    trial = _trial(outcome, None if alone else within, kept=np.ones_like(outcome.arm) if before else ~outcome.arm)
    if kind == "rerandomized" and before:
        trial = replace(trial, rule=redrawn_by(reading, outcome, (column,), study))
    clusters, treated = trial.n.size, int(trial.treated.sum())
    if not FEWEST <= clusters <= MOST or min(treated, clusters - treated) < 2 or not trial.square.any():
        return None
    draws = min(2_000, WORK // clusters)
    alarms, redraws = placebo_lab(trial, np.random.default_rng(study.seed), level=study.level, draws=draws)
    return Lab(
        outcome=column,
        basis="pre_period" if before else "control_group",
        workspaces=clusters,
        treated=treated,
        redraws=redraws,
        level=study.level,
        alarms=alarms,
    )


def _trial(outcome: Outcome, within: NDArray[np.int64] | None, *, kept: NDArray[np.bool_]) -> Trial:
    """The clusters that are kept, with as large a share of each stratum treated as in the study."""
    n, total, square = (values[kept] for values in outcome.per_cluster())
    everyone = np.zeros(outcome.clusters, dtype=np.int64) if within is None else within
    strata = np.unique(everyone[kept], return_inverse=True)[1].astype(np.int64)
    size, held = np.bincount(everyone), np.bincount(everyone[kept], minlength=int(everyone.max()) + 1)
    treated = np.bincount(everyone[outcome.arm], minlength=size.size)
    counts = np.floor(held * treated / np.maximum(size, 1) + 0.5).astype(np.int64)
    both = (treated > 0) & (treated < size) & (held > 1)  # where the study has both arms, a re-draw has them too
    counts = np.where(both, np.clip(counts, 1, held - 1), counts)[held > 0]
    smaller = np.minimum(counts, np.bincount(strata) - counts)
    same = outcome.stratum is not None and _same_groups(outcome.stratum, everyone)
    return Trial(
        n=n,
        total=total - n * (total.sum() / n.sum()),
        square=square - (2 * total - n * (total.sum() / n.sum())) * (total.sum() / n.sum()),
        strata=strata,
        treated=counts,
        adjusted=same and itt.interacts(outcome) and bool(smaller.min() >= 2),
    )


def _same_groups(one: NDArray[np.int64], other: NDArray[np.int64]) -> bool:
    """Whether two labels part the clusters alike."""
    pairs = np.unique(np.stack([one, other]), axis=1).shape[1]
    return pairs == np.unique(one).size == np.unique(other).size
