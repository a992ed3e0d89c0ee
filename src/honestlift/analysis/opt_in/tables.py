"""Tables behind the figures of an opt-in study; groups under ten users are merged or left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from honestlift.analysis.opt_in.estimates import OptInAnswer
from honestlift.analysis.opt_in.fits import Trimmed
from honestlift.analysis.opt_in.reading import OptInReading
from honestlift.design.opt_in import OptInStudy
from honestlift.diagnostics.balance import Contrast, holm
from honestlift.diagnostics.covariates import Balance, balance_columns
from honestlift.diagnostics.overlap import Reach, crump_cutoff, effective_sizes
from honestlift.estimators.propensity import Propensity
from honestlift.estimators.stack import cross
from honestlift.estimators.tilt import Estimand
from honestlift.moments.patterns import Patterns, tally
from honestlift.result import Table

Floats = NDArray[np.float64]

FEWEST = 10
BINS = 40


def drivers_table(users: Patterns, propensity: Propensity) -> Table:
    """What goes with opting in: coefficients of the logit, and odds ratios per unit and per standard deviation."""
    assert propensity.design is not None
    design, e = propensity.design, propensity.e
    information = cross(design.matrix, users.count.sum(axis=1) * e * (1 - e)) + np.diag(propensity.penalty)
    errors = np.sqrt(np.diagonal(np.linalg.solve(information, np.eye(information.shape[0]))))
    raw = propensity.coefficients
    rows: list[tuple[object, ...]] = [("intercept", float(raw[0]), None, None, None)]
    for j, name in enumerate(design.names):
        odds, per_sd = np.exp(np.clip([raw[j + 1], propensity.beta[j + 1]], -700, 700))
        rows.append((name, float(raw[j + 1]), float(errors[j + 1] / design.scale[j]), float(odds), float(per_sd)))
    columns = ("column", "coefficient", "std_error", "odds_ratio", "odds_ratio_per_sd")
    return Table(columns=columns, rows=tuple(rows))


def categories_table(reading: OptInReading, users: Patterns, propensity: Propensity) -> Table:
    """Users per level of each category by choice, with the share that opted in and their mean propensity."""
    size, means = users.count.sum(axis=1), dict[str, float]()
    for name, _, values in balance_columns(users):
        there = float(np.sum(size * values))
        means[name] = float(np.sum(size * values * propensity.e)) / there if there else float("nan")
    rows = [
        (covariate, level, control, treated, treated / (control + treated), means.get(f"{covariate} = {level}"))
        for covariate, level, control, treated in reading.categories
        if min(control, treated) >= FEWEST
    ]
    columns = ("covariate", "level", "others", "opted_in", "opt_in_rate", "mean_propensity")
    return Table(columns=columns, rows=tuple(rows))


def overlap_table(users: Patterns, propensity: Propensity) -> Table:
    """Users per bin of the propensity, by choice; bins of fewer than ten of a group are joined with the next."""
    e = propensity.e
    low, high = float(e.min()), float(e.max())
    edges = np.linspace(low, high if high > low else low + 1e-9, BINS + 1)
    place = np.clip(np.searchsorted(edges, e, side="right") - 1, 0, BINS - 1)
    rows: list[tuple[object, ...]] = []
    for arm, group in ((1, "opted in"), (0, "others")):
        counts = np.rint(tally(place.astype(np.int64), users.count[:, arm], BINS))
        rows += [(group, a, b, n) for a, b, n in _joined(edges, counts)]
    return Table(columns=("group", "low", "high", "users"), rows=tuple(rows))


def _joined(edges: Floats, counts: Floats) -> list[tuple[float, float, int]]:
    """Bins joined from the left until each that holds users holds enough; what is left over joins the last."""
    made: list[tuple[float, float, int]] = []
    start, held = 0, 0
    for i, n in enumerate(counts):
        held += int(n)
        if held == 0 or held >= FEWEST:
            made.append((float(edges[start]), float(edges[i + 1]), held))
            start, held = i + 1, 0
    if held and made:
        low, _, n = made.pop()
        made.append((low, float(edges[-1]), n + held))
    return made


def balance_table(balances: Mapping[Estimand, Sequence[Balance]], study: OptInStudy) -> Table:
    """Every covariate column before and after weighting, for each estimand."""
    columns = ("estimand", "column", "covariate", "smd", "weighted_smd", "denominator")
    columns += ("variance_ratio", "weighted_variance_ratio", "ks", "weighted_ks")
    rows = [
        (e, b.name, b.covariate, b.smd, b.weighted_smd, b.denominator, b.ratio, b.weighted_ratio, b.ks, b.weighted_ks)
        for e in study.design.estimands
        for b in balances[e]
    ]
    return Table(columns=columns, rows=tuple(rows))


def weights_table(users: Patterns, propensity: Propensity, study: OptInStudy, reach: Reach | None = None) -> Table:
    """Effective users and largest weights by estimand and arm."""
    rows = [
        (e, "opted in" if a.arm else "others", round(a.rows), a.effective, a.largest, a.share)
        for e in study.design.estimands
        for a in effective_sizes(users, propensity.e, e, reach)
    ]
    return Table(columns=("estimand", "group", "users", "effective", "largest_weight", "largest_share"), rows=tuple(rows))


def controls_table(contrasts: Sequence[Contrast], estimand: Estimand) -> Table:
    """Every outcome that the feature cannot move, with its p-value as it is and by Holm's correction."""
    corrected = holm([c.p_value for c in contrasts])
    rows = [(c.name, estimand, c.effect, c.low, c.high, c.p_value, float(p)) for c, p in zip(contrasts, corrected, strict=True)]
    columns = ("outcome", "estimand", "estimate", "conf_low", "conf_high", "p_value", "corrected_p_value")
    return Table(columns=columns, rows=tuple(rows))


def matching_table(answers: Sequence[OptInAnswer]) -> Table:
    """Who found a match, and how."""
    rows = [(a.metric.label, m.estimand, int(m.matched), int(m.unmatched), m.how) for a in answers for m in a.matched]
    return Table(columns=("metric", "estimand", "matched", "unmatched", "how"), rows=tuple(rows))


def trimming_table(
    users: Patterns,
    propensity: Propensity,
    bounds: Trimmed | None,
    answers: Sequence[OptInAnswer],
    whole: Sequence[OptInAnswer],
) -> Table:
    """Crump's cutoff, what the study trimmed, and every headline with and without."""
    alpha = crump_cutoff(propensity.e, users.count.sum(axis=1))
    inside = (propensity.e >= alpha) & (propensity.e <= 1 - alpha)
    share = float(users.count[inside].sum() / users.rows)
    rows: list[tuple[object, ...]] = [("Crump's cutoff", alpha, 1 - alpha, share, None, None, None, None, None)]
    for answer, all_users in zip(answers, whole, strict=True):
        for label, who, kept in (("all users", all_users, None), ("trimmed", answer, bounds)):
            e = who.find("aipw", answer.headline)
            if e is None or (label == "trimmed" and bounds is None):
                continue
            low, high, part = (0.0, 1.0, 1.0) if kept is None else (kept.low, kept.high, kept.share)
            rows.append((label, low, high, part, answer.metric.label, e.estimand, e.estimate, e.conf_low, e.conf_high))
    columns = ("population", "low", "high", "share", "metric", "estimand", "estimate", "conf_low", "conf_high")
    return Table(columns=columns, rows=tuple(rows))
