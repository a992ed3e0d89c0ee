"""The answer as one paragraph to paste: result, interval, naive beside honest, why, caveats, next step; as text, Markdown or Slack."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Literal, get_args

from honestlift.report import words
from honestlift.report.asked import primary
from honestlift.result import Check, Estimate, Lift

Style = Literal["text", "markdown", "slack"]
STYLES: tuple[Style, ...] = get_args(Style)

MOST = 3
"""Caveats that are spelt out."""


def paragraph(lift: Lift, style: Style = "text") -> str:
    """The answer in one paragraph, made from the sentences of the result; a user's text stays text in every style.

    Args:
        lift: the result.
        style: ``text``, ``markdown``, or ``slack`` for Slack's mrkdwn.

    Raises:
        ValueError: if there is no such style.
    """
    if style not in STYLES:
        raise ValueError(f"There is no style {style!r}. Expected one of {', '.join(STYLES)}.")
    escape, strong = _escape(style), {"text": "{}", "markdown": "**{}**", "slack": "*{}*"}[style]
    parts = [(f"{words.clean(lift.name)}:", [lift.verdict.headline, *reasons(lift)])]
    parts += [("Caveats:", caveats(lift))] if caveats(lift) else []
    parts += [("Next:", list(lift.verdict.would_change_it[:1]))] if lift.verdict.would_change_it else []
    return " ".join(f"{strong.format(escape(head))} {escape(' '.join(said))}" for head, said in parts)


def reasons(lift: Lift) -> list[str]:
    """Naive beside honest and why they differ, what was not measured, the guardrails: the verdict's reasons that are no check's."""
    told = {c.statement for c in lift.checks}
    return [words.clean(text) for text in lift.verdict.because if text not in told]


def doubts(lift: Lift) -> list[Check]:
    """The checks that a reader of the headline must know, worst first: what speaks of it, then what stops another number."""
    headline = _headline(lift)
    bad = [c for c in lift.checks if c.level != "ok"]
    touching = [c for c in bad if headline is None or c.touches(headline.metric, headline.estimand)]
    return sorted(touching + [c for c in bad if c not in touching and c.level == "stop"], key=lambda c: c.level != "stop")


def caveats(lift: Lift) -> list[str]:
    """The doubts in sentences, and how many more there are; what was not measured stands among the reasons already."""
    found = [words.clean(c.statement) for c in doubts(lift) if c.code != "fragile"]
    more = len(found) - MOST
    return [
        *found[:MOST],
        *([f"{words.count(more, 'more check')} {'asks' if more == 1 else 'ask'} for care."] if more > 0 else []),
    ]


def _headline(lift: Lift) -> Estimate | None:
    return next((e for e in lift.estimates if e.headline and e.metric == primary(lift)), None)


def _escape(style: Style) -> Callable[[str], str]:
    """Makes text of what the style would take for marks: Markdown's signs, Slack's three."""
    if style == "markdown":
        return lambda text: re.sub(r"([\\`*_{}\[\]<>#|~&$])", r"\\\1", text)
    if style == "slack":
        return lambda text: text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return lambda text: text
