"""Every error honestlift raises: one tree, with the wording in class methods beside the class that bears it."""

from honestlift.errors.answer import LooksError, ReportError
from honestlift.errors.moments import MomentsError
from honestlift.errors.partitions import PartitionError
from honestlift.errors.planning import PlanningError
from honestlift.errors.quantiles import QuantileError
from honestlift.errors.question import AssignmentError, DesignError, PlanError
from honestlift.errors.reach import ReachError
from honestlift.errors.root import HonestliftError, listed
from honestlift.errors.rows import ColumnError, DataError, SourceError
from honestlift.errors.tables import TablesError
from honestlift.errors.ties import TiesError
from honestlift.errors.two_stage import TwoStageError
from honestlift.errors.waves import WavesError

__all__ = [
    "AssignmentError",
    "ColumnError",
    "DataError",
    "DesignError",
    "HonestliftError",
    "LooksError",
    "MomentsError",
    "PartitionError",
    "PlanError",
    "PlanningError",
    "QuantileError",
    "ReachError",
    "ReportError",
    "SourceError",
    "TablesError",
    "TiesError",
    "TwoStageError",
    "WavesError",
    "listed",
]
