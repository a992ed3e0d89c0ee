"""Honest effect estimates for AI features, where a plain A/B test lies."""

from honestlift import starting as starting  # first: Ctrl-C is heard while the rest is loaded
from honestlift import simulate
from honestlift.source.connect import Source, connect
from honestlift.design.assignment import Assignment, HashedFlag, Redraw, Rule, assign, read_rollout, redraws, treated_users
from honestlift.design.cluster import ClusterDesign, Treatment
from honestlift.design.exposure import Artifacts, Edges, Exposure
from honestlift.design.misclassification import Misclassification
from honestlift.design.metric import Mean, Quantile, Ratio, Winsorize
from honestlift.design.modelling import Learners, Matching, Propensity
from honestlift.design.opt_in import Covariate, OptInDesign, OptInStudy
from honestlift.design.waves import WavesDesign, WavesStudy
from honestlift.design.study import Study
from honestlift.design.tables import AssignmentTable, EventSum, EventTable, ExposureTable, Tables
from honestlift.design.variation import Variation
from honestlift.design.collaboration import Collaboration
from honestlift.inference.opt_in_power import Selection
from honestlift.design.looks import Looks
from honestlift.analysis.power.measuring import measure
from honestlift.analysis.power.graph import collaboration_of
from honestlift.analysis.power.designs import Designs, compare_designs
from honestlift.analysis.power.propose import power
from honestlift.proposal import Power, Proposal, Recommendation
from honestlift.moments.stored import StoredMoments
from honestlift.moments.merged import read_moments
from honestlift.analysis.check import Checked, check_design
from honestlift.analysis.waves.alone import Waves, waves
from honestlift.analysis.stored import collect_moments
from honestlift.analysis.query import moments_query
from honestlift.analysis.analyze import analyze, run
from honestlift.analysis.monitoring import monitor
from honestlift.analysis.interference import compare_randomizations
from honestlift.result import Assumption, Check, Estimate, Lift, Relative, Table, Verdict
from honestlift.report.html import write_report
from honestlift.report.proposal.page import write_design
from honestlift.report.plot import plot
from honestlift.errors import HonestliftError
from honestlift.version import __version__

__all__ = [
    "Artifacts",
    "Assignment",
    "AssignmentTable",
    "Assumption",
    "Check",
    "Checked",
    "ClusterDesign",
    "Collaboration",
    "Covariate",
    "Designs",
    "Edges",
    "Estimate",
    "EventSum",
    "EventTable",
    "Exposure",
    "ExposureTable",
    "HashedFlag",
    "HonestliftError",
    "Learners",
    "Lift",
    "Looks",
    "Matching",
    "Mean",
    "Misclassification",
    "OptInDesign",
    "OptInStudy",
    "Power",
    "Propensity",
    "Proposal",
    "Quantile",
    "Ratio",
    "Recommendation",
    "Redraw",
    "Relative",
    "Rule",
    "Selection",
    "Source",
    "StoredMoments",
    "Study",
    "Table",
    "Tables",
    "Treatment",
    "Variation",
    "Verdict",
    "Waves",
    "WavesDesign",
    "WavesStudy",
    "Winsorize",
    "__version__",
    "analyze",
    "assign",
    "check_design",
    "collaboration_of",
    "collect_moments",
    "compare_designs",
    "compare_randomizations",
    "connect",
    "measure",
    "moments_query",
    "monitor",
    "plot",
    "power",
    "read_moments",
    "read_rollout",
    "redraws",
    "run",
    "simulate",
    "treated_users",
    "waves",
    "write_design",
    "write_report",
]
