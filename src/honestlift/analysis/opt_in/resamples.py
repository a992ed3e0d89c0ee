"""Percentile intervals beside the estimates of an opt-in study, from resamples of clusters or of buckets of users."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from honestlift.analysis.opt_in.fits import BALANCED, Basis, Fits, Key
from honestlift.analysis.opt_in.matching import matching_bootstrap
from honestlift.analysis.opt_in.notes import coverage_note
from honestlift.analysis.sheet import Sheet, finite
from honestlift.design.opt_in import OptInStudy
from honestlift.diagnostics.overlap import effective_sizes
from honestlift.errors import DesignError
from honestlift.estimators.propensity import expit, newton
from honestlift.estimators.stack import Stack, cross, predict, project, solve_square
from honestlift.estimators.tilt import Estimand, tilt
from honestlift.inference.interval import percentile_interval
from honestlift.inference.replicate import GroupSums, bucket_bootstrap, group_sums, refit_bootstrap
from honestlift.moments.patterns import Patterns
from honestlift.result import Estimate, Relative

Floats = NDArray[np.float64]

ONE_STEP_ROWS, ONE_STEP_ESS = 20_000, 2_000
"""Users, and effective users of either arm, above which a resample takes one Newton step instead of a whole fit."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Resamples:
    """What the resamples gave.

    Attributes:
        effects: (B,) of each estimator.
        ratios: (B,) effects as fractions of the mean under control, where these come too.
        dropped: resamples without an estimate.
    """

    effects: Mapping[Key, Floats] = field(default_factory=dict[Key, Floats])
    ratios: Mapping[Key, Floats] = field(default_factory=dict[Key, Floats])
    dropped: int = 0


def resampled_patterns(grouped: Fits, study: OptInStudy) -> Resamples:
    """Resamples of the groups of patterns.

    Args:
        grouped: the fits to patterns with groups.
        study: replicates, seed, estimands.
    """
    patterns = grouped.patterns
    if not study.bootstrap or patterns.group is None:
        return Resamples()
    keys = list[Key]()

    def each() -> Iterator[Stack]:
        for key, stack in grouped.stacks(study.design.estimands):
            if key[0] != "naive":
                keys.append(key)
                yield stack

    sums = group_sums(each(), patterns, patterns.group, patterns.groups)
    effects, ratios = _one_step_draws(sums, keys, patterns.origin, study)
    dropped = 0
    if not _one_step(grouped, study):
        refitted, dropped = _refit(grouped, study)
        effects |= refitted
        ratios = {key: r for key, r in ratios.items() if key not in refitted}
    if study.matching.bootstrap and study.matching.replacement and not study.matching.exact and study.matching.caliper is None:
        wanted: list[Estimand] = [e for e in BALANCED if e in study.design.estimands]
        again = matching_bootstrap(patterns, grouped.propensity, wanted, study, np.random.default_rng(study.seed))
        effects |= {("matching_nn", e): again[:, i] for i, e in enumerate(wanted)}
    return Resamples(effects=effects, ratios=ratios, dropped=dropped)


def resampled_sums(basis: Basis, sums: GroupSums | None, study: OptInStudy) -> Resamples:
    """Resamples of the groups of sums that the engine made; none where the effective users are too few for one Newton step.

    Args:
        basis: the estimates, in the order of the sums.
        sums: per group; None without groups.
        study: replicates and seed.
    """
    if not study.bootstrap or sums is None or not _one_step(basis.fits, study):
        return Resamples()
    effects, ratios = _one_step_draws(sums, list(basis.points), basis.fits.patterns.origin, study)
    kept = [key for key in effects if key[0] != "naive"]
    return Resamples(effects={key: effects[key] for key in kept}, ratios={key: ratios[key] for key in kept})


def _one_step_draws(
    sums: GroupSums, keys: Sequence[Key], origin: float, study: OptInStudy
) -> tuple[dict[Key, Floats], dict[Key, Floats]]:
    draws = bucket_bootstrap(sums, study.bootstrap, np.random.default_rng(study.seed))
    effects = {key: draws[:, i, 1] - draws[:, i, 0] for i, key in enumerate(keys)}
    with np.errstate(divide="ignore", invalid="ignore"):  # a control mean of exactly zero has no ratio, and is left out below
        ratios = {key: effects[key] / (draws[:, i, 0] + origin) for i, key in enumerate(keys)}
    return effects, ratios


def resampled_rows(again: Resamples, rows: Sequence[Estimate], sheet: Sheet, study: OptInStudy) -> list[Estimate]:
    """One row ``:bootstrap`` beside each estimate that was resampled.

    Args:
        again: the resamples.
        rows: the estimates.
        sheet: of the metric.
        study: the level.
    """
    made: list[Estimate] = []
    for key, values in again.effects.items():
        method, estimand = key
        base = next((r for r in rows if (r.method, r.estimand) == (method, estimand)), None)
        if base is None or base.estimate is None:
            continue
        interval = percentile_interval(values[np.isfinite(values)], study.level, base.estimate)
        how = base.adjustment.removesuffix(sheet.suffix)
        how += "; not valid for matching (Abadie & Imbens 2008)" if method == "matching_nn" else ""
        how += coverage_note(f"{method}:bootstrap", sheet.clusters)
        share = _ratio_interval(again.ratios.get(key), base, study.level)
        made.append(sheet.row(f"{method}:bootstrap", estimand, base.estimate, interval, share, adjustment=how))
    return made


def _ratio_interval(ratio: Floats | None, base: Estimate, level: float) -> Relative:
    if ratio is None or base.relative.estimate is None or not np.isfinite(ratio).all():
        return Relative(estimate=base.relative.estimate, conf_low=None, conf_high=None)
    ends = percentile_interval(ratio, level, base.relative.estimate)
    return Relative(estimate=base.relative.estimate, conf_low=finite(ends.low), conf_high=finite(ends.high))


def _one_step(fits: Fits, study: OptInStudy) -> bool:
    """Whether the sample is large enough for resamples of one Newton step."""
    if fits.patterns.rows <= ONE_STEP_ROWS:
        return False
    sizes = [a.effective for e in study.design.estimands for a in effective_sizes(fits.patterns, fits.propensity.e, e)]
    return min(sizes) > ONE_STEP_ESS


def _refit(fits: Fits, study: OptInStudy) -> tuple[dict[Key, Floats], int]:
    """Weighting and doubly robust estimates with the propensity fitted anew to every resample."""
    assert fits.propensity.design is not None
    matrix, estimands = fits.propensity.design.matrix, study.design.estimands

    def estimate(part: Patterns) -> Floats:
        beta, _, settled = newton(matrix, part.count, fits.propensity.penalty, fits.propensity.beta)
        if not settled:
            raise DesignError.no_maximum()
        return _point_estimates(part, expit(predict(matrix, beta)), matrix, estimands)

    made, dropped = refit_bootstrap(estimate, fits.patterns, study.bootstrap, np.random.default_rng(study.seed))
    keys: list[Key] = [(method, e) for e in estimands for method in ("ipw", "aipw")]
    return {key: made[:, i] for i, key in enumerate(keys)} if made.size else {}, dropped


def _point_estimates(part: Patterns, e: Floats, matrix: Floats, estimands: Sequence[Estimand]) -> Floats:
    """Weighting and doubly robust effects of every estimand, without their influence functions."""
    predicted = [
        predict(matrix, solve_square(cross(matrix, part.count[:, a]), project(matrix, part.total[:, a]))) for a in (0, 1)
    ]
    size, made = part.count.sum(axis=1), list[float]()
    own: dict[str, Floats] = {"ATT": part.count[:, 1], "ATC": part.count[:, 0]}
    for estimand in estimands:
        t = tilt(e, estimand)
        share = own[estimand] if estimand in own else t.h * size
        plain: list[float] = []
        both: list[float] = []
        for a, w in enumerate((t.w0, t.w1)):
            weight, total = part.count[:, a] * w, part.total[:, a] * w
            plain.append(float(total.sum() / weight.sum()))
            both.append(float((np.sum(share * predicted[a]) + np.sum(total - weight * predicted[a])) / share.sum()))
        made += [plain[1] - plain[0], both[1] - both[0]]
    return np.array(made)
