"""YAML as plain values with lines: what on, 010 and 1e5 mean, and where every kind of broken file is broken."""

from __future__ import annotations

import math

import pytest

from honestlift.errors import PlanError
from honestlift.plan.document import parse, read_document, spell


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("on", "on"),
        ("off", "off"),
        ("Yes", "Yes"),
        ("no", "no"),
        ("true", True),
        ("False", False),
        ("'true'", "true"),
        ("7", 7),
        ("-7", -7),
        ("1_000", 1000),
        ("010", "010"),
        ("0x1F", "0x1F"),
        ("1:30", "1:30"),
        ("1:30.5", "1:30.5"),
        ("0.5", 0.5),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("1e-3", 0.001),
        ("1.5e3", 1500.0),
        ("-1.5E+3", -1500.0),
        ("-.5", -0.5),
        ("0128", "0128"),
        ("e5", "e5"),
        ("1.2.3", "1.2.3"),
        ("!!str 1.5", "1.5"),
        ('"1e3"', "1e3"),
        ("-.inf", -math.inf),
        ("2024-01-01", "2024-01-01"),
        ("=", "="),
        ("!!str 12", "12"),
        ("!!float x", "x"),
        ("null", None),
        ("~", None),
        ("", None),
        ("[a, 1]", ["a", 1]),
        ("{a: 1}", {"a": 1}),
    ],
)
def test_a_scalar_means_what_is_written(text: str, value: object) -> None:
    found = parse(f"key: {text}\n", "p").values["key"]
    assert found == value
    assert type(found) is type(value)


def test_a_number_too_long_for_a_number_is_text_and_no_crash() -> None:
    # int() of more than 4,300 digits raises in CPython.
    assert parse(f"key: {'9' * 5000}\n", "p").values["key"] == "9" * 5000


def test_every_value_knows_its_line() -> None:
    text = "# a comment\na: 1\nb:\n  c:\n    - x\n    - {d: 1,\n       e: 2}\n"
    document = parse(text, "plan.yaml")
    assert dict(document.lines) == {
        (): 2,
        ("a",): 2,
        ("b",): 3,
        ("b", "c"): 4,
        ("b", "c", 0): 5,
        ("b", "c", 1): 6,
        ("b", "c", 1, "d"): 6,
        ("b", "c", 1, "e"): 7,
    }
    assert document.where(("b", "c", 1, "e")) == "plan.yaml, line 7"
    assert document.where(("b", "missing", "deeper")) == "plan.yaml, line 3"
    assert spell(("b", "c", 1, "e")) == "b.c[1].e"


def test_merge_keys_bring_in_what_is_not_said() -> None:
    text = "base: &b {better: lower, role: guardrail}\n"
    text += "metrics:\n  - {<<: *b, column: x, role: primary}\n  - <<: [*b]\n    column: y\n"
    values = parse(text, "p").values
    assert values["metrics"] == [
        {"better": "lower", "role": "primary", "column": "x"},
        {"better": "lower", "role": "guardrail", "column": "y"},
    ]


def test_repeated_keys_are_all_found_with_both_lines() -> None:
    document = parse("a: 1\nb: {c: 1, c: 2}\na: 3\n", "plan.yaml")
    assert [(line, str(error)) for line, error in document.problems] == [
        (2, "plan.yaml, line 2: the key 'c' already stands on line 2. Expected it once. Remove one of them."),
        (3, "plan.yaml, line 3: the key 'a' already stands on line 1. Expected it once. Remove one of them."),
    ]
    assert document.values == {"a": 1, "b": {"c": 1}}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "p, line 1: the plan is empty."),
        ("# only a comment\n", "p, line 1: the plan is empty."),
        ("\n- a\n- b\n", "p, line 2: the plan is a list."),
        ("just words\n", "p, line 1: the plan is a single value."),
        ("a: 1\nb:\n\tc: 2\n", "p, line 3: this is not YAML: a tab stands where YAML wants spaces."),
        ("a: 1\nb: c: d\n", "p, line 2: this is not YAML: mapping values are not allowed here."),
        ("a: 1\n---\nb: 2\n", "p, line 2: this is not YAML: but found another document"),
        ("a: [1,\n", "p, line 2: this is not YAML: expected the node content"),
        ("a: 1\nb: \x07\n", "p, line 2: this is not YAML: a control character stands in it."),
        ("a: 1\nb: *x\n", "p, line 2: this is not YAML: found undefined alias 'x'."),
        ("a: 1\nb: &x [*x]\n", "p, line 2: this is not YAML: an alias stands inside the value that it names."),
        ("a: 1\n? [b]\n: 2\n", "p, line 2: this is not YAML: a key is a list or a mapping."),
        ("a: 1\n<<: 3\n", "p, line 2: this is not YAML: <<: takes a mapping."),
        ("a: 1\nb: !!binary aGk=\n", "p, line 2: this is not YAML: a plan has no values of type 'binary'."),
        ("a: !!python/name:os.system x\n", "p, line 1: this is not YAML: a plan has no values of type 'python/name:os.system'."),
        ("a: " + "[" * 5000, "p: this is not YAML: its values are nested too deeply."),
    ],
)
def test_what_is_no_mapping_in_yaml_is_refused_at_its_line(text: str, message: str) -> None:
    with pytest.raises(PlanError) as caught:
        parse(text, "p")
    assert str(caught.value).startswith(message)


def test_a_file_that_is_not_there_not_a_file_or_not_text(tmp_path) -> None:
    with pytest.raises(PlanError, match=r"There is no plan at '.*none\.yaml'\. .*honestlift init"):
        read_document(tmp_path / "none.yaml")
    with pytest.raises(PlanError, match="cannot be read: "):
        read_document(tmp_path)
    latin = tmp_path / "latin.yaml"
    latin.write_bytes("a: 1\nname: Café\n".encode("latin-1"))
    with pytest.raises(PlanError, match=r"latin\.yaml, line 2: this is not YAML: it is not UTF-8 text"):
        read_document(latin)


def test_a_byte_order_mark_and_windows_line_ends_do_not_matter(tmp_path) -> None:
    path = tmp_path / "plan.yaml"
    path.write_bytes(b"\xef\xbb\xbfa: 1\r\nb: 2\r\n")
    document = read_document(path)
    assert document.values == {"a": 1, "b": 2}
    assert document.line(("b",)) == 2
