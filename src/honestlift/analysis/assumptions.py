"""The assumptions that a headline rests on, each declared once: which checks test it, and what bounds it where none can."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A named assumption, and how it is held to the data.

    Attributes:
        code: its name, by which programs find it.
        assumption: the same in words.
        tests: codes of the checks that can refute it, without the estimand after a colon.
        bounds: codes of the sensitivity analyses that say how much a breach would matter.
        provable: whether checks that pass clear it; if not, it stays untested however well they pass.
        needs: code of the check without which those that pass do not clear it; empty for none.
        zero: name of the number in the tests' evidence that must be zero for them to clear it; empty for none.
        at_most_questioned: whether a stop of its tests questions it only, because they speak of another assumption first.
        only_with: code of the check without which the study does not need it; empty if every study does.
        unseen: what is said where nothing speaks of it.
    """

    code: str
    assumption: str
    tests: tuple[str, ...] = ()
    bounds: tuple[str, ...] = ()
    provable: bool = True
    needs: str = ""
    zero: str = ""
    at_most_questioned: bool = False
    only_with: str = ""
    unseen: str


CLUSTER = (
    Row(
        code="random_assignment",
        assumption="Workspaces were assigned at random",
        tests=("assignment_followed", "sample_ratio"),
        needs="assignment_followed",
        unseen="Name the record that `assign` wrote as `assignment`, and the data are held to it.",
    ),
    Row(
        code="one_place",
        assumption="Each workspace is wholly in one arm, each user in one workspace",
        tests=("treatment_constant", "unit_in_clusters"),
        unseen="No check speaks of it.",
    ),
    Row(
        code="one_version",
        assumption="There is one version of the feature, and control workspaces are without it",
        tests=("use_in_control",),
        unseen="Use of the feature is not in the data: name it as `uptake`, and use in control workspaces is counted.",
    ),
    Row(
        code="partial_interference",
        assumption="Nothing leaks between workspaces",
        tests=("interference",),
        provable=False,
        at_most_questioned=True,
        unseen="No test can show that nothing leaks; one with a record of who works with whom can show that something does.",
    ),
    Row(
        code="exchangeable",
        assumption="Workspaces of both arms were alike before the launch",
        tests=("pre_period_balance", "negative_control"),
        unseen="No covariate, no measure before the launch and no negative control is named.",
    ),
    Row(
        code="enough_clusters",
        assumption="There are enough workspaces",
        tests=("few_clusters", "cluster_leverage", "methods_disagree", "placebo_lab"),
        unseen="No check speaks of it.",
    ),
    Row(
        code="measured_alike",
        assumption="Outcomes are measured alike in both arms",
        tests=("missing_outcome", "denominator", "left_out_alike"),
        unseen="No check speaks of it.",
    ),
    Row(
        code="exposure_by_design",
        assumption="The design decides who is exposed, and the record of it is right",
        tests=("exposure_not_randomized", "placebo_exposure", "ties_unknown", "ties_after_launch"),
        bounds=("misclassification",),
        unseen="The plan names no exposure; only direct and spillover effects would rest on it.",
    ),
    Row(
        code="exposure_positivity",
        assumption="Every user could have had every exposure",
        tests=("exposure_positivity",),
        unseen="No exposure whose probabilities the design gives; only direct and spillover effects would rest on it.",
    ),
    Row(
        code="linear_dose",
        assumption="Effects grow in a line with the treated share of ties",
        tests=("launch_agreement",),
        only_with="launch_agreement",
        unseen="No check speaks of it.",
    ),
    Row(
        code="exclusion",
        assumption="The feature works through its user's own use",
        tests=("exposure_not_randomized",),
        provable=False,
        at_most_questioned=True,
        only_with="first_stage",
        unseen="Users may gain from what others made with it, which the effect on compliers counts as their own use.",
    ),
    Row(
        code="no_defiers",
        assumption="Nobody uses the feature because it was kept from them",
        tests=("use_in_control",),
        zero="using",
        at_most_questioned=True,
        only_with="first_stage",
        unseen="Some control users used it; who would have used it either way cannot be told from who did so out of contrariness.",
    ),
    Row(
        code="one_look",
        assumption="The interval was read once, or holds at every look",
        tests=("peeking",),
        only_with="peeking",
        unseen="No look is recorded.",
    ),
)
"""What a cluster study rests on."""

OPT_IN = (
    Row(
        code="no_unmeasured_confounder",
        assumption="What makes people opt in, and moves the outcome, was measured",
        tests=("negative_control",),
        bounds=("fragile",),
        provable=False,
        unseen="No data can show that nothing was left out.",
    ),
    Row(
        code="positivity",
        assumption="Every kind of user could have gone either way",
        tests=("overlap", "max_weight_share", "separation"),
        unseen="No check speaks of it.",
    ),
    Row(
        code="no_interference",
        assumption="One user's choice does not touch another's outcome",
        provable=False,
        unseen="Who works with whom is not in the data, so that leakage from users who opted in to others cannot be seen.",
    ),
    Row(
        code="covariates_before",
        assumption="Covariates were known before the choice",
        tests=("covariate_timing", "outcome_in_covariates"),
        needs="covariate_timing",
        unseen="The plan does not say when covariates were measured: name the columns with `measured_at`.",
    ),
    Row(
        code="model_balances",
        assumption="The model of the choice balances the groups",
        tests=("weighted_smd", "methods_disagree"),
        unseen="No check speaks of it.",
    ),
    Row(
        code="measured_alike",
        assumption="Outcomes are measured alike in both groups",
        tests=("missing_outcome",),
        unseen="No check speaks of it.",
    ),
    Row(
        code="one_place",
        assumption="Every user stands on one row",
        tests=("unit_in_clusters",),
        unseen="No check speaks of it.",
    ),
    Row(
        code="one_version",
        assumption="There is one version of the feature, the same for all who opt in",
        provable=False,
        unseen="No column can show it: opting in must mean the same thing for everybody who does.",
    ),
    Row(
        code="enough_clusters",
        assumption="There are enough workspaces",
        tests=("few_clusters",),
        only_with="few_clusters",
        unseen="No check speaks of it.",
    ),
)
"""What an opt-in study rests on."""

_ROLLOUT = (
    Row(
        code="no_anticipation",
        assumption="Nobody acted before the start, expecting the feature",
        tests=("anticipation",),
        provable=False,
        unseen="Whoever prepared earlier than the last period before the start is not seen.",
    ),
    Row(
        code="no_interference",
        assumption="Nothing leaks from waves that have the feature to those that wait",
        provable=False,
        unseen="Who works with whom is not in the data; what leaks to workspaces that wait makes the effect look smaller.",
    ),
    Row(
        code="one_version",
        assumption="There is one version of the feature, the same for all waves",
        provable=False,
        unseen="No column can show it: an effect that changes over time may be a feature that did.",
    ),
    Row(
        code="one_place",
        assumption="Users stay in their workspace",
        tests=("unit_in_clusters",),
        unseen="No check speaks of it.",
    ),
    Row(
        code="enough_clusters",
        assumption="There are enough workspaces",
        tests=("few_clusters",),
        unseen="No check speaks of it.",
    ),
    Row(
        code="measured_alike",
        assumption="Outcomes are measured alike with the feature and without",
        tests=("missing_outcome",),
        unseen="No check speaks of it.",
    ),
)

WAVES = (
    Row(
        code="parallel_trends",
        assumption="Without the feature the waves would have moved alike",
        tests=("pre_trends", "negative_control"),
        bounds=("trend_bound",),
        provable=False,
        unseen="What happened after the start cannot be seen without the feature.",
    ),
    *_ROLLOUT,
)
"""What a roll-out in waves rests on."""

DRAWN_WAVES = (
    Row(
        code="random_order",
        assumption="Chance alone decided which workspaces came first",
        tests=("pre_trends", "negative_control"),
        provable=False,
        unseen="The plan says so; no record of the draw is held to the data.",
    ),
    *_ROLLOUT,
)
"""What it rests on where the order of the waves was drawn."""

NO_ASSUMPTION = {
    "balanced_covariates": "says whether the analysis uses what the draw was balanced on",
    "pair_weights": "says whom the effect within pairs is of",
    "saturation_cells": "says whom the direct effect of a two-stage design is of",
    "segment_balance": "speaks of the users of one segment, which is exploratory",
    "quantile": "says how finely the outcome tells users apart",
    "winsorized": "says that the question is about a capped outcome",
    "size_effect": "says which of two questions is asked",
    "adjustment": "says what covariates did for the interval",
    "first_stage": "says whether there is an effect on compliers to speak of",
    "kink": "speaks of the weights of one estimand",
    "joined_tables": "says what became of users where tables were joined",
    "effect_over_time": "says whether one number tells the whole effect",
    "no_comparison": "says for how much of a roll-out there is anybody to compare with",
    "sampled_diagnostics": "says on how many users the pictures rest",
}
"""Checks that speak of no assumption, and what they do instead."""
