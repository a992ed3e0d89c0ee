"""The front door: rows, a design and metrics in, a Lift out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

from honestlift.analysis.cluster import analyze_cluster
from honestlift.design.cluster import ClusterDesign
from honestlift.design.metric import Mean
from honestlift.design.study import Study
from honestlift.result import Lift
from honestlift.source.connect import connect


def analyze(  # noqa: PLR0913  the contract of the Python face
    data: Any,
    design: ClusterDesign,
    metrics: Sequence[Mean | str] | Mean | str,
    *,
    name: str = "Untitled study",
    covariates: Sequence[str] | str = (),
    negative_controls: Sequence[str] | str = (),
    rows: Literal["units", "events"] = "units",
    level: float = 0.95,
    seed: int = 0,
    bootstrap: int = 500,
    exact_duplicates: bool = False,
) -> Lift:
    """Estimate the effect of a feature, with everything that one should know before believing it.

    Args:
        data: a Source, or anything that ``connect`` takes: a path, a frame, a DuckDB relation.
        design: what was done.
        metrics: the outcomes; the first is primary when none says that it is. A column's name is short for ``Mean(name)``, and
            one alone, here and below, for a list of one.
        name: title of the study.
        covariates: columns known before the treatment; their balance is checked.
        negative_controls: outcomes that the feature cannot move.
        rows: ``units`` (one row per user) or ``events`` (several, summed per user first).
        level: nominal coverage of every interval.
        seed: start of every random draw; the same rows, study and seed give the same bytes.
        bootstrap: replicates of the cluster bootstrap; 0 for none.
        exact_duplicates: look for repeated users among all rows at any size.

    Returns:
        The whole answer. ``print`` shows the verdict, then the numbers, naive beside honest.

    Raises:
        HonestliftError: if a column, a value or an option is not what the study needs; the message says what to do.
    """
    study = Study(
        name=name,
        design=design,
        metrics=tuple(Mean(m) if isinstance(m, str) else m for m in ([metrics] if isinstance(metrics, (str, Mean)) else metrics)),
        covariates=(covariates,) if isinstance(covariates, str) else tuple(covariates),
        negative_controls=(negative_controls,) if isinstance(negative_controls, str) else tuple(negative_controls),
        rows=rows,
        level=level,
        seed=seed,
        bootstrap=bootstrap,
        exact_duplicates=exact_duplicates,
    )
    return run(data, study)


def run(data: Any, study: Study, step: Callable[[str], None] = lambda _: None) -> Lift:
    """The same for a study that is ready made; ``step`` hears the name of each stage as it begins."""
    return analyze_cluster(connect(data), study, step)
