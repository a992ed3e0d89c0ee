"""The check of a cap: it fires where the arms are cut unlike or much is cut, and is quiet where a difference is certain but tiny."""

from __future__ import annotations

import pytest

from honestlift.diagnostics.capping import winsorized
from studies import make_estimate as estimate


@pytest.mark.parametrize(
    ("shares", "p", "level"),
    [
        ((0.01, 0.01), 0.9, "ok"),
        ((0.010, 0.014), 1e-9, "ok"),
        ((0.010, 0.020), 0.001, "caution"),
        ((0.010, 0.020), 0.02, "ok"),
        ((0.08, 0.08), 0.9, "caution"),
        ((0.0, 0.0), None, "ok"),
    ],
)
def test_levels(shares: tuple[float, float], p: float | None, level: str) -> None:
    found = winsorized("m", "at most 9", "as the plan states", shares, p, estimate(), estimate(), {"above": 9.0})
    assert found.level == level
    assert bool(found.remedy) == (level != "ok")
    assert "a user counts at most 9, as the plan states" in found.statement
