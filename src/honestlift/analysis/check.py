"""Everything that can be checked before an outcome is read: who was assigned, who opted in, and whether they can be compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from honestlift.analysis.checking import (
    ORDER,
    assignment_checks,
    balance_checks,
    cluster_checks,
    exposure_checks,
    rule_checks,
    uptake_checks,
)
from honestlift.analysis.joining import rows_of
from honestlift.analysis.opt_in.checking import choice_checks
from honestlift.analysis.opt_in.choosing import model_choice
from honestlift.analysis.opt_in.reading import Step, read_opt_in
from honestlift.analysis.opt_in.tables import balance_table, categories_table, drivers_table, overlap_table, weights_table
from honestlift.analysis.reading import read
from honestlift.analysis.rule import known_before
from honestlift.analysis.saturation.checks import counted, split_checks
from honestlift.analysis.saturation.reading import read_two_stage, recorded
from honestlift.analysis.segments import segment_checks
from honestlift.analysis.spillover.checks import chances, design_checks
from honestlift.analysis.spillover.reading import read_graph
from honestlift.analysis.waves.checks import rollout_checks
from honestlift.analysis.waves.reading import read_waves
from honestlift.analysis.waves.walk import counted as counted_waves
from honestlift.design.asked import AnyStudy
from honestlift.design.opt_in import OptInStudy
from honestlift.design.study import Study
from honestlift.design.waves import WavesStudy
from honestlift.errors import DesignError
from honestlift.estimators import itt
from honestlift.estimators.fit import least_squares
from honestlift.inference.sandwich import satterthwaite, whiten
from honestlift.plain import plain
from honestlift.result import SCHEMA_VERSION, Check, Table
from honestlift.version import __version__

Kind = Literal["cluster", "opt_in", "waves"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What is known of a study before its outcomes.

    Attributes:
        name, kind: of the study.
        plan_sha256: hash of its question.
        data: users and workspaces, and who was left out; as in a result.
        supported: opt-in: the estimands that the data support, in the order of the plan.
        checks: worst first, else in the order of the walk.
        tables: opt-in: who opts in, overlap, balance and weights; as in a result.
        not_read: columns of metrics and negative controls, which no scan has named.

    Example:
        >>> design = hl.ClusterDesign(unit="user_id", cluster="workspace_id", treatment="treated")
        >>> checked = hl.check_design("users.parquet", hl.Study(design=design, metrics=(hl.Mean("session_minutes_obs"),)))
        >>> checked.not_read, {c.level for c in checked.checks}
        (('session_minutes_obs',), {'ok'})
    """

    name: str
    kind: Kind
    plan_sha256: str
    data: Mapping[str, Any]
    supported: tuple[str, ...]
    checks: tuple[Check, ...]
    tables: Mapping[str, Table]
    not_read: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain dicts, lists, text and numbers; NaN and infinities are None."""
        keys = ("name", "kind", "plan_sha256", "data", "supported", "checks", "tables", "not_read")
        return {"schema_version": SCHEMA_VERSION, "honestlift_version": __version__} | {k: plain(getattr(self, k)) for k in keys}


def check_design(data: Any, study: AnyStudy, step: Step = lambda _: None) -> Checked:
    """Check a study without its outcomes: no scan names the column of a metric or a negative control, and none need be there yet.

    Args:
        data: a Source, or anything that ``connect`` takes.
        study: what was done, and what is asked.
        step: hears the name of each stage as it begins.

    Raises:
        HonestliftError: if a column or a value is not what the study needs.

    Example:
        >>> design = hl.ClusterDesign(unit="user_id", cluster="workspace_id", treatment="treated")
        >>> study = hl.Study(design=design, metrics=(hl.Mean("not_there_yet"),))
        >>> hl.check_design("users.parquet", study).data["n_clusters"]
        50
    """
    if isinstance(study, OptInStudy):
        return _opt_in(data, study, step)
    if isinstance(study, WavesStudy):
        return _waves(data, study, step)
    return _cluster(data, study, step) if recorded(study) is None else _two_stage(data, study, step)


def _waves(data: Any, study: WavesStudy, step: Step) -> Checked:
    """Who can be compared with whom, and for how long."""
    reading = read_waves(rows_of(data, study, step, outcomes=False), study, step, outcomes=False)
    step("Checking")
    return _checked(study, "waves", counted_waves(reading), rollout_checks(reading, study), {}, ())


def _two_stage(data: Any, study: Study, step: Step) -> Checked:
    """Does the split stand as it was drawn, in both stages."""
    reading = read_two_stage(rows_of(data, study, step, outcomes=False), study, step, outcomes=False)
    step("Checking")
    return _checked(study, "cluster", counted(reading), split_checks(reading, study), {}, ())


def _cluster(data: Any, study: Study, step: Step) -> Checked:
    """All but what needs an outcome. The degrees of freedom are those of a headline without missing outcomes."""
    reading = read(rows_of(data, study, step, outcomes=False), study, step, outcomes=False)
    step("Checking")
    asked, study = study, reading.study
    cells, unread = reading.cells, replace(study, negative_controls=())
    everyone = cells.indicator(np.zeros(cells.moments.cells))
    strata = everyone.stratum is not None
    if strata and not itt.contrasts(everyone):
        raise DesignError.strata_without_contrast(study.design.strata)
    unadjusted = whiten(least_squares(itt.user_moments(everyone, strata=strata)))
    covariates = known_before(reading, study.primary, (), study)
    adjustment = itt.choose_covariates(everyone, covariates, study.adjustment, strata=strata)
    white = whiten(least_squares(itt.user_moments(everyone, strata=strata, adjustment=adjustment)))
    df = satterthwaite(white, white.fit.contrast("itt"))
    made = assignment_checks(reading, study)
    made += cluster_checks(white, unadjusted, everyone, df, tuple(str(name) for name in cells.names))
    made += rule_checks(study.primary.label, everyone, adjustment.used, study)
    made += exposure_checks(everyone, study, None)
    graph = read_graph(reading, study, step, outcomes=False)
    made += [*design_checks(graph, study), *chances(graph, np.ones(graph.people.users, dtype=np.bool_))] if graph else []
    made += segment_checks(reading, study)
    made += [*uptake_checks(reading, study), *balance_checks(reading, unread)]
    users = cells.users
    counted = {
        "n_units": int(users.sum()),
        "n_clusters": int(users.size),
        "n_treated_units": int(users[cells.arm].sum()),
        "n_treated_clusters": int(cells.arm.sum()),
        "dropped": reading.dropped,
        "engine": reading.engine,
    }
    return _checked(asked, "cluster", counted, made, {}, ())


def _opt_in(data: Any, study: OptInStudy, step: Step) -> Checked:
    """Who opts in, and for whom the data can answer."""
    reading = read_opt_in(rows_of(data, study, step), study, step, outcomes=False)
    step("Modelling who opts in")
    choice = model_choice(reading, study)
    users, propensity, support, bounds = choice.users, choice.propensity, choice.support, choice.bounds
    step("Checking")
    made = choice_checks(reading, users, propensity, support.checks, study)
    stopped = {estimand for c in support.checks if c.level == "stop" for estimand in c.concerns}
    tables = {
        "drivers": drivers_table(users, propensity),
        "categories": categories_table(reading, choice.everyone, choice.first),
        "overlap": overlap_table(choice.everyone, choice.first),
        "balance": balance_table(support.balances, study),
        "weights": weights_table(users, propensity, study, choice.reach),
    }
    gone = reading.rows - round(users.rows)
    trimmed = {f"propensity outside {bounds.low:.3g} to {bounds.high:.3g}": gone} if bounds and gone else {}
    counted = {
        "n_units": reading.rows,
        "n_clusters": reading.cluster_rows.size if reading.clustered else None,
        "n_treated_units": reading.arms[1],
        "n_treated_clusters": None,
        "dropped": {**reading.dropped, **trimmed},
        "engine": reading.entrance.engine,
    }
    supported = tuple(e for e in study.design.estimands if e not in stopped)
    return _checked(study, "opt_in", counted, made, tables, supported)


def _checked(
    study: AnyStudy,
    kind: Kind,
    data: Mapping[str, Any],
    checks: list[Check],
    tables: Mapping[str, Table],
    supported: tuple[str, ...],
) -> Checked:
    return Checked(
        name=study.name,
        kind=kind,
        plan_sha256=study.sha256(),
        data=data,
        supported=supported,
        checks=tuple(sorted(checks, key=lambda c: ORDER[c.level])),
        tables=tables,
        not_read=tuple(dict.fromkeys([c for m in study.metrics for c in m.columns] + list(study.negative_controls))),
    )
