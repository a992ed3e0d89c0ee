"""Run every case, print the table, keep it under benchmarks/results/ with the machine and the versions."""

from __future__ import annotations

import argparse
import json
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import few_clusters, large, published
from benchmarks.timing import machine


def main() -> None:
    """Parse the options and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=["published", "large", "few_clusters"])
    parser.add_argument("--rows", type=int, default=20_000_000, help="rows of the large cases")
    parser.add_argument("--runs", type=int, default=5, help="counted runs of each case")
    options = parser.parse_args()
    results = []
    if options.only in (None, "published"):
        results += published.cases(options.runs)
    if options.only in (None, "large"):
        results += large.cases(options.runs, options.rows)
    if options.only in (None, "few_clusters"):
        results += few_clusters.cases(options.runs)
    for r in results:
        print(f"{'met   ' if r.met else 'missed'}  {r.case}")
        print(f"        ours {r.ours:.4g}, {r.rival_is} {r.rival:.4g}, ratio {r.ratio:.3g} (target: {r.target}) {r.note}")
    now = datetime.now(UTC)
    record = {"date": now.isoformat(timespec="seconds"), "machine": machine(), "cases": [r.as_dict() for r in results]}
    path = Path(__file__).parent / "results" / f"{now:%Y-%m-%d-%H%M}.json"
    path.write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n")
    print(f"kept in {path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path}")


if __name__ == "__main__":
    main()
