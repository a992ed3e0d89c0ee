"""A study's sums kept for later, or made elsewhere: what they depend on, what goes into the file, and a reading made from it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from honestlift.analysis.elsewhere import as_scanned
from honestlift.analysis.joining import rows_of
from honestlift.analysis.opt_in.reading import Step, Summed, read_opt_in
from honestlift.analysis.opt_in.requirements import typed
from honestlift.analysis.reading import Reading, compared
from honestlift.analysis.requirements import check_measured, numeric
from honestlift.analysis.saturation.reading import recorded
from honestlift.analysis.summing import Seen, keys_of, spec_of, summed
from honestlift.analysis.tables import density_table
from honestlift.analysis.winsorizing import Capped, beside_caps, with_known_caps
from honestlift.design.asked import AnyStudy
from honestlift.design.metric import Mean, Quantile
from honestlift.design.opt_in import OptInStudy
from honestlift.design.study import Study
from honestlift.design.waves import WavesStudy
from honestlift.errors import DataError, MomentsError
from honestlift.moments.arms import read_several
from honestlift.moments.merged import sketch
from honestlift.moments.spec import Sum
from honestlift.moments.stored import StoredMoments, layout
from honestlift.source.connect import Source
from honestlift.source.table import Note, unchanged

UNTOUCHED = ("name", "seed", "level", "bootstrap", "adjustment", "headline", "exact_duplicates", "propensity", "matching", "trim")
"""What a study says that no sum depends on."""


def question(study: AnyStudy) -> str:
    """Hash of all in a study that its sums depend on: columns and their roles, not names, seeds, levels or margins."""
    values = {key: value for key, value in study.canonical().items() if key not in UNTOUCHED}
    design = {key: value for key, value in values["design"].items() if key != "estimands"}
    asked = ("name", "better", "role", "margin")
    metrics = [{key: value for key, value in metric.items() if key not in asked} for metric in values["metrics"]]
    values |= {"design": design, "metrics": metrics, "primary": list(study.primary.columns)}
    values |= {"buckets": bool(study.bootstrap)} if isinstance(study, OptInStudy) else {}
    text = json.dumps(values, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def needs_rows(study: AnyStudy) -> list[str]:
    """What in a study cannot be answered from its sums alone."""
    reasons = [f"the quantile metric {m.label}" for m in study.metrics if isinstance(m, Quantile)]
    if isinstance(study, OptInStudy) and study.learners is not None:
        reasons.append("learners")
    if isinstance(study, WavesStudy):
        reasons.append("the waves of a roll-out")
    if isinstance(study, Study) and study.design.period is not None:
        reasons.append("the effect over time")
    if isinstance(study, Study) and recorded(study) is not None:
        reasons.append("the two-stage assignment")
    if isinstance(study, Study) and study.design.exposure is not None and study.design.exposure.graph is not None:
        reasons.append("the collaboration graph")
    return reasons


def not_in_a_query(study: AnyStudy) -> list[str]:
    """What in a study cannot be answered from the sums of a query that ran elsewhere."""
    if isinstance(study, OptInStudy):
        return ["a study of users who choose"]
    return needs_rows(study) + [
        f"the caps of {m.label}" for m in study.metrics if isinstance(m, Mean) and m.winsorize is not None
    ]


def study_layout(study: Study, categories: Sequence[str] = ()) -> tuple[list[str], list[str], list[Sum], str]:
    """Keys, measured columns and sums of a cluster study, and the text that stands in the column ``layout`` of its answer.

    Args:
        study: the question.
        categories: the covariates that hold text, which the rows are grouped by.

    Raises:
        MomentsError: if the study needs its rows.
    """
    reasons = not_in_a_query(study)
    if reasons:
        raise MomentsError.not_savable(reasons)
    keys = list(dict.fromkeys([*keys_of(study), *categories]))
    measures = list(numeric(study, [c for c in study.covariates if c not in categories]))
    sums = list(spec_of(study, measures, keys, outcomes=True).sums)
    return keys, measures, sums, layout(keys, measures, sums, question(study))


def collect_moments(data: Any, study: AnyStudy, step: Step = lambda _: None) -> StoredMoments:
    """The sums that a study needs, to be kept in a file, added to those of other users, and answered without the rows.

    Args:
        data: a Source, or anything that ``connect`` takes.
        study: the question.
        step: hears each stage as it begins.

    Raises:
        MomentsError: if the study cannot be answered from sums alone.
        HonestliftError: if a column or a value is not what the study needs.

    Example:
        >>> design = hl.ClusterDesign(unit="user_id", cluster="workspace_id", treatment="treated")
        >>> stored = hl.collect_moments("users.parquet", hl.Study(design=design, metrics=(hl.Mean("session_minutes_obs"),)))
        >>> stored.moments.cells, int(stored.moments.rows.sum())
        (50, 50000)
    """
    reasons = needs_rows(study)
    if reasons or isinstance(study, WavesStudy):
        raise MomentsError.not_savable(reasons)
    source = rows_of(data, study, step)
    with unchanged([source]):
        return _patterns(source, study, step) if isinstance(study, OptInStudy) else _sums(source, study, step)


def _sums(source: Source, study: Study, step: Step) -> StoredMoments:
    seen = summed(source, study, step)
    reading, asked = compared(seen), question(study)
    step("Sketching the users")
    header: dict[str, Any] = {
        "engine": reading.engine,
        "one_in": seen.one_in,
        "dropped": seen.dropped,
        "notes": [asdict(note) for note in seen.notes],
        "split": {c: names for c, names in seen.columns.items() if names != [c]},
        "caps": [_cap(capped) for capped in seen.capped],
        "density": [row[1:] for row in density_table(reading, seen.study.primary, seen.study).rows],
        "sketch": sketch(_every_arm(seen), study.design.unit, int(seen.moments.rows.sum()), asked),
    }
    plain = json.loads(json.dumps(header))
    return StoredMoments(moments=seen.moments, question=asked, profile=seen.profile, header=plain)


def _every_arm(seen: Seen) -> Source:
    """The rows that were summed."""
    assert isinstance(seen.origin, Source)
    return seen.origin


def _cap(capped: Capped) -> dict[str, Any]:
    """Where a metric's caps lie, and the columns that were read for it."""
    read = {"column": capped.as_read.column, "pre": capped.as_read.pre, "beyond": capped.beyond}
    return {"of": capped.metric.column, "below": capped.below, "above": capped.above, "quantile": capped.quantile, **read}


def _patterns(source: Source, study: OptInStudy, step: Step) -> StoredMoments:
    """The table of patterns of covariates, and what was found on the way to it."""
    kept: list[Summed] = []
    read_opt_in(source, study, step, keep=kept.append)
    if not kept:
        raise MomentsError.not_savable(["more than a million combinations of covariates"])
    summed, asked = kept[0], question(study)
    step("Sketching the users")
    header: dict[str, Any] = {
        "engine": summed.entrance.engine,
        "one_in": summed.entrance.one_in,
        "dropped": dict(summed.entrance.dropped),
        "categories": [c.name for c in summed.covariates if c.category],
        "timings": [asdict(t) for t in summed.entrance.timings],
        "sketch": sketch(typed(source, study), study.design.unit, int(summed.moments.rows.sum()), asked),
    }
    plain = json.loads(json.dumps(header))
    return StoredMoments(moments=summed.moments, question=asked, profile=summed.profile, header=plain)


def reading_of(stored: StoredMoments, study: Study) -> Reading:
    """A reading from stored sums: the same as from the rows, but for what needs the rows again.

    Raises:
        MomentsError: if the sums are those of another question.
        DataError: if they are not what the study needs.
    """
    require_question(stored, study)
    categories = [c for c in study.covariates if c in stored.moments.keys and c not in stored.moments.origin]
    header, moments = stored.header, stored.moments
    split: dict[str, list[str]] = header.get("split") or {}
    asked, capped = with_known_caps(study, header.get("caps") or ())
    columns = {c: split.get(c, [c]) for c in study.covariates if c not in categories}
    measures = numeric(asked, [name for names in columns.values() for name in names]) | beside_caps(capped)
    keys = list(dict.fromkeys([*keys_of(study), *categories]))
    sums = spec_of(asked, list(measures), keys, outcomes=True).sums
    if [*moments.keys] != keys or {*moments.origin} != {*measures} or {*moments.sums} != {*sums}:
        raise MomentsError.unlike(", ".join(stored.names), "the plan", "the layout is not the one that the plan asks for")
    stored = as_scanned(stored, study, categories)
    header, moments = stored.header, stored.moments
    for name, roles in measures.items():
        check_measured(name, roles, stored.profile.columns[name], study.missing)
    if study.design.uptake:
        _require_binary(stored, study.design.uptake)
    seen = Seen(
        origin=stored,
        moments=moments,
        profile=stored.profile,
        dropped=dict(header.get("dropped", {})),
        columns=columns,
        categories=categories,
        arms=tuple(read_several(moments, study.design)),
        study=asked,
        capped=capped,
        one_in=header.get("one_in") or 0,
        notes=tuple(_note(note) for note in header.get("notes") or ()),
    )
    return compared(seen)


def require_question(stored: StoredMoments, study: AnyStudy) -> None:
    """The sums are those that the study needs.

    Raises:
        MomentsError: if they are not.
    """
    if stored.question != question(study):
        raise MomentsError.another_question(stored.question, question(study))


def _require_binary(stored: StoredMoments, uptake: str) -> None:
    """The uptake is 0 or 1: no value between them, for these lie above their squares.

    Raises:
        DataError: if it is not.
    """
    column, moments = stored.profile.columns[uptake], stored.moments
    total, square, origin = (*(moments.sums[Sum((uptake,) * p, (uptake,))].sum() for p in (1, 2)), moments.origin[uptake])
    between = (1 - 2 * origin) * total - square + origin * (1 - origin) * column.count
    if column.low < 0 or column.high > 1 or abs(between) > 1e-9 * column.count:
        raise DataError.not_binary(uptake, "uptake", [column.low, column.high])


def _note(told: dict[str, Any]) -> Note:
    arms = tuple((str(arm), int(gone), int(of)) for arm, gone, of in told["arms"])
    return Note(reason=told["reason"], users=told["users"], dropped=told["dropped"], arms=arms, p_value=told["p_value"])
