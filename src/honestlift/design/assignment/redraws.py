"""How any recorded assignment is drawn again, for all of its clusters or for some of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from honestlift.design.assignment.balance import Balance, whitened
from honestlift.design.assignment.redraw import Redraw
from honestlift.design.assignment.roster import natural
from honestlift.design.assignment.rule import Rule
from honestlift.design.assignment.sizes import arm_counts
from honestlift.errors import AssignmentError

COINS = -1
"""In place of the clusters per arm: each cluster has a coin of its own."""

HELD, DRAWN, TOSSED = "0", "1", "2"
"""How the clusters of a block are drawn again: not at all, within their numbers, by a coin each."""


class Recorded(Protocol):
    """What of a record the re-draws need."""

    @property
    def rule(self) -> Rule: ...
    @property
    def assigned(self) -> Mapping[str, str]: ...
    @property
    def strata(self) -> Mapping[str, str] | None: ...
    @property
    def covariates(self) -> Mapping[str, tuple[float, ...]] | None: ...
    def arm_of(self, cluster: str) -> str | None: ...


def scheme(
    names: Sequence[str], rule: Rule, strata: Mapping[str, str] | None, covariates: Mapping[str, Sequence[float]] | None
) -> Redraw:
    """The rule on the clusters of its first draw, in their order. ``assign`` draws from it, and so does whoever draws again.

    Args:
        names: the clusters, in the order of the draw.
        rule: the rule, with its threshold if it is rerandomized.
        strata: cluster to stratum or pair.
        covariates: cluster to the values of the rule's covariates.
    """
    index = index_of(["" if strata is None else strata[name] for name in names])
    size = np.bincount(index)
    shares = np.array([rule.shares[arm] for arm in rule.names])
    counts = arm_counts(size.tolist(), shares.tolist())
    if rule.kind == "bernoulli":
        counts = np.full_like(counts, COINS)
    if rule.kind == "matched_pairs":  # one of each pair; a cluster without a partner has a coin
        counts = np.where(size[:, None] == 2, np.ones_like(counts), COINS)
    balance = None
    if rule.kind == "rerandomized" and rule.threshold is not None and covariates is not None:
        z = whitened(np.array([covariates[name] for name in names], dtype=np.float64), rule.covariates)
        balance = Balance(z=z, threshold=rule.threshold, inside=np.ones(len(names), dtype=np.bool_))
    return Redraw(
        arms=rule.names,
        strata=index,
        counts=counts,
        shares=shares,
        balance=balance,
        acceptance=1.0 if balance is None else rule.acceptance,
    )


def redraws(record: Recorded, clusters: Sequence[str] | None = None, arms: tuple[str, str] | None = None) -> Redraw:
    """The re-draws of a recorded assignment, by its own rule.

    Clusters that are not told (they left the data) are drawn too where their presence matters: a rerandomized draw is made of all.
    With a complete or stratified rule the numbers of treated clusters among those told are held, which is exact given these.
    A late cluster has a coin (``late: hash``), or always its control arm (``late: control``).

    Args:
        record: the recorded assignment.
        clusters: the clusters to tell, in the order in which they are to stand; all of the record, in its order, when left out.
        arms: two arms, control first, to compare: all clusters told must be in one of them, and the others' arms are held.

    Returns:
        A ``Redraw``: call it as ``redraw(rng, draws)`` for (draws, K) arms.

    Raises:
        AssignmentError: if a cluster is not in the record, and the record refuses late ones; or is in neither of the two arms.

    Example:
        >>> import numpy as np
        >>> record = hl.assign(["a", "b", "c", "d"], hl.Rule(), seed=7)
        >>> hl.redraws(record, clusters=["d", "a"])(np.random.default_rng(0), 3).shape
        (3, 2)
    """
    told = list(record.assigned) if clusters is None else [str(name) for name in clusters]
    late = [name for name in told if name not in record.assigned]
    if late and record.rule.late == "refuse":
        raise AssignmentError.not_in_record(len(late), late[0])
    compared = record.rule.names if arms is None else arms
    whole = record.rule.kind == "rerandomized"  # its criterion is a function of all clusters
    names = [*sorted(record.assigned, key=natural), *late] if whole else told
    actual = {name: str(record.arm_of(name)) for name in names}
    stranger = next((name for name in told if actual[name] not in compared), None)
    if stranger is not None:
        raise AssignmentError.in_another_arm(stranger, actual[stranger], compared)
    blocks = _blocks(record, names, [actual[name] in compared for name in names])
    index = index_of(blocks)
    codes = np.array([compared.index(actual[name]) if actual[name] in compared else 0 for name in names], dtype=np.int64)
    counts = np.zeros((int(index.max(initial=-1)) + 1, len(compared)), dtype=np.int64)
    np.add.at(counts, (index, codes), 1)
    counts[[int(i) for i, block in zip(index, blocks, strict=True) if block.startswith(TOSSED)]] = COINS
    weights = np.array([record.rule.shares[arm] for arm in compared])
    balance = _criterion(record, names, actual, compared)
    place = {name: i for i, name in enumerate(names)}
    return Redraw(
        arms=compared,
        strata=index,
        counts=counts,
        shares=weights / weights.sum(),
        balance=balance,
        acceptance=1.0 if balance is None else record.rule.acceptance,
        chosen=None if names == told else np.array([place[name] for name in told], dtype=np.int64),
    )


def index_of(labels: Sequence[str]) -> NDArray[np.int64]:
    """(K,) index of each label among the different ones, in their order as text."""
    level = {label: i for i, label in enumerate(sorted(dict.fromkeys(labels)))}
    return np.array([level[label] for label in labels], dtype=np.int64)


def _blocks(record: Recorded, names: Sequence[str], compared: Sequence[bool]) -> list[str]:
    """The block within which each cluster is drawn: within one the numbers of the arms are held, or each cluster has a coin."""
    kind, strata, late = record.rule.kind, record.strata or {}, record.rule.late
    partners = Counter(strata[name] for name in names if name in record.assigned) if kind == "matched_pairs" else Counter[str]()

    def block(name: str, drawn_again: bool) -> str:
        if name not in record.assigned:
            return TOSSED if late == "hash" else HELD
        if not drawn_again:
            return HELD
        alone = kind == "matched_pairs" and partners[strata[name]] < 2
        return TOSSED if kind == "bernoulli" or alone else DRAWN + strata.get(name, "")

    return [block(name, again) for name, again in zip(names, compared, strict=True)]


def _criterion(record: Recorded, names: Sequence[str], actual: Mapping[str, str], compared: Sequence[str]) -> Balance | None:
    """The criterion of a rerandomized rule; the arms that are not compared add to it what they add in the actual draw."""
    rule = record.rule
    if rule.kind != "rerandomized" or rule.threshold is None or record.covariates is None:
        return None
    drawn = [name for name in names if name in record.assigned]
    values = np.array([record.covariates[name] for name in drawn], dtype=np.float64)
    z = np.zeros((len(names), values.shape[1]))
    z[: len(drawn)] = whitened(values, rule.covariates)
    held = 0.0
    for arm in rule.names:
        if arm not in compared:
            members = z[[i for i, name in enumerate(drawn) if actual[name] == arm]]
            held += float((members.sum(axis=0) ** 2).sum()) / max(members.shape[0], 1)
    inside = np.array([name in record.assigned and actual[name] in compared for name in names], dtype=np.bool_)
    return Balance(z=z, threshold=rule.threshold, inside=inside, held=held)
