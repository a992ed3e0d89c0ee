"""The plan file: plan.yaml becomes a study and a description of where its data are, and back again."""

from honestlift.plan.draft import draft
from honestlift.plan.guess import ColumnSketch, Given
from honestlift.plan.json_schema import json_schema
from honestlift.plan.location import DataPath, DataSpark, DataTable, DataWarehouse, Place, files_of
from honestlift.plan.lock import Lock, lock_path, read_lock
from honestlift.plan.read import Plan, read_plan
from honestlift.plan.write import plan_text

__all__ = [
    "ColumnSketch",
    "DataPath",
    "DataSpark",
    "DataTable",
    "DataWarehouse",
    "Given",
    "Lock",
    "Place",
    "Plan",
    "draft",
    "files_of",
    "json_schema",
    "lock_path",
    "plan_text",
    "read_lock",
    "read_plan",
]
