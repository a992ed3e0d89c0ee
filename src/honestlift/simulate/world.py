"""A simulated world: its table, its truth, the parts its outcome is made of, and what other splits would have shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from honestlift.design.assignment import Assignment, draw
from honestlift.errors import DesignError


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Components:
    """What the outcome of a cluster experiment is made of, summed over the users of each of K workspaces.

    A user's outcome is baseline + effect of the workspace if it is treated, + spillover if it is not and the user is open to
    spillover, + noise. The last axis of the ``(K, 2)`` arrays is 0 for users closed to spillover and 1 for users open to it.

    Attributes:
        treated: (K,) whether the workspace is treated in the table.
        users: (K, 2) users.
        baseline: (K, 2) sum of the baselines about ``origin``, in the unit of the outcome.
        noise: (K, 2) sum of the noise.
        effect: (K,) effect of the treatment on a user of this workspace, against no treatment and no spillover.
        spillover: effect of the others' treatment on a control user who is open to it.
        origin: what was taken off every baseline.
    """

    treated: NDArray[np.bool_]
    users: NDArray[np.int64]
    baseline: NDArray[np.float64]
    noise: NDArray[np.float64]
    effect: NDArray[np.float64]
    spillover: float
    origin: float = 0.0

    def __post_init__(self) -> None:
        for array in (self.treated, self.users, self.baseline, self.noise, self.effect):
            array.setflags(write=False)

    @property
    def gate(self) -> float:
        """The global average treatment effect: the user-weighted mean of the workspace effects."""
        size = self.users.sum(axis=1)
        return float(self.effect[0] + size @ (self.effect - self.effect[0]) / size.sum())

    def truth(self) -> dict[str, float]:
        """The effects in these workspaces, in the unit of the outcome.

        Returns:
            ``gate`` and ``direct``: user-weighted mean of the workspace effects, everyone treated against no treatment and no
            spillover. ``spillover``. ``itt_user`` and ``itt_cluster``: treated against control as the experiment has it, where
            controls who are open to spillover receive it, averaged over users and over workspaces.
        """
        size = self.users.sum(axis=1)
        itt = self.effect - self.spillover * self.users[:, 1] / size
        return {
            "direct": self.gate,
            "spillover": self.spillover,
            "gate": self.gate,
            "itt_user": float(size @ itt / size.sum()),
            "itt_cluster": float(itt.mean()),
        }


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class World:
    """A simulated data set and what is true in it.

    Attributes:
        table: one row per user.
        truth: estimand to its true value.
        components: what the outcome is made of, where workspaces were assigned to arms.
        assignment: the record of the assignment, where it was drawn by a rule.
        edges: ties between the users, where the world has a collaboration graph.
    """

    table: pa.Table
    truth: Mapping[str, float]
    components: Components | None = None
    assignment: Assignment | None = None
    edges: pa.Table | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decomposition:
    """Why the difference between the arms misses the global effect in one split; the four parts add up to the miss.

    Attributes:
        naive: mean of treated users minus mean of control users.
        target: the global average treatment effect.
        miss: naive minus target.
        contamination: −spillover × share of the control users who are open to it. The only part that is bias.
        baselines: difference between the arms in the user-weighted mean of the baselines: luck of this split.
        effects: mean effect in the treated workspaces minus target, both per user: luck, and zero if the effect is constant.
        noise: difference between the arms in the mean of the users' noise: luck.
    """

    naive: float
    target: float
    miss: float
    contamination: float
    baselines: float
    effects: float
    noise: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Splits:
    """What two estimates would have been in B other splits of the same workspaces.

    Attributes:
        naive: (B,) mean of treated users minus mean of all control users.
        two_exposure: (B,) mean of treated users minus mean of the control users closed to spillover.
    """

    naive: NDArray[np.float64]
    two_exposure: NDArray[np.float64]

    def __post_init__(self) -> None:
        for array in (self.naive, self.two_exposure):
            array.setflags(write=False)


def decompose(world: World) -> Decomposition:
    """Divide the miss of the naive estimate into bias and luck.

    Args:
        world: a world with components.

    Raises:
        DesignError: if the world has no components.
    """
    parts = _components(world)
    on = parts.treated
    size = parts.users.sum(axis=1)

    def contrast(values: NDArray[np.float64]) -> float:
        return float(values[on].sum() / size[on].sum() - values[~on].sum() / size[~on].sum())

    baselines = contrast(parts.baseline.sum(axis=1))
    noise = contrast(parts.noise.sum(axis=1))
    contamination = -parts.spillover * float(parts.users[~on, 1].sum() / size[~on].sum())
    effects = float(size[on] @ (parts.effect[on] - parts.gate) / size[on].sum())
    miss = contamination + baselines + effects + noise
    return Decomposition(
        naive=parts.gate + miss,
        target=parts.gate,
        miss=miss,
        contamination=contamination,
        baselines=baselines,
        effects=effects,
        noise=noise,
    )


def redraw_splits(world: World, draws: int, rng: np.random.Generator) -> Splits:
    """Assign the workspaces to the arms again and again, and estimate from the workspace sums alone.

    Every workspace keeps its baselines and its noise; the number of treated workspaces stays what it was.

    Args:
        world: a world with components.
        draws: number B of splits, each admissible one equally likely.
        rng: source of randomness.

    Raises:
        DesignError: if the world has no components, or there is less than one draw.
    """
    parts = _components(world)
    if draws < 1:
        raise DesignError.out_of_range("draws", draws, "at least 1")
    untreated = parts.baseline + parts.noise
    treated = untreated.sum(axis=1) + parts.effect * parts.users.sum(axis=1)
    control = untreated + parts.spillover * parts.users * np.array([0, 1])
    treated_sums = np.stack([treated, parts.users.sum(axis=1)], axis=1)
    control_sums = np.stack([control[:, 0], parts.users[:, 0], control.sum(axis=1), parts.users.sum(axis=1)], axis=1)
    arms = draw(np.zeros(parts.treated.size, dtype=np.int64), np.array([parts.treated.sum()], dtype=np.int64), rng, draws)
    on = np.einsum("bk,kj->bj", arms, treated_sums)
    off = np.einsum("bk,kj->bj", ~arms, control_sums)
    mean = on[:, 0] / on[:, 1]
    return Splits(naive=mean - off[:, 2] / off[:, 3], two_exposure=mean - off[:, 0] / off[:, 1])


def _components(world: World) -> Components:
    """The parts of the world's outcome."""
    if world.components is None:
        raise DesignError.out_of_range("world", "one without components", "one from collaboration or ClusterWorld.draw")
    return world.components
