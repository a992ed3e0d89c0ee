"""One body over all engines: the same rows, the same study, the same bytes."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import narwhals as nw
import numpy as np
import pyarrow as pa
import pytest

import honestlift as hl
from honestlift.analysis.opt_in import reading
from honestlift.errors import DataError, SourceError
from honestlift.moments import scan
from honestlift.moments.timing import timing
from honestlift.source.buckets import BUCKET, with_buckets, with_unit_type
from honestlift.source.connect import connect

pytestmark = pytest.mark.filterwarnings("ignore")  # PySpark warns of its own insides

CLUSTER = 'work"space; drop table users; --'
HOSTILE = [
    "sp ace",
    'quo"te',
    "back`tick",
    "*",
    "select",
    "né用户",
    "a.b",
    "Ab",
    "a b",
    'x") from t; --',
    "^x.*$",
    "%s",
    "c0",
    "${x}",
]


def rows(n: int = 3000) -> pa.Table:
    """Forty workspaces with gaps, NaN, decimals, booleans, long ids, a dictionary column and moments with a zone."""
    rng = np.random.default_rng(5)
    workspace = rng.integers(0, 40, n)
    treated = workspace % 2 == 0
    exposed = rng.random(n) < np.where(treated, 0.6, 0.2)
    minutes = rng.gamma(2.0, 15.0, n) + 3 * treated + 4 * exposed + workspace / 7
    before = rng.normal(1e6, 20.0, n)
    gap = rng.random(n)
    values = [None if g < 0.02 else float("nan") if g < 0.03 else float(m) for g, m in zip(gap, minutes, strict=True)]
    return pa.table(
        {
            "user": pa.array([2**53 + int(i) for i in rng.permutation(n)], pa.int64()),
            CLUSTER: pa.array([f"ws-{w}; 'é" for w in workspace]).dictionary_encode(),
            "treated": pa.array(treated),
            "exposed": pa.array(exposed.astype(np.int8)),
            "tier": pa.array([("free", "pro")[w % 4 // 2] for w in workspace]).dictionary_encode(),
            "minutes": pa.array(values, pa.float64()),
            "before": pa.array(before),
            "cost": pa.array([Decimal(int(c)) / 100 for c in rng.integers(1, 9000, n)], pa.decimal128(12, 2)),
            "shared": pa.array(rng.random(n) < 0.4),
            "clicks": pa.array(rng.poisson(4, n), pa.int32()),
            "small": pa.array(rng.normal(size=n).astype(np.float32)),
            "seen": pa.array(rng.integers(0, 10**15, n), pa.timestamp("us", tz="Europe/Berlin")),
        }
    )


DESIGN = hl.ClusterDesign(
    unit="user", cluster=CLUSTER, treatment="treated", exposure=hl.Exposure(column="exposed"), strata=("tier",)
)
METRICS = [hl.Mean("minutes"), hl.Mean("cost"), hl.Mean("shared"), hl.Mean("small"), hl.Ratio("cost", "clicks")]


def answer(lift: hl.Lift) -> dict[str, Any]:
    """All that must not depend on the engine."""
    made = json.loads(lift.to_json())
    made["data"].pop("engine")
    for key in ("started", "seconds"):
        made["provenance"].pop(key)
    return made


def test_a_cluster_study(engine):
    study = {"design": DESIGN, "metrics": METRICS, "covariates": ["before"], "seed": 3}
    assert answer(hl.analyze(engine(rows()), **study)) == answer(hl.analyze(rows(), **study))


def test_events(engine):
    table = rows()
    twice = pa.concat_tables([table, table.slice(0, 1000)])
    study = {"design": DESIGN, "metrics": [hl.Mean("clicks"), hl.Mean("minutes")], "rows": "events", "seed": 3}
    assert answer(hl.analyze(engine(twice), **study)) == answer(hl.analyze(twice, **study))


def test_an_opt_in_study(engine):
    """Past a logarithm the engines' digits may differ; here few patterns leave the engine, and none does."""
    design = hl.OptInDesign(unit="user", treatment="exposed", cluster=CLUSTER)
    study = {"design": design, "metrics": [hl.Mean("minutes")], "covariates": ["before", "tier"], "seed": 3, "bootstrap": 20}
    source = engine(rows())
    found = answer(hl.analyze(source, **study))
    assert found == answer(hl.analyze(source, **study))
    assert_near(found["estimates"], answer(hl.analyze(rows(), **study))["estimates"])


def assert_near(found: Any, expected: Any) -> None:
    """Numbers to 1e-10, and all that is no number to the letter."""
    if isinstance(found, float) and isinstance(expected, float):
        assert found == pytest.approx(expected, rel=1e-10, abs=1e-12)
    elif isinstance(found, dict):
        assert list(found) == list(expected)
        assert_near(list(found.values()), list(expected.values()))
    elif isinstance(found, list):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            assert_near(one, other)
    else:
        assert found == expected


def test_infinities_are_refused_in_the_same_words(engine):
    table = rows()
    broken = table.set_column(5, "minutes", pa.array([float("-inf"), *table["minutes"].to_pylist()[1:]], pa.float64()))
    with pytest.raises(DataError) as expected:
        hl.analyze(broken, DESIGN, METRICS)
    with pytest.raises(DataError) as found:
        hl.analyze(engine(broken), DESIGN, METRICS)
    assert str(found.value) == str(expected.value)


def test_hostile_names(engine):
    source = engine(pa.table({name: [i, i + 100] for i, name in enumerate(HOSTILE)}))
    assert list(source.columns) == HOSTILE
    for i, name in enumerate(HOSTILE):
        assert sorted(source.select([name]).collect("pyarrow").to_arrow()["c0"].to_pylist()) == [i, i + 100]


@pytest.mark.parametrize("kind", ["integer", "text"])
def test_buckets(engine, kind):
    table = pa.table({"u": pa.array([*range(-500, 500), 2**53 + 1, 2**62, -(2**62)], pa.int64())})

    def counts(source):
        cells = scan.count_cells(with_buckets(with_unit_type(source, "u", kind), "u", 37), [BUCKET])
        return cells.keys[BUCKET].labels, cells.rows.tolist()

    assert counts(engine(table)) == counts(connect(table))


def test_the_operations_of_a_source(engine):
    """NULL means the same in each of them."""
    table = pa.table({"x": [1.0, None, float("nan"), 2.0], "t": ["a", "b", None, "a"]})

    def seen(source):
        got = source.everything().collect("pyarrow").to_arrow().to_pylist()
        return sorted(str(tuple(row.values())) for row in got)

    one, other = engine(table), connect(table)
    for change in (
        lambda s: s.complete(["x", "t"]),
        lambda s: s.restricted("t", ["a", "c"]),
        lambda s: s.with_indicators("t", ["a"], "absent"),
        lambda s: s.with_columns({"twice": nw.col("c0") * 2}, ["number"]),
        lambda s: s.kept(s.select(["t"]), ["t"], ["text"]),
    ):
        assert seen(change(one)) == seen(change(other))
    assert replace(one).kinds == ("number", "text")


KEYS = pa.table(
    {
        "text": pa.array(["a", "A", "á", "a ", "", None, "a", "ß", "ss", "z"]),
        "whole": pa.array([2**53, 2**53 + 1, 2**63 - 1, -(2**63), 0, None, 2**53, 1, 2, 3], pa.int64()),
        "number": pa.array([0.0, -0.0, float("nan"), None, 1.0, 0.1, 1e300, -1.5, 5e-324, 2.0**60], pa.float64()),
        "single": pa.array([0.1, 0.1, float("nan"), None, 1.0, 2.5, -0.0, 0.0, 3.0, 4.0], pa.float32()),
        "decimal": pa.array(
            [Decimal(v) if v else None for v in ["1.00", "1.5", "-0.25", "1.50", "0.00", "999999.99"] + [""] * 4],
            pa.decimal128(12, 2),
        ),
        "yes": pa.array([True, False, None, True, True, False, False, True, None, True]),
        "category": pa.array(["b", "a", None, "b", "Z", "b", "a", "Z", "b", "a"]).dictionary_encode(),
        "day": pa.array([date(2024, 2, 29), None, date(1900, 1, 1)] + [date(2024, 3, 1)] * 7),
        "moment": pa.array([0, None, 10**15, 10**15 + 1, 1, 2, 3, -1, -(10**12), 0], pa.timestamp("us", tz="Asia/Kolkata")),
        "local": pa.array([0, None, 10**15, 10**15 + 1, 1, 2, 3, -1, -(10**12), 0], pa.timestamp("us")),
    }
)


def test_keys_of_every_kind(engine):
    """What counts as one value, in which order, and what it is called."""
    one, other = engine(KEYS), connect(KEYS)
    assert one.kinds == other.kinds
    for name in KEYS.column_names:
        found, expected = scan.count_cells(one, [name]), scan.count_cells(other, [name])
        assert found.keys[name].labels == expected.keys[name].labels, name
        assert found.rows.tolist() == expected.rows.tolist(), name
    assert scan.distinct(one) == scan.distinct(other)


@pytest.mark.parametrize("zone", [None, "Asia/Kolkata"])
@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_times_bear_one_name_in_every_unit(engine, unit, zone, request):
    """What a workspace is called does not depend on how finely its times are kept."""
    if unit == "ns" and "spark" in request.node.name:
        pytest.skip("Spark reads no such parquet")
    moments = [0, None, 10**9, -(10**9), 86_400]
    table = pa.table({"at": pa.array(moments, pa.timestamp("s", tz=zone)).cast(pa.timestamp(unit, tz=zone))})
    z = "Z" if zone else ""
    names = ("1938-04-24 22:13:20", "1970-01-01 00:00:00", "1970-01-02 00:00:00", "2001-09-09 01:46:40")
    assert scan.count_cells(engine(table), ["at"]).keys["at"].labels == (*(f"{name}.000000{z}" for name in names), None)


def test_measures_of_every_kind(engine):
    """Counts of what is missing and infinite, and ranges, are the same bytes; so are means up to the order of adding."""
    table = KEYS.append_column("far", pa.array([float("inf"), float("-inf"), None, float("nan"), 1.0, 2.0, 3.0, 4.0, 5.0, 1e200]))
    names = ["whole", "number", "single", "decimal", "yes", "far"]
    for one, other in zip(scan.summaries(engine(table), names), scan.summaries(connect(table), names), strict=True):
        assert (one.count, one.missing, one.infinite) == (other.count, other.missing, other.infinite)
        assert (one.low, one.high) == (other.low, other.high)
        assert one.mean == pytest.approx(other.mean, rel=1e-12, nan_ok=True)


def test_times_with_zones(engine):
    """Moments are compared as such, wherever their clocks stand; a time with a zone and one without are not compared."""
    before = pa.array([0, 10, None, 30, 3_600_000_000], pa.timestamp("us", tz="America/New_York"))
    after = pa.array([0, 5, 1, None, 3_599_999_999], pa.timestamp("us", tz="Asia/Kolkata"))
    source = engine(pa.table({"a": before, "b": after, "c": after.cast(pa.timestamp("us"))}))
    found = timing(source, "x", "a", "b")
    assert (found.users, found.late, found.unknown) == (5, 2, 2)
    with pytest.raises(DataError, match="has a time zone"):
        timing(source, "x", "a", "c")


def test_no_rows_and_no_values(engine):
    """Nothing to study is said in the same words."""
    for table in (rows().slice(0, 0), rows().set_column(5, "minutes", pa.nulls(3000, pa.float64()))):
        with pytest.raises(DataError) as expected:
            hl.analyze(table, DESIGN, [hl.Mean("minutes")])
        with pytest.raises(DataError) as found:
            hl.analyze(engine(table), DESIGN, [hl.Mean("minutes")])
        assert str(found.value) == str(expected.value)


def test_what_else_a_cluster_study_can_ask(engine):
    """Quantiles, capped metrics, segments, logged use, arms by name, categories as covariates."""
    arms = hl.Treatment(column="tier", treated="pro", control="free")
    design = replace(DESIGN, treatment=arms, strata=(), exposure=None, uptake="shared")
    metrics = [hl.Quantile("minutes", 0.75), hl.Mean("cost", winsorize=hl.Winsorize(above=50.0))]
    study = {"design": design, "metrics": metrics, "segments": ["treated"], "covariates": ["exposed", "before"], "seed": 3}
    assert answer(hl.analyze(engine(rows()), **study)) == answer(hl.analyze(rows(), **study))


def test_rows_that_stay_in_the_engine(engine, monkeypatch):
    """Fits in scans, past exponentials: the same bytes again, and 1e-10 from another engine."""
    monkeypatch.setattr(reading, "MOST_PATTERNS", 0)
    design = hl.OptInDesign(unit="user", treatment="exposed")
    study = {"design": design, "metrics": [hl.Mean("cost")], "covariates": ["before", "tier"], "seed": 3, "bootstrap": 0}
    source = engine(rows(1500))
    found = answer(hl.analyze(source, **study))
    assert found == answer(hl.analyze(source, **study))
    assert_near(found["estimates"], answer(hl.analyze(rows(1500), **study))["estimates"])


def ties(n: int = 3000) -> pa.Table:
    """Ties between users near each other in the order of their workspaces, with weights, and the documents that made them."""
    rng = np.random.default_rng(8)
    ids, order = rows().column("user").to_numpy(), np.argsort(np.array(rows().column(CLUSTER).to_pylist()))
    a = rng.integers(0, n, 2 * n)
    b = (a + rng.integers(1, 60, 2 * n)) % n
    made = {
        'so"urce': ids[order[a]],
        "target": ids[order[b]],
        "w": rng.exponential(1, 2 * n),
        "doc": [f"d{i % 900}" for i in range(2 * n)],
    }
    return pa.table(made)


@pytest.mark.parametrize("graph", ["edges", "artifacts"])
def test_ties_between_users(engine, graph):
    """Joined where the users are: the same bytes again."""

    def study(opened: Any) -> dict[str, Any]:
        data = opened(ties())
        edges = hl.Edges(data=data, source='so"urce', target="target", weight="w")
        log = hl.Artifacts(data=data, artifact="doc", author='so"urce', reader="target")
        exposure = hl.Exposure(edges=edges, rule={"fraction": 0.25}) if graph == "edges" else hl.Exposure(artifacts=log)
        design = replace(DESIGN, strata=(), exposure=exposure)
        return answer(hl.analyze(opened(rows()), design, [hl.Mean("minutes")], seed=3))

    assert study(engine) == study(connect)


def test_ties_elsewhere_are_refused(engine):
    """Users and ties in two engines are not joined, whichever is where."""
    source = engine(rows())
    other = connect(ties())
    if source.engine == other.engine:
        pytest.skip("one engine")
    for users, edges in ((source, other), (connect(rows()), engine(ties()))):
        design = replace(DESIGN, strata=(), exposure=hl.Exposure(edges=hl.Edges(data=edges, source='so"urce', target="target")))
        with pytest.raises(SourceError, match="cannot be joined"):
            hl.analyze(users, design, [hl.Mean("minutes")])


def waves() -> pa.Table:
    """Users of forty workspaces in eight periods; a third of the workspaces begins in the third, a third in the fifth, others never."""
    table, rng = rows(), np.random.default_rng(6)
    number = np.array([int(name.removeprefix("ws-").partition(";")[0]) for name in table[CLUSTER].to_pylist()])
    start = [None if w % 3 == 2 else 3 + 2 * (w % 3) for w in number]
    return table.append_column("week", pa.array(rng.integers(0, 8, len(table)), pa.int16())).append_column(
        "start", pa.array(start, pa.int32())
    )


def test_a_roll_out_in_waves(engine):
    design = hl.WavesDesign(unit="user", cluster=CLUSTER, period="week", start="start")
    study = hl.WavesStudy(
        design=design, metrics=(hl.Mean("minutes"), hl.Mean("cost"), hl.Mean("shared")), negative_controls=("small",)
    )
    table = pa.concat_tables([waves(), waves().slice(0, 500)])  # some users are seen twice
    assert answer(hl.run(engine(table), study)) == answer(hl.run(table, study))


def test_the_effect_over_time(engine):
    design = hl.ClusterDesign(unit="user", cluster=CLUSTER, treatment="treated", period="week")
    study = hl.Study(design=design, metrics=(hl.Mean("minutes"),), bootstrap=0)
    assert answer(hl.run(engine(waves()), study)) == answer(hl.run(waves(), study))


@pytest.mark.parametrize("zone", [None, "Asia/Kolkata"])
def test_ties_from_the_launch_on(engine, zone):
    """A launch is a day, and begins at the same moment whatever the clock of a session, or of this machine."""
    day = 86_400_000_000
    launch = 20_531 * day  # 2026-03-19
    at = pa.array([launch + hours * day // 24 for hours in range(-30, 30)], pa.timestamp("us", tz=zone))
    users = rows(200)["user"].to_pylist()
    between = pa.table({"a": users[:60], "b": users[60:120], "at": at})

    def late(opened: Any) -> Any:
        graph = hl.Edges(data=opened(between), source="a", target="b", time="at")
        design = replace(DESIGN, strata=(), exposure=hl.Exposure(edges=graph, launch="2026-03-19"))
        return answer(hl.analyze(opened(rows(200)), design, [hl.Mean("clicks")], seed=3))

    found = late(engine)
    assert found == late(connect)
    assert "30" in json.dumps(found["checks"])
