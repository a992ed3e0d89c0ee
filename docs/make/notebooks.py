"""Notebooks from their sources: Python files with `# %%` cells become executed .ipynb files beside them."""

from __future__ import annotations

import re
from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from traitlets.config import Config

HERE = Path(__file__).parents[1] / "notebooks"
SOURCES = sorted(HERE.glob("*.py"))
MARKER = re.compile(r"^# %%(?: \[(markdown)\])?\n", re.MULTILINE)
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def from_source(text: str) -> NotebookNode:
    """The notebook that a source says, not yet executed; what stands before the first cell is for the source's reader alone."""
    parts = MARKER.split(text)[1:]
    cells = []
    for i, (kind, body) in enumerate(zip(parts[::2], parts[1::2], strict=True)):
        if kind == "markdown":
            prose = "\n".join(line.removeprefix("#").removeprefix(" ") for line in body.strip().splitlines())
            cells.append(new_markdown_cell(_unwrapped(prose), id=f"cell-{i:02}"))
        else:
            cells.append(new_code_cell(body.strip(), id=f"cell-{i:02}"))
    return new_notebook(cells=cells, metadata=METADATA)


def executed(notebook: NotebookNode) -> NotebookNode:
    """The notebook with its outputs, without clocks or names of this machine.

    Raises:
        nbclient.exceptions.CellExecutionError: if a cell fails, for one because an assertion does not hold.
    """
    with TemporaryDirectory() as folder:  # also for the sockets, so that no port is opened
        config = Config({"KernelManager": {"transport": "ipc", "ip": f"{folder}/kernel"}})
        place = {"metadata": {"path": folder}}
        NotebookClient(
            notebook, timeout=300, kernel_name="python3", record_timing=False, resources=place, config=config
        ).execute()
    notebook.metadata = METADATA
    return notebook


def make() -> list[Path]:
    """Execute every source and write its notebook beside it."""
    made = []
    for source in SOURCES:
        target = source.with_suffix(".ipynb")
        notebook = executed(from_source(source.read_text(encoding="utf-8")))
        target.write_text(nbformat.writes(notebook) + "\n", encoding="utf-8")
        made.append(target)
    return made


def _unwrapped(prose: str) -> str:
    """Paragraphs on one line each, since notebooks are read in windows of any width; headings, lists and tables keep their lines."""
    paragraphs = prose.split("\n\n")
    return "\n\n".join(p if p.startswith(("#", "-", "|")) else p.replace("\n", " ") for p in paragraphs)
