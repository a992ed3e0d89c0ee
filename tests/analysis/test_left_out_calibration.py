"""How often arms look unlike in who is left out where tables are joined, when nothing is wrong."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

import honestlift as hl
from honestlift.analysis.left_out import note_of
from honestlift.diagnostics.joining import joined_tables
from honestlift.moments.joined import Left

DESIGN = hl.ClusterDesign(unit="u", cluster="g", treatment="t")
STUDY = hl.Study(design=DESIGN, metrics=(hl.Mean("y"),))
WORLDS = {"40, equal": (40, 0.0), "40, CV .5": (40, 0.5), "24, CV .5": (24, 0.5), "100, CV .5": (100, 0.5)}


def fired(clusters: int, cv: float, studies: int, share: float = 0.1, gap: float = 0.0) -> Counter[str]:
    """Levels of the check on workspaces of about 30 users, of whom a share is late that varies by workspace (ICC .05)."""
    found: Counter[str] = Counter()
    spread = np.sqrt(np.log1p(cv**2))
    for seed in range(studies):
        rng = np.random.default_rng(seed)
        users = rng.poisson(30 * np.exp(spread * rng.normal(size=clusters) - spread**2 / 2)).clip(3)
        arm = rng.permutation(np.arange(clusters) % 2)
        mean = share + gap * arm
        late = rng.binomial(users, rng.beta(19 * mean, 19 * (1 - mean)))
        left = Left(arm=arm, users=users.astype(float), gone=late.astype(float), labels=(0, 1))
        (check,) = joined_tables([note_of("joined after the assignment", left, STUDY, dropped=True)], int(users.sum()))
        found[check.level] += 1
    return found


def test_healthy_arms_are_rarely_troubled() -> None:
    """400 studies, of which 1 % are promised a caution: more than 12 come once in a thousand such tests."""
    found = fired(40, 0.5, 400)
    assert found["caution"] + found["stop"] <= 12, found


def test_a_log_that_is_kept_in_one_arm_is_found() -> None:
    assert fired(40, 0.5, 40, gap=0.3)["stop"] > 36


@pytest.mark.slow
@pytest.mark.parametrize("name", WORLDS)
def test_rates_in_ten_thousand_healthy_studies(name: str) -> None:
    """The row of docs/reference/checks.md: 1 % by design, to four Monte Carlo errors (0.4 points) and half a point of small samples."""
    found = fired(*WORLDS[name], 10_000)
    print(name, {level: f"{count / 100:.2f} %" for level, count in found.items() if level != "ok"})
    assert found["caution"] + found["stop"] <= 190, found
    assert found["stop"] <= 30, found
