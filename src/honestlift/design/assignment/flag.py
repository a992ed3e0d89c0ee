"""A feature flag that hashes ids into variations, computed again as GrowthBook's SDKs compute it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from honestlift.errors import AssignmentError, DesignError

OFFSET_BASIS, PRIME = np.uint32(0x811C9DC5), np.uint32(0x01000193)
"""Of the 32-bit FNV-1a hash (Fowler, Noll & Vo; RFC 9923)."""

GENERATOR = "growthbook.fnv1a32"


@dataclass(frozen=True, slots=True, kw_only=True)
class HashedFlag:
    """An experiment of a flag platform that buckets by hash, as GrowthBook documents it for whoever writes an SDK.

    The id and the seed are hashed to a number from 0 to 1; the variations lie beside each other from 0 to 1, each as wide as its
    weight, of which the first ``coverage`` is filled. Whoever falls into a gap, or out of the namespace, is not in the experiment.

    Attributes:
        key: the experiment's key; it is the seed too unless there is another.
        weights: variation to its weight, in the order of the variations; they add up to 1.
        seed: what is hashed with the id, where the experiment has a seed of its own.
        hash_version: 1 (the first, of a thousand buckets, which correlates between experiments) or 2 (of ten thousand).
        coverage: share of everyone that is in the experiment.
        namespace: name, start and end of the part of a namespace that the experiment has.

    Raises:
        DesignError: if a value is out of range.

    Example:
        >>> flag = hl.HashedFlag(key="ai-notes", weights={"control": 0.5, "treated": 0.5}, hash_version=2)
        >>> flag.variations(["acme", "globex", "initech"])
        ['treated', 'control', 'control']
    """

    key: str
    weights: Mapping[str, float] = field(default_factory=lambda: {"control": 0.5, "treated": 0.5})
    seed: str | None = None
    hash_version: int = 2
    coverage: float = 1.0
    namespace: tuple[str, float, float] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "weights", {str(name): float(weight) for name, weight in self.weights.items()})
        if not self.key:
            raise DesignError.out_of_range("key", self.key, "the key of the experiment")
        if self.hash_version not in (1, 2):
            raise DesignError.out_of_range("hash_version", self.hash_version, "1 or 2")
        if not 0 < self.coverage <= 1:
            raise DesignError.out_of_range("coverage", self.coverage, "a share above 0, and no more than 1")
        weights = list(self.weights.values())
        if len(weights) < 2 or not all(w > 0 for w in weights) or not math.isclose(sum(weights), 1, abs_tol=0.01):
            raise DesignError.out_of_range(
                "weights", dict(self.weights), "two or more variations with weights above 0 that add up to 1"
            )
        if self.namespace is not None:
            name, start, end = self.namespace
            object.__setattr__(self, "namespace", (str(name), float(start), float(end)))
            if not 0 <= start < end <= 1:
                raise DesignError.out_of_range("namespace", self.namespace, "a name, and a start below an end, from 0 to 1")

    def variations(self, ids: Sequence[str]) -> list[str | None]:
        """The variation of each id, None where it is not in the experiment.

        Args:
            ids: what the platform hashes, usually the workspace, as text in ASCII.

        Raises:
            AssignmentError: if an id is empty or not plain ASCII, which the platform's SDKs hash differently from each other.
        """
        places = buckets(ids, self.key if self.seed is None else self.seed, self.hash_version)
        inside = np.ones(places.size, dtype=np.bool_)
        if self.namespace is not None:
            name, start, end = self.namespace
            there = buckets(ids, f"__{name}", 1)
            inside = (there >= start) & (there < end)
        found = np.full(places.size, -1)
        edge = 0.0
        for code, weight in enumerate(self.weights.values()):  # added up in this order, as the SDKs do it
            found[inside & (places >= edge) & (places < edge + self.coverage * weight)] = code
            edge += weight
        names = [*self.weights, None]  # -1 is the last
        return [names[code] for code in found.tolist()]

    def as_dict(self) -> dict[str, Any]:
        """The flag as the assignment record holds it."""
        return {
            "key": self.key,
            "weights": [[name, weight] for name, weight in self.weights.items()],
            "seed": self.seed,
            "hash_version": self.hash_version,
            "coverage": self.coverage,
            "namespace": None if self.namespace is None else list(self.namespace),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> HashedFlag:
        """The flag that ``as_dict`` gave."""
        namespace = values.get("namespace")
        return cls(
            key=str(values["key"]),
            weights={str(name): float(weight) for name, weight in values["weights"]},
            seed=None if values.get("seed") is None else str(values["seed"]),
            hash_version=int(values["hash_version"]),
            coverage=float(values["coverage"]),
            namespace=None if namespace is None else (str(namespace[0]), float(namespace[1]), float(namespace[2])),
        )


def buckets(ids: Sequence[str], seed: str, version: int) -> NDArray[np.float64]:
    """Where each id falls between 0 and 1.

    Args:
        ids: plain ASCII.
        seed: what is hashed with them.
        version: 1 hashes the id and the seed, into thousandths; 2 the seed and the id, and then the digits of that hash, into
            ten-thousandths.

    Returns:
        (N,) places from 0 to below 1.

    Raises:
        AssignmentError: if an id or the seed is empty of text or not plain ASCII.
    """
    strange = [each for each in (*ids, f"{seed}.") if not each.isascii() or not each or "\0" in each]
    if strange:
        raise AssignmentError.cannot_hash(len(strange), strange[0])
    if version == 1:
        return (fnv1a32([each + seed for each in ids]) % np.uint32(1000)) / 1000.0
    once = fnv1a32([seed + each for each in ids])
    return (fnv1a32([str(number) for number in once.tolist()]) % np.uint32(10_000)) / 10_000.0


def fnv1a32(texts: Sequence[str]) -> NDArray[np.uint32]:
    """The 32-bit FNV-1a hash of each text of ASCII characters, (N,); all texts a character at a time."""
    if not texts:
        return np.zeros(0, dtype=np.uint32)
    wide = np.array(texts, dtype=np.str_)
    letters = np.ascontiguousarray(wide.view(np.uint32).reshape(wide.size, -1).T)
    lengths = np.array([len(text) for text in texts])
    made = np.full(wide.size, OFFSET_BASIS, dtype=np.uint32)
    for place, letter in enumerate(letters):
        made = np.where(place < lengths, (made ^ letter) * PRIME, made)
    return made
