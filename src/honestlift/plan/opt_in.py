"""The keys that a plan of an opt-in study has of its own, and the study that they become."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Discriminator, Field, Tag, field_validator
from pydantic_core import PydanticCustomError

from honestlift.design.cluster import Treatment
from honestlift.design.metric import Mean
from honestlift.design.modelling import Matching, Propensity
from honestlift.design.opt_in import Covariate, OptInDesign, OptInStudy, as_trim, names_and_times
from honestlift.plan.metrics import MeanMetric
from honestlift.plan.schema import SECTIONS, CovariateSection, TreatmentSection, UsersPlanSection, as_arms
from honestlift.plan.section import Section, Text

_TEXT_OR_MAPPING = Discriminator(
    lambda value: "(text)" if isinstance(value, str) else "(mapping)",  # pyright: ignore[reportUnknownLambdaType]
    custom_error_type="either",
    custom_error_message="Expected text or a mapping",
)

_Trim = Annotated[
    Annotated[Literal["crump"], Tag("(text)")] | Annotated[list[float], Field(min_length=2, max_length=2), Tag("(list)")],
    Discriminator(
        lambda value: {str: "(text)", list: "(list)"}.get(type(value)),  # pyright: ignore[reportUnknownLambdaType,reportUnknownArgumentType]
        custom_error_type="trim",
        custom_error_message="Expected two propensities in ascending order, or crump",
    ),
]


class OptInDesignSection(Section):
    """Who chose: users opted in by themselves."""

    model_config = ConfigDict(title="Opt-in design")

    kind: Literal["opt_in"] = Field(description="What was done: users opted in by themselves.", examples=["opt_in"])
    treatment: Annotated[Annotated[Text, Tag("(text)")] | Annotated[TreatmentSection, Tag("(mapping)")], _TEXT_OR_MAPPING] = (
        Field(
            description="Who opted in: a column of 0/1 or true/false, or a column and its values in the two arms.",
            examples=["opt_in_agent_mode", {"column": "mode", "treated": "agent", "control": "classic"}],
        )
    )
    cluster: Text | None = Field(
        default=None,
        description="The column of the workspaces in which users are nested, if their outcomes depend on each other.",
        examples=["workspace_id"],
    )
    treatment_time: Text | None = Field(
        default=None,
        description="The column of the time at which a user opted in, empty for the others; compared with `measured_at`.",
        examples=["opted_in_at"],
    )
    estimands: list[Literal["ATE", "ATT", "ATC", "ATO", "ATM"]] = Field(
        default=["ATE", "ATT", "ATO"],
        min_length=1,
        description="Whose effects are asked for; the headline is the first that the data support.",
        examples=[["ATT", "ATO"]],
    )


class PropensitySection(Section):
    """How the probability of opting in is modelled."""

    model_config = ConfigDict(title="Propensity")

    penalty: Literal["none", "l2"] = Field(
        default="none",
        description="none is maximum likelihood, l2 the fit that scikit-learn returns by default.",
        examples=["none"],
    )
    C: float = Field(default=1.0, gt=0, description="Inverse strength of the l2 penalty on the summed loss.", examples=[1.0])


class MatchingSection(Section):
    """How users are matched on the propensity."""

    model_config = ConfigDict(title="Matching")

    neighbours: int = Field(
        default=1, ge=1, description="Matches per user; all that are as near as the last are kept.", examples=[1]
    )
    caliper: float | None = Field(
        default=None, gt=0, lt=1, description="No match is further away in the propensity than this.", examples=[0.05]
    )
    replacement: bool = Field(default=True, description="Whether a user may be the match of several.", examples=[True])
    exact: list[Text] = Field(default=[], description="Covariates on which matches must agree.", examples=[["engagement_tier"]])
    bootstrap: bool = Field(
        default=False, description="Show the bootstrap interval too, though it is not valid for matching.", examples=[False]
    )


class TimedCovariateSection(CovariateSection):
    """A column known before the choice, with the time at which it was measured."""

    model_config = ConfigDict(title="Covariate of an opt-in study")

    measured_at: Text | None = Field(
        default=None,
        description="The column of the time at which it was measured. After the opt-in is too late.",
        examples=["confidence_at"],
    )


_Covariate = Annotated[Annotated[Text, Tag("(text)")] | Annotated[TimedCovariateSection, Tag("(mapping)")], _TEXT_OR_MAPPING]


class OptInPlanSection(UsersPlanSection):
    """The plan of an opt-in study: where the data are, who chose and what is asked."""

    model_config = ConfigDict(title="honestlift plan of an opt-in study")

    rows: Literal["units"] = Field(default="units", description="What a row is: a user.", examples=["units"])  # pyright: ignore[reportIncompatibleVariableOverride]  fields are frozen
    design: OptInDesignSection = Field(  # pyright: ignore[reportIncompatibleVariableOverride]  fields are frozen
        title="Design",
        description="What was done.",
        examples=[{"kind": "opt_in", "treatment": "opt_in_agent_mode", "estimands": ["ATE", "ATT"]}],
    )
    segments: list[Text] = Field(  # pyright: ignore[reportIncompatibleVariableOverride]  fields are frozen
        default=[], description="None: effects within segments are those of cluster studies.", examples=[[]]
    )
    unit_type: Literal["integer", "text"] | None = Field(
        default=None,
        description="What the ids of users are before they are hashed; by default what the column holds.",
        examples=["text"],
    )
    metrics: list[MeanMetric] = Field(  # pyright: ignore[reportIncompatibleVariableOverride]  fields are frozen
        min_length=1,
        description="The outcomes. A column's name alone is short for {column: name}.",
        examples=[["task_completed"]],
    )
    covariates: list[_Covariate] = Field(  # pyright: ignore[reportIncompatibleVariableOverride]  fields are frozen
        min_length=1,
        description="Columns known before the choice; text becomes categories. Everything rests on them.",
        examples=[["engagement_tier"]],
    )
    propensity: PropensitySection | None = Field(
        default=None, title="Propensity", description="The model of the choice.", examples=[{"penalty": "none"}]
    )
    matching: MatchingSection | None = Field(
        default=None, title="Matching", description="How users are matched.", examples=[{"neighbours": 1}]
    )
    trim: _Trim | None = Field(
        default=None,
        title="Trim",
        description="Propensities to keep, or crump: a change of question.",
        examples=["crump", [0.1, 0.9]],
    )
    adjustment: Literal["interacted"] = Field(  # pyright: ignore[reportIncompatibleVariableOverride]  fields are frozen
        default="interacted", description="Outcome models have each arm's own slopes.", examples=["interacted"]
    )

    @field_validator("segments")
    @classmethod
    def _no_segments(cls, value: list[str]) -> list[str]:
        if value:
            raise PydanticCustomError("segments", "Expected none: effects within segments are those of cluster studies")
        return value

    @field_validator("trim")
    @classmethod
    def _two_in_order(cls, value: Any) -> Any:
        if isinstance(value, list) and not (len(value) == 2 and 0 <= value[0] < value[1] <= 1):  # pyright: ignore[reportUnknownArgumentType]
            raise PydanticCustomError("trim", "Expected two propensities in ascending order, or crump")
        return value  # pyright: ignore[reportUnknownVariableType]


SECTIONS_OPT_IN: dict[str, type[Section]] = {
    "": OptInPlanSection,
    "data": SECTIONS["data"],
    "design": OptInDesignSection,
    "design.treatment": TreatmentSection,
    "metrics.*": SECTIONS["metrics.*"],
    "covariates.*": TimedCovariateSection,
    "propensity": PropensitySection,
    "matching": MatchingSection,
}


def opt_in_study(plan: OptInPlanSection, metrics: tuple[Mean, ...]) -> OptInStudy:
    """The study that a plan of an opt-in study says.

    Raises:
        DesignError: if a value or a column cannot be.
    """
    d, arms = plan.design, plan.design.treatment
    p, m = plan.propensity or PropensitySection(), plan.matching or MatchingSection()
    given = [c if isinstance(c, str) else Covariate(c.column, c.measured_at) for c in plan.covariates]
    covariates, timed = names_and_times(given)
    treatment = (
        arms if isinstance(arms, str) else Treatment(column=arms.column, treated=as_arms(arms.treated), control=arms.control)
    )
    return OptInStudy(
        design=OptInDesign(
            unit=plan.unit,
            treatment=treatment,
            estimands=tuple(d.estimands),
            cluster=d.cluster,
            treatment_time=d.treatment_time,
            unit_type=plan.unit_type,
        ),
        metrics=metrics,
        covariates=covariates,
        timed=timed,
        name=plan.name,
        negative_controls=tuple(plan.negative_controls),
        propensity=Propensity(penalty=p.penalty, C=p.C),
        matching=Matching(
            neighbours=m.neighbours, caliper=m.caliper, replacement=m.replacement, exact=tuple(m.exact), bootstrap=m.bootstrap
        ),
        trim=as_trim(plan.trim),
        missing=plan.missing,
        level=plan.level,
        seed=plan.seed,
        bootstrap=plan.bootstrap,
    )


def opt_in_values(study: OptInStudy) -> dict[str, Any]:
    """The keys of a plan that an opt-in study has of its own; defaults that say nothing are left out."""
    d, m = study.design, study.matching
    arms = d.treatment
    treatment: Any = arms
    if isinstance(arms, Treatment):
        treatment = {"column": arms.column, "treated": arms.treated, "control": arms.control}
    design = {"kind": "opt_in", "treatment": treatment, "cluster": d.cluster, "treatment_time": d.treatment_time}
    design |= {"estimands": list(d.estimands)}
    matching = {"neighbours": m.neighbours, "caliper": m.caliper, "replacement": m.replacement, "exact": list(m.exact)}
    matching |= {"bootstrap": m.bootstrap}
    trim = list(study.trim) if isinstance(study.trim, tuple) else study.trim
    values: dict[str, Any] = {"unit_type": d.unit_type} if d.unit_type else {}
    times = {c.column: c.measured_at for c in study.timed}
    values["covariates"] = [{"column": c, "measured_at": times[c]} if c in times else c for c in study.covariates]
    values |= {"design": {key: value for key, value in design.items() if value is not None}}
    values["propensity"] = {"penalty": study.propensity.penalty, "C": study.propensity.C}
    values["matching"] = {key: value for key, value in matching.items() if value is not None}
    values["missing"] = study.missing
    return values if trim is None else values | {"trim": trim}
