"""Sums that a query made elsewhere, held to what a scan would have asked of the rows."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import numpy as np

from honestlift.analysis.joined_elsewhere import notes_elsewhere
from honestlift.analysis.record import late_controls
from honestlift.analysis.summing import MOST_LEVELS, require_levels
from honestlift.design.study import Study
from honestlift.errors import DataError, MomentsError
from honestlift.moments.arms import Arms, read_several
from honestlift.moments.stored import StoredMoments, column_from, profile_from
from honestlift.moments.table import Moments


def as_scanned(stored: StoredMoments, study: Study, categories: list[str]) -> StoredMoments:
    """The sums of the users that a scan would have kept, with why the others are left out; nothing changes in sums by honestlift.

    Raises:
        DataError: if a value is missing, an arm is empty, a user has no name, or a column has too many values.
        MomentsError: if a user stands on several rows, or has several values of what should have one.
    """
    if not stored.header.get("elsewhere"):
        return stored
    notes = notes_elsewhere(stored.header, study) if "facts" in stored.header else []
    _values(stored.moments, study, categories)
    arms = read_several(stored.moments, study.design)
    named = {v for two in arms for v in (two.treated, two.control)}
    moments, dropped = _kept_arms(stored.moments, study, named, arms[0])
    _users(stored.header, study, int(moments.rows.sum()))
    moments, late = _without_late(moments, study, arms[0])
    gone = stored.header.get("gone", 0)
    joining = {note.reason: note.users for note in notes if note.dropped}
    dropped = joining | ({"covariates missing": gone} if gone else {}) | dict(stored.header.get("dropped", {})) | late | dropped
    columns = {m: replace(column_from(moments, m, c.low, c.high), infinite=c.infinite) for m, c in stored.profile.columns.items()}
    columns = {m: replace(c, missing=c.missing - c.infinite) for m, c in columns.items()}
    header: dict[str, Any] = dict(stored.header) | {"dropped": dropped, "notes": [asdict(note) for note in notes]}
    if "users" in header and len(stored.names) < 2:
        header["one_in"] = 1
    return replace(stored, moments=moments, profile=profile_from(moments, columns), header=header)


def _values(moments: Moments, study: Study, categories: list[str]) -> None:
    for name in study.segments:
        if len(moments.keys[name].labels) > MOST_LEVELS:
            raise DataError.too_many_values(name, "segment", len(moments.keys[name].labels), MOST_LEVELS)
    for name in categories:
        require_levels(moments, name, study.missing)


def _users(header: Any, study: Study, rows: int) -> None:
    unit = study.design.unit
    if header.get("several"):
        raise MomentsError.several_values(unit, header["several"])
    if header.get("nobody"):
        raise DataError.missing_values(unit, "unit", header["nobody"])
    if header.get("users", rows) != rows:
        raise MomentsError.repeated(unit, rows, header["users"])


def _kept_arms(moments: Moments, study: Study, named: set[Any], arms: Arms) -> tuple[Moments, dict[str, int]]:
    """The cells of the arms, and the users of the other values."""
    key = moments.keys[study.design.arm]
    inside = np.array([label in named for label in key.labels], dtype=np.bool_)[key.codes]
    others = {f"{study.design.arm} is {value}": n for value, n in arms.others.items()}
    return (moments, others) if inside.all() else (moments.restricted(inside), others)


def _without_late(moments: Moments, study: Study, arms: Arms) -> tuple[Moments, dict[str, int]]:
    """The cells without clusters that joined after the draw and are in control by the record's rule."""
    kept = late_controls(moments, arms, study)
    if kept is None:
        return moments, {}
    names = moments.keys[study.design.cluster]
    inside = np.array([label in kept for label in names.labels], dtype=np.bool_)[names.codes]
    return moments.restricted(inside), {"joined after the draw": int(moments.rows[~inside].sum())}
