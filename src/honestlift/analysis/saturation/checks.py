"""The checks of a two-stage study, and the table of its saturations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from honestlift.analysis.assumptions import CLUSTER
from honestlift.analysis.saturation.estimates import Answer
from honestlift.analysis.saturation.reading import Reading, recorded
from honestlift.analysis.tables import FEWEST
from honestlift.design.study import Study
from honestlift.diagnostics import assignment, saturation
from honestlift.estimators.saturation import effects
from honestlift.inference.interval import t_interval
from honestlift.result import Check, Table

NEEDED = ("random_assignment", "one_place", "partial_interference", "enough_clusters", "measured_alike")
PLACE = "Each user is in one workspace, and in one arm"
ROWS = tuple(replace(r, assumption=PLACE) if r.code == "one_place" else r for r in CLUSTER if r.code in NEEDED)
"""What the effects of a two-stage design rest on; what colleagues do to each other within a workspace is what it measures."""


def split_checks(reading: Reading, study: Study) -> list[Check]:
    """The record, the split, one row per user, users of both arms; no outcome is looked at."""
    record = recorded(study)
    assert record is not None
    users = {name: (int(n[0]), int(n[1])) for name, n in zip(reading.names, reading.users, strict=True)}
    made = [saturation.saturation_ratio(record, reading.names), saturation.saturation_followed(record, users)]
    made += [assignment.unit_in_clusters(int(reading.users.sum()), reading.one_in)] if reading.one_in else []
    inside = (reading.saturation > 0) & (reading.saturation < 1)
    if inside.any():
        made.append(saturation.saturation_cells(int((inside & (reading.users == 0).any(axis=1)).sum()), int(inside.sum())))
    return made


def counted(reading: Reading) -> dict[str, Any]:
    """The block ``data`` of a result, but for outcomes that are missing."""
    users, stranger = reading.users, int(reading.users[~np.isfinite(reading.saturation)].sum())
    return {
        "n_units": int(users.sum()),
        "n_clusters": int(users.shape[0]),
        "n_treated_units": int(users[:, 1].sum()),
        "n_treated_clusters": int((users[:, 1] > 0).sum()),
        "dropped": reading.dropped | ({"workspace not in the record": stranger} if stranger else {}),
        "engine": reading.engine,
    }


def sizes(reading: Reading) -> dict[float, int]:
    """Workspaces of each saturation."""
    known = reading.saturation[np.isfinite(reading.saturation)]
    return {float(a): int((known == a).sum()) for a in np.unique(known)}


def outcome_checks(reading: Reading, answers: Sequence[Answer], study: Study) -> list[Check]:
    """Enough workspaces, and outcomes that are missing as often at both ends."""
    primary = next(a for a in answers if a.metric is study.primary)
    made = [saturation.few_at_saturation(primary.headline.df, sizes(reading))]
    return made + [_missing(reading, answer, study) for answer in answers]


def _missing(reading: Reading, answer: Answer, study: Study) -> Check:
    data = reading.missing(answer.metric.column)
    found = max((e for e in effects(data) if e.kind == "overall"), key=lambda e: e.high - e.low)
    p = t_interval(found.estimate, found.std_error, found.df, study.level).p_value if found.estimate else None
    shares = (found.mean, found.mean + found.estimate)
    return assignment.missing_outcome(answer.metric.label, shares, p, int(data.total.sum()))


def saturation_table(answers: Sequence[Answer], reading: Reading) -> Table:
    """Workspaces, users and means by saturation and own arm, every workspace once; groups under ten users have no mean."""
    columns = ("metric", "saturation", "workspaces", "users", "treated_share", "mean_control", "mean_treated", "mean")
    rows: list[tuple[object, ...]] = []
    for answer in answers:
        data, origin = answer.data, reading.origin[answer.metric.column]
        for a in data.levels:
            n = data.count[data.saturation == a].sum(axis=0)
            users = int(n.sum())
            means = [
                float(m.mean()) + origin if m.size and k >= FEWEST else None
                for m, k in ((data.means(0, a), n[0]), (data.means(1, a), n[1]), (data.means(None, a), users))
            ]
            told = users if users >= FEWEST else None
            rows.append((answer.metric.label, a, int((data.saturation == a).sum()), told, float(n[1] / users), *means))
    return Table(columns=columns, rows=tuple(rows))
