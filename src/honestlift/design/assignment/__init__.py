"""Assignment of clusters to arms: the rule, the seeded draw, the re-draws of any rule, and the record that holds them together."""

from honestlift.design.assignment.balance import Balance
from honestlift.design.assignment.first_draw import assign
from honestlift.design.assignment.flag import HashedFlag
from honestlift.design.assignment.record import Assignment
from honestlift.design.assignment.redraw import Redraw, draw, fixed_counts
from honestlift.design.assignment.redraws import redraws
from honestlift.design.assignment.rollout import read_rollout
from honestlift.design.assignment.rule import Rule
from honestlift.design.assignment.saturation import treated_users, user_fraction
from honestlift.design.assignment.sizes import arm_counts, arm_sizes

__all__ = [
    "Assignment",
    "Balance",
    "HashedFlag",
    "Redraw",
    "Rule",
    "arm_counts",
    "arm_sizes",
    "assign",
    "draw",
    "fixed_counts",
    "read_rollout",
    "redraws",
    "treated_users",
    "user_fraction",
]
