"""The draw itself: from clusters, a rule and a seed to a record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from honestlift.design.assignment.balance import whitened
from honestlift.design.assignment.pairs import matched_pairs
from honestlift.design.assignment.record import Assignment
from honestlift.design.assignment.redraws import index_of, scheme
from honestlift.design.assignment.roster import natural
from honestlift.design.assignment.rule import ON_COVARIATES, Rule
from honestlift.design.assignment.sizes import arm_counts
from honestlift.errors import AssignmentError, DesignError

THRESHOLD_DRAWS = 10_000
"""Draws whose quantile is the threshold of a rerandomized rule; all assignments, if they are no more."""

FEWEST_ACCEPTED = 1_000
"""Assignments that a rerandomized rule must accept, so that its tests have something to draw."""


def assign(
    clusters: Sequence[str],
    rule: Rule,
    *,
    seed: int,
    strata: Mapping[str, str] | None = None,
    covariates: Mapping[str, Sequence[float]] | None = None,
) -> Assignment:
    """Draw an assignment of clusters to arms.

    A rerandomized rule takes as its threshold the quantile of the distance over 10,000 draws (from the seed, too): the chi-square
    quantile would accept too few with few clusters. Pairs are formed within the strata, if there are strata.

    Args:
        clusters: names of the clusters, each once. Their order does not matter: they are sorted before the draw.
        rule: how they come to their arms.
        seed: start of the generator; the same seed and clusters give the same arms.
        strata: cluster to stratum; required by a stratified rule, possible with pairs, rerandomization and saturations.
        covariates: cluster to the values of the rule's covariates, in their order; required by pairs and rerandomization.

    Raises:
        AssignmentError: if an arm would have fewer than two clusters, a cluster has no stratum or no covariates, a covariate says
            nothing, or a rerandomized rule would accept fewer than 1,000 assignments.
        DesignError: if the rule is stratified and there are no strata, or the reverse; if the seed is negative.

    Example:
        >>> dict(hl.assign(["a", "b", "c", "d"], hl.Rule(share=0.5), seed=7).assigned)
        {'a': 'treated', 'b': 'control', 'c': 'control', 'd': 'treated'}
        >>> pairs = hl.Rule(kind="matched_pairs", covariates=("size",))
        >>> drawn = hl.assign("abcd", pairs, seed=7, covariates={"a": [10], "b": [90], "c": [12], "d": [80]})
        >>> dict(drawn.strata)
        {'a': 'pair 1', 'b': 'pair 2', 'c': 'pair 1', 'd': 'pair 2'}
    """
    if seed < 0:
        raise DesignError.out_of_range("seed", seed, "a whole number from 0 up")
    if (rule.kind == "stratified") != (strata is not None) and rule.kind not in (*ON_COVARIATES, "saturation"):
        raise DesignError.out_of_range("strata", strata, "strata with a stratified rule, and only with one")
    if (rule.kind in ON_COVARIATES) != (covariates is not None):
        raise DesignError.out_of_range(
            "covariates", covariates and "given", "them with matched_pairs or rerandomized, and only with these"
        )
    names = sorted(dict.fromkeys(clusters), key=natural)
    if len(names) < 2 * len(rule.names):
        counts = arm_counts([len(names)], [rule.shares[arm] for arm in rule.names])[0].tolist()
        raise AssignmentError.too_small({arm: counts[rule.names.index(arm)] for arm in rule.shares})
    homeless = [name for name in names if strata is not None and name not in strata]
    if homeless:
        raise AssignmentError.no_stratum(len(homeless), homeless[0])
    kept = None if strata is None else {name: strata[name] for name in names}
    known = None if covariates is None else _known(names, rule, covariates)
    if rule.kind == "matched_pairs" and known is not None:
        kept = _pairs(names, rule, kept, known)
    if rule.kind == "rerandomized" and known is not None:
        rule = replace(rule, threshold=_threshold(names, rule, kept, known, seed))
    record = Assignment(rule=rule, seed=seed, assigned=_drawn(names, rule, kept, known, seed), strata=kept, covariates=known)
    sizes = {arm: list(record.assigned.values()).count(arm) for arm in rule.shares}
    if min(sizes.values()) < 2:
        raise AssignmentError.too_small(sizes)
    return record


def drawn_again(record: Assignment) -> dict[str, str]:
    """The arms that come out of a record's clusters, rule and seed; nothing, if its threshold does not come out of them."""
    names = sorted(record.assigned, key=natural)
    rule, known = record.rule, record.covariates
    try:
        if rule.kind == "rerandomized" and known is not None and rule.threshold is not None:
            again = _threshold(names, replace(rule, threshold=None), record.strata, known, record.seed)
            if abs(again - rule.threshold) > 1e-9 * max(again, rule.threshold):
                return {}
        return _drawn(names, rule, record.strata, known, record.seed)
    except AssignmentError:
        return {}


def _drawn(
    names: Sequence[str],
    rule: Rule,
    strata: Mapping[str, str] | None,
    covariates: Mapping[str, tuple[float, ...]] | None,
    seed: int,
) -> dict[str, str]:
    codes = scheme(names, rule, strata, covariates)(np.random.default_rng(seed), 1)[0].astype(np.int64)
    return {name: rule.names[code] for name, code in zip(names, codes.tolist(), strict=True)}


def _known(names: Sequence[str], rule: Rule, covariates: Mapping[str, Sequence[float]]) -> dict[str, tuple[float, ...]]:
    """The covariates of every cluster, as many as the rule names."""
    unknown = [name for name in names if len(covariates.get(name, ())) != len(rule.covariates)]
    if unknown:
        raise AssignmentError.no_covariates(len(unknown), unknown[0], rule.covariates)
    return {name: tuple(float(value) for value in covariates[name]) for name in names}


def _values(names: Sequence[str], rule: Rule, known: Mapping[str, tuple[float, ...]]) -> NDArray[np.float64]:
    return whitened(np.array([known[name] for name in names], dtype=np.float64), rule.covariates)


def _pairs(
    names: Sequence[str], rule: Rule, strata: Mapping[str, str] | None, known: Mapping[str, tuple[float, ...]]
) -> dict[str, str]:
    """Cluster to its pair, formed within the strata."""
    z = _values(names, rule, known)
    within = index_of(["" if strata is None else strata[name] for name in names])
    pair = np.zeros(len(names), dtype=np.int64)
    for stratum in range(int(within.max()) + 1):
        members = np.flatnonzero(within == stratum)
        pair[members] = matched_pairs(z[members]) + (0 if stratum == 0 else int(pair[within < stratum].max()) + 1)
    width = len(str(int(pair.max()) + 1))
    return {name: f"pair {number + 1:0{width}d}" for name, number in zip(names, pair.tolist(), strict=True)}


def _threshold(
    names: Sequence[str],
    rule: Rule,
    strata: Mapping[str, str] | None,
    known: Mapping[str, tuple[float, ...]],
    seed: int,
) -> float:
    """The quantile of the distance over draws of the rule without its criterion."""
    bare = scheme(names, replace(rule, threshold=np.inf), strata, known)
    criterion, plain = bare.balance, replace(bare, balance=None, acceptance=1.0)
    accepted = int(Fraction(rule.acceptance) * plain.admissible)
    if accepted < FEWEST_ACCEPTED:
        raise AssignmentError.few_accepted(accepted, FEWEST_ACCEPTED, plain.admissible, rule.acceptance)
    if criterion is None:
        return np.inf
    blocks, _ = plain.blocks(np.random.default_rng([seed, 1]), THRESHOLD_DRAWS, block=1_000_000)
    distance = np.sort(np.concatenate([criterion.distance(codes, len(rule.names)) for codes in blocks]))
    return float(distance[max(0, int(np.ceil(rule.acceptance * distance.size - 1e-9)) - 1)])
