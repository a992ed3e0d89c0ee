"""What stands in the contract of plan.yaml and cannot be done yet. Work that adds one takes its line away here."""

from __future__ import annotations

from typing import Any, cast

from honestlift.plan.document import KeyPath

NOT_YET: dict[str, tuple[str, ...]] = {
    # key (a star is any place in a list): the values that cannot be done; none given means the key itself
    "design.exposure.edges": (),
    "design.exposure.artifacts": (),
    "design.exposure.rule": (),
    "headline": ("gate",),
}


def pattern(path: KeyPath) -> str:
    """A path of keys with a star for every place in a list: ``metrics.*.column``."""
    return ".".join("*" if isinstance(part, int) else part for part in path)


def set_aside(value: Any, path: KeyPath = ()) -> tuple[Any, list[KeyPath]]:
    """The values without those that cannot be done yet, and the paths of these.

    A key that is there but empty (``trim: null``) asks for nothing: it goes, and is not among the paths.
    """
    if isinstance(value, list):
        parts = [set_aside(item, (*path, place)) for place, item in enumerate(cast("list[Any]", value))]
        return [kept for kept, _ in parts], [found for _, asked in parts for found in asked]
    if not isinstance(value, dict):
        return value, []
    rest: dict[str, Any] = {}
    asked: list[KeyPath] = []
    for key, inner in cast("dict[str, Any]", value).items():
        here = (*path, key)
        values = NOT_YET.get(pattern(here))
        if values is None or (values and inner not in values):
            rest[key], found = set_aside(inner, here)
            asked += found
        elif inner is not None:
            asked.append(here)
    return rest, asked
