"""Tests of cells with a meaning: arms, exposure, strata, and an order of the clusters that their names do not touch."""

from __future__ import annotations

import duckdb
import numpy as np
import pandas as pd
import pytest

from honestlift.design.cluster import ClusterDesign, Treatment
from honestlift.design.exposure import Exposure
from honestlift.errors import DataError
from honestlift.moments import scan
from honestlift.moments.arms import Arms, read_arms
from honestlift.moments.cells import Cells, as_cells
from honestlift.moments.spec import Spec
from honestlift.source.connect import connect
from rows_data import summed

DESIGN = ClusterDesign(unit="user_id", cluster="ws", treatment="treated")
EXPOSED = ClusterDesign(unit="user_id", cluster="ws", treatment="treated", exposure=Exposure(column="seen"))


def rows(clusters: int = 8, each: int = 12, seed: int = 1) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    ws = np.repeat(np.arange(clusters), rng.integers(each // 2, each, clusters))
    return pd.DataFrame(
        {
            "user_id": np.arange(ws.size),
            "ws": ws,
            "treated": ws % 2,
            "seen": rng.integers(0, 2, ws.size),
            "tier": ws // 4,
            "y": rng.normal(size=ws.size),
        }
    )


def arms_of(frame: pd.DataFrame, design: ClusterDesign = DESIGN) -> Arms:
    keys = [design.cluster, design.arm, *([design.exposure.column] if design.exposure else [])]
    return read_arms(scan.count_cells(connect(frame), keys), design)


def cells_of(frame: pd.DataFrame, design: ClusterDesign = EXPOSED) -> Cells:
    keys = [design.arm, *design.strata, *([design.exposure.column] if design.exposure else [])]
    return as_cells(summed(frame, Spec.of_outcome("ws", "y", cells=keys)), design, arms_of(frame, design))


class TestArms:
    """The two arms."""

    @pytest.mark.parametrize("kind", ["int64", "bool", "float64", "int8", "boolean"])
    def test_zero_and_one_in_every_kind(self, kind):
        arms = arms_of(rows().astype({"treated": kind}))
        assert (arms.treated == 1, arms.control == 0, arms.others) == (True, True, {})

    def test_text_by_name_and_a_third_arm_left_out_and_counted(self):
        frame = rows()
        frame["treated"] = np.where(frame.ws < 2, "holdout", np.where(frame.treated == 1, "on", "off"))
        design = ClusterDesign(unit="u", cluster="ws", treatment=Treatment(column="treated", treated="on", control="off"))
        arms = arms_of(frame, design)
        assert (arms.treated, arms.control, dict(arms.others)) == ("on", "off", {"holdout": int((frame.ws < 2).sum())})

    @pytest.mark.parametrize(("treated", "control"), [(2, 1), ("2", "1"), (2.0, 1.0)])
    def test_numbers_by_name(self, treated, control):
        design = ClusterDesign(unit="u", cluster="ws", treatment=Treatment(column="treated", treated=treated, control=control))
        arms = arms_of(rows().assign(treated=lambda f: f.treated + 1), design)
        assert (arms.treated, arms.control) == (2, 1)

    @pytest.mark.parametrize("values", [("on", "off"), (1, 2), (0.0, 0.5)])
    def test_other_values_need_a_choice(self, values):
        frame = rows()
        frame["treated"] = np.where(frame.treated == 1, *values)
        with pytest.raises(DataError, match=r"Expected 0/1 or true/false\. Name the two arms: treatment: \{column: treated"):
            arms_of(frame)

    def test_three_arms_need_a_choice(self):
        with pytest.raises(DataError, match=r"holds 0, 1, 2\. Expected 0/1"):
            arms_of(rows().assign(treated=lambda f: f.ws % 3))

    @pytest.mark.parametrize(("value", "arm"), [(0, "treated"), (1, "control")])
    def test_an_empty_arm(self, value, arm):
        with pytest.raises(DataError, match=f"No row of 'treated' is in the {arm} arm"):
            arms_of(rows().assign(treated=value))

    def test_an_empty_table(self):
        with pytest.raises(DataError, match="The table has no rows"):
            arms_of(rows()[:0])

    @pytest.mark.parametrize(("column", "role"), [("ws", "cluster"), ("treated", "treatment"), ("seen", "exposure")])
    @pytest.mark.parametrize("kind", ["float64", "Int64"])
    def test_missing_values_are_refused_with_their_number(self, column, role, kind):
        frame = rows().astype({column: kind})
        frame.loc[[1, 5, 9], column] = None
        with pytest.raises(DataError, match=f"3 rows have no value of '{column}', the {role}"):
            arms_of(frame, EXPOSED)

    def test_null_and_nan_count_together(self):
        connection = duckdb.connect()
        connection.register("given", rows())
        table = connection.sql(
            "SELECT ws, CASE ws WHEN 1 THEN NULL WHEN 2 THEN 'NaN'::DOUBLE ELSE treated END AS treated FROM given"
        )
        missing = int(rows().ws.isin([1, 2]).sum())
        with pytest.raises(DataError, match=f"{missing} rows have no value of 'treated'"):
            read_arms(scan.count_cells(connect(table), ["ws", "treated"]), DESIGN)

    def test_treatment_that_varies_within_a_cluster(self):
        frame = rows()
        frame.loc[frame.ws == 3, "treated"] = [0] + [1] * (int((frame.ws == 3).sum()) - 1)
        with pytest.raises(DataError, match="'treated' varies within 1 values of 'ws', for example 3"):
            arms_of(frame)

    @pytest.mark.parametrize("treated", [[1], [0, 2, 4, 6, 3, 5, 7]])
    def test_one_cluster_in_an_arm(self, treated):
        with pytest.raises(DataError, match="Expected at least 2 in each arm"):
            arms_of(rows().assign(treated=lambda f: f.ws.isin(treated).astype(int)))


class TestKeys:
    """Clusters of every kind."""

    @pytest.mark.parametrize(
        "ids",
        [
            lambda ws: 2**53 + ws,
            lambda ws: pd.Categorical([f"w{w}" for w in ws]),
            lambda ws: pd.to_datetime("2026-01-01") + pd.to_timedelta(ws, unit="D"),
            lambda ws: (pd.to_datetime("2026-01-01") + pd.to_timedelta(ws, unit="D")).dt.tz_localize("Europe/Berlin"),
            lambda ws: pd.array([f"00000000-0000-0000-0000-00000000000{w}" for w in ws], dtype="str"),
            lambda ws: ws.astype(float),
        ],
        ids=["beyond 2^53", "categorical", "date", "time with zone", "uuid text", "float"],
    )
    def test_any_kind_of_cluster_gives_the_same_numbers(self, ids):
        frame = rows()
        plain, other = cells_of(frame), cells_of(frame.assign(ws=ids(frame.ws)))
        assert len(set(other.names)) == 8
        assert other.outcome("y").total.tobytes() == plain.outcome("y").total.tobytes()

    def test_neighbouring_ids_beyond_2_to_the_53_are_different_clusters(self):
        cells = cells_of(rows().assign(ws=lambda f: 2**60 + f.ws))
        assert set(cells.names) == {2**60 + i for i in range(8)}


class TestOrder:
    """The order of the clusters."""

    def test_names_change_no_bit(self):
        frame = rows(clusters=20)
        plain = cells_of(frame)
        for seed in range(4):
            new = np.random.default_rng(seed).permutation(20)
            other = cells_of(frame.assign(ws=[f"team {new[w]:02}" for w in frame.ws]))
            assert [f"team {new[w]:02}" for w in plain.names] == list(other.names)
            for one, two in ((plain.outcome("y"), other.outcome("y")),):
                for field in ("cluster", "treated", "exposed", "count", "total", "square", "arm"):
                    assert getattr(one, field).tobytes() == getattr(two, field).tobytes()

    def test_clusters_with_equal_sums_are_told_apart_by_their_cells(self):
        """Equal counts and sums, but in different arms, and by different splits between exposed and not."""
        y = [1.0, 2.0, 3.0, 4.0]
        splits = [(0, [0, 0, 1, 1]), (0, [1, 0, 0, 1]), (1, [0, 0, 0, 0]), (1, [0, 0, 0, 0])]
        made = [pd.DataFrame({"ws": i, "treated": arm, "seen": seen, "y": y}) for i, (arm, seen) in enumerate(splits)]
        frame = pd.concat(made, ignore_index=True)
        results = set()
        for names in ([0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1]):
            o = cells_of(frame.assign(ws=[names[w] for w in frame.ws])).outcome("y")
            assert o.exposed is not None
            results.add((o.arm.tobytes(), o.cluster.tobytes(), o.exposed.tobytes(), o.count.tobytes(), o.total.tobytes()))
        assert len(results) == 1

    def test_cells_stand_cluster_by_cluster_with_their_own_sums(self):
        frame = rows()
        cells = cells_of(frame)
        assert cells.cluster.tolist() == sorted(cells.cluster.tolist())
        assert cells.users.tolist() == [float((frame.ws == name).sum()) for name in cells.names]
        o = cells.outcome("y")
        for i, name in enumerate(cells.names):
            here = frame[frame.ws == name]
            assert o.per_cluster()[1][i] + o.origin * o.per_cluster()[0][i] == pytest.approx(here.y.sum(), abs=1e-12)
            assert cells.arm[i] == (here.treated.iloc[0] == 1)


class TestOutcome:
    """One outcome."""

    def test_clusters_and_cells_without_the_outcome_are_gone(self):
        frame = rows()
        frame.loc[frame.ws.isin([2, 5]) | (frame.index % 7 == 0), "y"] = np.nan
        cells = cells_of(frame)
        o = cells.outcome("y")
        assert (cells.arm.size, o.clusters) == (8, 6)
        assert o.rows == int(frame.y.notna().sum())
        assert (o.count > 0).all()
        assert set(o.cluster.tolist()) == set(range(6))

    def test_exposure_counts_only_in_control(self):
        frame = rows()
        o = cells_of(frame).outcome("y")
        assert o.exposed is not None
        assert o.count[o.exposed].sum() == ((frame.seen == 1) & (frame.treated == 0)).sum()
        assert not (o.exposed & o.treated).any()

    @pytest.mark.parametrize("value", [2, 0.5, -1])
    def test_an_exposure_that_is_not_0_or_1(self, value):
        frame = rows().astype({"seen": float})
        frame.loc[0, "seen"] = value
        with pytest.raises(DataError, match=r"'seen', the exposure, holds .* Expected 0/1"):
            cells_of(frame)

    def test_indicator(self):
        cells = cells_of(rows())
        count = np.zeros(cells.moments.cells)
        count[2] = 1.0
        o = cells.indicator(count)
        assert (o.total.sum(), o.square.sum(), o.origin, o.rows) == (1.0, 1.0, 0.0, int(cells.users.sum()))


class TestStrata:
    """Strata."""

    DESIGN = ClusterDesign(unit="user_id", cluster="ws", treatment="treated", strata=("tier", "region"))

    def test_the_combinations_of_two_columns(self):
        frame = rows().assign(region=lambda f: np.where(f.ws % 4 < 2, "eu", "us"))
        cells = cells_of(frame, self.DESIGN)
        assert cells.stratum is not None
        pairs = {name: (name // 4, name % 4 < 2) for name in cells.names}
        same = {(a, b): pairs[a] == pairs[b] for a in pairs for b in pairs}
        index = dict(zip(cells.names, cells.stratum.tolist(), strict=True))
        assert {(a, b): index[a] == index[b] for a in pairs for b in pairs} == same
        assert set(index.values()) == {0, 1, 2, 3}

    def test_a_stratum_that_varies_within_a_cluster(self):
        frame = rows().assign(region="eu")
        frame.loc[frame.index[frame.ws == 6][0], "region"] = "us"
        with pytest.raises(DataError, match=r"varies within 1 values of 'ws', for example 6.*Expected one stratum per cluster"):
            cells_of(frame, self.DESIGN)

    def test_a_missing_stratum(self):
        frame = rows().assign(region="eu")
        frame.loc[frame.index[:4], "region"] = None
        with pytest.raises(DataError, match="4 rows have no value of 'region', the stratum"):
            cells_of(frame, self.DESIGN)
