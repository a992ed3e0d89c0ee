"""Studies whose rows stay in the engine: the same digits as in memory, the same bytes on any road, the same refusals."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression

import honestlift as hl
from honestlift.analysis.opt_in import opening, sample
from honestlift.analysis.opt_in import reading as opt_in_reading
from honestlift.design.modelling import Learners
from honestlift.errors import DataError, DesignError

KEPT_DIGITS = 1e-9
"""Both roads round differently, and the fit in scans stops one step earlier."""

EVERYONE = ("ATE", "ATT", "ATC", "ATO", "ATM")


def world(n: int = 3_000, seed: int = 3) -> pa.Table:
    """Users who choose by two continuous covariates and a plan; some lack an outcome, a number or a category."""
    rng = np.random.default_rng(seed)
    x, skewed = rng.normal(size=n), rng.gamma(2.0, 10.0, size=n)
    plan = rng.choice(["free", "team", "pro"], size=n)
    eta = -0.8 + 0.6 * x + 0.02 * skewed + 0.4 * (plan == "pro")
    chose = rng.random(n) < 1 / (1 + np.exp(-eta))
    y = 1e4 + 0.3 * chose + 0.5 * x + 0.01 * skewed + rng.normal(size=n)
    done = (rng.random(n) < 0.3 + 0.1 * chose + 0.1 * (x > 0)).astype(np.int64)
    lacking = np.where(rng.random(n) < 0.05, np.nan, x + rng.normal(size=n))
    columns: dict[str, Any] = {
        "user": [f"u{i}" for i in range(n)],
        "chose": chose,
        "x": x,
        "skewed": skewed,
        "plan": plan,
        "lacking": pa.array(lacking, from_pandas=True),
        "y": y,
        "done": done,
        "partly": pa.array(np.where(rng.random(n) < 0.1, np.nan, y), from_pandas=True),
        "before": rng.normal(size=n),
        "workspace": rng.integers(0, 40, size=n),
    }
    return pa.table(columns)


def answers(monkeypatch: pytest.MonkeyPatch, data: Any, *, cluster: str | None = None, **asked: Any) -> tuple[hl.Lift, hl.Lift]:
    """The same study in memory and in scans."""
    design = hl.OptInDesign(unit="user", treatment="chose", estimands=EVERYONE, cluster=cluster)
    options = {"covariates": ["x", "skewed", "plan"], "metrics": ["y"], "bootstrap": 0, "seed": 5} | asked
    made: list[hl.Lift] = []
    for most in (1_000_000, 0):
        monkeypatch.setattr(opt_in_reading, "MOST_PATTERNS", most)
        made.append(hl.analyze(data, design, **options))
    return made[0], made[1]


def assert_same(held: hl.Lift, scanned: hl.Lift) -> None:
    """Every estimate but those by matching, whose score is rounded, agrees in its number, error and interval."""
    pairs = list(zip(held.estimates, scanned.estimates, strict=True))
    assert len(pairs) > 10
    for a, b in pairs:
        for name in ("metric", "estimand", "method", "n_units", "n_clusters", "scale"):
            assert getattr(a, name) == getattr(b, name)
        if a.method.startswith("matching"):
            assert b.estimate == pytest.approx(a.estimate, abs=2 * (a.std_error or 0))
            continue
        numbers = [getattr(e, name) for e in (a, b) for name in ("estimate", "std_error", "df", "conf_low", "conf_high")]
        numbers += [getattr(e.relative, name) for e in (a, b) for name in ("estimate", "conf_low", "conf_high")]
        first, second = [*numbers[:5], *numbers[10:13]], [*numbers[5:10], *numbers[13:]]
        for one, two in zip(first, second, strict=True):
            assert (one is None) == (two is None), (a.method, a.estimand)
            assert one is None or two == pytest.approx(one, rel=KEPT_DIGITS, abs=KEPT_DIGITS), (a.method, a.estimand)


def test_scans_give_the_digits_of_patterns(monkeypatch: pytest.MonkeyPatch) -> None:
    held, scanned = answers(monkeypatch, world(), metrics=["y", "done"], negative_controls=["before"])
    assert_same(held, scanned)
    assert held.data == scanned.data
    assert held.population == scanned.population
    assert [(c.code, c.level) for c in held.checks] == [
        (c.code, c.level) for c in scanned.checks if c.code != "sampled_diagnostics"
    ]
    assert scanned.check("sampled_diagnostics").evidence == {"users": 3_000, "looked_at": 3_000}
    for a, b in zip(held.tables["sensitivity"].rows, scanned.tables["sensitivity"].rows, strict=True):
        assert [v for v in b if isinstance(v, float)] == pytest.approx([v for v in a if isinstance(v, float)], rel=1e-7)
    control, again = held.check("negative_control").evidence, scanned.check("negative_control").evidence
    assert again == pytest.approx(control, rel=1e-6)
    categories = [[row[:5] for row in lift.tables["categories"].rows] for lift in (held, scanned)]
    assert categories[0] == categories[1] != []


def test_workspaces_and_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    assert_same(*answers(monkeypatch, world(), cluster="workspace"))
    monkeypatch.setattr("honestlift.analysis.opt_in.resamples.ONE_STEP_ROWS", 0)
    monkeypatch.setattr("honestlift.analysis.opt_in.resamples.ONE_STEP_ESS", 0)
    held, scanned = answers(monkeypatch, world(), bootstrap=50)
    assert any(e.method == "aipw:bootstrap" for e in scanned.estimates)
    assert_same(held, scanned)
    assert_same(*answers(monkeypatch, world(), bootstrap=50, cluster="workspace"))


@pytest.mark.parametrize("missing", ["drop", "category"])
def test_missing_covariates_and_outcomes(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    asked = {"covariates": ["x", "plan", "lacking"], "metrics": ["partly", "y"], "missing": missing}
    held, scanned = answers(monkeypatch, world(), **asked)
    assert_same(held, scanned)
    assert held.data == scanned.data


def test_trimming_leaves_out_the_same_users_and_the_columns_that_are_left_constant(monkeypatch: pytest.MonkeyPatch) -> None:
    held, scanned = answers(monkeypatch, world(), trim=(0.2, 0.7))
    assert_same(held, scanned)
    assert held.data["dropped"] == scanned.data["dropped"] != {}
    table = world()
    sure = pa.array(np.where(np.arange(table.num_rows) % 3 == 0, "a", np.where(np.arange(table.num_rows) % 3 == 1, "b", "c")))
    chose = np.where(np.arange(table.num_rows) % 3 == 0, np.arange(table.num_rows) % 30 == 0, table["chose"].to_numpy())
    odd = table.append_column("tier", sure).set_column(1, "chose", pa.array(chose))
    assert_same(*answers(monkeypatch, odd, covariates=["x", "tier"], trim=(0.2, 0.9)))  # nobody of the reference level is left


def test_the_penalized_logit_of_scans_is_the_exact_optimum(monkeypatch: pytest.MonkeyPatch) -> None:
    penalty = hl.Propensity(penalty="l2", C=0.01)
    held, scanned = answers(monkeypatch, world(), propensity=penalty)
    a, b = held.find("ipw", "ATE"), scanned.find("ipw", "ATE")
    assert b.estimate == pytest.approx(a.estimate, abs=2e-3)  # scikit-learn stops short of the optimum
    assert a.estimate != b.estimate


def test_learners_and_pairs_look_at_an_even_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sample, "SAMPLE", 400)
    monkeypatch.setattr(opening, "SAMPLE", 400)
    learners = Learners(classifier=LogisticRegression(), regressor=LinearRegression(), folds=3)
    held, scanned = answers(monkeypatch, world(), learners=learners, matching=hl.Matching(replacement=False))
    a, b = held.find("aipw:cross_fitted", "ATE"), scanned.find("aipw:cross_fitted", "ATE")
    assert b.estimate == pytest.approx(a.estimate, abs=4 * b.std_error)
    assert b.std_error > 1.3 * a.std_error  # fewer users
    assert "on a sample of" in scanned.find("matching_nn", "ATT").adjustment


def test_a_small_sample_moves_no_estimate(monkeypatch: pytest.MonkeyPatch) -> None:
    _, whole = answers(monkeypatch, world())
    monkeypatch.setattr(opening, "SAMPLE", 300)
    held, scanned = answers(monkeypatch, world())
    assert_same(held, scanned)
    assert scanned.tables["balance"] != whole.tables["balance"]
    weights = [{row[:3]: row[4] for row in lift.tables["weights"].rows} for lift in (held, scanned)]
    assert weights[0] == pytest.approx(weights[1])  # the largest weight is that of all users, not of the sample
    sizes = [{row[:2]: row[3] for row in lift.tables["weights"].rows} for lift in (held, scanned)]
    assert sizes[0] == pytest.approx(sizes[1], rel=0.25)


def test_same_bytes_whatever_the_threads_the_frame_and_the_order(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setattr(opt_in_reading, "MOST_PATTERNS", 0)
    table = world()
    shuffled = table.take(np.random.default_rng(1).permutation(table.num_rows))
    path = tmp_path / "users.parquet"
    pl.from_arrow(shuffled).write_parquet(path, row_group_size=500)
    design = hl.OptInDesign(unit="user", treatment="chose")
    roads = [table, shuffled, pl.from_arrow(table), hl.connect(str(path), threads=1), hl.connect(str(path), threads=4)]
    texts: set[str] = set()
    for data in roads:
        made = hl.analyze(data, design, ["y"], covariates=["x", "skewed", "plan"], bootstrap=20, seed=1).to_dict()
        del made["provenance"]
        texts.add(repr(made))
    assert len(texts) == 1


def test_refusals_name_the_column(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opt_in_reading, "MOST_PATTERNS", 0)
    design, table = hl.OptInDesign(unit="user", treatment="chose"), world()
    x, chose = table["x"].to_numpy(), table["chose"].to_numpy()

    def ask(name: str, values: Any, **asked: Any) -> None:
        hl.analyze(table.append_column(name, pa.array(values)), design, ["y"], covariates=["x", name], bootstrap=0, **asked)

    with pytest.raises(DataError, match="'follows' tells who is treated"):
        ask("follows", np.where(chose, 5.0, 0.0) + np.random.default_rng(0).random(x.size))
    with pytest.raises(DesignError, match="double"):
        ask("double", 2 * x + 1)
    with pytest.raises(DataError, match=r"All .* users with 'odd' = 'b' are treated"):
        ask("odd", np.where(chose & (x > 1), "b", "a"))
    with pytest.raises(DataError, match="1 rows have no value of 'lost', the covariate"):
        ask("lost", pa.array([None, *x[1:]]))
    with pytest.raises(DataError, match="infinite"):
        ask("endless", np.where(x > 2, np.inf, x))


def test_many_different_users_are_found_out_by_a_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opt_in_reading, "MOST_PATTERNS", 2_000)
    monkeypatch.setattr(opt_in_reading, "LOOKED_AT", 500)
    design = hl.OptInDesign(unit="user", treatment="chose")
    scanned = hl.analyze(world(), design, ["y"], covariates=["x"], bootstrap=0)
    held = hl.analyze(world(), design, ["y"], covariates=["plan"], bootstrap=0)
    assert "grid" in scanned.find("matching_nn", "ATE").adjustment
    assert "grid" not in held.find("matching_nn", "ATE").adjustment
