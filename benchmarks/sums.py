"""Twenty million rows: exact sums per workspace against bare aggregations in the same engine, and the sorted road."""

from __future__ import annotations

import functools
from pathlib import Path

import duckdb

from benchmarks.made import COVARIATES, workspaces
from benchmarks.timing import Result, in_turn
from honestlift import connect
from honestlift.moments import scan
from honestlift.moments.spec import Spec


def spec_of(outcomes: tuple[str, ...], covariates: tuple[str, ...] = COVARIATES) -> Spec:
    """Least squares of every outcome on the covariates."""
    spec = Spec("workspace_id", ("treated",))
    for name in outcomes:
        spec = spec | Spec.of_outcome("workspace_id", name, covariates, cells=("treated",))
    return spec


def waist(path: Path, spec: Spec) -> str:
    """Counts, profile and exact sums, as a study fetches them."""
    source = connect(str(path))
    cells = scan.count_cells(source, ["workspace_id", "treated"])
    return scan.sums(source, spec, scan.profile(source, spec.measures, cells)).digest()


def products(spec: Spec) -> list[str]:
    """The different sums of a request as SQL."""
    return list(dict.fromkeys(f"sum({' * '.join(s.factors)})" for s in spec.sums if s.factors))


def bare(path: Path, spec: Spec) -> None:
    """The same keys and sums in plain SQL, and a bare profile."""
    profile = ", ".join(f"count({m}), min({m}), max({m}), sum({m}), sum({m} * {m})" for m in spec.measures)
    connection = duckdb.connect()
    connection.execute(f"SELECT {profile} FROM '{path}'").to_arrow_table()
    sums = ", ".join(products(spec))
    connection.execute(f"SELECT workspace_id, treated, count(*), {sums} FROM '{path}' GROUP BY ALL").to_arrow_table()


def cases(runs: int, rows: int) -> list[Result]:
    made = [_scan(rows, 5_000, 1.6, runs), _scan(rows, 30_000, 2.5, runs)]
    return [*made, *_many_sums(min(rows, 5_000_000), runs)]


def _scan(rows: int, clusters: int, most: float, runs: int) -> Result:
    path = workspaces(rows, clusters)
    spec = spec_of(("y",))
    mine, rival, ratio = in_turn(lambda: waist(path, spec), lambda: bare(path, spec), runs=runs)
    return Result(
        case=f"{rows:,} rows, {clusters:,} cells, 3 covariates, 14 exact sums from parquet",
        ours=mine,
        rival=rival,
        rival_is="bare DuckDB GROUP BY + bare profile",
        ratio=ratio,
        target=f"ours/rival ≤ {most}",
        met=ratio <= most,
    )


def _many_sums(rows: int, runs: int) -> list[Result]:
    """Three hundred sums, of all pairs of a few columns and of many outcomes."""
    specs = {
        "all pairs of 23 columns": spec_of(("y",), (*COVARIATES, *(f"y{i}" for i in range(19)))),
        "55 outcomes and 3 covariates": spec_of(("y", *(f"y{i}" for i in range(54)))),
    }
    made: list[Result] = []
    for what, spec, clusters in [(w, s, c) for w, s in specs.items() for c in (5_000, 30_000)]:
        path = workspaces(rows, clusters, 54)
        mine, rival, ratio = in_turn(
            functools.partial(waist, path, spec), functools.partial(bare, path, spec), runs=max(1, runs // 3), warm=0
        )
        made.append(
            Result(
                case=f"{rows:,} rows, {clusters:,} cells, {len(products(spec))} exact sums: {what}",
                ours=mine,
                rival=rival,
                rival_is="one bare GROUP BY + bare profile",
                ratio=ratio,
                target="ours/rival ≤ 1",
                met=ratio <= 1,
            )
        )
    return made
