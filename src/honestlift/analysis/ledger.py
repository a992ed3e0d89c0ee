"""The ledger: each assumption that the headline rests on, and what the checks say of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from honestlift.analysis.assumptions import Row
from honestlift.result import Assumption, Check, Estimate

Status = Literal["holds", "questioned", "violated", "untested"]
Basis = Literal["tested", "bounded", "none"]

WORST_FIRST = ("stop", "caution", "ok")


def ledger(rows: Sequence[Row], checks: Sequence[Check], headline: Estimate) -> tuple[Assumption, ...]:
    """One row per assumption that the study needs, in the order in which they are declared.

    A stop of a check that tests it violates an assumption, a caution questions it; where all pass it holds, or stays untested if no
    data can show it, with the number that bounds it. Checks of other metrics are left aside; those of other estimands count only
    where none speaks of the headline, and then the row says whom it concerns.

    Args:
        rows: the assumptions of this kind of study.
        checks: all checks of the study.
        headline: the estimate that rests on them.
    """
    spoken = [c for c in checks if c.metric in (None, headline.metric)]
    there = {_base(c) for c in spoken}
    return tuple(_row(row, spoken, headline) for row in rows if not row.only_with or row.only_with in there)


def broken(made: Sequence[Assumption], estimand: str) -> list[Assumption]:
    """The violated assumptions on which an estimand rests."""
    return [a for a in made if a.status == "violated" and (not a.concerns or estimand in a.concerns)]


def _row(row: Row, checks: Sequence[Check], headline: Estimate) -> Assumption:
    codes = (*row.tests, *row.bounds)
    found = [c for c in checks if _base(c) in codes]
    touching = [c for c in found if c.touches(headline.metric, headline.estimand)]
    found = sorted(touching or found, key=lambda c: (WORST_FIRST.index(c.level), codes.index(_base(c))))
    status, basis, said = _judged(row, found)
    elsewhere = bool(found) and not touching
    return Assumption(
        code=row.code,
        assumption=row.assumption,
        status=status,
        basis=basis,
        statement=_statement(row, status, basis, said),
        evidence={} if said is None else said.evidence,
        checks=tuple(dict.fromkeys(c.code for c in found)),
        concerns=tuple(dict.fromkeys(e for c in found for e in c.concerns)) if elsewhere else (),
    )


def _judged(row: Row, found: Sequence[Check]) -> tuple[Status, Basis, Check | None]:
    """Status, what it rests on, and the check that speaks; checks worst first."""
    test = next((c for c in found if _base(c) in row.tests), None)
    bound = next((c for c in found if _base(c) in row.bounds), None)
    told: tuple[tuple[Check | None, Basis], ...] = ((test, "tested"), (bound, "bounded"))
    for check, basis in told:
        if check is not None and check.level != "ok":
            violated = check.level == "stop" and not row.at_most_questioned
            return ("violated" if violated else "questioned"), basis, check
    if test is not None and row.provable and _cleared(row, found, test):
        return "holds", "tested", test
    if bound is not None:
        return "untested", "bounded", bound
    return "untested", ("none" if test is None else "tested"), test


def _cleared(row: Row, found: Sequence[Check], test: Check) -> bool:
    """Whether checks that passed are those that clear the assumption."""
    needed = not row.needs or any(_base(c) == row.needs for c in found)
    return needed and (not row.zero or test.evidence.get(row.zero) == 0)


def _statement(row: Row, status: Status, basis: Basis, said: Check | None) -> str:
    """What the check says; with what is missing, where it passed and yet does not clear the assumption."""
    if said is None:
        return row.unseen
    return f"{said.statement} {row.unseen}" if status == "untested" and basis == "tested" else said.statement


def _base(check: Check) -> str:
    """A check's code without the estimand that it carries."""
    return check.code.partition(":")[0]
