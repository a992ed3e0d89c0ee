"""What became of users where tables were joined: who was left out, who moved, whose window is not over."""

from __future__ import annotations

from collections.abc import Sequence

from honestlift.report import words
from honestlift.result import Check
from honestlift.source.table import Note

MOST = 0.05
"""Share of the users above which those who are left out, or have moved, could matter."""


def joined_tables(notes: Sequence[Note], users: int) -> list[Check]:
    """The rules that were needed, and for how many; nothing where no table was joined.

    Args:
        notes: what became of users, in the order of the walk.
        users: how many are in the study.
    """
    if not notes:
        return []
    events = [n for n in notes if n.reason.startswith("events ")]
    people = [n for n in notes if n not in events]
    out = sum(n.users for n in people if n.dropped)
    moved = sum(n.users for n in people if not n.dropped and n.reason.startswith(("in several", "joined after")))
    share = (out + moved) / max(users + out, 1)
    told = [f"{words.clean(n.reason)}: {n.users:,}" for n in [*people, *events]]
    level = "caution" if share > MOST else "ok"
    return [
        Check(
            code="joined_tables",
            level=level,
            statement=f"Tables were joined to one row per user; {'; '.join(told)}.",
            remedy="Find out why, and whether it happens in both arms alike: who moves, joins or stays may do so because of the feature."
            if level == "caution"
            else "",
            evidence={"users": users, "left_out": out, "moved_or_late": moved},
        )
    ]
