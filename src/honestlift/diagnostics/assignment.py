"""Was the assignment what the analysis takes it for, and are the outcomes of both arms all there?"""

from __future__ import annotations

from collections.abc import Mapping
from math import comb

from honestlift.design.assignment import Assignment
from honestlift.report import words
from honestlift.result import Check, Level


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


def sample_ratio(record: Assignment | None, present: Mapping[str, bool]) -> Check:
    """Are as many treated as control clusters missing from the data? Fisher's exact test on the recorded clusters.

    Complete and stratified randomization fix the counts, so that there is nothing to test without the record. Users are not
    counted: a valid split of unequal workspaces does not halve them.

    Args:
        record: the recorded assignment.
        present: cluster (as text) to whether it is treated, for the clusters in the data.
    """
    treated, control = sum(present.values()), len(present) - sum(present.values())
    counts = {"treated": treated, "control": control}
    if record is None:
        text = f"{treated:,} treated and {control:,} control workspaces. No assignment record was given, so that complete "
        text += "randomization is assumed and the split itself cannot be tested."
        return Check(
            code="sample_ratio", level="ok", statement=text, remedy="Keep the record that `assign` writes.", evidence=counts
        )
    drawn = list(record.assigned.items())
    lost = [arm for name, arm in drawn if name not in present]
    n_treated = sum(arm == "treated" for _, arm in drawn)
    p = _fisher(lost.count("treated"), len(lost), n_treated, len(drawn))
    level: Level = "stop" if p < 0.001 else "caution" if p < 0.01 else "ok"
    text = f"{len(drawn) - len(lost):,} of {words.count(len(drawn), 'recorded workspace')} are in the data; missing: "
    text += f"{lost.count('treated'):,} treated, {lost.count('control'):,} control ({words.p_value(p)})."
    remedy = "" if level == "ok" else "Find out why workspaces of one arm left the data; the arms are no longer comparable."
    return Check(
        code="sample_ratio", level=level, statement=text, remedy=remedy, evidence={**counts, "missing": len(lost), "p_value": p}
    )


def assignment_followed(record: Assignment, present: Mapping[str, bool]) -> Check:
    """Do the arms in the data agree with the record, and does the record re-draw from its own seed?"""
    drawn = {name: arm == "treated" for name, arm in record.assigned.items()}
    wrong = [name for name, treated in present.items() if name in drawn and drawn[name] != treated]
    unknown = [name for name in present if name not in drawn]
    redrawn = record.reproduces()
    evidence = {"disagree": len(wrong), "not_in_record": len(unknown), "reproduces": int(redrawn)}
    bad: list[str] = []
    if wrong:
        bad.append(f"{words.count(len(wrong), 'workspace')} are in another arm than recorded ({words.listing(wrong)})")
    if unknown:
        bad.append(f"{words.count(len(unknown), 'workspace')} are not in the record ({words.listing(unknown)})")
    if not redrawn:
        bad.append("the recorded arms do not come out of the recorded seed and rule")
    if not bad:
        text = "The arms in the data are those of the record, which re-draws to the same arms from its seed."
        return Check(code="assignment_followed", level="ok", statement=text, remedy="", evidence=evidence)
    remedy = "Analyse by the recorded arm, or find out who changed it: the comparison is no longer the randomized one."
    text = words.clean("; ".join(bad)) + "."
    return Check(code="assignment_followed", level="stop", statement=text[0].upper() + text[1:], remedy=remedy, evidence=evidence)


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


def _fisher(lost_treated: int, lost: int, treated: int, drawn: int) -> float:
    """Two-sided p of a hypergeometric count, by the sum of all outcomes that are no likelier, in whole numbers."""
    ways = [comb(treated, i) * comb(drawn - treated, lost - i) for i in range(lost + 1)]
    return sum(w for w in ways if w <= ways[lost_treated]) / sum(ways)
