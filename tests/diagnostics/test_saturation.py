"""Checks of a two-stage design: the record, workspaces that left, small ones, and few of one saturation."""

import pytest

import honestlift as hl
from honestlift.diagnostics.saturation import few_at_saturation, saturation_cells, saturation_followed, saturation_ratio

NAMES = [f"w{i}" for i in range(12)]
RECORD = hl.assign(NAMES, hl.Rule(kind="saturation", saturations=(0, 0.5, 1)), seed=1)


def users(size: int = 10) -> dict[str, tuple[int, int]]:
    return {w: (size - round(float(a) * size), round(float(a) * size)) for w, a in RECORD.assigned.items()}


def of(saturation: str) -> str:
    return next(w for w, a in RECORD.assigned.items() if a == saturation)


def test_users_as_recorded_pass_and_one_more_by_a_late_coin_too():
    assert saturation_followed(RECORD, users()).level == "ok"
    assert saturation_followed(RECORD, users() | {of("0.5"): (6, 5)}).level == "ok"


@pytest.mark.parametrize(("saturation", "found"), [("0", (9, 1)), ("1", (1, 9)), ("0.5", (0, 20)), ("0.5", (100, 20))])
def test_another_share_of_treated_users_stops(saturation: str, found: tuple[int, int]):
    check = saturation_followed(RECORD, users() | {of(saturation): found})
    assert (check.level, check.evidence["disagree"]) == ("stop", 1)
    assert of(saturation) in check.statement


def test_small_workspaces_that_are_all_a_little_off_stop_together():
    every = {w: n if RECORD.assigned[w] != "0.5" else ((0, 10), (10, 0))[i % 2] for i, (w, n) in enumerate(users().items())}
    check = saturation_followed(RECORD, every)
    assert (check.level, check.evidence["disagree"]) == ("stop", 0)
    assert "scatter 10 times" in check.statement


def test_strangers_and_a_record_that_does_not_come_out_of_its_seed_stop():
    assert "not in the record" in saturation_followed(RECORD, users() | {"x\x1b": (1, 1)}).statement
    swapped = dict(RECORD.assigned)
    swapped[of("0")], swapped[of("1")] = "1", "0"
    other = hl.Assignment(rule=RECORD.rule, seed=1, assigned=swapped)
    assert saturation_followed(other, {}).level == "stop"


def test_workspaces_that_left():
    assert saturation_ratio(RECORD, NAMES).evidence == {"missing": 0, "p_value": 1.0}
    one = saturation_ratio(RECORD, NAMES[1:])
    assert (one.level, one.evidence["missing"]) == ("ok", 1)
    large = hl.assign([str(i) for i in range(60)], hl.Rule(kind="saturation", saturations=(0, 0.5, 1)), seed=1)
    kept = [w for w, a in large.assigned.items() if a != "1"] + [w for w, a in large.assigned.items() if a == "1"][:8]
    assert saturation_ratio(large, kept).level == "stop"


@pytest.mark.parametrize(
    ("df", "clusters", "level"),
    [(20.0, {0.0: 12, 1.0: 12}, "ok"), (9.0, {0.0: 12, 1.0: 12}, "caution"), (20.0, {0.0: 12, 1.0: 9}, "caution"),
     (3.9, {0.0: 12, 1.0: 12}, "stop"), (20.0, {0.0: 12, 1.0: 2}, "stop"), (None, {0.0: 1, 1.0: 1}, "stop")],
)  # fmt: skip
def test_few_workspaces(df: float | None, clusters: dict[float, int], level: str):
    assert few_at_saturation(df, clusters).level == level


def test_small_workspaces():
    assert saturation_cells(2, 20).level == "ok"
    assert saturation_cells(3, 20).level == "caution"
    assert saturation_cells(0, 0).level == "ok"
