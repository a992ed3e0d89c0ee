"""Metrics: their defaults, their names, and the values that are refused."""

import math
from dataclasses import FrozenInstanceError

import pytest

from honestlift import Mean
from honestlift.errors import DesignError


def test_defaults():
    metric = Mean("minutes")
    assert (metric.column, metric.label, metric.better, metric.role, metric.margin, metric.pre) == (
        *("minutes", "minutes", "higher"),
        *(None, None, None),
    )


def test_the_name_is_what_the_result_says():
    assert Mean("session_minutes", name="Session minutes").label == "Session minutes"
    assert Mean("session_minutes", name="").label == "session_minutes"


@pytest.mark.parametrize("margin", [0, 0.02, 0.999, None])
def test_margins_that_are_taken(margin: float | None):
    assert Mean("cost", role="guardrail", margin=margin).margin == margin


@pytest.mark.parametrize("margin", [-0.01, 1, 2, math.nan, math.inf, -math.inf])
def test_margins_that_are_refused(margin: float):
    with pytest.raises(DesignError, match=r"margin is .* a fraction of the control mean"):
        Mean("cost", margin=margin)


@pytest.mark.parametrize(("option", "value"), [("better", "more"), ("better", None), ("role", "main"), ("role", "")])
def test_words_that_are_refused(option: str, value: object):
    with pytest.raises(DesignError, match=f"^{option} is {value!r}"):
        Mean("cost", **{option: value})  # pyright: ignore[reportArgumentType]


def test_a_metric_is_a_value():
    assert Mean("a") == Mean("a")
    assert len({Mean("a"), Mean("a"), Mean("b")}) == 2
    with pytest.raises(FrozenInstanceError):
        Mean("a").column = "b"  # pyright: ignore[reportAttributeAccessIssue]
