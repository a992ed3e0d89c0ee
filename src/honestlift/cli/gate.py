"""gate: may a pipeline go on? The exit code says so, and the words why."""

from __future__ import annotations

from pathlib import Path

import click
from rich.text import Text

from honestlift.cli.help import command
from honestlift.cli.report import read_result
from honestlift.cli.screen import as_json, echo_json, err, out, require_apart, require_writable, shown, write
from honestlift.report.decision import FAILED, PASSED, UNSETTLED, Case, Gate, code_of
from honestlift.report.decision import gate as judge
from honestlift.report.junit import junit as as_junit

MARKS = {"pass": ("✓", "green"), "fail": ("✗", "red"), "unsettled": ("?", "yellow"), "aside": ("·", "dim")}
ENDS = {
    PASSED: "Passed: nothing is harmful, breached or unsettled.",
    FAILED: "Failed: do not ship on this.",
    UNSETTLED: "Not settled: the data cannot tell.",
}


@command(short_help="Let a pipeline go on, or stop it.")
@click.argument("results", nargs=-1, type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--junit", type=click.Path(dir_okay=False, path_type=Path), help="Write JUnit XML here, for continuous integration."
)
@click.option("--json", "as_text", is_flag=True, help="Print the cases as JSON on stdout.")
def gate(results: tuple[Path, ...], junit: Path | None, as_text: bool) -> int:
    """Judge RESULTS (result.json by default) by their verdicts and guardrails, and leave with the exit code.

    \b
    0   supported, or likely with caveats, and all guardrails hold
    1   harmful, not trustworthy, a guardrail breached, or one whose own number a check stops
    2   cannot run: no such result, or it does not say what was asked of its metrics
    3   inconclusive, or a guardrail unsettled

    Of several results, 1 outweighs 3.

    \b
    Examples:
      honestlift gate result.json
      honestlift gate runs/*/result.json --junit gate.xml
    """
    paths = tuple(dict.fromkeys(results)) or (Path("result.json"),)
    if junit is not None:
        require_apart([junit], results)
        require_writable(junit)
    gates = {shown(path): judge(read_result(path)) for path in paths}
    code = code_of(list(gates.values()))
    if junit is not None:
        write(junit, as_junit(gates))
    if as_text:
        echo_json(as_json({"exit_code": code, "results": [_values(name, g) for name, g in gates.items()]}))
        err().print(ENDS[code])
        return code
    for name, judged in gates.items():
        _print(name, judged)
    out().print(ENDS[code], style="bold")
    return code


def _values(name: str, judged: Gate) -> dict[str, object]:
    keys = ("group", "name", "outcome", "statement", "remedy")
    cases = [{key: getattr(case, key) for key in keys} for case in judged.cases]
    return {"result": name, "study": judged.study, "verdict": judged.level, "exit_code": judged.code, "cases": cases}


def _print(name: str, judged: Gate) -> None:
    out().print(Text.assemble((judged.study, "bold"), (f"  {name}", "dim")))
    for case in judged.deciding:
        out().print(_line(case), soft_wrap=True)
    for case in judged.cases:
        if case.group == "check" and case.outcome in ("fail", "aside"):
            out().print(_line(case), soft_wrap=True)
    out().print()


def _line(case: Case) -> Text:
    mark, colour = MARKS[case.outcome]
    line = Text.assemble((f" {mark} {case.name}  ", f"bold {colour}" if case.outcome != "aside" else "dim"), case.statement)
    return line.append(f" → {case.remedy}", style="dim") if case.remedy else line
