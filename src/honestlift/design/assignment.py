"""Assignment of clusters to arms: the rule, the seeded draw, the re-draws, and the record that holds them together."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from honestlift.errors import AssignmentError, DesignError

SCHEMA_VERSION = 1
GENERATOR = "numpy.random.PCG64"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """How clusters came to their arms: a fixed number of treated ones, over all clusters or within each stratum.

    Attributes:
        kind: ``complete`` or ``stratified``.
        share: share of the clusters that is treated, above 0 and below 1.

    Raises:
        DesignError: if a value is out of range.

    Example:
        >>> hl.Rule(kind="stratified", share=0.3)
        Rule(kind='stratified', share=0.3)
    """

    kind: Literal["complete", "stratified"] = "complete"
    share: float = 0.5

    def __post_init__(self) -> None:
        if self.kind not in ("complete", "stratified"):
            raise DesignError.out_of_range("rule", self.kind, "'complete' or 'stratified'")
        if not 0 < self.share < 1:
            raise DesignError.out_of_range("share", self.share, "a number between 0 and 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """The record of one assignment. Whoever has it can draw the assignment again.

    Attributes:
        rule: how the clusters came to their arms.
        seed: what the generator was started from.
        assigned: cluster (as text) to ``treated`` or ``control``, in the order in which clusters were drawn.
        strata: cluster to stratum, for a stratified rule.
        generator: name of the random generator.

    Example:
        >>> record = hl.assign(["a", "b", "c", "d"], hl.Rule(), seed=7)
        >>> record.reproduces(), hl.Assignment.from_json(record.to_json()) == record
        (True, True)
    """

    rule: Rule
    seed: int
    assigned: Mapping[str, str]
    strata: Mapping[str, str] | None = None
    generator: str = field(default=GENERATOR)

    @property
    def roster_sha256(self) -> str:
        """Hash of the clusters and their strata, in any order, by which a changed roster is noticed."""
        names = sorted(self.assigned, key=_natural)
        lines = (f"{cluster}\t{(self.strata or {}).get(cluster, '')}" for cluster in names)
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()

    def reproduces(self) -> bool:
        """Whether drawing again from the seed gives the recorded arms."""
        return dict(assign(list(self.assigned), self.rule, seed=self.seed, strata=self.strata).assigned) == dict(self.assigned)

    def to_json(self) -> str:
        """The record as ``assignment.json`` holds it."""
        record = {
            "schema_version": SCHEMA_VERSION,
            "rule": {"kind": self.rule.kind, "share": self.rule.share},
            "arms": {"treated": self.rule.share, "control": 1 - self.rule.share},
            "clusters": len(self.assigned),
            "strata": None if self.strata is None else dict(self.strata),
            "seed": self.seed,
            "generator": self.generator,
            "roster_sha256": self.roster_sha256,
            "assigned": dict(self.assigned),
        }
        return json.dumps(record, indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str, path: str = "assignment.json") -> Assignment:
        """The record that ``to_json`` wrote.

        Raises:
            AssignmentError: if the text is no such record, or its roster does not fit its hash.
        """
        try:
            record: dict[str, Any] = json.loads(text)
            arms = record["arms"]
            share = record["rule"].get("share", arms["treated"])
            made = cls(
                rule=Rule(kind=record["rule"]["kind"], share=float(share)),
                seed=int(record["seed"]),
                assigned={str(k): str(v) for k, v in record["assigned"].items()},
                strata=None if record.get("strata") is None else {str(k): str(v) for k, v in record["strata"].items()},
                generator=str(record["generator"]),
            )
        except (json.JSONDecodeError, KeyError, TypeError, AttributeError, ValueError) as reason:
            raise AssignmentError.malformed(path, f"{type(reason).__name__}: {reason}") from reason
        fault = _unusable(made, record)
        if fault is not None:
            raise AssignmentError.malformed(path, fault)
        return made


def arm_sizes(sizes: Sequence[int], share: float) -> NDArray[np.int64]:
    """Treated clusters in each stratum, so that the total is the rounded share of all clusters.

    Args:
        sizes: clusters per stratum, (S,).
        share: share of the clusters that is treated.

    Returns:
        (S,) counts: each stratum's share rounded down, and the rest to the largest remainders, earlier strata first.
    """
    counts = np.asarray(sizes, dtype=np.int64)
    exact = share * counts
    treated = np.floor(exact + 1e-9).astype(np.int64)
    short = int(np.floor(share * counts.sum() + 0.5)) - int(treated.sum())
    order = np.argsort(-np.round(exact - treated, 9), kind="stable")
    treated[order[:short]] += 1
    return treated


def draw(strata: NDArray[np.int64], treated: NDArray[np.int64], rng: np.random.Generator, draws: int) -> NDArray[np.bool_]:
    """Re-draws of an assignment with a fixed number of treated clusters in each stratum.

    Args:
        strata: (K,) index of each cluster's stratum, 0 to S−1.
        treated: (S,) treated clusters in each stratum.
        rng: source of randomness.
        draws: number B of assignments.

    Returns:
        (B, K) true where the cluster is treated; every admissible assignment is equally likely.
    """
    keys = rng.random((draws, strata.size))
    arms = np.zeros((draws, strata.size), dtype=np.bool_)
    for stratum, count in enumerate(treated):
        members = np.flatnonzero(strata == stratum)
        if count:  # the clusters with the smallest keys
            chosen = np.argpartition(keys[:, members], int(count) - 1, axis=1)[:, :count]
            np.put_along_axis(arms, members[chosen], values=True, axis=1)
    return arms


def assign(clusters: Sequence[str], rule: Rule, *, seed: int, strata: Mapping[str, str] | None = None) -> Assignment:
    """Draw an assignment of clusters to arms.

    Args:
        clusters: names of the clusters, each once. Their order does not matter: they are sorted before the draw.
        rule: how they come to their arms.
        seed: start of the generator; the same seed and clusters give the same arms.
        strata: cluster to stratum; required by a stratified rule.

    Raises:
        AssignmentError: if an arm would have fewer than two clusters, or a cluster has no stratum.
        DesignError: if the rule is stratified and there are no strata, or the reverse; if the seed is negative.

    Example:
        >>> dict(hl.assign(["a", "b", "c", "d"], hl.Rule(share=0.5), seed=7).assigned)
        {'a': 'treated', 'b': 'control', 'c': 'control', 'd': 'treated'}
    """
    if seed < 0:
        raise DesignError.out_of_range("seed", seed, "a whole number from 0 up")
    if (rule.kind == "stratified") != (strata is not None):
        raise DesignError.out_of_range("strata", strata, "strata with a stratified rule, and only with one")
    names = sorted(dict.fromkeys(clusters), key=_natural)
    homeless = [name for name in names if strata is not None and name not in strata]
    if homeless:
        raise AssignmentError.no_stratum(len(homeless), homeless[0])
    labels = ["" for _ in names] if strata is None else [strata[name] for name in names]
    levels = sorted(dict.fromkeys(labels))
    index = np.array([levels.index(label) for label in labels], dtype=np.int64)
    treated = arm_sizes([int((index == s).sum()) for s in range(len(levels))], rule.share)
    if min(int(treated.sum()), len(names) - int(treated.sum())) < 2:
        raise AssignmentError.too_small(int(treated.sum()), len(names) - int(treated.sum()))
    arms = draw(index, treated, np.random.default_rng(seed), 1)[0]
    assigned = {name: "treated" if on else "control" for name, on in zip(names, arms, strict=True)}
    kept = None if strata is None else dict(zip(names, labels, strict=True))
    return Assignment(rule=rule, seed=seed, assigned=assigned, strata=kept)


def _unusable(made: Assignment, record: Mapping[str, Any]) -> str | None:
    """Why a record that could be read cannot be used; None if it can."""
    version, seed, strata = record.get("schema_version"), record["seed"], made.strata
    faults = {
        f"its schema_version is {version!r}, not {SCHEMA_VERSION}": version != SCHEMA_VERSION,
        f"its seed is {seed!r}, not a whole number from 0 up": made.seed != seed or made.seed < 0,
        "an arm is neither 'treated' nor 'control'": bool(set(made.assigned.values()) - {"treated", "control"}),
        "it has strata without a stratified rule, or the reverse": (made.rule.kind == "stratified") != (strata is not None),
        "its strata and its arms are not of the same clusters": strata is not None and set(strata) != set(made.assigned),
        "its clusters do not fit its roster_sha256: it was edited": made.roster_sha256 != record.get("roster_sha256"),
    }
    return next((fault for fault, found in faults.items() if found), None)


def _natural(name: str) -> tuple[int, int, str]:
    """Whole numbers in the order of their size, then text, so that 10 follows 9."""
    try:
        return (0, int(name), name)
    except ValueError:
        return (1, 0, name)
