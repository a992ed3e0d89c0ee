"""Twenty million rows: exact sums per workspace against bare aggregations in the same engine, and the sorted road."""

from __future__ import annotations

import functools
import resource
import subprocess
import sys
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.timing import Result, in_turn
from honestlift import connect
from honestlift.moments import scan
from honestlift.moments.spec import Spec

DATA = Path(__file__).parent / "data"
COVARIATES = ("x1", "x2", "x3")


def make(rows: int, clusters: int, extra: int = 0) -> Path:
    """A parquet file of users in random order: outcome, covariates, two arms, and ``extra`` more outcomes."""
    path = DATA / f"{rows}-{clusters}-{extra}.parquet"
    if path.exists():
        return path
    DATA.mkdir(exist_ok=True)
    rng = np.random.default_rng(20261123)
    writer: pq.ParquetWriter | None = None
    for start in range(0, rows, 1_000_000):
        n = min(1_000_000, rows - start)
        workspace = rng.integers(0, clusters, n)
        columns = {"user_id": np.arange(start, start + n), "workspace_id": workspace, "treated": workspace % 2}
        columns |= {name: rng.normal(5, 1.4, n) for name in ("y", *COVARIATES, *(f"y{i}" for i in range(extra)))}
        table = pa.table(columns)
        writer = writer or pq.ParquetWriter(path, table.schema)
        writer.write_table(table)
    assert writer is not None
    writer.close()
    return path


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
    return [*made, _memory(rows), *_many_sums(min(rows, 5_000_000), runs)]


def _scan(rows: int, clusters: int, most: float, runs: int) -> Result:
    path = make(rows, clusters)
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


def _memory(rows: int) -> Result:
    """Peak memory of a fresh process that does nothing else."""
    path = make(rows, 5_000)
    code = f"from benchmarks.large import spec_of, waist; from pathlib import Path; waist(Path({str(path)!r}), spec_of(('y',)))"
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    program = f"{code}\nimport resource; print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    peak = int(subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout) / 1024
    file = path.stat().st_size / 2**20
    return Result(
        case=f"peak memory of the same, {rows:,} rows (MB; the rival is the file)",
        ours=peak,
        rival=file,
        rival_is="size of the parquet file",
        ratio=peak / file,
        target="under 1,000 MB",
        met=peak < 1000,
        extra={"children_before_kb": before},
    )


def _many_sums(rows: int, runs: int) -> list[Result]:
    """Three hundred sums, of all pairs of a few columns and of many outcomes."""
    specs = {
        "all pairs of 23 columns": spec_of(("y",), (*COVARIATES, *(f"y{i}" for i in range(19)))),
        "55 outcomes and 3 covariates": spec_of(("y", *(f"y{i}" for i in range(54)))),
    }
    made: list[Result] = []
    for what, spec, clusters in [(w, s, c) for w, s in specs.items() for c in (5_000, 30_000)]:
        path = make(rows, clusters, 54)
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
