"""What the designs, checks and levels of a proposal are called."""

from __future__ import annotations

from honestlift.report import words

LEVELS = {
    "ready": ("✓", "Ready", "pass"),
    "ready, with caveats": ("!", "Ready, with caveats", "warn"),
    "too small": ("✗", "Too small", "fail"),
    "open": ("?", "No effect named", "plain"),
}
"""Sign, word and colour of each level of a recommendation."""

CHECKS = {
    "few_clusters": "Enough workspaces",
    "formula": "Closed form against simulation",
    "power": "Power",
    "leakage": "What leaks between workspaces",
    "overlap": "Overlap",
}

METHODS = {"formula": "closed form", "simulated": "simulated test"}


def design_name(design: str, clusters: int) -> str:
    """A unit in words, with its number: ``14 groups of merged workspaces``."""
    kind, _, detail = design.partition(":")
    if kind == "user":
        return words.count(clusters, "single user")
    if kind == "workspace":
        return words.count(clusters, "workspace")
    if kind == "merged":
        return words.count(clusters, "group of merged workspaces", "groups of merged workspaces")
    return f"{words.count(clusters, 'community', 'communities')} of the graph (resolution {detail})"


def check_name(code: str) -> str:
    """A check's name, with the estimand that it speaks of."""
    base, _, of = code.partition(":")
    return f"{CHECKS.get(base, base)} ({of})" if of else CHECKS.get(base, base)
