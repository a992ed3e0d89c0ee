"""What the README and the documentation show is what happens: their Python runs, their commands print what they show, plans are plans."""

from __future__ import annotations

import ast
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

import honestlift as hl
from honestlift.plan import read_plan

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
SCRIPT = Path(sys.executable).with_name("honestlift")


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    language: str
    text: str
    line: int


def blocks(page: Path) -> list[Block]:
    """The page's fenced blocks, in their order; what Sphinx makes of a directive is its own affair."""
    text = page.read_text(encoding="utf-8")
    found = re.finditer(r"^```([^\n]*)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    return [Block(m[1], m[2], text.count("\n", 0, m.start()) + 1) for m in found if not m[1].startswith("{")]


def commands(block: Block) -> Iterator[tuple[str, str]]:
    """Each command of a console block and the output that is shown below it."""
    for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
        command, _, expected = part.partition("\n")
        yield command, expected


def folded(text: str) -> list[str]:
    """Lines with runs of blanks folded, and without empty ones."""
    return [line for line in (" ".join(line.replace("│", " ").split()) for line in text.splitlines()) if line]


def shown(expected: str, printed: str) -> bool:
    """Whether a text is what is shown; three dots stand for anything within a line, and on a line of their own for any lines."""
    wanted, lines = folded(expected), folded(printed)
    reached = {0}  # how many printed lines the expected ones so far can have used up
    for line in wanted:
        if line == "...":
            reached = set(range(min(reached, default=len(lines) + 1), len(lines) + 1))
            continue
        pattern = re.compile(".*".join(re.escape(part) for part in line.split("...")))
        reached = {i + 1 for i in reached if i < len(lines) and pattern.fullmatch(lines[i])}
    return len(lines) in reached


def test_expected_output_is_compared_as_it_is_read():
    assert shown("a b\n", "a   b\n\n")
    assert shown("a\n...\nd\n", "a\nb\nc\nd\n")
    assert shown("...\nb ... d\n...\n", "x\nb c d\ny\nz\n")
    assert shown("a ...\n", "a b\n")
    assert shown("...\nb\n", "b\n")
    assert not shown("...\nb\n", "ab\n")
    assert not shown("a\nd\n", "a\nb\nd\n")
    assert not shown("a\n", "a\nb\n")
    assert not shown("a.b\n", "axb\n")


def values(block: Block) -> Iterator[tuple[str, str]]:
    """Expressions of a Python block with a comment that begins with their value: ``lift.level  # 0.95``; three dots end it early."""
    for line in block.text.splitlines():
        found = re.fullmatch(r"(\S.*?)\s+# ('.*?(?:'|\.\.\.)|-?[\d.]+|True|False|\[.*?\]|\{.*?\})(?:[ :].*)?", line)
        if found and is_expression(found[1]):
            yield found[1], found[2]


def is_expression(text: str) -> bool:
    """Whether it has a value, as ``a.b == 1`` has and ``a = 1`` has not."""
    try:
        return isinstance(ast.parse(text).body[0], ast.Expr)
    except SyntaxError:
        return False


def test_values_are_found_where_they_are_claimed():
    text = (
        "a = f(x=1)  # 1\nb.c  # 'x': y\n    in_a_block  # 2\nd  # words\n[e for e in f if e != 1]  # []\ng  # 'lo...\n)  # 3\n"
    )
    assert list(values(Block("python", text, 1))) == [("b.c", "'x'"), ("[e for e in f if e != 1]", "[]"), ("g", "'lo...")]


def run_python(block: Block, names: dict[str, Any], where: str) -> None:
    """Run it, and compare the values in its comments with the values that are there."""
    exec(compile(block.text, where, "exec"), names)
    for expression, value in values(block):
        found = eval(expression, names)
        assert told(value, found), f"{where}: {expression} is {found!r}, not {value}"


def told(value: str, found: object) -> bool:
    """Whether a comment says what is there: numbers to the digits that it has, anything before three dots to the letter."""
    if value.endswith("..."):
        return repr(found).startswith(value[:-3])
    if re.fullmatch(r"-?[\d.]+", value):
        return f"{found:.{len(value.partition('.')[2])}f}" == value
    return repr(found) == value


def test_numbers_are_told_rounded_and_words_whole():
    assert told("0.0847", 0.08471)
    assert told("0.3705", 0.37049)
    assert told("49", 49.0)
    assert told("'a'", "a")
    assert told("0.541...", 0.54199)
    assert not told("0.3704", 0.37049)
    assert not told("0.08", 0.0863)
    assert not told("'a'", "ab")
    assert not told("[]", ["a"])


def run_console(block: Block, where: str) -> None:
    """Run its commands, and compare what they print with what is shown."""
    for command, expected in commands(block):
        words = shlex.split(command, comments=True)
        assert words[0] == "honestlift", f"{where}: only honestlift is run by this test"
        ended = subprocess.run(words, capture_output=True, encoding="utf-8", check=False, timeout=120)
        assert ended.returncode == 0, f"{where}: {command}\n{ended.stderr}"
        stages = [line for line in ended.stderr.splitlines() if not line.endswith("…")]
        printed = ended.stdout + "\n".join(stages)
        assert shown(expected, printed), f"{where}: {command} printed\n{printed}"


def read_yaml(block: Block, folder: Path) -> None:
    """Read a plan, or a piece of one, filled up; a plan whose first line is a comment with its file's name is kept under it."""
    asked = yaml.safe_load(block.text)
    named = re.match(r"# ([\w-]+\.yaml)\n", block.text)
    if named:
        (folder / named[1]).write_text(block.text, encoding="utf-8")
    if isinstance(asked, list):  # steps of a workflow
        for step in asked:
            assert re.search(r"\bhonestlift [a-z]", step["run"])
            subprocess.run(["bash", "-n", "-c", step["run"]], check=True, timeout=60)
        return
    if "jobs" in asked:
        assert all(line.split()[0] in ("pip", "honestlift") for step in asked["jobs"].values() for line in runs(step))
        return
    filled = {"data": "users.parquet", "unit": "user_id", "metrics": ["outcome"]} | asked
    filled.setdefault("design", {"kind": "cluster", "cluster": "workspace_id", "treatment": "treated"})
    if filled["design"]["kind"] == "opt_in":
        filled.setdefault("covariates", ["before"])
    if not (folder / "assignment.json").exists():  # else one that the page has drawn
        (folder / "assignment.json").write_text(hl.assign(list("abcd"), hl.Rule(), seed=1).to_json(), encoding="utf-8")
    (folder / "read.yaml").write_text(yaml.safe_dump(filled), encoding="utf-8")
    read_plan(folder / "read.yaml")


def runs(job: dict[str, Any]) -> list[str]:
    """The commands of a job of continuous integration."""
    return [step["run"] for step in job["steps"] if "run" in step]


RUN = {"python", "console", "yaml"}
SHOWN = {"sh"}
"""Languages that are run or read, and those that are only shown: set-up, which runs before any test."""


@pytest.mark.parametrize("page", [p for p in PAGES if blocks(p)], ids=lambda p: p.relative_to(ROOT).as_posix())
def test_a_page_does_what_it_shows(page: Path, tmp_path: Path, published: Path, monkeypatch: pytest.MonkeyPatch):
    """The blocks of a page run in its order in one folder, where the published users.parquet lies until a command makes another."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"{SCRIPT.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("COLUMNS", "84")
    monkeypatch.setenv("PYTHONWARNINGS", "error")
    (tmp_path / "users.parquet").write_bytes((published / "users.parquet").read_bytes())
    names: dict[str, Any] = {}
    for block in blocks(page):
        where = f"{page.name}, line {block.line}"
        assert block.language in RUN | SHOWN, f"{where}: nothing runs {block.language!r}"
        if block.language == "python":
            run_python(block, names, where)
        elif block.language == "console":
            run_console(block, where)
        elif block.language == "yaml":
            read_yaml(block, tmp_path)


def test_the_readme_shows_a_session_and_python():
    languages = [b.language for b in blocks(ROOT / "README.md")]
    assert languages.count("console") >= 2
    assert "python" in languages
    assert list(values(next(b for b in blocks(ROOT / "README.md") if b.language == "python")))


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path):
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)\s]+)\)", text):
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve()
        assert there.exists(), f"{page.name} links to {target}"
        if anchor:
            heads = re.findall(r"^#+ (.*)$", there.read_text(encoding="utf-8"), re.MULTILINE)
            anchors = {re.sub(r"[^\w\- ]", "", h.lower()).strip().replace(" ", "-") for h in heads}
            assert anchor in anchors, f"{page.name} links to {target}"
