"""Checks of contamination: what is said of an exposure that nobody randomized, and of use where there should be none."""

import pytest

from honestlift.diagnostics.contamination import exposure_absent, exposure_not_randomized, misclassification, use_in_control


def test_a_trait_is_called_an_association():
    check = exposure_not_randomized("opted\x1b in", 0.269, 0.0597)
    assert (check.level, check.concerns) == ("stop", ("direct", "spillover"))
    assert check.statement.startswith("opted in marks 27 % of control users")
    assert "17 times the precision" in check.statement
    assert not check.touches("minutes", "itt_user")


@pytest.mark.parametrize("ratio", [None, 0.5, 1.4])
def test_precision_is_mentioned_only_when_it_gives_the_game_away(ratio: float | None):
    check = exposure_not_randomized("e", 0.2, ratio)
    assert "precision" not in check.statement
    assert check.evidence["std_error_ratio"] == ratio


@pytest.mark.parametrize(("exposed", "unexposed", "word"), [(0, 10, "No control"), (10, 0, "Every control")])
def test_no_contrast(exposed: int, unexposed: int, word: str):
    check = exposure_absent("e", exposed, unexposed)
    assert check.statement.startswith(word)
    assert (check.code, check.level, check.concerns) == ("exposure_positivity", "stop", ("direct", "spillover"))


@pytest.mark.parametrize(
    ("using", "level"), [(0, "ok"), (10, "ok"), (11, "caution"), (100, "caution"), (101, "stop"), (1000, "stop")]
)
def test_use_in_control(using: int, level: str):
    check = use_in_control("used", using, 1000)
    assert check.level == level
    assert check.evidence["share"] == using / 1000
    assert bool(check.remedy) == (level != "ok")


def test_one_user_is_one():
    assert use_in_control("used", 1, 1000).statement == "1 control user of 1,000 (0.10 %) used the feature by used."


def test_a_contrast_without_any_error_can_be_put_in_words():
    assert "(the spillover contrast claims to have no error)" in exposure_not_randomized("e", 0.2, 0.0).statement


def pair(direct: tuple[float | None, float | None], spillover: tuple[float | None, float | None]) -> list[tuple[object, ...]]:
    return [(0.0, 0.0, 0.3, name, None, None, None, *ends) for name, ends in (("direct", direct), ("spillover", spillover))]


def test_wrong_marks_are_quiet_where_no_side_changes_and_caution_where_one_does_or_none_is_left():
    as_marked = pair((0.1, 0.9), (-0.2, 0.4))
    assert misclassification("y", 0.3, as_marked + pair((0.2, 1.0), (-0.3, 0.5))).level == "ok"
    moved = misclassification("y", 0.3, as_marked + pair((-0.1, 1.0), (-0.3, 0.5)))
    assert (moved.level, moved.evidence["direct_moved"], moved.evidence["spillover_moved"]) == ("caution", 1, 0)
    gone = misclassification("y", 0.3, as_marked + pair((0.2, 1.0), (None, None)))
    assert (gone.level, gone.evidence["impossible"], gone.evidence["spillover_moved"]) == ("caution", 1, 0)
    assert "30 % of control users are marked" in gone.statement
