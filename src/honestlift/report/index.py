"""The index of several runs: one self-contained page that lists each study's verdict and links to its page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from honestlift.report import words
from honestlift.report.asked import asked
from honestlift.report.axis import Axis, axis
from honestlift.report.gate import refused
from honestlift.report.html import render
from honestlift.report.names import ESTIMANDS, VERDICTS, as_share
from honestlift.report.page import day, headline
from honestlift.report.results import Row, bounded, row
from honestlift.result import Lift

KINDS = {"cluster": "whole workspaces randomized", "opt_in": "users chose: observational", "waves": "rolled out in waves"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A run as the index lists it.

    Attributes:
        name: the study.
        link: where its page is, as an address.
        about: its kind, its users, its date.
        badge: sign, word and colour of its verdict.
        metric: the primary metric, with which way is better.
        row: the primary effect in words, and where it lies on ``line``.
        line: the run's own line; runs are measured in different units.
    """

    name: str
    link: str
    about: str
    badge: tuple[str, str, str]
    metric: str
    row: Row
    line: Axis


def entry(lift: Lift, page: str) -> Entry:
    """A run as the index lists it.

    Args:
        lift: its result.
        page: path of its page from where the index lies, with slashes.
    """
    e, metric = headline(lift), asked(lift)[0]
    line = axis([e.estimate, e.conf_low, e.conf_high], marks=2)
    users = words.count(lift.data["n_units"], "user")
    about = [KINDS.get(lift.kind, lift.kind), users, day(lift.provenance.get("started"))]
    share = f", {words.percent(as_share(e).estimate, sign=True)}" if bounded(e) else ""
    return Entry(
        name=lift.name,
        link=quote(page, safe="/"),
        about=" · ".join(filter(None, about)),
        badge=VERDICTS[lift.verdict.level],
        metric=f"{words.clean(metric.name)} ({metric.better} is better): {ESTIMANDS.get(e.estimand, e.estimand)}{share}",
        row=row(e, line, no=refused(lift)),
        line=line,
    )


def index_html(runs: Sequence[tuple[Lift, str]]) -> str:
    """The index as text, the runs in the order in which they are given; the same results give the same text.

    Args:
        runs: each result with the path of its page from where the index lies, e.g. ``a/report.html``.
    """
    return render(
        "index.html.jinja",
        [lift for lift, _ in runs],
        title=f"{words.count(len(runs), 'study', 'studies')}",
        entries=[entry(lift, page) for lift, page in runs],
        version=runs[0][0].honestlift_version if runs else "",
    )
