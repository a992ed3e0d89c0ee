"""The power of a study of users who choose: what they are worth once selection is undone, per estimand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from honestlift.inference.opt_in_power import (
    FEWEST,
    OptInPower,
    Selection,
    Target,
    opt_in_power,
    separation,
    users_needed,
)
from honestlift.proposal import Power, Recommendation
from honestlift.report import words
from honestlift.report.names import WHOM
from honestlift.result import Check, Table

ALL: tuple[Target, ...] = ("ATT", "ATO", "ATE")

FEW = 0.25
"""Effective share of an arm below which the power of a normal law was missed in simulation (docs/explanation/power.md)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedOptIn:
    """What was asked of a study of users who choose.

    Attributes:
        selection: the users and how they choose.
        effect: the effect to see; None if none was named.
        target: power wanted.
        level: of the test.
    """

    selection: Selection
    effect: float | None
    target: float
    level: float


def rows(asked: AskedOptIn) -> tuple[Power, ...]:
    """A row per estimand."""
    made: list[Power] = []
    for estimand in ALL:
        one = opt_in_power(asked.selection, estimand)
        made.append(
            Power(
                estimand=estimand,
                method="formula",
                effect=asked.effect,
                std_error=one.std_error,
                df=None,
                mde=one.mde(asked.target, asked.level),
                power=None if asked.effect is None else one.power(asked.effect, asked.level),
                users_needed=None
                if asked.effect is None
                else users_needed(asked.selection, asked.effect, estimand, target=asked.target, level=asked.level),
                trusted=one.trusted,
                headline=True,
            )
        )
    return tuple(made)


def checks(asked: AskedOptIn) -> tuple[Check, ...]:
    """The overlap that each estimand would have."""
    order = {"stop": 0, "caution": 1, "ok": 2}
    return tuple(sorted((_overlap(asked.selection, estimand) for estimand in ALL), key=lambda check: order[check.level]))


def _overlap(s: Selection, estimand: Target) -> Check:
    one = opt_in_power(s, estimand)
    part = min(one.opted / (s.users * s.adoption), one.others / (s.users * (1 - s.adoption)))
    level = "stop" if not one.trusted else "caution" if part < FEW else "ok"
    text = f"{estimand}: weighted, the users who opt in are worth {words.count(one.opted, 'user')}, the others {one.others:,.0f}."
    remedy = "Ask for another estimand, or wait for more users: the study would refuse this one." if level == "stop" else ""
    if level == "caution":
        remedy = "A few users would carry the weights: intervals are then narrower than they should be. Prefer another estimand."
    return Check(
        code=f"overlap:{estimand}",
        level=level,
        statement=text,
        remedy=remedy,
        evidence={"opted": one.opted, "others": one.others, "share": part, "fewest": FEWEST},
        concerns=(estimand,),
    )


def tables(asked: AskedOptIn) -> dict[str, Table]:
    """Power against the effect, and the MDE against adoption, per estimand."""
    found: dict[Target, OptInPower] = {estimand: opt_in_power(asked.selection, estimand) for estimand in ALL}
    drawn = [one for one in found.values() if one.trusted] or list(found.values())
    top = max(*(one.mde(0.99, asked.level) for one in drawn), abs(asked.effect or 0) * 1.1)
    curve = tuple((top * i / 40, *(found[estimand].power(top * i / 40, asked.level) for estimand in ALL)) for i in range(41))
    shares = sorted({0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, asked.selection.adoption})
    adoption = tuple(
        (share, *(opt_in_power(replace(asked.selection, adoption=share), e).mde(asked.target, asked.level) for e in ALL))
        for share in shares
    )
    return {
        "power_curve": Table(columns=("effect", *ALL), rows=curve),
        "mde_by_adoption": Table(columns=("adoption", *ALL), rows=adoption),
    }


def recommend(asked: AskedOptIn) -> Recommendation:
    """What to do: the estimand that the users can bear, and what would change it."""
    s = asked.selection
    found = {estimand: opt_in_power(s, estimand) for estimand in ALL}
    att = found["ATT"]
    best = min((one for one in found.values() if one.trusted), key=lambda one: one.std_error, default=att)
    power = None if asked.effect is None else att.power(asked.effect, asked.level)
    level = "open" if power is None else "ready" if power >= asked.target and att.trusted else "too small"
    if level == "ready" and not all(one.trusted for one in found.values()):
        level = "ready, with caveats"
    seen = f"{s.users:,} users, of whom {words.percent(s.adoption)} opt in, "
    mde = att.mde(asked.target, asked.level)
    head = seen + (
        f"see an effect on {WHOM['ATT']} of {_number(mde)} in {words.of_hundred(asked.target)} studies."
        if power is None
        else f"see an effect on {WHOM['ATT']} of {_number(asked.effect)} in {words.of_hundred(power)} studies"
        + (
            "."
            if power >= asked.target
            else f"; {users_needed(s, asked.effect or 0, 'ATT', target=asked.target, level=asked.level) or 0:,} users are needed."
        )
    )
    plain = 1 / (1 / (s.users * s.adoption) + 1 / (s.users * (1 - s.adoption)))
    worth = s.sd**2 / att.std_error**2
    because = (
        f"Selection costs {words.percent(1 - worth / plain)} of the users: what tells who opts in (AUC "
        f"{words.number(separation(s), 2)}) is undone by weights.",
        "The study is observational: these numbers are of chance alone, and say nothing of causes that were not measured.",
    )
    would = [
        f"{best.estimand}, the effect on {WHOM[best.estimand]}, is seen from {_number(best.mde(asked.target, asked.level))} up."
    ]
    half = opt_in_power(replace(s, sd=s.sd * 0.5**0.5), "ATT").mde(asked.target, asked.level)
    would.append(
        f"A measure from before that explains half of what is left would lower the MDE from {_number(mde)} to {_number(half)}."
    )
    return Recommendation(level=level, headline=head, because=because, would_change_it=tuple(would))


def inputs(asked: AskedOptIn) -> Mapping[str, Any]:
    """Every number that the answers rest on."""
    s = asked.selection
    return {
        "users": s.users,
        "adoption": s.adoption,
        "strength": s.strength,
        "auc": separation(s),
        "sd": s.sd,
        "effect": asked.effect,
        "target": asked.target,
        "level": asked.level,
    }


def _number(value: float | None) -> str:
    return "–" if value is None else words.number(value, words.decimals(abs(value) / 10) if value else 2)
