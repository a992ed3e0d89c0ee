"""The same work by honestlift and by its peers: who is faster, by how much, and whether the answers agree.

On our side the parquet file is read inside the time that is counted; the peers have their frames in memory before. Both sides run in
processes of their own that have warmed up, ours and each peer in turn. Answers that disagree stop the run.
"""

from __future__ import annotations

import math
import os
import statistics
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from benchmarks.peers.data import Kind, make, make_warm
from benchmarks.peers.turns import OverrunError, Side, Turn, ours, theirs
from benchmarks.timing import Result, load

LIMIT_S, ENOUGH_S = 30.0, 5.0
"""Seconds that one run of a peer may take, and seconds of a peer's runs after which there are no more of them."""

USERS, CHOOSERS = 1_000_000, 200_000
EXACT = 1e-6
"""Relative; the same formula, summed in another order, in fits that stop at their own tolerance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """A peer in a case, and how far its answer may be from ours.

    Attributes:
        name: as in the peers' table.
        estimate: difference of estimates, in our standard errors, or of itself where there is none.
        error: relative difference of standard errors; None where they are not comparable.
        times: what the peer did is this part of the work: its seconds are multiplied.
        differs: what differs between the two, in words.
    """

    name: str
    estimate: float = EXACT
    error: float | None = EXACT
    times: float = 1.0
    differs: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One piece of work on one file.

    Attributes:
        task: as in both tables.
        what: in words.
        kind, rows, workspaces: the users.
        peers: who does it too.
        p: difference of p-values that chance explains; for the tests.
        differs: what is more, or less, on our side.
    """

    task: str
    what: str
    kind: Kind
    rows: int
    workspaces: int = 0
    peers: tuple[Peer, ...]
    p: float = 0.0
    differs: str = ""


class DisagreementError(RuntimeError):
    """Two answers to the same question that should be the same, and are not."""


CHANCE = 0.025
"""Between two p-values of 9,999 draws each: over four standard errors, √(2·0.25/9,999) = 0.007, at p = ½."""

DRAWN = "other draws"
FOLDS = "folds are drawn by themselves on each side; trimming at 0.01 on theirs"

OTHER_NEIGHBOURS = 5.0
"""Of matching estimates that rest on other neighbours, and are as good as two samples: √2 standard errors, three and a half times."""

SLOPES = 1e-4
"""Of standard errors by statsmodels, whose derivatives are numerical."""

CASES = (
    Case(
        task="CR1",
        what="least squares with CR1 errors, 3 covariates",
        kind="workspaces",
        rows=USERS,
        workspaces=500,
        peers=(Peer(name="statsmodels"), Peer(name="statsmodels on arrays"), Peer(name="pyfixest"), Peer(name="StatsPAI")),
    ),
    Case(
        task="CR1",
        what="least squares with CR1 errors of few users, 3 covariates",
        kind="workspaces",
        rows=5_000,
        workspaces=50,
        peers=(Peer(name="statsmodels"), Peer(name="statsmodels on arrays"), Peer(name="pyfixest"), Peer(name="StatsPAI")),
    ),
    Case(
        task="CR3",
        what="least squares with CR3 errors, 3 covariates",
        kind="workspaces",
        rows=USERS,
        workspaces=500,
        peers=(Peer(name="pyfixest", differs="without its small-sample factors"), Peer(name="StatsPAI")),
    ),
    Case(
        task="CR2",
        what="least squares with CR2 errors, 3 covariates",
        kind="workspaces",
        rows=5_000,
        workspaces=50,
        peers=(Peer(name="StatsPAI"),),
    ),
    Case(
        task="wild bootstrap",
        what="wild cluster bootstrap, 9,999 draws, 3 covariates",
        kind="workspaces",
        rows=100_000,
        workspaces=50,
        peers=tuple(Peer(name=n, differs=DRAWN) for n in ("wildboottest", "pyfixest", "StatsPAI")),
        p=CHANCE,
    ),
    Case(
        task="randomization test",
        what="randomization test of the difference of means, 9,999 re-draws",
        kind="workspaces",
        rows=5_000,
        workspaces=50,
        peers=tuple(Peer(name=n, differs=DRAWN) for n in ("pyfixest", "StatsPAI")),
        p=CHANCE,
    ),
    Case(
        task="weighting",
        what="IPW ATE and ATT with stacked errors, 4 covariates",
        kind="choosers",
        rows=CHOOSERS,
        peers=(Peer(name="statsmodels", error=SLOPES), Peer(name="StatsPAI")),
    ),
    Case(
        task="weighting",
        what="IPW ATE and ATT of few users, with stacked errors, 4 covariates",
        kind="choosers",
        rows=5_000,
        peers=(Peer(name="statsmodels", error=SLOPES), Peer(name="StatsPAI")),
    ),
    Case(
        task="doubly robust",
        what="AIPW ATE with stacked errors, 4 covariates",
        kind="choosers",
        rows=CHOOSERS,
        peers=(Peer(name="statsmodels", error=SLOPES), Peer(name="StatsPAI")),
    ),
    Case(
        task="bootstrap",
        what="IPW with 500 bootstrap replicates, 4 covariates",
        kind="choosers",
        rows=CHOOSERS,
        differs="ours makes every estimator of both, and matching; a replicate draws buckets of users and takes one Newton step",
        peers=(
            # mean and spread of ten replicates: within 1/√10 standard errors times three, the spread within its own ±24 % times three
            Peer(name="scikit-learn", estimate=1.0, error=0.7, times=50, differs="10 replicates of ATE and ATT timed, times 50"),
            Peer(
                name="DoWhy",
                estimate=0.05,  # its logit stops at a gradient of 1e-4
                error=None,
                times=100.2,
                differs="ATE alone; the estimate and 4 replicates timed, times 501/5; four replicates are too few to compare errors",
            ),
        ),
    ),
    Case(
        task="cross-fitted",
        what="doubly robust ATE, cross-fitted on 5 folds with the logit and least squares of scikit-learn",
        kind="choosers",
        rows=CHOOSERS,
        differs="ours fits with weights, which are one",
        peers=(
            # other folds move it by some hundredths of its standard error
            Peer(name="DoubleML", estimate=0.15, error=0.03, differs=FOLDS),
            Peer(name="StatsPAI", estimate=0.15, error=0.03, differs=FOLDS),
        ),
    ),
    Case(
        task="matching",
        what="ATT by the nearest propensity, ties kept, errors for an estimated one (Abadie & Imbens 2016)",
        kind="tied",
        rows=5_000,
        peers=(Peer(name="StatsPAI"),),
    ),
    Case(
        task="matching, known score",
        what="ATT by the nearest propensity, many ties kept, errors for a known one (Abadie & Imbens 2006)",
        kind="tied",
        rows=CHOOSERS,
        peers=(
            Peer(name="StatsPAI", error=0.15, differs="one residual variance for all users on its side, one for each on ours"),
            Peer(name="DoWhy", estimate=OTHER_NEIGHBOURS, error=None, differs="one of the ties alone, and no error"),
        ),
    ),
    Case(
        task="matching, known score",
        what="ATT by the nearest propensity, no ties, errors for a known one (Abadie & Imbens 2006)",
        kind="choosers",
        rows=CHOOSERS,
        peers=(
            Peer(name="StatsPAI", error=0.15, differs="one residual variance for all users on its side, one for each on ours"),
            Peer(
                name="DoWhy",
                estimate=OTHER_NEIGHBOURS,
                error=None,
                differs="its logit stops earlier, which changes neighbours; no error",
            ),
        ),
    ),
    Case(
        task="balancing",
        what="entropy balancing, ATT with its errors, 4 covariates",
        kind="choosers",
        rows=CHOOSERS,
        peers=(Peer(name="StatsPAI"),),
    ),
)


def cases(runs: int, rows: int) -> list[Result]:
    """Every case against each of its peers.

    Args:
        runs: rounds of a case, fewer where a peer is slow.
        rows: most users of a case.

    Raises:
        FileNotFoundError: if the peers' environment has not been made.
        DisagreementError: if two answers are further apart than the case says and explains.
    """
    return [result for case in CASES for result in compared(case, runs, rows)]


def compared(case: Case, runs: int, rows: int) -> list[Result]:
    """One case."""
    users, before = min(case.rows, rows), load()
    warm, counted = make_warm(case.kind), make(case.kind, users, case.workspaces)
    with ExitStack() as stack:
        mine = stack.enter_context(ours(case.task, warm, counted))
        sides = {p: stack.enter_context(theirs(case.task, p.name, warm, counted)) for p in case.peers}
        for side in (mine, *sides.values()):
            side.ready()
        return [_result(case, users, *pair, before) for pair in _rounds(mine, sides, runs).items()]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """Rounds of ours with one peer; none of the peer's where its first took too long."""

    ours: list[Turn]
    theirs: list[Turn]
    versions: Mapping[str, str]


def _rounds(mine: Side, sides: Mapping[Peer, Side], runs: int) -> dict[Peer, Pairs]:
    pairs = {peer: Pairs(ours=[], theirs=[], versions={**mine.versions, **side.versions}) for peer, side in sides.items()}
    left = dict(sides)
    for _ in range(runs):
        if not left:
            break
        own = mine.turn(LIMIT_S)
        for peer in list(left):
            found = pairs[peer]
            found.ours.append(own)
            try:
                found.theirs.append(left[peer].turn(LIMIT_S))
            except OverrunError:
                del left[peer]
                continue
            if sum(t.seconds for t in found.theirs) > ENOUGH_S:
                del left[peer]
    return pairs


def _result(case: Case, users: int, peer: Peer, found: Pairs, before: list[float]) -> Result:
    own = statistics.median(t.seconds for t in found.ours)
    notes = ["ours from parquet, theirs from memory", case.differs, peer.differs]
    extra: dict[str, Any] = {"users": users, "load_before": before, "versions": dict(found.versions), "runs": len(found.theirs)}
    extra |= {"ours": dict(found.ours[0].answer), "peak_mb": round(max(t.peak_mb for t in found.ours))}
    if found.theirs:
        agree(case, peer, found.ours[0].answer, found.theirs[0].answer)
        extra |= {"theirs": dict(found.theirs[0].answer), "rival_peak_mb": round(max(t.peak_mb for t in found.theirs))}
        rival = peer.times * statistics.median(t.seconds for t in found.theirs)
        ratio = statistics.median(a.seconds / (peer.times * b.seconds) for a, b in zip(found.ours, found.theirs, strict=False))
    else:
        rival, ratio = peer.times * LIMIT_S, own / (peer.times * LIMIT_S)
        notes.append(f"stopped when it took over {LIMIT_S:g} s, so that its answer was not compared")
    if before[0] > (os.cpu_count() or 1) / 2:
        notes.append(f"doubtful: the machine was busy, load {before[0]:g}")
    where = f"{users:,} users" + (f" in {case.workspaces} workspaces" if case.workspaces else "")
    return Result(
        case=f"{case.what}, {where}",
        ours=own,
        rival=rival,
        rival_is=peer.name,
        ratio=ratio,
        target="ours/rival ≤ 1",
        met=ratio <= 1,
        note=f"({'; '.join(n for n in notes if n)})",
        extra=extra,
    )


def agree(case: Case, peer: Peer, mine: Mapping[str, float], rival: Mapping[str, float]) -> None:
    """Hold the peer's answer to ours.

    Raises:
        DisagreementError: if a number differs by more than the case explains, or there is none in common.
    """
    common = [name for name in mine if name in rival]
    if not common:
        raise DisagreementError(f"{case.task} by {peer.name}: no number in common. Expected {sorted(mine)}, got {sorted(rival)}.")
    for name in common:
        apart = abs(mine[name] - rival[name])
        if name == "p":
            most = case.p
        elif name.startswith("se "):
            most = math.inf if peer.error is None else peer.error * abs(mine[name])
        else:
            most = peer.estimate * mine.get(f"se {name}", abs(mine[name]))
        if not apart <= most:
            raise DisagreementError(
                f"{case.task} by {peer.name}: {name} is {rival[name]!r}, ours {mine[name]!r}, {apart:.3g} apart. "
                f"Expected at most {most:.3g}. The case's note must say what differs, or one of the two is wrong."
            )
