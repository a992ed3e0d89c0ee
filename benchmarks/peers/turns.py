"""Sides of a comparison in turn: ours, then each peer, once a round, each in a process that stays up and waits for its turn."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Any

ROOT = Path(__file__).parents[2]
PEERS_PYTHON = ROOT / ".venv-peers" / "bin" / "python"
"""The Python of the peers' environment, which ``make bench-peers`` makes."""

READY_S = 180.0
"""Seconds that a side may take to import, compile and warm up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One timed run: its seconds, what it found, and the most memory that its process has held."""

    seconds: float
    answer: Mapping[str, float]
    peak_mb: float


class OverrunError(Exception):
    """A side took longer than it may."""


@dataclass(slots=True)
class Side:
    """A process of ``side.py``.

    Attributes:
        command: what starts it.
        versions: of the packages behind it, once it is ready.
    """

    command: Sequence[str]
    versions: Mapping[str, str] = field(default_factory=dict[str, str])
    _process: subprocess.Popen[bytes] | None = None
    _told: IO[bytes] = field(default_factory=tempfile.TemporaryFile)

    def __enter__(self) -> Side:
        environment = os.environ | {"PYTHONWARNINGS": "ignore"}
        self._process = subprocess.Popen(
            self.command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._told
        )
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.communicate()
        self._told.close()

    def ready(self) -> None:
        """Wait until it is warm."""
        self.versions = self._line(READY_S)["versions"]

    def turn(self, limit: float) -> Turn:
        """One run.

        Raises:
            OverrunError: if it takes longer than the limit; the side is of no more use then.
        """
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(b"\n")
        self._process.stdin.flush()
        return Turn(**self._line(limit))

    def _line(self, limit: float) -> dict[str, Any]:
        assert self._process is not None
        assert self._process.stdout is not None
        if not select.select([self._process.stdout], [], [], limit)[0]:
            raise OverrunError(f"over {limit:g} s")
        line = self._process.stdout.readline()
        if not line:
            self._told.seek(0)
            told = self._told.read().decode(errors="replace")
            raise RuntimeError(f"`{' '.join(self.command)}` ended before it answered:\n{told[-2000:]}")
        return json.loads(line)


def ours(task: str, warm: Path, counted: Path) -> Side:
    """Our side of a task."""
    return Side([sys.executable, "-m", "benchmarks.peers.ours", task, str(warm), str(counted)])


def theirs(task: str, peer: str, warm: Path, counted: Path) -> Side:
    """A peer's side of it.

    Raises:
        FileNotFoundError: if the peers' environment has not been made.
    """
    if not PEERS_PYTHON.exists():
        raise FileNotFoundError(f"{PEERS_PYTHON} is not there. Expected the peers' environment. `make bench-peers` makes it.")
    return Side([str(PEERS_PYTHON), "-m", "benchmarks.peers.work", task, peer, str(warm), str(counted)])
