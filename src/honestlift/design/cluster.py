"""The cluster experiment: whole workspaces were randomized."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import cast

from honestlift.design.assignment import Assignment
from honestlift.design.exposure import Exposure
from honestlift.errors import DesignError

Value = str | int | float | bool
"""A value of a treatment column."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Treatment:
    """A treatment column and which of its values are the arms; users with any other value are left out and counted.

    Attributes:
        column: the column.
        treated: its value in the treated arm; or several, of which the headline is about the first.
        control: its value in the control arm.

    Raises:
        DesignError: if two arms have the same value.

    Example:
        >>> arms = hl.Treatment(column="arm", treated="on", control="off")
        >>> hl.ClusterDesign(unit="user_id", cluster="workspace_id", treatment=arms).arm
        'arm'
    """

    column: str
    treated: Value | tuple[Value, ...]
    control: Value

    def __post_init__(self) -> None:
        given: object = self.treated
        if isinstance(given, list):
            object.__setattr__(self, "treated", tuple(cast("list[Value]", given)))
        if isinstance(self.treated, tuple) and len(self.treated) == 1:
            object.__setattr__(self, "treated", self.treated[0])
        if self.control in self.arms or not self.arms:
            raise DesignError.out_of_range("control", self.control, "another value than that of the treated arm")
        for i, arm in enumerate(self.arms):
            if arm in self.arms[:i] or str(arm) in [str(other) for other in (self.control, *self.arms[:i])]:
                raise DesignError.out_of_range("treated", list(self.arms), "every arm once, and none of them the control")

    @property
    def arms(self) -> tuple[Value, ...]:
        """The values of the treated arms."""
        return self.treated if isinstance(self.treated, tuple) else (self.treated,)

    @property
    def contrasts(self) -> tuple[Treatment, ...]:
        """Two arms each: every treated one against control, then every treated one against those before it."""
        pairs = [(arm, self.control) for arm in self.arms]
        pairs += [(arm, other) for i, arm in enumerate(self.arms) for other in self.arms[:i]]
        return tuple(Treatment(column=self.column, treated=arm, control=other) for arm, other in pairs)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterDesign:
    """Whole clusters (workspaces) were randomized to one of two arms, or of several.

    Attributes:
        unit: column that names the user.
        cluster: column that names the randomized cluster.
        treatment: column that is 1 (or true) in treated clusters and 0 in control clusters, or a ``Treatment``.
        strata: columns within whose values the clusters were randomized; one name alone is a list of one.
        exposure: who was reached by the treatment of others.
        uptake: 0/1 column of logged use of the feature.
        period: column of the period of a row, a whole number such as a week: effects by period are shown beside the headline.
        assignment: the recorded assignment; without it complete randomization is assumed.

    Example:
        >>> design = hl.ClusterDesign(unit="user_id", cluster="workspace_id", treatment="treated", strata="plan_tier")
        >>> design.strata
        ('plan_tier',)
    """

    unit: str
    cluster: str
    treatment: str | Treatment
    strata: tuple[str, ...] = ()
    exposure: Exposure | None = None
    uptake: str | None = None
    period: str | None = None
    assignment: Assignment | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        strata: str | tuple[str, ...] = self.strata  # one name alone is taken for a list of one
        object.__setattr__(self, "strata", (strata,) if isinstance(strata, str) else tuple(strata))

    @property
    def arms(self) -> tuple[Value, ...]:
        """The values of the treated arms, where the design names them."""
        return self.treatment.arms if isinstance(self.treatment, Treatment) else ()

    @property
    def contrast(self) -> tuple[Value, Value]:
        """The values of the two arms that the headline compares, the treated one first."""
        if isinstance(self.treatment, str):
            return (1, 0)
        return self.treatment.arms[0], self.treatment.control

    @property
    def contrasts(self) -> tuple[ClusterDesign, ...]:
        """The same design with two arms, for every comparison of several; itself where there is one."""
        if len(self.arms) < 2 or isinstance(self.treatment, str):
            return (self,)
        return tuple(replace(self, treatment=two) for two in self.treatment.contrasts)

    @property
    def mark(self) -> str | None:
        """The name of the column that marks exposed users; None without one, and with a graph."""
        return None if self.exposure is None else self.exposure.column

    @property
    def arm(self) -> str:
        """The name of the treatment column."""
        return self.treatment if isinstance(self.treatment, str) else self.treatment.column
