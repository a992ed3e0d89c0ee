"""What spillover could be where the design cannot tell: marks that are wrong at stated rates, and bounds for stated ratios."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from honestlift.analysis.estimates import Answer, contrasts_exposure
from honestlift.analysis.sheet import finite
from honestlift.design.metric import Mean
from honestlift.design.misclassification import Misclassification
from honestlift.design.study import Study
from honestlift.diagnostics import contamination
from honestlift.errors import DesignError
from honestlift.estimators.attenuation import direct_bounds
from honestlift.estimators.exposure.published import two_exposure_moments
from honestlift.estimators.fit import least_squares
from honestlift.estimators.misclassified import corrected_moments, exposed_share, is_possible, marked_share
from honestlift.inference.interval import t_interval
from honestlift.inference.sandwich import covariance, satterthwaite, whiten
from honestlift.moments.cells import Outcome
from honestlift.result import Check, Table

POINTS = 3
"""Rates that are looked at between the lowest and the highest, these two among them."""

LEAST_DF = 1.0
"""Degrees of freedom under which so few users are left on one side of the contrast that no number is told."""

RATIOS = (-0.5, -0.25, 0.25, 0.5, 1.0)
"""Ratios spillover/direct for which the direct effect is bounded."""

SHARES = (0.1, 0.25, 0.5, 1.0)
"""Shares of control users who are reached, where no column marks them."""


def unmeasured_tables(answers: Sequence[Answer], study: Study) -> dict[str, Table]:
    """The tables that the study calls for, by name."""
    wrong = _wrong(study)
    made = {"misclassification": misclassification_table(answers, wrong, study.level)} if wrong else {}
    exposure = study.design.exposure
    told = exposure is not None and (exposure.graph is not None or exposure.randomized)
    bounds = None if told else bounds_table(answers)
    return made | ({"spillover_bounds": bounds} if bounds is not None and bounds.rows else {})


def unmeasured_checks(answers: Sequence[Answer], study: Study) -> list[Check]:
    """Whether the marks of an exposure can be wrong at the stated rates, and what that does to the primary metric's contrasts."""
    wrong = _wrong(study)
    primary = next(a for a in answers if a.metric is study.primary or a.metric.label == study.primary.label)
    if wrong is None or not isinstance(primary.metric, Mean) or not contrasts_exposure(primary.outcome):
        return []
    rows = [row[1:] for row in misclassification_table([primary], wrong, study.level).rows]
    return [contamination.misclassification(primary.metric.label, marked_share(primary.outcome), rows)]


def _wrong(study: Study) -> Misclassification | None:
    return None if study.design.exposure is None else study.design.exposure.misclassification


def rates(wrong: Misclassification) -> list[tuple[float, float]]:
    """Pairs of false positive and false negative rates: the marks as recorded first, then the stated ones from low to high."""
    axes = [[low] if low == high else np.linspace(low, high, POINTS).tolist() for low, high in wrong.ranges]
    pairs = [(float(p), float(q)) for p in axes[0] for q in axes[1]]
    return list(dict.fromkeys([(0.0, 0.0), *pairs]))


def misclassification_table(answers: Sequence[Answer], wrong: Misclassification, level: float) -> Table:
    """Direct and spillover of each metric at each pair of rates; no numbers where marks such as these cannot come about."""
    columns = ("metric", "false_positive", "false_negative", "share_exposed", "estimand")
    columns += ("estimate", "std_error", "df", "conf_low", "conf_high")
    rows: list[tuple[object, ...]] = []
    for answer in answers:
        if isinstance(answer.metric, Mean) and contrasts_exposure(answer.outcome):
            for p, q in rates(wrong):
                share = exposed_share(answer.outcome, p, q)
                rows += [(answer.metric.label, p, q, share, *row) for row in _corrected(answer.outcome, p, q, level)]
    return Table(columns=columns, rows=tuple(rows))


def _corrected(outcome: Outcome, p: float, q: float, level: float) -> list[tuple[object, ...]]:
    nothing = [(name, None, None, None, None, None) for name in ("direct", "spillover")]
    if not is_possible(outcome, p, q):
        return list(nothing)
    made = two_exposure_moments(outcome) if p == q == 0 else corrected_moments(outcome, p, q)
    try:
        white = whiten(least_squares(made))
    except DesignError:
        return list(nothing)
    v = covariance(white, "CR2")
    rows: list[tuple[object, ...]] = []
    for name in ("direct", "spillover"):
        pick = white.fit.contrast(name)
        effect, error = float(pick @ white.fit.theta), float(max(pick @ v @ pick, 0.0)) ** 0.5
        df = satterthwaite(white, pick)
        if not df >= LEAST_DF:
            rows.append((name, None, None, None, None, None))
            continue
        found = t_interval(effect, error, df, level)
        rows.append((name, *(finite(x) for x in (effect, found.std_error, found.df, found.low, found.high))))
    return rows


def bounds_table(answers: Sequence[Answer]) -> Table:
    """Bounds on each metric's direct effect, ratio by ratio and share by share; none where the contrast could show nothing of it."""
    columns = ("metric", "ratio", "exposed_share", "share_is", "shown", "direct_low", "direct_high", "conf_low", "conf_high")
    rows: list[tuple[object, ...]] = []
    for answer in answers:
        itt = answer.find("user_ols", "itt_user")
        if (
            not isinstance(answer.metric, Mean)
            or itt is None
            or itt.estimate is None
            or itt.conf_low is None
            or itt.conf_high is None
        ):
            continue
        ends = (itt.estimate, itt.conf_low, itt.conf_high)
        for share, source in _shares(answer.outcome):
            for ratio in RATIOS:
                b = direct_bounds(*ends, ratio, share)
                told = (None,) * 5 if b is None else (b.shown, b.low, b.high, b.conf_low, b.conf_high)
                rows.append((answer.metric.label, ratio, share, source, *told))
    return Table(columns=columns, rows=tuple(rows))


def _shares(outcome: Outcome) -> list[tuple[float, str]]:
    if not contrasts_exposure(outcome):
        return [(share, "assumed") for share in SHARES]
    marked = marked_share(outcome)
    return [(marked, "marked"), *((share, "assumed") for share in SHARES if share > max(marked, 0.9))]
