"""The committed notebooks are what their sources say and give: executed anew, every assertion holds and every output is the same."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
from docs.make.notebooks import SOURCES, executed, from_source
from nbclient.exceptions import CellExecutionError

MOST = 400_000
"""Bytes of a notebook: no megabyte pictures."""


def committed(source: Path) -> Any:
    return nbformat.read(source.with_suffix(".ipynb"), as_version=4)


def texts(notebook: Any) -> list[list[str]]:
    """What each cell prints and shows as text; a picture counts by its kind, since its bytes go with the version of a library."""
    return [
        [
            o["text"] if "text" in o else "image" if "image/png" in o["data"] else o["data"]["text/plain"]
            for o in cell.get("outputs", [])
        ]
        for cell in notebook.cells
    ]


def test_there_are_two_studies():
    assert [s.stem for s in SOURCES] == ["collaboration", "opt_in"]


def test_cells_are_read_as_they_are_written():
    made = from_source('"""Head."""\n\n# %% [markdown]\n# # A\n#\n# one\n# two\n#\n# - x\n# - y\n\n# %%\na = 1\n\na\n')
    assert [(c.cell_type, c.source) for c in made.cells] == [("markdown", "# A\n\none two\n\n- x\n- y"), ("code", "a = 1\n\na")]
    assert [c.id for c in made.cells] == ["cell-00", "cell-01"]


def test_an_assertion_that_fails_stops_the_notebook():
    with pytest.raises(CellExecutionError, match="AssertionError"):
        executed(from_source("# %%\nassert 1 == 2\n"))


@pytest.mark.parametrize("source", SOURCES, ids=lambda s: s.stem)
def test_a_notebook_is_its_source_with_what_it_gives(source: Path):
    kept, made = committed(source), executed(from_source(source.read_text(encoding="utf-8")))
    remake = "run `make regenerate` and commit what it made"
    assert [c.source for c in kept.cells] == [c.source for c in made.cells], remake
    assert texts(kept) == texts(made), remake
    assert nbformat.validator.isvalid(kept)
    assert not [o for c in kept.cells for o in c.get("outputs", []) if o.output_type == "error" or o.get("name") == "stderr"]


@pytest.mark.parametrize("source", SOURCES, ids=lambda s: s.stem)
def test_a_notebook_is_small_asserts_and_links_to_what_is_there(source: Path):
    path = source.with_suffix(".ipynb")
    text = path.read_text(encoding="utf-8")
    assert len(text) < MOST
    assert str(Path.home()) not in text
    assert source.read_text(encoding="utf-8").count("\nassert ") > 20
    for cell in committed(source).cells:
        for target in re.findall(r"\]\((?!https?:|#)([^)\s#]+)", cell.source if cell.cell_type == "markdown" else ""):
            assert (path.parent / target).exists(), target
