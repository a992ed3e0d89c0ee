"""The keys of plan.yaml as pydantic models, and the JSON Schema that editors complete and check plans with."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Discriminator, Field, Tag, WithJsonSchema, field_validator
from pydantic_core import PydanticCustomError

from honestlift.design.cluster import Value
from honestlift.plan.exposure import ArtifactsSection, EdgesSection, ExposureSection, FractionSection, MisclassificationSection
from honestlift.plan.metrics import Metric, MetricSection, WinsorizeSection
from honestlift.plan.places import DataSection, TableSection
from honestlift.plan.section import SHORT_OR_LONG, Section, Text
from honestlift.plan.tables import SECTIONS_OF_TABLES, AssignmentTableSection, EventsSection, ExposureTableSection


def _kind_of_value(value: object) -> str | None:
    kinds: dict[type, str] = {str: "(text)", bool: "(boolean)", int: "(whole)", float: "(number)"}
    return kinds.get(type(value))


ArmValue = Annotated[
    Annotated[str, Tag("(text)")]
    | Annotated[bool, Tag("(boolean)")]
    | Annotated[int, Tag("(whole)")]
    | Annotated[float, Tag("(number)")],
    Discriminator(_kind_of_value, custom_error_type="value", custom_error_message="Expected text, a number, true or false"),
    WithJsonSchema({"type": ["string", "number", "boolean"]}),
]


_ONE_OR_SEVERAL = Discriminator(lambda value: "(several)" if isinstance(value, (list, tuple)) else "(one)")  # pyright: ignore[reportUnknownLambdaType]


class TreatmentSection(Section):
    """A treatment column and which of its values are the two arms; users with other values are left out and counted."""

    model_config = ConfigDict(title="Treatment column with named arms")

    column: Text = Field(description="The column that holds the arm.", examples=["arm"])
    treated: Annotated[
        Annotated[ArmValue, Tag("(one)")] | Annotated[list[ArmValue], Field(min_length=1), Tag("(several)")], _ONE_OR_SEVERAL
    ] = Field(
        description="Its value in the treated arm; or several in a list, of which the headline is about the first.",
        examples=["on", ["short", "long"]],
    )
    control: ArmValue = Field(description="Its value in the control arm.", examples=["off"])


def as_arms(treated: Value | list[Value]) -> Value | tuple[Value, ...]:
    """The treated arm, or several, as the design has them."""
    return tuple(treated) if isinstance(treated, list) else treated


class DesignSection(Section):
    """What was done: whole clusters were randomized to two arms."""

    model_config = ConfigDict(title="Cluster design")

    kind: Annotated[Literal["cluster", "opt_in", "waves"], WithJsonSchema({"type": "string", "const": "cluster"})] = Field(
        title="Kind", description="What was randomized: whole clusters.", examples=["cluster"]
    )
    cluster: Text = Field(description="The column that names the randomized cluster.", examples=["workspace_id"])
    treatment: Annotated[Annotated[Text, Tag("(text)")] | Annotated[TreatmentSection, Tag("(mapping)")], SHORT_OR_LONG] = Field(
        description="The treatment: a column of 0/1 or true/false, or a column and its values in the two arms.",
        examples=["treated", {"column": "arm", "treated": "on", "control": "off"}],
    )
    assignment: Text | None = Field(
        default=None,
        description="The record of `honestlift assign`, relative to the plan. Without it complete randomization is assumed.",
        examples=["assignment.json"],
    )
    strata: list[Text] = Field(
        default=[], description="Columns within whose values the clusters were randomized.", examples=[["plan_tier"]]
    )
    exposure: ExposureSection | None = Field(
        default=None,
        title="Exposure",
        description="Who was reached by the treatment of others: a column, or a collaboration graph with a rule.",
        examples=[
            {"column": "spillover_exposed"},
            {"edges": {"data": "edges.parquet", "source": "a", "target": "b"}, "rule": "any"},
        ],
    )
    uptake: Text | None = Field(default=None, description="A 0/1 column of logged use of the feature.", examples=["used_feature"])
    period: Text | None = Field(
        default=None, description="The column of the period of a row, whole numbers: effects by period.", examples=["week"]
    )


class CovariateSection(Section):
    """A column known before the treatment."""

    model_config = ConfigDict(title="Covariate")

    column: Text = Field(description="The column, numbers or text; text becomes categories.", examples=["engagement_tier"])


Covariate = Annotated[Annotated[Text, Tag("(text)")] | Annotated[CovariateSection, Tag("(mapping)")], SHORT_OR_LONG]


Controls = Annotated[
    list[Text], Field(description="Columns of outcomes that the feature cannot move.", examples=[["logins_before"]])
]
Level = Annotated[float, Field(ge=0.5, lt=1, description="Nominal coverage of every interval.", examples=[0.95])]


class AnyPlanSection(Section):
    """What the plans of all kinds of study have in common."""

    name: Text = Field(default="Untitled study", description="The title of the study.", examples=["AI meeting notes"])
    data: DataSection = Field(
        description="The rows: a parquet or CSV file or a glob, relative to the plan, or a table of a database or of an engine.",
        examples=[
            "users.parquet",
            {"database": "warehouse.duckdb", "table": "users"},
            {"spark": "catalog.lake.users"},
            {"ibis": "postgres://analyst@db.example.org/lake", "table": "users"},
        ],
    )
    unit: Text = Field(description="The column that names the user.", examples=["user_id"])


class UsersPlanSection(AnyPlanSection):
    """What the plans of studies that compare users, each on one row, have in common."""

    rows: Literal["units", "events"] = Field(
        default="units", description="What a row is: a user, or an event, which is summed per user first.", examples=["units"]
    )
    design: DesignSection = Field(
        title="Design",
        description="What was done.",
        examples=[{"kind": "cluster", "cluster": "workspace_id", "treatment": "treated"}],
    )
    metrics: list[Metric] = Field(
        min_length=1,
        description="The outcomes. A column's name alone is short for {column: name}.",
        examples=[["session_minutes", {"column": "errors", "better": "lower", "role": "guardrail", "margin": 0.02}]],
    )
    negative_controls: Controls = Field(default=[])
    segments: list[Text] = Field(
        default=[],
        description="Discrete columns known before the treatment: effects within their levels, exploratory. Cluster studies only.",
        examples=[["plan_tier"]],
    )
    covariates: list[Covariate] = Field(
        default=[], description="Columns known before the treatment; text becomes categories.", examples=[["engagement_tier"]]
    )
    adjustment: Literal["interacted", "additive", "none"] = Field(
        default="interacted",
        description="How effects are adjusted for the covariates: interacted with the arm where both have clusters enough.",
        examples=["interacted"],
    )
    missing: Literal["error", "drop", "category"] = Field(
        default="error",
        description="Users without a covariate: an error, dropped and counted, or a category. Missing outcomes drop per metric.",
        examples=["error"],
    )
    headline: Literal["itt", "gate"] = Field(
        default="itt",
        description="The effect in the headline: the contrast of the randomized arms (itt); or everyone on against everyone off (gate), "
        "which needs a collaboration graph.",
        examples=["itt"],
    )
    level: Level = 0.95
    seed: int = Field(default=0, ge=0, description="Start of every random draw.", examples=[7])
    bootstrap: int = Field(
        default=500,
        description="Replicates of the bootstrap: 0 for none, or at least 20.",
        examples=[500],
        json_schema_extra={"anyOf": [{"const": 0}, {"minimum": 20}]},
    )

    @field_validator("bootstrap")
    @classmethod
    def _enough_replicates(cls, value: int) -> int:
        if value != 0 and value < 20:
            raise PydanticCustomError("replicates", "Expected 0 (none) or at least 20 replicates")
        return value


class PlanSection(UsersPlanSection):
    """The plan of a study: where the data are, what was done and what is asked."""

    model_config = ConfigDict(title="honestlift plan")

    assignment_table: AssignmentTableSection | None = Field(
        default=None,
        title="Assignment table",
        description="Who was assigned, where a table of its own says so.",
        examples=[{"data": "assignment.parquet", "cluster": "workspace_id", "time": "assigned_at"}],
    )
    exposure_table: ExposureTableSection | None = Field(
        default=None,
        title="Exposure table",
        description="When users met the feature, from which their events count.",
        examples=[{"data": "exposures.parquet", "unit": "user_id", "time": "seen_at"}],
    )
    events: EventsSection | None = Field(
        default=None,
        title="Events",
        description="What users did, summed over the windows of the metrics.",
        examples=[{"data": "events.parquet", "unit": "user_id", "time": "at"}],
    )


SECTIONS: dict[str, type[Section]] = {
    "": PlanSection,
    "data": TableSection,
    "design": DesignSection,
    "design.treatment": TreatmentSection,
    "design.exposure": ExposureSection,
    "design.exposure.edges": EdgesSection,
    "design.exposure.artifacts": ArtifactsSection,
    "design.exposure.rule": FractionSection,
    "design.exposure.misclassification": MisclassificationSection,
    "metrics.*": MetricSection,
    "metrics.*.winsorize": WinsorizeSection,
    "covariates.*": CovariateSection,
    **SECTIONS_OF_TABLES,
}
