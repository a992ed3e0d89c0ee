"""Honest effect estimates for AI features, where a plain A/B test lies."""

from honestlift import simulate
from honestlift.source.connect import Source, connect
from honestlift.design.assignment import Assignment, Redraw, Rule, assign, redraws, treated_users
from honestlift.design.cluster import ClusterDesign, Treatment
from honestlift.design.exposure import Exposure
from honestlift.design.metric import Mean, Quantile, Ratio, Winsorize
from honestlift.design.modelling import Learners, Matching, Propensity
from honestlift.design.opt_in import Covariate, OptInDesign, OptInStudy
from honestlift.design.tables import AssignmentTable, EventSum, EventTable, Tables
from honestlift.design.study import Study
from honestlift.design.looks import Looks
from honestlift.moments.stored import StoredMoments
from honestlift.moments.merged import read_moments
from honestlift.analysis.check import Checked, check_design
from honestlift.analysis.stored import collect_moments
from honestlift.analysis.analyze import analyze, run
from honestlift.analysis.monitoring import monitor
from honestlift.result import Assumption, Check, Estimate, Lift, Relative, Table, Verdict
from honestlift.report.html import write_report
from honestlift.report.plot import plot
from honestlift.errors import HonestliftError
from honestlift.version import __version__

__all__ = [
    "Assignment",
    "AssignmentTable",
    "Assumption",
    "Check",
    "Checked",
    "ClusterDesign",
    "Covariate",
    "Estimate",
    "EventSum",
    "EventTable",
    "Exposure",
    "HonestliftError",
    "Learners",
    "Lift",
    "Looks",
    "Matching",
    "Mean",
    "OptInDesign",
    "OptInStudy",
    "Propensity",
    "Quantile",
    "Ratio",
    "Redraw",
    "Relative",
    "Rule",
    "Source",
    "StoredMoments",
    "Study",
    "Table",
    "Tables",
    "Treatment",
    "Verdict",
    "Winsorize",
    "__version__",
    "analyze",
    "assign",
    "check_design",
    "collect_moments",
    "connect",
    "monitor",
    "plot",
    "read_moments",
    "redraws",
    "run",
    "simulate",
    "treated_users",
    "write_report",
]
