"""Studies whose pages are tested: healthy, hostile, large, broken; each made by the walk from small made-up data."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from html.parser import HTMLParser
from typing import Any

import numpy as np

import honestlift as hl
from studies import answer, frame

SCRIPT = '<script>alert("x")</script>'
HOSTILE = (
    f"{SCRIPT} \"double\" & 'single' quotes",
    "זמן פגישה 12",
    "🙂 emoji 中文 $x^2$ {{ 7*7 }} {% raw %}",
    "L" * 300,
    "</style><img src=x onerror=alert(1)>",
)
RIGHT_TO_LEFT_OVERRIDE = "\u202e"


@cache
def exposed() -> hl.Lift:
    """Thirty workspaces with spillover on a third of the controls, and a guardrail that holds."""
    data = frame(30, 40, effect=0.8, seed=4)
    data["minutes"] += 0.4 * data["exposed"]
    data["latency"] = 100 + np.random.default_rng(1).normal(0, 1, len(data))
    metrics = [hl.Mean("minutes", name="Session minutes"), guardrail("latency", "Latency", 0.05)]
    return answer(
        data, metrics, exposure=hl.Exposure(column="exposed"), bootstrap=40, name="Exposed controls", covariates=["before"]
    )


def guardrail(column: str, name: str, margin: float) -> hl.Mean:
    """A metric that must not rise by more than a share of the control mean."""
    return hl.Mean(column, name=name, role="guardrail", better="lower", margin=margin)


@cache
def plain() -> hl.Lift:
    """One metric, no exposure, no covariate, no bootstrap."""
    return answer(frame(24, 30, effect=0.9, seed=2), name="One metric")


@cache
def hostile() -> hl.Lift:
    """Names that attack the page, in metrics, workspaces and the title."""
    data = frame(30, 20, effect=0.3, seed=7)
    rng = np.random.default_rng(5)
    metrics = [hl.Mean("minutes", name=HOSTILE[0])]
    for i, name in enumerate(HOSTILE[1:]):
        data[f"m{i}"] = data["minutes"] * (1 + i) + rng.normal(0, 1, len(data))
        metrics.append(guardrail(f"m{i}", name, 0.02) if i % 2 else hl.Mean(f"m{i}", name=name))
    data["workspace"] = [f"{HOSTILE[w % 5]} {w}" for w in data["workspace"]]
    title = f"{RIGHT_TO_LEFT_OVERRIDE}Notes {SCRIPT} {HOSTILE[1]} {'x' * 300}"
    return answer(data, metrics, exposure=hl.Exposure(column="exposed"), name=title, bootstrap=20)


@cache
def large() -> hl.Lift:
    """Two thousand workspaces, some of them with fewer than ten users."""
    sizes = [12 + i % 9 if i % 10 else 4 for i in range(2000)]
    return answer(frame(2000, sizes, effect=0.1, seed=3), name="Two thousand workspaces")


@cache
def many() -> hl.Lift:
    """Forty metrics, four of them guardrails."""
    data, rng = frame(20, 30, effect=0.2, seed=6), np.random.default_rng(8)
    for i in range(40):
        data[f"metric_{i}"] = data["minutes"] + rng.normal(0, 1, len(data))
    metrics = [guardrail(f"metric_{i}", f"Guardrail {i}", 0.01) if i % 10 == 9 else hl.Mean(f"metric_{i}") for i in range(40)]
    halves = [answer(data, part, name="Forty metrics", bootstrap=20) for part in (metrics[:20], metrics[20:])]
    tables: dict[str, hl.Table] = {
        name: hl.Table(columns=table.columns, rows=table.rows + halves[1].tables[name].rows)
        for name, table in halves[0].tables.items()
    }
    roles = tables["metrics"]
    rows = tuple((row[0], "secondary" if i and row[1] == "primary" else row[1], *row[2:]) for i, row in enumerate(roles.rows))
    tables["metrics"] = replace(roles, rows=rows)
    return replace(
        halves[0], estimates=halves[0].estimates + halves[1].estimates, checks=halves[0].checks + halves[1].checks, tables=tables
    )


@cache
def failing() -> hl.Lift:
    """Every check at stop or caution, by hand; the verdict with them."""
    lift = exposed()
    levels = ("stop", "caution")
    checks = [replace(c, level=levels[i % 2], remedy=f"Remedy {i}.") for i, c in enumerate(lift.checks)]
    ledger = tuple(replace(a, status=("violated", "questioned")[i % 2]) for i, a in enumerate(lift.ledger))
    verdict = replace(
        lift.verdict, level="not trustworthy", headline="Not trustworthy. A check says that the comparison is broken."
    )
    ordered = tuple(sorted(checks, key=lambda c: c.level != "stop"))
    return replace(lift, checks=ordered, ledger=ledger, verdict=verdict)


@cache
def stopped() -> hl.Lift:
    """Two control workspaces: the walk itself stops the verdict."""
    return answer(frame(5, 30, effect=-2.0, seed=1), name="A stop")


WORLDS = {
    "exposed": exposed,
    "plain": plain,
    "hostile": hostile,
    "large": large,
    "many": many,
    "failing": failing,
    "stopped": stopped,
}


class Outline(HTMLParser):
    """What a page consists of: tags with their attributes, and all text outside of style."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.text: list[str] = []
        self._open: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {key: value or "" for key, value in attrs}))
        self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if "style" not in self._open:
            self.text.append(data)

    def words(self) -> str:
        """All text on one line, no-break spaces as spaces."""
        return " ".join("".join(self.text).replace("\N{NO-BREAK SPACE}", " ").split())

    def attributes(self, name: str, tag: str | None = None) -> list[str]:
        """Every value of an attribute."""
        return [attrs[name] for t, attrs in self.tags if name in attrs and tag in (None, t)]


def with_attributes(tag: str, outline: Outline) -> list[dict[str, Any]]:
    """The attributes of every such tag."""
    return [attrs for t, attrs in outline.tags if t == tag]
