"""What each figure shows, in a sentence that is true of the result, and its pattern for those who do not see it."""

from __future__ import annotations

from collections.abc import Callable

from honestlift.report.captions import choice, cluster, doubt, leakage, over_time, promises, segments
from honestlift.report.captions.caption import Caption
from honestlift.result import Lift

__all__ = ["Caption", "caption"]

CAPTIONS: dict[str, Callable[[Lift], Caption]] = {
    "forest": lambda lift: (choice if lift.kind == "opt_in" else cluster).forest(lift),
    "density": cluster.density,
    "dose": leakage.dose,
    "contamination": leakage.contamination,
    "caterpillar": cluster.caterpillar,
    "event_study": over_time.event_study,
    "over_time": over_time.by_period,
    "monitoring": promises.monitoring,
    "segments": segments.segments,
    "placebo": promises.placebo,
    "categories": choice.categories,
    "overlap": choice.overlap,
    "balance": choice.balance,
    "contours": doubt.contours,
    "weights": doubt.weights,
}


def caption(lift: Lift, name: str) -> Caption:
    """The words of a figure of the result.

    Raises:
        LookupError: if there is no such figure.
    """
    if name not in CAPTIONS:
        raise LookupError(f"No figure is called {name!r}. Expected one of {list(CAPTIONS)}.")
    return CAPTIONS[name](lift)
