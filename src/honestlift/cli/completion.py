"""completion: the script by which a shell completes commands, options and files."""

from __future__ import annotations

from typing import Literal

import click
from click.shell_completion import get_completion_class

from honestlift.cli.help import command

NAME, VARIABLE = "honestlift", "_HONESTLIFT_COMPLETE"


@command(short_help="Print the completion script of a shell.")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: Literal["bash", "zsh", "fish"]) -> None:
    """Print the script by which SHELL completes honestlift's commands, options and files. Let the shell read it as it starts.

    \b
    Examples:
      honestlift completion bash >> ~/.bashrc
      honestlift completion zsh >> ~/.zshrc
      honestlift completion fish > ~/.config/fish/completions/honestlift.fish
    """
    made = get_completion_class(shell)
    assert made is not None
    script = made(context.find_root().command, {}, NAME, VARIABLE)
    click.echo((script.source_template % script.source_vars()).strip())
