"""Files in whole pieces: several are replaced together or not at all, whatever interrupts."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

from honestlift.errors import ReportError

SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
"""What may ask a process to end, and is held back while files are renamed."""


def write_files(contents: Mapping[Path, bytes]) -> None:
    """Write all files or none: each to a temporary file beside its place, then all are renamed, with signals held back.

    An interruption leaves the old files or the new ones, and no temporary file; only a lost power cord between two renames can
    mix them. A device or a pipe is written to as it is.

    Args:
        contents: what goes where; folders are made, old files replaced.

    Raises:
        ReportError: if a file cannot be written; then the old ones are there as they were.
    """
    made: dict[Path, Path] = {}
    try:
        for path, content in contents.items():
            with _said(path):
                if is_special(path):
                    path.write_bytes(content)
                else:
                    _prepare(path, content, made)
        with deferred():
            _replace(made)
    finally:
        with deferred():
            for temporary in made.values():
                temporary.unlink(missing_ok=True)


def is_special(path: Path) -> bool:
    """Whether there is something at the path that must not be replaced by a file: a device, a pipe, a folder."""
    return path.exists() and (path.is_relative_to("/dev") or not path.is_file())


@contextmanager
def deferred() -> Generator[None]:
    """Holds back what asks the process to end until the block is done; then it does what it would have done.

    In another thread than the main one, which signals never interrupt, it does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    before = {number: signal.signal(number, lambda n, _: came.append(n)) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        if came:
            signal.raise_signal(came[0])


@contextmanager
def _said(path: Path) -> Generator[None]:
    """An error of the file system in words that name the file."""
    try:
        yield
    except OSError as reason:
        raise ReportError.cannot_write(str(path), reason.strerror or str(reason)) from reason


def _prepare(path: Path, content: bytes, made: dict[Path, Path]) -> None:
    """The content in a temporary file beside its place, with the permissions of a new file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with deferred():
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:100]}.")
        made[path] = Path(name)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
    mask = os.umask(0)
    os.umask(mask)
    os.chmod(name, 0o666 & ~mask)


def _replace(made: Mapping[Path, Path]) -> None:
    """Rename all, and put back what was there if one rename fails."""
    kept: dict[Path, Path] = {}
    done: list[Path] = []
    try:
        for path, temporary in made.items():
            with _said(path):
                _keep(path, temporary, kept)
                os.replace(temporary, path)
            done.append(path)
    except BaseException:
        for path in done:
            if path in kept:
                os.replace(kept[path], path)
            else:
                path.unlink(missing_ok=True)
        raise
    finally:
        for old in kept.values():
            old.unlink(missing_ok=True)


def _keep(path: Path, temporary: Path, kept: dict[Path, Path]) -> None:
    """A second name for what is there, so that it can be put back."""
    if not path.exists() and not path.is_symlink():
        return
    old = temporary.with_name(temporary.name + ".old")
    kept[path] = old
    try:
        os.link(path, old, follow_symlinks=False)
    except (OSError, NotImplementedError):  # a file system without hard links
        shutil.copy2(path, old, follow_symlinks=False)
