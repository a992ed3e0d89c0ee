"""Every error honestlift raises: one tree, with the wording in class methods beside the class that bears it."""

from honestlift.errors.answer import LooksError, ReportError
from honestlift.errors.moments import MomentsError
from honestlift.errors.planning import PlanningError
from honestlift.errors.quantiles import QuantileError
from honestlift.errors.question import AssignmentError, DesignError, PlanError
from honestlift.errors.root import HonestliftError, listed
from honestlift.errors.rows import ColumnError, DataError, SourceError
from honestlift.errors.tables import TablesError
from honestlift.errors.waves import WavesError

__all__ = [
    "AssignmentError",
    "ColumnError",
    "DataError",
    "DesignError",
    "HonestliftError",
    "LooksError",
    "MomentsError",
    "PlanError",
    "PlanningError",
    "QuantileError",
    "ReportError",
    "SourceError",
    "TablesError",
    "WavesError",
    "listed",
]
