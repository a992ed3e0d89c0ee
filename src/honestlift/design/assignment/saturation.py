"""The second stage of a saturation design: which users of each cluster are treated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from honestlift.design.assignment.record import Assignment
from honestlift.design.assignment.roster import fraction
from honestlift.errors import DesignError


def treated_users(record: Assignment, users: Mapping[str, Sequence[str]]) -> dict[str, tuple[bool, ...]]:
    """Which users of each cluster are treated: as many as its saturation says, those whose hash is smallest.

    Of n users floor(s·n + ½) are treated. The hash is made of the record's seed, the cluster and the user, so that whoever has the
    roster gets the same users, in any order and any language (see ``user_fraction``). A user who joins later is treated where the
    hash is below the saturation, which needs no roster.

    Args:
        record: the record of a saturation design, which says the saturation of each cluster.
        users: cluster to its users as text, each once.

    Returns:
        Cluster to whether each of its users is treated, in their order.

    Raises:
        DesignError: if the record is of another rule.

    Example:
        >>> record = hl.assign("abcdef", hl.Rule(kind="saturation", saturations=(0, 0.5, 1)), seed=7)
        >>> made = hl.treated_users(record, {name: [f"{name}{i}" for i in range(4)] for name in "abcdef"})
        >>> {name: sum(on) / 4 for name, on in made.items()} == {name: float(s) for name, s in record.assigned.items()}
        True
    """
    if record.rule.kind != "saturation":
        raise DesignError.out_of_range("rule", record.rule.kind, "'saturation'")
    made: dict[str, tuple[bool, ...]] = {}
    for cluster, names in users.items():
        arm = record.arm_of(cluster)
        if arm is None:
            raise DesignError.out_of_range("cluster", cluster, "a cluster of the record")
        order = sorted(range(len(names)), key=lambda i: (user_fraction(record, cluster, names[i]), names[i]))
        chosen = set(order[: int(float(arm) * len(names) + 0.5 + 1e-9)])
        made[cluster] = tuple(i in chosen for i in range(len(names)))
    return made


def user_fraction(record: Assignment, cluster: str, user: str) -> float:
    """Where a user stands between 0 and 1: the first 53 bits of the SHA-256 of ``seed``, ``cluster`` and ``user``, joined by tabs."""
    return fraction(record.seed, cluster, user)
