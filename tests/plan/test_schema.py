"""The JSON Schema says of every key what it is, and accepts and refuses the same plans as the reader."""

from __future__ import annotations

import json
from typing import Any

import pytest

from honestlift.errors import PlanError
from honestlift.plan import json_schema, read_plan
from honestlift.plan.document import parse

EDGES = {"data": "edges.parquet", "source": "a", "target": "b"}
MINIMAL: dict[str, Any] = {
    "data": "users.parquet",
    "unit": "user_id",
    "design": {"kind": "cluster", "cluster": "workspace_id", "treatment": "treated"},
    "metrics": ["session_minutes"],
}

TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "number": (int, float),
    "integer": (int,),
    "boolean": (bool,),
    "null": (type(None),),
}
NOTES = {"title", "description", "examples", "default", "$defs", "$schema"}


def of_type(value: object, names: str | list[str]) -> bool:
    names = [names] if isinstance(names, str) else names
    return any(isinstance(value, TYPES[n]) and (n == "boolean" or not isinstance(value, bool)) for n in names)


def accepts(schema: dict[str, Any], value: Any, root: dict[str, Any]) -> bool:
    """Whether a value follows a schema: the rules of JSON Schema 2020-12 for the words that ours uses, and no others."""
    rules = {
        "$ref": lambda x: accepts(root["$defs"][x.removeprefix("#/$defs/")], value, root),
        "type": lambda x: of_type(value, x),
        "const": lambda x: value == x and type(value) is type(x),
        "enum": lambda x: value in x,
        "anyOf": lambda x: any(accepts(s, value, root) for s in x),
        "oneOf": lambda x: sum(accepts(s, value, root) for s in x) == 1,
        "maxItems": lambda x: not isinstance(value, list) or len(value) <= x,
        "minimum": lambda x: not of_type(value, "number") or value >= x,
        "maximum": lambda x: not of_type(value, "number") or value <= x,
        "exclusiveMinimum": lambda x: not of_type(value, "number") or value > x,
        "exclusiveMaximum": lambda x: not of_type(value, "number") or value < x,
        "minLength": lambda x: not isinstance(value, str) or len(value) >= x,
        "minItems": lambda x: not isinstance(value, list) or len(value) >= x,
        "items": lambda x: not isinstance(value, list) or all(accepts(x, v, root) for v in value),
        "required": lambda x: not isinstance(value, dict) or set(x) <= set(value),
        "properties": lambda x: not isinstance(value, dict) or all(accepts(x[k], v, root) for k, v in value.items() if k in x),
        "additionalProperties": lambda x: x or not isinstance(value, dict) or set(value) <= set(schema["properties"]),
    }
    return all(rules[word](rule) for word, rule in schema.items() if word not in NOTES)


def reader_accepts(values: dict[str, Any], tmp_path) -> bool:
    path = tmp_path / "plan.yaml"
    path.write_text(json.dumps(values), encoding="utf-8")  # JSON is YAML
    assert parse(path.read_text(encoding="utf-8"), "p").values == values
    try:
        read_plan(path)
    except PlanError:
        return False
    return True


def sections() -> list[tuple[str, dict[str, Any]]]:
    return list(json_schema()["$defs"].items())


@pytest.mark.parametrize(("name", "section"), sections())
def test_every_key_has_a_title_a_description_and_examples_that_follow_it(name: str, section: dict[str, Any]) -> None:
    root = json_schema()
    assert section["additionalProperties"] is False
    assert section["title"]
    assert section["description"]
    for key, schema in section["properties"].items():
        assert schema["title"], f"{name}.{key}"
        assert len(schema["description"]) > 10, f"{name}.{key}"
        assert schema["examples"], f"{name}.{key}"
        assert all(accepts(schema, example, root) for example in schema["examples"]), f"{name}.{key}"


@pytest.mark.parametrize(
    ("change", "good"),
    [
        ({}, True),
        ({"name": "x", "rows": "events", "level": 0.9, "seed": 1, "bootstrap": 0, "missing": "error", "headline": "itt"}, True),
        ({"data": {"database": "x.duckdb", "table": "t"}}, True),
        ({"data": {"database": "x.duckdb"}}, False),
        ({"metrics": [{"column": "y", "margin": 0.02, "role": "guardrail", "pre": None}]}, True),
        ({"metrics": [{"column": "y", "margin": 1}]}, False),
        ({"metrics": [{"name": "y"}]}, False),
        ({"metrics": [{"kind": "ratio", "numerator": "a", "denominator": "b", "better": "lower", "margin": 0.1}]}, True),
        ({"metrics": [{"kind": "ratio", "numerator": "a"}]}, False),
        ({"metrics": [{"kind": "ratio", "numerator": "a", "denominator": "b", "column": "c"}]}, False),
        ({"metrics": [{"kind": "median", "column": "a"}]}, False),
        ({"metrics": [{"column": "a", "numerator": "b"}]}, False),
        ({"metrics": []}, False),
        ({"metrics": "y"}, False),
        ({"covariates": ["a", {"column": "b"}]}, True),
        ({"covariates": [3]}, False),
        (
            {"design": {**MINIMAL["design"], "exposure": {"column": "e", "randomized": True}, "strata": ["s"], "uptake": "u"}},
            True,
        ),
        ({"design": {**MINIMAL["design"], "exposure": {"randomized": True}}}, False),
        ({"design": {**MINIMAL["design"], "exposure": {"edges": EDGES, "rule": {"count": 2}}}, "headline": "gate"}, True),
        (
            {"design": {**MINIMAL["design"], "exposure": {"edges": EDGES, "rule": {"fraction": 0.25}, "launch": "2026-03-01"}}},
            True,
        ),
        ({"design": {**MINIMAL["design"], "exposure": {"edges": EDGES, "rule": {"fraction": 1.5}}}}, False),
        ({"design": {**MINIMAL["design"], "exposure": {"edges": EDGES, "column": "e"}}}, False),
        ({"design": {**MINIMAL["design"], "exposure": {"artifacts": {"data": "r.csv", "artifact": "d", "author": "a"}}}}, False),
        ({"design": {**MINIMAL["design"], "treatment": {"column": "a", "treated": 1, "control": 0}}}, True),
        ({"design": {**MINIMAL["design"], "treatment": {"column": "a", "treated": True, "control": "x"}}}, True),
        ({"design": {**MINIMAL["design"], "treatment": {"column": "a", "treated": [[1]], "control": 0}}}, False),
        ({"design": {**MINIMAL["design"], "treatment": {"column": "a", "treated": [1, 2], "control": 0}}}, True),
        ({"design": {**MINIMAL["design"], "kind": "opt_in"}}, False),
        ({"level": "0.95"}, False),
        ({"level": 1}, False),
        ({"level": 0.4}, False),
        ({"seed": True}, False),
        ({"seed": 1.5}, False),
        ({"seed": -1}, False),
        ({"bootstrap": 20}, True),
        ({"bootstrap": 19}, False),
        ({"bootstrap": -3}, False),
        ({"unit": ""}, False),
        ({"unti": "x"}, False),
        ({"adjustment": "additive", "missing": "category"}, True),
        ({"adjustment": "lin"}, False),
        ({"missing": "impute"}, False),
        ({"headline": "total"}, False),
    ],
)
def test_the_schema_and_the_reader_agree(change: dict[str, Any], good: bool, tmp_path) -> None:
    plan = {**MINIMAL, **change}
    assert accepts(json_schema(), plan, json_schema()) is good
    assert reader_accepts(plan, tmp_path) is good


def test_rates_of_wrong_marks_are_numbers_or_ranges_and_come_back(write, minimal, refuse):
    text = minimal.replace(
        "  treatment: treated\n",
        "  treatment: treated\n  exposure: {column: seen, misclassification: {false_positive: 0.05, false_negative: [0, 0.2]}}\n",
    )
    exposure = read_plan(write(text)).study.design.exposure
    assert exposure is not None
    assert exposure.misclassification is not None
    assert exposure.misclassification.ranges == ((0.05, 0.05), (0.0, 0.2))
    for wrong in ("1.5", "[0.1]", "[0.3, 0.1]", "often"):
        assert refuse(text.replace("0.05", wrong))
