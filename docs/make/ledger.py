"""The table of assumptions in docs/reference/ledger.md, from the rows that every result is held to."""

from __future__ import annotations

from pathlib import Path

from honestlift.analysis.assumptions import CLUSTER, DRAWN_WAVES, OPT_IN, WAVES, Row

PAGE = Path(__file__).parents[1] / "reference" / "ledger.md"
HEAD = """\
# The ledger of assumptions

Every result says what its headline rests on: one row of `ledger` per assumption, on the page under *Can we believe it?*, on the
terminal after the checks, in Python as `lift.ledger` and `lift.assumption("enough_clusters")`. Each is **tested** by checks that could
have refuted it, with their number in the statement and in `evidence`; or cannot be tested and is **bounded** by a sensitivity analysis,
which says how much a breach would matter; or neither, and then the row says what to put into the data.

| status | when |
|---|---|
| `violated` | a check that tests it is at `stop`; under the headline it makes the verdict *not trustworthy*, and is its first reason |
| `questioned` | a check that tests or bounds it is at `caution` |
| `holds` | every check that tests it passed, among them the one that can clear it |
| `untested` | no check speaks of it, or what passed cannot clear it. `basis` says whether something bounds it |

A row whose checks speak of other estimands only says so in `concerns`; the headline does not rest on it. The ledger is about the primary
metric; checks of other metrics stand among the checks.

Made by `make regenerate` from `honestlift/analysis/assumptions.py`, and held to it by a test. Each tested row has a study in
`tests/analysis/test_ledger.py` in which it fires and one in which it is quiet. What each check looks at: [checks](checks.md).
"""


def page() -> str:
    """The whole page."""
    rolled = (*WAVES, *(row for row in DRAWN_WAVES if row not in WAVES))
    drawn = (
        "\nWhere the plan says that the order of the waves was drawn, `random_order` stands in the place of `parallel_trends`.\n"
    )
    waves = _table("Roll-outs in waves", rolled) + drawn
    return HEAD + _table("Cluster studies", CLUSTER) + _table("Opt-in studies", OPT_IN) + waves


def make() -> list[Path]:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")
    return [PAGE]


def _table(title: str, rows: tuple[Row, ...]) -> str:
    lines = ["| code | assumption | tested by | bounded by | where nothing speaks of it |", "|---|---|---|---|---|"]
    lines += [f"| `{r.code}` | {r.assumption}{_only(r)} | {_tests(r)} | {_codes(r.bounds)} | {r.unseen} |" for r in rows]
    return f"\n## {title}\n\n" + "\n".join(lines) + "\n"


def _only(row: Row) -> str:
    return f" (only with `{row.only_with}`)" if row.only_with else ""


def _tests(row: Row) -> str:
    clears = "" if row.provable or not row.tests else "; passing does not clear it"
    clears += f"; only `{row.needs}` clears it" if row.needs else ""
    clears += f"; only a `{row.zero}` of 0 clears it" if row.zero else ""
    return _codes(row.tests) + clears


def _codes(codes: tuple[str, ...]) -> str:
    return ", ".join(f"`{code}`" for code in codes) or "–"
