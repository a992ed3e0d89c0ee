"""Buckets of users: by arithmetic that any language can repeat, evenly filled, the same for every width of integer."""

from __future__ import annotations

import hashlib

import numpy as np
import pyarrow as pa
import pytest

from honestlift.errors import DataError
from honestlift.moments import scan
from honestlift.source.buckets import BUCKET, with_buckets
from honestlift.source.connect import connect
from honestlift.source.table import PRIME


def by_id(ids: pa.Array, buckets: int = 1024) -> dict[object, int]:
    cells = scan.count_cells(with_buckets(connect(pa.table({"u": ids})), "u", buckets), ["u", BUCKET])
    return dict(zip(cells.keys["u"].values(), cells.keys[BUCKET].values(), strict=True))


@pytest.mark.parametrize("kind", [pa.int64(), pa.int32(), pa.int16()])
def test_whole_numbers_go_by_the_fifth_power_modulo_a_prime(kind) -> None:
    ids = [*range(-300, 301), 2**15 - 1, *([2**62, -(2**63)] if kind == pa.int64() else [])]
    expected = {i: pow((abs(i) % PRIME * (1 if i >= 0 else -1)) + PRIME + 12345, 5, PRIME) % 1024 for i in ids}
    assert by_id(pa.array(ids, kind)) == expected


def test_text_goes_by_the_first_digits_of_its_md5() -> None:
    ids = ["a", "ü", "user 7", ""]
    assert by_id(pa.array(ids)) == {i: int(hashlib.md5(i.encode()).hexdigest()[:3], 16) % 1024 for i in ids}


@pytest.mark.parametrize("ids", [np.arange(100_000), 8 * np.arange(100_000), 2**22 * np.arange(100_000)])
def test_buckets_are_evenly_filled_whatever_the_stride(ids) -> None:
    counts = np.bincount(list(by_id(pa.array(ids)).values()), minlength=1024)
    chi2 = float(np.sum((counts - counts.mean()) ** 2 / counts.mean()))
    assert chi2 / 1023 < 1.2  # five standard deviations of chi-squared over its df above 1


def test_floating_point_ids_are_refused() -> None:
    with pytest.raises(DataError, match="floating-point"):
        with_buckets(connect(pa.table({"u": [1.0, 2.0]})), "u")
