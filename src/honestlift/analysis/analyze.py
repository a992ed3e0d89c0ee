"""The front door: rows, a design and metrics in, a Lift out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from honestlift.analysis.cluster import analyze_cluster
from honestlift.analysis.joining import rows_of
from honestlift.analysis.opt_in.walk import analyze_opt_in
from honestlift.analysis.stored import require_question
from honestlift.analysis.waves.walk import analyze_waves
from honestlift.design.asked import AnyStudy
from honestlift.design.cluster import ClusterDesign
from honestlift.design.metric import Mean, Metric, Quantile, Ratio
from honestlift.design.modelling import Learners, Matching, Propensity
from honestlift.design.opt_in import Covariate, OptInDesign, OptInStudy, as_trim, names_and_times
from honestlift.design.study import Adjustment, Missing, Study
from honestlift.design.tables import Tables
from honestlift.design.waves import WavesDesign, WavesStudy
from honestlift.errors import DesignError, MomentsError, TablesError
from honestlift.moments.stored import StoredMoments
from honestlift.result import Lift
from honestlift.source.connect import Source
from honestlift.source.table import unchanged


def analyze(  # noqa: PLR0913  the contract of the Python face
    data: Any,
    design: ClusterDesign | OptInDesign | WavesDesign,
    metrics: Sequence[Metric | str] | Metric | str,
    *,
    name: str = "Untitled study",
    covariates: Sequence[str | Covariate] | str | Covariate = (),
    negative_controls: Sequence[str] | str = (),
    segments: Sequence[str] | str = (),
    rows: Literal["units", "events"] = "units",
    level: float = 0.95,
    seed: int = 0,
    bootstrap: int = 500,
    exact_duplicates: bool = False,
    adjustment: Adjustment = "interacted",
    missing: Missing = "error",
    propensity: Propensity | None = None,
    matching: Matching | None = None,
    trim: Sequence[float] | Literal["crump"] | None = None,
    learners: Learners | None = None,
    tables: Tables | None = None,
) -> Lift:
    """Estimate the effect of a feature, with everything that one should know before believing it.

    Args:
        data: a Source, or anything that ``connect`` takes: a path, a frame, a DuckDB relation; with ``tables`` a mapping of several.
        design: what was done.
        metrics: the outcomes; the first is primary when none says that it is. A column's name is short for ``Mean(name)``, and
            one alone, here and below, for a list of one.
        name: title of the study.
        covariates: columns known before the treatment; their balance is checked, and effects are adjusted for their means in each
            cluster. In an opt-in study everything rests on them, and a ``Covariate`` says when it was measured.
        negative_controls: outcomes that the feature cannot move.
        segments: cluster study: discrete columns known before the treatment, within whose levels the effects are shown too; exploratory.
        rows: ``units`` (one row per user) or ``events`` (several, summed per user first).
        level: nominal coverage of every interval.
        seed: start of every random draw; the same rows, study and seed give the same bytes.
        bootstrap: replicates of the cluster bootstrap; 0 for none.
        exact_duplicates: look for repeated users among all rows at any size.
        adjustment: how effects are adjusted for the covariates in a cluster study: ``interacted`` with the arm where both arms have
            clusters enough, ``additive`` or ``none``.
        missing: what becomes of users without a covariate: ``error``, ``drop`` or ``category``.
        propensity: opt-in: the model of the choice; maximum likelihood by default.
        matching: opt-in: how users are matched; the nearest neighbour, with ties, by default.
        trim: opt-in: the least and greatest propensity to keep, or ``"crump"``. It changes the question.
        learners: opt-in: scikit-learn-compatible models, cross-fitted, for one more doubly robust estimate.
        tables: cluster study: the tables beside that of the users, which are joined to one row per user.

    Returns:
        The whole answer. ``print`` shows the verdict, then the numbers, naive beside honest.

    Raises:
        HonestliftError: if a column, a value or an option is not what the study needs; the message says what to do.

    Example:
        >>> design = hl.ClusterDesign(unit="user_id", cluster="workspace_id", treatment="treated")
        >>> lift = hl.analyze("users.parquet", design, "session_minutes_obs", bootstrap=0)
        >>> round(lift.headline().conf_low, 2), lift.verdict.level
        (0.54, 'supported')
    """
    shared: dict[str, Any] = {"name": name, "metrics": _outcomes(metrics), "level": level, "seed": seed}
    shared |= {"negative_controls": _several(negative_controls)}
    if isinstance(design, WavesDesign):
        changed = {"rows": rows != "units", "adjustment": adjustment != "interacted", "missing": missing != "error"}
        others = {"propensity": propensity, "matching": matching, "trim": trim, "learners": learners, "tables": tables}
        _refuse_all_but_waves({"covariates": covariates, "segments": segments, **changed, **others})
        return run(data, WavesStudy(design=design, **shared))
    before, timed = names_and_times([covariates] if isinstance(covariates, (str, Covariate)) else covariates)
    within = _within(segments, design, tables)
    shared |= {"covariates": before, "missing": missing, "bootstrap": bootstrap, "exact_duplicates": exact_duplicates}
    if isinstance(design, OptInDesign):
        chosen = OptInStudy(
            design=design,
            timed=timed,
            propensity=propensity or Propensity(),
            matching=matching or Matching(),
            trim=as_trim(trim),
            learners=learners,
            **shared,
        )
        return run(data, chosen)
    _refuse_opt_in(timed, propensity, matching, trim, learners)
    study = Study(design=design, segments=within, rows=rows, adjustment=adjustment, tables=tables, **shared)
    return run(data, study)


def _refuse_opt_in(*asked: object) -> None:
    """What only an opt-in study has."""
    if any(asked):
        raise DesignError.opt_in_only()


def _refuse_all_but_waves(asked: Mapping[str, object]) -> None:
    """What a roll-out in waves has no place for, by name."""
    named = [name for name, value in asked.items() if value]
    if named:
        raise DesignError.not_of_waves(named)


def _several(names: Sequence[str] | str) -> tuple[str, ...]:
    """One name alone is a list of one."""
    return (names,) if isinstance(names, str) else tuple(names)


def _within(segments: Sequence[str] | str, design: ClusterDesign | OptInDesign, tables: Tables | None) -> tuple[str, ...]:
    """The segments, which an opt-in study does not have; nor has it tables to join."""
    if tables is not None and isinstance(design, OptInDesign):
        raise TablesError.cluster_only()
    if segments and isinstance(design, OptInDesign):
        raise DesignError.out_of_range("segments", segments, "none; segments are those of cluster studies")
    return _several(segments)


def _outcomes(metrics: Sequence[Metric | str] | Metric | str) -> tuple[Metric, ...]:
    """A column's name is short for its mean, and one metric for a list of one."""
    several = [metrics] if isinstance(metrics, (str, Mean, Ratio, Quantile)) else metrics
    return tuple(Mean(m) if isinstance(m, str) else m for m in several)


def run(data: Any, study: AnyStudy, step: Callable[[str], None] = lambda _: None) -> Lift:
    """The same for a study that is ready made; ``step`` hears the name of each stage as it begins.

    The data may be ``StoredMoments`` too: sums that were made earlier, or elsewhere.

    Example:
        >>> design = hl.OptInDesign(unit="user_id", treatment="opt_in_agent_mode", estimands=("ATT",))
        >>> study = hl.OptInStudy(design=design, metrics=(hl.Mean("task_completed"),), covariates=("engagement_tier",), bootstrap=0)
        >>> round(hl.run("users.parquet", study).headline().estimate, 3)
        0.077
    """
    if isinstance(data, StoredMoments):
        if isinstance(study, WavesStudy):
            raise MomentsError.needs_rows()
        require_question(data, study)
        return _analyzed(data, study, step)
    source = rows_of(data, study, step)
    with unchanged([source]):
        return _analyzed(source, study, step)


def _analyzed(source: Source | StoredMoments, study: AnyStudy, step: Callable[[str], None]) -> Lift:
    if isinstance(study, WavesStudy):
        assert isinstance(source, Source)
        return analyze_waves(source, study, step)
    return analyze_opt_in(source, study, step) if isinstance(study, OptInStudy) else analyze_cluster(source, study, step)
