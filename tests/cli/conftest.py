"""Running a command in this process, as the console script runs it, in a folder of its own."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from honestlift.cli import commands
from honestlift.cli.screen import _code


@dataclass(frozen=True)
class Ended:
    """How a command ended: its exit code and what it printed."""

    code: int
    out: str
    err: str


Cli = Callable[..., Ended]


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    monkeypatch.setenv("COLUMNS", "120")

    def run(*args: object) -> Ended:
        monkeypatch.setattr(sys, "argv", ["honestlift", *map(str, args)])
        code = _code(commands)
        printed = capsys.readouterr()
        return Ended(code, printed.out, printed.err)

    return run


@pytest.fixture
def study(published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in with the published rows and their plan."""
    os.symlink(published / "users.parquet", tmp_path / "users.parquet")
    shutil.copy(published / "plan.yaml", tmp_path / "plan.yaml")
    monkeypatch.chdir(tmp_path)
    return tmp_path
