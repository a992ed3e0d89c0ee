"""Two exposures from a column: by hand, against the rows, and the published share."""

from dataclasses import replace

import numpy as np
import pytest

from honestlift.estimators.exposure.published import exposed_share, two_exposure_moments
from honestlift.estimators.fit import least_squares
from honestlift.moments.cells import Outcome

# Clusters 0 and 1 are controls with exposed and unexposed users, clusters 2 and 3 are treated.
CLUSTER, TREATED, EXPOSED = [0, 0, 1, 1, 2, 3], [0, 0, 0, 0, 1, 1], [0, 1, 0, 1, 0, 0]
COUNT, MEANS = [3.0, 1.0, 1.0, 3.0, 4.0, 4.0], [1.0, 2.0, 2.0, 4.0, 5.0, 7.0]
CELLS = Outcome(
    cluster=np.array(CLUSTER),
    treated=np.array(TREATED, dtype=np.bool_),
    exposed=np.array(EXPOSED, dtype=np.bool_),
    count=np.array(COUNT),
    total=np.array(COUNT) * MEANS,
    square=np.array(COUNT) * np.square(MEANS),
    arm=np.array([0, 0, 1, 1], dtype=np.bool_),
    stratum=None,
    origin=0.0,
)


def test_contrasts_by_hand():
    """Pure controls (3·1 + 1·2)/4 = 1.25, exposed (1·2 + 3·4)/4 = 3.5, treated 6."""
    fit = least_squares(two_exposure_moments(CELLS))
    assert fit.names == ("pure control mean", "direct", "spillover")
    np.testing.assert_allclose(fit.theta, [1.25, 4.75, 2.25], rtol=1e-13)


def test_equals_least_squares_on_the_rows():
    rows = np.repeat(np.arange(6), np.array(COUNT, dtype=int))
    design = np.stack([np.ones(rows.size), np.array(TREATED)[rows], np.array(EXPOSED)[rows]], axis=1)
    theta, *_ = np.linalg.lstsq(design, np.array(MEANS)[rows])
    np.testing.assert_allclose(least_squares(two_exposure_moments(CELLS)).theta, theta, rtol=1e-12)


def test_the_share_is_of_all_users():
    assert exposed_share(CELLS) == 4 / 16
    assert exposed_share(replace(CELLS, exposed=None)) == 0.0


def test_without_an_exposure_there_is_no_contrast():
    with pytest.raises(ValueError, match="has no exposure"):
        two_exposure_moments(replace(CELLS, exposed=None))
