"""A rule of assignment given the arms of some clusters: these stay, the others are drawn as the rule draws them then."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from honestlift.design.assignment.redraw import Redraw
from honestlift.errors import AssignmentError


def holding(redraw: Redraw, held: NDArray[np.bool_], codes: NDArray[np.int64 | np.bool_]) -> Redraw:
    """The re-draws of a rule given the arms of some clusters, for any of the rules.

    With fixed numbers (complete, strata, pairs) the others share what the held ones leave of each arm in their stratum; the coins of a
    Bernoulli rule are tossed for the others alone; a criterion of balance goes on looking at all clusters, and refuses as before.

    Args:
        redraw: the rule on K clusters.
        held: (K,) which clusters keep their arm, of those that the rule tells.
        codes: (K,) the actual arms.

    Returns:
        A ``Redraw`` of the same K clusters in the same order; its enumeration is that of the assignments which agree with the held arms.

    Raises:
        AssignmentError: if the rule could not have given the held arms.
    """
    strata, counts = redraw.strata.copy(), redraw.counts
    told = np.arange(strata.size) if redraw.chosen is None else redraw.chosen
    places, arms = told[held], np.asarray(codes)[held].astype(np.int64)
    taken = np.zeros_like(counts)
    np.add.at(taken, (strata[places], arms), 1)
    left = np.where(counts < 0, counts, counts - taken)
    if ((left < 0) & (counts >= 0)).any():
        raise AssignmentError.held_arms_impossible()
    strata[places] = counts.shape[0] + arms
    size = np.bincount(arms, minlength=counts.shape[1])
    fixed = np.diag(size).astype(counts.dtype)
    used, index = np.unique(strata, return_inverse=True)
    return replace(redraw, strata=index.astype(np.int64), counts=np.concatenate([left, fixed])[used])
