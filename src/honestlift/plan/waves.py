"""The keys that a plan of a roll-out in waves has of its own, and the study that they become."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import ConfigDict, Field

from honestlift.design.metric import Mean
from honestlift.design.waves import WavesDesign, WavesStudy
from honestlift.plan.metrics import MeanMetric
from honestlift.plan.schema import SECTIONS, AnyPlanSection, Controls, Level
from honestlift.plan.section import Section, Text


class WavesDesignSection(Section):
    """Who got the feature when: whole clusters, one wave after the other."""

    model_config = ConfigDict(title="Roll-out in waves")

    kind: Literal["waves"] = Field(description="What was done: clusters got the feature in waves.", examples=["waves"])
    cluster: Text = Field(
        description="The column that names the cluster, which got the feature as a whole.", examples=["workspace_id"]
    )
    period: Text = Field(description="The column of the period of a row: whole numbers, such as weeks.", examples=["signup_week"])
    start: Text = Field(
        description="The column of the period from which the row's cluster has the feature; empty for one that never gets it.",
        examples=["treatment_week"],
    )
    base: Literal["all", "last"] = Field(
        default="all",
        description="The periods before its start that a wave is compared with: all, or the last.",
        examples=["all"],
    )
    randomized: bool = Field(
        default=False, description="Whether it was drawn by lot which clusters come in which wave.", examples=[False]
    )


class WavesPlanSection(AnyPlanSection):
    """The plan of a roll-out in waves: where the data are, who got the feature when and what is asked."""

    model_config = ConfigDict(title="honestlift plan of a roll-out in waves")

    rows: Literal["periods"] = Field(
        default="periods", description="What a row is: a user in a period, who may have others.", examples=["periods"]
    )
    design: WavesDesignSection = Field(
        title="Design",
        description="What was done.",
        examples=[{"kind": "waves", "cluster": "workspace_id", "period": "signup_week", "start": "treatment_week"}],
    )
    metrics: list[MeanMetric] = Field(
        min_length=1,
        description="The outcomes, means over rows. A column's name alone is short for {column: name}.",
        examples=[["task_completed"]],
    )
    negative_controls: Controls = Field(default=[])
    level: Level = 0.95
    seed: int = Field(default=0, ge=0, description="Kept with the result; nothing is drawn at random.", examples=[7])


SECTIONS_WAVES: dict[str, type[Section]] = {
    "": WavesPlanSection,
    "data": SECTIONS["data"],
    "design": WavesDesignSection,
    "metrics.*": SECTIONS["metrics.*"],
}


def waves_study(plan: WavesPlanSection, metrics: tuple[Mean, ...]) -> WavesStudy:
    """The study that a plan of a roll-out says.

    Raises:
        DesignError: if a value or a column cannot be.
    """
    d = plan.design
    return WavesStudy(
        design=WavesDesign(
            unit=plan.unit, cluster=d.cluster, period=d.period, start=d.start, base=d.base, randomized=d.randomized
        ),
        metrics=metrics,
        name=plan.name,
        negative_controls=tuple(plan.negative_controls),
        level=plan.level,
        seed=plan.seed,
    )


def waves_values(study: WavesStudy) -> dict[str, Any]:
    """The keys of a plan that a roll-out has of its own; defaults that say nothing are left out."""
    d = study.design
    design: dict[str, Any] = {"kind": "waves", "cluster": d.cluster, "period": d.period, "start": d.start}
    design |= {"base": d.base} if d.base != "all" else {}
    return {"design": design | ({"randomized": True} if d.randomized else {})}
