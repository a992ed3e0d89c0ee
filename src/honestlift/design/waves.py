"""The roll-out in waves: which clusters got the feature when, and what is asked of it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any, Literal

from honestlift.design.metric import Mean, Metric
from honestlift.errors import DesignError

Base = Literal["all", "last"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WavesDesign:
    """Whole clusters got the feature one wave after the other, or never.

    Attributes:
        unit: column that names the user; rows may be users, or users' periods.
        cluster: column of the cluster that was switched on as a whole.
        period: column of the period of a row, a whole number such as a week.
        start: column of the period from which the row's cluster has the feature, the same on all of its rows; empty for one that
            never gets it.
        base: the periods before its start that a wave is compared with: ``all``, or the ``last``, which assumes parallel trends only
            from there and is less precise.
        randomized: whether it was drawn by lot which clusters come in which wave.

    Raises:
        DesignError: if a column has two roles, or the base is unknown.

    Example:
        >>> names = {"cluster": "workspace_id", "period": "signup_week", "start": "treatment_week"}
        >>> hl.WavesDesign(unit="user_id", **names).base
        'all'
    """

    unit: str
    cluster: str
    period: str
    start: str
    base: Base = "all"
    randomized: bool = False

    def __post_init__(self) -> None:
        if self.base not in ("all", "last"):
            raise DesignError.out_of_range("base", self.base, "'all' or 'last'")
        named = self.roles
        for i, (name, role) in enumerate(named):
            for other in (first for column, first in named[:i] if column == name):
                if (other, role) != ("unit", "cluster"):
                    raise DesignError.column_in_two_roles(name, other, role)

    @property
    def roles(self) -> list[tuple[str, str]]:
        """The columns of the design, each with its role."""
        return [(self.unit, "unit"), (self.cluster, "cluster"), (self.period, "period"), (self.start, "start")]


@dataclass(frozen=True, slots=True, kw_only=True)
class WavesStudy:
    """A question about a roll-out in waves in full. Two equal studies of the same rows give the same result.

    Attributes:
        design: who got the feature when.
        metrics: the outcomes, means over rows; the first is primary when none says that it is.
        name: title of the study.
        negative_controls: outcomes that the feature cannot move.
        level: nominal coverage of every interval.
        seed: kept with the result; nothing is drawn at random.

    Raises:
        DesignError: if a value is out of range, a metric is no plain mean, or a column has two roles.

    Example:
        >>> names = {"cluster": "workspace_id", "period": "signup_week", "start": "treatment_week"}
        >>> design = hl.WavesDesign(unit="user_id", **names)
        >>> lift = hl.run("users.parquet", hl.WavesStudy(design=design, metrics=(hl.Mean("task_completed"),)))
        >>> round(lift.headline().estimate, 3), lift.headline().method
        (0.053, 'callaway_santanna')
    """

    design: WavesDesign
    metrics: tuple[Mean, ...]
    name: str = "Untitled study"
    negative_controls: tuple[str, ...] = ()
    level: float = 0.95
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.metrics:
            raise DesignError.no_metric()
        for m in self.metrics:
            if not isinstance(m, Mean):  # pyright: ignore[reportUnnecessaryIsInstance]  from Python
                raise DesignError.out_of_range("metric", m.label, "a mean; ratios and quantiles are metrics of cluster studies")
            if m.winsorize is not None:
                raise DesignError.out_of_range(
                    "winsorize", m.winsorize, "none; only the metrics of cluster studies are winsorized"
                )
            if m.pre is not None:
                raise DesignError.out_of_range("pre", m.pre, "none; a wave is compared with its own periods before the start")
        if not 0.5 <= self.level < 1 or (1 + self.level) / 2 == 1:
            raise DesignError.out_of_range("level", self.level, "a number from 0.5 to below 1")
        if self.seed < 0:
            raise DesignError.out_of_range("seed", self.seed, "a whole number from 0 up")
        labels = [metric.label for metric in self.metrics]
        for label in labels:
            if labels.count(label) > 1:
                raise DesignError.repeated_metric(label)
        self._one_role_per_column()

    def _one_role_per_column(self) -> None:
        taken = dict(self.design.roles)
        asked = [(m.column, "metric") for m in self.metrics] + [(c, "negative control") for c in self.negative_controls]
        for name, role in asked:
            if name in taken and not taken[name] == role == "metric":
                raise DesignError.column_in_two_roles(name, taken[name], role)
            taken[name] = role

    @property
    def primary(self) -> Mean:
        """The metric that the verdict is about: the first that says it is primary, else the first."""
        return next((m for m in self.metrics if m.role == "primary"), self.metrics[0])

    def role(self, metric: Metric) -> str:
        """The metric's role, with the default filled in."""
        return metric.role or ("primary" if metric is self.primary else "secondary")

    def canonical(self) -> dict[str, Any]:
        """Everything in the study that can change a number or a word, as plain values."""
        values: dict[str, Any] = asdict(self)
        values["design"]["kind"] = "waves"
        return values

    def sha256(self) -> str:
        """Hash of ``canonical``: the same for a plan file and for the calls that say the same."""
        text = json.dumps(self.canonical(), sort_keys=True, ensure_ascii=False, default=str)
        return hashlib.sha256(text.encode()).hexdigest()
