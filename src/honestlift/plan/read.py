"""Reading plan.yaml: from the file to a study and the place of its data, or to every problem at once."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from honestlift.design.asked import AnyStudy
from honestlift.design.assignment import Assignment
from honestlift.design.cluster import ClusterDesign, Treatment
from honestlift.design.metric import Mean, Metric, Quantile, Ratio, Winsorize
from honestlift.design.study import Study
from honestlift.errors import AssignmentError, DesignError, PlanError, TablesError
from honestlift.plan.document import Document, KeyPath, Problem, read_document
from honestlift.plan.exposure import read_exposure
from honestlift.plan.location import Place, resolve
from honestlift.plan.metrics import MetricSection, QuantileSection, RatioSection, WinsorizeSection
from honestlift.plan.opt_in import OptInPlanSection, opt_in_study
from honestlift.plan.places import place_of
from honestlift.plan.problems import invalid, look_up
from honestlift.plan.schema import DesignSection, PlanSection, TreatmentSection, as_arms
from honestlift.plan.tables import TABLES, over_events, places_of, tables_of
from honestlift.plan.waves import WavesPlanSection, waves_study

MODELS: dict[Any, type[PlanSection | OptInPlanSection | WavesPlanSection]] = {
    "opt_in": OptInPlanSection,
    "waves": WavesPlanSection,
}
"""The keys that a plan may have, by what was done; those of a cluster study else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a plan file says.

    Attributes:
        study: the design and what is asked of it.
        data: where the rows are; nothing has been opened yet.
        path: the plan file, absolute.
        tables: where the rows of each joined table are, by its key.
    """

    study: AnyStudy
    data: Place
    path: Path
    tables: Mapping[str, Place] = field(default_factory=dict[str, Place])


def read_plan(path: str | os.PathLike[str]) -> Plan:
    """The plan in a YAML file. Paths in it are relative to its folder; the data are not touched.

    Raises:
        PlanError: if the file cannot be read or does not follow the schema. The message has one line for each problem,
            in the order of the file, with file and line, the key, and what was expected.
    """
    document = read_document(path)
    values = {
        key: value for key, value in document.values.items() if value is not None or key not in OptInPlanSection.model_fields
    }
    problems = list(document.problems)
    try:
        plan = _model(values).model_validate(values)
    except ValidationError as error:
        raise _together([*problems, *invalid(document, error)]) from None
    folder = Path(os.path.abspath(path)).parent
    clusters = isinstance(plan, PlanSection)
    assignment = _assignment(document, plan.design.assignment, folder, problems) if clusters else None
    if not isinstance(plan, WavesPlanSection) and not _distinct_arms(document, plan.design.treatment, problems):
        raise _together(problems)
    try:
        study = _study(plan, assignment, folder) if clusters else _other_study(plan)
    except (DesignError, TablesError) as error:
        place = _mentioned(document, str(error))
        problems.append((document.line(place), PlanError(f"{document.where(place)}: {error}")))
        raise _together(problems) from error
    if problems:
        raise _together(problems)
    tables = places_of({name: getattr(plan, name) for name in TABLES}, folder) if clusters else {}
    return Plan(study=study, data=place_of(plan.data, folder), path=Path(os.path.abspath(path)), tables=tables)


def _other_study(plan: OptInPlanSection | WavesPlanSection) -> AnyStudy:
    return opt_in_study(plan, _means(plan)) if isinstance(plan, OptInPlanSection) else waves_study(plan, _means(plan))


def _model(values: dict[str, Any]) -> type[PlanSection | OptInPlanSection | WavesPlanSection]:
    """The keys that a plan may have, by what was done."""
    design = values.get("design")
    kind: Any = design.get("kind") if isinstance(design, dict) else None  # pyright: ignore[reportUnknownMemberType,reportUnknownVariableType]
    return MODELS.get(kind, PlanSection) if isinstance(kind, str) else PlanSection


def _together(problems: Sequence[Problem]) -> PlanError:
    ordered = [error for _, error in sorted(problems, key=lambda problem: problem[0])]
    return ordered[0] if len(ordered) == 1 else PlanError.several(ordered)


def _study(plan: PlanSection, assignment: Assignment | None, folder: Path) -> Study:
    metrics, windows = over_events(plan.metrics)
    design = _design(plan.unit, plan.design, assignment, folder)
    return Study(
        design=design,
        metrics=tuple(_metric(metric) for metric in metrics),
        name=plan.name,
        covariates=tuple(c if isinstance(c, str) else c.column for c in plan.covariates),
        negative_controls=tuple(plan.negative_controls),
        segments=tuple(plan.segments),
        rows=plan.rows,
        adjustment=plan.adjustment,
        missing=plan.missing,
        headline=plan.headline,
        level=plan.level,
        seed=plan.seed,
        bootstrap=plan.bootstrap,
        tables=tables_of(plan.assignment_table, plan.exposure_table, plan.events, design.arm, windows),
    )


def _means(plan: OptInPlanSection | WavesPlanSection) -> tuple[Mean, ...]:
    """The metrics of a study that has no events to count."""
    if any(not isinstance(metric, str) and (metric.window or metric.pre_window) for metric in plan.metrics):
        raise TablesError.cluster_only()
    return tuple(_mean(metric) for metric in plan.metrics)


def _design(unit: str, design: DesignSection, assignment: Assignment | None, folder: Path) -> ClusterDesign:
    treatment, exposure = design.treatment, read_exposure(design.exposure, folder)
    return ClusterDesign(
        unit=unit,
        cluster=design.cluster,
        treatment=treatment
        if isinstance(treatment, str)
        else Treatment(column=treatment.column, treated=as_arms(treatment.treated), control=treatment.control),
        strata=tuple(design.strata),
        exposure=exposure,
        uptake=design.uptake,
        period=design.period,
        assignment=assignment,
    )


def _metric(metric: str | MetricSection | RatioSection | QuantileSection) -> Metric:
    if isinstance(metric, QuantileSection):
        asked = {"name": metric.name, "better": metric.better, "role": metric.role, "margin": metric.margin, "pre": metric.pre}
        return Quantile(metric.column, metric.q, **asked)  # pyright: ignore[reportArgumentType]  as the section has it
    return _ratio(metric) if isinstance(metric, RatioSection) else _mean(metric)


def _mean(metric: str | MetricSection) -> Mean:
    if isinstance(metric, str):
        return Mean(metric)
    caps = metric.winsorize
    stated = Winsorize(above=caps.above, below=caps.below) if isinstance(caps, WinsorizeSection) else caps
    plain = Mean(metric.column, name=metric.name, better=metric.better, role=metric.role, margin=metric.margin, pre=metric.pre)
    return plain if stated is None else replace(plain, winsorize=stated)


def _ratio(metric: RatioSection) -> Ratio:
    asked = {"name": metric.name, "better": metric.better, "role": metric.role, "margin": metric.margin, "pre": metric.pre}
    return Ratio(metric.numerator, metric.denominator, **asked)  # pyright: ignore[reportArgumentType]  as the section has it


def _assignment(document: Document, name: str | None, folder: Path, problems: list[Problem]) -> Assignment | None:
    """The assignment record that the plan names; what is wrong with it joins the problems."""
    if name is None:
        return None
    key: KeyPath = ("design", "assignment")
    where = document.where(key)
    try:
        return Assignment.from_json(Path(resolve(name, folder)).read_bytes().decode("utf-8-sig"), name)
    except OSError as reason:
        missing = isinstance(reason, FileNotFoundError)
        found = "There is no such file" if missing else f"The file cannot be read ({reason.strerror})"
        expected = f"{found}. Expected the record written by `honestlift assign`, relative to the plan"
        error = PlanError.bad_value(where, "design.assignment", name, expected)
    except UnicodeDecodeError:
        error = PlanError.bad_value(where, "design.assignment", name, "The file is not UTF-8 text. Expected an assignment record")
    except AssignmentError as reason:
        error = PlanError(f"{where}: {reason}")
    problems.append((document.line(key), error))
    return None


def _distinct_arms(document: Document, treatment: str | TreatmentSection, problems: list[Problem]) -> bool:
    if isinstance(treatment, str):
        return True
    arms = treatment.treated if isinstance(treatment.treated, list) else [treatment.treated]
    if treatment.control not in arms:
        return True
    key: KeyPath = ("design", "treatment", "control")
    expected = "Expected another value than that of the treated arm"
    error = PlanError.bad_value(document.where(key), "design.treatment.control", treatment.control, expected)
    problems.append((document.line(key), error))
    return False


def _mentioned(document: Document, message: str) -> KeyPath:
    """The last value in the plan that an error of the design quotes: of two columns in conflict, the later one."""
    quoted = [path for path in document.lines if path and _quotes(message, look_up(document, path))]
    return max(quoted, key=document.line, default=("design",))


def _quotes(message: str, value: Any) -> bool:
    return isinstance(value, str) and repr(value) in message
