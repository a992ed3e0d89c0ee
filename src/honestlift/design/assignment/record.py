"""The record of an assignment: whoever has it can draw the assignment again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from honestlift.design.assignment.flag import HashedFlag
from honestlift.design.assignment.roster import arm_at, fraction, roster_sha256
from honestlift.design.assignment.rule import ON_COVARIATES, Rule
from honestlift.errors import AssignmentError

SCHEMA_VERSION = 1
GENERATOR = "numpy.random.PCG64"

OPTIONAL = ("covariates", "acceptance", "threshold", "saturations", "late")
"""Keys of a rule that are written where they differ from their default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """The record of one assignment. Whoever has it can draw the assignment again.

    Attributes:
        rule: how the clusters came to their arms.
        seed: what the generator was started from.
        assigned: cluster (as text) to its arm, ``treated`` or ``control`` unless the rule names others, in the order of the draw.
        strata: cluster to stratum, or to its pair.
        covariates: cluster to what it was matched or balanced on, in the order of the rule's names.
        generator: name of the random generator.
        flag: the feature flag whose hash put the clusters into their arms, in place of a draw; see ``read_rollout``.

    Example:
        >>> record = hl.assign(["a", "b", "c", "d"], hl.Rule(), seed=7)
        >>> record.reproduces(), hl.Assignment.from_json(record.to_json()) == record
        (True, True)
    """

    rule: Rule
    seed: int
    assigned: Mapping[str, str]
    strata: Mapping[str, str] | None = None
    covariates: Mapping[str, tuple[float, ...]] | None = None
    generator: str = field(default=GENERATOR)
    flag: HashedFlag | None = None

    @property
    def roster_sha256(self) -> str:
        """Hash of the clusters, their strata and covariates, in any order, by which a changed roster is noticed."""
        return roster_sha256(self.assigned, self.strata, self.covariates)

    def reproduces(self) -> bool:
        """Whether drawing again from the seed, or hashing again as the flag does, gives the recorded arms."""
        if self.flag is not None:
            return self.flag.variations(list(self.assigned)) == list(self.assigned.values())
        from honestlift.design.assignment.first_draw import drawn_again

        return drawn_again(self) == dict(self.assigned)

    def late_arm(self, cluster: str) -> str | None:
        """The arm of a cluster that was not in the draw, by the record's rule for these; None if it refuses them.

        ``hash``: the arms lie beside each other from 0 to 1 in the order of ``rule.shares``, and the cluster where the SHA-256 of
        the seed and its name puts it. ``control``: always the control arm; such a cluster was not randomized.
        """
        if self.rule.late == "hash":
            return arm_at(fraction(self.seed, cluster), self.rule.shares)
        return self.rule.names[0] if self.rule.late == "control" else None

    def arm_of(self, cluster: str) -> str | None:
        """The recorded arm of a cluster, else that of a late one, which a flag has for every cluster."""
        if self.flag is not None and cluster not in self.assigned:
            return self.flag.variations([cluster])[0]
        return self.assigned[cluster] if cluster in self.assigned else self.late_arm(cluster)

    def to_json(self) -> str:
        """The record as ``assignment.json`` holds it."""
        rule, plain = self.rule, Rule()
        told: dict[str, Any] = {key: getattr(rule, key) for key in OPTIONAL if getattr(rule, key) != getattr(plain, key)}
        told |= {key: list(told[key]) for key in ("covariates", "saturations") if key in told}
        if rule.kind == "rerandomized":
            told["acceptance"] = rule.acceptance
        plain_arms = rule.arms is None and rule.kind != "saturation"
        share = {"share": rule.share} if plain_arms else {"arms": list(rule.shares)}  # their order; others may sort the keys
        record = {
            "schema_version": SCHEMA_VERSION,
            "rule": {"kind": rule.kind, **share, **told},
            "arms": rule.shares,
            "clusters": len(self.assigned),
            "strata": None if self.strata is None else dict(self.strata),
            **({} if self.covariates is None else {"covariates": {k: list(v) for k, v in self.covariates.items()}}),
            "seed": self.seed,
            "generator": self.generator,
            **({} if self.flag is None else {"flag": self.flag.as_dict()}),
            "roster_sha256": self.roster_sha256,
            "assigned": dict(self.assigned),
        }
        return json.dumps(record, indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str, path: str = "assignment.json") -> Assignment:
        """The record that ``to_json`` wrote.

        Raises:
            AssignmentError: if the text is no such record, or its roster does not fit its hash.
        """
        try:
            record: dict[str, Any] = json.loads(text)
            known = record.get("covariates")
            made = cls(
                rule=_rule(record["rule"], record["arms"]),
                seed=int(record["seed"]),
                assigned={str(k): str(v) for k, v in record["assigned"].items()},
                strata=None if record.get("strata") is None else {str(k): str(v) for k, v in record["strata"].items()},
                covariates=None if known is None else {str(k): tuple(float(x) for x in v) for k, v in known.items()},
                generator=str(record["generator"]),
                flag=None if record.get("flag") is None else HashedFlag.from_dict(record["flag"]),
            )
            fault = _unusable(made, record)
        except (json.JSONDecodeError, KeyError, TypeError, AttributeError, ValueError) as reason:
            raise AssignmentError.malformed(path, f"{type(reason).__name__}: {reason}") from reason
        if fault is not None:
            raise AssignmentError.malformed(path, fault)
        return made


def _rule(rule: Mapping[str, Any], arms: Mapping[str, Any]) -> Rule:
    """The rule that a record holds."""
    told: dict[str, Any] = {
        key: tuple(rule[key]) if isinstance(rule[key], list) else rule[key] for key in OPTIONAL if key in rule
    }
    told["threshold"] = None if told.get("threshold") is None else float(told["threshold"])
    if rule["kind"] == "saturation" or set(arms) != {"treated", "control"}:
        return Rule(kind=rule["kind"], arms={str(name): float(arms[name]) for name in rule.get("arms", arms)}, **told)
    return Rule(kind=rule["kind"], share=float(rule.get("share", arms["treated"])), **told)


def _unusable(made: Assignment, record: Mapping[str, Any]) -> str | None:
    """Why a record that could be read cannot be used; None if it can."""
    version, seed, strata, known, kind = (
        record.get("schema_version"),
        record["seed"],
        made.strata,
        made.covariates,
        made.rule.kind,
    )
    arms = set(made.rule.names)
    said = "'treated' nor 'control'" if arms == {"treated", "control"} else f"of {', '.join(map(repr, made.rule.names))}"
    needs, may = kind in ("stratified", "matched_pairs"), kind in ("rerandomized", "saturation")
    widths = {len(values) for values in (known or {}).values()}
    faults = {
        f"its schema_version is {version!r}, not {SCHEMA_VERSION}": version != SCHEMA_VERSION,
        f"its seed is {seed!r}, not a whole number from 0 up": made.seed != seed or made.seed < 0,
        f"an arm is neither {said}": bool(set(made.assigned.values()) - arms),
        "it has strata without a stratified rule, or the reverse": needs != (strata is not None) and not may,
        "its strata and its arms are not of the same clusters": strata is not None and set(strata) != set(made.assigned),
        "it has covariates without a rule that uses them, or the reverse": (kind in ON_COVARIATES) != (known is not None),
        "its covariates and its arms are not of the same clusters": known is not None and set(known) != set(made.assigned),
        "a cluster has not one number for each covariate": known is not None and widths != {len(made.rule.covariates)},
        "a covariate is not finite": not np.isfinite([x for values in (known or {}).values() for x in values]).all(),
        "it is rerandomized and has no threshold": kind == "rerandomized" and made.rule.threshold is None,
        "it has no clusters": not made.assigned,
        "its flag has other variations than its rule": made.flag is not None and set(made.flag.weights) != arms,
    }
    fault = next((fault for fault, found in faults.items() if found), None)
    if fault is None and made.roster_sha256 != record.get("roster_sha256"):
        fault = "its clusters do not fit its roster_sha256: it was edited"
    if fault is None and kind == "matched_pairs" and max(_sizes(made.strata or {})) > 2:
        fault = "a pair has more than two clusters"
    return fault


def _sizes(strata: Mapping[str, str]) -> list[int]:
    """Clusters in each stratum."""
    counted: dict[str, int] = {}
    for stratum in strata.values():
        counted[stratum] = counted.get(stratum, 0) + 1
    return list(counted.values())
