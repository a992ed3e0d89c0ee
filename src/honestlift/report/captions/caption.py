"""The words of a figure."""

from __future__ import annotations

from dataclasses import dataclass

from honestlift.report import words
from honestlift.result import Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class Caption:
    """Words for a figure.

    Attributes:
        title: what is drawn.
        finding: what it shows, with its number.
        alt: the pattern, for a reader who does not see it.
    """

    title: str
    finding: str
    alt: str


def in_words(e: Estimate) -> str:
    """An estimate with its interval, for the text of a picture."""
    places = words.places_of(e.conf_low, e.conf_high)
    ends = f", {words.interval(e.conf_low, e.conf_high, places)}" if e.conf_low is not None else ", no interval"
    return words.signed(e.estimate, places) + ends
