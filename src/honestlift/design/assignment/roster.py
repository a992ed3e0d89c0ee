"""The clusters of an experiment: their order, their hash, and the arm of one that joins late."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence


def natural(name: str) -> tuple[int, int, str]:
    """Whole numbers in the order of their size, then text, so that 10 follows 9."""
    try:
        return (0, int(name), name)
    except ValueError:
        return (1, 0, name)


def roster_sha256(
    clusters: Iterable[str], strata: Mapping[str, str] | None, covariates: Mapping[str, Sequence[float]] | None = None
) -> str:
    """Hash of the clusters, their strata and their covariates, in any order, by which a changed roster is noticed."""
    lines: list[str] = []
    for cluster in sorted(clusters, key=natural):
        known = () if covariates is None else tuple(repr(float(value)) for value in covariates[cluster])
        lines.append("\t".join([cluster, (strata or {}).get(cluster, ""), *known]))
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def fraction(seed: int, *names: str) -> float:
    """A number from 0 to below 1 made of a seed and names: the first 53 bits of their SHA-256, the same in every language.

    The text that is hashed is the seed in decimal digits and the names, joined by tabs.
    """
    digest = hashlib.sha256("\t".join([str(seed), *names]).encode()).digest()
    return (int.from_bytes(digest[:8], "big") >> 11) / 2**53


def arm_at(place: float, shares: Mapping[str, float]) -> str:
    """The arm at a place from 0 to 1, where the arms lie beside each other in the order of ``shares``."""
    edge, last = 0.0, ""
    for name, share in shares.items():
        edge, last = edge + share, name
        if place < edge:
            return name
    return last
