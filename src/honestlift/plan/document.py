"""YAML text becomes plain values that remember their lines: a wrong key can then be pointed at."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import yaml

from honestlift.errors import PlanError

KeyPath = tuple[str | int, ...]
Problem = tuple[int, PlanError]

_TAG = "tag:yaml.org,2002:"
_WHOLE = re.compile(r"[-+]?(0|[1-9][0-9_]{0,300})")
# Decimal numbers that YAML 1.1 takes for text: -.5, 1e5 and 1.5e5, which need not have all their signs and points elsewhere.
_D = "(0|[1-9][0-9]{0,300})"
_DECIMAL = re.compile(rf"[-+]\.[0-9]+([eE][-+]?[0-9]+)?|[-+]?(\.[0-9]+|{_D}(\.[0-9]*)?)[eE][0-9]+|[-+]?{_D}[eE][-+][0-9]+")
_EXPECTED = "Expected a mapping of keys to values, as `honestlift init` writes it"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Document:
    """The values of a plan file, and where each stands.

    Attributes:
        name: the file, as the user named it.
        values: keys to values: text, numbers, true and false, None, lists and mappings.
        lines: path of keys (and places in lists, from 0) to line, from 1.
        problems: keys that stand twice, with their lines.
    """

    name: str
    values: dict[str, Any]
    lines: Mapping[KeyPath, int]
    problems: tuple[Problem, ...]

    def line(self, path: KeyPath) -> int:
        """The line on which the value stands, or the closest thing around it that does."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines[path]

    def where(self, path: KeyPath) -> str:
        """File and line as the messages say them: ``plan.yaml, line 12``."""
        return f"{self.name}, line {self.line(path)}"


def spell(path: KeyPath) -> str:
    """A path of keys as text: ``metrics[0].column``."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")


def read_document(path: str | os.PathLike[str]) -> Document:
    """The values of a YAML file with their lines.

    Raises:
        PlanError: if there is no such file, or it is no mapping in YAML.
    """
    name = os.fspath(path)
    try:
        content = Path(path).read_bytes()
    except FileNotFoundError as reason:
        raise PlanError.not_found(name) from reason
    except OSError as reason:
        raise PlanError.unreadable(name, reason.strerror or type(reason).__name__) from reason
    try:
        return parse(content.decode("utf-8-sig"), name)
    except UnicodeDecodeError as reason:
        line = content.count(b"\n", 0, reason.start) + 1
        raise PlanError.not_yaml(f"{name}, line {line}", "it is not UTF-8 text") from reason


def parse(text: str, name: str) -> Document:
    """The values of YAML text with their lines; ``name`` is the file in the messages.

    Raises:
        PlanError: if the text is no mapping in YAML.
    """
    try:
        root: yaml.Node | None = yaml.compose(text, Loader=yaml.SafeLoader)  # pyright: ignore[reportUnknownMemberType]
        if root is None:
            raise PlanError.wrong_shape(f"{name}, line 1", "the plan", "empty", _EXPECTED)
        builder = _Builder(name)
        values = builder.build(root, (), ())
    except yaml.reader.ReaderError as reason:
        line = text.count("\n", 0, reason.position) + 1
        raise PlanError.not_yaml(f"{name}, line {line}", "a control character stands in it") from reason
    except yaml.MarkedYAMLError as reason:
        mark = reason.problem_mark or reason.context_mark
        where = name if mark is None else f"{name}, line {mark.line + 1}"
        raise PlanError.not_yaml(where, _why(reason)) from reason
    except RecursionError as reason:
        raise PlanError.not_yaml(name, "its values are nested too deeply") from reason
    if not isinstance(values, dict):
        found = "a list" if isinstance(values, list) else "a single value"
        raise PlanError.wrong_shape(f"{name}, line {root.start_mark.line + 1}", "the plan", found, _EXPECTED)
    return Document(name=name, values=cast("dict[str, Any]", values), lines=builder.lines, problems=tuple(builder.problems))


def _why(reason: yaml.MarkedYAMLError) -> str:
    problem = reason.problem or "it cannot be parsed"
    if r"'\t'" in problem:
        return "a tab stands where YAML wants spaces"
    return f"{problem} ({reason.context})" if reason.context else problem


def _fraction(text: str) -> float | str:
    try:
        return float(text.lower().replace("_", "").replace(".inf", "inf").replace(".nan", "nan"))
    except ValueError:
        return text


class _Builder:
    """One walk over the nodes, which collects lines and repeated keys on the way."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.lines: dict[KeyPath, int] = {}
        self.problems: list[Problem] = []

    def build(self, node: yaml.Node, path: KeyPath, around: tuple[int, ...]) -> Any:
        line = node.start_mark.line + 1
        self.lines.setdefault(path, line)
        if id(node) in around:
            raise PlanError.not_yaml(f"{self.name}, line {line}", "an alias stands inside the value that it names")
        around = (*around, id(node))
        if isinstance(node, yaml.MappingNode):
            return self.mapping(node, path, around)
        if isinstance(node, yaml.SequenceNode):
            return [self.build(item, (*path, place), around) for place, item in enumerate(node.value)]
        return self.scalar(node, line)

    def mapping(self, node: yaml.MappingNode, path: KeyPath, around: tuple[int, ...]) -> dict[str, Any]:
        merged: dict[str, Any] = {}
        values: dict[str, Any] = {}
        pairs: list[tuple[yaml.Node, yaml.Node]] = node.value
        for key, value in pairs:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                raise PlanError.not_yaml(f"{self.name}, line {line}", "a key is a list or a mapping")
            if key.tag == _TAG + "merge":
                merged = {**self.merge(value, path, around, line), **merged}
            elif key.value in values:
                first = self.lines[*path, key.value]
                self.problems.append((line, PlanError.repeated_key(f"{self.name}, line {line}", key.value, first)))
            else:
                self.lines[*path, key.value] = line
                values[key.value] = self.build(value, (*path, key.value), around)
        return {**merged, **values}

    def merge(self, node: yaml.Node, path: KeyPath, around: tuple[int, ...], line: int) -> dict[str, Any]:
        """The mapping that ``<<: *name`` brings in; of a list of them the earlier wins, as YAML says."""
        sources: list[yaml.Node] = node.value if isinstance(node, yaml.SequenceNode) else [node]
        values: dict[str, Any] = {}
        for source in sources:
            if not isinstance(source, yaml.MappingNode):
                raise PlanError.not_yaml(f"{self.name}, line {line}", "<<: takes a mapping")
            values = {**self.mapping(source, path, (*around, id(source))), **values}
        return values

    def scalar(self, node: yaml.Node, line: int) -> Any:
        """What the text of a scalar means.

        YAML 1.1 reads on, off, yes and no as booleans, 010 as eight, 1:30 as ninety and 1e5 as text. In a plan they are
        names of arms, labels and numbers: only true and false are booleans, only decimal numbers are numbers.
        """
        text: str = node.value
        match node.tag.removeprefix(_TAG):
            case "null":
                return None
            case "bool":
                return {"true": True, "false": False}.get(text.lower(), text)
            case "int":
                return int(text.replace("_", "")) if _WHOLE.fullmatch(text) else text
            case "float":
                return _fraction(text)
            case "str":
                bare = isinstance(node, yaml.ScalarNode) and node.style is None
                return float(text) if bare and _DECIMAL.fullmatch(text) else text
            case "timestamp" | "value" | "merge":
                return text
            case tag:
                raise PlanError.not_yaml(f"{self.name}, line {line}", f"a plan has no values of type {tag!r}")
