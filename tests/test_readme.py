"""What the README and the documentation show is what happens: their Python runs, their commands print what they are shown to print."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

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
    """The page's Python and console blocks, in their order."""
    text = page.read_text(encoding="utf-8")
    found = re.finditer(r"^```(python|console)\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    return [Block(m[1], m[2], text.count("\n", 0, m.start()) + 1) for m in found]


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


@pytest.mark.parametrize("page", [p for p in PAGES if blocks(p)], ids=lambda p: p.relative_to(ROOT).as_posix())
def test_a_page_does_what_it_shows(page: Path, tmp_path: Path, published: Path, monkeypatch: pytest.MonkeyPatch):
    """The blocks of a page run in its order in one folder, where the published users.parquet lies until a command makes another."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "users.parquet").write_bytes((published / "users.parquet").read_bytes())
    names: dict[str, object] = {}
    env = {**os.environ, "PATH": f"{SCRIPT.parent}{os.pathsep}{os.environ['PATH']}", "COLUMNS": "84", "PYTHONWARNINGS": "error"}
    for block in blocks(page):
        where = f"{page.name}, line {block.line}"
        if block.language == "python":
            exec(compile(block.text, where, "exec"), names)
            continue
        for command, expected in commands(block):
            words = shlex.split(command, comments=True)
            assert words[0] == "honestlift", f"{where}: only honestlift is run by this test"
            ended = subprocess.run(words, env=env, capture_output=True, encoding="utf-8", check=False, timeout=120)
            assert ended.returncode == 0, f"{where}: {command}\n{ended.stderr}"
            stages = [line for line in ended.stderr.splitlines() if not line.endswith("…")]
            printed = ended.stdout + "\n".join(stages)
            assert shown(expected, printed), f"{where}: {command} printed\n{printed}"


def comments(block: Block) -> Iterator[tuple[str, str]]:
    """Expressions of a Python block with a comment that begins with their value: ``lift.level  # 0.95``."""
    for line in block.text.splitlines():
        found = re.fullmatch(r"(\S.*?)\s+# ('.*?'|-?[\d.]+)(?:[ :].*)?", line)
        if found and "=" not in found[1]:
            yield found[1], found[2]


@pytest.mark.parametrize("page", [p for p in PAGES if any(b.language == "python" for b in blocks(p))], ids=lambda p: p.name)
def test_values_in_comments_are_the_values(page: Path, published: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(published)
    names: dict[str, object] = {}
    for block in (b for b in blocks(page) if b.language == "python"):
        exec(compile(block.text, page.name, "exec"), names)
        for expression, value in comments(block):
            found = repr(eval(expression, names))
            assert found.startswith(value.removesuffix("...")), f"{expression} is {found}, not {value}"


def test_the_readme_shows_a_session_and_python():
    languages = [b.language for b in blocks(ROOT / "README.md")]
    assert languages.count("console") >= 2
    assert "python" in languages
    assert list(comments(next(b for b in blocks(ROOT / "README.md") if b.language == "python")))


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
