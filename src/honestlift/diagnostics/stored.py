"""What is not known of rows of which only the sums are there."""

from __future__ import annotations

from typing import Any

from honestlift.moments.stored import StoredMoments
from honestlift.report import words
from honestlift.result import Check


def stored_moments(files: int, overlap_one_in: int | None, *, elsewhere: bool, pictured: bool) -> Check | None:
    """Sums of several files, or of a query that ran elsewhere: can a user stand in them twice?

    Args:
        files: how many were added.
        overlap_one_in: users of one in so many were looked for in every pair of files; None where a file has no sketch of them.
        elsewhere: whether a query made the sums, so that nobody looked whether a user stands on several rows.
        pictured: whether every picture can be made from the sums.

    Returns:
        None for one file that honestlift wrote, in which everything is as it is with rows.
    """
    evidence = {"files": files, "overlap_one_in": overlap_one_in or 0, "elsewhere": int(elsewhere)}
    missing = "" if pictured else " The picture of the outcome by arm needs the rows, and is left out."
    if not elsewhere and files == 1 and pictured:
        return None
    if not elsewhere and files == 1:
        statement = f"The sums were made by a query elsewhere. Every user stands on one row.{missing}"
        return Check(code="stored_moments", level="ok", statement=statement, remedy="", evidence=evidence)
    if not elsewhere and overlap_one_in is not None:
        share = "of all users" if overlap_one_in == 1 else f"of one user in {overlap_one_in:,}"
        statement = f"The sums of {words.count(files, 'file')} were added; {share}, none stands in two of them.{missing}"
        return Check(code="stored_moments", level="ok", statement=statement, remedy="", evidence=evidence)
    many = f"The sums of {words.count(files, 'file')} were added, and whether a user stands in two of them cannot be known."
    one = "The sums were made by a query elsewhere. Nobody looked whether a user stands on several rows."
    return Check(
        code="stored_moments",
        level="caution",
        statement=f"{many if files > 1 else one}{missing}",
        remedy="Count the users of the table that the query read: as many as rows, and none in two of the files.",
        evidence=evidence,
    )


def stored_checks(stored: StoredMoments | None, *, pictured: bool) -> list[Check]:
    """The check of a reading: nothing where there are rows, or one file that says all of them."""
    if stored is None:
        return []
    sketched: Any = stored.header.get("overlap_one_in")
    pictured = pictured or (bool(stored.header.get("density")) and len(stored.names) < 2)
    made = stored_moments(max(len(stored.names), 1), sketched, elsewhere=not stored.header.get("one_in"), pictured=pictured)
    return [made] if made else []
