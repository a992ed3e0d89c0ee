"""What the assignment record says of the clusters in the data: their arms, their pairs, and which of them joined late."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from honestlift.design.cluster import Treatment
from honestlift.design.study import Study
from honestlift.moments import scan
from honestlift.moments.arms import Arms
from honestlift.moments.cells import Cells
from honestlift.moments.table import Moments
from honestlift.source.connect import Source

MOST_NUMBERS = 8_000_000
"""Clusters × regressors² up to which the record's strata or pairs enter the regression: 316 clusters in pairs, a few seconds."""

LATE = "joined late"
"""The stratum of clusters that joined after the draw and have their arm from a hash."""


def recorded_arms(study: Study) -> tuple[str, str]:
    """The record's names of the two arms that are compared, control first.

    They are the values of the treatment column where the record knows these, else ``control`` and ``treated``, else its only two.
    """
    record, treatment = study.design.assignment, study.design.treatment
    names = ("control", "treated") if record is None else record.rule.names
    if isinstance(treatment, Treatment) and {str(treatment.treated), str(treatment.control)} <= set(names):
        return str(treatment.control), str(treatment.treated)
    if len(names) == 2 and not {"control", "treated"} <= set(names):
        return names[0], names[1]
    return "control", "treated"


def assignment_facts(study: Study) -> dict[str, Any]:
    """What the record says of the draw, for the result: its rule, shares and clusters, what it looked at; empty without a record."""
    record = study.design.assignment
    if record is None:
        return {}
    rule = record.rule
    facts: dict[str, Any] = {"rule": rule.kind, "arms": rule.shares, "clusters": len(record.assigned)}
    facts |= {"strata": len(set(record.strata.values()))} if record.strata is not None else {}
    facts |= {"covariates": list(rule.covariates)} if rule.covariates else {}
    return facts | ({"acceptance": rule.acceptance} if rule.kind == "rerandomized" else {})


def with_recorded_strata(cells: Cells, study: Study) -> Cells:
    """The cells with the strata or pairs of the record, within which clusters were randomized.

    Left out of the regression they bias it wherever they could not be halved. Strata that the plan names are kept; the record's pairs
    take their place. A cluster that has lost its partner is a stratum of its own, and says nothing about the effect. Strata
    none of which has both arms are no strata of these data, and too many of them are left out: the interval is then that of a draw
    without them, which is wider than need be.
    """
    record = study.design.assignment
    if record is None or record.strata is None or (study.design.strata and record.rule.kind != "matched_pairs"):
        return cells
    if record.rule.kind not in ("stratified", "matched_pairs"):
        return cells
    labels = [record.strata.get(str(name), LATE) for name in cells.names]
    stratum = np.unique(np.array(labels, dtype=np.str_), return_inverse=True)[1].astype(np.int64)
    both = np.isin(stratum[cells.arm], stratum[~cells.arm]).any()
    columns = (1 if record.rule.kind == "matched_pairs" else 2) * (int(stratum.max()) + 1)
    return replace(cells, stratum=stratum) if both and stratum.size * columns**2 <= MOST_NUMBERS else cells


def without_late_controls(source: Source, counts: Moments, arms: Arms, study: Study) -> tuple[Source, Moments, dict[str, int]]:
    """The rows without clusters that joined after the draw and are in control by the record's rule; and how many users they had.

    They were not randomized, so that they are nobody's comparison. One that is treated all the same stays, for a check to find.

    Args:
        source: the rows of the two arms.
        counts: rows per cell, by cluster, treatment and more.
        arms: which value of the treatment is which.
        study: names the cluster and the record.
    """
    kept = late_controls(counts, arms, study)
    if kept is None:
        return source, counts, {}
    source = source.restricted(study.design.cluster, kept)
    left = scan.count_cells(source, list(counts.keys))
    return source, left, {"joined after the draw": int(counts.rows.sum() - left.rows.sum())}


def late_controls(counts: Moments, arms: Arms, study: Study) -> list[str | int | float | bool] | None:
    """The clusters without those that joined late and are in control by the record's rule; None if there are no such clusters."""
    record = study.design.assignment
    if record is None or record.rule.late != "control":
        return None
    key, treatment = counts.keys[study.design.cluster], counts.keys[study.design.arm]
    treated = set(key.codes[treatment.codes != treatment.labels.index(arms.control)].tolist())
    kept = [v for code, v in enumerate(key.labels) if v is not None and (str(v) in record.assigned or code in treated)]
    return None if len(kept) == len(key.labels) or not kept else kept
