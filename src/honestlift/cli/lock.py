"""lock: the question is dated before outcomes are read, so that nobody need ask whether it was changed to suit them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from honestlift.cli.help import command
from honestlift.cli.report import read_result
from honestlift.cli.screen import err, out, shown, write
from honestlift.errors import PlanError, ReportError
from honestlift.plan import Lock, lock_path, read_lock, read_plan
from honestlift.version import __version__


@command(short_help="Date the plan before outcomes are read.")
@click.argument("plan", type=click.Path(dir_okay=False, path_type=Path), default="plan.yaml")
@click.option(
    "--again", is_flag=True, help="Lock a changed plan, or one whose result is there, and keep the time of the first lock."
)
def lock(plan: Path, again: bool) -> None:
    """Stamp the hash of what PLAN asks, and the time, into a small file beside it. No data are read.

    `run` compares: the result says since when the question has been locked, or that the plan has changed since. Comments, names of
    files and the order of keys may change; what is asked may not.

    \b
    Examples:
      honestlift lock plan.yaml
      honestlift lock plan.yaml --again
    """
    study, before = read_plan(plan).study, read_lock(plan)
    digest = study.sha256()
    if before is not None and before.plan_sha256 == digest and not again:
        out().print(f"{shown(plan)} has been locked since {before.locked} and is unchanged.", markup=False)
        return
    answered = _answered(plan.parent / "result.json", digest, study.name)
    if before is not None and before.plan_sha256 != digest and not again:
        raise PlanError.changed_since_lock(shown(plan), before.locked)
    if answered and not again:
        raise PlanError.answered_before_lock(shown(plan.parent / "result.json"))
    earlier = () if before is None else (*before.earlier, before.locked)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    made = Lock(plan_sha256=digest, locked=now, honestlift_version=__version__, after_result=answered, earlier=earlier)
    write(lock_path(plan), made.to_json())
    out().print(f"{shown(plan)} is locked: {digest[:12]}, {now}.", markup=False, soft_wrap=True)
    _advise(plan, answered)


def _answered(result: Path, digest: str, name: str) -> bool:
    """Whether there is a result of this plan or of an earlier state of it; one that cannot be read is taken for such a one."""
    if not result.exists():
        return False
    try:
        lift = read_result(result)
    except ReportError:
        return True
    return lift.provenance.get("plan_sha256") == digest or lift.name == name


def _advise(plan: Path, answered: bool) -> None:
    text = f"Commit {shown(lock_path(plan))} with the plan: the lock dates the question, version control shows that nobody moved the date."
    if answered:
        text = "A result was there already: locking after the fact is no lock, and the result of the next run will say so."
    err().print(text, markup=False, soft_wrap=True)


def locked_since(plan: Path, digest: str) -> tuple[str | None, bool]:
    """Since when the question of a plan has been locked (None: never, or it has changed since), and whether that was after a result.

    What the reader must know besides is said on stderr.
    """
    before = read_lock(plan)
    if before is None:
        return None, False
    if before.plan_sha256 != digest:
        text = f"{shown(plan)} has changed since it was locked on {before.locked}: this result answers another question than the "
        text += "locked one, and is not locked."
        if before.honestlift_version != __version__:
            text += (
                f" (It was locked by version {before.honestlift_version}; this is {__version__}, which may hash it otherwise.)"
            )
        err().print(text, markup=False, soft_wrap=True)
        return None, False
    if before.after_result:
        text = f"{shown(plan)} was locked on {before.locked}, when a result was there already: locking after the fact is no lock."
        err().print(text, markup=False, soft_wrap=True)
    return before.locked, before.after_result
