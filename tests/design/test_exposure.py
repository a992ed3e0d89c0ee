"""Exposure by a column: an association until somebody vouches for it."""

from dataclasses import FrozenInstanceError

import pytest

from honestlift import Exposure


def test_nobody_vouches_by_default():
    assert Exposure(column="e").randomized is False
    assert Exposure(column="e", randomized=True) != Exposure(column="e")


def test_it_is_a_value():
    assert hash(Exposure(column="e")) == hash(Exposure(column="e"))
    with pytest.raises(FrozenInstanceError):
        Exposure(column="e").randomized = True  # pyright: ignore[reportAttributeAccessIssue]
