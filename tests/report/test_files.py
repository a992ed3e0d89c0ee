"""Files in whole pieces: an interruption anywhere leaves all old files or all new ones, and nothing else."""

from __future__ import annotations

import os
import shutil
import signal
import threading
from pathlib import Path

import pytest

from honestlift.errors import ReportError
from honestlift.report.files import deferred, write_files

NEW = {"result.json": b"new result", "report.html": b"new page"}


def there(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in sorted(folder.iterdir())}


def targets(folder: Path) -> dict[Path, bytes]:
    return {folder / name: content for name, content in NEW.items()}


def old(folder: Path) -> dict[str, bytes]:
    for name in NEW:
        (folder / name).write_bytes(b"old " + name.encode())
    return there(folder)


def breaks(monkeypatch: pytest.MonkeyPatch, module: object, name: str, at: int, how: BaseException) -> None:
    """The ``at``-th call of a function raises."""
    real, calls = getattr(module, name), [0]

    def function(*args: object, **named: object) -> object:
        calls[0] += 1
        if calls[0] == at:
            raise how
        return real(*args, **named)

    monkeypatch.setattr(module, name, function)


def test_both_or_none(tmp_path: Path):
    folder = tmp_path / "new" / "deep"
    write_files(targets(folder))
    assert there(folder) == NEW
    mask = os.umask(0)
    os.umask(mask)
    assert all(p.stat().st_mode & 0o777 == 0o666 & ~mask for p in folder.iterdir())


STEPS = [("mkdir", 1), ("mkstemp", 1), ("mkstemp", 2), ("chmod", 1), ("chmod", 2), ("replace", 1), ("replace", 2), ("link", 2)]


@pytest.mark.parametrize("how", [KeyboardInterrupt(), OSError(28, "No space left on device")], ids=["interrupted", "disk full"])
@pytest.mark.parametrize("before", [True, False], ids=["old files there", "none there"])
@pytest.mark.parametrize(("step", "at"), STEPS)
def test_a_break_at_any_step_leaves_the_old_pair(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, at: int, before: bool, how: BaseException
):
    was = old(tmp_path) if before else {}
    if step == "link" and (not before or isinstance(how, OSError)):
        pytest.skip("nothing to keep, or a copy is made instead")
    modules = {"mkdir": Path, "mkstemp": __import__("tempfile")}
    breaks(monkeypatch, modules.get(step, os), step, at, how)
    with pytest.raises(KeyboardInterrupt if isinstance(how, KeyboardInterrupt) else ReportError):
        write_files(targets(tmp_path))
    assert there(tmp_path) == was


def test_a_rename_that_fails_puts_the_first_file_back(tmp_path: Path):
    (tmp_path / "result.json").write_bytes(b"old")
    before = there(tmp_path)
    breaking = tmp_path / "gone"
    with pytest.MonkeyPatch.context() as patch:
        breaks(patch, os, "replace", 2, OSError(21, "Is a directory"))
        with pytest.raises(ReportError, match="gone' cannot be written: Is a directory"):
            write_files({tmp_path / "result.json": b"new", breaking: b"new"})
    assert there(tmp_path) == before


def test_where_there_are_no_hard_links_a_copy_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    was = old(tmp_path)
    monkeypatch.setattr(os, "link", lambda *_, **__: (_ for _ in ()).throw(OSError(1, "Operation not permitted")))
    breaks(monkeypatch, os, "replace", 2, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        write_files(targets(tmp_path))
    assert there(tmp_path) == was
    write_files(targets(tmp_path))
    assert there(tmp_path) == NEW


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_between_the_renames_waits_until_both_are_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
):
    old(tmp_path)
    monkeypatch.setattr(signal, "raise_signal", raised := [].append) if number != signal.SIGINT else None
    real = os.replace

    def replace(a: str, b: str) -> None:
        real(a, b)
        os.kill(os.getpid(), number)

    monkeypatch.setattr(os, "replace", replace)
    if number == signal.SIGINT:
        with pytest.raises(KeyboardInterrupt):
            write_files(targets(tmp_path))
    else:
        write_files(targets(tmp_path))
        assert raised.__self__ == [number]
    assert there(tmp_path) == NEW


def test_handlers_are_put_back_and_a_second_signal_does_not_break_the_cleaning():
    before = [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    done: list[str] = []

    def twice() -> None:
        with deferred():
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)
            done.append("block")

    with pytest.raises(KeyboardInterrupt):
        twice()
    assert done == ["block"]
    assert [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)] == before


def test_another_thread_writes_too(tmp_path: Path):
    thread = threading.Thread(target=write_files, args=(targets(tmp_path),))
    thread.start()
    thread.join()
    assert there(tmp_path) == NEW


def test_a_link_is_replaced_and_what_it_led_to_stays(tmp_path: Path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    (tmp_path / "a" / "kept").write_bytes(b"kept")
    os.symlink(tmp_path / "a" / "kept", tmp_path / "b" / "result.json")
    write_files(targets(tmp_path / "b"))
    assert there(tmp_path / "b") == NEW
    assert there(tmp_path / "a") == {"kept": b"kept"}
    shutil.rmtree(tmp_path / "b")
