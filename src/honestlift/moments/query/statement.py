"""The whole query, and its text."""

from __future__ import annotations

from typing import Any

from honestlift.moments.query.asked import Asked
from honestlift.moments.query.grids import Steps, grids, products
from honestlift.moments.query.joins import Joins, joined
from honestlift.moments.query.names import exp, literal, ours, written
from honestlift.moments.query.rows import left_out, renamed, users
from honestlift.moments.spec import Sum

SAID = {
    "r": "every column by its place: keys k, user u, measures w",
    "people": "the users' columns by their place: keys k, user u, cluster g, measures w",
    "arms": "who was assigned: each once",
    "studied": "z: 0 for users in the study, else why they are not; s: from when their events count",
    "windows": "a user's events in the windows",
    "facts": "what became of users and events where tables were joined",
    "events": "events: infinite values are marked, for a sum would hide them",
    "event_grids": "summands are rounded to powers of two, on which sums are exact in any order",
    "per_user": "one row per user",
    "marked": "a: in one of the arms, or in none that is known",
    "f": "finite values v; infinite ones are counted by j",
    "c": "users per cell",
    "l": "range and count of every measure",
    "d": "its mean and spread, about its least value",
    "o": "origins: the means, rounded coarsely",
    "g": "summands are rounded to powers of two, on which sums are exact in any order",
    "y": "measures about their origins",
    "e": "what is summed",
    "t": "high parts of it",
    "sums": "the sums of the high and the low parts, per cell",
    "who": "does every user stand on one row?",
}
"""What the steps are for."""


def statement(asked: Asked, table: Any, dialect: str, *, exact: bool = False, joins: Joins | None = None) -> str:
    """The query whose answer is a table of sums.

    Args:
        asked: what is summed by what.
        table: the user's table, from ``names.table``.
        dialect: one of ``names.DIALECTS``.
        exact: whether names are taken as they are where the dialect would fold them.
        joins: the tables that are joined with it.
    """
    first = joined(asked, joins, dialect, exact) if joins else [("r", renamed(asked, table, dialect, exact))]
    steps: Steps = [*first, *users(asked, dialect), *grids(asked), *_summed(asked)]
    steps.append(("who", ours(_who(asked))))
    steps += [("left_out", left_out(asked, dialect))] if asked.complete else []
    facts = joins.facts if joins else []
    whole = exp.select(exp.alias_(literal(asked.layout), "layout"), *map(ours, [*_told(asked), *facts])).from_("sums")
    for one in ("who", *(["left_out"] if asked.complete else []), *(["facts"] if joins else [])):
        whole = whole.join(one, join_type="cross")
    texts = [f"{_comment(name)}{name} AS (\n{_laid_out(step, dialect, '  ')}\n)" for name, step in steps]
    return f"WITH{','.join(texts)}\n{_laid_out(whole, dialect, '')}\n"


def _comment(name: str) -> str:
    return f"\n-- {SAID[name]}\n" if name in SAID else "\n"


def _laid_out(query: Any, dialect: str, margin: str) -> str:
    """A query with a line for each of its columns."""
    columns = [written(e, dialect) for e in query.expressions]
    rest = query.copy()
    rest.set("expressions", [exp.Star()])
    tail = written(rest, dialect).removeprefix("SELECT * ")
    listed = f",\n{margin}  ".join(columns)
    return f"{margin}SELECT\n{margin}  {listed}\n{margin}{tail}"


def _summed(asked: Asked) -> Steps:
    """From ``f`` and ``g`` to ``sums``: products of measures about their origins, high parts, and the sums of both parts per cell."""
    places, some = range(len(asked.measures)), products(asked)
    kept = [*asked.groups, *(f"v{j}" for j in places), *(f"j{j}" for j in places), *(f"g{j}" for j in places)]
    kept += ["late"] if asked.keeps else []
    kept += [f"{x}{i}" for x in "px" for i in range(len(some))]
    about = [f"v{j} - g{j} AS y{j}" for j in places]
    wanted = [(i, s, some.index(s.factors)) for i, s in enumerate(asked.sums) if s.factors]
    made = [f"{_product(asked, s)} AS e{i}" for i, s, _ in wanted]
    high = [f"(e{i} + p{grid}) - p{grid} AS t{i}" for i, _, grid in wanted]
    return [
        ("y", ours(f"SELECT {', '.join([*kept, *about])} FROM f CROSS JOIN g")),
        ("e", ours(f"SELECT {', '.join([*kept, *made])} FROM y")),
        ("t", ours(f"SELECT {', '.join(['*', *high])} FROM e")),
        ("sums", ours(f"SELECT {', '.join([*asked.groups, *_per_cell(asked)])} FROM t GROUP BY {', '.join(asked.groups)}")),
    ]


def _product(asked: Asked, s: Sum) -> str:
    product = " * ".join(f"y{asked.place(f)}" for f in s.factors)
    others = [f"v{asked.place(p)} IS NOT NULL" for p in s.present if p not in s.factors]
    return f"CASE WHEN {' AND '.join(others)} THEN {product} END" if others else product


def _per_cell(asked: Asked) -> list[str]:
    made = ["COUNT(*) AS n", *(["SUM(late) AS late"] if asked.keeps else [])]
    for j in range(len(asked.measures)):
        made.append(f"MAX(g{j}) AS o{j}, MIN(v{j}) AS l{j}, MAX(v{j}) AS h{j}, SUM(j{j}) AS i{j}")
    for i, s in enumerate(asked.sums):
        if not s.factors:
            there = " AND ".join(f"v{asked.place(p)} IS NOT NULL" for p in s.present)
            made.append(f"COUNT(CASE WHEN {there} THEN 1 END) AS s{i}" if there else f"COUNT(*) AS s{i}")
            continue
        x = f"x{products(asked).index(s.factors)}"
        made.append(f"COALESCE(SUM(t{i}), 0) + COALESCE(SUM(((e{i} - t{i}) + {x}) - {x}), 0) AS s{i}")
    return made


def _who(asked: Asked) -> str:
    """Different users of the arms, rows without one, and users with several values of what should have one."""
    several = ", SUM(several) AS several" if asked.summed is not None else ""
    where = " WHERE a = 1" if asked.marked else ""
    return f"SELECT COUNT(DISTINCT u) AS users, COUNT(*) - COUNT(u) AS nobody{several} FROM f{where}"


def _told(asked: Asked) -> list[str]:
    made = ["COUNT(*) OVER () AS cells", "SUM(n) OVER () AS total", "users", "nobody"]
    made += ["several"] if asked.summed is not None else []
    made += ["gone"] if asked.complete else []
    made += [*asked.groups, "n", *(["late"] if asked.keeps else [])]
    made += [f"{x}{j}" for j in range(len(asked.measures)) for x in "olhi"]
    return [*made, *(f"s{i}" for i in range(len(asked.sums)))]
