"""Workspaces against users: by hand, collapse, sign, size and power of the comparison."""

import math

import numpy as np
import pytest

from honestlift.inference.interference import Measured, randomization_gap


def test_by_hand():
    """.9 ± .3 on 10 df against .4 ± .4 (normal): .5 over .5, df = .25²/(.09²/10)."""
    gap = randomization_gap(
        Measured(estimate=0.9, std_error=0.3, df=10), Measured(estimate=0.4, std_error=0.4, df=math.inf), 0.95
    )
    assert (gap.difference, gap.z, gap.interval.std_error) == (pytest.approx(0.5), pytest.approx(1), pytest.approx(0.5))
    assert gap.interval.df == pytest.approx(0.25**2 / (0.09**2 / 10))


def test_with_normal_errors_it_is_the_z_test_and_turns_with_its_arguments():
    a, b = Measured(estimate=1.0, std_error=0.2, df=math.inf), Measured(estimate=0.5, std_error=0.15, df=math.inf)
    gap = randomization_gap(a, b, 0.95)
    assert gap.z == pytest.approx(2.0)
    assert gap.interval.p_value == pytest.approx(0.0455002639, abs=1e-9)
    back = randomization_gap(b, a, 0.95)
    assert (back.z, back.interval.low) == (-gap.z, pytest.approx(-gap.interval.high))
    assert randomization_gap(a, a, 0.95).z == 0
    assert math.isnan(randomization_gap(Measured(estimate=1, std_error=0, df=9), Measured(estimate=1, std_error=0, df=9), 0.95).z)


def test_size_and_power():
    """Twelve workspaces against 600 users; no interference, and one that takes a third from the users' contrast."""
    rng = np.random.default_rng(3)
    rejected = {0.0: 0, 0.35: 0}
    for _ in range(400):
        means = rng.normal(0, 0.2, 12) + np.repeat([0.0, 1.0], 6)
        se = math.sqrt(means[:6].var(ddof=1) / 6 + means[6:].var(ddof=1) / 6)
        cluster = Measured(estimate=float(means[6:].mean() - means[:6].mean()), std_error=se, df=10)
        noise = rng.normal(0, 0.08)
        for spill in rejected:
            user = Measured(estimate=1 - spill + noise, std_error=0.08, df=598)
            rejected[spill] += randomization_gap(cluster, user, 0.95).interval.p_value < 0.05
    assert rejected[0.0] / 400 < 0.08
    assert rejected[0.35] / 400 > 0.5
