"""Every user on one row: exactly, and by a sketch that invents nothing."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from honestlift import connect
from honestlift.moments.units import Units, units


class TestUnits:
    """Repeated and missing units."""

    def test_none_repeated(self):
        assert units(connect(pa.table({"u": ["a", "b", "c"]})), "u") == Units(missing=0, repeated=0, example=None)

    def test_how_many_and_one_of_them(self):
        assert units(connect(pa.table({"u": [5, 3, 3, 9, 9, 9, 1]})), "u") == Units(missing=0, repeated=2, example=3)
        gaps = connect(pa.table({"u": [5, None, None, 3, 3]}))
        assert units(gaps, "u") == Units(missing=2, repeated=1, example=3)
        assert units(connect(pa.table({"u": [5, None, None]})), "u") == Units(missing=2, repeated=0, example=None)

    def test_a_sketch_sees_a_share_of_the_repeated_ones_and_invents_none(self):
        ids = np.arange(40_000)
        source = connect(pa.table({"u": ids}))
        assert units(source, "u", one_in=8) == Units(missing=0, repeated=0, example=None)
        twice = connect(pa.table({"u": np.concatenate([ids, ids[:8000]])}))
        seen = units(twice, "u", one_in=8)
        found, example = seen.repeated, seen.example
        # binomial(8000, 1/8): mean 1000, standard deviation 30
        assert 850 < found < 1150
        assert isinstance(example, int)
        assert example < 8000
