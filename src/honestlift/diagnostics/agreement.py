"""Do tests that lean on other assumptions come to the headline's decision?"""

from __future__ import annotations

from collections.abc import Mapping

from honestlift.report import words
from honestlift.result import Check, Level

MARGIN = 1.25
"""How far beyond the error allowed a p-value must lie to contradict: by one-quarter of it.

A power near one half puts p-values near .05, where tests that say the same decide otherwise: .048 and .052. In 1,200 healthy studies
each, sizes with a CV of .5, that troubles 3.4 % with 24 workspaces and 4.6 % with 16; with the quarter, .3 % and 1.8 %. The Monte Carlo
error of such a p-value is .002.
"""

NAMES = {"wild": "the wild bootstrap", "randomization": "the randomization test"}


def methods_disagree(
    metric: str, headline: float, p_values: Mapping[str, float], smallest: Mapping[str, float], level: float
) -> Check:
    """CR2 against the wild bootstrap and the randomization test, on the decision at the plan's level.

    A test whose smallest possible p-value is above the error allowed can never reject; it confirms nothing and contradicts nothing.
    One whose p-value is on the other side of the error allowed by less than a quarter of it is said to be close, and not against.

    Args:
        metric: the metric.
        headline: p-value of CR2.
        p_values: p-value of each other test.
        smallest: smallest p-value that each other test can give.
        level: nominal coverage.
    """
    alpha = round(1 - level, 12)
    able = [name for name in p_values if smallest[name] < alpha]
    other = [name for name in able if (p_values[name] < alpha) != (headline < alpha)]
    against = [name for name in other if not alpha / MARGIN < p_values[name] < alpha * MARGIN]
    tests = "; ".join(f"{NAMES.get(n, n)} {words.p_value(p)} (smallest possible {smallest[n]:.2g})" for n, p in p_values.items())
    text = f"{words.clean(metric)}: CR2 {words.p_value(headline)}; {tests}."
    evidence = {"cr2": headline, **p_values, **{f"{n}_smallest": s for n, s in smallest.items()}}
    found: Level = "ok"
    remedy = ""
    if against:
        found, remedy = "caution", "Not robust: the decision hangs on the method. Treat it as undecided, and add workspaces."
    elif headline < alpha and not able:
        found, remedy = "caution", "Cannot be confirmed with so few workspaces: no exact test could reject here. Add workspaces."
    elif other:
        text += f" They lie on both sides of {alpha:.2g}, but close to it."
    return Check(code="methods_disagree", level=found, statement=text, remedy=remedy, evidence=evidence, metric=metric)
