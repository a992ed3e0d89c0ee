"""Monitoring: each look at a running study is recorded, and its interval is widened so that all looks together keep the level."""

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np

from honestlift.analysis.assumptions import CLUSTER
from honestlift.analysis.ledger import ledger
from honestlift.design.looks import Looks, read_looks, write_looks
from honestlift.diagnostics.peeking import peeking
from honestlift.errors import LooksError
from honestlift.inference.interval import t_interval
from honestlift.inference.sequence import Sequence, confidence_sequence, mixture_variance
from honestlift.report.asked import primary
from honestlift.result import Check, Estimate, Lift, Relative, Table, Verdict

COLUMNS = (
    *("metric", "look", "when", "users", "workspaces", "estimate", "std_error", "df"),
    *("conf_low", "conf_high", "always_low", "always_high", "always_p"),
)


def monitor(lift: Lift, record: str | os.PathLike[str] | Looks) -> Lift:
    """Add this look to the record, and to the result an interval that holds at every look.

    For a pipeline that runs the study every day: ``monitor(run(...), "looks.json")``. A second run on the same data adds no look.

    Args:
        lift: the result of this look, a cluster study's.
        record: a file, made at the first look, or the record of the looks before this one.

    Returns:
        The result with the row ``…:always_valid`` beside each headline, the table ``monitoring`` with all looks, and the check
        ``peeking``, by which a verdict that only an interval for one look supports becomes a likely one.

    Raises:
        LooksError: if the record is of another question, cannot be read or written, or has a later look.

    Example:
        >>> monitored = hl.monitor(lift, "looks.json")
        >>> monitored.check("peeking").level
        'ok'
    """
    if lift.kind != "cluster":
        raise LooksError.no_cluster_study(lift.kind)
    before = record if isinstance(record, Looks) else read_looks(record, lift)
    looks = before.with_look(lift)
    if not isinstance(record, Looks):
        write_looks(looks, record)
    return with_looks(lift, looks)


def with_looks(lift: Lift, looks: Looks) -> Lift:
    """The result of the last look with what all looks say."""
    rows: list[tuple[object, ...]] = []
    estimates, checks = list(lift.estimates), list(lift.checks)
    for headline in [e for e in lift.estimates if e.headline]:
        seen = [(look.when, look.metrics[headline.metric]) for look in looks.looks if headline.metric in look.metrics]
        if not seen:
            continue
        values = np.array([(r.estimate, r.std_error, r.df) for _, r in seen])
        rho2 = mixture_variance(values[0, 1], looks.level)
        found = confidence_sequence(values[:, 0], values[:, 1], values[:, 2], looks.level, rho2)
        fixed = [t_interval(r.estimate, r.std_error, r.df, looks.level) for _, r in seen]
        for i, ((when, r), one) in enumerate(zip(seen, fixed, strict=True)):
            read = (r.units, r.clusters, r.estimate, r.std_error, r.df, one.low, one.high)
            rows.append((headline.metric, i + 1, when, *read, *(float(v[i]) for v in (found.low, found.high, found.p_value))))
        estimates.append(_row(headline, found))
        ends = (float(found.low[-1]), float(found.high[-1]))
        checks.append(peeking(headline.metric, len(seen), (fixed[-1].low, fixed[-1].high), ends, looks.level))
    checks.sort(key=lambda c: ("stop", "caution", "ok").index(c.level))
    return replace(
        lift,
        estimates=tuple(estimates),
        checks=tuple(checks),
        ledger=ledger(CLUSTER, checks, lift.headline(primary(lift))),
        tables={**lift.tables, "monitoring": Table(columns=COLUMNS, rows=tuple(rows))},
        verdict=_doubted(lift.verdict, [c for c in checks if c.code == "peeking"], lift.headline().metric),
    )


def _row(headline: Estimate, found: Sequence) -> Estimate:
    return replace(
        headline,
        method=f"{headline.method}:always_valid",
        std_error=None,
        df=None,
        p_value=float(found.p_value[-1]),
        conf_low=float(found.low[-1]),
        conf_high=float(found.high[-1]),
        relative=Relative(estimate=headline.relative.estimate, conf_low=None, conf_high=None),
        headline=False,
    )


def _doubted(verdict: Verdict, peeks: list[Check], metric: str) -> Verdict:
    """The verdict, doubted where the primary metric's peeking check is at caution."""
    doubts = [c for c in peeks if c.level != "ok" and c.metric == metric]
    if not doubts:
        return verdict
    changed = replace(
        verdict,
        because=(*verdict.because, *(c.statement for c in doubts)),
        would_change_it=tuple(dict.fromkeys((*verdict.would_change_it, *(c.remedy for c in doubts)))),
    )
    if verdict.level != "supported":
        return changed
    text = "Likely, with caveats." + verdict.headline.removeprefix("Supported.")
    return replace(changed, level="likely, with caveats", headline=text)
