"""The cluster experiment: whole workspaces were randomized."""

from __future__ import annotations

from dataclasses import dataclass, field

from honestlift.design.assignment import Assignment
from honestlift.design.exposure import Exposure
from honestlift.errors import DesignError


@dataclass(frozen=True, slots=True, kw_only=True)
class Treatment:
    """A treatment column and which of its values are the two arms; users with any other value are left out and counted.

    Raises:
        DesignError: if both arms have the same value.

    Example:
        >>> arms = hl.Treatment(column="arm", treated="on", control="off")
        >>> hl.ClusterDesign(unit="user_id", cluster="workspace_id", treatment=arms).arm
        'arm'
    """

    column: str
    treated: str | int | float | bool
    control: str | int | float | bool

    def __post_init__(self) -> None:
        if self.treated == self.control:
            raise DesignError.out_of_range("control", self.control, "another value than that of the treated arm")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterDesign:
    """Whole clusters (workspaces) were randomized to one of two arms.

    Attributes:
        unit: column that names the user.
        cluster: column that names the randomized cluster.
        treatment: column that is 1 (or true) in treated clusters and 0 in control clusters, or a ``Treatment``.
        strata: columns within whose values the clusters were randomized; one name alone is a list of one.
        exposure: who was reached by the treatment of others.
        uptake: 0/1 column of logged use of the feature.
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
    assignment: Assignment | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        strata: str | tuple[str, ...] = self.strata  # one name alone is taken for a list of one
        object.__setattr__(self, "strata", (strata,) if isinstance(strata, str) else tuple(strata))

    @property
    def arm(self) -> str:
        """The name of the treatment column."""
        return self.treatment if isinstance(self.treatment, str) else self.treatment.column
