"""Every public name has an example in its docstring, and every example is true."""

from __future__ import annotations

import doctest
import inspect
from pathlib import Path
from typing import Any

import pytest

import honestlift as hl

NAMES = [name for name in hl.__all__ if not name.startswith("_")]
FINDER = doctest.DocTestFinder(exclude_empty=True)


@pytest.fixture(scope="module")
def lift(published: Path) -> hl.Lift:
    """The answer that the examples speak of: the study of the README."""
    exposure = hl.Exposure(column="spillover_exposed")
    design = hl.ClusterDesign(unit="user_id", cluster="workspace_id", treatment="treated", exposure=exposure)
    metrics = [hl.Mean("session_minutes_obs")]
    return hl.analyze(published / "users.parquet", design, metrics, covariates=["query_confidence"], bootstrap=0, seed=7)


def examples(name: str, names: dict[str, Any]) -> list[doctest.DocTest]:
    """The examples of a public name: its own and those of its methods."""
    thing = getattr(hl, name)
    found = FINDER.find(thing, name, module=inspect.getmodule(thing), globs=names)
    return [test for test in found if test.examples]


def test_a_wrong_example_is_found():
    wrong = doctest.DocTestParser().get_doctest(">>> 1 + 1\n3\n", {}, "wrong", None, None)
    assert doctest.DocTestRunner(verbose=False).run(wrong, out=lambda _: None).failed == 1


@pytest.mark.parametrize("name", NAMES)
def test_examples_are_true(name: str, lift: hl.Lift, published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "users.parquet").symlink_to(published / "users.parquet")
    monkeypatch.chdir(tmp_path)
    found = examples(name, {"hl": hl, "lift": lift})
    assert found, f"{name} has no example in its docstring"
    said: list[str] = []
    for test in found:
        doctest.DocTestRunner(verbose=False).run(test, out=said.append)
    assert not said, "".join(said)
