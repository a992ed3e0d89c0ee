"""Tests of the walk from rows to cells: what comes out, repeated users, and events that become users."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from honestlift.analysis import requirements, summing
from honestlift.analysis.reading import read
from honestlift.design.cluster import ClusterDesign, Treatment
from honestlift.design.metric import Mean
from honestlift.errors import DataError, HonestliftError
from honestlift.source.connect import connect
from study_data import FULL, done, frame, full, study, with_values


class TestGood:
    """Input as it should be."""

    def test_everything_at_once(self):
        steps: list[str] = []
        got = read(connect(frame()), full(), steps.append)
        assert (got.cells.arm.size, int(got.cells.users.sum()), got.one_in, got.dropped) == (10, 80, 1, {})
        assert got.before == ("before",)
        assert list(got.profile.columns) == ["y", "z", "before", "placebo", "used"]
        assert sorted(got.indicators) == ["tier = free", "tier = paid"]
        assert len(steps) >= 4

    def test_sums_are_those_of_pandas(self):
        got = done(frame(), full())
        for name in ("y", "z", "placebo", "used"):
            n, total, _ = got.cells.outcome(name).per_cluster()
            by = frame().groupby("ws")[name].sum()
            mine = total + got.cells.outcome(name).origin * n
            assert np.allclose(mine, [by[w] for w in got.cells.names], rtol=0, atol=1e-11)

    def test_indicators_stand_beside_their_cells(self):
        got = done(frame(), full())
        for level in ("free", "paid"):
            users = np.bincount(got.cells.cluster, got.indicators[f"tier = {level}"])
            by = frame()[frame().tier == level].groupby("ws").size()
            assert users.tolist() == [by.get(w, 0) for w in got.cells.names]

    def test_names_of_clusters_change_no_bit(self):
        plain = done(frame(), full())
        other = done(frame().assign(ws=lambda f: [f"team {(7 * w) % 10}" for w in f.ws]), full())
        for name in ("y", "before"):
            one, two = plain.cells.outcome(name), other.cells.outcome(name)
            assert (one.total.tobytes(), one.square.tobytes(), one.arm.tobytes()) == (
                two.total.tobytes(),
                two.square.tobytes(),
                two.arm.tobytes(),
            )
        assert {n: v.tobytes() for n, v in plain.indicators.items()} == {n: v.tobytes() for n, v in other.indicators.items()}

    def test_too_many_cells_make_columns_of_the_categories(self, monkeypatch):
        grouped = done(frame(), full())
        monkeypatch.setattr(summing, "MOST_CELLS", 30)
        columns = done(frame(), full())
        assert (sorted(grouped.indicators), columns.indicators) == (["tier = free", "tier = paid"], {})
        assert columns.before == ("tier = free", "tier = paid", "before")
        o = columns.cells.outcome("tier = paid")
        assert o.total.sum() + o.origin * o.rows == (frame().tier == "paid").sum()
        assert columns.cells.outcome("y").rows == grouped.cells.outcome("y").rows

    def test_a_third_arm_is_left_out_and_counted(self):
        data = frame().assign(arm=lambda f: np.where(f.ws < 2, "holdout", np.where(f.treated == 1, "on", "off")))
        data.loc[data.ws < 2, "y"] = np.inf
        design = ClusterDesign(unit="user_id", cluster="ws", treatment=Treatment(column="arm", treated="on", control="off"))
        got = done(data, study(design))
        assert got.dropped == {"arm is holdout": 16}
        assert (got.cells.arm.size, got.profile.columns["y"].count) == (8, 64)

    def test_missing_outcomes_are_left_out_of_their_own_metric_only(self):
        data = with_values("y", np.nan, slice(0, 12), float)
        got = done(data, full())
        assert (got.cells.outcome("y").rows, got.cells.outcome("z").rows) == (68, 80)

    def test_a_metric_may_be_the_uptake(self):
        got = done(frame(), study(FULL, metrics=(Mean("used"), Mean("y"))))
        assert got.profile.columns["used"].count == 80


class TestRepeated:
    """Users on more than one row."""

    def test_by_a_sketch_above_the_limit(self, monkeypatch):
        monkeypatch.setattr(requirements, "EXACT_UNITS", 50)
        monkeypatch.setattr(requirements, "SKETCH_UNITS", 20)
        assert done(frame()).one_in == 4
        with pytest.raises(DataError, match=r"at least .* values of 'user_id' stand on more than one row"):
            done(frame().assign(user_id=lambda f: f.user_id // 2))

    def test_exactly_on_request(self, monkeypatch):
        monkeypatch.setattr(requirements, "EXACT_UNITS", 50)
        monkeypatch.setattr(requirements, "SKETCH_UNITS", 1)
        data = frame()
        data.loc[1, "user_id"] = 0
        assert done(frame(), study(exact_duplicates=True)).one_in == 1
        with pytest.raises(DataError, match=r"^1 values"):
            done(data, study(exact_duplicates=True))

    def test_the_same_user_in_two_clusters(self):
        data = frame()
        data.loc[79, "user_id"] = 0
        with pytest.raises(DataError, match="stand on more than one row, for example 0"):
            done(data)


class TestFiles:
    """Files."""

    @pytest.mark.parametrize("kept", [0.0, 0.2, 0.6, 0.95])
    def test_half_written(self, kept, tmp_path):
        path = tmp_path / "x.parquet"
        frame().to_parquet(path)
        path.write_bytes(path.read_bytes()[: int(kept * path.stat().st_size)])
        with pytest.raises(HonestliftError, match="cannot be read"):
            done(str(path))

    def test_header_only_and_empty_parquet(self, tmp_path: Path):
        frame()[:0].to_csv(tmp_path / "h.csv", index=False)
        frame()[:0].to_parquet(tmp_path / "e.parquet")
        for name in ("h.csv", "e.parquet"):
            with pytest.raises(DataError, match="The table has no rows"):
                done(str(tmp_path / name), study())


class TestEvents:
    """Several rows per user."""

    @staticmethod
    def events() -> pd.DataFrame:
        """Each user's row in one to three pieces, in no order."""
        rng = np.random.default_rng(5)
        data = frame()
        pieces = data.loc[np.repeat(data.index, rng.integers(1, 4, len(data)))].reset_index(drop=True)
        for name in ("y", "z", "placebo"):
            pieces[name] = rng.normal(size=len(pieces))
        pieces.loc[rng.random(len(pieces)) < 0.3, "y"] = np.nan
        return pieces.sample(frac=1, random_state=1).reset_index(drop=True)

    @staticmethod
    def by_hand(events: pd.DataFrame) -> pd.DataFrame:
        by = events.groupby("user_id", as_index=False)
        made = by.first()
        for name in ("y", "z", "placebo"):
            made[name] = by[name].agg(lambda v: math.fsum(v.dropna()) if v.notna().any() else np.nan)[name]
        made["used"] = by.used.max().used
        return made

    def test_the_same_cells_as_one_row_per_user_by_hand(self):
        events = self.events()
        mine, hand = done(events, full(rows="events")), done(self.by_hand(events), full())
        assert int(mine.cells.users.sum()) == 80
        assert mine.cells.names == hand.cells.names
        for name in ("y", "z", "placebo", "used", "before"):
            one, two = mine.cells.outcome(name), hand.cells.outcome(name)
            assert one.count.tolist() == two.count.tolist()
            assert np.allclose(one.total + one.origin * one.count, two.total + two.origin * two.count, rtol=0, atol=1e-11)
        assert {n: v.tolist() for n, v in mine.indicators.items()} == {n: v.tolist() for n, v in hand.indicators.items()}

    def test_shuffled_events_give_the_same_bytes(self, tmp_path):
        events = self.events()
        events.to_parquet(tmp_path / "x.parquet", row_group_size=11)
        digests = {
            done(data, full(rows="events")).cells.moments.digest()
            for data in (events, events.sample(frac=1, random_state=2), str(tmp_path / "x.parquet"))
        }
        assert len(digests) == 1

    def test_without_saying_so_they_are_repeated_users(self):
        with pytest.raises(DataError, match="set `rows: events` if the rows are events"):
            done(self.events(), full())

    @pytest.mark.parametrize(
        ("column", "value", "what"),
        [
            ("ws", 98, "more than one cluster"),
            ("treated", 7, "more than one treatment"),
            ("seen", 7, "more than one value of 'seen', the exposure"),
            ("tier", "x", "more than one value of 'tier', the covariate"),
            ("before", 55.0, "more than one value of 'before', the covariate"),
        ],
    )
    def test_what_must_be_one_per_user(self, column, value, what):
        events = self.events()
        user = events.user_id.value_counts().index[0]
        events.loc[events.index[events.user_id == user][0], column] = value
        with pytest.raises(
            DataError, match=f"1 values of 'user_id' have rows with {what}, for example {user}. Expected one per user"
        ):
            done(events, full(rows="events"))

    def test_uptake_that_is_not_binary_on_one_event(self):
        events = self.events().astype({"used": float})
        events.loc[7, "used"] = 0.5
        with pytest.raises(DataError, match=r"'used', the uptake, holds 0.5"):
            done(events, full(rows="events"))

    def test_a_measure_before_treatment_is_summed_unless_it_is_a_covariate(self):
        events = self.events()
        got = done(events, full(rows="events", covariates=("tier",)))
        by = events.groupby("user_id").before.sum()
        o = got.cells.outcome("before")
        assert o.total.sum() + o.origin * o.rows == pytest.approx(by.sum(), abs=1e-10)

    def test_a_third_arm_of_events_is_counted_in_users(self):
        events = self.events().assign(treated=lambda f: np.where(f.ws < 2, 2, f.treated))
        design = ClusterDesign(unit="user_id", cluster="ws", treatment=Treatment(column="treated", treated=1, control=0))
        assert done(events, study(design, rows="events")).dropped == {"treated is 2": 16}


def test_half_written_file_of_many_row_groups_is_no_short_table(tmp_path):
    """What was written so far must never be taken for the whole."""
    path = tmp_path / "x.parquet"
    frame().to_parquet(path, row_group_size=10)
    whole = path.read_bytes()
    for end in range(0, len(whole), len(whole) // 7):
        path.write_bytes(whole[:end])
        with pytest.raises(HonestliftError):
            done(str(path))
