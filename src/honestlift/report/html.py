"""The self-contained page of a study of any kind: one HTML file without script or request, made from the result alone."""

from __future__ import annotations

import base64
import os
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from honestlift.errors import ReportError
from honestlift.report import cluster, method, opt_in, waves, words
from honestlift.report.captions import Caption, caption
from honestlift.report.figures import figure_bytes
from honestlift.report.files import write_files
from honestlift.report.names import GUARDS, STATES, VERDICTS
from honestlift.report.page import Section
from honestlift.report.twins import Twin, twin
from honestlift.result import Lift

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A figure on the page: four drawings as data, its words and its table."""

    light: str
    dark: str
    light_narrow: str
    dark_narrow: str
    words: Caption
    twin: Twin


NAMED = {"clusters": (1,), "categories": (0, 1), "balance": (1, 2), "negative_controls": (0,)}
"""Columns of the result's tables that hold names of the user."""

KINDS: dict[str, Any] = {"cluster": cluster, "opt_in": opt_in, "waves": waves}


def report_html(lift: Lift) -> str:
    """The page of a study as text; the same result gives the same text with the same versions of matplotlib and Jinja.

    Args:
        lift: the result of a study of any kind.

    Raises:
        ReportError: if the result is of a kind that this version does not know.
    """
    if lift.kind not in KINDS:
        raise ReportError.no_page(lift.kind)
    kind = KINDS[lift.kind]
    sections: list[Section] = kind.sections(lift)
    return render(
        "study.html.jinja",
        [lift],
        title=f"{words.clean(lift.name)}: {VERDICTS[lift.verdict.level][1]}",
        version=lift.honestlift_version,
        **kind.contents(lift),
        sections=sections,
        figures={name: _picture(lift, name) for section in sections for name in section.figures},
        plain=method.plain(lift),
        formal=method.formal(lift),
        states=STATES,
        guards=GUARDS,
    )


def render(template: str, lifts: Sequence[Lift], **values: Any) -> str:
    """A template with its values, and with what puts the names of these results into sentences safely."""
    return fill(template, [name for lift in lifts for name in _names(lift)], **values)


def fill(template: str, names: Sequence[str], **values: Any) -> str:
    """A template with its values, and with what puts the user's names into sentences safely, those that run from right to left."""
    apart = _bidirectional(names)
    return _environment().get_template(template).render(**values, say=partial(_say, names=apart), name=_name)


def write_report(lift: Lift, path: str | os.PathLike[str]) -> None:
    """Write the page of a study: a whole file or none.

    Args:
        lift: the result.
        path: where to; the folder is made, an old page is replaced.

    Raises:
        ReportError: if the path cannot be written to.

    Example:
        >>> hl.write_report(lift, "today/report.html")
    """
    write_files({Path(path): report_html(lift).encode()})


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    loader = PackageLoader("honestlift.report")
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)


def _picture(lift: Lift, name: str) -> Picture:
    def data(dark: bool, narrow: bool) -> str:
        svg = figure_bytes(lift, name, dark=dark, narrow=narrow)
        return "data:image/svg+xml;base64," + base64.b64encode(svg).decode()

    return Picture(
        light=data(False, False),
        dark=data(True, False),
        light_narrow=data(False, True),
        dark_narrow=data(True, True),
        words=caption(lift, name),
        twin=twin(lift, name),
    )


def _name(text: object) -> Markup:
    """A user's text on its own, whatever its direction."""
    from markupsafe import Markup

    return Markup("<bdi>{}</bdi>").format(words.clean(text))


def _say(text: object, names: Sequence[str]) -> Markup:
    """A sentence: escaped, numbers kept with their percent sign, names that run from right to left set apart."""
    from markupsafe import Markup, escape

    made = str(escape(words.clean(text)))
    if names:
        longest = sorted((str(escape(name)) for name in names), key=len, reverse=True)
        made = re.sub("|".join(map(re.escape, longest)), lambda found: f"<bdi>{found[0]}</bdi>", made)
    return Markup(made.replace(" %", "\N{NO-BREAK SPACE}%"))


def _names(lift: Lift) -> list[str]:
    """The user's names in a result."""
    found = [lift.name, *(e.metric for e in lift.estimates)]
    return found + [
        str(row[at])
        for table, columns in NAMED.items()
        if table in lift.tables
        for row in lift.tables[table].rows
        for at in columns
    ]


def _bidirectional(names: Sequence[str]) -> tuple[str, ...]:
    """Names that run from right to left: in a sentence they would pull the numbers beside them along."""
    cleaned = dict.fromkeys(words.clean(name) for name in names)
    return tuple(name for name in cleaned if any(unicodedata.bidirectional(c) in ("R", "AL", "AN") for c in name))
