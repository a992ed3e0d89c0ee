"""From a hundred thousand users to a hundred million, from 50 workspaces to 200,000: time and memory against bare aggregations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb

import honestlift as hl
from benchmarks.made import COVARIATES, choosers, workspaces
from benchmarks.timing import Cost, Result, cost

CLUSTERS = 5_000
METRICS = ("y", "done")
CHOICE = ("x1", "x2", "x3", "x4")


def sizes(rows: int) -> list[int]:
    """Powers of ten from 100,000 up to what is asked for."""
    return [n for n in (10**5, 10**6, 10**7, 10**8) if n < rows] + [rows]


def cluster_study(path: str, bootstrap: int = 500) -> hl.Lift:
    """A whole study of two metrics and three covariates, with every default."""
    design = hl.ClusterDesign(unit="user_id", cluster="workspace_id", treatment="treated")
    return hl.analyze(path, design, list(METRICS), covariates=COVARIATES, bootstrap=bootstrap, seed=7)


def bare_cluster(path: str) -> Any:
    """A profile of the columns, and the plain sums that the two regressions need, by workspace and arm."""
    connection, columns = duckdb.connect(), (*METRICS, *COVARIATES)
    profile = ", ".join(f"count({c}), min({c}), max({c}), sum({c}), sum({c} * {c})" for c in columns)
    connection.execute(f"SELECT {profile} FROM '{path}'").to_arrow_table()
    pairs = [(a, b) for i, a in enumerate(columns) for b in columns[i:] if {a, b} != set(METRICS)]
    sums = ", ".join([f"sum({c})" for c in columns] + [f"sum({a} * {b})" for a, b in pairs])
    return connection.execute(f"SELECT workspace_id, treated, count(*), {sums} FROM '{path}' GROUP BY ALL").to_arrow_table()


def opt_in_study(path: str, bootstrap: int = 500) -> hl.Lift:
    """A whole study of three estimands by five methods, with every default."""
    design = hl.OptInDesign(unit="user_id", treatment="opt_in")
    return hl.analyze(path, design, ["y"], covariates=CHOICE, bootstrap=bootstrap, seed=7)


def bare_newton(path: str) -> Any:
    """Score and information of the logit: the plain sums of one Newton step."""
    columns = ["1", *CHOICE]
    eta = " + ".join(["-1.2", *(f"{b} * {x}" for b, x in zip((0.8, 0.4, -0.3, 0.0), CHOICE, strict=True))])
    inner = f"SELECT opt_in, {', '.join(CHOICE)}, 1 / (1 + exp(-({eta}))) AS e FROM '{path}'"
    wanted = [f"sum((opt_in - e) * {c})" for c in columns]
    wanted += [f"sum(e * (1 - e) * {a} * {b})" for i, a in enumerate(columns) for b in columns[i:]]
    return duckdb.connect().execute(f"SELECT {', '.join(wanted)} FROM ({inner})").to_arrow_table()


def by_rows(runs: int, rows: int) -> list[Result]:
    """Both studies at every size."""
    made: list[Result] = []
    for n in sizes(rows):
        few = max(1, runs if n < 10**7 else runs // 2 if n < 10**8 else runs // 4)
        made += [*_cluster(workspaces(n, CLUSTERS), n, few), *_opt_in(choosers(n), n, few)]
    return made


def by_clusters(runs: int, rows: int) -> list[Result]:
    """The cluster study of as many users in more and more workspaces."""
    rows, made = min(rows, 5_000_000), list[Result]()
    for clusters in (50, 500, 5_000, 50_000, 200_000):
        path = str(workspaces(rows, clusters))
        bare, ours = cost("ladder", "bare_cluster", path, runs=runs), cost("ladder", "cluster_study", path, runs=runs)
        made.append(_shown(f"cluster study, {rows:,} users in {clusters:,} workspaces", ours, bare, {"clusters": clusters}))
    return made


def draws(runs: int, rows: int) -> list[Result]:
    """What 9,500 more bootstrap draws add to a study of many users, and to one of few."""
    added: list[float] = []
    for n in (min(rows, 10_000_000), 100_000):
        few, many = (cost("ladder", "cluster_study", str(workspaces(n, CLUSTERS)), b, runs=runs) for b in (500, 10_000))
        added.append(many.seconds - few.seconds)
    return [
        Result(
            case=f"what 9,500 more bootstrap draws cost with {min(rows, 10_000_000):,} users (the rival has 100,000)",
            ours=added[0],
            rival=added[1],
            rival_is="the same with 100,000 users",
            ratio=added[0] / added[1],
            target="ours/rival ≤ 1.25: no draw reads the rows again",
            met=added[0] / added[1] <= 1.25,
        )
    ]


def _cluster(path: Path, n: int, runs: int) -> list[Result]:
    bare, ours = cost("ladder", "bare_cluster", str(path), runs=runs), cost("ladder", "cluster_study", str(path), runs=runs)
    what = f"cluster study, {n:,} users in {CLUSTERS:,} workspaces, 3 covariates, 2 metrics"
    return _against(what, ours, bare, bare.seconds, "bare aggregation + bare profile", 1.6, 2_000, n)


def _opt_in(path: Path, n: int, runs: int) -> list[Result]:
    bare, ours = cost("ladder", "bare_newton", str(path), runs=runs), cost("ladder", "opt_in_study", str(path), runs=runs)
    steps = int(ours.said)
    what = f"opt-in study, {n:,} users, 4 continuous covariates, 3 estimands by 5 methods"
    return _against(what, ours, bare, (steps + 3) * bare.seconds, f"{steps} Newton steps + 3 bare scans", 1.0, 3_000, n)


def _against(what: str, ours: Cost, bare: Cost, allowed: float, is_: str, most: float, room: int, n: int) -> list[Result]:
    """Time and memory; the target is that of the largest size, where what does not depend on the rows no longer counts."""
    extra = {"rows": n, "peak_mb": round(ours.peak), "bare_seconds": bare.seconds, "bare_peak_mb": round(bare.peak)}
    ratio, held = ours.seconds / allowed, n >= 10**8
    time = Result(
        case=what,
        ours=ours.seconds,
        rival=allowed,
        rival_is=is_,
        ratio=ratio,
        target=f"ours/rival ≤ {most:g}" if held else "",
        met=ratio <= most if held else None,
        extra=extra,
    )
    memory = Result(
        case=f"{what}: peak memory in MB",
        ours=ours.peak,
        rival=float(room),
        rival_is="limit",
        ratio=ours.peak / room,
        target=f"under {room:,} MB",
        met=ours.peak < room,
    )
    return [time, memory] if held else [time]


def _shown(what: str, ours: Cost, bare: Cost, extra: dict[str, Any]) -> Result:
    return Result(
        case=what,
        ours=ours.seconds,
        rival=bare.seconds,
        rival_is="bare aggregation + bare profile",
        ratio=ours.seconds / bare.seconds,
        target="",
        met=None,
        extra=extra | {"peak_mb": round(ours.peak)},
    )


def said(lift: Any) -> int:
    """What the parent wants to know of a study: the Newton steps of its propensity, 0 where there is none."""
    found = [c for c in lift.checks if c.code == "separation"] if isinstance(lift, hl.Lift) else []
    return int(found[0].evidence["steps"] or 0) if found else 0
