"""Several questions asked of one experiment: p-values corrected for their number."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's (1979, Scand. J. Stat. 6) step-down correction of m p-values, in their order; NaN (a constant) counts as 1.

    Rejecting where it is at most α keeps the chance of any false rejection at α, however the tests depend on each other.
    """
    p = np.nan_to_num(np.asarray(p_values, dtype=np.float64), nan=1.0)
    order = np.argsort(p, kind="stable")
    stepped = np.minimum(np.maximum.accumulate(p[order] * np.arange(p.size, 0, -1)), 1.0)
    corrected = np.empty_like(stepped)
    corrected[order] = stepped
    return corrected.tolist()


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """Benjamini & Hochberg's (1995, J. R. Stat. Soc. B 57) step-up correction, in the order of the p-values; NaN counts as 1.

    Rejecting where it is at most α keeps the expected share of false ones among the rejections at α, for tests that are independent or
    positively dependent.
    """
    p = np.nan_to_num(np.asarray(p_values, dtype=np.float64), nan=1.0)
    order = np.argsort(-p, kind="stable")
    stepped = np.minimum(np.minimum.accumulate(p[order] * p.size / np.arange(p.size, 0, -1)), 1.0)
    corrected = np.empty_like(stepped)
    corrected[order] = stepped
    return corrected.tolist()
