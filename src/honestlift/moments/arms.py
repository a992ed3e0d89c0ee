"""Which values of the treatment column are the two arms, and is every cluster wholly in one of them?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from honestlift.design.cluster import ClusterDesign, Treatment
from honestlift.errors import DataError
from honestlift.moments.table import Key, Label, Moments


@dataclass(frozen=True, slots=True, kw_only=True)
class Arms:
    """Which values of the treatment column are the two arms, and how many rows have another."""

    treated: Label
    control: Label
    others: Mapping[str, int]


def read_arms(counts: Moments, design: ClusterDesign) -> Arms:
    """Find the two arms among the values of the treatment column, and check that whole clusters are in one of them.

    Args:
        counts: rows per cluster × treatment (and more); see ``scan.count_cells``.
        design: names the columns and, if need be, the values of the arms.

    Raises:
        DataError: if the table is empty, a value is missing, the arms cannot be told, an arm is empty, the treatment varies
            within a cluster, or an arm has fewer than two clusters.
    """
    if counts.cells == 0:
        raise DataError.empty()
    roles = {
        design.cluster: "cluster",
        design.arm: "treatment",
        **({design.mark: "exposure"} if design.mark else {}),
    }
    for name, role in roles.items():
        missing = rows_without(counts.keys[name], counts.rows)
        if missing:
            raise DataError.missing_values(name, role, missing)
    key = counts.keys[design.arm]
    treated, control = values_of_arms(key, design.contrasts[0])
    rows = {label: int(counts.rows[key.codes == code].sum()) for code, label in enumerate(key.labels)}
    others = {str(label): n for label, n in rows.items() if label not in (treated, control)}
    _check_clusters(counts, design, treated, control)
    return Arms(treated=treated, control=control, others=others)


def values_of_arms(key: Key, design: ClusterDesign) -> tuple[Label, Label]:
    """The values of the treated and of the control arm among those of the treatment column.

    Raises:
        DataError: if an arm is empty, or the two cannot be told.
    """
    if isinstance(design.treatment, Treatment):
        named = {"treated": design.treatment.arms[0], "control": design.treatment.control}
        found: dict[str, Label] = {}
        for arm, value in named.items():
            hits = [label for label in key.labels if label == value or str(label) == str(value)]
            if not hits:
                raise DataError.arm_empty(design.arm, arm, value, key.labels)
            found[arm] = hits[0]
        return found["treated"], found["control"]
    if any(isinstance(label, str) or label not in (0, 1) for label in key.labels):
        raise DataError.treatment_not_binary(design.arm, key.labels)
    for arm, value in (("treated", 1), ("control", 0)):
        if value not in key.labels:
            raise DataError.arm_empty(design.arm, arm, value, key.labels)
    return (next(label for label in key.labels if label == 1), next(label for label in key.labels if label == 0))


def read_several(counts: Moments, design: ClusterDesign) -> list[Arms]:
    """The arms of every comparison of a design, the headline's first; ``others`` has the values that are no arm at all.

    Raises:
        DataError: as ``read_arms``, for any two arms.
    """
    found = [read_arms(counts, two) for two in design.contrasts]
    named = {str(label) for arms in found for label in (arms.treated, arms.control)}
    return [replace(arms, others={k: n for k, n in arms.others.items() if k not in named}) for arms in found]


def _check_clusters(counts: Moments, design: ClusterDesign, treated: Label, control: Label) -> None:
    clusters, arm = counts.keys[design.cluster], counts.keys[design.arm]
    in_arm = {
        value: np.bincount(clusters.codes[arm.codes == arm.labels.index(value)], minlength=len(clusters.labels)) > 0
        for value in (treated, control)
    }
    both = np.flatnonzero(in_arm[treated] & in_arm[control])
    if both.size:
        raise DataError.treatment_varies(design.arm, design.cluster, int(both.size), clusters.labels[int(both[0])])
    sizes = int(in_arm[treated].sum()), int(in_arm[control].sum())
    if min(sizes) < 2:
        raise DataError.too_few_clusters(design.cluster, *sizes)


def rows_without(key: Key, rows: NDArray[np.int64]) -> int:
    """Rows whose value of a key is missing."""
    return int(rows[key.codes == key.labels.index(None)].sum()) if None in key.labels else 0
