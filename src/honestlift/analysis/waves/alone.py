"""A roll-out in waves in one call: from rows to effects by period, overall, and how they change; a study says more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from honestlift.analysis.waves.reading import read_sums, require_kinds
from honestlift.analysis.waves.timeline import COLUMNS, timeline
from honestlift.errors import DesignError, WavesError
from honestlift.estimators.waves import Base, supported
from honestlift.report.over_time import waves_text
from honestlift.result import Interval, Table
from honestlift.source.connect import connect


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Waves:
    """The effect of a roll-out in waves.

    Attributes:
        outcome: the column.
        estimate: mean effect over all treated users of the supported periods, in the outcome's unit.
        interval: its interval, by the jackknife of clusters within waves.
        change: change of the effect per period since the start (novelty wears off: towards zero; spillover grows: away from it).
        change_interval: its interval, and the test of a constant effect; NaN where only one period since the start is supported.
        before: change per period of the gap before the start, which parallel trends say is zero; NaN without two such periods.
        before_interval: its interval and test.
        tables: ``since`` (effect by periods since the start) and ``waves`` (by wave and period).
        unsupported: waves and periods that have nobody to be compared with.
        compared_before: whether differences before the start are taken off; if not, the contrast rests on waves that were drawn.

    Example:
        >>> names = {"cluster": "workspace_id", "period": "signup_week", "start": "treatment_week"}
        >>> found = hl.waves("users.parquet", **names, outcome="task_completed")
        >>> round(found.estimate, 3), found.interval.low < 0.05 < found.interval.high
        (0.053, True)
    """

    outcome: str
    estimate: float
    interval: Interval
    change: float
    change_interval: Interval
    before: float
    before_interval: Interval
    tables: dict[str, Table]
    unsupported: int
    compared_before: bool

    def __str__(self) -> str:
        return waves_text(self)


def waves(data: Any, *, cluster: str, period: str, start: str, outcome: str, base: Base = "all", level: float = 0.95) -> Waves:
    """Effects of a feature that reached clusters in waves, against clusters that it had not reached yet, or never.

    Rows may be a user's periods, or users who are seen once; they are reduced to sums per cluster and period in the engine.

    Args:
        data: what ``connect`` takes.
        cluster: column of the cluster that was switched on as a whole.
        period: column of the period of the row, a whole number such as a week.
        start: column of the period from which the row's cluster is treated; one value per cluster, empty for one that never is.
        outcome: column of the outcome, a number or 0/1.
        base: the periods before its start that a wave is compared with: ``all``, or the ``last``, which assumes parallel trends
            only from there and is less precise.
        level: nominal coverage.

    Raises:
        WavesError: if a start varies within a cluster, or no wave has clusters to be compared with.
        HonestliftError: if a column is missing or cannot be what it is named as.

    Source:
        Callaway & Sant'Anna (2021), Journal of Econometrics 225, with controls that are not yet treated.

    Example:
        >>> names = {"cluster": "workspace_id", "period": "signup_week", "start": "treatment_week"}
        >>> found = hl.waves("users.parquet", **names, outcome="task_completed", base="last")
        >>> found.tables["since"].columns[:2], found.unsupported
        (('since', 'estimate'), 44)
    """
    if base not in ("all", "last"):
        raise DesignError.out_of_range("base", base, "'all' or 'last'")
    if not 0.5 <= level < 1:
        raise DesignError.out_of_range("level", level, "a number from 0.5 to below 1")
    source = connect(data)
    require_kinds(source, cluster, period, start, [(outcome, "outcome")])
    sums = read_sums(source, cluster, period, start, {outcome: "outcome"}, lambda _: None)
    panel = sums.outcomes[outcome]
    on = supported(panel, base)
    if not len(on.cells):
        raise WavesError.nobody_to_compare(start)
    found = timeline(panel, on, level)
    since = zip(on.since.tolist(), found.since, strict=True)
    cells = zip(on.cells.tolist(), found.cells, strict=True)
    return Waves(
        outcome=outcome,
        estimate=found.overall.estimate,
        interval=found.overall.interval,
        change=found.change.estimate,
        change_interval=found.change.interval,
        before=found.drift.estimate,
        before_interval=found.drift.interval,
        tables={
            "since": Table(columns=("since", *COLUMNS), rows=tuple((e, *point.row()) for e, point in since)),
            "waves": Table(
                columns=("wave", "period", *COLUMNS),
                rows=tuple((sums.period(g), sums.period(t), *point.row()) for (g, t), point in cells),
            ),
        },
        unsupported=sum(panel.periods - g for g in panel.waves) - len(on.cells),
        compared_before=on.based,
    )
