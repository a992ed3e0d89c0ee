"""Exposure: who was reached by the treatment of others, by a column or by a collaboration graph and a rule."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import date
from typing import Any, Literal, cast

from honestlift.design.misclassification import Misclassification
from honestlift.errors import DesignError

RuleKind = Literal["any", "count", "fraction", "share"]

_RULES = "'any', {'count': a whole number from 1}, {'fraction': a share above 0 up to 1} or 'fraction'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Edges:
    """A collaboration graph between users: one row per tie.

    A tie joins both of its ends, unless ``directed``; a repeated tie is one tie, whose weights add.

    Attributes:
        data: whatever ``connect`` takes: a path, a frame, a relation, a Source.
        source, target: columns that name the two users.
        weight: column of the tie's strength, above zero; without it every tie counts one.
        time: column that says when the tie was seen; ties from after the launch may be an effect of the treatment.
        directed: the source reaches the target and not the other way round.
        table: the table, where the data are a database file.

    Example:
        >>> hl.Edges(data="edges.parquet", source="a", target="b", weight="messages")
        Edges(source='a', target='b', weight='messages')
    """

    data: Any = field(compare=False)
    source: str
    target: str
    weight: str | None = None
    time: str | None = None
    directed: bool = False
    table: str | None = None

    def __post_init__(self) -> None:
        _apart({"source": self.source, "target": self.target, "weight": self.weight, "time": self.time})

    def __repr__(self) -> str:
        return _shown(self)

    @property
    def columns(self) -> dict[str, str]:
        """The columns by their role."""
        return {"source": self.source, "target": self.target} | _given(weight=self.weight, time=self.time)


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifacts:
    """A log of who read whose artifact (documents, notes, threads), which is folded into ties.

    Author and reader are tied as strongly as there are different artifacts of the one that the other read.

    Attributes:
        data: whatever ``connect`` takes.
        artifact: column that names the artifact.
        author, reader: columns that name the users.
        time: column that says when it was read.
        directed: the author reaches the reader and not the other way round.
        table: the table, where the data are a database file.

    Example:
        >>> hl.Artifacts(data="reads.parquet", artifact="doc_id", author="written_by", reader="read_by", directed=True)
        Artifacts(artifact='doc_id', author='written_by', reader='read_by', directed=True)
    """

    data: Any = field(compare=False)
    artifact: str
    author: str
    reader: str
    time: str | None = None
    directed: bool = False
    table: str | None = None

    def __post_init__(self) -> None:
        _apart({"artifact": self.artifact, "author": self.author, "reader": self.reader, "time": self.time})

    def __repr__(self) -> str:
        return _shown(self)

    @property
    def columns(self) -> dict[str, str]:
        """The columns by their role."""
        return {"artifact": self.artifact, "author": self.author, "reader": self.reader} | _given(time=self.time)


ExposureRule = str | Mapping[str, float]
"""``any``, ``{count: m}``, ``{fraction: θ}`` or ``fraction``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """Who was reached by the treatment of others: a 0/1 column, or a collaboration graph with a rule. One of the three is given.

    Attributes:
        column: a mark, one value per user. In treated clusters it is not used: the contrast is between exposed and
            unexposed controls.
        edges: ties between users.
        artifacts: a log that is folded into ties.
        rule: with a graph, who counts as exposed. ``any``: a partner in another, treated cluster; ``{"count": m}``: at least m such
            partners; ``{"fraction": θ}``: treated clusters hold at least this share of the ties to other clusters; ``fraction``: that share
            itself, as a dose.
        launch: with a graph, the day from which ties may be an effect of the treatment.
        randomized: with a column, set it to vouch that re-drawing the assignment of clusters would change the mark of a user
            whose own arm is held fixed. Without it the contrasts that use the mark are associations.
        misclassification: with a column, how often the mark is wrong; the result then says what it would be at these rates.

    Raises:
        DesignError: if none or several of the three are given, or the rule is none.

    Example:
        >>> hl.Exposure(column="spillover_exposed")
        Exposure(column='spillover_exposed')
        >>> hl.Exposure(edges={"data": "edges.parquet", "source": "a", "target": "b"}, rule={"fraction": 0.25}).kind
        'share'
    """

    column: str | None = None
    edges: Edges | None = None
    artifacts: Artifacts | None = None
    rule: ExposureRule = "any"
    launch: date | str | None = None
    randomized: bool = False
    misclassification: Misclassification | None = None

    def __post_init__(self) -> None:
        edges: object = self.edges
        artifacts: object = self.artifacts
        if isinstance(edges, Mapping):
            object.__setattr__(self, "edges", _of(Edges, cast("Mapping[str, Any]", edges)))
        if isinstance(artifacts, Mapping):
            object.__setattr__(self, "artifacts", _of(Artifacts, cast("Mapping[str, Any]", artifacts)))
        given = [name for name in ("column", "edges", "artifacts") if getattr(self, name) is not None]
        if len(given) != 1:
            raise DesignError.out_of_range("exposure", given or None, "one of column, edges and artifacts")
        if self.column is not None and (self.rule != "any" or self.launch is not None):
            raise DesignError.out_of_range("exposure", self.column, "a rule and a launch only with edges or artifacts")
        if self.graph is not None and self.randomized:
            raise DesignError.out_of_range("randomized", True, "it only with a column: with a graph the design itself tells")
        if self.graph is not None and self.misclassification is not None:
            raise DesignError.out_of_range("misclassification", self.misclassification, "it only with a column of marks")
        _check(self.rule)
        if isinstance(self.launch, str):
            try:
                date.fromisoformat(self.launch)
            except ValueError:
                raise DesignError.out_of_range("launch", self.launch, "a day such as '2026-03-01'") from None

    def __repr__(self) -> str:
        return _shown(self)

    @property
    def graph(self) -> Edges | Artifacts | None:
        """The ties or the log; None with a column."""
        return self.edges if self.edges is not None else self.artifacts

    @property
    def kind(self) -> RuleKind:
        """What the rule looks at: ``any``, ``count``, ``share`` (a fraction to reach) or ``fraction`` (the dose itself)."""
        if isinstance(self.rule, str):
            return "fraction" if self.rule == "fraction" else "any"
        return "count" if "count" in self.rule else "share"

    @property
    def least(self) -> float:
        """What the rule asks for: partners (``any`` and ``fraction``: one), or a share."""
        return 1.0 if isinstance(self.rule, str) else float(next(iter(self.rule.values())))

    @property
    def since(self) -> date | None:
        """The launch as a day."""
        return date.fromisoformat(self.launch) if isinstance(self.launch, str) else self.launch

    def canonical(self) -> dict[str, Any]:
        """All that can change a number, as plain values; where the ties are stored is left out, as it is for the rows."""
        if self.column is not None:
            wrong = self.misclassification
            told = {"column": self.column, "randomized": self.randomized}
            return told | ({"misclassification": wrong.canonical()} if wrong else {})
        told: dict[str, Any] = {"rule": self.rule if isinstance(self.rule, str) else dict(self.rule)}
        told |= {"launch": self.since.isoformat()} if self.since else {}
        graph = self.graph
        assert graph is not None
        return told | {"edges" if self.edges is not None else "artifacts": graph.columns | {"directed": graph.directed}}


def _check(rule: object) -> None:
    if isinstance(rule, str) and rule in ("any", "fraction"):
        return
    given = dict(cast("Mapping[object, object]", rule)) if isinstance(rule, Mapping) else {}
    key, value = next(iter(given.items())) if len(given) == 1 else (None, None)
    number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    least = float(value) if number and isinstance(value, (int, float)) else 0.0
    if not ((key == "count" and least >= 1 and least.is_integer()) or (key == "fraction" and 0 < least <= 1)):
        raise DesignError.out_of_range("rule", given or str(cast("object", rule)), _RULES)


def _of(kind: Any, given: Mapping[str, Any]) -> Any:
    """A graph from a mapping, as a plan has it."""
    known = {f.name: f.default for f in fields(kind)}
    for name in given:
        if name not in known:
            raise DesignError.out_of_range(f"key of {kind.__name__.lower()}", name, f"one of {', '.join(known)}")
    needed = [f.name for f in fields(kind) if f.name not in ("weight", "time", "directed", "table")]
    for name in needed:
        if name not in given:
            raise DesignError.out_of_range(f"{name} of {kind.__name__.lower()}", None, "it: " + ", ".join(needed))
    return kind(**given)


def _apart(columns: Mapping[str, str | None]) -> None:
    seen: dict[str, str] = {}
    for role, name in columns.items():
        if name is not None and name in seen:
            raise DesignError.column_in_two_roles(name, seen[name], role)
        if name is not None:
            seen[name] = role


def _given(**columns: str | None) -> dict[str, str]:
    return {role: name for role, name in columns.items() if name is not None}


def _shown(value: Any) -> str:
    """What was asked for, without the rows and without what is as by default."""
    told = [(f.name, getattr(value, f.name)) for f in fields(value) if f.name != "data"]
    defaults = {f.name: f.default for f in fields(value)}
    return f"{type(value).__name__}({', '.join(f'{n}={v!r}' for n, v in told if v != defaults[n])})"
