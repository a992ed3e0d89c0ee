"""The console script as a process: streams of any encoding, closed, full or no longer read, and Ctrl-C."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest

from honestlift import __version__
from honestlift.cli import screen
from honestlift.cli.screen import as_json, require_writable, shown, write
from honestlift.errors import ReportError

SCRIPT = [sys.executable, "-W", "error", "-m", "honestlift"]


def process(*args: str, folder: Path, env: dict[str, str] | None = None, shell: str = "") -> subprocess.CompletedProcess[bytes]:
    """A run of the console script; ``shell`` comes after the command, e.g. a redirection."""
    variables = {**os.environ, "PYTHONUTF8": "0", **(env or {})}
    if shell:
        line = " ".join([*SCRIPT, *args, shell])
        return subprocess.run(["bash", "-c", line], cwd=folder, env=variables, capture_output=True, check=False, timeout=60)
    return subprocess.run([*SCRIPT, *args], cwd=folder, env=variables, capture_output=True, check=False, timeout=60)


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_a_terminal_of_any_encoding_shows_the_answer(study: Path, encoding: str):
    ended = process("run", "plan.yaml", "-q", folder=study, env={"PYTHONIOENCODING": encoding})
    assert (ended.returncode, ended.stderr) == (0, b"")
    text = ended.stdout.decode(encoding)
    assert "Likely, with caveats." in text
    assert "0.67" in text
    assert ("◆" in text) is (encoding == "utf-8")


def test_json_is_utf_8_whatever_the_terminal(study: Path):
    plan = study / "plan.yaml"
    plan.write_text(plan.read_text(encoding="utf-8").replace("AI meeting notes", "Notizen 分析 🎉"), encoding="utf-8")
    ended = process("run", "plan.yaml", "-q", "--json", folder=study, env={"PYTHONIOENCODING": "ascii"})
    assert ended.returncode == 0
    assert json.loads(ended.stdout.decode("utf-8"))["name"] == "Notizen 分析 🎉"


def test_a_reader_that_leaves_early_is_no_error(study: Path):
    ended = process("run", "plan.yaml", "--json", "-q", folder=study, shell="| head -c 5; exit ${PIPESTATUS[0]}")
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, b'{\n  "', b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_behind_stdout_is_said_without_a_traceback(study: Path):
    ended = process("run", "plan.yaml", "-q", folder=study, shell="> /dev/full")
    assert ended.returncode == 2
    assert b"Traceback" not in ended.stderr


@pytest.mark.parametrize("closed", [">&-", ">&- 2>&-"])
def test_closed_streams_do_no_harm(study: Path, closed: str):
    ended = process("run", "plan.yaml", folder=study, shell=closed)
    assert ended.returncode == 0
    assert b"Traceback" not in ended.stderr
    assert json.loads((study / "result.json").read_text(encoding="utf-8"))["kind"] == "cluster"


@pytest.mark.parametrize("variables", [{"NO_COLOR": "1", "FORCE_COLOR": "1"}, {}])
def test_no_colour_where_none_is_wanted(study: Path, variables: dict[str, str]):
    ended = process("run", "plan.yaml", folder=study, env=variables)
    assert ended.returncode == 0
    assert not re.search(rb"\x1b\[(\d;)*[349]\d", ended.stdout)  # bold and dim are no colours
    if "FORCE_COLOR" not in variables:
        assert b"\x1b" not in ended.stdout + ended.stderr


def test_colour_where_it_is_forced(study: Path):
    ended = process("run", "plan.yaml", "-q", folder=study, env={"FORCE_COLOR": "1", "TERM": "xterm-256color", "NO_COLOR": ""})
    assert b"\x1b[33m" in ended.stdout or b"\x1b[1;33m" in ended.stdout


def test_ctrl_c_in_the_middle_of_a_query_exits_130(tmp_path: Path):
    """The engine, not Python, is at work when the signal comes: a join of two million rows with themselves."""
    code = (
        "import sys, click, duckdb\nfrom honestlift.cli.screen import exit_with\n"
        "@click.command()\n"
        "def slow():\n"
        "    print('ready', flush=True)\n"
        "    duckdb.sql('select sum(a.range * b.range) from range(2000000) a, range(2000000) b').fetchall()\n"
        "sys.argv = ['slow']; exit_with(slow)\n"
    )
    started = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path)
    assert started.stdout is not None
    assert started.stdout.readline() == b"ready\n"
    time.sleep(0.3)
    started.send_signal(signal.SIGINT)
    _, err = started.communicate(timeout=30)
    assert started.returncode == 130, err
    assert err == b"Interrupted. No file was left half-written.\n"


def test_no_command_prints_help_and_version_prints_itself(cli):
    assert cli().code == 2
    assert cli("--version").out == f"honestlift, version {__version__}\n"
    for command in ("demo", "init", "run", "assign", "simulate"):
        assert "Example" in cli(command, "--help").out


def test_write_is_all_or_nothing(tmp_path: Path):
    write(tmp_path / "a" / "b.txt", "été")
    assert (tmp_path / "a" / "b.txt").read_bytes() == "été".encode()
    write(tmp_path / "a" / "b.txt", b"new")
    assert (tmp_path / "a" / "b.txt").read_bytes() == b"new"
    assert (tmp_path / "a" / "b.txt").stat().st_mode & 0o777 == 0o666 & ~_mask()
    with pytest.raises(ReportError, match="cannot be written"):
        write(tmp_path / "a", "text")
    with pytest.raises(UnicodeEncodeError):
        write(tmp_path / "a" / "b.txt", "\ud800")
    assert [p.name for p in (tmp_path / "a").iterdir()] == ["b.txt"]
    assert (tmp_path / "a" / "b.txt").read_bytes() == b"new"


def test_devices_and_pipes_are_written_to_and_not_replaced(tmp_path: Path):
    before = os.stat("/dev/null")
    require_writable(Path("/dev/null"))
    write(Path("/dev/null"), "text")
    assert os.stat("/dev/null").st_rdev == before.st_rdev
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    write(tmp_path / "pipe", "text")
    assert os.read(reader, 10) == b"text"
    os.close(reader)


def _mask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_require_writable_looks_at_the_closest_folder_that_is_there(tmp_path: Path):
    require_writable(tmp_path / "new" / "deep" / "file.json")
    assert not (tmp_path / "new").exists()
    with pytest.raises(click.ClickException, match="Is a directory"):
        require_writable(tmp_path)


def test_paths_are_shown_as_one_would_type_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    assert shown(tmp_path / "plan.yaml") == "plan.yaml"
    assert shown(Path("a\x1b[31m.yaml")) == "a [31m.yaml"
    assert shown(Path("/etc/x.yaml")) == "/etc/x.yaml"


def test_json_text_keeps_letters_and_ends_its_line():
    assert as_json({"é": 1}) == '{\n  "é": 1\n}\n'


def test_the_line_of_a_stage_says_how_far_its_scan_is(monkeypatch: pytest.MonkeyPatch):
    line = screen.Stage("Profiling columns")
    assert line.__rich__().plain == "Profiling columns …"
    for share, told in ((0.0, "  0%"), (0.42, " 42%"), (1.0, "100%")):
        monkeypatch.setattr(screen, "progress", lambda at=share: at)
        assert line.__rich__().plain == f"Profiling columns … {told}"
