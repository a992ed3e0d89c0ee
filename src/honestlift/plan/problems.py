"""What is wrong with the keys and values of a plan, said with file, line and the path of the key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any, cast

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from honestlift.errors import PlanError
from honestlift.plan.document import Document, KeyPath, Problem, spell
from honestlift.plan.metrics import QuantileSection, RatioSection
from honestlift.plan.opt_in import SECTIONS_OPT_IN
from honestlift.plan.places import section_of
from honestlift.plan.schema import SECTIONS
from honestlift.plan.section import Section
from honestlift.plan.tables import TABLES
from honestlift.plan.waves import SECTIONS_WAVES
from honestlift.source.address import holds_secret, shown

_EXPECTED = {
    "string_type": "Expected text",
    "string_too_short": "Expected text that is not empty",
    "bool_type": "Expected true or false",
    "int_type": "Expected a whole number",
    "float_type": "Expected a number",
    "finite_number": "Expected a finite number",
    "list_type": "Expected a list, for example [a, b]",
    "model_type": "Expected a mapping of keys to values",
    "too_short": "Expected at least one",
    "literal_error": "Expected {expected}",
    "greater_than_equal": "Expected {ge:g} or more",
    "greater_than": "Expected more than {gt:g}",
    "less_than": "Expected less than {lt:g}",
}

_BY_DESIGN: dict[object, Mapping[str, type[Section]]] = {"cluster": SECTIONS, "opt_in": SECTIONS_OPT_IN, "waves": SECTIONS_WAVES}
"""The sections of a plan, by what was done."""

_KINDS: dict[object, type[Section]] = {"ratio": RatioSection, "quantile": QuantileSection}


def invalid(document: Document, error: ValidationError) -> list[Problem]:
    """One problem for each key that is unknown or missing and each value that cannot be.

    Args:
        document: the plan file.
        error: what validation found.
    """
    details = error.errors(include_url=False)
    unknown = [_path(document, e) for e in details if e["type"] == "extra_forbidden"]
    problems: dict[KeyPath, Problem] = {}
    for detail in details:
        path = _path(document, detail)
        if detail["type"] == "missing" and _misspelt(path, unknown):
            continue
        problems.setdefault(path, (document.line(path), _problem(document, path, detail)))
    return list(problems.values())


def pattern(path: KeyPath) -> str:
    """A path of keys with a star for every place in a list: ``metrics.*.column``."""
    return ".".join("*" if isinstance(part, int) else part for part in path)


def look_up(document: Document, path: KeyPath) -> Any:
    """The value at a path of keys, or None."""
    value: Any = document.values
    for part in path:
        if not _has(value, part):
            return None
        value = value[part]
    return value


def _has(value: Any, part: str | int) -> bool:
    if isinstance(value, dict):
        return part in value
    return isinstance(value, list) and isinstance(part, int) and part < len(cast("list[Any]", value))


def _path(document: Document, detail: ErrorDetails) -> KeyPath:
    """Where in the plan validation stood. It also says which kind of value it tried, ``(text)``; that is passed over."""
    path: KeyPath = ()
    for part in detail["loc"]:
        if _has(look_up(document, path), part) or not str(part).startswith("("):
            path = (*path, part)
    return path


def _misspelt(path: KeyPath, unknown: Sequence[KeyPath]) -> bool:
    beside = [str(other[-1]) for other in unknown if other[:-1] == path[:-1]]
    return bool(get_close_matches(str(path[-1]), beside, n=1, cutoff=0.6))


def _problem(document: Document, path: KeyPath, detail: ErrorDetails) -> PlanError:
    where, key, kind = document.where(path), spell(path), detail["type"]
    if kind == "extra_forbidden":
        return _unknown_key(document, where, path)
    if kind == "missing":
        present = _has(look_up(document, path[:-1]), path[-1])
        return (
            PlanError.wrong_shape(where, key, "empty", _meaning(document, path)) if present else PlanError.missing_key(where, key)
        )
    value = look_up(document, path)
    expected = _expected(detail, value)
    if value is None:
        return PlanError.wrong_shape(where, key, "empty", expected)
    if isinstance(value, (dict, list)):
        shape = "a mapping" if isinstance(value, dict) else "a list" if value else "an empty list"
        return PlanError.wrong_shape(where, key, shape, expected)
    return PlanError.bad_value(where, key, shown(value) if isinstance(value, str) and holds_secret(value) else value, expected)


def _expected(detail: ErrorDetails, value: Any) -> str:
    kind = detail["type"]
    context: Mapping[str, Any] = detail.get("ctx", {})
    expected = _EXPECTED[kind].format(**context) if kind in _EXPECTED else detail["msg"]
    if kind == "string_type" and not isinstance(value, (dict, list)):
        return f"{expected}; put it in quotes if it is a name"
    if kind in ("bool_type", "int_type", "float_type") and isinstance(value, str):
        return f"{expected}, without quotes"
    return expected


def _design(document: Document) -> str:
    """What was done; a cluster experiment where the plan does not say it in a word that is known."""
    kind = look_up(document, ("design", "kind"))
    return kind if isinstance(kind, str) and kind in _BY_DESIGN else "cluster"


def _sections(document: Document) -> Mapping[str, type[Section]]:
    """The sections of a plan of this kind."""
    return _BY_DESIGN[_design(document)]


def _section(document: Document, path: KeyPath) -> type[Section] | None:
    """The section at a path; a metric of a cluster study may be one of three."""
    here, asked = pattern(path), look_up(document, path)
    if here == "metrics.*" and _design(document) == "cluster" and _has(asked, "kind") and asked["kind"] in _KINDS:
        return _KINDS[asked["kind"]]
    return section_of(asked) if here.rpartition(".")[2] == "data" else _sections(document).get(here)


def _meaning(document: Document, path: KeyPath) -> str:
    """What an empty key should have held, from the description of the key."""
    section = _section(document, path[:-1])
    description = section.model_fields[str(path[-1])].description if section else None
    text = (description or "a value").removesuffix(".")
    return f"Expected {text[0].lower()}{text[1:]}"


_ALIKE = ("metrics.*", "data", "design.exposure.edges.data", "design.exposure.artifacts.data")
"""Sections that are the same in plans of all kinds, or whose unknown keys are told by what is near."""


def _unknown_key(document: Document, where: str, path: KeyPath) -> PlanError:
    """An unknown key, with the section it belongs to if another one has it, else with the nearest that is known here."""
    key = str(path[-1])
    here = pattern(path[:-1])
    section = f"{where}, in {spell(path[:-1])}" if here else where
    sections, own_kind = _sections(document), _design(document)
    own = _section(document, path[:-1])
    known = list(own.model_fields) if own else []
    only = None if key in known else _only_in(here, key)
    if only is not None:
        return PlanError.misplaced_key(section, key, only)
    if not get_close_matches(key, known, n=1, cutoff=0.6):
        for place in ("", "design"):
            if place != here and key in sections[place].model_fields:
                return PlanError.misplaced_key(section, key, f"under {place!r}" if place else "at the left margin")
        for kind, others in _BY_DESIGN.items():
            if kind != own_kind and here not in _ALIKE and here in others and key in others[here].model_fields:
                return PlanError.misplaced_key(section, key, f"in a plan of `design: {{kind: {kind}}}`")
    return PlanError.unknown_key(section, key, known)


def _only_in(here: str, key: str) -> str | None:
    """The kind of metric, or of study, that alone knows a key which does not stand here."""
    if not here and key in TABLES:
        return "in a cluster study: an opt-in study joins no tables, a view may"
    if here != "metrics.*":
        return None
    if key in RatioSection.model_fields:
        return "in a metric of `kind: ratio`, in a cluster study"
    kinds = {"q": "in a metric of `kind: quantile`, in a cluster study", "winsorize": "in a mean of a cluster study"}
    return kinds.get(key)
