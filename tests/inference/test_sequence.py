"""The confidence sequence: by hand, laws, and coverage at sixty looks where the interval for one look fails."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from simulations.monitoring import WORLDS, coverage, main

from honestlift.inference.sequence import confidence_sequence, mixture_variance


def sequence(estimates: list[float], errors: list[float], df: float = math.inf, level: float = 0.95, rho2: float | None = None):
    one, two = np.array(estimates), np.array(errors)
    rho2 = mixture_variance(errors[0], level) if rho2 is None else rho2
    return confidence_sequence(one, two, np.full(one.size, df), level, rho2)


def test_by_hand():
    """SE 1, ρ² = 3, α = .05: half-width √(2·4/3·log(2/.05))."""
    got = sequence([0.5], [1.0], rho2=3.0)
    half = math.sqrt(8 / 3 * math.log(40))
    assert (got.low[0], got.high[0]) == pytest.approx((0.5 - half, 0.5 + half), rel=1e-14)
    # e-value of the mixture N(0, 3) against zero: exp(z²·3/(2·4))/2
    assert sequence([4.0], [1.0], rho2=3.0).p_value[0] == pytest.approx(2 * math.exp(-6), rel=1e-14)


@pytest.mark.parametrize("level", [0.8, 0.95, 0.99])
def test_it_is_narrowest_at_twice_the_first_looks_information(level: float):
    rho2 = mixture_variance(0.7, level)
    error = 0.7 / math.sqrt(2)

    def width(log_rho2: float) -> float:
        got = sequence([0.0], [error], level=level, rho2=math.exp(log_rho2))
        return float(got.high[0] - got.low[0])

    assert math.log(rho2) == pytest.approx(minimize_scalar(width, bracket=(-3, 3)).x, abs=1e-4)


def test_the_p_value_is_where_the_sequence_first_leaves_out_zero():
    got = sequence([3.0, 1.0], [1.0, 0.9])
    assert got.p_value[1] == got.p_value[0], "what was rejected stays rejected"
    at = 1 - got.p_value[0]
    edge = confidence_sequence(np.array([3.0]), np.array([1.0]), np.array([np.inf]), at, mixture_variance(1.0, 0.95))
    assert edge.low[0] == pytest.approx(0, abs=1e-12)


def test_few_clusters_widen_it_by_their_t():
    wide, narrow = sequence([0.0], [1.0], df=5.0, rho2=1e9), sequence([0.0], [1.0], rho2=1e9)
    # with so large a ρ² the width is proportional to the SE but for a logarithm
    assert 1.2 < wide.high[0] / narrow.high[0] < 2.5706 / 1.96


@given(st.floats(-5, 5), st.floats(0.01, 100), st.floats(-3, 3))
@settings(max_examples=40, deadline=None)
def test_laws(shift: float, unit: float, sign: float):
    """Wider than the interval for one look; it moves with the effect, scales with the unit, and is mirrored with the sign."""
    errors = [1.0, 0.8, 0.5]
    base, moved = sequence([sign, 0.3, 0.1], errors), sequence([sign + shift, 0.3 + shift, 0.1 + shift], errors)
    assert np.allclose(moved.low - base.low, shift, atol=1e-12)
    assert (base.high - base.low > 2 * 1.96 * np.array(errors)).all()
    scaled = sequence([unit * sign, unit * 0.3, unit * 0.1], [unit * e for e in errors])
    assert np.allclose(scaled.low, unit * base.low, rtol=1e-9)
    assert np.allclose(scaled.p_value, base.p_value, rtol=1e-6)
    mirrored = sequence([-sign, -0.3, -0.1], errors)
    assert np.allclose(mirrored.high, -base.low, rtol=1e-12)


def test_sixty_looks_in_few_worlds():
    fixed, always = coverage("followed", 50, worlds=200)
    assert fixed < 0.92
    assert always > 0.95 - 4 * (0.05 * 0.95 / 200) ** 0.5


@pytest.mark.slow
@pytest.mark.parametrize("clusters", [20, 50])
@pytest.mark.parametrize("how", ["followed", "entering"])
def test_sixty_looks_keep_the_level(how: str, clusters: int):
    fixed, always = coverage(how, clusters)
    assert always > 0.95 - 3 * (0.05 * 0.95 / WORLDS) ** 0.5
    assert fixed < 0.90


@pytest.mark.slow
def test_the_committed_table_is_what_the_command_makes(capsys: pytest.CaptureFixture[str]):
    main()
    page = (Path(__file__).parents[2] / "docs" / "how-to" / "monitor.md").read_text(encoding="utf-8")
    assert capsys.readouterr().out in page
