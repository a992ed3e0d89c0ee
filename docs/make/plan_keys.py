"""The table of plan keys in docs/reference/plan-keys.md, from the JSON Schema that `honestlift schema` prints."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from honestlift.plan.json_schema import json_schema

PAGE = Path(__file__).parents[1] / "reference" / "plan-keys.md"
HEAD = """\
# Every key of plan.yaml

Made by `make regenerate` from the JSON Schema (`honestlift schema`) and held to it by a test. A key in **bold** is required, below another
key where that one is there. Where text or a mapping is taken, the text is short for the mapping's `column`.
"""
PLANS = {"PlanSection": "Cluster studies", "OptInPlanSection": "Opt-in studies", "WavesPlanSection": "Roll-outs in waves"}


def page() -> str:
    """The whole page."""
    schema = json_schema()
    parts = [HEAD]
    for name, title in PLANS.items():
        rows = ["| key | value | default | what |", "|---|---|---|---|", *_rows(schema["$defs"][name], schema["$defs"], "")]
        parts.append(f"\n## {title}\n\n" + "\n".join(rows) + "\n")
    return "".join(parts)


def make() -> list[Path]:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")
    return [PAGE]


def _rows(section: dict[str, Any], sections: dict[str, Any], above: str) -> list[str]:
    rows: list[str] = []
    for key, value in section["properties"].items():
        path = f"{above}{key}"
        name = f"**`{path}`**" if key in section.get("required", []) else f"`{path}`"
        default = "" if value.get("default") is None else f"`{json.dumps(value['default'], ensure_ascii=False)}`"
        rows.append(f"| {name} | {_kind(value, sections)} | {default} | {value.get('description', '')} |")
        inner, star = _inner(value, sections)
        if inner:
            rows += _rows(_either(inner), sections, f"{path}{'[]' if star else ''}.")
    return rows


def _options(value: dict[str, Any]) -> list[dict[str, Any]]:
    """The forms that a value may take, null left out."""
    forms = value.get("anyOf") or value.get("oneOf") or [value]
    flat = [f for form in forms for f in (_options(form) if "anyOf" in form or "oneOf" in form else [form])]
    return [f for f in flat if f.get("type") != "null"] if "type" not in value else [value]


def _kind(value: dict[str, Any], sections: dict[str, Any]) -> str:
    return " or ".join(dict.fromkeys(_word(form, sections) for form in _options(value)))


def _word(form: dict[str, Any], sections: dict[str, Any]) -> str:
    if "$ref" in form:
        return _word(sections[form["$ref"].rsplit("/", 1)[1]], sections)
    if "const" in form:
        return f"`{form['const']}`"
    if "enum" in form:
        return ", ".join(f"`{word}`" for word in form["enum"])
    kind = form.get("type")
    if isinstance(kind, list):
        return ", ".join(_NAMES[k] for k in kind)
    if kind == "array":
        return f"list of {_kind(form['items'], sections)}"
    return _NAMES[kind or "object"]


def _inner(value: dict[str, Any], sections: dict[str, Any]) -> tuple[list[dict[str, Any]], bool]:
    """The mappings that a value, or an entry of a list, may be; and whether it is an entry of a list."""
    for form in _options(value):
        if form.get("type") == "array":
            return _inner(form["items"], sections)[0], True
    named = [sections[form["$ref"].rsplit("/", 1)[1]] for form in _options(value) if "$ref" in form]
    return [section for section in named if section.get("type") == "object"], False


def _either(forms: list[dict[str, Any]]) -> dict[str, Any]:
    """Several mappings as one with the keys of all; required is what all require, and a key that says which takes any of its words."""
    properties: dict[str, Any] = {}
    for form in forms:
        for key, value in form["properties"].items():
            known = properties.setdefault(key, value)
            if known is not value and known.get("const") != value.get("const"):
                properties[key] = {"anyOf": [known, value]} | {k: known[k] for k in ("default", "description") if k in known}
                properties[key].pop("type", None)
    required = [key for key in forms[0].get("required", []) if all(key in form.get("required", []) for form in forms)]
    return {"properties": properties, "required": required}


_NAMES = {
    "string": "text",
    "number": "number",
    "integer": "whole number",
    "boolean": "true or false",
    "object": "mapping",
}
