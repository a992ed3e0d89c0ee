"""The ledger: each assumption that the headline rests on, and what the checks say of it."""

from __future__ import annotations

from collections.abc import Sequence

from honestlift.result import Assumption, Check

ROWS = (
    ("Workspaces were assigned at random", ("sample_ratio", "assignment_followed", "pre_period_balance", "negative_control")),
    ("Whole workspaces have one version of the feature", ("treatment_constant", "use_in_control")),
    ("Every user is in one workspace", ("unit_in_clusters",)),
    ("There are enough workspaces", ("few_clusters", "cluster_leverage")),
    ("Outcomes are measured alike in both arms", ("missing_outcome",)),
    ("Nothing leaks between workspaces", ("exposure_not_randomized", "exposure_positivity")),
)


EXCLUSION = "The feature works through its user's own use"
DEFIERS = "Nobody uses the feature because it was kept from them"


def ledger(checks: Sequence[Check]) -> tuple[Assumption, ...]:
    """One row per assumption: violated by a stop, questioned by a caution, untested where no check speaks of it."""
    made: list[Assumption] = []
    for assumption, codes in ROWS:
        found = [c for c in checks if c.code in codes]
        worst = min(found, key=lambda c: ("stop", "caution", "ok").index(c.level), default=None)
        leaks = assumption.startswith("Nothing leaks")
        if worst is None or (leaks and worst.level == "ok"):
            text = (
                "Without a record of who reads whose work, leakage cannot be seen."
                if leaks
                else "No column of the plan speaks of it."
            )
            made.append(Assumption(assumption=assumption, status="untested", statement=text, checks=()))
            continue
        status = {"stop": "violated", "caution": "questioned", "ok": "holds"}[worst.level]
        if leaks:
            status = "questioned"
        made.append(
            Assumption(
                assumption=assumption,
                status=status,  # pyright: ignore[reportArgumentType]
                statement=worst.statement,
                checks=tuple(dict.fromkeys(c.code for c in found)),
            )
        )
    if any(c.code == "first_stage" for c in checks):
        made += _compliers(checks)
    return tuple(made)


def _compliers(checks: Sequence[Check]) -> list[Assumption]:
    """What the effect on compliers rests on besides: exclusion and no defiers; neither can be seen in full."""
    spills = any(c.code == "exposure_not_randomized" for c in checks)
    used = next((c for c in checks if c.code == "use_in_control"), None)
    nobody = used is not None and used.evidence["share"] == 0
    return [
        Assumption(
            assumption=EXCLUSION,
            status="questioned" if spills else "untested",
            statement="Users may gain from what others made with it, which the effect on compliers counts as their own use.",
            checks=("exposure_not_randomized",) if spills else (),
        ),
        Assumption(
            assumption=DEFIERS,
            status="holds" if nobody else "untested",
            statement="No control user used it, so that nobody can have."
            if nobody
            else "Some control users used it; who would have "
            "used it either way cannot be told from who did so out of contrariness.",
            checks=("use_in_control",) if nobody else (),
        ),
    ]
