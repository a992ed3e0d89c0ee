"""Joined tables on every engine: the same bytes, the same refusals."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet
import pytest

import honestlift as hl
from engines.conftest import Opened
from honestlift.errors import HonestliftError
from honestlift.plan import read_plan
from honestlift.source.connect import connect
from joined_data import world, written
from two_stage_data import DESIGN as SATURATED
from two_stage_data import record, rows

pytestmark = pytest.mark.filterwarnings("ignore")  # PySpark warns of its own insides

Data = dict[str, pa.Table]

UNIT, CLUSTER, JOINED = 'user"; DROP TABLE users; --', "group", "näh é'用户"
KEY, ARM, ASSIGNED = "Group", "select", "a.b; --"
SEEN, AT, MEASURE = "order by", "%s", 'min"utes'
DAY = 86_400_000_000
START = 1_771_804_800_000_000  # 2026-02-23: clocks change within the windows in America, and at their ends in Europe

DESIGN = hl.ClusterDesign(unit=UNIT, cluster=CLUSTER, treatment=hl.Treatment(column=ARM, treated="ön", control="Off "))
TABLES = hl.Tables(
    assignment=hl.AssignmentTable(cluster=KEY, arm=ARM, time=ASSIGNED, joined=JOINED, moves="first"),
    exposure=hl.ExposureTable(unit="where", time=SEEN),
    events=hl.EventTable(
        unit="u.u",
        time=AT,
        until=datetime.fromtimestamp((START + 40 * DAY) / 1e6, UTC),
        sums=(
            hl.EventSum(column=MEASURE, name='14d"; --', window="14d"),
            hl.EventSum(column=MEASURE, name="before", window="4w", before=True),
            hl.EventSum(name="events", window="36h"),
            hl.EventSum(column="cost", name="né"),
        ),
    ),
)
METRICS = (
    hl.Mean('14d"; --', pre="before"),
    hl.Mean("events"),
    hl.Ratio("né", "events"),
    hl.Quantile("né", 0.75),
)
STUDY = hl.Study(design=DESIGN, metrics=METRICS, tables=TABLES, bootstrap=0, seed=3, segments=("tier",))


def hostile(users: int = 600, clusters: int = 24, events: int = 5000) -> Data:
    """Four tables whose names try to be SQL.

    Ids beyond 2^53, workspaces whose names differ by case, accents and blanks at the end, moments whose clocks stand elsewhere in each
    table, keys and times that are missing, users in several workspaces, arms that are said twice.
    """
    rng = np.random.default_rng(11)
    names = [f"{('a', 'A', 'á', 'B', 'ß', 'z')[i % 6]}{i // 6}{' ' * (i % 2)}" for i in range(clusters)]
    ids = 2**53 + rng.permutation(users)
    home = rng.integers(0, clusters, users)
    moved = rng.choice(users, users // 6, replace=False)
    who = np.concatenate([np.arange(users), moved, moved[:40]])
    where = np.concatenate([home, rng.integers(0, clusters, moved.size), home[moved[:40]]])
    joined = START + rng.integers(-30 * 24, 6 * 24, who.size) * (DAY // 24)
    joined[-40:] = joined[moved[:40]]  # a row that is there twice

    def some(values: Any, share: float) -> list[Any]:
        return [None if gone else v for v, gone in zip(values, rng.random(len(values)) < share, strict=True)]

    def moments(values: Any, zone: str, share: float = 0.0) -> pa.Array[Any]:
        return pa.array(some([int(v) for v in values], share), pa.timestamp("us", tz=zone))

    twice = [*range(clusters), *range(0, clusters, 3)]
    seen, did = rng.integers(0, users, 2 * users), rng.integers(0, users + 9, events)
    near = rng.integers(-3 * 24, 20 * 24, 2 * users) * (DAY // 24)
    return {
        "users": pa.table(
            {
                UNIT: pa.array(ids[who], pa.int64()),
                CLUSTER: pa.array([names[w] for w in where]).dictionary_encode(),
                JOINED: moments(joined, "Europe/Berlin"),
                "tier": pa.array([("free", "pro")[i % 2] for i in who]).dictionary_encode(),
            }
        ),
        "assignment_table": pa.table(
            {
                KEY: pa.array([*(names[i] for i in twice), "nobody's", None]),
                ARM: pa.array([*(("Off ", "ön")[i // 6 % 2] for i in twice), "ön", "ön"]).dictionary_encode(),
                ASSIGNED: moments(
                    [*(START + (i % 5) * 3600_000_000 + (n >= clusters) for n, i in enumerate(twice)), 0, 0], "UTC"
                ),
            }
        ),
        "exposure_table": pa.table(
            {"where": pa.array(some(ids[seen].tolist(), 0.02), pa.int64()), SEEN: moments(START + near, "Asia/Kolkata", 0.03)}
        ),
        "events": pa.table(
            {
                "u.u": pa.array(some((2**53 + did).tolist(), 0.02), pa.int64()),
                AT: moments(START + rng.integers(-30 * 24, 40 * 24, events) * (DAY // 24), "America/New_York", 0.02),
                MEASURE: pa.array(some(rng.exponential(3, events), 0.05), pa.float64()),
                "cost": pa.array((rng.normal(size=events) * 1e3).astype(np.float32)),
            }
        ),
    }


def answer(data: Any, study: hl.Study) -> str:
    told = hl.run(data, study).to_dict()
    told["provenance"] = None
    told["data"].pop("engine")
    return json.dumps(told)


def ended(data: Any, study: hl.Study) -> str:
    """The answer, or the words of the refusal."""
    try:
        return answer(data, study)
    except HonestliftError as refused:
        return f"{type(refused).__name__}: {refused}"


def opened(engine: Opened, tables: Data) -> dict[str, Any]:
    return {name: engine(table) for name, table in tables.items()}


def with_rule(**rules: Any) -> hl.Study:
    assert TABLES.assignment is not None
    return replace(STUDY, tables=replace(TABLES, assignment=replace(TABLES.assignment, **rules)))


def test_a_plan_with_tables(engine: Opened, tmp_path: Any) -> None:
    study = read_plan(written(tmp_path) / "plan.yaml").study
    tables = {name: pa.parquet.read_table(tmp_path / f"{name}.parquet") for name in world()}
    files = {name: str(tmp_path / f"{name}.parquet") for name in world()}
    assert answer(opened(engine, tables), study) == answer(files, study)


@cache
def due(moves: str, late: str) -> str:
    """The answer by a rule from frames, made once for all engines."""
    return ended(hostile(), with_rule(moves=moves, late=late))


def test_every_rule(engine: Opened) -> None:
    """Who moved and who came late, by each rule; the first and the last that they joined, and that with most rows, differ."""
    seen, data = set[str](), opened(engine, hostile())
    rules = [("first", "drop"), ("last", "keep"), ("most", "drop"), ("drop", "keep"), ("error", "drop"), ("first", "error")]
    for moves, late in rules:
        found = ended(data, with_rule(moves=moves, late=late))
        assert found == due(moves, late), (moves, late)
        seen.add(found)
    assert len(seen) == len(rules)


def in_days(tables: Data, kind: pa.DataType) -> Data:
    """The same on a clock of days, or without zones."""

    def changed(column: pa.ChunkedArray[Any]) -> pa.ChunkedArray[Any]:
        return column.cast(pa.timestamp("us")).cast(kind, safe=False) if pa.types.is_timestamp(column.type) else column

    return {name: pa.table({n: changed(t[n]) for n in t.column_names}) for name, t in tables.items()}


@pytest.mark.parametrize("kind", [pa.date32(), pa.timestamp("us")], ids=["dates", "no zone"])
@pytest.mark.parametrize("end", ["said", "the last event"])
def test_other_clocks(engine: Opened, kind: pa.DataType, end: str) -> None:
    tables = in_days(hostile(), kind)
    assert TABLES.events is not None
    said = datetime.fromtimestamp((START + 30 * DAY) / 1e6, UTC).replace(tzinfo=None)
    study = replace(STUDY, tables=replace(TABLES, events=replace(TABLES.events, until=said if end == "said" else None)))
    assert answer(opened(engine, tables), study) == answer(tables, study)


def test_arms_of_users(engine: Opened) -> None:
    """Users were assigned one by one, some twice, in numbers; without a time, all events count."""
    tables = hostile()
    users = tables["users"].slice(0, 600)
    ids, home = users[UNIT].to_pylist(), users[CLUSTER].to_pylist()
    arms = pa.table(
        {"u": pa.array([*ids, *ids[:50], None, 7], pa.int64()), ARM: [len(w) % 2 for w in [*home, *home[:50], "", ""]]}
    )
    given = {"users": users, "assignment_table": arms, "events": tables["events"]}
    assert TABLES.events is not None
    asked = hl.Tables(
        assignment=hl.AssignmentTable(unit="u", arm=ARM),
        events=replace(TABLES.events, time=None, sums=(hl.EventSum(column=MEASURE), hl.EventSum(name="n"))),
    )
    design = hl.ClusterDesign(unit=UNIT, cluster=CLUSTER, treatment=ARM)
    study = hl.Study(design=design, metrics=(hl.Mean(MEASURE), hl.Mean("n")), tables=asked, bootstrap=0)
    assert answer(opened(engine, given), study) == answer(given, study)


def test_the_same_refusals(engine: Opened) -> None:
    tables, text, plain = hostile(), pa.string(), pa.timestamp("us")
    data, said = opened(engine, tables), list[str]()
    for name, column, kind, words in (
        ("users", UNIT, text, "holds text and column 'where' of the other table integer"),
        ("users", JOINED, pa.date32(), "holds dates and column 'a.b; --' times with a zone"),
        ("assignment_table", KEY, None, "holds text and column 'Group' of the other table integer"),
        ("assignment_table", ASSIGNED, plain, "holds times with a zone and column 'a.b; --' times without a zone"),
        ("exposure_table", "where", pa.float64(), "of the other table number, which cannot be compared"),
        ("exposure_table", SEEN, pa.date32(), "Column 'order by' holds dates"),
        ("events", "u.u", text, "of the other table text"),
        ("events", AT, text, "holds text. Expected dates or times"),
        ("events", MEASURE, text, "Expected the same type in both"),
    ):
        table = tables[name]
        held = pa.array(range(len(table))) if kind is None else table[column].cast(kind, safe=False)
        changed = table.set_column(table.column_names.index(column), column, held)
        found = ended(data | {name: engine(changed)}, STUDY)
        assert words in found
        assert found == ended(tables | {name: changed}, STUDY)
        said.append(found)
    arms = tables["assignment_table"]
    flipped = arms.set_column(1, ARM, pa.array(["ön"] * len(arms)))
    for changed in (
        pa.concat_tables([arms.cast(flipped.schema), flipped]),
        flipped.set_column(1, ARM, pa.nulls(len(arms), text)),
    ):
        found = ended(data | {"assignment_table": engine(changed)}, STUDY)
        assert found == ended(tables | {"assignment_table": changed}, STUDY)
        said.append(found)
    assert len(set(said)) == 11


def test_tables_elsewhere_are_refused(engine: Opened) -> None:
    """By name, whichever table is elsewhere."""
    tables = hostile()
    data = opened(engine, tables)
    if data["users"].engine == "duckdb" and type(data["users"]) is type(connect(tables["users"])):
        pytest.skip("one engine")
    for name in tables:
        found = ended(data | {name: connect(tables[name])}, STUDY)
        assert found.startswith("TablesError: One table is in ")
        assert data["users"].engine in found


def ties() -> pa.Table:
    """Ties between users, some of whom are in no table."""
    rng = np.random.default_rng(4)
    a, b = (2**53 + rng.integers(0, 610, 3000) for _ in range(2))
    return pa.table({"fr om": a, "to": b, "doc": rng.integers(0, 400, 3000)}).filter(
        pa.compute.not_equal(pa.array(a), pa.array(b))
    )


@pytest.mark.parametrize("graph", ["edges", "artifacts"])
def test_with_a_collaboration_graph(engine: Opened, graph: str) -> None:
    tables = hostile()

    def told(data: Any, between: Any) -> str:
        edges = hl.Edges(data=between, source="fr om", target="to")
        log = hl.Artifacts(data=between, artifact="doc", author="fr om", reader="to")
        exposure = hl.Exposure(edges=edges) if graph == "edges" else hl.Exposure(artifacts=log)
        return ended(data, replace(STUDY, segments=(), metrics=METRICS[:1], design=replace(DESIGN, exposure=exposure)))

    found = told(opened(engine, tables), engine(ties()))
    assert '"direct"' in found
    assert found == told(tables, ties())


def test_with_a_mark_of_exposure_and_a_record(engine: Opened) -> None:
    """The arms of a table, held to the record of the draw."""
    tables = hostile()
    arms = {k: a for k, a in zip(*(tables["assignment_table"][n].to_pylist() for n in (KEY, ARM)), strict=True) if k}
    users = tables["users"]
    mark = pa.array([u % 3 == 0 for u in users[UNIT].to_pylist()])
    tables |= {"users": users.append_column('"expo"sed', mark)}
    study = replace(STUDY, design=replace(DESIGN, exposure=hl.Exposure(column='"expo"sed')))
    assert len(arms) == 25
    assert answer(opened(engine, tables), study) == answer(tables, study)


def test_with_saturations(engine: Opened) -> None:
    """A two-stage study whose users' arms stand in a table of their own, and whose outcome is summed from events."""
    drawn = record(clusters=18)
    whole = pa.Table.from_pandas(rows(drawn, size=12), preserve_index=False)
    tables = {
        "users": whole.select(["user", "workspace"]),
        "assignment_table": whole.select(["user", "treated"]).rename_columns(["User", "treated"]),
        "events": pa.concat_tables([whole.select(["user", "minutes"])] * 2),
    }
    asked = hl.Tables(
        assignment=hl.AssignmentTable(unit="User", arm="treated"),
        events=hl.EventTable(unit="user", sums=(hl.EventSum(column="minutes"),)),
    )
    design = hl.ClusterDesign(**SATURATED, assignment=drawn)
    study = hl.Study(design=design, metrics=(hl.Mean("minutes"),), tables=asked, bootstrap=0)
    found = answer(opened(engine, tables), study)
    assert found == answer(tables, study)
    twice = whole.set_column(3, "minutes", pa.compute.multiply(whole["minutes"], 2.0))
    alone = hl.run(twice, replace(study, tables=None))
    assert [e["estimate"] for e in json.loads(found)["estimates"]] == pytest.approx([e.estimate for e in alone.estimates])
