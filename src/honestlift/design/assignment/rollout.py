"""An existing roll-out by a hashing flag, read as the design that it is: an own coin for each cluster."""

from __future__ import annotations

from collections.abc import Sequence

from honestlift.design.assignment.flag import GENERATOR, HashedFlag
from honestlift.design.assignment.record import Assignment
from honestlift.design.assignment.roster import natural
from honestlift.design.assignment.rule import Rule
from honestlift.errors import AssignmentError


def read_rollout(clusters: Sequence[str], flag: HashedFlag) -> Assignment:
    """The record of a roll-out that a feature flag made by hashing the clusters' ids.

    Hashing is a coin for each cluster (a Bernoulli design), tossed once and for all by its id: tests and exposure probabilities toss
    it anew. Clusters that the flag leaves out are not in the record. Late ones have the arm that the flag gives them.

    Args:
        clusters: ids of the clusters as the platform hashes them, each once or more, in any order.
        flag: how it hashes.

    Raises:
        AssignmentError: if an id is not plain ASCII, or an arm has fewer than two clusters.

    Example:
        >>> flag = hl.HashedFlag(key="ai-notes", weights={"control": 0.5, "treated": 0.5})
        >>> record = hl.read_rollout([f"ws-{i}" for i in range(100)], flag)
        >>> record.rule.kind, record.reproduces(), sum(arm == "treated" for arm in record.assigned.values())
        ('bernoulli', True, 51)
    """
    names = sorted(dict.fromkeys(clusters), key=natural)
    arms = flag.variations(names)
    assigned = {name: arm for name, arm in zip(names, arms, strict=True) if arm is not None}
    counts = {arm: sum(each == arm for each in assigned.values()) for arm in flag.weights}
    if min(counts.values()) < 2:
        raise AssignmentError.nobody_included(flag.key, counts)
    if set(flag.weights) == {"treated", "control"}:
        rule = Rule(kind="bernoulli", share=flag.weights["treated"] / sum(flag.weights.values()))
    else:
        rule = Rule(kind="bernoulli", arms=flag.weights)
    return Assignment(rule=rule, seed=0, assigned=assigned, generator=GENERATOR, flag=flag)
