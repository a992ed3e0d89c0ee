"""What is said beside the rows of an opt-in study whose intervals cover too rarely."""

from __future__ import annotations


def coverage_note(method: str, clusters: int | None) -> str:
    """What a simulation says of a 95 % interval that covers too rarely where users are nested in workspaces; empty elsewhere.

    From docs/explanation/coverage-opt-in.md; such an interval is never a headline.

    Args:
        method: with its suffix.
        clusters: workspaces; None without.
    """
    if clusters is None:
        return ""
    few = clusters <= 20
    if method == "matching_nn":
        return f"; users taken as independent, covered {'82 to 95 % in 10' if few else '90 to 95 % in 50'} simulated workspaces"
    if method.endswith(":bootstrap"):
        return f"; covered {'88 to 95 % in 10' if few else '92 to 95 % in 50'} simulated workspaces"
    return ""
