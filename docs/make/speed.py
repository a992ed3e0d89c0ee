"""The page of speed and size, docs/explanation/speed.md, and its figure, from the newest record of each room of benchmarks/results."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from honestlift.report.figures.canvas import Look, draw, look, sheet

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results"
PAGE = ROOT / "docs" / "explanation" / "speed.md"
FIGURES = ROOT / "docs" / "explanation" / "figures"

HEAD = """\
# How fast, and how large

Seconds say little: machines differ. What is held to a target is a **ratio** of honestlift to a rival in the same run on the same
machine: the least that the engine itself could do (a bare aggregation of the same sums), or a package that people use for the
same work. Every number below is from a record in `benchmarks/results`, made by `python -m benchmarks` (`--only` a part); this page
is drawn from the newest record of each part by `make regenerate`. No test is timed.

Rivals are helped where there is doubt: packages have their data in memory already, while honestlift reads its file. *Ours* is the
whole study with all its checks, tables and figures' numbers unless the line says otherwise. Imports are left out on both sides.
"""

SECTIONS: dict[str, tuple[str, str]] = {
    "rows": (
        "From a hundred thousand users to a hundred million",
        "Both studies with every default, 500 bootstrap draws among them, from a parquet file, each in a process of its own. Up to "
        "about a million users the cost is what does not depend on them: the exact and the resampled tests of 5,000 workspaces, the half "
        "million users that diagnostics look at. The target holds for a hundred million.",
    ),
    "clusters": (
        "From 50 workspaces to 200,000",
        "The same users in more and more workspaces. Fewer workspaces have more tests: exact ones and the wild bootstrap.",
    ),
    "draws": ("Bootstrap draws", "Resamples are drawn from sums, never from rows."),
    "spark": ("Spark", "A cluster of two executors, in processes of their own on the same machine."),
    "spillover": ("A collaboration graph", "Exposure, its probabilities and every estimate of spillover and launch."),
    "peers": (
        "Other packages, same work, same run",
        "In an environment of their own (`make bench-peers`). Every pair of answers is compared; a difference that definitions do not "
        "explain would end the run.",
    ),
    "published": (
        "The published collaboration study",
        "Fifty thousand users, as in the tutorial, against the loop that people run today.",
    ),
    "opt-in": ("The published opt-in study", "Fifty thousand users, as in the tutorial."),
    "few-clusters": ("Resampling on sums", "What is drawn thousands of times is drawn from the table of sums."),
    "sums": ("Exact sums", "Sums that are the same bytes in any order, against sums that are not."),
}
"""The parts in the order of the page: title, and what is measured."""

WHY: dict[str, str] = {
    "cluster study, 100,000,000": "every summand is rounded to a grid, so that the sums are the same bytes in any order, and some are kept "
    "on two grids; the plain sums of the rival are neither. Users who stand on several rows are looked for as well.",
    "opt-in study, 100,000,000": "Newton's steps start from a sample and are two or three scans. One more, which takes most of the time, "
    "adds up about 270 terms of fourteen estimators for every bucket of users (500 resamples rest on them), the products of some forty "
    "features that give their standard errors, and the scores that matching goes by: more work than three scans of twenty sums. Its "
    "threads also wait for each other in Python: two of them gain a factor of 1.5, where two processes gained 1.9.",
    "5,000,000 rows": "more than 75 sums are split over scans, or the rows sorted first, so that the cells stay in the cache, and every "
    "summand is rounded before it is added; the one plain query of the rival does neither.",
    "least squares with CR1 errors, 3": "the rival has its matrix in memory, ours is read from a parquet file and checked.",
    "least squares with CR1 errors of few": "the fixed cost of the checks and queries, some twenty milliseconds, is most of it.",
    "IPW ATE and ATT": "reading: ids are checked for repetition, covariates grouped into patterns and summed exactly, before any fit.",
    "AIPW ATE": "as above: the reading takes most of the second, the fits and errors a small part.",
    "doubly robust ATE, cross-fitted": "as above, and the learners are scikit-learn's on either side.",
    "ATT by the nearest propensity, no ties": "reading as above, and each user's own variance; DoWhy makes no error.",
    "entropy balancing, ATT": "reading as above; the rival has its arrays in memory and balances the ATT alone.",
    "the same with the bootstrap of matching": "matching is made anew in every replicate; it is off unless asked for.",
    "the same with all checks": "checks, sensitivity, balance and all tables, which the loop does not make.",
}
"""Why a target is missed, by the beginning of the case's name."""


def records() -> dict[str, dict[str, Any]]:
    """The newest record of each part."""
    found: dict[str, dict[str, Any]] = {}
    for path in sorted(RESULTS.glob("*.json")):
        record = json.loads(path.read_text(encoding="utf-8"))
        found[record["room"]] = record
    return found


def page() -> str:
    """The whole page."""
    found = records()
    parts = [HEAD]
    for room, (title, words) in SECTIONS.items():
        if room in found:
            figure = [_picture(found[room])] if room == "rows" else []
            parts += [f"## {title}\n", f"{words}\n", *figure, _table(found[room]), *_missed(found[room]), _where(found[room])]
    return "\n".join(parts)


def _table(record: dict[str, Any]) -> str:
    lines = ["| what | ours | against | | ratio | target |", "|---|---|---|---|---|---|"]
    for c in record["cases"]:
        mark = {True: "met: ", False: "**missed**: ", None: ""}[c["met"]]
        memory = f"; peak {c['extra']['peak_mb']:,} MB" if "peak_mb" in c["extra"] else ""
        note = f" {c['note']}" if c["note"] else ""
        what = f"{c['case']}{memory}{note}"
        lines.append(
            f"| {what} | {_number(c['ours'])} | {c['rival_is']} | {_number(c['rival'])} | {_number(c['ratio'])} | {mark}{c['target']} |"
        )
    return "\n".join(lines) + "\n"


def _missed(record: dict[str, Any]) -> list[str]:
    """Why, for what is missed."""
    lines: list[str] = []
    for start, why in WHY.items():
        if any(c["met"] is False and c["case"].startswith(start) for c in record["cases"]):
            lines.append(f"- *{start} …*: {why}")
    return ["\n".join(lines) + "\n"] if lines else []


def _where(record: dict[str, Any]) -> str:
    m = record["machine"]
    versions = ", ".join(f"{name} {v}" for name, v in m["versions"].items())
    load = f"load {m['load_before'][0]:g} before and {m['load'][0]:g} at the end: above {m['cores']} others ran beside it"
    return f"{record['date'][:10]}, {m['cores']} cores ({m['processor']}, {load}), Python {m['python']}; {versions}.\n"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _picture(record: dict[str, Any]) -> str:
    curves = [f"{name}: " + ", ".join(f"{s:.3g} s for {n:,} users" for n, s in line) for name, line in _lines(record).items()]
    told = ". ".join(curves)
    alt = f"Seconds against users on logarithmic axes. {told}. At the right the lines are straight and as steep as the bare ones."
    return f'''<picture>
  <source media="(prefers-color-scheme: dark)" srcset="figures/speed-dark.svg">
  <img src="figures/speed-light.svg" alt="{alt}">
</picture>
'''


def _lines(record: dict[str, Any]) -> dict[str, list[tuple[int, float]]]:
    """Seconds by users: of either study, and of what its target allows."""
    made: dict[str, list[tuple[int, float]]] = {}
    for c in record["cases"]:
        if "rows" not in c["extra"]:
            continue
        study = c["case"].partition(",")[0]
        made.setdefault(study, []).append((c["extra"]["rows"], c["ours"]))
        made.setdefault(f"{study}: {'bare scans' if 'opt-in' in study else 'bare aggregation'}", []).append(
            (c["extra"]["rows"], c["rival"])
        )
    return made


def figure(paper: Look) -> Figure:
    """Both studies beside their bare scans."""
    made, lines = sheet(paper, 3.3), _lines(records()["rows"])
    for i, (study, colour) in enumerate((("cluster study", paper.control), ("opt-in study", paper.treated))):
        axes = made.add_axes((0.09 + 0.48 * i, 0.17, 0.41, 0.68))
        own = [name for name in lines if name.startswith(study)]
        for name in own:
            bare = name != study
            x, y = zip(*lines[name], strict=True)
            axes.plot(
                x, y, color=paper.faint if bare else colour, linewidth=1.4 if bare else 2, linestyle=(0, (5, 2)) if bare else "-"
            )
            axes.plot(x, y, "o", color=paper.faint if bare else colour, markersize=3.5)
            at, offset = (len(x) - 2, (8, -13)) if bare else (len(x) - 1, (-4, 6))
            axes.annotate(
                name.partition(": ")[2] or "ours",
                (x[at], y[at]),
                offset,
                textcoords="offset points",
                ha="left" if bare else "right",
                fontsize=9,
                color=paper.faint if bare else colour,
            )
        _axes(axes, paper, study, i == 0)
    return made


def _axes(axes: Axes, paper: Look, title: str, first: bool) -> None:
    axes.set(xscale="log", yscale="log")
    axes.set_ylim(0.02, 1000)
    axes.set_yticks([0.1, 1, 10, 100], ["0.1", "1", "10", "100"])
    axes.set_xticks([1e5, 1e6, 1e7, 1e8], ["100,000", "1 M", "10 M", "100 M"])
    axes.minorticks_off()
    axes.tick_params(length=0, labelsize=9, colors=paper.faint)
    axes.grid(color=paper.grid, linewidth=0.7)
    for side in axes.spines.values():
        side.set_visible(False)
    axes.set_title(title.capitalize(), fontsize=11, fontweight="bold", color=paper.ink, loc="left")
    axes.set_xlabel("users", fontsize=9, color=paper.faint)
    if first:
        axes.set_ylabel("seconds", fontsize=9, color=paper.faint)


def svg(*, dark: bool) -> bytes:
    """The figure as SVG."""
    return draw(figure, look(dark=dark), "svg")


def make() -> list[Path]:
    """Write the page and draw its figure in light and dark."""
    made = [PAGE]
    PAGE.write_text(page(), encoding="utf-8")
    for dark in (False, True):
        made.append(FIGURES / f"speed-{'dark' if dark else 'light'}.svg")
        made[-1].write_bytes(svg(dark=dark) + b"\n")
    return made
