"""Help that begins with examples, and a misspelt command that is answered with the nearest."""

from __future__ import annotations

import inspect
import re
from typing import Any

import click

from honestlift.errors.root import nearest


class Command(click.Command):
    """A command whose help shows the examples of its docstring before anything else."""

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The examples, then what the command does."""
        _examples_first(self, ctx, formatter)


class Commands(click.Group):
    """A group whose commands are ``Command``s, in the order in which they were added."""

    command_class = Command

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The examples, then what the program does."""
        _examples_first(self, ctx, formatter)

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  click's signature
        return list(self.commands)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        """The command of that name.

        Raises:
            click.UsageError: if there is none; the nearest is named, or all are.
        """
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as wrong:
            if args and not args[0].startswith("-"):
                raise click.UsageError(f"There is no command {args[0]!r}. {nearest(args[0], self.commands)}", ctx) from wrong
            raise


def _examples_first(shown: click.Command, ctx: click.Context, formatter: click.HelpFormatter) -> None:
    examples, rest = split(shown.help or "")
    if examples:
        with formatter.section("Examples"):
            for line in examples:
                formatter.write(f"{' ' * formatter.current_indent}{line}\n")
    click.Command(shown.name, help=rest).format_help_text(ctx, formatter)


def split(help_text: str) -> tuple[list[str], str]:
    """The lines of the examples at the end of a help text, and the text without them."""
    text = inspect.cleandoc(help_text)
    found = re.search(r"\n*\x08?\nExamples?:\n((?:  .*(?:\n|$))+)\s*$", "\n" + text)
    if found is None:
        return [], text
    return [line[2:] for line in found[1].splitlines()], ("\n" + text)[: found.start()].strip("\n")


def command(**options: Any) -> Any:
    """``click.command`` for a command of this house."""
    return click.command(cls=Command, **options)
