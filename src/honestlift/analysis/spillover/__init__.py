"""The part of a cluster study that a collaboration graph opens: spillover, and the effect of launching."""
