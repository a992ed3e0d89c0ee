"""Numbers and findings in words. The only place that rounds."""

from __future__ import annotations

import math
import unicodedata

MINUS = "−"

HIDDEN = ("Cc", "Cf", "Cs", "Zl", "Zp")
"""Categories of characters that steer a terminal, reverse a line, break one, or cannot be written as UTF-8."""

MOST_PLACES, LARGEST = 8, 1e9
"""Decimals above which, and size from which, a number is written with an exponent."""


def clean(text: object) -> str:
    """A user's text without control characters, so that no name can move a cursor or reverse a line."""
    kept = (" " if unicodedata.category(c) in HIDDEN and c != "\u200d" else c for c in str(text))
    return " ".join("".join(kept).split())


def decimals(half_width: float) -> int:
    """Decimals that show two significant digits of a half-width."""
    if not math.isfinite(half_width) or half_width <= 0:
        return 2
    return max(0, 1 - math.floor(math.log10(half_width)))


def number(value: float | None, places: int = 2, *, sign: bool = False) -> str:
    """A number with a real minus sign, thousands separated, and a plus if ``sign``; a dash if it is undefined."""
    if value is None or not math.isfinite(value):
        return "–"
    size = abs(value)
    zero = size == 0 or size < 0.5 * 10.0**-places
    if size >= LARGEST:
        text = _exponent(size, 2)
    elif places > MOST_PLACES:
        text = "0" if zero else _exponent(size, max(0, min(3, places + math.floor(math.log10(size)))))
    else:
        text = f"{size:,.{places}f}"
        zero = float(text.replace(",", "")) == 0
    mark = "" if zero else MINUS if value < 0 else "+" if sign else ""
    return mark + text


def _exponent(size: float, digits: int) -> str:
    """``2.76e11``: a mantissa with so many decimals, and the exponent without padding."""
    mantissa, _, power = f"{size:.{digits}e}".partition("e")
    return f"{mantissa}e{int(power)}"


def signed(value: float | None, places: int = 2) -> str:
    """A number with its sign."""
    return number(value, places, sign=True)


def interval(low: float | None, high: float | None, places: int) -> str:
    """``+0.54 to +0.80``; an end that does not exist is a dash."""
    return f"{signed(low, places)} to {signed(high, places)}"


def size(value: float, places: int) -> str:
    """A size without sign; one that would read as nothing is ``under 0.001``."""
    least = 10.0**-places
    return number(value, places) if value == 0 or abs(value) >= least / 2 else f"under {number(least, places)}"


def places_of(low: float | None, high: float | None) -> int:
    """Decimals for an interval and its estimate: two significant digits of its half-width, if that is more than rounding."""
    if low is None or high is None:
        return 2
    half = (high - low) / 2
    return decimals(half) if half > 1e-12 * max(abs(low), abs(high)) else 2


def percent(share: float | None, places: int | None = None, *, sign: bool = False) -> str:
    """A share in percent, with as many digits as it bears: 13 %, 1.3 %, 0.13 %."""
    if share is None or not math.isfinite(share):
        return "–"
    size = abs(100 * share)
    digits = places if places is not None else 0 if size >= 10 or size == 0 else 1 if size >= 1 else 2
    return number(100 * share, digits, sign=sign) + " %"


def of_hundred(share: float, *, short: bool = False) -> str:
    """A share as launches: ``84 of 100``, or ``84``; ``fewer than 1 of 100``."""
    n = round(100 * share)
    text = f"{n}" if n or share == 0 else "fewer than 1"
    return text if short else f"{text} of 100"


def level(share: float) -> str:
    """A nominal coverage without rounding it up to certainty: 95 %, 97.5 %, 99.99 %."""
    return f"{100 * share:.10g} %"


def p_value(p: float | None) -> str:
    """``p = 0.031``, ``p < 0.001``."""
    if p is None or not math.isfinite(p):
        return "p unknown"
    return "p < 0.001" if p < 0.001 else f"p = {p:.2g}" if p < 0.1 else f"p = {p:.2f}"


def count(n: float, singular: str, plural: str | None = None) -> str:
    """``1 workspace``, ``2,000 workspaces``."""
    return f"{n:,.0f} {singular if round(n) == 1 else plural or singular + 's'}"


def times(ratio: float) -> str:
    """A ratio as ``2.6``, ``19``, ``1,900``: whole from ten up."""
    return f"{ratio:,.0f}" if ratio >= 10 else f"{ratio:.1f}"


def listing(items: list[str], most: int = 3) -> str:
    """``a, b and 4 more``."""
    if len(items) <= most:
        return " and ".join([", ".join(items[:-1]), items[-1]]) if len(items) > 1 else "".join(items)
    return f"{', '.join(items[:most])} and {len(items) - most} more"
