"""Every help text begins with examples; a misspelt command is answered; shells complete; the reference names everything."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest

from honestlift.cli import commands
from honestlift.cli.help import split

SCRIPT = Path(sys.executable).with_name("honestlift")
REFERENCE = (Path(__file__).parents[2] / "docs" / "reference" / "cli.md").read_text(encoding="utf-8")


def options(command: click.Command) -> set[str]:
    """Every spelling of every option."""
    return {name for p in command.params if isinstance(p, click.Option) for name in (*p.opts, *p.secondary_opts)}


@pytest.mark.parametrize("name", ["", *commands.commands])
def test_help_begins_with_examples_that_the_command_takes(cli, name: str):
    ended = cli(*([name] if name else []), "--help")
    assert ended.code == 0
    assert ended.out.splitlines()[2] == "Examples:"
    assert ended.out.index("Examples:") < ended.out.index("Options:")
    examples, rest = split((commands.commands[name] if name else commands).help or "")
    assert examples
    assert "Example" not in rest
    for line in examples:
        words = shlex.split(re.sub(r"\s{2,}.*|[|>].*", "", line.strip()))
        assert words[0] == "honestlift"
        assert words[1] == (name or words[1])
        used = {w.partition("=")[0] for w in words[2:] if w.startswith("-")}
        assert used <= options(commands.commands[words[1]]), line


def test_a_text_without_examples_stays_whole():
    assert split("A text.\n\nMore.") == ([], "A text.\n\nMore.")
    assert split("A text.\n\n\b\nExample:\n  honestlift x\n") == (["honestlift x"], "A text.")


@pytest.mark.parametrize(
    ("typed", "said"), [("gaet", "'gate'"), ("chek", "'check'"), ("RUN", "'run'"), ("xyz", "It has: demo, init")]
)
def test_a_misspelt_command_is_answered_with_the_nearest(cli, typed: str, said: str):
    ended = cli(typed)
    assert ended.code == 2
    assert f"There is no command {typed!r}." in ended.err
    assert said in ended.err


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_completion_script_calls_back(cli, shell: str):
    ended = cli("completion", shell)
    assert ended.code == 0
    assert f"_HONESTLIFT_COMPLETE={shell}_complete" in ended.out
    assert cli("completion", "tcsh").code == 2


def test_bash_takes_the_script(cli):
    script = cli("completion", "bash").out
    ended = subprocess.run(["bash", "-n"], input=script.encode(), capture_output=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, b"")


@pytest.mark.parametrize(
    ("line", "found"), [("honestlift ga", "gate"), ("honestlift run --js", "--json"), ("honestlift completion f", "fish")]
)
def test_commands_options_and_choices_are_completed(line: str, found: str, tmp_path: Path):
    variables = {"_HONESTLIFT_COMPLETE": "bash_complete", "COMP_WORDS": line, "COMP_CWORD": str(len(line.split()) - 1)}
    ended = subprocess.run([SCRIPT], env={**os.environ, **variables}, capture_output=True, cwd=tmp_path, check=False)
    assert ended.stdout.decode().splitlines() == [f"plain,{found}"], ended.stderr


@pytest.mark.parametrize("name", list(commands.commands))
def test_the_reference_names_every_command_option_and_choice(name: str):
    command = commands.commands[name]
    found = re.search(rf"^### `{name}`\n(.*?)(?=^##|\Z)", REFERENCE, re.DOTALL | re.MULTILINE)
    assert found is not None, f"docs/reference/cli.md has no section of {name}"
    told = set(re.findall(r"`(--?[\w-]+)", found[1]))
    assert told == options(command) - {"--help"}
    for p in command.params:
        if isinstance(p.type, click.Choice):
            assert all(f"`{choice}`" in found[1] for choice in p.type.choices)
    assert (command.short_help or "").rstrip(".") in found[1]


def test_the_reference_names_no_other_command():
    assert re.findall(r"^### `(\S+)`$", REFERENCE, re.MULTILINE) == list(commands.commands)


@pytest.mark.parametrize("code", [0, 1, 2, 3, 70, 130])
def test_the_reference_has_every_exit_code(code: int):
    assert re.search(rf"^\| {code} \|", REFERENCE, re.MULTILINE)
