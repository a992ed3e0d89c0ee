"""One body over all engines on hostile data: types, keys, arms and values at their edges give the same bytes, or the same refusal."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import honestlift as hl
from engines.conftest import Opened
from honestlift.errors import HonestliftError

pytestmark = pytest.mark.filterwarnings("ignore")  # PySpark warns of its own insides

USERS = 300
RNG = np.random.default_rng(3)
GROUP = RNG.integers(0, 20, USERS)
TEXTS = ("a", "A", "á", "a ", "a  ", "", "Z", "z", "ß", "ss", "é", "e\u0301", "😀", "\n", "\t x", "%", "_", "'", '"', ";--")
NORMAL = RNG.normal(5, 2, USERS)


def table(**columns: Any) -> pa.Table:
    plain = {
        "u": pa.array(range(USERS)),
        "g": pa.array(GROUP),
        "t": pa.array(GROUP % 2),
        "y": pa.array(NORMAL + GROUP % 2),
        "b": pa.array(RNG.permutation(NORMAL)),
        "s": pa.array(GROUP // 2 % 2),
    }
    return pa.table(plain | columns)


def study(**asked: Any) -> hl.Study:
    treatment = asked.pop("treatment", "t")
    design = hl.ClusterDesign(unit="u", cluster="g", treatment=treatment, strata=asked.pop("strata", ()))
    metrics = asked.pop("metrics", (hl.Mean("y"),))
    return hl.Study(design=design, metrics=metrics, bootstrap=0, seed=3, **asked)


def texts(places: Any) -> pa.Array[Any]:
    return pa.array([None if i is None else TEXTS[i] for i in places])


def with_values(*values: float) -> pa.Array[Any]:
    """Ordinary numbers, and among them these."""
    return pa.array([*values, *NORMAL[len(values) :].tolist()], pa.float64())


def cents(numbers: Any, kind: pa.DataType) -> pa.Array[Any]:
    return pa.array([Decimal(int(n)) / 100 for n in numbers], kind)


ARMS = hl.Treatment(column="t", treated="on", control="On")
QUARTERS = hl.Treatment(column="t", treated=0.25, control=0)
BOTH = (hl.Mean("y"), hl.Quantile("y", 0.5))
ANSWERED: dict[str, tuple[pa.Table, hl.Study]] = {
    "workspaces that differ by case, accents and blanks": (table(g=texts(GROUP)), study(segments=("s",))),
    "texts as categories, some missing": (
        table(b=texts([None if i % 7 == 0 else i % 6 for i in range(USERS)])),
        study(covariates=("b",), missing="category"),
    ),
    "strata by their bytes": (table(s=texts(GROUP // 2 % 4)), study(strata=("s",))),
    "arms that differ by case": (table(t=pa.array([["on", "On", "on "][g % 3] for g in GROUP])), study(treatment=ARMS)),
    "arms as true and false": (table(t=pa.array(GROUP % 2 == 1)), study()),
    "arms as decimals": (
        table(t=cents(GROUP % 2 * 25, pa.decimal128(38, 10))),
        study(treatment=QUARTERS),
    ),
    "ids at the ends of 64 bits": (
        table(g=pa.array([2**63 - 1 - int(g) if g % 3 else -(2**63) + int(g) for g in GROUP], pa.int64())),
        study(),
    ),
    "ids without a sign": (table(u=pa.array([2**63 + i for i in range(USERS)], pa.uint64())), study()),
    "ids of 38 digits": (table(g=pa.array([Decimal(10**37 + int(g)) for g in GROUP], pa.decimal128(38, 0))), study()),
    "workspaces as floats, with two zeros": (
        table(g=pa.array([-0.0 if g == 0 and i % 2 else float(g) / 2 for i, g in enumerate(GROUP)])),
        study(),
    ),
    "small integers and single precision": (
        table(y=pa.array(RNG.integers(-90, 90, USERS).astype(np.int8)), b=pa.array(NORMAL.astype(np.float32))),
        study(metrics=BOTH, covariates=("b",)),
    ),
    "decimals of 38 digits": (table(y=cents(RNG.integers(0, 10**15, USERS), pa.decimal128(38, 10))), study(metrics=BOTH)),
    "zeros with a sign, and numbers next to nothing": (
        table(y=with_values(-0.0, 0.0, 5e-324, -5e-324, 1e-310)),
        study(metrics=BOTH),
    ),
    "integers beyond 2^53": (table(y=pa.array(2**53 + RNG.integers(0, 1000, USERS))), study(metrics=BOTH)),
}
REFUSED: dict[str, tuple[pa.Table, hl.Study, str]] = {
    "t and f": (table(t=pa.array(["t" if g % 2 else "f" for g in GROUP])), study(), "Expected 0/1 or true/false"),
    "a workspace without a name": (table(g=texts([None if g == 3 else g for g in GROUP])), study(), "have no value of 'g'"),
    "an arm that is NaN": (table(t=with_values(float("nan"))), study(), "have no value of 't'|holds"),
    "numbers whose squares are none": (table(y=with_values(1e300)), study(), "does not fit a double"),
    "a covariate that is infinite": (table(b=with_values(float("-inf"))), study(covariates=("b",)), "is infinite on 1 rows"),
    "a covariate without values": (table(b=pa.nulls(USERS, pa.float64())), study(covariates=("b",)), "has no value on any row"),
    "numbers as text": (table(y=pa.array([str(i) for i in range(USERS)])), study(), "holds text"),
    "a user on two rows": (table(u=pa.array([1, *range(1, USERS)])), study(), "stand on more than one row"),
}


def ended(data: Any, asked: hl.Study) -> str:
    try:
        told = hl.run(data, asked).to_dict()
    except HonestliftError as refused:
        return f"{type(refused).__name__}: {refused}"
    told["provenance"] = None
    told["data"].pop("engine")
    return json.dumps(told)


@pytest.mark.parametrize("case", ANSWERED)
def test_the_same_bytes(engine: Opened, case: str) -> None:
    rows, asked = ANSWERED[case]
    found = ended(engine(rows), asked)
    assert found.startswith("{"), found
    assert found == ended(rows, asked)


@pytest.mark.parametrize("case", REFUSED)
def test_the_same_refusal(engine: Opened, case: str) -> None:
    rows, asked, words = REFUSED[case]
    found = ended(engine(rows), asked)
    assert any(word in found for word in words.split("|")), found
    assert found == ended(rows, asked)
