"""Reasons to be left out where tables are joined: when they fire, and when they are quiet."""

from __future__ import annotations

import pytest

from honestlift.diagnostics.joining import joined_tables
from honestlift.source.table import Note


def arms(p: float | None, gone: tuple[int, int] = (10, 90)) -> Note:
    told = (("off", gone[0], 1000), ("on", gone[1], 1000))
    return Note(reason="no exposure", users=sum(gone), dropped=True, arms=told, p_value=p)


@pytest.mark.parametrize(
    ("note", "level"),
    [
        (arms(0.0005), "stop"),
        (arms(0.0005, (80, 90)), "caution"),
        (arms(0.005), "caution"),
        (arms(0.02), "ok"),
        (arms(None), "ok"),
    ],
)
def test_a_reason_that_differs_between_the_arms_is_told(note: Note, level: str) -> None:
    (check,) = joined_tables([note], 1900)
    assert (check.code, check.level) == ("left_out_alike", level)
    assert bool(check.remedy) == (level != "ok")
    assert "off" in check.statement


@pytest.mark.parametrize(("gone", "level"), [(60, "caution"), (40, "ok")])
def test_many_users_whom_no_table_assigns_are_told(gone: int, level: str) -> None:
    (check,) = joined_tables([Note(reason="not in the assignment table", users=gone, dropped=True)], 1000 - gone)
    assert (check.code, check.level) == ("joined_tables", level)
    assert str(gone) in check.statement


def test_events_of_nobody_are_no_users() -> None:
    (check,) = joined_tables([Note(reason="events of nobody in the study, or without a time", users=900, dropped=False)], 1000)
    assert check.level == "ok"


def test_nothing_is_said_where_nothing_was_joined() -> None:
    assert joined_tables([], 1000) == []
