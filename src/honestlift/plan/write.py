"""Writing plan.yaml: a study and the place of its data as text that reads back as the same."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import yaml

from honestlift.design.asked import AnyStudy
from honestlift.design.cluster import Treatment
from honestlift.design.metric import Mean, Metric, Quantile, Ratio, Winsorize
from honestlift.design.opt_in import OptInStudy
from honestlift.design.study import Study
from honestlift.design.waves import WavesStudy
from honestlift.errors import DesignError
from honestlift.plan.exposure import exposure_values
from honestlift.plan.location import Place, shorten
from honestlift.plan.opt_in import opt_in_values
from honestlift.plan.places import place_values
from honestlift.plan.tables import tables_values
from honestlift.plan.waves import waves_values

_NUMBER_LIKE = re.compile(r"[-+.0-9][-+.:_0-9eExXoO]*")
_LONG_LINE = 1 << 20


class _Writer(yaml.SafeDumper):
    """Puts quotes around text that another reader of YAML could take for a number, and keeps text on one line."""


def _text(writer: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    quoted = _NUMBER_LIKE.fullmatch(value) or not value.isprintable()
    style = '"' if quoted else None
    return writer.represent_scalar("tag:yaml.org,2002:str", value, style=style)  # pyright: ignore[reportUnknownMemberType]


_Writer.add_representer(str, _text)


def scalar(value: str | float) -> str:
    """One value as YAML on one line, with the quotes it needs anywhere in a plan."""
    listed: str = yaml.dump([value], Dumper=_Writer, default_flow_style=True, allow_unicode=True, width=_LONG_LINE)
    return listed.strip()[1:-1]


def plan_text(
    study: AnyStudy,
    data: Place,
    folder: Path,
    *,
    assignment: str | None = None,
    tables: Mapping[str, Place] | None = None,
) -> str:
    """A study and the place of its data as the text of a plan file. Keys that hold their default are left out.

    Args:
        study: what is asked.
        data: where the rows are.
        folder: where the plan will stand; paths inside it are written relative to it.
        assignment: file of the assignment record, which the caller writes; required if the design has one.
        tables: where the rows of each joined table are, by its key.

    Raises:
        DesignError: if the study has an option that no key of a plan holds, or an assignment and no file for it.
    """
    if not isinstance(study, WavesStudy) and study.exact_duplicates:
        raise DesignError.out_of_range(
            "exact_duplicates", study.exact_duplicates, "False in a plan file, which has no key for it"
        )
    if isinstance(study, OptInStudy) and study.learners is not None:
        raise DesignError.out_of_range("learners", "given", "None in a plan file, which has no key for them")
    record = study.design.assignment if isinstance(study, Study) else None
    if (record is None) != (assignment is None):
        raise DesignError.out_of_range("assignment", assignment, "the file of the record if the design has one, else None")
    values: dict[str, Any] = {"name": study.name, "data": place_values(data, folder), "unit": study.design.unit}
    own = _own_values(study, assignment, folder, tables or {})
    first = ("unit_type", "rows", "design")
    values |= {key: own[key] for key in first if key in own}
    values["metrics"] = [_metric(metric) for metric in study.metrics]
    values |= {"negative_controls": list(study.negative_controls)}
    values |= {} if isinstance(study, WavesStudy) else {"covariates": list(study.covariates)}
    values |= {key: value for key, value in own.items() if key not in first}
    values |= {"level": study.level, "seed": study.seed}
    values |= {} if isinstance(study, WavesStudy) else {"bootstrap": study.bootstrap}
    values = {key: value for key, value in values.items() if value != []}
    text: str = yaml.dump(values, Dumper=_Writer, sort_keys=False, allow_unicode=True, width=_LONG_LINE)
    return text


def _own_values(study: AnyStudy, assignment: str | None, folder: Path, tables: Mapping[str, Place]) -> dict[str, Any]:
    """The keys that not all kinds of study have."""
    if isinstance(study, WavesStudy):
        return waves_values(study)
    if isinstance(study, OptInStudy):
        return {"rows": "units", **opt_in_values(study)}
    return _cluster_values(study, assignment, folder, tables)


def _cluster_values(study: Study, assignment: str | None, folder: Path, tables: Mapping[str, Place]) -> dict[str, Any]:
    """The keys that a cluster study has of its own."""
    design = _design(study, assignment and shorten(assignment, folder), folder)
    own: dict[str, Any] = {} if study.adjustment == "interacted" else {"adjustment": study.adjustment}
    own |= {"segments": list(study.segments)} if study.segments else {}
    own |= {} if study.missing == "error" else {"missing": study.missing}
    own |= tables_values(study.tables, tables, folder) if study.tables else {}
    return {"rows": study.rows, "design": design, **own, "headline": study.headline}


def _design(study: Study, assignment: str | None, folder: Path) -> dict[str, Any]:
    design = study.design
    arms = design.treatment
    values: dict[str, Any] = {"kind": "cluster", "cluster": design.cluster, "treatment": arms, "assignment": assignment}
    if isinstance(arms, Treatment):
        treated = list(arms.arms) if len(arms.arms) > 1 else arms.treated
        values["treatment"] = {"column": arms.column, "treated": treated, "control": arms.control}
    values["strata"] = list(design.strata) or None
    if design.exposure:
        values["exposure"] = exposure_values(design.exposure, folder)
    values |= {"uptake": design.uptake, "period": design.period}
    return {key: value for key, value in values.items() if value is not None}


def _metric(metric: Metric) -> Any:
    values: dict[str, Any] = {"column": metric.column} if isinstance(metric, Mean) else {}
    values |= {"name": metric.name}
    if isinstance(metric, Quantile):
        values |= {"kind": "quantile", "column": metric.column, "q": metric.q}
    if isinstance(metric, Ratio):
        values |= {"kind": "ratio", "numerator": metric.numerator, "denominator": metric.denominator}
    values |= {"better": metric.better, "role": metric.role}
    values |= {"margin": metric.margin, "pre": metric.pre}
    caps = metric.winsorize if isinstance(metric, Mean) else None
    stated = {k: v for k, v in asdict(caps).items() if v is not None} if isinstance(caps, Winsorize) else caps
    values |= {"winsorize": stated}
    return {key: value for key, value in values.items() if value is not None}
