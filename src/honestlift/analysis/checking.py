"""The checks of a cluster study: each condition is measured here and judged in diagnostics."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from honestlift.analysis.compliers import Uptake
from honestlift.analysis.estimates import Answer, contrast, smallest_difference
from honestlift.analysis.placebo import Lab
from honestlift.analysis.quantiles import quantile_check
from honestlift.analysis.reading import Reading
from honestlift.analysis.record import recorded_arms
from honestlift.analysis.segments import segment_checks
from honestlift.analysis.tables import names_with
from honestlift.analysis.winsorizing import capping_check
from honestlift.design.metric import Mean, Quantile, Ratio
from honestlift.design.study import Study
from honestlift.diagnostics import agreement, assignment, balance, clusters, compliers, contamination, placebo, precision
from honestlift.diagnostics.joining import joined_tables
from honestlift.diagnostics.stored import stored_checks
from honestlift.errors import DataError
from honestlift.estimators import itt
from honestlift.estimators.fit import least_squares, true_value
from honestlift.estimators.ratio import denominators
from honestlift.inference.sandwich import Whitened, covariance, effective_clusters, leverage, whiten
from honestlift.moments.cells import Outcome
from honestlift.moments.spec import Sum
from honestlift.report.names import beyond_lab
from honestlift.result import Check

ORDER = {"stop": 0, "caution": 1, "ok": 2}


def check(
    reading: Reading, answers: Sequence[Answer], study: Study, lab: Lab | None = None, stages: Sequence[Uptake] = ()
) -> tuple[Check, ...]:
    """All checks that the study's columns allow, worst first, else in the order of the walk."""
    primary = next(a for a in answers if a.metric is study.primary)
    made = assignment_checks(reading, study)
    df = next(e for e in primary.estimates if e.headline).df or 0.0
    names = names_with(reading.cells, *primary.metric.columns)
    made += cluster_checks(primary.headline_fit, primary.unadjusted_fit, primary.outcome, df, names)
    made += _exposure(primary, study)
    means = [a for a in answers if isinstance(a.metric, Mean)]
    made += [clusters.size_effect(a.metric.label, a.outcome, smallest_difference(a.outcome)) for a in means]
    made += [_denominator(reading, a.metric, study) for a in answers if isinstance(a.metric, Ratio)]
    made += [_agreement(answer, study) for answer in answers if any(o.method == "user_ols" for o in answer.others)]
    made += uptake_checks(reading, study)
    made += [_missing(reading, answer, study) for answer in answers]
    made += [quantile_check(a.metric, a.quantiles) for a in answers if isinstance(a.metric, Quantile) and a.quantiles]
    made += [capping_check(c, reading.cells, a, study.level) for a in answers for c in reading.capped if c.as_read is a.metric]
    made += segment_checks(reading, study)
    made += [_adjusted(a, study) for a in answers if a.adjustment.used or a.adjustment.left_out]
    made += [c for a in answers for c in rule_checks(a.metric.label, a.outcome, a.adjustment.used, study)]
    made += balance_checks(reading, study)
    made += [_lab(lab, adjusted=beyond_lab(next(e for e in primary.estimates if e.headline)))] if lab else []
    made += [compliers.first_stage(s.metric, s.treated, s.control, s.stage.f if s.stage else None) for s in stages]
    return worst_first(made)


def worst_first(checks: Sequence[Check]) -> tuple[Check, ...]:
    """Stops, cautions, what is passed; else as they stand."""
    return tuple(sorted(checks, key=lambda c: ORDER[c.level]))


def assignment_checks(reading: Reading, study: Study) -> list[Check]:
    """The split, the record, one arm per workspace, one row per user."""
    cells, record = reading.cells, study.design.assignment
    present = {str(name): bool(arm) for name, arm in zip(cells.names, cells.arm, strict=True)}
    arms = recorded_arms(study)
    made = [assignment.sample_ratio(record, present, arms)]
    made += [assignment.assignment_followed(record, present, arms)] if record else []
    made += [assignment.treatment_constant(cells.arm.size)]
    made += [assignment.unit_in_clusters(int(cells.users.sum()), reading.one_in)] if reading.one_in else []
    return [*made, *stored_checks(reading.stored, pictured=False), *joined_tables(reading.notes, int(cells.users.sum()))]


def cluster_checks(white: Whitened, unadjusted: Whitened, outcome: Outcome, df: float, names: tuple[str, ...]) -> list[Check]:
    """Are there enough workspaces, by the headline's fit and its df; and does one carry the result, by the fit without covariates?"""
    pick, arm = white.fit.contrast("itt"), outcome.arm
    effective = (effective_clusters(white, pick, 0.0), effective_clusters(white, pick, 1.0))
    return [
        clusters.few_clusters(df, int(arm.sum()), int((~arm).sum()), effective),
        clusters.cluster_leverage(leverage(unadjusted), names),
    ]


def _agreement(answer: Answer, study: Study) -> Check:
    headline = next(e for e in answer.estimates if (e.method, e.estimand) == ("user_ols", "itt_user"))
    tests = [o for o in answer.others if o.method == headline.method and o.variant in ("wild", "randomization")]
    p_values = {o.variant: o.interval.p_value for o in tests}
    smallest = {o.variant: o.smallest_p for o in tests}
    p = 1.0 if headline.p_value is None else headline.p_value
    return agreement.methods_disagree(answer.metric.label, p, p_values, smallest, study.level)


def _adjusted(answer: Answer, study: Study) -> Check:
    made, errors = answer.adjustment, [answer.find(m, "itt_user") for m in ("user_ols:unadjusted", "user_ols")]
    before, after = (e.std_error if e else None for e in errors)
    asked = study.adjustment != "none"
    return precision.adjustment(answer.metric.label, made.form, made.used, made.left_out if asked else (), before, after)


def rule_checks(metric: str, outcome: Outcome, used: Sequence[str], study: Study) -> list[Check]:
    """What the rule of the record asks of the analysis: covariates that the draw balanced, pairs that are weighted as users."""
    record = study.design.assignment
    if record is not None and record.rule.kind == "rerandomized":
        return [assignment.balanced_covariates(metric, record.rule.covariates, used)]
    if record is not None and record.rule.kind == "matched_pairs":
        return [assignment.pair_weights(metric, outcome.per_cluster()[0], outcome.arm, outcome.stratum)]
    return []


def _denominator(reading: Reading, metric: Ratio, study: Study) -> Check:
    outcome = denominators(reading.cells, *metric.columns)
    white = whiten(least_squares(itt.user_moments(outcome)))
    v = covariance(white, "CR2")
    control, both = np.array([1.0, 0.0]), np.array([1.0, 1.0])
    means = (true_value(white.fit, control), true_value(white.fit, both))
    errors = (float(control @ v @ control) ** 0.5, float(both @ v @ both) ** 0.5)
    effect, interval = contrast(outcome, study.level)
    return precision.denominator(metric.label, metric.denominator, means, errors, effect, interval.p_value)


def _lab(lab: Lab, *, adjusted: bool) -> Check:
    rates = {a.method: a.rate for a in lab.alarms}
    error = next(a.std_error for a in lab.alarms if a.method == placebo.HEADLINE)
    told = {"outcome": lab.outcome, "basis": lab.basis}
    return placebo.placebo_lab(rates, error, **told, redraws=lab.redraws, level=lab.level, adjusted=adjusted)


def _exposure(primary: Answer, study: Study) -> list[Check]:
    spillover, itt = primary.find("two_exposure_ols", "spillover"), primary.find("user_ols", "itt_user")
    errors = [e.std_error if e else None for e in (spillover, itt)]
    return exposure_checks(primary.outcome, study, errors[0] / errors[1] if errors[0] is not None and errors[1] else None)


def exposure_checks(outcome: Outcome, study: Study, ratio: float | None) -> list[Check]:
    """Is there a contrast of exposure, and does the design move it? With the standard error of spillover over the effect's."""
    exposure = study.design.exposure
    if exposure is None or exposure.column is None or outcome.exposed is None:
        return []
    exposed = float(outcome.count[outcome.exposed].sum())
    control = float(outcome.count[~outcome.treated].sum())
    if exposed in (0.0, control):
        return [contamination.exposure_absent(exposure.column, int(exposed), int(control - exposed))]
    if exposure.randomized:
        return []
    return [contamination.exposure_not_randomized(exposure.column, exposed / control, ratio)]


def uptake_checks(reading: Reading, study: Study) -> list[Check]:
    """Logged use in control workspaces."""
    if study.design.uptake is None:
        return []
    use = reading.cells.outcome(study.design.uptake)
    control = ~use.treated
    using = use.total[control].sum() + use.origin * use.count[control].sum()
    return [contamination.use_in_control(study.design.uptake, round(float(using)), int(use.count[control].sum()))]


def _missing(reading: Reading, answer: Answer, study: Study) -> Check:
    cells = reading.cells
    present = tuple(sorted(answer.metric.columns))
    gone: NDArray[np.float64] = cells.moments.rows - cells.moments.sums[Sum((), present)]
    users = [float(cells.moments.rows[cells.treated == arm].sum()) for arm in (False, True)]
    shares = (float(gone[~cells.treated].sum()) / users[0], float(gone[cells.treated].sum()) / users[1])
    p = contrast(cells.indicator(gone), study.level)[1].p_value if gone.sum() else None
    return assignment.missing_outcome(answer.metric.label, shares, p, int(gone.sum()))


def balance_checks(reading: Reading, study: Study) -> list[Check]:
    """Covariates, measures before treatment and negative controls, each tested as the headline is."""
    cells = reading.cells
    columns = reading.profile.columns
    before = {name: cells.outcome(name) for name in reading.before if columns[name].low < columns[name].high}
    users = cells.users.sum()
    before |= {name: cells.indicator(count) for name, count in reading.indicators.items() if 0 < count.sum() < users}
    made = [balance.pre_period_balance([_contrast(n, o, study) for n, o in before.items()])] if before else []
    for name in study.negative_controls:
        if columns[name].low == columns[name].high:
            raise DataError.constant(name, "negative control", columns[name].low)
    controls = [_contrast(n, cells.outcome(n), study) for n in study.negative_controls]
    return made + ([balance.negative_control(controls)] if controls else [])


def _contrast(name: str, outcome: Outcome, study: Study) -> balance.Contrast:
    effect, interval = contrast(outcome, study.level)
    return balance.Contrast(name=name, effect=effect, low=interval.low, high=interval.high, p_value=interval.p_value)
