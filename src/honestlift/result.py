"""The nouns of an answer: estimates, checks, the ledger, the verdict, and the Lift that holds them all.

Frozen values without input, output or plots. ``Lift.to_dict`` is the contract of ``result.json``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from honestlift.plain import plain

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa

SCHEMA_VERSION = 1

Level = Literal["ok", "caution", "stop"]
Identified = Literal["randomized", "observational", "association"]
VerdictLevel = Literal["supported", "likely, with caveats", "inconclusive", "harmful", "not trustworthy"]
Number = float | int | None
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A confidence interval and the test that goes with it.

    Attributes:
        std_error: standard error, in the unit of the estimate; NaN where the method has none.
        df: degrees of freedom of the reference t distribution; infinity for the normal; NaN where there is none.
        p_value: two-sided, for a true value of zero; NaN where the method gives none.
        low, high: ends of the interval, in the unit of the estimate.
        level: nominal coverage, e.g. 0.95.
    """

    std_error: float
    df: float
    p_value: float
    low: float
    high: float
    level: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Relative:
    """An effect as a fraction of the control mean (0.13 is +13 %); the ends are None where the interval is unbounded.

    Example:
        >>> round(lift.headline().relative.estimate, 2)
        0.13
    """

    estimate: float | None
    conf_low: float | None
    conf_high: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """One number for one metric, estimand and method, with its interval. Undefined numbers are None.

    ``contrast``: of several arms the two compared; but for the headline's they stand in the metric's name, ``metric [long − off]``.

    Example:
        >>> naive, honest = lift.find("naive_ols"), lift.headline()
        >>> round(honest.std_error / naive.std_error)
        20
    """

    metric: str
    estimand: str
    method: str
    estimate: float | None
    std_error: float | None
    df: float | None
    p_value: float | None
    conf_low: float | None
    conf_high: float | None
    level: float
    scale: str
    relative: Relative
    adjustment: str
    identified: Identified
    n_units: int
    n_clusters: int | None
    headline: bool
    contrast: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One reason to believe the numbers, or not to. A check never raises for bad news.

    Attributes:
        code: name of the check, by which programs find it.
        level: ``ok``, ``caution`` or ``stop``.
        statement: what was found, with its number.
        remedy: what to do about it; empty when all is well.
        evidence: the numbers behind the statement, unrounded.
        concerns: the estimands it speaks of; empty means all of them.
        metric: the metric it speaks of; None means all of them.

    Example:
        >>> [check.code for check in lift.checks if check.level == "stop"]
        ['exposure_not_randomized']
    """

    code: str
    level: Level
    statement: str
    remedy: str
    evidence: Mapping[str, Number]
    concerns: tuple[str, ...] = ()
    metric: str | None = None

    def touches(self, metric: str, estimand: str) -> bool:
        """Whether the check speaks of this estimand of this metric."""
        return (not self.concerns or estimand in self.concerns) and self.metric in (None, metric)


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumption:
    """A row of the ledger: what the headline rests on, and what the data say of it.

    ``code`` is its name for programs; ``basis`` says whether a check could have refuted it, a sensitivity analysis bounds it, or
    neither; ``evidence`` holds the numbers of the statement; ``concerns`` the estimands that rest on it (empty: the headline).

    Example:
        >>> [a.assumption for a in lift.ledger if a.status == "violated"]
        ['The design decides who is exposed, and the record of it is right']
    """

    assumption: str
    status: Literal["holds", "questioned", "violated", "untested"]
    statement: str
    checks: tuple[str, ...]
    code: str = ""
    basis: Literal["tested", "bounded", "none"] = "tested"
    evidence: Mapping[str, Number] = field(default_factory=dict[str, Number])
    concerns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The answer in words: its level, the headline sentence, the reasons, and what would change it.

    Example:
        >>> lift.verdict.level
        'likely, with caveats'
    """

    level: VerdictLevel
    headline: str
    because: tuple[str, ...]
    would_change_it: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Numbers behind a figure; groups under 10 users are merged before they come here.

    Example:
        >>> lift.tables["exposure"].columns
        ('metric', 'group', 'users', 'mean')
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lift:
    """The whole answer to one study. Made once, never changed; everything that people read is made from it.

    Example:
        >>> sorted({e.estimand for e in lift.estimates if e.identified == "randomized"})
        ['itt_cluster', 'itt_user']
    """

    name: str
    kind: Literal["cluster", "opt_in", "waves"]
    data: Mapping[str, Any]
    population: Mapping[str, Any]
    estimates: tuple[Estimate, ...]
    checks: tuple[Check, ...]
    ledger: tuple[Assumption, ...]
    verdict: Verdict
    tables: Mapping[str, Table]
    provenance: Mapping[str, Any]
    honestlift_version: str
    schema_version: int = field(default=SCHEMA_VERSION)

    def find(self, method: str, estimand: str | None = None, metric: str | None = None) -> Estimate:
        """The one estimate with this method (and estimand, and metric); LookupError, with all there are, if none or several match."""
        hits = [e for e in self.estimates if e.method == method and estimand in (None, e.estimand) and metric in (None, e.metric)]
        if len(hits) == 1:
            return hits[0]
        have = sorted({f"{e.estimand} by {e.method}" for e in self.estimates})
        raise LookupError(f"{len(hits)} estimates match method {method!r}. Expected one of: {'; '.join(have)}.")

    def headline(self, metric: str | None = None) -> Estimate:
        """The headline of a metric, or of that which the verdict is about; LookupError if the metric is unknown."""
        found = [e for e in self.estimates if e.headline and metric in (None, e.metric)]
        return _first(found, "metric", metric, sorted({e.metric for e in self.estimates}))

    def check(self, code: str, metric: str | None = None) -> Check:
        """The first check with this code (and metric); LookupError if there is none."""
        found = [c for c in self.checks if c.code == code and metric in (None, c.metric)]
        return _first(found, "check", code, [c.code for c in self.checks])

    def assumption(self, code: str) -> Assumption:
        """The row of the ledger with this code; LookupError if there is none."""
        return _first([a for a in self.ledger if a.code == code], "assumption", code, [a.code for a in self.ledger])

    def to_dict(self) -> dict[str, Any]:
        """The contract of ``result.json``: plain dicts, lists, text and numbers; NaN and infinities are None."""
        order = "schema_version honestlift_version name kind data population estimates checks ledger verdict tables provenance"
        return {key: plain(getattr(self, key)) for key in order.split()}

    def to_json(self) -> str:
        """``to_dict`` as JSON text, two blanks a level, keys in the order of the contract, a final newline."""
        return json.dumps(self.to_dict(), indent=2, ensure_ascii=False, allow_nan=False) + "\n"

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Lift:
        """The Lift that ``to_dict`` was made from.

        Raises:
            ValueError: if the schema version is not known to this version of honestlift.
        """
        version = values.get("schema_version")
        if version != SCHEMA_VERSION:
            raise ValueError(f"The result has schema version {version!r}. Expected {SCHEMA_VERSION}. Make it anew with `run`.")
        parts = dict(values)
        parts["estimates"] = tuple(Estimate(**dict(e, relative=Relative(**e["relative"]))) for e in values["estimates"])
        parts["checks"] = tuple(Check(**_tuples(c, "concerns")) for c in values["checks"])
        parts["ledger"] = tuple(Assumption(**_tuples(a, "checks", "concerns")) for a in values["ledger"])
        parts["verdict"] = Verdict(**_tuples(values["verdict"], "because", "would_change_it"))
        tables = values["tables"].items()
        parts["tables"] = {name: Table(columns=tuple(t["columns"]), rows=tuple(map(tuple, t["rows"]))) for name, t in tables}
        return cls(**parts)

    def to_arrow(self) -> pa.Table:
        """One row per metric, estimand and method; ``relative`` spread over three columns."""
        from honestlift.report.frames import estimates_table

        return estimates_table(self)

    def to_pandas(self) -> pd.DataFrame:
        """The same rows as a pandas frame; raises ImportError without pandas."""
        return self.to_arrow().to_pandas()  # pyright: ignore[reportUnknownMemberType]

    def to_polars(self) -> pl.DataFrame:
        """The same rows as a Polars frame; raises ImportError without Polars."""
        import polars as pl

        return pl.DataFrame(self.to_arrow())

    def tidy(self) -> pd.DataFrame:
        """The same rows as a pandas frame with the columns of R's broom: term, estimate, std.error, statistic, p.value and so on."""
        from honestlift.report.frames import tidy_table

        return tidy_table(self).to_pandas()  # pyright: ignore[reportUnknownMemberType]

    def paragraph(self, style: Literal["text", "markdown", "slack"] = "text") -> str:
        """The answer in one paragraph to paste: result, naive beside honest, why, caveats, next step."""
        from honestlift.report.paragraph import paragraph

        return paragraph(self, style)

    def __str__(self) -> str:
        from honestlift.report.terminal import as_text

        return as_text(self)

    def _repr_html_(self) -> str:
        from honestlift.report.notebook import fragment

        return fragment(self)

    def _repr_markdown_(self) -> str:
        return self.paragraph("markdown")


def _tuples(values: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    """A mapping with tuples under some of its keys; empty ones where an older version knew none."""
    return {**values, **{key: tuple(values.get(key, ())) for key in keys}}


def _first(found: list[T], what: str, wanted: str | None, known: list[str]) -> T:
    """The first that was found; LookupError, with all that are known, if there is none."""
    if found:
        return found[0]
    raise LookupError(f"No {what} is called {wanted!r}. Expected one of {known}.")
