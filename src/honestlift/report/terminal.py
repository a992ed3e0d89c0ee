"""A Lift as a terminal shows it: the verdict first, then the numbers with naive beside honest, the checks last."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

from rich.cells import set_cell_size
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.padding import Padding
from rich.panel import Panel
from rich.text import Text

from honestlift.report import words
from honestlift.report.asked import primary
from honestlift.report.assumptions import assumptions, rests_on
from honestlift.report.lab import lab
from honestlift.report.looks import looks
from honestlift.report.names import STATES, VARIANTS, as_share, beyond_lab, estimand, is_adjusted, is_faded, is_road, road
from honestlift.report.over_time import over_time
from honestlift.report.reach import reach
from honestlift.report.segments import segments
from honestlift.result import Check, Estimate, Lift, Number

STRIP = 25
NAME = 35
LEAST = (9, 20, 12, 12)
"""Widths of the columns of numbers when their numbers are short."""
COLOURS = {
    "supported": "green",
    "likely, with caveats": "yellow",
    "inconclusive": "yellow",
    "harmful": "red",
    "not trustworthy": "red",
}
TONES = {"fail": "bold red", "warn": "bold yellow", "plain": "bold", "pass": "green"}
MARKS = {"ok": ("✓", "green"), "caution": ("!", "yellow"), "stop": ("✗", "red")}


def as_text(lift: Lift, width: int = 116) -> str:
    """The whole answer as plain text, without colour."""
    paper = io.StringIO()
    console = Console(file=paper, width=width, color_system=None, highlight=False, legacy_windows=False, force_jupyter=False)
    console.print(renderable(lift))
    return "\n".join(line.rstrip() for line in paper.getvalue().splitlines())


def renderable(lift: Lift) -> RenderableType:
    """The whole answer for a rich console."""
    parts: list[RenderableType] = [_verdict(lift)]
    for metric in dict.fromkeys(e.metric for e in lift.estimates):
        estimates = [e for e in lift.estimates if e.metric == metric]
        parts.append(Padding(_Numbers(metric, estimates, _smallest(lift, metric)), (1, 0, 0, 1)))
    course = over_time(lift)
    parts += [Padding(course, (1, 0, 0, 0))] if course else []
    if "segments" in lift.tables:
        parts.append(Padding(segments(lift), (1, 0, 0, 0)))
    if "placebo_lab" in lift.tables:
        parts.append(Padding(lab(lift.tables["placebo_lab"], adjusted=beyond_lab(lift.headline(primary(lift)))), (1, 0, 0, 0)))
    if "monitoring" in lift.tables:
        parts.append(Padding(looks(lift.tables["monitoring"], primary(lift)), (1, 0, 0, 0)))
    leaks = reach(lift)
    parts += [Padding(leaks, (1, 0, 0, 0))] if leaks else []
    parts.append(_checks(lift.checks))
    parts += [_ledger(lift)] if lift.ledger else []
    return Group(*parts, _foot(lift))


def _verdict(lift: Lift) -> RenderableType:
    colour = COLOURS[lift.verdict.level]
    body = Text(lift.verdict.headline, style="bold")
    for reason in lift.verdict.because:
        body.append("\n• " + reason, style="not bold")
    for change in lift.verdict.would_change_it:
        body.append("\n→ " + change, style="not bold dim")
    title = Text(f" {words.clean(lift.name)} ", style="bold")
    return Panel(body, title=title, title_align="left", border_style=colour, padding=(1, 2))


class _Numbers:
    """The roads to one metric's number, by estimand and on one axis; as many columns as the console is wide."""

    def __init__(self, metric: str, estimates: Sequence[Estimate], smallest: Mapping[str, Number]) -> None:
        self.metric, self.estimates, self.smallest = metric, estimates, smallest
        self.roads = [e for e in estimates if is_road(e)]
        self.axis = _axis(self.roads)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        level = words.level(self.estimates[0].level)
        heads = [words.clean(self.metric), "estimate", f"{level} interval", "of control", "std. error", _scale(self.axis)]
        cells = {id(e): _row(e, self.axis) for e in self.roads}
        longest = [max(len(row[i]) + 1 for row in (heads, *cells.values())) for i in range(1, 5)]
        widths = [NAME, *(max(pair) for pair in zip(LEAST, longest, strict=True)), STRIP + 3]
        widths = widths[: next(n for n in (6, 5, 4, 3, 2) if n == 2 or sum(widths[:n]) < options.max_width)]
        yield _line(heads, widths, "bold")
        yield Text("─" * min(options.max_width - 1, sum(widths)), style="dim")
        for asked in dict.fromkeys(e.estimand for e in self.roads):
            rows = [e for e in self.roads if e.estimand == asked]
            yield _estimand(rows[0])
            for e in rows:
                style = "bold" if e.headline else "dim" if is_faded(e) else ""
                yield _line(cells[id(e)], widths, style)
                variants = [o for o in self.estimates if _is_variant(o, e) and _belongs(o)]
                if variants and e.method != "cluster_wls":
                    yield Text("     " + "; ".join(_variant(o, self.smallest) for o in variants), style="dim")


def _is_variant(o: Estimate, e: Estimate) -> bool:
    """Whether an estimate is another interval of a road's number; one without covariates belongs to the road without them."""
    base = f"{e.method.partition(':')[0]}:"
    if e.method.endswith(":unwinsorized"):
        return False
    return o.estimand == e.estimand and o.method.startswith(base) and not is_road(o) and is_adjusted(o) == is_adjusted(e)


def _line(cells: Sequence[str], widths: Sequence[int], style: str) -> Text:
    """As many cells as there are widths: the first to the left, numbers to the right, the strip after a gap."""
    text = Text(set_cell_size(cells[0], widths[0]), style=style)
    for cell, width in zip(cells[1:5], widths[1:5], strict=False):
        text.append(cell.rjust(width))
    return text.append("   " + cells[5].rstrip()) if len(widths) == len(cells) else text


def _estimand(e: Estimate) -> Text:
    text = Text(" " + estimand(e), style="italic")
    if e.method == "published_rollout":
        return text.append(", as published: not what a launch does", style="yellow")
    if e.identified == "observational":
        return text.append(", observational", style="yellow")
    return text.append(", an association", style="yellow") if e.identified == "association" else text


def _row(e: Estimate, axis: tuple[float, float]) -> list[str]:
    places = words.places_of(e.conf_low, e.conf_high) if e.conf_low is not None else 4
    ends = words.interval(e.conf_low, e.conf_high, places) if e.conf_low is not None else "–"
    name = (" ◆ " if e.headline else "   ") + road(e)
    error = words.number(e.std_error, places + 1)
    bounded = e.conf_low is None or e.relative.conf_low is not None  # else the control mean may be zero
    share = words.percent(as_share(e).estimate if bounded else None, sign=True)
    return [name, words.signed(e.estimate, places), ends, share, error, _strip(e, axis)]


def _belongs(e: Estimate) -> bool:
    """Whether a variant is shown beside its method: what the number of workspaces calls for. The result holds all of them."""
    method, _, variant = e.method.partition(":")
    clusters = e.n_clusters or 0
    if method == "iv_2sls":
        return variant == "anderson_rubin"
    if method == "cluster_means":
        return variant in ("bootstrap", "randomization")
    if method != "user_ols":
        return True
    return {"cr0": False, "cr1": clusters > 50, "cr3": False, "cv3": 10 <= clusters <= 50}.get(variant, True)


def _variant(e: Estimate, smallest: Mapping[str, Number]) -> str:
    variant = e.method.partition(":")[2]
    text = f"{VARIANTS.get(variant, variant)} {words.interval(e.conf_low, e.conf_high, words.places_of(e.conf_low, e.conf_high))}"
    least = smallest.get(f"{variant}_smallest")
    return text if least is None else f"{text} ({words.p_value(e.p_value)}, smallest possible {least:.2g})"


def _smallest(lift: Lift, metric: str) -> Mapping[str, Number]:
    """The smallest p-values that the tests beside a metric's headline can give."""
    found = [c.evidence for c in lift.checks if c.code == "methods_disagree" and c.metric == metric]
    return found[0] if found else {}


def _axis(estimates: Sequence[Estimate]) -> tuple[float, float]:
    """Ends of the common axis: all estimates, all intervals, and zero."""
    ends = [v for e in estimates for v in (e.estimate, e.conf_low, e.conf_high) if v is not None] + [0.0]
    return min(ends), max(ends)


def _column(value: float, axis: tuple[float, float]) -> int:
    return round((value - axis[0]) / ((axis[1] - axis[0]) or 1.0) * (STRIP - 1))


def _scale(axis: tuple[float, float]) -> str:
    places = words.decimals((axis[1] - axis[0]) / 2)
    left, right = words.signed(axis[0], places), words.signed(axis[1], places)
    return left + right.rjust(STRIP - len(left))


def _strip(e: Estimate, axis: tuple[float, float]) -> str:
    """An interval drawn in characters: the naive estimate hollow, the honest one solid, zero a bar."""
    cells = [" "] * STRIP
    cells[_column(0.0, axis)] = "│"
    if e.conf_low is not None and e.conf_high is not None:
        for i in range(_column(e.conf_low, axis), _column(e.conf_high, axis) + 1):
            cells[i] = "╌" if is_faded(e) else "─"
    if e.estimate is not None:
        cells[_column(e.estimate, axis)] = "○" if is_faded(e) else "◆" if e.headline else "●"
    return "".join(cells)


def _checks(checks: Sequence[Check]) -> RenderableType:
    """The checks, worst first; those passed in one line."""
    parts: list[RenderableType] = []
    for check in checks:
        if check.level == "ok":
            continue
        mark, colour = MARKS[check.level]
        line = Text(f" {mark} {check.code}  ", style=f"bold {colour}")
        line.append(check.statement, style="not bold default")
        if check.remedy:
            line.append(f" → {check.remedy}", style="not bold dim")
        parts.append(line)
    passed = [check.code for check in checks if check.level == "ok"]
    if passed:
        parts.append(Text(f" ✓ passed: {', '.join(dict.fromkeys(passed))}", style="green"))
    return Padding(Group(*parts), (1, 0, 0, 0))


def _ledger(lift: Lift) -> RenderableType:
    """What the number rests on: a line for each assumption that the data do not clear, those that hold in one."""
    parts: list[RenderableType] = [Text(f" {rests_on(lift)}", style="bold")]
    for a, _ in assumptions(lift):
        if a.status != "holds":
            sign, word, tone = STATES[a.status]
            line = Text(f" {sign} {word}  ", style=TONES[tone])
            line.append(a.assumption, style="not bold default")
            line.append(f"  {words.listing(list(a.checks), 9)}" if a.checks else "", style="not bold dim")
            line.append(f" (concerns {words.listing(list(a.concerns), 9)})" if a.concerns else "", style="not bold dim")
            parts.append(line)
    held = [f"{a.assumption[0].lower()}{a.assumption[1:]}" for a in lift.ledger if a.status == "holds"]
    parts += [Text(f" ✓ holds: {'; '.join(held)}", style="green")] if held else []
    return Padding(Group(*parts), (1, 0, 0, 0))


def _foot(lift: Lift) -> RenderableType:
    data = lift.data
    text = users(lift.kind, data)
    if data["dropped"]:
        text += "; left out: " + words.listing([f"{words.clean(why)} ({n:,})" for why, n in data["dropped"].items()])
    since = lift.provenance.get("locked")
    locked = f", locked since {words.clean(since)[:10]}" if since else ""
    text += f" · plan {lift.provenance['plan_sha256'][:12]}{locked} · seed {lift.provenance['seed']} · honestlift {lift.honestlift_version}"
    return Padding(Text(text, style="dim"), (1, 0, 0, 1))


def users(kind: str, data: Mapping[str, Any]) -> str:
    """How many users, in which groups; by the kind of the study and a result's ``data``."""
    if kind == "opt_in":
        nested = f" in {data['n_clusters']:,} workspaces" if data["n_clusters"] else ""
        return f"{data['n_units']:,} users{nested}, {data['n_treated_units']:,} of them opted in"
    text = f"{data['n_units']:,} users in {data['n_clusters']:,} workspaces, {data['n_treated_clusters']:,} of them treated"
    return f"{text} in the end, {data['n_periods']:,} periods" if kind == "waves" else text
