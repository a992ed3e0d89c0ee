"""The record of looks: what is added, what is refused, what survives a file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from honestlift.design.looks import Looks, read_looks, write_looks
from honestlift.errors import LooksError
from studies import make_estimate, make_lift


def lift(day: int, estimate: float = 1.0, plan: str = "ab" * 32):
    provenance = {"plan_sha256": plan, "seed": 0, "versions": {}, "started": f"2026-01-{day:02d}T00:00:00+00:00", "seconds": 0.1}
    return make_lift(estimates=(make_estimate(estimate=estimate),), provenance=provenance)


def test_looks_are_added_in_their_order_and_unchanged_data_are_no_look():
    looks = Looks.of(lift(1)).with_look(lift(1)).with_look(lift(2, 1.1)).with_look(lift(3, 1.1))
    assert [look.when[:10] for look in looks.looks] == ["2026-01-01", "2026-01-02"]
    assert looks.looks[1].metrics["minutes"].estimate == 1.1
    with pytest.raises(LooksError, match="before the last recorded one"):
        looks.with_look(lift(1, 1.2))


def test_another_question_is_refused():
    with pytest.raises(LooksError, match="of the question abababababab, and this result answers cdcdcdcdcdcd"):
        Looks.of(lift(1)).with_look(lift(1, plan="cd" * 32))


def test_a_metric_without_a_standard_error_is_not_recorded():
    made = make_lift(estimates=(make_estimate(std_error=0.0),))
    assert Looks.of(made).with_look(made).looks[0].metrics == {}


def test_a_file_gives_the_record_back(tmp_path: Path):
    path = tmp_path / "looks.json"
    assert read_looks(path, lift(1)) == Looks.of(lift(1))
    looks = Looks.of(lift(1)).with_look(lift(1)).with_look(lift(2, 1 / 3))
    write_looks(looks, path)
    assert read_looks(path, lift(1)) == looks
    assert [p.name for p in tmp_path.iterdir()] == ["looks.json"]


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"schema_version": 2}', '{"schema_version": 1, "question": "a", "level": 0.95}']
)
def test_what_is_no_record_is_said_to_be_none(tmp_path: Path, text: str):
    path = tmp_path / "looks.json"
    path.write_text(text)
    with pytest.raises(LooksError, match="is no record of looks"):
        read_looks(path, lift(1))


def test_a_look_with_a_key_that_is_unknown_is_malformed():
    values = json.loads(Looks.of(lift(1)).with_look(lift(1)).to_json())
    values["looks"][0]["metrics"]["minutes"]["mean"] = 1
    with pytest.raises(LooksError, match="TypeError"):
        Looks.from_json(json.dumps(values))


def test_a_folder_that_is_not_there_is_named(tmp_path: Path):
    with pytest.raises(LooksError, match="cannot be written"):
        write_looks(Looks.of(lift(1)), tmp_path / "none" / "looks.json")
