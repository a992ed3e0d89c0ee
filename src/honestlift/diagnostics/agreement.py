"""Do tests that lean on other assumptions come to the headline's decision?"""

from __future__ import annotations

from collections.abc import Mapping

from honestlift.report import words
from honestlift.result import Check

NAMES = {"wild": "the wild bootstrap", "randomization": "the randomization test"}


def methods_disagree(
    metric: str, headline: float, p_values: Mapping[str, float], smallest: Mapping[str, float], level: float
) -> Check:
    """CR2 against the wild bootstrap and the randomization test, on the decision at the plan's level.

    A test whose smallest possible p-value is above the error allowed can never reject; it confirms nothing and contradicts nothing.

    Args:
        metric: the metric.
        headline: p-value of CR2.
        p_values: p-value of each other test.
        smallest: smallest p-value that each other test can give.
        level: nominal coverage.
    """
    alpha = round(1 - level, 12)
    able = [name for name in p_values if smallest[name] < alpha]
    against = [name for name in able if (p_values[name] < alpha) != (headline < alpha)]
    tests = "; ".join(f"{NAMES.get(n, n)} {words.p_value(p)} (smallest possible {smallest[n]:.2g})" for n, p in p_values.items())
    text = f"{words.clean(metric)}: CR2 {words.p_value(headline)}; {tests}."
    evidence = {"cr2": headline, **p_values, **{f"{n}_smallest": s for n, s in smallest.items()}}
    if against:
        remedy = "Not robust: the decision hangs on the method. Treat it as undecided, and add workspaces."
        return Check(code="methods_disagree", level="caution", statement=text, remedy=remedy, evidence=evidence, metric=metric)
    if headline < alpha and not able:
        remedy = "Cannot be confirmed with so few workspaces: no exact test could reject here. Add workspaces."
        return Check(code="methods_disagree", level="caution", statement=text, remedy=remedy, evidence=evidence, metric=metric)
    return Check(code="methods_disagree", level="ok", statement=text, remedy="", evidence=evidence, metric=metric)
