"""Numbers in words: rounding by the interval's width, real minus signs, and names that cannot steer a terminal."""

import math
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from honestlift.report import words


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("Session minutes", "Session minutes"),
        ("\x1b[31mred\x1b[0m", "[31mred [0m"),
        ("a\tb\nc\r\nd", "a b c d"),
        ("bell\x07 nul\x00", "bell nul"),
        ("\u202eevil\u202c", "evil"),
        ("\u2066isolate\u2069", "isolate"),
        ("line\u2028end\u2029", "line end"),
        ("zero\u200bwidth", "zero width"),
        ("\ufeffbom", "bom"),
        ("lone \ud800 half", "lone half"),
        ("[bold]markup[/bold]", "[bold]markup[/bold]"),
        ("👩\u200d👩\u200d👧", "👩\u200d👩\u200d👧"),
        ("分析 é ß", "分析 é ß"),
        (17, "17"),
    ],
)
def test_clean(text: object, cleaned: str):
    assert words.clean(text) == cleaned


@given(st.text(st.characters()))
def test_clean_leaves_nothing_that_steers(text: str):
    cleaned = words.clean(text)
    assert all(unicodedata.category(c) not in ("Cc", "Cs", "Zl", "Zp") for c in cleaned)
    assert all(unicodedata.category(c) != "Cf" or c == "\u200d" for c in cleaned)
    cleaned.encode()
    assert words.clean(cleaned) == cleaned


@pytest.mark.parametrize(
    ("value", "places", "sign", "text"),
    [
        (0.6723, 2, True, "+0.67"),
        (-0.6723, 2, True, "−0.67"),
        (-0.001, 2, True, "0.00"),
        (0.0, 2, True, "0.00"),
        (-0.0, 0, True, "0"),
        (1234567.891, 1, False, "1,234,567.9"),
        (None, 2, True, "–"),
        (math.nan, 2, False, "–"),
        (math.inf, 2, False, "–"),
        (2.7601e11, 0, True, "+2.76e11"),
        (-1e9, 0, True, "−1.00e9"),
        (999_999_999.4, 0, False, "999,999,999"),
        (2.76e-150, 151, True, "+2.8e-150"),
        (-5.6e-17, 18, True, "−5.6e-17"),
        (1e-20, 12, True, "0"),
    ],
)
def test_number(value: float | None, places: int, sign: bool, text: str):
    assert words.number(value, places, sign=sign) == text


@given(st.floats(allow_nan=True, allow_infinity=True), st.integers(0, 330))
def test_no_number_is_long(value: float, places: int):
    assert len(words.signed(value, places)) <= 22


@pytest.mark.parametrize(
    ("half", "places"), [(0.13, 2), (0.0067, 4), (1.0, 1), (9.9, 1), (10.0, 0), (12345.0, 0), (0.0, 2), (math.nan, 2)]
)
def test_two_digits_of_the_half_width(half: float, places: int):
    assert words.decimals(half) == places


@pytest.mark.parametrize(
    ("low", "high", "places"),
    [(0.5412, 0.8035, 2), (0.6656, 0.6790, 4), (None, 1.0, 2), (1.0, 1.0, 2), (1.0, 1.0 + 4e-16, 2), (-1e-15, 1e-15, 16)],
)
def test_places_of_an_interval(low: float | None, high: float | None, places: int):
    assert words.places_of(low, high) == places


def test_intervals():
    assert words.interval(-0.02, 0.571, 2) == "−0.02 to +0.57"
    assert words.interval(None, 0.5, 1) == "– to +0.5"


@pytest.mark.parametrize(
    ("share", "sign", "text"),
    [
        (0.1337, False, "13 %"),
        (0.0134, True, "+1.3 %"),
        (-0.00134, True, "−0.13 %"),
        (0.0, True, "0 %"),
        (None, True, "–"),
        (math.nan, True, "–"),
        (1.0, False, "100 %"),
        (6e15, True, "+6.00e17 %"),
    ],
)
def test_percent(share: float | None, sign: bool, text: str):
    assert words.percent(share, sign=sign) == text


@pytest.mark.parametrize(
    ("level", "text"), [(0.95, "95 %"), (0.975, "97.5 %"), (0.999, "99.9 %"), (0.999999, "99.9999 %"), (0.5, "50 %")]
)
def test_a_level_is_never_rounded_up_to_certainty(level: float, text: str):
    assert words.level(level) == text


@pytest.mark.parametrize(
    ("p", "text"),
    [
        (0.0004, "p < 0.001"),
        (0.001, "p = 0.001"),
        (0.0312, "p = 0.031"),
        (0.31, "p = 0.31"),
        (1.0, "p = 1.00"),
        (None, "p unknown"),
    ],
)
def test_p_value(p: float | None, text: str):
    assert words.p_value(p) == text
    assert words.p_value(math.nan) == "p unknown"


def test_counts_and_ratios():
    assert [words.count(n, "workspace") for n in (0, 1, 2, 2000)] == [
        "0 workspaces",
        "1 workspace",
        "2 workspaces",
        "2,000 workspaces",
    ]
    assert words.count(2, "entry", "entries") == "2 entries"
    assert [words.times(r) for r in (1.0, 9.94, 19.2, 1900.0)] == ["1.0", "9.9", "19", "1,900"]


def test_listing():
    assert [words.listing(list("abcdefg"[:n])) for n in (0, 1, 2, 3, 7)] == [
        "",
        "a",
        "a and b",
        "a, b and c",
        "a, b, c and 4 more",
    ]
