"""The draws of a cluster world: one as rows, or, thousands at a time, as sums per workspace."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from honestlift.design.assignment import Assignment, Rule, arm_sizes, assign, draw
from honestlift.simulate.world import Components, World

if TYPE_CHECKING:
    from honestlift.simulate.cluster_world import ClusterWorld


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ClusterSums:
    """W worlds of K workspaces as sums. The last axis is 0 for users closed to spillover and 1 for users open to it.

    Open users are exposed where the workspace is a control; in treated workspaces they differ from the others in nothing.

    Attributes:
        treated: (W, K) whether the workspace is treated.
        users: (W, K, 2) users.
        total: (W, K, 2) sum of the outcome about ``origin``.
        square: (W, K, 2) sum of the squares of the outcome about ``origin``.
        effect: (W, K) effect of the treatment in each workspace.
        origin: what was taken off every outcome.
        truth: ``gate``, ``itt_user`` and ``itt_cluster`` in the drawn workspaces, (W,) each.
    """

    treated: NDArray[np.bool_]
    users: NDArray[np.int64]
    total: NDArray[np.float64]
    square: NDArray[np.float64]
    effect: NDArray[np.float64]
    origin: float
    truth: Mapping[str, NDArray[np.float64]]

    def __post_init__(self) -> None:
        for array in (self.treated, self.users, self.total, self.square, self.effect, *self.truth.values()):
            array.setflags(write=False)


def _workspaces(
    world: ClusterWorld, worlds: int, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Sizes, baselines about the mean in units of their standard deviation, and effects of workspaces, (W, K) each."""
    shape = (worlds, world.clusters)
    if world.sizes == "equal":
        size = np.full(shape, round(world.mean_size))
    elif world.sizes == "multinomial":
        size = rng.multinomial(round(world.mean_size * world.clusters), np.full(world.clusters, 1 / world.clusters), worlds)
    else:
        variance = math.log1p(world.size_cv**2)
        size = np.exp(math.log(world.mean_size) - variance / 2 + math.sqrt(variance) * rng.standard_normal(shape))
    users = np.maximum(np.rint(size), world.smallest).astype(np.int64)
    intercept = rng.standard_normal(shape)
    effect = world.effect + world.size_slope * (users / world.mean_size - 1)
    return users, intercept, effect + world.heterogeneity * rng.standard_normal(shape)


def draw_sums(world: ClusterWorld, worlds: int, rng: np.random.Generator) -> ClusterSums:
    """Sums per workspace of W worlds; see ``ClusterWorld.draw_sums``."""
    size, intercept, effect = _workspaces(world, worlds, rng)
    on = arm_sizes([world.clusters], world.treated_share)
    treated = draw(np.zeros(world.clusters, dtype=np.int64), on, rng, worlds)
    is_open = rng.binomial(size, world.exposed_share)
    users = np.stack([size - is_open, is_open], axis=2)
    sd = world.sd * math.sqrt(1 - world.icc)
    noise = rng.standard_normal(users.shape) * np.sqrt(users) * sd
    about_mean = 2 * rng.standard_gamma(np.maximum(users - 1, 0) / 2) * sd**2
    level = world.sd * math.sqrt(world.icc) * intercept + effect * treated
    cell = level[:, :, None] + ~treated[:, :, None] * np.array([0.0, world.spillover])
    itt = effect - world.spillover * is_open / size
    every = size.sum(axis=1)
    return ClusterSums(
        treated=treated,
        users=users,
        total=users * cell + noise,
        square=users * cell**2 + 2 * cell * noise + noise**2 / np.maximum(users, 1) + about_mean,
        effect=effect,
        origin=world.mean,
        truth={
            "gate": (size * effect).sum(axis=1) / every,
            "itt_user": (size * itt).sum(axis=1) / every,
            "itt_cluster": itt.mean(axis=1),
        },
    )


def draw_rows(world: ClusterWorld, rng: np.random.Generator, recorded: Assignment | None = None) -> World:
    """One world with a row per user; see ``ClusterWorld.draw``."""
    sizes, intercepts, effects = (values[0] for values in _workspaces(world, 1, rng))
    between, within = world.sd * math.sqrt(world.icc), world.sd * math.sqrt(1 - world.icc)
    names = [str(g) for g in range(world.clusters)]
    drawn = assign(names, Rule(share=world.treated_share), seed=int(rng.integers(2**32)))  # so that a record moves no other draw
    assignment = drawn if recorded is None else recorded
    treated = np.array([assignment.assigned[name] == "treated" for name in names])
    workspace = np.repeat(np.arange(world.clusters), sizes)
    is_open = rng.random(workspace.size) < world.exposed_share
    noise = _noise(world, workspace.size, rng)
    before = _before(world, intercepts, workspace, noise, rng)
    noise *= within
    cell = 2 * workspace + is_open
    users = np.bincount(cell, minlength=2 * world.clusters).reshape(-1, 2)
    parts = Components(
        treated=treated,
        users=users,
        baseline=users * (between * intercepts)[:, None],
        noise=np.bincount(cell, noise, 2 * world.clusters).astype(np.float64).reshape(-1, 2),
        effect=effects,
        spillover=world.spillover,
        origin=world.mean,
    )
    level = world.mean + between * intercepts + effects * treated
    noise += (level[:, None] + ~treated[:, None] * np.array([0.0, world.spillover])).ravel()[cell]
    on = treated[workspace]
    table = pa.Table.from_pydict(
        {
            "user_id": np.arange(on.size),
            "workspace_id": workspace,
            "treated": on.astype(np.int8),
            "session_minutes": pa.array(noise, pa.float64(), mask=_missing(world, on, rng)),
            "minutes_before": before,
            "exposed": (is_open & ~on).astype(np.int8),
        }
    )
    return World(table=table, truth=parts.truth() | {"icc": world.icc}, components=parts, assignment=assignment)


def _noise(world: ClusterWorld, users: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """(users,) Draws with mean 0 and variance 1."""
    if world.tail == "student":
        return rng.standard_t(world.tail_df, users) * math.sqrt((world.tail_df - 2) / world.tail_df)
    normal = rng.standard_normal(users)
    if world.tail == "normal":
        return normal
    return (np.exp(normal) - math.exp(0.5)) / math.sqrt(math.exp(2) - math.exp(1))


def _before(
    world: ClusterWorld,
    intercepts: NDArray[np.float64],
    workspace: NDArray[np.int64],
    noise: NDArray[np.float64],
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """(users,) The same measure before the treatment: mean and variances of the outcome, and the correlations asked for."""
    shared, own = world.covariate_r2, world.covariate_r2_within
    part = math.sqrt(shared) * intercepts + math.sqrt(1 - shared) * rng.standard_normal(intercepts.size)
    before = rng.standard_normal(noise.size)
    before *= math.sqrt(1 - own)
    if own:
        before += math.sqrt(own) * noise
    before *= world.sd * math.sqrt(1 - world.icc)
    before += (world.mean + world.sd * math.sqrt(world.icc) * part)[workspace]
    return before


def _missing(world: ClusterWorld, on: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.bool_] | None:
    """(users,) Whose outcome is missing; None if nobody's can be."""
    if not (world.missing_share or world.missing_gap):
        return None
    return rng.random(on.size) < world.missing_share + world.missing_gap * on
