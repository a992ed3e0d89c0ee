"""The number line: round marks, zero among them, and values where they belong."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from honestlift.report.axis import LETTERS, axis

values = st.lists(st.floats(-1e9, 1e9).filter(lambda v: v == 0 or abs(v) > 1e-9), min_size=1, max_size=8)


def test_marks_by_hand():
    line = axis([-0.3, 0.8])
    assert [label for _, label in line.marks] == ["0.0", "+0.5"]
    assert line.low == pytest.approx(-0.3 - 0.06 * 1.1)
    assert line.at(line.low) == 0.0
    assert line.at(line.high) == 100.0
    assert line.at(0.25) == 50.0  # half way from −0.366 to +0.866


def test_shares_are_marked_in_percent():
    assert [label for _, label in axis([-0.01, 0.05], scale=100, unit=" %").marks] == ["0", "+2 %", "+4 %"]


def test_a_line_without_values_still_shows_zero():
    assert [label for _, label in axis([None, float("nan")]).marks if label == "0"] == ["0"]


@given(values)
def test_every_line_holds_its_values_zero_and_few_marks(numbers: list[float]):
    line = axis(numbers)
    assert all(line.low < v < line.high for v in [*numbers, 0.0])
    marks = line.marks
    assert 1 <= len(marks) <= 6
    assert any(at == 0 for at, _ in marks)
    assert len({label for _, label in marks}) == len(marks)
    assert len(marks) <= 2 or sum(len(label) + 2 for _, label in marks) <= LETTERS


@given(values, st.floats(0.01, 100))
def test_places_do_not_depend_on_the_unit(numbers: list[float], factor: float):
    line, other = axis(numbers), axis([v * factor for v in numbers])
    # positions are rounded to 0.01 percent of the line
    assert [other.at(v * factor) for v in numbers] == pytest.approx([line.at(v) for v in numbers], abs=0.011)
