"""Run the rooms, print their tables, keep each under benchmarks/results/ with the machine and the versions."""

from __future__ import annotations

import argparse
import importlib
import json
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.timing import Result, load, machine

ROOMS = {
    "published": ("published", "cases"),
    "opt-in": ("opt_in", "cases"),
    "few-clusters": ("few_clusters", "cases"),
    "sums": ("sums", "cases"),
    "rows": ("ladder", "by_rows"),
    "clusters": ("ladder", "by_clusters"),
    "draws": ("ladder", "draws"),
    "spillover": ("spillover", "cases"),
    "spark": ("spark", "cases"),
    "peers": ("peers.cases", "cases"),
}
"""What can be run by itself: a module and its function. Each brings its own rivals, which need not be installed for the others."""

MARKS = {True: "met   ", False: "missed", None: "      "}


def main() -> None:
    """Parse the options and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=list(ROOMS), action="append", help="a room; again for more; all where none is named")
    parser.add_argument("--rows", type=int, default=20_000_000, help="users of the largest cases")
    parser.add_argument("--runs", type=int, default=5, help="counted runs of each case")
    options = parser.parse_args()
    for name in options.only or ROOMS:
        module, function = ROOMS[name]
        before = load()
        results = getattr(importlib.import_module(f"benchmarks.{module}"), function)(options.runs, options.rows)
        show(results)
        print(f"kept in {keep(name, results, before)}")


def show(results: list[Result]) -> None:
    """The table on the terminal."""
    for r in results:
        against = f"ratio {r.ratio:.3g}" + (f" (target: {r.target})" if r.target else "")
        print(f"{MARKS[r.met]}  {r.case}\n        ours {r.ours:.4g}, {r.rival_is} {r.rival:.4g}, {against} {r.note}")


def keep(room: str, results: list[Result], before: list[float]) -> Path:
    """Write the record."""
    now = datetime.now(UTC)
    record = {
        "room": room,
        "date": now.isoformat(timespec="seconds"),
        "machine": machine() | {"load_before": before},
        "cases": [r.as_dict() for r in results],
    }
    path = Path(__file__).parent / "results" / f"{now:%Y-%m-%d-%H%M}-{room}.json"
    path.write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n")
    return path


if __name__ == "__main__":
    main()
