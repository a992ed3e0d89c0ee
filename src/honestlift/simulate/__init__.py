"""Worlds with a known effect: the published data sets, and cluster experiments of any shape."""

from honestlift.simulate.cluster_draws import ClusterSums
from honestlift.simulate.cluster_world import ClusterWorld, coverage_world
from honestlift.simulate.opt_in_world import OptInWorld
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
    "coverage_world",
    "decompose",
    "published",
    "redraw_splits",
]
