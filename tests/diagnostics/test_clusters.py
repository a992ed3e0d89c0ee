"""Checks of the clusters: thresholds by hand, and the standard error of the size effect against brute force."""

import numpy as np
import pytest

from honestlift.diagnostics.clusters import cluster_leverage, few_clusters, size_effect
from honestlift.moments.cells import Outcome


@pytest.mark.parametrize(
    ("df", "treated", "control", "level"),
    [
        (48.0, 25, 25, "ok"),
        (10.0, 10, 10, "ok"),
        (9.9, 25, 25, "caution"),
        (20.0, 9, 40, "caution"),
        (20.0, 40, 9, "caution"),
        (4.0, 3, 3, "caution"),
        (3.9, 25, 25, "stop"),
        (20.0, 2, 40, "stop"),
        (0.0, 25, 25, "stop"),
    ],
)
def test_few_clusters(df: float, treated: int, control: int, level: str):
    check = few_clusters(df, treated, control, (7.4, 5.2))
    assert check.level == level
    assert "information of 5 equal ones;" in check.statement
    assert f"{df:.1f} degrees of freedom" in check.statement
    assert bool(check.remedy) == (level != "ok")


@pytest.mark.parametrize(("effective", "level"), [((30.0, 1.07), "caution"), ((3.9, 8.0), "caution"), ((4.0, 4.0), "ok")])
def test_the_smaller_number_of_effective_clusters_counts(effective: tuple[float, float], level: str):
    assert few_clusters(29.0, 30, 30, effective).level == level
    assert "information of 1 equal one;" in few_clusters(29.0, 30, 30, (30.0, 1.07)).statement


@pytest.mark.parametrize(
    ("others", "largest", "level"),
    [
        (9, 1.0, "ok"),
        (9, 2.0, "ok"),  # 2/11 of an arm and 1.8 times the mean
        (9, 18.0, "caution"),  # 2/3 of an arm
        (9, 18.5, "stop"),
        (3, 3.5, "caution"),  # more than half an arm, 2.2 times the mean
        (3, 1.5, "ok"),  # a third of an arm, but 1.3 times the mean
        (19, 9.0, "ok"),  # 9/28 of an arm, though 6 times the mean
        (19, 10.0, "caution"),
    ],
)
def test_leverage_is_against_the_mean_and_the_arm(others: int, largest: float, level: str):
    """One arm of equal workspaces, the other with one that is larger; leverage is the share of the arm."""
    arm = np.array([1.0] * others + [largest])
    values = np.concatenate([np.full(others + 1, 1 / (others + 1)), arm / arm.sum()])
    check = cluster_leverage(values, (*(f"w{i}" for i in range(2 * others + 1)), "big\x07"))
    assert check.level == level
    assert check.evidence["mean"] == pytest.approx(1 / (others + 1), rel=1e-14)
    assert check.evidence["largest"] == pytest.approx(max(largest / arm.sum(), 1 / (others + 1)), rel=1e-14)
    assert "\x07" not in check.statement


def sized(n: list[int], means: list[float], arm: list[int]) -> Outcome:
    size, treated = np.array(n, dtype=np.float64), np.array(arm, dtype=np.bool_)
    return Outcome(
        cluster=np.arange(len(n)),
        treated=treated,
        exposed=None,
        count=size,
        total=size * means,
        square=size * np.square(means),
        arm=treated,
        stratum=None,
        origin=0.0,
    )


def test_size_effect_by_hand():
    """Treated 1·2 and 3·6: per user 5, per workspace 4. Control 2·1 and 2·1: 1 and 1. The difference is 1.

    ψ_1 = 1·(2 − 5)/4 − (2 − 4)/2 = 1/4, ψ_2 = 3·(6 − 5)/4 − (6 − 4)/2 = −1/4; V = 2·(1/16 + 1/16) = 1/4.
    """
    check = size_effect("minutes", sized([1, 3, 2, 2], [2, 6, 1, 1], [1, 1, 0, 0]))
    assert check.evidence == {"difference": pytest.approx(1.0), "std_error": pytest.approx(0.5)}
    assert (check.level, check.metric) == ("ok", "minutes")  # two standard errors
    assert "+1.0 from the effect per workspace (standard error 0.5)" in check.statement


@pytest.mark.parametrize(("size", "level"), [(1, "ok"), (2, "caution"), (20, "caution")])
def test_size_effect_fires_beyond_2_58_errors(size: int, level: str):
    """Means go with size in every treated workspace: the more of them there are, the surer."""
    check = size_effect("minutes", sized([1, 3] * size + [2, 2], [2, 6] * size + [1, 1], [1] * 2 * size + [0, 0]))
    assert check.level == level
    assert (abs(check.evidence["difference"]) > 2.58 * check.evidence["std_error"]) is (level == "caution")  # type: ignore[arg-type,operator]


def test_size_effect_is_quiet_when_effects_do_not_go_with_size():
    check = size_effect("minutes", sized([1, 3, 1, 3], [2, 2.1, 1, 1.3], [1, 1, 0, 0]))
    assert check.level == "ok"


def test_equal_workspaces_make_no_difference_and_rounding_is_none():
    outcome = sized([3] * 20, np.random.default_rng(0).normal(size=20).tolist(), [0, 1] * 10)
    check = size_effect("minutes", outcome, 1e-11)
    assert (check.level, check.evidence["difference"]) == ("ok", 0.0)
    assert check.statement == "The effect per user is the effect per workspace."


def test_standard_error_of_the_size_effect_by_simulation():
    """2,000 worlds of 40 workspaces: the mean reported variance is that of the reported differences."""
    rng = np.random.default_rng(7)
    n = rng.integers(5, 60, 40).tolist()
    found = [
        size_effect("y", sized(n, rng.normal(size=40).tolist(), rng.permutation([0, 1] * 20).tolist())).evidence
        for _ in range(2000)
    ]
    differences = np.array([e["difference"] for e in found], dtype=float)
    errors = np.array([e["std_error"] for e in found], dtype=float)
    # Monte Carlo error of a variance from 2,000 draws is 3 %; the estimator is consistent, not unbiased, at 20 workspaces an arm
    assert (errors**2).mean() == pytest.approx(differences.var(), rel=0.15)
