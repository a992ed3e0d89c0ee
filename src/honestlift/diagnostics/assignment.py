"""Was the assignment what the analysis takes it for, and are the outcomes of both arms all there?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from math import comb, log, log1p

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from honestlift.design.assignment import Assignment
from honestlift.report import words
from honestlift.result import Check, Level, Number

UNLIKE_USERS = 0.1
"""Share of the weight that pairs may have otherwise than their users; beyond, it matters whether effects go with size. A judgement."""


def treatment_constant(clusters: int) -> Check:
    """Passed when it is reached: a treatment that varies within a cluster stops the run before any number."""
    return Check(
        code="treatment_constant",
        level="ok",
        statement=f"Each of the {words.count(clusters, 'workspace')} is wholly in one arm.",
        remedy="",
        evidence={"clusters": clusters, "violations": 0},
    )


def unit_in_clusters(users: int, sampled_one_in: int) -> Check:
    """Passed when it is reached: a user on several rows stops the run. Says how it was looked for."""
    how = "" if sampled_one_in == 1 else f" (looked at one user in {sampled_one_in}: a repeated user is seen with that chance)"
    return Check(
        code="unit_in_clusters",
        level="ok",
        statement=f"Each of the {words.count(users, 'user')} stands on one row, in one workspace{how}.",
        remedy="",
        evidence={"users": users, "sampled_one_in": sampled_one_in},
    )


TWO = ("control", "treated")
"""What a record calls its two arms, unless it has others."""


def sample_ratio(record: Assignment | None, present: Mapping[str, bool], arms: tuple[str, str] = TWO) -> Check:
    """Did the workspaces come to their arms, and stay there, as the rule has it? At the level that was randomized.

    Rules with fixed numbers of treated workspaces leave nothing to test but whether as many treated as control ones have left the
    data: exact, by the numbers of each stratum or pair (over all it is Fisher's test). Coins of a Bernoulli rule are tested by the
    exact binomial on workspaces too, and the smaller of the two p-values doubled. Users are not counted: a valid split of unequal
    workspaces does not halve them.

    Args:
        record: the recorded assignment.
        present: cluster (as text) to whether it is treated, for the clusters in the data.
        arms: the record's names of the two arms, control first.
    """
    treated, control = sum(present.values()), len(present) - sum(present.values())
    counts: dict[str, Number] = {"treated": treated, "control": control}
    if record is None:
        text = f"{treated:,} treated and {control:,} control workspaces. No assignment record was given, so that complete "
        text += "randomization is assumed and the split itself cannot be tested."
        return Check(
            code="sample_ratio", level="ok", statement=text, remedy="Keep the record that `assign` writes.", evidence=counts
        )
    drawn = {name: arm for name, arm in record.assigned.items() if arm in arms}
    lost = {name: arm for name, arm in drawn.items() if name not in present}
    gone = {arm: list(lost.values()).count(arm) for arm in arms}
    p = _lost_p(record, drawn, lost, arms[1])
    text = f"{len(drawn) - len(lost):,} of {words.count(len(drawn), 'recorded workspace')} are in the data; missing: "
    text += f"{gone[arms[1]]:,} treated, {gone[arms[0]]:,} control ({words.p_value(p)})."
    counts |= {"missing": len(lost), "p_value": p}
    if record.rule.kind == "bernoulli" and set(arms) <= set(record.rule.names):
        share = record.rule.shares[arms[1]] / sum(record.rule.shares[arm] for arm in arms)
        coins = _binomial_p(treated, treated + control, share)
        p = min(1.0, 2 * min(p, coins)) if lost else coins
        counts |= {"p_binomial": coins, "p_missing": counts["p_value"], "p_value": p}
        text = f"{treated:,} of {words.count(treated + control, 'workspace')} are treated, where each had a chance of "
        text += f"{words.percent(share)} ({words.p_value(coins)})." + (
            f" Missing: {gone[arms[1]]:,} treated, {gone[arms[0]]:,} control." if lost else ""
        )
    level: Level = "stop" if p < 0.001 else "caution" if p < 0.01 else "ok"
    remedy = "" if level == "ok" else "Find out why workspaces of one arm left the data; the arms are no longer comparable."
    return Check(code="sample_ratio", level=level, statement=text, remedy=remedy, evidence=counts)


def assignment_followed(record: Assignment, present: Mapping[str, bool], arms: tuple[str, str] = TWO) -> Check:
    """Do the arms in the data agree with the record, and does the record re-draw from its own seed?

    A workspace that joined after the draw must be in the arm that the record's rule for late ones gives it, if it gives any.
    """
    due = {name: record.arm_of(name) for name in present}
    wrong = [name for name, treated in present.items() if due[name] not in (None, arms[int(treated)])]
    unknown = [name for name in present if due[name] is None]
    late = sum(name not in record.assigned for name in present) - len(unknown)
    redrawn = record.reproduces()
    evidence: dict[str, Number] = {"disagree": len(wrong), "not_in_record": len(unknown), "reproduces": int(redrawn)}
    evidence |= {"late": late} if late else {}
    bad: list[str] = []
    if wrong:
        bad.append(f"{words.count(len(wrong), 'workspace')} are in another arm than recorded ({words.listing(wrong)})")
    if unknown:
        bad.append(f"{words.count(len(unknown), 'workspace')} are not in the record ({words.listing(unknown)})")
    if not redrawn:
        bad.append(f"the recorded arms do not come out of the recorded {'flag' if record.flag else 'seed and rule'}")
    if not bad:
        again = "re-draws to the same arms from its seed" if record.flag is None else "its flag hashes to the same arms again"
        text = f"The arms in the data are those of the record, which {again}."
        text += (
            f" {words.count(late, 'workspace')} joined after the draw, in the arm that the record's hash gives." if late else ""
        )
        return Check(code="assignment_followed", level="ok", statement=text, remedy="", evidence=evidence)
    remedy = "Analyse by the recorded arm, or find out who changed it: the comparison is no longer the randomized one."
    text = words.clean("; ".join(bad)) + "."
    return Check(code="assignment_followed", level="stop", statement=text[0].upper() + text[1:], remedy=remedy, evidence=evidence)


def balanced_covariates(metric: str, balanced: Sequence[str], used: Sequence[str]) -> Check:
    """Is the effect adjusted for everything that a rerandomized draw balanced?

    Without it the interval is that of a draw which might have been unbalanced: too wide, and the test rejects far too rarely
    (Morgan & Rubin 2012; Li & Ding 2020, Journal of the Royal Statistical Society B 82).
    """
    left = [name for name in balanced if name not in used]
    evidence: dict[str, Number] = {"balanced": len(balanced), "left_out": len(left)}
    if not left:
        text = f"{words.clean(metric)} is adjusted for what the draw balanced: {words.listing([*balanced])}."
        return Check(code="balanced_covariates", level="ok", statement=text, remedy="", evidence=evidence, metric=metric)
    text = f"The draw balanced {words.listing([*balanced])}, and the effect on {words.clean(metric)} is not adjusted for "
    text += f"{words.listing(left)}: its interval is wider than the design deserves."
    remedy = (
        "Leave `adjustment` at its default; with few workspaces, believe the randomization test, which re-draws by the same rule."
    )
    return Check(code="balanced_covariates", level="caution", statement=text, remedy=remedy, evidence=evidence, metric=metric)


def pair_weights(metric: str, n: NDArray[np.float64], arm: NDArray[np.bool_], pair: NDArray[np.int64] | None) -> Check:
    """Is the effect within pairs, which weighs a pair by n₁n₀/(n₁ + n₀), the effect per user?

    Args:
        metric: the metric.
        n: (G,) users of each workspace.
        arm: (G,) whether it is treated.
        pair: (G,) its pair; None where the pairs are too many to be in the regression.
    """
    if pair is None:
        text = (
            f"The pairs are too many to be effects of their own; the effect on {words.clean(metric)} is that of workspaces which "
        )
        text += "were not paired: its interval is right, and wider than the design deserves."
        remedy = "Name coarser strata in the plan, for example by size, to win back what the pairs explain."
        return Check(code="pair_weights", level="caution", statement=text, remedy=remedy, evidence={"pairs": None}, metric=metric)
    treated, control = (np.bincount(pair, np.where(arm == on, n, 0.0), int(pair.max()) + 1) for on in (True, False))
    whole = (treated > 0) & (control > 0)
    users = (treated + control)[whole]
    weight = treated[whole] * control[whole] / users
    moved = float(np.abs(weight / weight.sum() - users / users.sum()).sum() / 2) if users.size else 1.0
    alone = int(np.isin(pair, np.flatnonzero(~whole)).sum())
    evidence: dict[str, Number] = {"pairs": int(whole.sum()), "without_partner": alone, "moved_weight": moved}
    text = f"{words.count(int(whole.sum()), 'pair')} of workspaces; the effect on {words.clean(metric)} weighs a pair by n₁n₀/(n₁ + n₀), "
    text += f"which moves {words.percent(moved)} of the weight against the pairs' users."
    text += f" Without a partner, and so without a say: {words.count(alone, 'workspace')}." if alone else ""
    level: Level = "caution" if moved > UNLIKE_USERS else "ok"
    remedy = "If effects go with size this is not the effect per user: read the one per workspace, and match on size next time."
    return Check(
        code="pair_weights", level=level, statement=text, remedy=remedy if level != "ok" else "", evidence=evidence, metric=metric
    )


def missing_outcome(metric: str, shares: tuple[float, float], p: float | None, missing: int) -> Check:
    """Is the outcome missing more often in one arm? The test allows for clusters, as the headline does.

    Args:
        metric: the metric.
        shares: share of users without the outcome, (control, treated).
        p: p-value of their difference; None when nothing is missing.
        missing: users without the outcome.
    """
    evidence = {"missing": missing, "share_control": shares[0], "share_treated": shares[1], "p_value": p}
    if p is None or missing == 0:
        text = f"{words.clean(metric)} is there for every user."
        return Check(code="missing_outcome", level="ok", statement=text, remedy="", evidence=evidence, metric=metric)
    gap = abs(shares[1] - shares[0])
    level: Level = "stop" if p < 0.001 and gap > 0.02 else "caution" if p < 0.01 else "ok"
    text = f"{words.clean(metric)} is missing for {words.percent(shares[1])} of treated and {words.percent(shares[0])} of control users "
    text += f"({words.p_value(p)} for the difference). They are left out."
    remedy = (
        "" if level == "ok" else "Find out who has no outcome and why; an effect on being measured biases the effect measured."
    )
    return Check(code="missing_outcome", level=level, statement=text, remedy=remedy, evidence=evidence, metric=metric)


def _lost_p(record: Assignment, drawn: Mapping[str, str], lost: Mapping[str, str], treated: str) -> float:
    """Two-sided p of the number of treated workspaces among those lost, given how many each stratum or pair has and has lost."""
    label = {name: (record.strata or {}).get(name, "") for name in drawn}
    actual = sum(arm == treated for arm in lost.values())
    blocks = sorted({label[name] for name in lost})
    if record.strata is None or not blocks:
        return _fisher(actual, len(lost), sum(arm == treated for arm in drawn.values()), len(drawn))
    size, taken = Counter(label.values()), Counter(label[name] for name in lost)
    on = Counter(label[name] for name, arm in drawn.items() if arm == treated)
    chance = np.ones(1)
    for block in blocks:
        k, t, out = size[block], on[block], taken[block]
        ways = [comb(t, i) * comb(k - t, out - i) for i in range(out + 1)]
        chance = np.convolve(chance, np.array([w / comb(k, out) for w in ways]))
    return float(min(1.0, chance[chance <= chance[actual] * (1 + 1e-9)].sum()))


def _binomial_p(successes: int, trials: int, chance: float) -> float:
    """Two-sided p of a binomial count, by the sum of all outcomes that are no likelier."""
    i = np.arange(trials + 1)
    logs = gammaln(trials + 1) - gammaln(i + 1) - gammaln(trials - i + 1) + i * log(chance) + (trials - i) * log1p(-chance)
    likely = np.exp(logs)
    return float(min(1.0, likely[likely <= likely[successes] * (1 + 1e-9)].sum()))


def _fisher(lost_treated: int, lost: int, treated: int, drawn: int) -> float:
    """Two-sided p of a hypergeometric count, by the sum of all outcomes that are no likelier, in whole numbers."""
    ways = [comb(treated, i) * comb(drawn - treated, lost - i) for i in range(lost + 1)]
    return sum(w for w in ways if w <= ways[lost_treated]) / sum(ways)
