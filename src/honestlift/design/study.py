"""The study: a design and everything that is asked of it, as one value that a plan file and a call both become."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, get_args

from honestlift.design.cluster import ClusterDesign
from honestlift.design.metric import Mean, Metric
from honestlift.design.tables import Tables
from honestlift.errors import DesignError

Adjustment = Literal["interacted", "additive", "none"]
Missing = Literal["error", "drop", "category"]

SHARED = frozenset(
    frozenset(pair)
    for pair in (
        ("metric", "metric"),  # one column under two names
        ("unit", "cluster"),  # users randomized one by one
        ("strata", "covariate"),
        ("pre", "pre"),
        ("pre", "covariate"),
        ("pre", "negative control"),
        ("covariate", "negative control"),
        ("segment", "strata"),
        ("segment", "covariate"),
        ("period", "segment"),
        ("period", "covariate"),
        ("uptake", "metric"),  # the effect on use
        ("uptake", "treatment"),  # everybody treated uses it
        ("uptake", "exposure"),
    )
)
"""Roles that one column may have together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """A question in full. Two equal studies of the same rows give the same result.

    Attributes:
        name: title of the study.
        design: what was done.
        metrics: the outcomes; the first is primary when none says that it is.
        covariates: columns known before the treatment; text becomes categories. Their balance is checked, and the effects are
            adjusted for their means in each cluster.
        adjustment: ``interacted`` with the arm where both arms have clusters enough, else additive; ``additive``; or ``none``.
        missing: what becomes of users without a covariate: ``error``; ``drop``, left out and counted; or ``category``, those
            without text are a level of their own, and the share without a number is one more covariate.
        negative_controls: outcomes that the feature cannot move.
        segments: discrete columns known before the treatment, within whose levels the effects are shown too: exploratory, corrected.
        rows: ``units`` (one row per user) or ``events`` (several, summed per user first).
        headline: ``itt`` (the randomized contrast of arms), or ``gate`` (everyone on against everyone off, along a line through the
            treated fraction of ties), which needs a collaboration graph.
        tables: the tables beside that of the users, and the rules by which they are joined; the data are then a mapping of them.
        level: nominal coverage of every interval.
        seed: start of every random draw.
        bootstrap: replicates of the bootstrap; 0 for none.
        exact_duplicates: count repeated units exactly at any size, not by a sketch above 5 million rows.

    Raises:
        DesignError: if a value is out of range, or a column has two roles.

    Example:
        >>> design = hl.ClusterDesign(unit="user_id", cluster="workspace_id", treatment="treated")
        >>> study = hl.Study(design=design, metrics=(hl.Mean("session_minutes_obs"),), bootstrap=0)
        >>> round(hl.run("users.parquet", study).headline().estimate, 4)
        0.6723
    """

    design: ClusterDesign
    metrics: tuple[Metric, ...]
    name: str = "Untitled study"
    covariates: tuple[str, ...] = ()
    negative_controls: tuple[str, ...] = ()
    segments: tuple[str, ...] = ()
    rows: Literal["units", "events"] = "units"
    adjustment: Adjustment = "interacted"
    missing: Missing = "error"
    headline: Literal["itt", "gate"] = "itt"
    level: float = 0.95
    seed: int = 0
    bootstrap: int = 500
    exact_duplicates: bool = False
    tables: Tables | None = None

    def __post_init__(self) -> None:
        if not self.metrics:
            raise DesignError.no_metric()
        if not 0.5 <= self.level < 1 or (1 + self.level) / 2 == 1:
            raise DesignError.out_of_range("level", self.level, "a number from 0.5 to below 1")
        if self.bootstrap < 0 or 0 < self.bootstrap < 20:
            raise DesignError.out_of_range("bootstrap", self.bootstrap, "0 (none) or at least 20 replicates")
        if self.seed < 0:
            raise DesignError.out_of_range("seed", self.seed, "a whole number from 0 up")
        if self.rows not in ("units", "events"):
            raise DesignError.out_of_range("rows", self.rows, "'units' or 'events'")
        if self.adjustment not in get_args(Adjustment):
            raise DesignError.out_of_range("adjustment", self.adjustment, "'interacted', 'additive' or 'none'")
        if self.missing not in get_args(Missing):
            raise DesignError.out_of_range("missing", self.missing, "'error', 'drop' or 'category'")
        graph = self.design.exposure is not None and self.design.exposure.graph is not None
        if self.headline not in (("itt", "gate") if graph else ("itt",)):
            raise DesignError.out_of_range(
                "headline", self.headline, "'itt'; or 'gate', where the exposure is a collaboration graph"
            )
        if graph and len(self.design.arms) > 1:
            raise DesignError.out_of_range(
                "exposure", "a collaboration graph", "two arms, or a column: which arm reaches whom is not told"
            )
        if self.design.period is not None and not any(isinstance(m, Mean) and m.winsorize is None for m in self.metrics):
            raise DesignError.out_of_range(
                "period", self.design.period, "a study with a plain mean; others have no effect by period"
            )
        labels = [metric.label for metric in self.metrics]
        for label in labels:
            if labels.count(label) > 1:
                raise DesignError.repeated_metric(label)
        self._one_role_per_column()
        self._tables_fit()

    def _tables_fit(self) -> None:
        if self.tables is None:
            return
        if self.rows == "events":
            raise DesignError.out_of_range("rows", self.rows, "'units' where tables are joined, which makes one row per user")
        table = self.tables.assignment
        if table is not None and table.arm != self.design.arm:
            raise DesignError.out_of_range("treatment", self.design.arm, f"the arm of the assignment table, {table.arm!r}")

    def _one_role_per_column(self) -> None:
        d = self.design
        roles = [(d.unit, "unit"), (d.cluster, "cluster"), (d.arm, "treatment")]
        roles += [(s, "strata") for s in d.strata]
        roles += [(d.mark, "exposure")] if d.mark else []
        roles += [(c, "metric") for m in self.metrics for c in m.columns] + [(c, "covariate") for c in self.covariates]
        roles += [(m.pre, "pre") for m in self.metrics if m.pre] + [(n, "negative control") for n in self.negative_controls]
        roles += [(d.uptake, "uptake")] if d.uptake else []
        roles += [(d.period, "period")] if d.period else []
        roles += [(s, "segment") for s in self.segments]
        for i, (name, role) in enumerate(roles):
            for other in (first for column, first in roles[:i] if column == name):
                if frozenset((other, role)) not in SHARED:
                    raise DesignError.column_in_two_roles(name, other, role)

    @property
    def primary(self) -> Metric:
        """The metric that the verdict is about: the first that says it is primary, else the first."""
        return next((m for m in self.metrics if m.role == "primary"), self.metrics[0])

    def role(self, metric: Metric) -> str:
        """The metric's role, with the default filled in."""
        return metric.role or ("primary" if metric is self.primary else "secondary")

    def canonical(self) -> dict[str, Any]:
        """Everything in the study that can change a number or a word, as plain values."""
        exposure = self.design.exposure
        bare = replace(self, design=replace(self.design, exposure=None), headline="itt")  # the ties may be a frame of any size
        values: dict[str, Any] = asdict(bare) | {"headline": self.headline}
        values["design"]["exposure"] = exposure and exposure.canonical()
        values = {k: v for k, v in values.items() if k not in ("segments", "tables") or v}
        values["metrics"] = [_told(metric) for metric in values["metrics"]]
        values["design"]["kind"] = "cluster"
        if self.design.period is None:
            del values["design"]["period"]  # the hash of an older plan stays what it was
        record = self.design.assignment
        values["design"]["assignment"] = None if record is None else json.loads(record.to_json())
        return values

    def before(self, metric: Metric) -> tuple[str, ...]:
        """The columns that a metric is adjusted for: its own measure before the treatment first, then the covariates in their order."""
        own = (metric.pre,) if metric.pre else ()
        return tuple(dict.fromkeys((*own, *self.covariates)))

    def sha256(self) -> str:
        """Hash of ``canonical``: the same for a plan file and for the calls that say the same."""
        text = json.dumps(self.canonical(), sort_keys=True, ensure_ascii=False, default=str)
        return hashlib.sha256(text.encode()).hexdigest()


def _told(metric: dict[str, Any]) -> dict[str, Any]:
    """A metric without the keys of later versions that ask for nothing: the hash of an older plan stays what it was."""
    return {key: value for key, value in metric.items() if key != "winsorize" or value is not None}
