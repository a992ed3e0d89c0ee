"""The keys of a metric: a mean, a ratio or a quantile."""

from __future__ import annotations

from typing import Annotated, Any, Literal, cast

from pydantic import ConfigDict, Discriminator, Field, Tag

from honestlift.plan.section import SHORT_OR_LONG, Section, Text, text_or_mapping


def _kind_of_metric(value: object) -> str | None:
    asked = cast("dict[str, Any]", value).get("kind") if isinstance(value, dict) else getattr(value, "kind", None)
    return f"({asked})" if asked in ("ratio", "quantile") else text_or_mapping(cast("object", value))


_NUMBER_OR_LONG = Discriminator(
    lambda value: {int: "(number)", float: "(number)"}.get(type(value)) or text_or_mapping(value),  # pyright: ignore[reportUnknownLambdaType,reportUnknownArgumentType]
    custom_error_type="either",
    custom_error_message="Expected a quantile from 0.5 to below 1, or a mapping such as {above: 120}",
)


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
    window: Text | None = Field(
        default=None,
        description="Sum the column over a user's `events`, for so long from first exposure: 12h, 14d, 2w, or all. Cluster studies only.",
        examples=["14d"],
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
    pre_window: Text | None = Field(
        default=None, description="With `window`: so long before first exposure is its `pre`.", examples=["14d"]
    )
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


class QuantileSection(AskedSection):
    """An outcome: a quantile of a column over users."""

    model_config = ConfigDict(title="Quantile metric")

    kind: Literal["quantile"] = Field(description="How it is summed up: a quantile over users.", examples=["quantile"])
    column: Text = Field(description="The column of the outcome, a number.", examples=["latency_ms"])
    pre_window: Text | None = Field(
        default=None, description="With `window`: so long before first exposure is its `pre`.", examples=["14d"]
    )
    q: float = Field(gt=0, lt=1, description="Which quantile, between 0 and 1; 0.5 is the median.", examples=[0.9])


Metric = Annotated[
    Annotated[Text, Tag("(text)")]
    | Annotated[MetricSection, Tag("(mapping)")]
    | Annotated[RatioSection, Tag("(ratio)")]
    | Annotated[QuantileSection, Tag("(quantile)")],
    Discriminator(_kind_of_metric, custom_error_type="either", custom_error_message="Expected text or a mapping"),
]
MeanMetric = Annotated[Annotated[Text, Tag("(text)")] | Annotated[MetricSection, Tag("(mapping)")], SHORT_OR_LONG]
