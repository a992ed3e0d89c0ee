"""Origins and grids found by the query itself: the arithmetic of profile.py and exact.py, in SQL.

The same rows give the same origins and grids as a scan by honestlift, and with them the same sums, to the bit: powers of two are
exact everywhere, and no logarithm here comes within rounding of a whole number.
"""

from __future__ import annotations

from typing import Any

from honestlift.moments.exact import TOLERANCE
from honestlift.moments.profile import FACTOR, SHIFT
from honestlift.moments.query.asked import Asked
from honestlift.moments.query.names import ours

_LN2 = "0.6931471805599453"

Steps = list[tuple[str, Any]]
"""Names and queries of the steps of a query, in their order."""


def log_rows(largest: str) -> str:
    """What the rows of the largest cell add to the exponent of a grid."""
    return f"LN(GREATEST({largest}, 4) * {1 + 2.0**-20!r}) / {_LN2}"


def exponent(bound: str, rows: str) -> str:
    """The exponent of the grid of summands within a bound; NULL where they are all zero."""
    return f"CASE WHEN {bound} > 0 THEN CEIL(LN({bound}) / {_LN2} + {rows}) - 1 END"


def constants(exponent: str, rows: str, precise: str = "") -> tuple[str, str]:
    """The two constants of a grid: that of the high parts, and that of the low parts, NULL where these do not matter.

    Args:
        exponent: name of the grid's exponent.
        rows: name of ``log_rows``.
        precise: whether the low parts matter; where it is empty they always do.
    """
    low = f"1.5 * POWER(2, CEIL({exponent} - 53 + {rows}) - 1)"
    return f"COALESCE(1.5 * POWER(2, {exponent}), 0)", f"CASE WHEN {precise} THEN {low} END" if precise else low


def grids(asked: Asked) -> Steps:
    """From the step ``f`` to ``g``, one row: origins ``g0``, …, and the constants ``p0``, ``x0``, … of each product that is summed."""
    places, where = range(len(asked.measures)), " WHERE a = 1" if asked.marked else ""
    some = list(enumerate(products(asked)))
    bounds = [f"o{j}, t{j}, CASE WHEN h{j} - o{j} > o{j} - l{j} THEN h{j} - o{j} ELSE o{j} - l{j} END AS b{j}" for j in places]
    precise = "POWER(2, q{i} - 52) / SQRT(12 * GREATEST(typical, 1)) > {tolerance!r} * m{i}"
    made = [constants(f"q{i}", "r", precise.format(i=i, tolerance=TOLERANCE)) for i, _ in some]
    return [
        ("c", ours(f"SELECT COUNT(*) AS n FROM f{where} GROUP BY {', '.join(asked.groups)}")),
        ("z", ours(f"SELECT {log_rows('CAST(MAX(n) AS DOUBLE)')} AS r, 1 / POWER(AVG(1 / SQRT(n)), 2) AS typical FROM c")),
        ("l", _select("f", [f"COUNT(v{j}) AS c{j}, MIN(v{j}) AS l{j}, MAX(v{j}) AS h{j}" for j in places])),
        (
            "d",
            _select("f CROSS JOIN l", [f"SUM(v{j} - l{j}) AS d{j}, SUM((v{j} - l{j}) * (v{j} - l{j})) AS z{j}" for j in places]),
        ),
        ("m", _select("l CROSS JOIN d", [_moments(j) for j in places])),
        ("s", _select("m", [_spread(j) for j in places])),
        ("o", _select("s", [_origin(j) for j in places])),
        ("b", _select("o CROSS JOIN z", [*bounds, "r, typical"])),
        ("q", _select("b", [*[f"o{j}" for j in places], *[_exponent(asked, i, p) for i, p in some], "r, typical"])),
        (
            "g",
            _select("q", [*[f"o{j} AS g{j}" for j in places], *[f"{h} AS p{i}, {x} AS x{i}" for i, (h, x) in enumerate(made)]]),
        ),
    ]


def products(asked: Asked) -> list[tuple[str, ...]]:
    """The products that are summed, each once; those of the same factors share their grid."""
    return list(dict.fromkeys(s.factors for s in asked.sums if s.factors))


def _select(source: str, columns: list[str]) -> Any:
    return ours(f"SELECT {', '.join(columns)} FROM {source}")


def _moments(j: int) -> str:
    """The mean above the least value, and the mean square."""
    return f"l{j}, h{j}, d{j} / NULLIF(c{j}, 0) AS m{j}, z{j} / NULLIF(c{j}, 0) AS q{j}"


def _spread(j: int) -> str:
    """The spread; zero where all values are the same."""
    variance = f"q{j} - m{j} * m{j}"
    return f"l{j}, h{j}, m{j}, CASE WHEN h{j} > l{j} AND {variance} > 0 THEN SQRT({variance}) ELSE 0 END AS t{j}"


def _origin(j: int) -> str:
    step = f"POWER(2, FLOOR(LN(t{j} * {FACTOR!r}) / {_LN2}) - 3)"
    origin = f"CASE WHEN t{j} > 0 THEN FLOOR((l{j} + m{j}) / {step} + {SHIFT!r}) * {step} ELSE COALESCE(l{j}, 0) END"
    return f"l{j}, h{j}, t{j}, {origin} AS o{j}"


def _exponent(asked: Asked, i: int, factors: tuple[str, ...]) -> str:
    """The exponent of a product's grid, and the mean size of the product, or less."""
    places = [asked.place(f) for f in factors]
    j = places[0]
    alone = f"CASE WHEN b{j} > t{j} THEN t{j} * (t{j} / b{j}) ELSE t{j} END"
    size = " * ".join(f"t{k}" for k in places) if len(places) > 1 else alone
    return f"{exponent(' * '.join(f'b{k}' for k in places), 'r')} AS q{i}, {size} AS m{i}"
