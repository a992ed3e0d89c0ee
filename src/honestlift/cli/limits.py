"""--threads, --memory-limit, --spill and --spill-limit: what the engine may use."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import click

from honestlift.source.engine import is_amount


def limited(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options of an engine, and hand them over as one argument, ``limits``, for ``connect``."""

    @wraps(command)
    def with_limits(
        *args: Any, threads: int | None, memory_limit: str | None, spill: str | None, spill_limit: str | None, **others: Any
    ) -> Any:
        limits = {"threads": threads, "memory_limit": memory_limit, "spill": spill, "spill_limit": spill_limit}
        return command(*args, limits=limits, **others)

    for option in reversed(_OPTIONS):
        with_limits = option(with_limits)
    return with_limits


def _amount(_context: click.Context, _option: click.Parameter, value: str | None) -> str | None:
    """A number and a unit of memory, or nothing."""
    if value is not None and not is_amount(value):
        raise click.BadParameter(f"{value!r} is not an amount of memory. Expected a number and a unit, e.g. 4GB.")
    return value


_OPTIONS = (
    click.option("--threads", type=click.IntRange(1, 1024), help="Threads of the engine. The numbers do not depend on it."),
    click.option("--memory-limit", callback=_amount, help="What the engine may use before it spills to disk, e.g. 4GB."),
    click.option(
        "--spill",
        type=click.Path(exists=True, file_okay=False, writable=True),
        help="Folder to spill into; what is spilled is removed at the end [default: TMPDIR, else /var/tmp]",
    ),
    click.option("--spill-limit", callback=_amount, help="What may be spilled, e.g. 100GB [default: 90 % of the free space]"),
)
