"""Users with a reason to be left out where tables are joined: how many of each arm, and whether the arms differ."""

from __future__ import annotations

import numpy as np

from honestlift.analysis.estimates import contrast
from honestlift.design.cluster import Treatment
from honestlift.design.study import Study
from honestlift.moments.cells import Outcome
from honestlift.moments.joined import Left
from honestlift.source.table import Note


def note_of(reason: str, found: Left, study: Study, *, dropped: bool) -> Note:
    """How many of each arm, and the p-value of a treated arm against control (of several arms the smallest, times their number)."""
    treatment = study.design.treatment
    if isinstance(treatment, Treatment):
        code = {str(label): i for i, label in enumerate(found.labels)}
        treated, control = [code.get(str(arm)) for arm in treatment.arms], code.get(str(treatment.control))
    else:
        code = {label: i for i, label in enumerate(found.labels)}
        treated, control = [code.get(1)], code.get(0)
    arms = [(str(label), found.arm == i) for i, label in enumerate(found.labels)]
    each = [_p_value(found, arm, control) for arm in treated if arm is not None and control is not None]
    p = [value for value in each if value is not None]
    return Note(
        reason=reason,
        users=int(found.gone.sum()),
        dropped=dropped,
        arms=tuple((name, int(found.gone[of].sum()), int(found.users[of].sum())) for name, of in arms),
        p_value=min(1.0, len(p) * min(p)) if p else None,
    )


def _p_value(found: Left, treated: int, control: int) -> float | None:
    """Of the difference between two arms' shares, as the headline is tested.

    None where an arm has one cluster, or the reason holds for nobody or everybody.
    """
    kept = (found.arm == treated) | (found.arm == control)
    arm, n, gone = found.arm[kept] == treated, found.users[kept], found.gone[kept]
    if min(int(arm.sum()), int((~arm).sum())) < 2 or not 0 < gone.sum() < n.sum():
        return None
    outcome = Outcome(
        cluster=np.arange(n.size, dtype=np.int64),
        treated=arm.copy(),
        exposed=None,
        count=n,
        total=gone,
        square=gone.copy(),
        arm=arm,
        stratum=None,
        origin=0.0,
    )
    return contrast(outcome, 0.95)[1].p_value
