"""The first steps of the query: the user's columns under names of ours, events summed per user, and who is in an arm."""

from __future__ import annotations

from typing import Any

from honestlift.moments.query.asked import Asked
from honestlift.moments.query.grids import Steps, constants, exponent, log_rows
from honestlift.moments.query.names import column, double, exp, finite, infinite, literal, ours, text


def renamed(asked: Asked, table: Any, dialect: str, exact: bool) -> Any:
    """Every column by its place: keys ``k``, unit ``u``, measures ``w``. The only step that has names of the user's."""
    made = [exp.alias_(column(k.name, dialect, exact), f"k{i}") for i, k in enumerate(asked.keys)]
    made.append(exp.alias_(column(asked.unit.name, dialect, exact), "u"))
    made += [exp.alias_(double(column(m.name, dialect, exact), m.kind), f"w{j}") for j, m in enumerate(asked.measures)]
    return exp.select(*made).from_(table)


def users(asked: Asked, dialect: str) -> Steps:
    """From the step ``r`` to ``f``, one row per user: keys, unit, what is finite of each measure (``v``), what is infinite (``j``).

    Where the plan names arms, ``a`` is 1 for the users of these, and for those whose arm is not known; the others' measures are left out.
    """
    steps: Steps = [] if asked.summed is None else _per_user(asked, dialect)
    before = steps[-1][0] if steps else "r"
    if asked.joined and asked.complete:
        steps.append(("settled", _settled(asked, dialect)))
        before = "settled"
    if asked.marked:
        steps.append(("marked", _marked(asked, before)))
        before = "marked"
    there = "a = 1" if asked.marked else ""
    made = [
        *asked.groups,
        "u",
        *(["several"] if asked.summed is not None else []),
        *(["a"] if asked.marked else []),
        *(["late"] if asked.keeps else []),
    ]
    for j in range(len(asked.measures)):
        known = f"{there} AND {finite(f'w{j}', dialect)}" if there else finite(f"w{j}", dialect)
        made += [f"CASE WHEN {known} THEN w{j} END AS v{j}", f"{infinite(f'w{j}', dialect, there)} AS j{j}"]
    whole = exp.select(*[ours(m) for m in made]).from_(before)
    if asked.complete and not asked.joined:
        whole = whole.where(*[ours(c) for c in _complete(asked, dialect)])
    return [*steps, ("f", whole)]


def left_out(asked: Asked, dialect: str) -> Any:
    """How many users are not in ``f``, for a covariate is missing."""
    before = "r" if asked.summed is None else "per_user"
    inside = "z = 0 AND " if asked.joined else ""
    return ours(f"SELECT COUNT(*) AS gone FROM {before} WHERE {inside}NOT ({' AND '.join(_complete(asked, dialect))})")


def _complete(asked: Asked, dialect: str) -> list[str]:
    """Whether the covariates are there; never NULL itself."""
    made = [f"k{i} IS NOT NULL" for i, key in enumerate(asked.keys) if key.name in asked.complete]
    for j, measure in enumerate(asked.measures):
        if measure.name in asked.complete:
            made.append(f"COALESCE({finite(f'w{j}', dialect)} OR {infinite(f'w{j}', dialect)} = 1, FALSE)")
    return made


def _settled(asked: Asked, dialect: str) -> Any:
    """The rows of joined tables, of which those without a covariate stay, to be counted."""
    complete = " AND ".join(_complete(asked, dialect))
    made = [name for name in asked.groups if name != "z"] + ["u", *(["late"] if asked.keeps else [])]
    made += [f"w{j}" for j in range(len(asked.measures))]
    return exp.select(*map(ours, made), ours(f"CASE WHEN z = 0 AND NOT ({complete}) THEN 3 ELSE z END AS z")).from_("r")


def _marked(asked: Asked, before: str) -> Any:
    """Every row with ``a``."""
    arm = exp.column(f"k{asked.arm}")
    named = exp.In(this=text(arm), expressions=[literal(v) for v in asked.arms])
    inside = exp.or_(named, ours(f"k{asked.arm} IS NULL")) if asked.arms else ours("z = 0")
    inside = exp.and_(inside, ours("z = 0")) if asked.arms and asked.joined else inside
    mark = exp.alias_(exp.case().when(inside, exp.Literal.number(1)).else_(exp.Literal.number(0)), "a")
    return exp.select("*", mark).from_(before)


def _per_user(asked: Asked, dialect: str) -> Steps:
    """One row per user, as ``r`` has it: sums that are exact in any order, greatest values, and the one value of everything else.

    ``several`` is 1 where a user has more than one value of what should have one; an infinite event makes the sum infinite.
    """
    assert asked.summed is not None
    summed = [j for j, m in enumerate(asked.measures) if m.name in asked.summed]
    highest = [j for j, m in enumerate(asked.measures) if m.name in asked.highest]
    fixed = {f"k{i}": f"b{i}" for i in range(len(asked.keys))}
    fixed |= {f"w{j}": f"y{j}" for j in range(len(asked.measures)) if j not in (*summed, *highest)}
    made = ["u", *(f"{old} AS {new}" for old, new in fixed.items())]
    made += [f"CASE WHEN {finite(f'w{j}', dialect)} THEN w{j} END AS y{j}" for j in (*summed, *highest)]
    made += [f"{infinite(f'w{j}', dialect)} AS j{j}" for j in summed]
    bounds = [f"GREATEST(ABS(MIN(y{j})), ABS(MAX(y{j}))) AS n{j}" for j in summed]
    powers = [f"{exponent(f'n{j}', 'r')} AS q{j}" for j in summed]
    grid = [f"{part} AS {name}{j}" for j in summed for name, part in zip("px", constants(f"q{j}", "r"), strict=True)]
    parts = ["*", *(f"(y{j} + p{j}) - p{j} AS t{j}" for j in summed)]
    return [
        ("events", exp.select(*map(ours, made)).from_("r")),
        ("busy", ours("SELECT COUNT(*) AS n FROM events GROUP BY u")),
        ("busiest", ours(f"SELECT {log_rows('CAST(MAX(n) AS DOUBLE)')} AS r FROM busy")),
        ("bounds", exp.select("1 AS one", *map(ours, bounds)).from_("events")),
        ("powers", exp.select("r", *map(ours, powers)).from_("bounds").join("busiest", join_type="cross")),
        ("event_grids", exp.select("1 AS one", *map(ours, grid)).from_("powers")),
        ("parts", exp.select(*map(ours, parts)).from_("events").join("event_grids", join_type="cross")),
        ("per_user", _grouped(asked, fixed, summed, highest)),
    ]


def _grouped(asked: Asked, fixed: dict[str, str], summed: list[int], highest: list[int]) -> Any:
    boolean = {f"k{i}" for i, key in enumerate(asked.keys) if key.kind == "boolean"}
    ends = {n: (f"BOOL_AND({x})", f"BOOL_OR({x})") if n in boolean else (f"MIN({x})", f"MAX({x})") for n, x in fixed.items()}
    made = [f"CASE WHEN COUNT({x}) = COUNT(*) THEN {ends[n][0]} END AS {n}" for n, x in fixed.items()]
    for j in summed:
        total = f"SUM(t{j}) + COALESCE(SUM(((y{j} - t{j}) + x{j}) - x{j}), 0)"
        made.append(f"CASE WHEN SUM(j{j}) > 0 THEN CAST('Infinity' AS DOUBLE) ELSE {total} END AS w{j}")
    made += [f"MAX(y{j}) AS w{j}" for j in highest]
    made.append(f"CASE WHEN {' OR '.join(f'{least} <> {most}' for least, most in ends.values())} THEN 1 ELSE 0 END AS several")
    return exp.select("u", *map(ours, made)).from_("parts").group_by("u")
