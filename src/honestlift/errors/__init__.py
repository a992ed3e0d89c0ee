"""Every error honestlift raises: one tree, with the wording in class methods beside the class that bears it."""

from honestlift.errors.answer import ReportError
from honestlift.errors.question import AssignmentError, DesignError, PlanError
from honestlift.errors.root import HonestliftError, listed
from honestlift.errors.rows import ColumnError, DataError, SourceError

__all__ = [
    "AssignmentError",
    "ColumnError",
    "DataError",
    "DesignError",
    "HonestliftError",
    "PlanError",
    "ReportError",
    "SourceError",
    "listed",
]
