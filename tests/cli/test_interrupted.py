"""run interrupted at every stage: exit 130, and the old result and page, or the new ones, and nothing else in the folder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from honestlift.report.files import SIGNALS
from honestlift.starting import is_command

ROWS = "user,ws,d,y\n" + "".join(f"{i},{i // 4},{i // 4 % 2},{(i * 37 % 11) + 3 * (i // 4 % 2)}\n" for i in range(48))
PLAN = "data: rows.csv\nunit: user\ndesign: {kind: cluster, cluster: ws, treatment: d}\nmetrics: [y]\nbootstrap: 20\n"
OLD = {"result.json": b"old result", "report.html": b"old page"}
SOURCES = {"rows.csv", "plan.yaml"}
STAGES = [
    *("Counting users per workspace", "Looking for repeated users", "Profiling columns", "Summing within workspaces"),
    *("Estimating", "Checking", "Tabulating", "Making the page"),
]

DRIVER = """\
import os, sys, time
import honestlift.cli.screen as screen, honestlift.report.files as files, honestlift.cli.run as run
from contextlib import contextmanager

where, halted = sys.argv.pop(1), [0]
def halt(name):
    if name == where:
        print("here", flush=True)
        end = time.monotonic() + 20
        while time.monotonic() < end:
            time.sleep(0.01)
            if name.startswith("rename"):
                halted[0] += 1
                if halted[0] > 50:
                    return

@contextmanager
def stages(quiet):
    yield halt
sys.modules["honestlift.cli.run"].stages = stages
prepare, link, replace, count = files._prepare, os.link, os.replace, [0]
def slow_prepare(path, content, made):
    prepare(path, content, made)
    halt("written " + path.name)
def slow_replace(a, b):
    replace(a, b)
    halt("renamed " + os.path.basename(b))
files._prepare, os.replace = slow_prepare, slow_replace
from honestlift.cli import main
main()
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "rows.csv").write_text(ROWS, encoding="utf-8")
    (tmp_path / "plan.yaml").write_text(PLAN, encoding="utf-8")
    for name, content in OLD.items():
        (tmp_path / name).write_bytes(content)
    return tmp_path


def state(folder: Path) -> str:
    """``old`` or ``new``; anything else fails."""
    assert {p.name for p in folder.iterdir()} == SOURCES | set(OLD)
    old = [(folder / name).read_bytes() == content for name, content in OLD.items()]
    assert all(old) or not any(old), "the result is of another run than the page"
    return "old" if all(old) else "new"


def interrupted(folder: Path, where: str, number: signal.Signals) -> tuple[int, str]:
    """A run that gets a signal at a place: its exit code, and what it said last."""
    started = subprocess.Popen(
        [sys.executable, "-c", DRIVER, where, "run", "plan.yaml"],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONUTF8": "1"},
    )
    assert started.stdout is not None
    assert started.stdout.readline() == b"here\n"
    started.send_signal(number)
    _, err = started.communicate(timeout=60)
    return started.returncode, err.decode().lstrip("\n")


@pytest.mark.parametrize("stage", STAGES)
def test_an_interruption_as_a_stage_begins_leaves_the_old_pair(cli, folder: Path, monkeypatch: pytest.MonkeyPatch, stage: str):
    from contextlib import contextmanager

    def halt(name: str) -> None:
        if name == stage:
            raise KeyboardInterrupt

    @contextmanager
    def stages(_: bool):
        yield halt

    monkeypatch.setattr(sys.modules["honestlift.cli.run"], "stages", stages)
    assert cli("run", folder / "plan.yaml").code == 130
    assert state(folder) == "old"


PLACES = [("Summing within workspaces", "old"), ("Making the page", "old"), ("written result.json", "old")]
PLACES += [("written report.html", "old"), ("renamed result.json", "new"), ("renamed report.html", "new")]


@pytest.mark.parametrize(("where", "left"), PLACES)
def test_ctrl_c_leaves_the_old_pair_or_the_new_one(folder: Path, where: str, left: str):
    code, said = interrupted(folder, where, signal.SIGINT)
    assert (code, said) == (130, "Interrupted. No file was left half-written.\n")
    assert state(folder) == left


ASKED = [("SIGTERM", *PLACES[0]), ("SIGTERM", *PLACES[3]), ("SIGTERM", *PLACES[4]), ("SIGHUP", *PLACES[3])]


@pytest.mark.parametrize(("name", "where", "left"), ASKED)
def test_so_does_being_asked_to_end(folder: Path, name: str, where: str, left: str):
    number = signal.Signals[name]
    assert number in SIGNALS
    code, said = interrupted(folder, where, number)
    assert (code, said) == (130, "Interrupted. No file was left half-written.\n")
    assert state(folder) == left


def test_what_was_to_be_ignored_stays_ignored(folder: Path):
    """As under nohup."""
    code = "import signal, sys; signal.signal(signal.SIGHUP, signal.SIG_IGN)\n" + DRIVER
    started = subprocess.Popen(
        [sys.executable, "-c", code, "renamed result.json", "run", "plan.yaml"],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert started.stdout is not None
    assert started.stdout.readline() == b"here\n"
    started.send_signal(signal.SIGHUP)
    _, err = started.communicate(timeout=60)
    assert (started.returncode, state(folder)) == (0, "new"), err


LOADING = """\
import importlib.abc, sys, time

class Slow(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "honestlift.report.html":
            print("here", flush=True)
            time.sleep(20)

sys.meta_path.insert(0, Slow())
from honestlift.cli import main
main()
"""

SCANNING = """\
import honestlift.cli.screen as screen
from honestlift.cli.help import command
from honestlift.source.engine import Limits, engine

@command()
def scan():
    print("here", flush=True)
    engine(Limits()).sql("SELECT sum(hash(range)) FROM range(1000000000000)").fetchall()
screen.exit_with(scan)
"""

SWALLOWING = """\
import time
import honestlift.cli.screen as screen
from honestlift.cli.help import command

@command()
def deaf():
    print("here", flush=True)
    try:
        time.sleep(20)
    except KeyboardInterrupt:
        pass
    time.sleep(20)
screen.exit_with(deaf)
"""


@pytest.mark.parametrize("script", [LOADING, SCANNING, SWALLOWING], ids=["loading", "in a scan", "in a library that is deaf"])
def test_ctrl_c_is_heard_at_any_moment(tmp_path: Path, script: str):
    """While modules are loaded, in the middle of a scan, and where a library loses the exception."""
    path = tmp_path / "honestlift"
    path.write_text(script, encoding="utf-8")
    started = subprocess.Popen([sys.executable, str(path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert started.stdout is not None
    assert started.stdout.readline() == b"here\n"
    time.sleep(0.1)
    started.send_signal(signal.SIGINT)
    _, err = started.communicate(timeout=15)
    assert (started.returncode, err.decode().lstrip("\n")) == (130, "Interrupted. No file was left half-written.\n")


def test_a_scan_that_spills_leaves_nothing_when_it_is_interrupted(folder: Path):
    spill = folder.parent / f"{folder.name}-spill"
    spill.mkdir()
    started = subprocess.Popen(
        [
            sys.executable,
            "-c",
            DRIVER,
            "Summing within workspaces",
            "run",
            "plan.yaml",
            "--memory-limit",
            "1GB",
            "--spill",
            spill,
        ],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert started.stdout is not None
    assert started.stdout.readline() == b"here\n"
    assert [p.name.split("-")[0] for p in spill.iterdir()] == ["honestlift"]
    started.send_signal(signal.SIGINT)
    _, err = started.communicate(timeout=60)
    assert (started.returncode, list(spill.iterdir())) == (130, []), err


@pytest.mark.parametrize(
    ("name", "started", "is_it"),
    [
        ("/usr/bin/honestlift", [], True),
        ("C:/Scripts/honestlift.exe", [], True),
        ("-m", ["python", "-m", "honestlift", "run"], True),
        ("-m", ["python", "-m", "pytest"], False),
        ("-m", ["python", "-m"], False),
        ("", ["python"], False),
        ("/home/me/study.py", ["python", "study.py"], False),
    ],
)
def test_only_the_command_line_answers_while_it_is_loaded(name: str, started: list[str], is_it: bool):
    assert is_command(name, started) is is_it
