"""Files of sums of different users become one: a sketch of the users finds those who stand in two of them."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from functools import reduce
from glob import glob
from itertools import combinations
from operator import add
from typing import Any

import narwhals as nw

from honestlift.errors import MomentsError
from honestlift.moments import scan
from honestlift.moments.profile import ColumnProfile
from honestlift.moments.stored import StoredMoments, column_from, profile_from
from honestlift.moments.stored_files import read_stored
from honestlift.source.buckets import with_buckets
from honestlift.source.connect import Source

KEPT, MOST_SHARES = 4096, 4096
"""Users that a sketch holds, about; and the smallest share of all users, one in so many, that it is made of."""

_PLACE = "\0place"


_JOINED = "a query joined tables for one of them, and who was left out there cannot be added"


def sketch(source: Source, unit: str, rows: int, question: str) -> dict[str, Any]:
    """Some users, chosen by a hash of their id and known by another, so that files of sums can be told apart.

    The share is a power of two, so that the users of a small share are among those of every larger one: a user of the smaller share
    who stands in both files stands in both sketches.

    Args:
        source: the rows, one per user.
        unit: column that names the user.
        rows: how many there are.
        question: goes into the hash.
    """
    one_in = min(2 ** max(0, math.ceil(math.log2(max(rows, 1) / KEPT))), MOST_SHARES)
    chosen = source if one_in == 1 else with_buckets(source, unit, one_in, _PLACE).restricted(_PLACE, [0])
    found = scan.collect(chosen.select([unit]).select(nw.col("c0").cast(nw.String))).column("c0").to_pylist()
    hashed = sorted({hashlib.sha256(f"{question}\0{v}".encode()).hexdigest()[:20] for v in found})
    return {"one_in": one_in, "users": hashed}


def read_moments(*paths: str) -> StoredMoments:
    """The sums in one or several files; those of several, which must be of different users, are added.

    Args:
        paths: parquet files as ``run --save-moments`` or a query printed by ``honestlift sql`` makes them, or globs that match some.

    Raises:
        MomentsError: if a file is not there, damaged, of another version or question, or if users stand in two files.

    Example:
        >>> design = hl.ClusterDesign(unit="user_id", cluster="workspace_id", treatment="treated")
        >>> study = hl.Study(design=design, metrics=(hl.Mean("session_minutes_obs"),), bootstrap=0)
        >>> hl.collect_moments("users.parquet", study).write("moments.parquet")
        >>> round(hl.run(hl.read_moments("moments.parquet"), study).headline().estimate, 4)
        0.6723
    """
    found = [name for path in paths for name in (sorted(glob(path, recursive=True)) or [path])]
    return merge([read_stored(name) for name in dict.fromkeys(found)])


def merge(parts: Sequence[StoredMoments]) -> StoredMoments:
    """The sums of all parts' users together, about the origin of the largest part; in any order the same to the bit.

    Raises:
        MomentsError: if the parts answer different questions, have keys of different types, or share users.
    """
    if len(parts) == 1:
        return parts[0]
    for first, second in combinations(parts, 2):
        _require_alike(first, second)
        if "facts" in first.header or "facts" in second.header:
            raise MomentsError.unlike(", ".join(first.names), ", ".join(second.names), _JOINED)
    _require_apart(parts)
    moments = reduce(add, (part.moments for part in parts))
    ranges = {m: [part.profile.columns[m] for part in parts] for m in moments.origin}
    columns = {m: column_from(moments, m, *_range(found)) for m, found in ranges.items()}
    sketched = [part.header.get("sketch") for part in parts]
    known = all(sketched)
    elsewhere = any(part.header.get("elsewhere") for part in parts)
    header: dict[str, Any] = {
        "elsewhere": elsewhere,
        **(added_facts([part.header for part in parts]) if elsewhere else {}),
        "engine": parts[0].header.get("engine", "elsewhere"),
        "one_in": max(part.header.get("one_in") or 0 for part in parts) if all(p.header.get("one_in") for p in parts) else None,
        "overlap_one_in": max(s["one_in"] for s in sketched if s) if known else None,
        "dropped": _added([part.header.get("dropped", {}) for part in parts]),
        "categories": parts[0].header.get("categories"),
        "split": parts[0].header.get("split", {}),
        "notes": _all_notes(parts),
        "caps": parts[0].header.get("caps", []),
    }
    names = tuple(sorted(name for part in parts for name in part.names))
    return StoredMoments(
        moments=moments, question=parts[0].question, profile=profile_from(moments, columns), header=header, names=names
    )


def added_facts(headers: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """What queries said of their rows, where every one of them did."""
    names = ("users", "nobody", "several", "gone")
    return {name: sum(h[name] for h in headers) for name in names if all(name in h for h in headers)}


def _require_alike(first: StoredMoments, second: StoredMoments) -> None:
    if first.question != second.question:
        raise MomentsError.another_question(second.question, first.question)
    names, a, b = (", ".join(first.names), ", ".join(second.names)), first.moments, second.moments
    if tuple(a.keys) != tuple(b.keys) or set(a.sums) != set(b.sums) or _columns(first) != _columns(second):
        raise MomentsError.unlike(*names, "their columns are not the same")
    for name in a.keys:
        kinds = [{isinstance(v, str) for v in m.keys[name].labels if v is not None} for m in (a, b)]
        if all(kinds) and kinds[0] != kinds[1]:
            raise MomentsError.unlike(*names, f"{name!r} is text in one and not in the other")


def _columns(part: StoredMoments) -> list[Any]:
    """What of the columns depends on their contents."""
    return [part.header.get("split") or None, part.header.get("categories"), part.header.get("caps") or None]


def _require_apart(parts: Sequence[StoredMoments]) -> None:
    """No user of the sketches stands in two parts."""
    for first, second in combinations(parts, 2):
        one, other = first.header.get("sketch"), second.header.get("sketch")
        if one and other:
            both = set(one["users"]) & set(other["users"])
            if both:
                raise MomentsError.overlapping(
                    ", ".join(first.names), ", ".join(second.names), len(both), max(one["one_in"], other["one_in"])
                )


def _all_notes(parts: Sequence[StoredMoments]) -> list[dict[str, Any]]:
    """What became of users in any part; what was tested in each is not known of all."""
    notes: list[dict[str, Any]] = [note for part in parts for note in part.header.get("notes") or ()]
    if len(parts) == 1:
        return notes
    made: list[dict[str, Any]] = []
    for reason, dropped in dict.fromkeys((note["reason"], note["dropped"]) for note in notes):
        same = [note for note in notes if note["reason"] == reason]
        names = dict.fromkeys(arm for note in same for arm, _, _ in note["arms"])
        arms = [[name, *(sum(a[i] for n in same for a in n["arms"] if a[0] == name) for i in (1, 2))] for name in names]
        users = sum(note["users"] for note in same)
        made.append({"reason": reason, "users": users, "dropped": dropped, "arms": arms, "p_value": None})
    return made


def _range(columns: Sequence[ColumnProfile]) -> tuple[float, float]:
    some = [c for c in columns if c.count]
    return (min(c.low for c in some), max(c.high for c in some)) if some else (math.nan, math.nan)


def _added(counts: Sequence[dict[str, int]]) -> dict[str, int]:
    return {reason: sum(c.get(reason, 0) for c in counts) for reason in sorted({r for c in counts for r in c})}
