"""Screens, files and exit codes that all commands share."""

from __future__ import annotations

import errno
import io
import json
import os
import signal
import sys
import threading
import traceback
from _thread import interrupt_main
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import click
from rich.console import Console
from rich.text import Text

from honestlift.errors import HonestliftError
from honestlift.report import words
from honestlift.report.files import SIGNALS, is_special, write_files
from honestlift.source.engine import interrupt, progress, tidy, watch
from honestlift.source.failure import is_interrupted

CANNOT_RUN, INTERNAL, INTERRUPTED = 2, 70, 130

INSIST = 0.5
"""Seconds after which a process that was asked to end, and has not begun to, is asked again."""


def out() -> Console:
    """Standard output; no colour when it is not a terminal or NO_COLOR is set."""
    return Console(highlight=False, emoji=False)


def err() -> Console:
    """Standard error, for messages and progress."""
    return Console(stderr=True, highlight=False, emoji=False)


@contextmanager
def stages(quiet: bool) -> Generator[Callable[[str], None]]:
    """What a long command is doing: a spinner on a terminal, a plain line per stage otherwise, nothing if quiet.

    On a terminal it also shows how far the scan is, asked of the engine each time the line is drawn.
    """
    console = err()
    if quiet:
        yield lambda _: None
    elif console.is_terminal:
        watch()
        with console.status("Starting") as status:
            yield lambda name: status.update(Stage(name))
    else:
        yield lambda name: click.echo(f"{name} …", err=True)


@dataclass(frozen=True, slots=True)
class Stage:
    """The line of a stage: its name, and the share of the running scan that is done, when it is drawn."""

    name: str

    def __rich__(self) -> Text:
        share = progress()
        return Text(f"{self.name} …" if share is None else f"{self.name} … {share:4.0%}")


def write(path: Path, text: str | bytes) -> None:
    """Write a whole file or none.

    Raises:
        ReportError: if it cannot be written.
    """
    write_all({path: text})


def write_all(contents: Mapping[Path, str | bytes]) -> None:
    """Write all of these files or none of them, whatever interrupts.

    Raises:
        ReportError: if one of them cannot be written.
    """
    write_files({path: text.encode() if isinstance(text, str) else text for path, text in contents.items()})


def require_apart(outputs: Iterable[Path], inputs: Iterable[Path]) -> None:
    """No output may replace what is read.

    Raises:
        click.UsageError: if one would; it is named.
    """
    read = {path.resolve() for path in inputs}
    for path in outputs:
        if path.resolve() in read:
            raise click.UsageError(f"{path} is read by this command, and would be replaced. Expected another file to write to.")


def require_writable(path: Path) -> None:
    """Look before a long run whether its result can be kept.

    Raises:
        click.ClickException: if the folder of the file, or the closest one above that is there, may not be written to.
    """
    if path.is_dir():
        raise cannot_write(path, IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR)))
    if is_special(path):
        return
    folder = next(above for above in path.absolute().parents if above.exists())
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        raise cannot_write(path, PermissionError(errno.EACCES, os.strerror(errno.EACCES if folder.is_dir() else errno.ENOTDIR)))


def cannot_write(path: Path, reason: OSError) -> click.ClickException:
    """The error for a file that could not be written in the end."""
    return click.ClickException(
        f"{str(path)!r} cannot be written: {reason.strerror}. Expected a file in a folder of yours. Use --out."
    )


def exit_with(command: click.Command) -> None:
    """Run a command, turn what it raises into a message and an exit code, and leave."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # None where the shell closed it
            stream.reconfigure(errors="replace")  # a terminal without "−" or "╭" shows a question mark, and no traceback
    heard = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]  # under nohup one stays ignored
    _answer(heard, _asked_to_end)
    try:
        code = _code(command)
        _answer(heard, signal.SIG_IGN)
    except KeyboardInterrupt:  # while the end of the command was put into words
        _answer(heard, signal.SIG_IGN)
        code = _interrupted()
    tidy()
    _answer(heard, signal.SIG_DFL)  # nobody may read what is flushed
    for stream in (sys.stdout, sys.stderr):
        try:
            if isinstance(stream, io.TextIOWrapper):
                stream.flush()
        except BrokenPipeError:
            pass
        except OSError:
            code = code or CANNOT_RUN
    # Everything is written and closed. Leave without the interpreter's teardown, in which DuckDB 2.0 reports leaks that are none.
    os._exit(code)


def _answer(numbers: Iterable[int], handler: Callable[[int, FrameType | None], None] | signal.Handlers) -> None:
    for number in numbers:
        signal.signal(number, handler)


def _asked_to_end(number: int, frame: FrameType | None) -> None:
    """Ctrl-C, and being asked to end: the running scan stops, and everything is cleaned up on the way out.

    Engines and other libraries now and then lose the exception; it comes again until the process is on its way out.
    """
    again = threading.Timer(INSIST, _ask_again, (number,))
    again.daemon = True
    again.start()
    interrupt()
    signal.default_int_handler(number, frame)


def _ask_again(number: int) -> None:
    """The signal once more, to the main thread, which may be asleep."""
    if hasattr(signal, "pthread_kill"):
        signal.pthread_kill(threading.main_thread().ident or 0, number)
    else:
        interrupt_main(signal.Signals(number))


def _code(command: click.Command) -> int:  # noqa: PLR0911  one way out for each kind of end
    try:
        result = command.main(standalone_mode=False)
    except click.exceptions.Exit as leave:
        return leave.exit_code
    except (click.Abort, KeyboardInterrupt):
        return _interrupted()
    except click.ClickException as wrong:
        wrong.show()
        return CANNOT_RUN
    except HonestliftError as wrong:
        click.echo(f"Error: {wrong}", err=True)
        return CANNOT_RUN
    except BrokenPipeError:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115  nobody reads on; nothing is left to say
        return 0
    except OSError as wrong:
        click.echo(
            f"Error: {wrong.strerror or wrong}. Expected a place that can be read and written. Make room, or use another.",
            err=True,
        )
        return CANNOT_RUN
    except Exception as wrong:
        if is_interrupted(wrong):
            return _interrupted()
        traceback.print_exc()
        click.echo("This is a bug in honestlift, not in your data. Please report the lines above.", err=True)
        return INTERNAL
    return result if isinstance(result, int) else 0


def _interrupted() -> int:
    err().print("Interrupted. No file was left half-written.")
    return INTERRUPTED


def echo_json(text: str) -> None:
    """JSON on standard output, in UTF-8 whatever the terminal's encoding is."""
    click.echo(text.encode(), nl=False)


def as_json(values: object) -> str:
    """Indented JSON with a final newline."""
    return json.dumps(values, indent=2, ensure_ascii=False) + "\n"


def shown(path: Path) -> str:
    """A path as one would type it: relative to the working folder where that is shorter."""
    relative = os.path.relpath(path)
    return words.clean(relative if len(relative) < len(str(path)) else path)
