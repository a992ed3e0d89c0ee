"""How the numbers were made: plain words first, then each method of this result with its source."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from honestlift.report.method import cluster, opt_in, waves
from honestlift.report.names import ROADS, VARIANTS
from honestlift.result import Lift


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A method: its name, its code in the result, what it computes, and where that is written."""

    name: str
    code: str
    text: str
    source: str


KINDS: dict[str, Any] = {"cluster": cluster, "opt_in": opt_in, "waves": waves}

EXPOSED = "covariates, by exposure"
"""What is said of covariates where contrasts of exposure are adjusted for them."""

RELATIVE = (
    "Effects as a share of the control mean have the interval of Fieller's theorem.",
    "Fieller (1954), Journal of the Royal Statistical Society B 16.",
)


def plain(lift: Lift) -> list[str]:
    """The method in sentences for everyone."""
    return KINDS[lift.kind].plain(lift)


def formal(lift: Lift) -> list[Entry]:
    """Each method that the result holds, in the order in which it holds them, then the variances, then what doubts them."""
    texts = KINDS[lift.kind].FORMAL
    codes = dict.fromkeys(e.method for e in lift.estimates)
    roads = dict.fromkeys(code.partition(":")[0] for code in codes)
    variances = dict.fromkeys(":" + code.partition(":")[2] for code in codes if ":" in code)
    by_exposure = [EXPOSED] if "exposure_strata_ols:unadjusted" in codes or "linear_in_fraction:unadjusted" in codes else []
    made: list[Entry] = []
    for code in [*roads, *variances, *by_exposure]:
        if code in texts:
            name = VARIANTS.get(code[1:], code[1:]) if code.startswith(":") else ROADS.get(code, code)
            made.append(Entry(name=name, code=code, text=texts[code][0], source=texts[code][1]))
    made.append(Entry(name="shares of the control mean", code="relative", text=RELATIVE[0], source=RELATIVE[1]))
    return made if lift.kind != "opt_in" else [*made, *(Entry(**entry) for entry in opt_in.around(lift))]
