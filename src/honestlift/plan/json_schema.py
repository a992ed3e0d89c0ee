"""The JSON Schema that editors complete and check plans with: one of the plans of the kinds of study."""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import models_json_schema

from honestlift.plan.opt_in import OptInPlanSection
from honestlift.plan.schema import PlanSection
from honestlift.plan.waves import WavesPlanSection


def json_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of plan.yaml: title, description and examples of every key that this version takes."""
    models = [(PlanSection, "validation"), (OptInPlanSection, "validation"), (WavesPlanSection, "validation")]
    _, schema = models_json_schema(models, ref_template="#/$defs/{model}")  # pyright: ignore[reportArgumentType]
    kinds = [{"$ref": f"#/$defs/{model.__name__}"} for model, _ in models]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "honestlift plan", "oneOf": kinds, **schema}
