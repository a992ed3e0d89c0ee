"""Run every case, print the table, keep it under benchmarks/results/ with the machine and the versions."""

from __future__ import annotations

import argparse
import json
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.timing import Result, load, machine


def published(runs: int, _: int) -> list[Result]:
    from benchmarks import published as room

    return room.cases(runs)


def opt_in(runs: int, _: int) -> list[Result]:
    from benchmarks import opt_in as room

    return room.cases(runs)


def streamed(runs: int, rows: int) -> list[Result]:
    from benchmarks import streamed as room

    return room.cases(runs, rows)


def large(runs: int, rows: int) -> list[Result]:
    from benchmarks import large as room

    return room.cases(runs, rows)


def few_clusters(runs: int, _: int) -> list[Result]:
    from benchmarks import few_clusters as room

    return room.cases(runs)


def spillover(runs: int, _: int) -> list[Result]:
    from benchmarks import spillover as room

    return room.cases(runs)


ROOMS = {
    "published": published,
    "opt-in": opt_in,
    "streamed": streamed,
    "few_clusters": few_clusters,
    "large": large,
    "spillover": spillover,
}
"""What can be run by itself; each brings its own rivals, which need not be installed for the others."""


def main() -> None:
    """Parse the options and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=list(ROOMS))
    parser.add_argument("--rows", type=int, default=20_000_000, help="rows of the large cases")
    parser.add_argument("--runs", type=int, default=5, help="counted runs of each case")
    options = parser.parse_args()
    before = load()
    results = [r for name, room in ROOMS.items() if options.only in (None, name) for r in room(options.runs, options.rows)]
    for r in results:
        print(f"{'met   ' if r.met else 'missed'}  {r.case}")
        print(f"        ours {r.ours:.4g}, {r.rival_is} {r.rival:.4g}, ratio {r.ratio:.3g} (target: {r.target}) {r.note}")
    now = datetime.now(UTC)
    record = {
        "date": now.isoformat(timespec="seconds"),
        "machine": machine() | {"load_before": before},
        "cases": [r.as_dict() for r in results],
    }
    path = Path(__file__).parent / "results" / f"{now:%Y-%m-%d-%H%M}.json"
    path.write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n")
    print(f"kept in {path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path}")


if __name__ == "__main__":
    main()
