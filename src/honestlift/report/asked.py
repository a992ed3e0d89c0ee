"""What was asked of each metric, read back from the result: its role, which way is better, its margin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from honestlift.result import Estimate, Lift

ALIKE = 1.1
"""Ratio of standard errors up to which the naive and the honest one are called alike."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A metric as the study asked for it.

    Attributes:
        name: the metric, as the estimates name it.
        role: ``primary``, ``secondary`` or ``guardrail``.
        better: ``higher`` or ``lower``.
        margin: for a guardrail, the loss that is still tolerable, as a fraction of the control mean.
        state: for a guardrail, ``holds``, ``is unsettled`` or ``is breached``.
    """

    name: str
    role: str
    better: str
    margin: float | None
    state: str | None


def asked(lift: Lift) -> tuple[Asked, ...]:
    """Every metric, the primary one first, guardrails last, else in the order of the study."""
    table = lift.tables.get("metrics")
    if table is None:
        names = dict.fromkeys(e.metric for e in lift.estimates)
        return tuple(
            Asked(name=name, role="secondary" if i else "primary", better="higher", margin=None, state=None)
            for i, name in enumerate(names)
        )
    order = {"primary": 0, "secondary": 1, "guardrail": 2}
    rows = [
        Asked(name=name, role=role, better=better, margin=margin, state=state) for name, role, better, margin, state in table.rows
    ]
    first = next((m for m in rows if m.role == "primary"), rows[0])
    return (first, *sorted((m for m in rows if m is not first), key=lambda m: order.get(m.role, 1)))


def primary(lift: Lift) -> str:
    """Name of the metric that the verdict is about."""
    return asked(lift)[0].name


def estimates_of(lift: Lift, metric: str) -> list[Estimate]:
    """All estimates of a metric, in the order of the result."""
    return [e for e in lift.estimates if e.metric == metric]


def rows_of(lift: Lift, table: str, metric: str) -> list[tuple[Any, ...]]:
    """The rows of a table that speak of a metric, without the metric; none where there is no such table."""
    found = lift.tables.get(table)
    return [row[1:] for row in found.rows if row[0] == metric] if found else []


def naive_ratio(lift: Lift, metric: str) -> float | None:
    """Standard error of the headline over that of the naive estimate; None where either is missing or zero."""
    rows = estimates_of(lift, metric)
    naive = next((e.std_error for e in rows if e.method in ("naive_ols", "naive")), None)
    bare = next((e.std_error for e in rows if e.method == "user_ols:unadjusted"), None)  # a covariate is no part of that ratio
    honest = bare or next((e.std_error for e in rows if e.headline), None)
    return honest / naive if naive and honest else None


def records(lift: Lift, table: str) -> list[dict[str, Any]]:
    """The rows of a table by the names of its columns; none where there is no such table."""
    found = lift.tables.get(table)
    return [dict(zip(found.columns, row, strict=True)) for row in found.rows] if found else []
