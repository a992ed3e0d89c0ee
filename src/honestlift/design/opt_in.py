"""The opt-in study: users chose the feature themselves, and covariates known before the choice stand in for randomization."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, get_args

from honestlift.design.cluster import Treatment
from honestlift.design.metric import Mean, Metric
from honestlift.design.modelling import Learners, Matching, Propensity
from honestlift.design.study import Missing
from honestlift.errors import DesignError

Estimand = Literal["ATE", "ATT", "ATC", "ATO", "ATM"]
UnitType = Literal["integer", "text"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OptInDesign:
    """Users opted in by themselves.

    Attributes:
        unit: column that names the user.
        treatment: column that is 1 (or true) for users who opted in and 0 for the others, or a ``Treatment``.
        estimands: whose effects are asked for; the headline is the first that the data support. ATE: everyone. ATT: those who
            opted in. ATC: those who did not. ATO: those who could have gone either way. ATM: those who have a match.
        cluster: column of the workspaces in which users are nested, if their outcomes depend on each other.
        treatment_time: column of the time at which a user opted in, empty for those who did not. It is compared with the times at
            which covariates were measured, and with nothing else.
        unit_type: what the ids are before they are hashed into buckets: ``integer`` or ``text``. Where it is given, ids that are
            text in one file and integers in another give the same numbers; by default they are what the column holds.

    Raises:
        DesignError: if an estimand is unknown or named twice, or there is none, or the type of the ids is unknown.

    Example:
        >>> hl.OptInDesign(unit="user_id", treatment="opt_in_agent_mode").estimands
        ('ATE', 'ATT', 'ATO')
    """

    unit: str
    treatment: str | Treatment
    estimands: tuple[Estimand, ...] = ("ATE", "ATT", "ATO")
    cluster: str | None = None
    treatment_time: str | None = None
    unit_type: UnitType | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "estimands", tuple(self.estimands))
        if self.unit_type is not None and self.unit_type not in get_args(UnitType):
            raise DesignError.out_of_range("unit_type", self.unit_type, "'integer', 'text' or nothing")
        known: tuple[str, ...] = get_args(Estimand)
        for estimand in self.estimands:
            if estimand not in known or self.estimands.count(estimand) > 1:
                raise DesignError.out_of_range("estimands", list(self.estimands), f"each of {', '.join(known)} at most once")
        if not isinstance(self.treatment, str) and len(self.treatment.arms) > 1:
            raise DesignError.out_of_range(
                "treated", list(self.treatment.arms), "one value; several arms are those of cluster studies"
            )
        if not self.estimands:
            raise DesignError.out_of_range("estimands", [], f"at least one of {', '.join(known)}")

    @property
    def arm(self) -> str:
        """The name of the treatment column."""
        return self.treatment if isinstance(self.treatment, str) else self.treatment.column


@dataclass(frozen=True, slots=True)
class Covariate:
    """A column known before the choice, and when it was measured.

    Attributes:
        column: the column, numbers or text; text becomes categories.
        measured_at: column of the time at which it was measured; None if nobody wrote it down.

    Example:
        >>> hl.Covariate("query_confidence", measured_at="confidence_at").column
        'query_confidence'
    """

    column: str
    measured_at: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OptInStudy:
    """A question about an opt-in feature in full. Two equal studies of the same rows give the same result.

    Attributes:
        design: who chose what.
        metrics: the outcomes; the first is primary when none says that it is.
        covariates: columns known before the choice; text becomes categories.
        timed: those of them whose time of measurement is known; it is compared with the time of the choice.
        name: title of the study.
        negative_controls: outcomes that the feature cannot move.
        propensity: the model of the choice.
        matching: how users are matched.
        trim: None; the least and greatest propensity to keep; or ``"crump"`` for Crump's cutoff. It changes the question.
        missing: what to do about users without a covariate: ``error``, ``drop`` them (counted), or make it a ``category``.
        level: nominal coverage of every interval.
        seed: start of every random draw.
        bootstrap: replicates of the bootstrap; 0 for none.
        exact_duplicates: look for repeated users among all rows at any size.
        learners: flexible models of choice and outcome, cross-fitted; None for none. No key of a plan holds them.

    Raises:
        DesignError: if a value is out of range, or a column has two roles.

    Example:
        >>> design = hl.OptInDesign(unit="user_id", treatment="opt_in_agent_mode")
        >>> study = hl.OptInStudy(design=design, metrics=(hl.Mean("task_completed"),), covariates=("engagement_tier",), trim="crump")
        >>> study.primary.label
        'task_completed'
    """

    design: OptInDesign
    metrics: tuple[Mean, ...]
    covariates: tuple[str, ...]
    timed: tuple[Covariate, ...] = ()
    name: str = "Untitled study"
    negative_controls: tuple[str, ...] = ()
    propensity: Propensity = field(default_factory=Propensity)
    matching: Matching = field(default_factory=Matching)
    trim: tuple[float, float] | Literal["crump"] | None = None
    missing: Missing = "error"
    level: float = 0.95
    seed: int = 0
    bootstrap: int = 500
    exact_duplicates: bool = False
    learners: Learners | None = None

    def __post_init__(self) -> None:
        if not self.metrics:
            raise DesignError.no_metric()
        ratios = [m.label for m in self.metrics if not isinstance(m, Mean)]  # pyright: ignore[reportUnnecessaryIsInstance]  from Python
        if ratios:
            raise DesignError.out_of_range("metric", ratios[0], "a mean; ratios and quantiles are metrics of cluster studies")
        capped = next((m for m in self.metrics if m.winsorize is not None), None)
        if capped is not None:
            raise DesignError.out_of_range(
                "winsorize", capped.winsorize, "none; only the metrics of cluster studies are winsorized"
            )
        if not self.covariates:
            raise DesignError.no_covariates()
        self._check_times()
        if not 0.5 <= self.level < 1:
            raise DesignError.out_of_range("level", self.level, "a number from 0.5 to below 1")
        if self.bootstrap < 0 or 0 < self.bootstrap < 20:
            raise DesignError.out_of_range("bootstrap", self.bootstrap, "0 (none) or at least 20 replicates")
        if self.seed < 0:
            raise DesignError.out_of_range("seed", self.seed, "a whole number from 0 up")
        if self.missing not in get_args(Missing):
            raise DesignError.out_of_range("missing", self.missing, "'error', 'drop' or 'category'")
        self._check_trim()
        labels = [metric.label for metric in self.metrics]
        for label in labels:
            if labels.count(label) > 1:
                raise DesignError.repeated_metric(label)
        self._one_role_per_column()

    def _check_times(self) -> None:
        for covariate in self.timed:
            if covariate.column not in self.covariates or covariate.measured_at is None:
                raise DesignError.out_of_range("timed", covariate.column, "covariates of the study with their time")
            if self.design.treatment_time is None:
                raise DesignError.no_treatment_time(covariate.column, covariate.measured_at)

    def _check_trim(self) -> None:
        if self.trim is None or self.trim == "crump":
            return
        if isinstance(self.trim, str) or len(self.trim) != 2 or not 0 <= self.trim[0] < self.trim[1] <= 1:
            raise DesignError.out_of_range("trim", self.trim, "two propensities in ascending order, 'crump', or nothing")
        object.__setattr__(self, "trim", tuple(self.trim))

    def _one_role_per_column(self) -> None:
        d = self.design
        roles = [(d.unit, "unit"), (d.arm, "treatment"), *([(d.cluster, "cluster")] if d.cluster else [])]
        roles += [(d.treatment_time, "treatment time")] if d.treatment_time else []
        roles += [(m.column, "metric") for m in self.metrics] + [(c, "negative control") for c in self.negative_controls]
        seen: dict[str, str] = {}
        for name, role in [*roles, *((c, "covariate") for c in self.covariates)]:
            if name in seen and not seen[name] == role == "metric":
                raise DesignError.column_in_two_roles(name, seen[name], role)
            seen[name] = role
        for name in self.matching.exact:
            if name not in self.covariates:
                raise DesignError.out_of_range("exact", name, "covariates of the study")

    @property
    def primary(self) -> Mean:
        """The metric that the verdict is about: the first that says it is primary, else the first."""
        return next((m for m in self.metrics if m.role == "primary"), self.metrics[0])

    def role(self, metric: Metric) -> str:
        """The metric's role, with the default filled in."""
        return metric.role or ("primary" if metric is self.primary else "secondary")

    def canonical(self) -> dict[str, Any]:
        """Everything in the study that can change a number or a word, as plain values."""
        values: dict[str, Any] = asdict(replace(self, learners=None))
        values["learners"] = repr(self.learners) if self.learners else None
        values["design"]["kind"] = "opt_in"
        for metric in values["metrics"]:
            metric.pop("winsorize")  # means of opt-in studies have none, and their hash is that of older versions
        return values

    def sha256(self) -> str:
        """Hash of ``canonical``: the same for a plan file and for the calls that say the same."""
        text = json.dumps(self.canonical(), sort_keys=True, ensure_ascii=False, default=str)
        return hashlib.sha256(text.encode()).hexdigest()


def names_and_times(covariates: Sequence[str | Covariate]) -> tuple[tuple[str, ...], tuple[Covariate, ...]]:
    """What a call says of covariates, in the two forms of a study: all names, and those with a time of measurement."""
    names = tuple(c if isinstance(c, str) else c.column for c in covariates)
    return names, tuple(c for c in covariates if isinstance(c, Covariate) and c.measured_at is not None)


def as_trim(value: Sequence[float] | str | None) -> tuple[float, float] | Literal["crump"] | None:
    """What a plan or a call says about trimming, in its one form.

    Raises:
        DesignError: if it is neither two numbers nor ``crump``.
    """
    if value is None or value == "crump":
        return value  # pyright: ignore[reportReturnType]
    if isinstance(value, str) or len(value) != 2:
        raise DesignError.out_of_range("trim", value, "two propensities in ascending order, 'crump', or nothing")
    return float(value[0]), float(value[1])
