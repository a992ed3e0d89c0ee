"""What methods, estimands, checks, states and groups are called, and the sign that goes with each word."""

from __future__ import annotations

from honestlift.result import Estimate, Relative

ROADS = {
    "naive_ols": "users as if independent (naive)",
    "cluster_wls": "workspace means by size",
    "user_ols:unadjusted": "users, by workspace, unadjusted",
    "user_ols:unwinsorized": "the metric without its cap",
    "user_ols": "users, by workspace",
    "user_ols:adjusted": "users, by workspace, adjusted",
    "cluster_means:unadjusted": "workspace means, unadjusted",
    "cluster_means:adjusted": "workspace means, adjusted",
    "cluster_means": "workspace means, each once",
    "exposure_strata_ols:unadjusted": "equal chances, unadjusted",
    "exposure_strata_ols:adjusted": "equal chances, adjusted",
    "exposure_strata_ols": "exposure, among equal chances of it",
    "exposure_hajek:unadjusted": "inverse probability, unadjusted",
    "exposure_hajek:adjusted": "inverse probability, adjusted",
    "exposure_hajek": "exposure, by inverse probability",
    "two_exposure_ols": "two exposures, by workspace",
    "difference_in_means:unadjusted": "treated − control, unadjusted",
    "difference_in_means:adjusted": "treated − control, adjusted",
    "difference_in_means": "treated − control, leakage ignored",
    "surrounded:unadjusted": "surrounded users, unadjusted",
    "surrounded:adjusted": "surrounded users, adjusted",
    "surrounded": "users whose partners share their arm",
    "surrounded_hajek:unadjusted": "the same, by 1/π, unadjusted",
    "surrounded_hajek:adjusted": "the same, by 1/π, adjusted",
    "surrounded_hajek": "the same, by inverse probability",
    "linear_in_fraction:unadjusted": "line through ties, unadjusted",
    "linear_in_fraction:adjusted": "line through ties, adjusted",
    "linear_in_fraction": "line through the treated share of ties",
    "two_stage": "workspaces of both saturations",
    "iv_2sls": "use, the arm as instrument (2SLS)",
    "published_rollout": "direct + share × spillover",
    "two_way_fe": "two-way fixed effects",
    "callaway_santanna": "not yet treated as controls",
    "naive": "opted in − others (naive)",
    "regression": "regression adjustment",
    "ipw": "weighting by propensity",
    "aipw": "weighting and outcome models",
    "entropy": "entropy balancing",
    "matching_nn": "nearest-neighbour matching",
}
STEPS = {
    "naive": ("Raw difference", "opted in − others, as they are"),
    "regression": ("Regression", "linear outcome models"),
    "ipw": ("Weighting", "by propensity"),
    "aipw": ("Doubly robust", "weighting and outcome models"),
    "entropy": ("Entropy balancing", "weights that balance the means"),
    "matching_nn": ("Matching", "nearest neighbours"),
}
"""The roads of an opt-in study as steps from the raw difference: a name, and what it does."""

VARIANTS = {
    "cr0": "CR0",
    "cr1": "CR1",
    "cr1_normal": "CR1, normal quantile",
    "cr3": "CR3",
    "cv3": "CV3 (jackknife)",
    "bootstrap": "percentile bootstrap",
    "inversion": "inverted tests",
    "wild": "wild bootstrap",
    "webb": "wild bootstrap, six points",
    "randomization": "randomization test",
    "anderson_rubin": "Anderson–Rubin",
    "always_valid": "at every look",
    "design": "re-drawn arms",
    "cross_fitted": "cross-fitted",
    "unadjusted": "unadjusted",
    "base_last": "from the last period before alone",
    "base_all": "from all periods before",
}
ESTIMANDS = {
    "itt_user": "Effect per user",
    "itt_cluster": "Effect per workspace",
    "direct": "Direct effect",
    "spillover": "Spillover",
    "spillover_treated": "Spillover on treated users",
    "gate": "Everyone on − everyone off",
    "indirect": "Effect of colleagues' treatment on control users",
    "total": "Effect of both on treated users",
    "overall": "Effect on all users of a workspace",
    "att_rollout": "Effect of the roll-out",
    "cace": "Effect on those who use it because it is offered",
    "ATE": "Effect on everyone (ATE)",
    "ATT": "Effect on those who opted in (ATT)",
    "ATC": "Effect on those who did not (ATC)",
    "ATO": "Effect on those who could go either way (ATO)",
    "ATM": "Effect on those with a match (ATM)",
}

WHOM = {
    "ATE": "everyone",
    "ATT": "the people who chose it",
    "ATC": "the people who did not choose it",
    "ATO": "the people who could have gone either way",
    "ATM": "the people who have a match in the other group",
}
"""Whose effect an estimand of an opt-in study is."""

FADED = ("naive_ols", "published_rollout", "difference_in_means", "two_way_fe", "naive")
"""Methods that are shown for comparison only: hollow and dashed."""

CHECKS = {
    "sample_ratio": "Sample ratio",
    "assignment_followed": "Assignment followed",
    "balanced_covariates": "Adjusted for what was balanced",
    "pair_weights": "Weights of the pairs",
    "treatment_constant": "One arm per workspace",
    "unit_in_clusters": "One place per user",
    "joined_tables": "Joined tables",
    "left_out_alike": "Reasons to be left out",
    "few_clusters": "Enough workspaces",
    "cluster_leverage": "Leverage of a workspace",
    "size_effect": "Effect and size of workspace",
    "exposure_not_randomized": "Exposure is randomized",
    "exposure_positivity": "Exposure has a contrast",
    "ties_unknown": "Ties lead into the study",
    "ties_after_launch": "Ties are from before the launch",
    "placebo_exposure": "Exposure did nothing before",
    "interference": "Others' arms move outcomes",
    "launch_agreement": "Roads to the launch agree",
    "misclassification": "Marks wrong at stated rates",
    "use_in_control": "Use in control workspaces",
    "first_stage": "The offer moves use",
    "missing_outcome": "Missing outcomes",
    "pre_period_balance": "Balance before treatment",
    "negative_control": "Negative control",
    "methods_disagree": "Methods agree",
    "denominator": "Denominator of a ratio",
    "winsorized": "Capped metric",
    "quantile": "Quantile can move",
    "saturation_cells": "Users of both arms in a workspace",
    "segment_balance": "Segment is not moved",
    "adjustment": "Adjusted for covariates",
    "placebo_lab": "Placebo lab",
    "peeking": "Looks so far",
    "roster": "Roster",
    "separation": "Model of the choice",
    "overlap": "Overlap",
    "max_weight_share": "Largest weight",
    "weighted_smd": "Balance after weighting",
    "kink": "Kink of the weights",
    "outcome_in_covariates": "No covariate copies the outcome",
    "covariate_timing": "Covariates came before the choice",
    "pre_trends": "Parallel before the start",
    "anticipation": "Nobody acted before the start",
    "trend_bound": "Strength against trends that part",
    "effect_over_time": "Effect over time",
    "no_comparison": "Somebody to compare with",
    "fragile": "Strength against what was not measured",
}

LEVELS = {"stop": ("✗", "stop", "fail"), "caution": ("!", "caution", "warn"), "ok": ("✓", "passed", "pass")}
"""Sign, word and colour of a check's level."""

STATES = {
    "violated": ("✗", "violated", "fail"),
    "questioned": ("!", "questioned", "warn"),
    "untested": ("?", "untested", "plain"),
    "holds": ("✓", "holds", "pass"),
}
"""Sign, word and colour of an assumption's status."""

BASES = {"tested": "tested by", "bounded": "cannot be tested; bounded by", "none": ""}
"""How an assumption's status came about, before the names of the checks."""

GUARDS = {
    "is breached": ("✗", "breached", "fail"),
    "is unsettled": ("?", "unsettled", "warn"),
    "holds": ("✓", "holds", "pass"),
}
"""Sign, word and colour of a guardrail's state."""

VERDICTS = {
    "supported": ("✓", "Supported", "pass"),
    "likely, with caveats": ("!", "Likely, with caveats", "warn"),
    "inconclusive": ("?", "Inconclusive", "plain"),
    "harmful": ("✗", "Harmful", "fail"),
    "not trustworthy": ("✗", "Not trustworthy", "fail"),
}
"""Sign, word and colour of a verdict."""

GROUPS = {
    "treated": "Treated",
    "control": "Control",
    "exposed control": "Exposed control",
    "pure control": "Unexposed control",
}


RATIOS = {"itt_user": "Effect on the ratio", "itt_cluster": "Effect on workspaces' ratios, each once"}
"""What the estimands of a ratio of sums are called."""


QUANTILES = {"itt_user": "Effect on the quantile"}


def estimand(e: Estimate) -> str:
    """What an estimate is an estimate of."""
    named = {"difference of ratios": RATIOS, "difference of quantiles": QUANTILES}.get(e.scale, ESTIMANDS)
    base, _, at = e.estimand.partition(":")
    return f"{named.get(base, base)}, {_saturations(at)}" if at else named.get(base, base)


def _saturations(at: str) -> str:
    """``50 % treated``, ``75 % − 25 % treated`` of the saturations that an estimand carries."""
    return " − ".join(f"{100 * float(share):.6g} %" for share in at.split("-")) + " treated"


def whole(e: Estimate) -> str:
    """What in the control arm an effect is a share of."""
    named = {"difference of ratios": "ratio", "difference of quantiles": "quantile"}.get(e.scale, "mean")
    return f"{named}'s size" if negative_mean(e) else named


def negative_mean(e: Estimate) -> bool:
    """Whether the control mean, of which an effect is a share, is below zero: a rise is then a negative share of it."""
    return (e.estimate or 0.0) * (e.relative.estimate or 0.0) < 0


def as_share(e: Estimate) -> Relative:
    """An effect as a share of the control mean's size, for words and lines: a rise is positive, whatever the sign of the mean."""
    r = e.relative
    if r.estimate is None or not negative_mean(e):
        return r
    low, high = (None if end is None else -end for end in (r.conf_high, r.conf_low))
    return Relative(estimate=-r.estimate, conf_low=low, conf_high=high)


def is_road(e: Estimate) -> bool:
    """Whether an estimate is a number of its own, not another interval of one."""
    return ":" not in e.method or e.method.endswith((":unadjusted", ":unwinsorized"))


def is_faded(e: Estimate) -> bool:
    """Whether an estimate is shown for comparison only."""
    return e.method.partition(":")[0] in FADED


def is_adjusted(e: Estimate) -> bool:
    """Whether covariates of a cluster study are in an estimate."""
    return e.adjustment.startswith("covariates") or "; covariates" in e.adjustment


def beyond_lab(e: Estimate) -> bool:
    """Whether a headline uses what the placebo lab does not: covariates, pairs, or strata that are only added."""
    return is_adjusted(e) or "additive" in e.adjustment


def road(e: Estimate) -> str:
    """What an estimate's method is called; that covariates are in it is said."""
    adjusted = f"{e.method}:adjusted" if is_adjusted(e) and not e.method.endswith(":unwinsorized") else e.method
    return ROADS.get(adjusted, ROADS.get(e.method, e.method))


def check_name(code: str) -> str:
    """A check's name; codes that concern one estimand carry it after a colon."""
    base, _, of = code.partition(":")
    name = CHECKS.get(base, base.replace("_", " ").capitalize())
    return f"{name}, {of}" if of else name
