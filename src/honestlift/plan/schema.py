"""The keys of plan.yaml as pydantic models, and the JSON Schema that editors complete and check plans with."""

from __future__ import annotations

from typing import Annotated, Any, Literal, cast

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, WithJsonSchema, field_validator, model_validator
from pydantic_core import PydanticCustomError

Text = Annotated[str, Field(min_length=1)]


def _text_or_mapping(value: object) -> str | None:
    return "(text)" if isinstance(value, str) else "(mapping)" if isinstance(value, (dict, BaseModel)) else None


def _kind_of_metric(value: object) -> str | None:
    asked = cast("dict[str, Any]", value).get("kind") if isinstance(value, dict) else getattr(value, "kind", None)
    return "(ratio)" if asked == "ratio" else _text_or_mapping(cast("object", value))


def _kind_of_value(value: object) -> str | None:
    kinds: dict[type, str] = {str: "(text)", bool: "(boolean)", int: "(whole)", float: "(number)"}
    return kinds.get(type(value))


_SHORT_OR_LONG = Discriminator(_text_or_mapping, custom_error_type="either", custom_error_message="Expected text or a mapping")
_NUMBER_OR_LONG = Discriminator(
    lambda value: {int: "(number)", float: "(number)"}.get(type(value)) or _text_or_mapping(value),  # pyright: ignore[reportUnknownLambdaType,reportUnknownArgumentType]
    custom_error_type="either",
    custom_error_message="Expected a quantile from 0.5 to below 1, or a mapping such as {above: 120}",
)
ArmValue = Annotated[
    Annotated[str, Tag("(text)")]
    | Annotated[bool, Tag("(boolean)")]
    | Annotated[int, Tag("(whole)")]
    | Annotated[float, Tag("(number)")],
    Discriminator(_kind_of_value, custom_error_type="value", custom_error_message="Expected text, a number, true or false"),
    WithJsonSchema({"type": ["string", "number", "boolean"]}),
]


class Section(BaseModel):
    """A mapping of the plan: only known keys, nothing converted, an empty optional key the same as none."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _empty_is_absent(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        pairs = cast("dict[str, Any]", values).items()
        return {key: value for key, value in pairs if value is not None or key not in cls.model_fields}


class TableSection(Section):
    """A table of a database."""

    model_config = ConfigDict(title="Database table")

    database: Text = Field(description="The database file, relative to the plan.", examples=["warehouse.duckdb"])
    table: Text = Field(description="The table in it.", examples=["users"])


class TreatmentSection(Section):
    """A treatment column and which of its values are the two arms; users with other values are left out and counted."""

    model_config = ConfigDict(title="Treatment column with named arms")

    column: Text = Field(description="The column that holds the arm.", examples=["arm"])
    treated: ArmValue = Field(description="Its value in the treated arm.", examples=["on"])
    control: ArmValue = Field(description="Its value in the control arm.", examples=["off"])


class ExposureSection(Section):
    """A 0/1 column that marks the users whom the treatment of others reached."""

    model_config = ConfigDict(title="Exposure")

    column: Text = Field(description="The 0/1 column that marks exposed users.", examples=["spillover_exposed"])
    randomized: bool = Field(
        default=False,
        description="Set it to true to vouch that the design moves the mark; otherwise what uses it is an association.",
        examples=[False],
    )


class DesignSection(Section):
    """What was done: whole clusters were randomized to two arms."""

    model_config = ConfigDict(title="Cluster design")

    kind: Annotated[Literal["cluster", "opt_in"], WithJsonSchema({"type": "string", "const": "cluster"})] = Field(
        title="Kind", description="What was randomized: whole clusters.", examples=["cluster"]
    )
    cluster: Text = Field(description="The column that names the randomized cluster.", examples=["workspace_id"])
    treatment: Annotated[Annotated[Text, Tag("(text)")] | Annotated[TreatmentSection, Tag("(mapping)")], _SHORT_OR_LONG] = Field(
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
        description="Who was reached by the treatment of others.",
        examples=[{"column": "spillover_exposed"}],
    )
    uptake: Text | None = Field(default=None, description="A 0/1 column of logged use of the feature.", examples=["used_feature"])


class AskedSection(Section):
    """What all metrics have in common."""

    name: Text | None = Field(
        default=None, description="What people call it; else the column's name.", examples=["Session minutes"]
    )
    better: Literal["higher", "lower"] = Field(default="higher", description="Which direction is good news.", examples=["higher"])
    role: Literal["primary", "secondary", "guardrail"] | None = Field(
        default=None,
        description="How much it counts. The first metric is primary when none says that it is; others are secondary.",
        examples=["guardrail"],
    )
    margin: float | None = Field(
        default=None,
        ge=0,
        lt=1,
        description="For a guardrail: the loss that is still tolerable, as a fraction of the control mean.",
        examples=[0.02],
    )
    pre: Text | None = Field(
        default=None, description="The column of the same measure before the treatment began.", examples=["minutes_before"]
    )


class WinsorizeSection(Section):
    """Stated values beyond which an outcome counts as these values."""

    model_config = ConfigDict(title="Caps")

    above: float | None = Field(default=None, description="What a larger value counts as.", examples=[120])
    below: float | None = Field(default=None, description="What a smaller value counts as.", examples=[0])


class MetricSection(AskedSection):
    """An outcome: the mean of a column over users."""

    model_config = ConfigDict(title="Metric")

    column: Text = Field(description="The column of the outcome, a number or 0/1.", examples=["session_minutes"])
    kind: Literal["mean"] = Field(default="mean", description="How it is summed up: the mean over users.", examples=["mean"])
    winsorize: (
        Annotated[
            Annotated[float, Field(ge=0.5, lt=1), Tag("(number)")] | Annotated[WinsorizeSection, Tag("(mapping)")],
            _NUMBER_OR_LONG,
        ]
        | None
    ) = Field(
        default=None,
        description="Cap the outcome: at this quantile of `pre`, or at stated values. Cluster studies only.",
        examples=[0.99, {"above": 120}],
    )


class RatioSection(AskedSection):
    """An outcome: the sum of a column over the sum of another."""

    model_config = ConfigDict(title="Ratio metric")

    kind: Literal["ratio"] = Field(description="How it is summed up: a ratio of two sums.", examples=["ratio"])
    numerator: Text = Field(description="The column that is summed above the line.", examples=["cost"])
    denominator: Text = Field(description="The column that is summed below it.", examples=["tasks"])


class CovariateSection(Section):
    """A column known before the treatment."""

    model_config = ConfigDict(title="Covariate")

    column: Text = Field(description="The column, numbers or text; text becomes categories.", examples=["engagement_tier"])


Metric = Annotated[
    Annotated[Text, Tag("(text)")] | Annotated[MetricSection, Tag("(mapping)")] | Annotated[RatioSection, Tag("(ratio)")],
    Discriminator(_kind_of_metric, custom_error_type="either", custom_error_message="Expected text or a mapping"),
]
MeanMetric = Annotated[Annotated[Text, Tag("(text)")] | Annotated[MetricSection, Tag("(mapping)")], _SHORT_OR_LONG]
Covariate = Annotated[Annotated[Text, Tag("(text)")] | Annotated[CovariateSection, Tag("(mapping)")], _SHORT_OR_LONG]


class PlanSection(Section):
    """The plan of a study: where the data are, what was done and what is asked."""

    model_config = ConfigDict(title="honestlift plan")

    name: Text = Field(default="Untitled study", description="The title of the study.", examples=["AI meeting notes"])
    data: Annotated[Annotated[Text, Tag("(text)")] | Annotated[TableSection, Tag("(mapping)")], _SHORT_OR_LONG] = Field(
        description="The rows: a parquet or CSV file or a glob, relative to the plan, or a table of a database.",
        examples=["users.parquet", {"database": "warehouse.duckdb", "table": "users"}],
    )
    unit: Text = Field(description="The column that names the user.", examples=["user_id"])
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
    negative_controls: list[Text] = Field(
        default=[], description="Columns of outcomes that the feature cannot move.", examples=[["logins_before"]]
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
    headline: Literal["itt"] = Field(
        default="itt", description="The effect in the headline: the contrast of the randomized arms.", examples=["itt"]
    )
    level: float = Field(default=0.95, ge=0.5, lt=1, description="Nominal coverage of every interval.", examples=[0.95])
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


SECTIONS: dict[str, type[Section]] = {
    "": PlanSection,
    "data": TableSection,
    "design": DesignSection,
    "design.treatment": TreatmentSection,
    "design.exposure": ExposureSection,
    "metrics.*": MetricSection,
    "metrics.*.winsorize": WinsorizeSection,
    "covariates.*": CovariateSection,
}
