"""Sums kept in a file answer as the rows do, to the byte; damaged, foreign and overlapping files are refused."""

from __future__ import annotations

import json
from dataclasses import fields
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression

import honestlift as hl
from honestlift.analysis.reading import Reading
from honestlift.analysis.stored import question, study_layout
from studies import DESIGN, frame, levels, without_clock


def rich(seed: int = 3, clusters: int = 24) -> pd.DataFrame:
    """Strata, exposure, use, text with quotes, gaps, an offset, a ratio, and a hostile name."""
    made, rng = frame(clusters, 30, seed=seed), np.random.default_rng(seed)
    n = len(made)
    made["tier"] = rng.choice(["it's", 'a "b"', "ünï"], n)
    made["plan"] = np.where(made["workspace"] % 4 < 2, "pro", "free")
    made["used"] = made["treated"] * rng.binomial(1, 0.7, n)
    made['x"; drop table t; --'] = 1e9 + rng.normal(0, 1, n) + made["treated"]
    made.loc[rng.random(n) < 0.1, "minutes"] = np.nan
    made["usual"] = rng.normal(5, 1, n)
    made["cost"], made["tasks"] = rng.exponential(2, n), rng.poisson(3, n) + 1
    return made


def rich_study(**changed: Any) -> hl.Study:
    design = hl.ClusterDesign(**DESIGN, strata="plan", exposure=hl.Exposure(column="exposed"), uptake="used")
    metrics = (hl.Mean("minutes", pre="before"), hl.Ratio("cost", "tasks"), hl.Mean('x"; drop table t; --'))
    asked: dict[str, Any] = {"design": design, "metrics": metrics, "covariates": ("tier",), "bootstrap": 20, "seed": 4}
    return hl.Study(**{**asked, **changed})


def plain_study(**changed: Any) -> hl.Study:
    asked: dict[str, Any] = {"design": hl.ClusterDesign(**DESIGN), "metrics": (hl.Mean("minutes"),), "bootstrap": 0}
    return hl.Study(**{**asked, **changed})


def kept(path: Path, data: Any, study: hl.Study | hl.OptInStudy) -> str:
    path.write_bytes(hl.collect_moments(data, study).to_bytes())
    return str(path)


KEYS: dict[str, Any] = {
    "whole": lambda w: w,
    "beyond doubles": lambda w: w + 2**60,
    "beyond 64 bits": lambda w: [Decimal(2**70 + int(v)) for v in w],
    "text": lambda w: [f"w'{v}" for v in w],
    "decimals": lambda w: [Decimal(int(v)) / 4 for v in w],
    "doubles": lambda w: np.asarray(w) / 2,
    "dates": lambda w: pd.Timestamp("2026-01-01") + pd.to_timedelta(np.asarray(w), unit="D"),
}


@pytest.mark.parametrize("kind", KEYS)
def test_the_answer_from_the_file_is_that_from_the_rows(tmp_path: Path, kind: str):
    data = rich()
    workspace = KEYS[kind](data["workspace"].to_numpy())
    table = pa.Table.from_pandas(data).drop_columns("workspace").append_column("workspace", pa.array(workspace))
    stored = hl.read_moments(kept(tmp_path / "m.parquet", table, rich_study()))
    assert without_clock(hl.run(stored, rich_study())) == without_clock(hl.run(table, rich_study()))


def test_what_no_sum_depends_on_may_change(tmp_path: Path):
    data, path = rich(), tmp_path / "m.parquet"
    kept(path, data, rich_study())
    metrics = (hl.Mean("minutes", name="Minutes", better="lower", pre="before"), *rich_study().metrics[1:])
    later = rich_study(seed=9, level=0.9, bootstrap=0, metrics=metrics, adjustment="none", name="Again")
    assert without_clock(hl.run(hl.read_moments(str(path)), later)) == without_clock(hl.run(data, later))


@pytest.mark.parametrize("missing", ["drop", "category"])
def test_missing_covariates_are_as_with_rows(tmp_path: Path, missing: Any):
    data = rich()
    data.loc[::17, "tier"] = None
    study = rich_study(missing=missing)
    stored = hl.read_moments(kept(tmp_path / "m.parquet", data, study))
    assert without_clock(hl.run(stored, study)) == without_clock(hl.run(data, study))


def test_other_arms_and_events_are_as_with_rows(tmp_path: Path):
    data = frame(30, 12)
    data["arm"] = np.where(data["workspace"] % 5 == 4, "beta", np.where(data["treated"] == 1, "on", "off"))
    events = pd.concat([data, data.sample(100, random_state=1)])
    design = hl.ClusterDesign(unit="user", cluster="workspace", treatment=hl.Treatment(column="arm", treated="on", control="off"))
    study = plain_study(design=design, rows="events")
    stored = hl.read_moments(kept(tmp_path / "m.parquet", events, study))
    assert without_clock(hl.run(stored, study)) == without_clock(hl.run(events, study))
    assert hl.run(stored, study).data["dropped"] == {"arm is beta": 72}


ASKED: dict[str, dict[str, Any]] = {
    "capped at a quantile": {"metrics": (hl.Mean("minutes", pre="usual", winsorize=0.9), hl.Mean("cost"))},
    "capped at values": {"metrics": (hl.Mean("minutes", winsorize=hl.Winsorize(above=6.0, below=4.0)),)},
    "segments": {"segments": ("tier",)},
    "a covariate that is a stratum too": {"covariates": ("plan", "tier")},
}


@pytest.mark.parametrize("asked", ASKED)
def test_what_else_can_be_asked_is_as_with_rows(tmp_path: Path, asked: str):
    data, study = rich(), rich_study(**ASKED[asked])
    stored = hl.read_moments(kept(tmp_path / "m.parquet", data, study))
    assert without_clock(hl.run(stored, study)) == without_clock(hl.run(data, study))


def test_several_arms_are_as_with_rows(tmp_path: Path):
    data = frame(40, 12)
    data["arm"] = data["workspace"].map(lambda w: ["off", "small", "large", "other"][w % 4])
    arms = hl.Treatment(column="arm", treated=("small", "large"), control="off")
    study = plain_study(design=hl.ClusterDesign(unit="user", cluster="workspace", treatment=arms))
    stored = hl.read_moments(kept(tmp_path / "m.parquet", data, study))
    assert without_clock(hl.run(stored, study)) == without_clock(hl.run(data, study))


def test_caps_of_other_users_are_not_added(tmp_path: Path):
    data, study = rich(), rich_study(**ASKED["capped at a quantile"])
    for i in range(2):
        kept(tmp_path / f"{i}.parquet", data[data["user"] % 2 == i], study)
    with pytest.raises(hl.HonestliftError, match="cannot be added: their columns"):
        hl.read_moments(str(tmp_path / "*.parquet"))


def opt_in(**changed: Any) -> hl.OptInStudy:
    design = hl.OptInDesign(unit="user", treatment="chose", **changed.pop("design", {}))
    return hl.OptInStudy(design=design, metrics=(hl.Mean("done"),), covariates=("tier", "score"), bootstrap=20, **changed)


def choosers(n: int = 3000, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    tier, score = rng.choice(["light", "heavy"], n), rng.integers(0, 5, n)
    chose = rng.random(n) < 0.2 + 0.3 * (tier == "heavy") + 0.05 * score
    done = (rng.random(n) < 0.3 + 0.1 * chose + 0.2 * (tier == "heavy")).astype(float)
    done[:9] = np.nan
    columns = {
        "user": np.arange(n) + seed * n,
        "tier": tier,
        "score": score,
        "chose": chose,
        "done": done,
        "team": np.arange(n) % 30,
    }
    return pd.DataFrame(columns)


@pytest.mark.parametrize("design", [{}, {"cluster": "team"}])
def test_an_opt_in_study_is_as_with_rows(tmp_path: Path, design: dict[str, str]):
    data, study = choosers(), opt_in(design=design)
    stored = hl.read_moments(kept(tmp_path / "m.parquet", data, study))
    assert without_clock(hl.run(stored, study)) == without_clock(hl.run(data, study))


def test_shards_of_users_add_up(tmp_path: Path):
    data, study = rich(), rich_study()
    parts = [kept(tmp_path / f"{i}.parquet", data[data["user"] % 3 == i], study) for i in range(3)]
    together, whole = hl.run(hl.read_moments(str(tmp_path / "*.parquet")), study), hl.run(data, study)
    assert without_clock(hl.run(hl.read_moments(*parts[::-1]), study)) == without_clock(together)
    as_close(together, whole, 1e-9)
    check = next(c for c in together.checks if c.code == "stored_moments")
    assert (check.level, check.evidence["files"], check.evidence["overlap_one_in"]) == ("ok", 3, 1)
    assert together.tables["outcome_density"].rows == ()
    assert "none stands in two of them" in check.statement
    assert hl.read_moments(parts[0], parts[0]).moments.cells == hl.read_moments(parts[0]).moments.cells  # named twice, read once


def test_shards_of_choosers_add_up(tmp_path: Path):
    data, study = choosers(), opt_in()
    for i in range(2):
        kept(tmp_path / f"{i}.parquet", data[data["user"] % 2 == i], study)
    together, whole = hl.run(hl.read_moments(str(tmp_path / "*.parquet")), study), hl.run(data, study)
    assert together.headline().estimate == pytest.approx(whole.headline().estimate, rel=1e-9)


def test_users_in_two_shards_are_found(tmp_path: Path):
    data, study = frame(30, 20), plain_study()
    first = kept(tmp_path / "1.parquet", data[:400], study)
    second = kept(tmp_path / "2.parquet", data[399:], study)
    with pytest.raises(hl.HonestliftError, match=r"One user stands both in .* and in .* Expected files of different users"):
        hl.read_moments(first, second)


def test_a_sketch_of_many_users_finds_those_in_both(tmp_path: Path):
    n = 40_000
    data = pd.DataFrame({"user": np.arange(n), "workspace": np.arange(n) % 40, "treated": np.arange(n) % 2})
    data["minutes"] = np.random.default_rng(0).normal(0, 1, n)
    first = kept(tmp_path / "1.parquet", data[:30_000], plain_study())
    second = kept(tmp_path / "2.parquet", data[29_000:], plain_study())
    third = kept(tmp_path / "3.parquet", data[30_000:], plain_study())
    with pytest.raises(hl.HonestliftError, match="users among one user in 8 stand both"):
        hl.read_moments(first, second)
    check = next(c for c in hl.run(hl.read_moments(first, third), plain_study()).checks if c.code == "stored_moments")
    assert "of one user in 8, none stands in two" in check.statement


def test_another_question_is_refused(tmp_path: Path):
    data = rich()
    stored = hl.read_moments(kept(tmp_path / "m.parquet", data, plain_study()))
    others = [plain_study(covariates=("before",)), plain_study(missing="drop"), plain_study(metrics=(hl.Mean("cost"),)), opt_in()]
    for other in others:
        with pytest.raises(hl.HonestliftError, match="The sums were made for the question"):
            hl.run(stored, other)
    with pytest.raises(hl.HonestliftError, match="The sums were made for the question"):
        hl.read_moments(str(tmp_path / "m.parquet"), kept(tmp_path / "n.parquet", data, plain_study(covariates=("before",))))


def test_shards_whose_keys_have_other_types_are_refused(tmp_path: Path):
    data = frame(30, 20)
    first = kept(tmp_path / "1.parquet", data[:300], plain_study())
    second = kept(tmp_path / "2.parquet", data[300:].assign(workspace=data["workspace"].astype(str)), plain_study())
    with pytest.raises(hl.HonestliftError, match="'workspace' is text in one and not in the other"):
        hl.read_moments(first, second)


def as_close(told: hl.Lift, whole: hl.Lift, rel: float) -> None:
    """The same estimates and standard errors, up to rounding."""
    for a, b in zip(told.estimates, whole.estimates, strict=True):
        assert (a.metric, a.method, a.estimand) == (b.metric, b.method, b.estimand)
        for x, y in ((a.estimate, b.estimate), (a.std_error, b.std_error)):
            assert (x, y) == (None, None) or x == pytest.approx(y, rel=rel, abs=rel / 10), (a.method, a.estimand)


def rewritten(path: str, change: Any, header: bool = True) -> str:
    table = pq.read_table(path)
    made = change(table)
    pq.write_table(made if header else made.replace_schema_metadata(None), path)
    return path


def with_column(table: pa.Table, name: str, values: Any) -> pa.Table:
    return table.set_column(table.column_names.index(name), name, pa.array(values))


DAMAGE: dict[str, tuple[Any, str]] = {
    "cut": (lambda t: t.slice(0, t.num_rows - 1), "holds 29 cells and says that they were 30"),
    "a sum": (lambda t: with_column(t, "s1", t["s1"].to_numpy() * 1.0001), "was changed after it was made"),
    "a key": (lambda t: with_column(t, "k0", t["k0"].to_numpy() + 1), "was changed after it was made"),
    "the header": (
        lambda t: t.replace_schema_metadata({b"honestlift": t.schema.metadata[b"honestlift"].replace(b'"duckdb"', b'"other!"')}),
        "was changed after it was made",
    ),
    "a count": (lambda t: with_column(t, "n", t["n"].to_numpy() + 1), "holds 630 users and says that they were 600"),
    "no layout": (lambda t: t.drop_columns("layout"), "no column 'layout'"),
    "no sum": (lambda t: t.drop_columns("s2"), "no column 's2'"),
    "version": (
        lambda t: with_column(t, "layout", [t["layout"][0].as_py().replace('"version": 1', '"version": 2')] * 30),
        "version 2",
    ),
    "nonsense": (lambda t: with_column(t, "layout", ["[]"] * 30), "not one text of JSON"),
    "two layouts": (lambda t: with_column(t, "layout", ["{}", *["[]"] * 29]), "not one text of JSON"),
    "text": (lambda t: with_column(t, "s1", ["a"] * 30), "does not hold numbers"),
    "a gap": (lambda t: with_column(t, "s1", [None, *[1.0] * 29]), "missing or not finite"),
    "no rows": (lambda t: t.slice(0, 0), "no rows"),
    "twice": (lambda t: t.take([0, 0, *range(2, 30)]), "stands in it twice"),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_file_is_refused(tmp_path: Path, name: str):
    change, words = DAMAGE[name]
    path = kept(tmp_path / "m.parquet", frame(30, 20), plain_study())
    with pytest.raises(hl.HonestliftError, match=words):
        hl.read_moments(rewritten(path, change))


def test_half_a_file_and_no_file_are_refused(tmp_path: Path):
    path = tmp_path / "m.parquet"
    kept(path, frame(30, 20), plain_study())
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(hl.HonestliftError, match="is no file of sums"):
        hl.read_moments(str(path))
    with pytest.raises(hl.HonestliftError, match="There is no file of sums"):
        hl.read_moments(str(tmp_path / "none.parquet"))
    path.write_text("user,minutes\n1,2\n", encoding="utf-8")
    with pytest.raises(hl.HonestliftError, match="is no file of sums"):
        hl.read_moments(str(path))


def asked_of_a_warehouse(data: pd.DataFrame, study: hl.Study, path: Path, without: str = "") -> str:
    """The sums as a query elsewhere makes them, about the plain means; without one user's rows if that is asked for."""
    keys, measures, sums, layout = study_layout(study, [c for c in study.covariates if c == "tier"])
    connection = duckdb.connect()
    connection.register("rows", data)

    def quoted(name: str) -> str:
        return '"' + name.replace('"', '""') + '"'

    there = {m: f"({quoted(m)} IS NOT NULL AND NOT isnan(CAST({quoted(m)} AS DOUBLE)))" for m in measures}
    connection.execute(
        "CREATE TABLE origins AS SELECT "
        + ", ".join(f"avg({quoted(m)}) FILTER ({there[m]}) AS o{j}" for j, m in enumerate(measures))
        + " FROM rows"
    )
    made = [f"{quoted(k)} AS k{i}" for i, k in enumerate(keys)] + [
        "count(*) AS n",
        f"count(DISTINCT {quoted(study.design.unit)}) AS u",
    ]
    for j, m in enumerate(measures):
        made += [f"any_value(o{j}) AS o{j}"] + [
            f"{f}({quoted(m)}) FILTER ({there[m]}) AS {x}{j}" for f, x in (("min", "l"), ("max", "h"))
        ]
    for i, s in enumerate(sums):
        product = " * ".join(f"({quoted(f)} - o{measures.index(f)})" for f in s.factors) or "1"
        whole = " AND ".join(there[p] for p in s.present) or "true"
        made.append(f"CAST(coalesce(sum({product}) FILTER ({whole}), 0) AS DOUBLE) AS s{i}")
    query = f"SELECT {', '.join(made)} FROM rows, origins {without} GROUP BY {', '.join(quoted(k) for k in keys)}"
    text = layout.replace("'", "''")
    connection.execute(
        f"COPY (SELECT '{text}' AS layout, count(*) OVER () AS cells, CAST(sum(n) OVER () AS BIGINT) AS total, * FROM ({query})) "
        f"TO '{path}' (FORMAT parquet)"
    )
    return str(path)


def test_a_query_elsewhere_can_make_the_sums(tmp_path: Path):
    data, study = rich(), rich_study()
    stored = hl.read_moments(asked_of_a_warehouse(data, study, tmp_path / "answer.parquet"))
    told, whole = hl.run(stored, study), hl.run(data, study)
    as_close(told, whole, 1e-8)
    assert levels(told)["stored_moments"] == "caution"
    assert "unit_in_clusters" not in levels(told)
    without = [c for c in told.checks if c.code != "stored_moments"]
    assert [c.code for c in without] == [c.code for c in whole.checks if c.code != "unit_in_clusters"]
    halves = [asked_of_a_warehouse(data, study, tmp_path / f"{i}.parquet", f"WHERE user % 2 = {i}") for i in range(2)]
    merged = hl.run(hl.read_moments(*halves), study)
    assert merged.headline().estimate == pytest.approx(whole.headline().estimate, rel=1e-8)
    check = next(c for c in merged.checks if c.code == "stored_moments")
    assert (check.level, check.statement[:71]) == (
        "caution",
        "The sums of 2 files were added, and whether a user stands in two of the",
    )


def test_a_query_that_repeats_users_or_loses_cells_is_refused(tmp_path: Path):
    data, study = rich(), rich_study()
    twice = asked_of_a_warehouse(pd.concat([data, data[:1]]), study, tmp_path / "twice.parquet")
    with pytest.raises(hl.HonestliftError, match="a user stands on several rows of a cell"):
        hl.read_moments(twice)
    path = asked_of_a_warehouse(data, study, tmp_path / "answer.parquet")
    with pytest.raises(hl.HonestliftError, match="Expected the whole answer of the query"):
        hl.read_moments(rewritten(path, lambda t: t.slice(1)))
    path = asked_of_a_warehouse(data, study, tmp_path / "answer.parquet")
    with pytest.raises(hl.HonestliftError, match="no column 'l0' or 'h0'"):
        hl.read_moments(rewritten(path, lambda t: t.drop_columns("l0")))
    for name, change, words in (("s2", 0.0, "is too small for its sum"), ("s0", 0.5, "a count of")):
        path = asked_of_a_warehouse(data, study, tmp_path / "answer.parquet")
        with pytest.raises(hl.HonestliftError, match=words):
            hl.read_moments(rewritten(path, lambda t, n=name, by=change: with_column(t, n, t[n].to_numpy() * by)))


def test_a_query_is_held_to_what_the_plan_asks(tmp_path: Path):
    data, study = rich(), rich_study()
    half = asked_of_a_warehouse(data.assign(used=data["used"] * 0.5), study, tmp_path / "half.parquet")
    with pytest.raises(hl.HonestliftError, match=r"Column 'used', the uptake, holds 0.0, 0.5"):
        hl.run(hl.read_moments(half), study)
    path = asked_of_a_warehouse(data, study, tmp_path / "answer.parquet")
    text = pq.read_table(path)["layout"][0].as_py()
    less = json.loads(text)
    less["sums"].pop()
    changed = hl.read_moments(rewritten(path, lambda t: with_column(t, "layout", [json.dumps(less)] * t.num_rows)))
    with pytest.raises(hl.HonestliftError, match="the layout is not the one that the plan asks for"):
        hl.run(changed, study)
    for key, value in {"measures": ["minutes"], "sums": [[["minutes"], 3]], "keys": []}.items():
        odd = json.dumps(json.loads(text) | {key: value})
        path = asked_of_a_warehouse(data, study, tmp_path / "answer.parquet")
        with pytest.raises(hl.HonestliftError, match="a count, a sum and a sum of squares of every measure"):
            hl.read_moments(rewritten(path, lambda t, to=odd: with_column(t, "layout", [to] * t.num_rows)))
    asked = json.dumps(json.loads(text) | {"question": question(opt_in())})
    path = asked_of_a_warehouse(data, study, tmp_path / "answer.parquet")
    with pytest.raises(hl.HonestliftError, match="was not written by honestlift"):
        hl.run(hl.read_moments(rewritten(path, lambda t: with_column(t, "layout", [asked] * t.num_rows))), opt_in())


def test_a_study_that_needs_rows_is_not_kept():
    study = hl.OptInStudy(
        design=hl.OptInDesign(unit="user", treatment="chose"),
        metrics=(hl.Mean("done"),),
        covariates=("score",),
        learners=hl.Learners(classifier=LogisticRegression(), regressor=LinearRegression()),
    )
    with pytest.raises(hl.HonestliftError, match="it needs the rows: 'learners'"):
        hl.collect_moments(choosers(), study)
    with pytest.raises(hl.HonestliftError, match="it needs the rows: 'the quantile metric"):
        hl.collect_moments(rich(), plain_study(metrics=(hl.Quantile("minutes", 0.5),)))
    with pytest.raises(hl.HonestliftError, match="it needs the rows: 'the caps of minutes"):
        study_layout(rich_study(**ASKED["capped at a quantile"]))


def test_every_part_of_a_reading_is_in_the_file_or_made_from_it():
    """A new field of a reading has to be kept too, or the study refused by ``needs_rows``: then add it here."""
    known = {
        "origin",
        "cells",
        "profile",
        "dropped",
        "before",
        "indicators",
        "covariates",
        "columns",
        "one_in",
        "study",
        "capped",
        "others",
        "notes",
    }
    assert {f.name for f in fields(Reading)} == known


def test_the_question_is_that_of_the_sums_alone():
    study = rich_study()
    same = [
        rich_study(seed=1),
        rich_study(level=0.9),
        rich_study(name="x"),
        rich_study(bootstrap=0),
        rich_study(adjustment="none"),
    ]
    assert {question(s) for s in same} == {question(study)}
    other = [
        rich_study(covariates=()),
        rich_study(missing="drop"),
        rich_study(rows="events"),
        rich_study(metrics=study.metrics[:1]),
    ]
    assert len({question(s) for s in [study, *other]}) == 5


def test_no_id_of_a_user_is_in_the_file(tmp_path: Path):
    data = frame(30, 20).assign(user=lambda d: "mail-" + d["user"].astype(str) + "@example.org")
    path = kept(tmp_path / "m.parquet", data, plain_study())
    header = pq.read_schema(path).metadata[b"honestlift"]
    assert len(json.loads(header)["sketch"]["users"]) == 600
    assert b"example.org" not in header
