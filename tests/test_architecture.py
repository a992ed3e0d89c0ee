"""The house is what ARCHITECTURE.md says it is: the tree, who imports whom, a first line in every file, and no file too long."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "honestlift"
FILES = sorted(PACKAGE.rglob("*.py"))
LONGEST_FILE, LONGEST_FUNCTION = 300, 40


def drawn_tree(text: str) -> set[str]:
    """The paths in the first fenced block that begins with the package: by indentation, a folder ends in a slash."""
    block = next(b for b in re.findall(r"```\w*\n(.*?)```", text, re.DOTALL) if b.lstrip().startswith("src/honestlift/"))
    paths: set[str] = set()
    above: list[tuple[int, str]] = []
    for line in block.splitlines()[1:]:
        found = re.match(r"([\s│├└─]*)([\w.]+/?)(\s|$)", line)
        if not found or not (found[2].endswith("/") or "." in found[2]):
            continue
        depth, name = len(found[1]), found[2]
        above = [(d, n) for d, n in above if d < depth]
        paths.add("".join(n for _, n in above) + name)
        if name.endswith("/"):
            above.append((depth, name))
    return paths


def real_tree() -> set[str]:
    """Folders with Python files, and these files; the __init__.py of a room goes without saying."""
    files = {p.relative_to(PACKAGE).as_posix() for p in FILES}
    rooms = {f"{Path(f).parent.as_posix()}/" for f in files if "/" in f}
    return rooms | {f for f in files if not (f.endswith("/__init__.py"))}


def test_the_tree_is_read_as_it_is_drawn():
    text = "```\nsrc/honestlift/\n  a.py   words a/b.py\n  room/  more\n    b.py\n      words that go on\n  c.py\n```"
    assert drawn_tree(text) == {"a.py", "room/", "room/b.py", "c.py"}
    assert drawn_tree("```text\nsrc/honestlift/\n├── a.py  words\n└── room/\n    └── b.py\n```") == {"a.py", "room/", "room/b.py"}


def test_every_file_and_room_is_in_architecture_md_and_the_reverse():
    drawn = drawn_tree((ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8"))
    real = real_tree()
    assert len(real) > 40
    assert sorted(drawn - real) == [], "ARCHITECTURE.md names what is not there"
    assert sorted(real - drawn) == [], "ARCHITECTURE.md does not name these"


def test_rooms_import_downwards_only():
    linter = Path(sys.executable).with_name("lint-imports")
    ended = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
    assert ended.returncode == 0, ended.stdout
    kept = re.search(r"(\d+) kept, 0 broken", ended.stdout)
    assert kept is not None
    assert int(kept[1]) >= 2


def test_the_contract_has_every_room_and_the_order_of_the_document():
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    rule = next(line for line in text.splitlines() if line.startswith("`cli"))
    pyproject = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    layers = re.search(r"layers = \[(.*?)\]", pyproject, re.DOTALL)
    assert layers is not None
    written = [re.findall(r"honestlift\.(\w+)", line) for line in layers[1].splitlines() if "honestlift." in line]
    assert [re.findall(r"\w+", part) for part in rule.split(" > ")] == written
    rooms = {p.name for p in PACKAGE.iterdir() if p.is_dir() and (p / "__init__.py").exists()}
    assert rooms <= {name for line in written for name in line}


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.relative_to(PACKAGE).as_posix())
def test_a_file_says_first_what_it_is_for_and_is_not_too_long(path: Path):
    text = path.read_text(encoding="utf-8")
    first = text.splitlines()[0]
    assert first.startswith('"""'), first
    assert len(first.strip('"')) > 10
    assert text.count("\n") <= LONGEST_FILE
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            told = node.body[0].end_lineno if ast.get_docstring(node) else node.lineno
            assert (node.end_lineno or 0) - (told or 0) <= LONGEST_FUNCTION, f"{node.name} has over {LONGEST_FUNCTION} lines"


@pytest.mark.parametrize("name", ["utils", "helpers", "core", "base", "misc", "common"])
def test_no_room_for_leftovers(name: str):
    assert not [p for p in PACKAGE.rglob("*") if p.stem == name]


def test_nothing_is_defined_at_the_front_door():
    tree = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    assert all(isinstance(node, ast.ImportFrom | ast.Assign | ast.Expr) for node in tree.body)


def test_the_package_says_that_it_is_typed_and_what_is_public():
    import honestlift

    assert (PACKAGE / "py.typed").exists()
    assert all(hasattr(honestlift, name) for name in honestlift.__all__)
    assert len(honestlift.__all__) == len(set(honestlift.__all__))
