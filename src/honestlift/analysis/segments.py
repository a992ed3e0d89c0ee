"""Effects within pre-specified segments of users: exploratory, corrected for their number, and whether they differ at all."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from honestlift.analysis.estimates import Answer, contrast, smallest_difference
from honestlift.analysis.reading import Reading
from honestlift.analysis.rule import known_before
from honestlift.analysis.sheet import finite, settled
from honestlift.design.metric import Mean, Metric, Ratio
from honestlift.design.study import Study
from honestlift.diagnostics import segments as diagnosed
from honestlift.diagnostics.balance import Contrast
from honestlift.errors import DesignError
from honestlift.estimators import itt
from honestlift.estimators.adjusted import Covariate
from honestlift.estimators.fit import least_squares
from honestlift.estimators.ratio import denominators, ratio_outcome
from honestlift.inference.interval import t_interval
from honestlift.inference.multiplicity import benjamini_hochberg, holm
from honestlift.inference.sandwich import Whitened, covariance, satterthwaite, whiten
from honestlift.inference.wald import htz
from honestlift.moments.cells import Cells, Outcome
from honestlift.moments.cluster import cluster_moments
from honestlift.moments.spec import Sum
from honestlift.moments.table import Key, Label, Moments
from honestlift.report import words
from honestlift.result import Check, Interval, Table

FEWEST_USERS = 10
"""Users of an arm below which a level is merged with the other small ones of its segment."""

FEWEST_CLUSTERS, FEWEST_DF = 3, 4.0
"""Clusters of an arm, and degrees of freedom, below which the effect in a level is refused."""

SMALL = "(small levels)"
"""What the merged levels are called."""

NUMBERS = ("estimate", "std_error", "df", "p_value", "conf_low", "conf_high")
EFFECTS = ("metric", "segment", "level", "users", "workspaces", *NUMBERS, "holm", "benjamini_hochberg", "refused")
TESTS = ("metric", "segment", "levels", "f", "df_levels", "df", "p_value", "holm")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Level:
    """A level of a segment and its effect on a metric; or why there is none.

    Attributes:
        name: the level.
        outcome: the metric of its users; None where an arm has too few.
        places: (G,) the outcome's clusters among all.
        estimate, interval: the effect per user; NaN and None where it is refused.
        refused: why; None where it is not.
    """

    name: str
    outcome: Outcome | None
    places: NDArray[np.int64]
    estimate: float
    interval: Interval | None
    refused: str | None


def segment_tables(reading: Reading, answers: Sequence[Answer], study: Study) -> dict[str, Table]:
    """Effects by level and tests of their equality for every metric that is no quantile; p-values corrected over each table."""
    effects: list[tuple[object, ...]] = []
    tests: list[tuple[object, ...]] = []
    p_levels: list[float] = []
    for answer in answers:
        for segment in study.segments if isinstance(answer.metric, (Mean, Ratio)) else ():
            found = _levels(reading, answer.metric, segment, study)
            for level in found:
                effects.append((answer.metric.label, segment, *_row(level)))
                p_levels.append(level.interval.p_value if level.interval else math.nan)
            tests.append((answer.metric.label, segment, *_equality(found, reading.cells.arm.size)))
    return {"segments": _corrected(effects, p_levels), "segment_tests": _tested(tests)}


def _corrected(rows: list[tuple[object, ...]], p: list[float]) -> Table:
    """Corrected over the effects that could be told."""
    told = [i for i, value in enumerate(p) if not math.isnan(value)]
    strict, mild = (dict(zip(told, f([p[i] for i in told]), strict=True)) for f in (holm, benjamini_hochberg))
    made = [(*row[:-1], strict.get(i), mild.get(i), row[-1]) for i, row in enumerate(rows)]
    return Table(columns=EFFECTS, rows=tuple(made))


def _tested(rows: list[tuple[object, ...]]) -> Table:
    told = [i for i, row in enumerate(rows) if row[-1] is not None]
    strict = dict(zip(told, holm([float(str(rows[i][-1])) for i in told]), strict=True))
    return Table(columns=TESTS, rows=tuple((*row, strict.get(i)) for i, row in enumerate(rows)))


def _row(level: Level) -> tuple[object, ...]:
    o, interval = level.outcome, level.interval
    counted = (None, None) if o is None else (o.rows, o.clusters)
    if interval is None:
        return (level.name, *counted, None, None, None, None, None, None, level.refused)
    numbers = (level.estimate, interval.std_error, interval.df, interval.p_value, interval.low, interval.high)
    return (level.name, *counted, *(finite(v) for v in numbers), None)


def _levels(reading: Reading, metric: Metric, segment: str, study: Study) -> list[Level]:
    cells = reading.cells
    made: list[Level] = []
    for name, mask in _masks(cells, metric, segment).items():
        inside = restricted(cells, mask)
        kept = inside.kept(*metric.columns)
        covariates = [replace(c, values=c.values[kept]) for c in known_before(reading, metric, (), study)]
        made.append(_level(name, _outcome(inside, metric), np.flatnonzero(kept), covariates, study))
    return made


def _masks(cells: Cells, metric: Metric, segment: str) -> dict[str, NDArray[np.bool_]]:
    """The cells of each level; levels with under ten users of an arm are one, in the order of their values."""
    key = cells.moments.keys[segment]
    count = _count(cells, metric)
    masks = {code: key.codes == code for code in range(len(key.labels))}
    arms = [[float(count[mask & (cells.treated == arm)].sum()) for arm in (True, False)] for mask in masks.values()]
    small = [code for code, users in zip(masks, arms, strict=True) if min(users) < FEWEST_USERS]
    made = {_named(key.labels[code]): mask for code, mask in masks.items() if code not in small}
    return made | ({SMALL: np.isin(key.codes, small)} if small else {})


def _named(label: Label) -> str:
    return "(missing)" if label is None else str(label)


def restricted(cells: Cells, mask: NDArray[np.bool_]) -> Cells:
    """The same clusters with the users of some cells (C,) alone."""
    m = cells.moments
    inside = Moments(
        keys={name: Key(codes=key.codes[mask], labels=key.labels) for name, key in m.keys.items()},
        rows=m.rows[mask],
        sums={s: values[mask] for s, values in m.sums.items()},
        origin=m.origin,
    )
    exposed = None if cells.exposed is None else cells.exposed[mask]
    return replace(cells, moments=inside, cluster=cells.cluster[mask], exposed=exposed)


def _outcome(inside: Cells, metric: Metric) -> Outcome | None:
    """The metric of these users; None where an arm has none, or a ratio no denominator."""
    if any(not _count(inside, metric)[inside.treated == arm].sum() for arm in (True, False)):
        return None
    if not isinstance(metric, Ratio):
        return inside.outcome(metric.column)
    lower = denominators(inside, *metric.columns)
    whole = [float((lower.total + lower.origin * lower.count)[lower.treated == arm].sum()) for arm in (True, False)]
    return ratio_outcome(inside, *metric.columns) if min(whole) > 0 else None


def _count(cells: Cells, metric: Metric) -> NDArray[np.float64]:
    """(C,) users who have the metric."""
    return cells.moments.sums[Sum((), tuple(sorted(metric.columns)))]


def _level(name: str, o: Outcome | None, places: NDArray[np.int64], covariates: Sequence[Covariate], study: Study) -> Level:
    """The effect per user within a level with the headline's inference; refused where users or workspaces are few."""
    none = Level(name=name, outcome=o, places=places, estimate=math.nan, interval=None, refused=None)
    if o is None or min(float(o.count[o.treated == arm].sum()) for arm in (True, False)) < FEWEST_USERS:
        return replace(none, outcome=None, refused=f"under {FEWEST_USERS} users in an arm")
    treated, control = int(o.arm.sum()), int((~o.arm).sum())
    if min(treated, control) < FEWEST_CLUSTERS:
        return replace(none, refused=f"too few workspaces: {treated:,} treated, {control:,} control")
    white = _fit(o, covariates, study)
    pick, smallest = white.fit.contrast("itt"), smallest_difference(o)
    df = satterthwaite(white, pick)
    if not df >= FEWEST_DF:
        return replace(none, refused=f"too few workspaces: {words.number(df, 1)} degrees of freedom")
    effect = settled(float(pick @ white.fit.theta), smallest)
    error = settled(math.sqrt(max(float(pick @ covariance(white, "CR2") @ pick), 0.0)), smallest)
    return replace(none, estimate=effect, interval=t_interval(effect, error, df, study.level))


def _fit(o: Outcome, covariates: Sequence[Covariate], study: Study) -> Whitened:
    """As the headline's, with the strata and covariates that the workspaces of a level can bear."""
    strata = itt.contrasts(o)
    adjustment = itt.choose_covariates(o, covariates, study.adjustment, strata=strata)
    try:
        return whiten(least_squares(itt.user_moments(o, strata=strata, adjustment=adjustment)))
    except DesignError:  # strata that this level cannot tell from the arms
        return whiten(least_squares(itt.user_moments(o)))


def _equality(found: Sequence[Level], clusters: int) -> tuple[object, ...]:
    """Is the effect the same in all levels that have one? CR2 and HTZ over one regression with a mean and an effect per level.

    A workspace with users of several levels is one cluster of it. Neither strata nor covariates are in it.
    """
    parts = [level for level in found if level.interval is not None]
    size = len(parts)
    if size < 2:
        return (size, None, None, None, None)
    outcomes = [level.outcome for level in parts if level.outcome is not None]
    origin = outcomes[0].origin
    moments = cluster_moments(
        tuple(f"{kind} {i}" for kind in ("mean", "effect") for i in range(size)),
        np.concatenate([level.places[o.cluster] for level, o in zip(parts, outcomes, strict=True)]),
        np.concatenate([_regressors(i, size, o) for i, o in enumerate(outcomes)]),
        np.concatenate([o.count for o in outcomes]),
        np.concatenate([o.total + (o.origin - origin) * o.count for o in outcomes]),
        np.concatenate([o.square + (o.origin - origin) * (2 * o.total + (o.origin - origin) * o.count) for o in outcomes]),
        clusters=clusters,
        origin=origin,
    )
    contrasts = np.concatenate([np.zeros((size - 1, size)), -np.ones((size - 1, 1)), np.eye(size - 1)], axis=1)
    test = htz(whiten(least_squares(moments)), contrasts)
    return (size, finite(test.f), test.contrasts, finite(test.df), finite(test.p_value))


def _regressors(i: int, size: int, o: Outcome) -> NDArray[np.float64]:
    """The mean and the effect of level i, and zeros for those of the others, (C, 2·size)."""
    own = np.zeros((o.count.size, 2 * size))
    own[:, i], own[:, size + i] = 1.0, o.treated
    return own


def segment_checks(reading: Reading, study: Study) -> list[Check]:
    """Did the treatment move users between the levels of a segment? Then it is no segment."""
    made: list[Check] = []
    cells = reading.cells
    for segment in study.segments:
        key = cells.moments.keys[segment]
        shares: list[Contrast] = []
        for code, label in enumerate(key.labels):
            count = np.where(key.codes == code, cells.moments.rows, 0).astype(np.float64)
            if FEWEST_USERS <= count.sum() <= cells.users.sum() - FEWEST_USERS:
                effect, interval = contrast(cells.indicator(count), study.level)
                shares.append(
                    Contrast(name=_named(label), effect=effect, low=interval.low, high=interval.high, p_value=interval.p_value)
                )
        made += [diagnosed.segment_balance(segment, shares)] if shares else []
    return made
