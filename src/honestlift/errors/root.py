"""The root of the tree of errors, and what the wording of all of them shares."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def nearest(name: str, known: Iterable[str]) -> str:
    """The words that point from a misspelt name to the closest known one, or to the list of them."""
    names = [str(k) for k in known]
    close = get_close_matches(name, names, n=1, cutoff=0.6)
    if close:
        return f"Did you mean {close[0]!r}?"
    folded = [k for k in names if k.casefold() == name.casefold()]
    if folded:
        return f"Did you mean {folded[0]!r}?"
    shown = ", ".join(names[:12]) + (f", … ({len(names)} in all)" if len(names) > 12 else "")
    return f"It has: {shown}." if names else "It has none."


def listed(values: Iterable[object], most: int = 5) -> str:
    """Up to ``most`` values as text, and how many more there are."""
    items = [repr(v) for v in values]
    more = len(items) - most
    return ", ".join(items[:most]) + (f" and {more} more" if more > 0 else "")


class HonestliftError(Exception):
    """Something that the user can put right. The message says what is wrong, what was expected, what to do.

    Example:
        >>> try:
        ...     hl.connect("userz.parquet")
        ... except hl.HonestliftError as problem:
        ...     print(type(problem).__name__)
        SourceError
    """
