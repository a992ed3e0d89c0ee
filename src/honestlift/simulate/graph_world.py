"""A collaboration graph with a known spillover: the published scenario with colleagues who work across workspaces."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from honestlift.design.assignment import Assignment
from honestlift.errors import AssignmentError, DesignError
from honestlift.simulate.published import DIRECT, SPILLOVER
from honestlift.simulate.world import World

Response = Literal["any", "fraction"]
Floats = NDArray[np.float64]

ACTIVITY = 0.15
"""Minutes that a user has more for every unit of activity: who works with many spends more time anyway."""


def collaboration_graph(
    users: int = 50_000,
    seed: int = 42,
    *,
    workspaces: int = 50,
    ties: float = 6.0,
    within: float = 0.7,
    response: Response = "any",
    assignment: Assignment | None = None,
) -> World:
    """Users in workspaces, of which half are treated, and the ties between them; direct effect +0.80, spillover +0.20.

    Active users have more ties and longer sessions, so that exposed and unexposed users differ whatever the treatment does. A tie stays
    in the workspace with the chance ``within``; its other end is drawn by activity. ``session_minutes`` is N(5, 0.3²) per workspace +
    activity + 0.80 if treated + 0.20 times the response + N(0, 0.3²), the response being 1 with a partner in another, treated workspace
    (``any``), or the treated share of the ties to other workspaces (``fraction``), in both arms.

    Args:
        users: number of rows, at least 100.
        seed: start of the generator.
        workspaces: number of workspaces, at least 4; the first half is treated, unless a record says otherwise.
        ties: mean number of ties that a user has.
        within: chance that a tie stays in the workspace.
        response: what the spillover goes with.
        assignment: the record of arms to follow, of the workspaces "0" to "workspaces − 1".

    Returns:
        Columns ``user_id``, ``workspace_id``, ``treated``, ``minutes_before`` (activity and workspace, before the treatment) and
        ``session_minutes``; the ``edges``, columns ``source`` and ``target``; truth of ``direct``, ``spillover``, ``spillover_treated``
        and ``gate`` in minutes.

    Raises:
        DesignError: if an argument is out of range.
        AssignmentError: if the record is of other workspaces.

    Example:
        >>> world = hl.simulate.collaboration_graph(1000)
        >>> world.edges.column_names, world.truth["spillover"]
        (['source', 'target'], 0.2)
    """
    _check(users, workspaces, ties, within, response)
    rng = np.random.default_rng(seed)
    workspace = np.sort(rng.integers(0, workspaces, users))
    activity = rng.lognormal(-0.5, 1.0, users)
    source, target = _ties(workspace, activity, round(users * ties / 2), within, rng)
    arm = np.arange(workspaces) * 2 < workspaces
    if assignment is not None:
        arm = _arms(assignment, workspaces)
    fraction, tied = _fraction(workspace, arm, source, target)
    answer = (fraction > 0).astype(np.float64) if response == "any" else fraction
    base = rng.normal(5.0, 0.30, workspaces)[workspace] + ACTIVITY * activity
    before = base + rng.normal(0.0, 0.30, users)
    minutes = base + DIRECT * arm[workspace] + SPILLOVER * answer + rng.normal(0.0, 0.30, users)
    order = rng.permutation(users)  # the rows stand in no order
    columns = {
        "user_id": np.arange(users),
        "workspace_id": workspace,
        "treated": arm[workspace].astype(np.int64),
        "minutes_before": before,
        "session_minutes": minutes,
    }
    table = pa.Table.from_pydict({name: values[order] for name, values in columns.items()})
    truth = {
        "direct": DIRECT,
        "spillover": SPILLOVER,
        "spillover_treated": SPILLOVER,
        "gate": DIRECT + SPILLOVER * float(tied.mean()),
    }
    return World(
        table=table, truth=truth, assignment=assignment, edges=pa.Table.from_pydict({"source": source, "target": target})
    )


def _ties(
    workspace: NDArray[np.int64], activity: Floats, count: int, within: float, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs of users, each drawn by activity; the second from the workspace of the first, or from all."""
    sums = np.concatenate([np.zeros(1), np.cumsum(activity)])
    whole = float(sums[-1])
    last = workspace.size - 1
    source = np.minimum(np.searchsorted(sums, rng.random(count) * whole, side="right") - 1, last).astype(np.int64)
    first = np.searchsorted(workspace, workspace[source], side="left")
    end = np.searchsorted(workspace, workspace[source], side="right")
    inside = rng.random(count) < within
    low, high = np.where(inside, sums[first], 0.0), np.where(inside, sums[end], whole)
    target = np.minimum(np.searchsorted(sums, low + rng.random(count) * (high - low), side="right") - 1, last).astype(np.int64)
    apart = source != target
    return source[apart], target[apart]


def _fraction(
    workspace: NDArray[np.int64], arm: NDArray[np.bool_], source: NDArray[np.int64], target: NDArray[np.int64]
) -> tuple[Floats, NDArray[np.bool_]]:
    """(users,) Treated share of each user's ties to other workspaces, a repeated tie counting once; and who has such ties."""
    pairs = np.unique(np.stack([np.minimum(source, target), np.maximum(source, target)]), axis=1)
    user = np.concatenate([pairs[0], pairs[1]])
    other = workspace[np.concatenate([pairs[1], pairs[0]])]
    out = other != workspace[user]
    ties = np.bincount(user[out], minlength=workspace.size)
    reached = np.bincount(user[out], arm[other[out]], workspace.size)
    return reached / np.maximum(ties, 1), ties > 0


def _arms(assignment: Assignment, workspaces: int) -> NDArray[np.bool_]:
    names = [str(g) for g in range(workspaces)]
    if set(assignment.assigned) != set(names) or set(assignment.assigned.values()) != {"treated", "control"}:
        raise AssignmentError.other_clusters(workspaces)
    return np.array([assignment.assigned[name] == "treated" for name in names])


def _check(users: int, workspaces: int, ties: float, within: float, response: str) -> None:
    if users < 100:
        raise DesignError.out_of_range("users", users, "a whole number from 100 up")
    if not 4 <= workspaces <= users:
        raise DesignError.out_of_range("workspaces", workspaces, "a whole number from 4 up, and no more than users")
    if not ties > 0:
        raise DesignError.out_of_range("ties", ties, "a number above zero")
    if not 0 <= within < 1:
        raise DesignError.out_of_range("within", within, "a share from 0 to below 1")
    if response not in get_args(Response):
        raise DesignError.out_of_range("response", response, "'any' or 'fraction'")
