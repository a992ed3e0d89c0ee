"""Studies whose pages are tested: healthy, hostile, large, broken; each made by the walk from small made-up data."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import honestlift as hl
from honestlift.report.html import report_html
from studies import answer, frame
from tied import graph_exposure, graph_study, world

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


@cache
def tied() -> hl.Lift:
    """A collaboration graph, workspaces with names that attack the page, and the effect of launching as headline."""
    users, edges, _ = world()
    named = users.assign(workspace_id=[f"{HOSTILE[w % 5]} {w}" for w in users.workspace_id])
    lift = hl.run(named, graph_study(graph_exposure(edges), pre="minutes_before", headline="gate"))
    return replace(lift, name="Notes that reach other teams")


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
    return broken(exposed())


def broken(lift: hl.Lift) -> hl.Lift:
    """A result with every check at stop or caution, and the verdict with them."""
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


def choosers(users: int = 3_000, *, effect: float = 0.5, adoption: float = 0.0, seed: int = 0) -> pd.DataFrame:
    """Users of three tiers, the higher of which choose the feature more often and do more anyway."""
    rng = np.random.default_rng(seed)
    tier = rng.integers(0, 3, users)
    age = rng.normal(0, 1, users)
    chosen = rng.random(users) < 1 / (1 + np.exp(-(adoption - 1.2 + 0.9 * tier + 0.3 * age)))
    minutes = 5 + 1.0 * tier + 0.2 * age + effect * chosen + rng.normal(0, 1, users)
    return pd.DataFrame(
        {
            "user": np.arange(users),
            "chosen": chosen.astype(int),
            "tier": np.array(["light", "medium", "heavy"])[tier],
            "age": np.round(age, 1),
            "minutes": minutes,
            "done": (rng.random(users) < 0.2 + 0.15 * tier + 0.1 * chosen).astype(int),
            "latency": 100 + rng.normal(0, 5, users),
            "before": tier + rng.normal(0, 1, users),
            "workspace": rng.integers(0, 40, users),
        }
    )


def chosen(data: pd.DataFrame, metrics: list[hl.Mean] | None = None, *, cluster: str | None = None, **options: Any) -> hl.Lift:
    """The answer of an opt-in study of such users."""
    design = hl.OptInDesign(
        unit="user", treatment="chosen", estimands=options.pop("estimands", ("ATE", "ATT", "ATO")), cluster=cluster
    )
    options = {"covariates": ["tier", "age"], "bootstrap": 0, "seed": 3} | options
    return hl.analyze(data, design, metrics or [hl.Mean("minutes")], **options)


@cache
def opted() -> hl.Lift:
    """A share and a mean, a guardrail, negative controls, workspaces, and bootstrap intervals."""
    metrics = [
        hl.Mean("done", name="Task done"),
        hl.Mean("minutes", name="Session minutes"),
        guardrail("latency", "Latency", 0.05),
    ]
    return chosen(
        choosers(), metrics, name="Agent mode", cluster="workspace", negative_controls=["before"], bootstrap=20,
        estimands=("ATE", "ATT", "ATC", "ATO", "ATM"),
    )  # fmt: skip


@cache
def opted_plain() -> hl.Lift:
    """One metric, one number as covariate, one estimand."""
    return chosen(choosers(1_500, seed=2), covariates=["age"], estimands=("ATT",), name="One covariate")


@cache
def opted_hostile() -> hl.Lift:
    """Names that attack the page, in metrics, covariates, levels, negative controls and the title."""
    data = choosers(1_500, seed=5)
    data["tier"] = [f"{HOSTILE[len(t) % 5]} {t}" for t in data["tier"]]
    renamed = {"tier": HOSTILE[0], "age": HOSTILE[1], "minutes": HOSTILE[2], "latency": HOSTILE[3], "before": HOSTILE[4]}
    data = data.rename(columns=renamed)
    metrics = [hl.Mean(HOSTILE[2]), guardrail(HOSTILE[3], HOSTILE[3], 0.02), hl.Mean("done", name=HOSTILE[1])]
    title = f"{RIGHT_TO_LEFT_OVERRIDE}Agent {SCRIPT} {HOSTILE[1]} {'x' * 300}"
    return chosen(data, metrics, covariates=[HOSTILE[0], HOSTILE[1]], negative_controls=[HOSTILE[4]], name=title)


@cache
def opted_many() -> hl.Lift:
    """Forty metrics, four of them guardrails."""
    data, rng = choosers(1_000, seed=6), np.random.default_rng(8)
    for i in range(40):
        data[f"metric_{i}"] = data["minutes"] + rng.normal(0, 1, len(data))
    metrics = [guardrail(f"metric_{i}", f"Guardrail {i}", 0.01) if i % 10 == 9 else hl.Mean(f"metric_{i}") for i in range(40)]
    return chosen(data, metrics, covariates=["tier"], estimands=("ATT",), name="Forty metrics")


@cache
def opted_crowded() -> hl.Lift:
    """Many categories with many levels, and more covariate columns than a figure holds."""
    data, rng = choosers(4_000, seed=7), np.random.default_rng(2)
    for i in range(4):
        data[f"region {i}"] = [f"region {v:02d}" for v in rng.integers(0, 12, len(data))]
    return chosen(data, covariates=["tier", *(f"region {i}" for i in range(4))], estimands=("ATO",), name="Many categories")


@cache
def opted_rare() -> hl.Lift:
    """Few opt in: the data refuse the effect on everyone and answer that on those who chose."""
    data, rng = choosers(8_000, seed=8), np.random.default_rng(3)
    activity = np.round(rng.normal(0, 1, len(data)), 2)
    data["chosen"] = (rng.random(len(data)) < 1 / (1 + np.exp(4.6 - 1.4 * activity))).astype(int)
    data["minutes"] = 5 + activity + 0.4 * data["chosen"] + rng.normal(0, 1, len(data))
    return chosen(data.assign(activity=activity), covariates=["activity"], estimands=("ATE", "ATT", "ATC"), name="Few opt in")


@cache
def opted_apart() -> hl.Lift:
    """No estimand is supported: the two groups hardly meet."""
    data, rng = choosers(1_200, seed=9), np.random.default_rng(4)
    activity = np.round(rng.normal(0, 1, len(data)), 2)
    data["chosen"] = (activity + rng.normal(0, 0.15, len(data)) > 0.8).astype(int)
    return chosen(data.assign(activity=activity), covariates=["activity"], estimands=("ATE", "ATT"), name="No overlap")


@cache
def opted_trimmed() -> hl.Lift:
    """Users are left out for their propensity: another question."""
    return chosen(choosers(3_000, seed=10), trim=(0.3, 0.75), name="Trimmed")


@cache
def opted_failing() -> hl.Lift:
    """Every check at stop or caution, by hand: every estimand refused."""
    return broken(opted())


CLUSTERS = {
    "exposed": exposed,
    "plain": plain,
    "hostile": hostile,
    "large": large,
    "many": many,
    "failing": failing,
    "stopped": stopped,
    "tied": tied,
}
CHOICES = {
    "opted": opted,
    "opted_plain": opted_plain,
    "opted_hostile": opted_hostile,
    "opted_many": opted_many,
    "opted_crowded": opted_crowded,
    "opted_rare": opted_rare,
    "opted_apart": opted_apart,
    "opted_trimmed": opted_trimmed,
    "opted_failing": opted_failing,
}
WORLDS = CLUSTERS | CHOICES


_made: dict[int, tuple[hl.Lift, str]] = {}


def page_of(lift: hl.Lift) -> str:
    """The page of a result, made once; the result is kept, so that its identity is not given away."""
    if id(lift) not in _made:
        _made[id(lift)] = (lift, report_html(lift))
    return _made[id(lift)][1]


def call(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """The command line in a process of its own."""
    code = "from honestlift.cli import main; main()"
    return subprocess.run([sys.executable, "-c", code, *words], cwd=cwd, capture_output=True, text=True, check=False)


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
