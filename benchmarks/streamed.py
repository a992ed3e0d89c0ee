"""Twenty million users with continuous covariates: a whole opt-in study against bare aggregations in the same engine and run."""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

import honestlift as hl
from benchmarks.opt_in import choosers
from benchmarks.timing import Result, seconds
from honestlift.moments import influences, weighted
from honestlift.moments.exact import Grid
from honestlift.moments.weighted import Term, total
from honestlift.moments.weights import Model, Rows

DATA = Path(__file__).parent / "data"
COVARIATES = ("x1", "x2", "x3", "x4")
MEGABYTES = 2_000


def make(rows: int) -> Path:
    """A parquet file of users who choose by continuous covariates."""
    path = DATA / f"choosers-{rows}.parquet"
    if path.exists():
        return path
    DATA.mkdir(exist_ok=True)
    writer: pq.ParquetWriter | None = None
    for part, start in enumerate(range(0, rows, 1_000_000)):
        table = choosers(min(1_000_000, rows - start), seed=part)
        ids = np.arange(start, start + table.num_rows)
        table = table.set_column(0, "user_id", [ids])
        writer = writer or pq.ParquetWriter(path, table.schema)
        writer.write_table(table)
    assert writer is not None
    writer.close()
    return path


def study(path: Path, bootstrap: int = 0) -> hl.Lift:
    """Every estimator of three estimands, all checks, tables and sensitivity."""
    design = hl.OptInDesign(unit="user_id", treatment="opt_in")
    return hl.analyze(str(path), design, ["y"], covariates=COVARIATES, bootstrap=bootstrap, seed=7)


@contextmanager
def bare() -> Iterator[None]:
    """Sums as the engine makes them, not rounded to a grid: another order of adding may give other bits."""
    kept = weighted.grid, influences.grid
    weighted.grid = influences.grid = lambda *_: Grid(0.0, None)
    try:
        yield
    finally:
        weighted.grid, influences.grid = kept


def newton_step(path: Path) -> None:
    """Gradient and information of the logit: the sums of one Newton step, in one aggregation."""
    source, k = hl.connect(str(path)), len(COVARIATES) + 1
    names = ["opt_in", "y", *COVARIATES]
    frame = source.select(names).rename({f"c{i}": n for i, n in enumerate(["t", "y", *[f"z{j}" for j in range(1, k)]])})
    rows = Rows(frame=frame, bound=np.ones(k), outcome=1.0, count=0, most=1, largest=1, grouped=False)
    terms = [Term(-1, "residual", "", 0, i) for i in range(k)] + [Term(-1, "v", "", i, j) for i in range(k) for j in range(i, k)]
    model = Model(propensity=np.array([-1.2, 0.8, 0.4, -0.3, 0.0]), ranges={"eta": ((-9.0, 9.0), (-9.0, 9.0))})
    total(rows, terms, model)


def memory(path: Path) -> float:
    """Peak of a process that answers the whole study, in MB."""
    code = f"from benchmarks.streamed import study; from pathlib import Path; study(Path({str(path)!r}))"
    subprocess.run([sys.executable, "-c", code], check=True)
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024


def cases(_: int, rows: int) -> list[Result]:
    path = make(rows)
    lift = study(path)
    ours = seconds(lambda: study(path))
    with bare():
        one, same = seconds(lambda: newton_step(path)), seconds(lambda: study(path))
    steps = int(lift.check("separation").evidence["steps"] or 0)
    allowed = (steps + 3) * one
    peak = memory(path)
    size = f"{rows / 1e6:,.0f} M users, 4 continuous covariates"
    return [
        Result(
            case=f"whole study of three estimands by five methods, {size}",
            ours=ours,
            rival=allowed,
            rival_is=f"{steps} Newton steps + 3, times one aggregation of the sums of a step ({one:.2f} s)",
            ratio=ours / allowed,
            target="ours/rival ≤ 1",
            met=ours <= allowed,
        ),
        Result(
            case=f"the same, {size}",
            ours=ours,
            rival=same,
            rival_is="the same sums in the same scans, not rounded to grids",
            ratio=ours / same,
            target="ours/rival ≤ 1.6",
            met=ours / same <= 1.6,
        ),
        Result(
            case=f"memory, {size} (MB)",
            ours=peak,
            rival=MEGABYTES,
            rival_is="limit",
            ratio=peak / MEGABYTES,
            target=f"under {MEGABYTES:,} MB",
            met=peak < MEGABYTES,
        ),
    ]
