"""Worlds with a known effect: the published data sets, cluster experiments of any shape, and users who choose by themselves.

Example:
    >>> world = hl.simulate.collaboration()
    >>> world.table.num_rows
    50000
"""

from honestlift.simulate.cluster_draws import ClusterSums
from honestlift.simulate.cluster_world import ClusterWorld, coverage_world
from honestlift.simulate.graph_world import collaboration_graph
from honestlift.simulate.opt_in_world import OptInWorld, hidden_cause, low_adoption, no_overlap
from honestlift.simulate.published import collaboration, published
from honestlift.simulate.world import Components, Decomposition, Splits, World, decompose, redraw_splits

__all__ = [
    "ClusterSums",
    "ClusterWorld",
    "Components",
    "Decomposition",
    "OptInWorld",
    "Splits",
    "World",
    "collaboration",
    "collaboration_graph",
    "coverage_world",
    "decompose",
    "hidden_cause",
    "low_adoption",
    "no_overlap",
    "published",
    "redraw_splits",
]
