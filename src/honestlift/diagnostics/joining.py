"""What became of users where tables were joined: who was left out, who moved, and whether this differs between the arms."""

from __future__ import annotations

from collections.abc import Sequence

from honestlift.report import words
from honestlift.result import Check, Level, Number
from honestlift.source.table import Note

MOST = 0.05
"""Share of the users above which those whom no table assigns, or who are in several clusters, could matter. A judgement."""


def joined_tables(notes: Sequence[Note], users: int) -> list[Check]:
    """The rules that were needed, and for how many; nothing where no table was joined or none was needed.

    Args:
        notes: what became of users, in the order of the walk.
        users: how many are in the study.
    """
    told = [n for n in notes if not n.arms]
    made = [_rules(told, users)] if told else []
    return made + [_alike(note) for note in notes if note.arms]


def _rules(notes: Sequence[Note], users: int) -> Check:
    people = [n for n in notes if n.dropped or n.reason.startswith("in several")]
    out = sum(n.users for n in people if n.dropped)
    moved = sum(n.users for n in people if n.reason.startswith("in several"))
    concerned = sum(n.users for n in people)
    level: Level = "caution" if concerned / max(users + out, 1) > MOST else "ok"
    told = "; ".join(f"{words.clean(n.reason)}: {n.users:,}" for n in notes)
    remedy = "Find out why, and whether it happens in both arms alike: who moves or stays may do so because of the feature."
    return Check(
        code="joined_tables",
        level=level,
        statement=f"Tables were joined to one row per user; {told}.",
        remedy=remedy if level == "caution" else "",
        evidence={"users": users, "left_out": out, "in_several_clusters": moved},
    )


def _alike(note: Note) -> Check:
    """Is a reason to be left out as frequent in every arm? A late joiner, or a logged exposure, may itself be an effect."""
    shares = [(words.clean(arm), gone / max(of, 1)) for arm, gone, of in note.arms]
    gap = max(share for _, share in shares) - min(share for _, share in shares)
    p = note.p_value
    level: Level = "ok" if p is None else "stop" if p < 0.001 and gap > 0.02 else "caution" if p < 0.01 else "ok"
    tested = f" ({words.p_value(p)} for the difference)" if p is not None else ""
    told = words.listing([f"{words.percent(share)} in {arm}" for arm, share in shares], 5)
    what = f"{words.count(note.users, 'user')}, {told}{tested}: {words.clean(note.reason)}"
    remedy = "The arms that are left are no longer the randomized ones. Find out why they differ, or keep these users: "
    remedy += "`late: keep`, no exposure table." if note.dropped else "compare with `late: drop`."
    evidence: dict[str, Number] = {"users": note.users, "gap": gap, "p_value": p}
    return Check(
        code="left_out_alike",
        level=level,
        statement=f"{what}{'; they are left out' if note.dropped else ''}.",
        remedy="" if level == "ok" else remedy,
        evidence=evidence,
    )
