"""The tree of errors: every message says what is wrong, what was expected and what to do, and every class fits a built-in."""

import inspect
import re

import pytest

from honestlift import errors
from honestlift.errors import ColumnError, DataError, DesignError, HonestliftError, SourceError, listed

CLASSES = [c for c in vars(errors).values() if inspect.isclass(c) and issubclass(c, HonestliftError) and c is not HonestliftError]
SAMPLES: dict[str, object] = {
    "str": "text",
    "int": 3,
    "float": 2.5,
    "bool": True,
    "object": "value",
    "Mapping[str, int]": {"treated": 1, "control": 9},
    "Sequence[str]": ["one", "two"],
    "Sequence[object]": ["one", 2],
    "Sequence[PlanError]": [],
}


def every_message() -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for kind in CLASSES:
        for name, maker in inspect.getmembers(kind, inspect.ismethod):
            if (
                name.startswith("_")
                or name in ("with_traceback", "add_note")
                or maker.__qualname__.split(".")[0] != kind.__name__
            ):
                continue
            samples = [SAMPLES[p.annotation] for p in inspect.signature(maker).parameters.values() if p.default is p.empty]
            found.append((f"{kind.__name__}.{name}", str(maker(*samples))))
    return [item for item in found if item[0] != "PlanError.several"]  # joins the messages of others


def test_there_are_messages():
    assert len(every_message()) > 40


@pytest.mark.parametrize(("name", "message"), every_message())
def test_a_message_is_made_of_whole_sentences_that_end(name: str, message: str):
    assert message[-1] in ".?!", name
    assert len(re.findall(r"[.?!](?:\s|$)", message)) >= 2, f"{name} says what is wrong, but not what to do: {message}"
    assert "\n" not in message


@pytest.mark.parametrize(
    ("kind", "builtin"),
    [
        *(("SourceError", OSError), ("ColumnError", LookupError)),
        *((name, ValueError) for name in ("DataError", "DesignError", "AssignmentError", "PlanError")),
    ],
)
def test_each_class_is_also_the_builtin_that_fits(kind: str, builtin: type[Exception]):
    made = getattr(errors, kind)("message")
    assert isinstance(made, builtin)
    assert isinstance(made, HonestliftError)
    assert str(made) == "message"


@pytest.mark.parametrize(
    ("typed", "ending"),
    [
        ("workspce_id", "Did you mean 'workspace_id'?"),
        ("WORKSPACE_ID", "Did you mean 'workspace_id'?"),
        ("zzz", "It has: user_id, workspace_id, treated."),
    ],
)
def test_a_misspelt_column_is_answered_with_the_nearest(typed: str, ending: str):
    error = ColumnError.missing(typed, "cluster", ["user_id", "workspace_id", "treated"])
    assert str(error) == f"The table has no column {typed!r}, which the plan names as cluster. {ending}"


def test_many_columns_are_not_all_listed():
    text = str(ColumnError.missing("zzz", "unit", [f"c{i}" for i in range(40)]))
    assert text.endswith("c11, … (40 in all).")
    assert str(SourceError.no_table("t", [])).endswith("It has none.")


def test_a_list_of_values_stops_at_five():
    assert listed(range(3)) == "0, 1, 2"
    assert listed("abcdefg") == "'a', 'b', 'c', 'd', 'e' and 2 more"


def test_counts_are_grouped_and_names_quoted():
    assert "12,345 values of 'it''s'" not in str(DataError.duplicated_units("it's", 7, 12345))
    assert """12,345 values of "it's" stand""" in str(DataError.duplicated_units("it's", 7, 12345))
    assert str(DataError.duplicated_units("u", 7, 2, sampled=True)).startswith("at least 2 values")


def test_one_role_named_twice_reads_well():
    assert "is named twice as covariate." in str(DesignError.column_in_two_roles("x", "covariate", "covariate"))
    assert "is named both as unit and as metric." in str(DesignError.column_in_two_roles("x", "unit", "metric"))
