"""The keys of an exposure: a column, a collaboration graph, or a log that is folded into one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Discriminator, Field, Tag

from honestlift.design.exposure import Artifacts, Edges, Exposure
from honestlift.design.misclassification import Misclassification
from honestlift.errors import DesignError
from honestlift.plan.location import resolve, shorten
from honestlift.plan.section import Section, Text

Share = Annotated[float, Field(ge=0, lt=1)]
Rate = Annotated[
    Annotated[Share, Tag("(one)")] | Annotated[list[Share], Field(min_length=2, max_length=2), Tag("(two)")],
    Discriminator(lambda value: "(two)" if isinstance(value, (list, tuple)) else "(one)"),  # pyright: ignore[reportUnknownLambdaType]
]
"""A share, or the lowest and the highest."""


class EdgesSection(Section):
    """Ties between users, one row each."""

    model_config = ConfigDict(title="Ties between users")

    data: Text = Field(description="The ties: a file or a glob, relative to the plan.", examples=["edges.parquet"])
    source: Text = Field(description="The column of one user.", examples=["from_user"])
    target: Text = Field(description="The column of the other.", examples=["to_user"])
    weight: Text | None = Field(default=None, description="The column of the tie's strength, above zero.", examples=["messages"])
    time: Text | None = Field(default=None, description="The column that says when the tie was seen.", examples=["seen_at"])
    directed: bool = Field(default=False, description="The source reaches the target and not the other way.", examples=[False])
    table: Text | None = Field(default=None, description="The table, where the data are a database file.", examples=["edges"])


class ArtifactsSection(Section):
    """A log of who read whose artifact; author and reader are tied."""

    model_config = ConfigDict(title="Log of artifacts")

    data: Text = Field(description="The log: a file or a glob, relative to the plan.", examples=["reads.parquet"])
    artifact: Text = Field(description="The column that names the artifact.", examples=["doc_id"])
    author: Text = Field(description="The column of its author.", examples=["written_by"])
    reader: Text = Field(description="The column of who read it.", examples=["read_by"])
    time: Text | None = Field(default=None, description="The column that says when it was read.", examples=["read_at"])
    directed: bool = Field(default=False, description="The author reaches the reader and not the other way.", examples=[False])
    table: Text | None = Field(default=None, description="The table, where the data are a database file.", examples=["reads"])


class CountSection(Section):
    """So many partners in treated clusters."""

    model_config = ConfigDict(title="Count of partners")

    count: int = Field(ge=1, description="Partners in other, treated clusters that make a user exposed.", examples=[2])


class FractionSection(Section):
    """So large a share of the ties to other clusters."""

    model_config = ConfigDict(title="Fraction of ties")

    fraction: float = Field(
        gt=0, le=1, description="Treated share of the ties to other clusters that makes a user exposed.", examples=[0.25]
    )


class MisclassificationSection(Section):
    """How often the mark of an exposure is wrong."""

    model_config = ConfigDict(title="Wrong marks")

    false_positive: Rate = Field(
        default=0.0,
        description="Share of unexposed users who are marked; two numbers are the lowest and the highest.",
        examples=[0.05],
    )
    false_negative: Rate = Field(
        default=0.0,
        description="Share of exposed users who are not marked; two numbers are the lowest and the highest.",
        examples=[[0.0, 0.2]],
    )


def _rule_of(value: object) -> str:
    if isinstance(value, dict):
        return "(count)" if "count" in value else "(fraction)"
    return "(word)"


Rule = Annotated[
    Annotated[Literal["any", "fraction"], Tag("(word)")]
    | Annotated[CountSection, Tag("(count)")]
    | Annotated[FractionSection, Tag("(fraction)")],
    Discriminator(_rule_of),
]


class ExposureSection(Section):
    """Who was reached by the treatment of others; one of column, edges and artifacts."""

    model_config = ConfigDict(
        title="Exposure",
        json_schema_extra={"oneOf": [{"required": [key]} for key in ("column", "edges", "artifacts")]},
    )

    column: Text | None = Field(
        default=None, description="A 0/1 column that marks exposed users.", examples=["spillover_exposed"]
    )
    randomized: bool = Field(
        default=False,
        description="With a column: true vouches that the design moves the mark; otherwise what uses it is an association.",
        examples=[False],
    )
    misclassification: MisclassificationSection | None = Field(
        default=None,
        title="Misclassification",
        description="With a column: how often the mark is wrong; the result says what it would be at these rates.",
        examples=[{"false_positive": 0.05, "false_negative": [0.0, 0.2]}],
    )
    edges: EdgesSection | None = Field(
        default=None,
        title="Edges",
        description="A collaboration graph between users.",
        examples=[{"data": "edges.parquet", "source": "a", "target": "b"}],
    )
    artifacts: ArtifactsSection | None = Field(
        default=None,
        title="Artifacts",
        description="A log that is folded into a collaboration graph.",
        examples=[{"data": "reads.parquet", "artifact": "doc_id", "author": "written_by", "reader": "read_by"}],
    )
    rule: Rule = Field(
        default="any",
        description="With a graph: who is exposed. A partner in another, treated cluster (any); at least so many (count); at least "
        "that treated share of the ties to other clusters (fraction).",
        examples=["any", {"count": 2}, {"fraction": 0.25}],
    )
    launch: Text | None = Field(
        default=None,
        description="With a graph: the day from which ties may be an effect of the treatment.",
        examples=["2026-03-01"],
    )


def read_exposure(section: ExposureSection | None, folder: Path) -> Exposure | None:
    """The exposure of a plan, its paths absolute.

    Raises:
        DesignError: if none or several of column, edges and artifacts are given, or what is given does not go together.
    """
    if section is None:
        return None
    edges, artifacts = section.edges, section.artifacts
    rule = section.rule if isinstance(section.rule, str) else section.rule.model_dump()
    return Exposure(
        column=section.column,
        edges=None if edges is None else Edges(**_placed(edges, folder)),
        artifacts=None if artifacts is None else Artifacts(**_placed(artifacts, folder)),
        rule=rule,
        launch=section.launch,
        randomized=section.randomized,
        misclassification=_wrong(section.misclassification),
    )


def _wrong(section: MisclassificationSection | None) -> Misclassification | None:
    if section is None:
        return None

    def rate(value: float | list[float]) -> float | tuple[float, float]:
        return (value[0], value[1]) if isinstance(value, list) else value

    return Misclassification(false_positive=rate(section.false_positive), false_negative=rate(section.false_negative))


def _placed(section: Section, folder: Path) -> dict[str, Any]:
    values = section.model_dump()
    return values | {"data": resolve(values["data"], folder)}


def exposure_values(exposure: Exposure, folder: Path) -> dict[str, Any]:
    """The keys of an exposure, as ``read_exposure`` takes them; those that hold their default are left out.

    Raises:
        DesignError: if the ties are not in a file.
    """
    graph = exposure.graph
    if graph is None:
        wrong = exposure.misclassification
        told = {"column": exposure.column, "randomized": exposure.randomized}
        return told | ({"misclassification": wrong.canonical()} if wrong else {})
    if not isinstance(graph.data, str):
        raise DesignError.out_of_range("data of the ties", type(graph.data).__name__, "the path of a file in a plan")
    told: dict[str, Any] = {"data": shorten(graph.data, folder), **graph.columns}
    told |= {"directed": True} if graph.directed else {}
    told |= {"table": graph.table} if graph.table else {}
    values: dict[str, Any] = {"edges" if exposure.edges is not None else "artifacts": told}
    values |= {} if exposure.rule == "any" else {"rule": exposure.rule if isinstance(exposure.rule, str) else dict(exposure.rule)}
    return values | ({"launch": exposure.since.isoformat()} if exposure.since else {})
