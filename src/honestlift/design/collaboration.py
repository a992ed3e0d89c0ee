"""Who works with whom, as arrays: users in workspaces, and the weight of the ties between them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from honestlift.errors import DesignError


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Collaboration:
    """A graph between N users in K workspaces. Direction is not used; ties of a user to itself do not count.

    Attributes:
        workspace: (N,) index of each user's workspace, 0 to K−1, each with a user.
        source, target: (E,) the two ends of each tie, indices of users.
        weight: (E,) weight of each tie, above zero; several ties of a pair add up.
        unknown: ties whose other end is no user of the table; they are left out, and told.

    Raises:
        DesignError: if shapes or ranges do not fit.

    Example:
        >>> import numpy as np
        >>> graph = hl.Collaboration(workspace=np.array([0, 0, 1, 1]), source=np.array([0, 1]), target=np.array([1, 2]))
        >>> graph.users, graph.workspaces
        (4, 2)
    """

    workspace: NDArray[np.int64]
    source: NDArray[np.int64]
    target: NDArray[np.int64]
    weight: NDArray[np.float64] | None = None
    unknown: int = 0

    def __post_init__(self) -> None:
        codes = np.asarray(self.workspace)
        if codes.ndim != 1 or not codes.size or not np.array_equal(np.unique(codes), np.arange(int(codes.max()) + 1)):
            raise DesignError.out_of_range("workspace", codes.shape, "one index per user, from 0 up, each workspace with a user")
        ends = (np.asarray(self.source), np.asarray(self.target))
        if ends[0].shape != ends[1].shape or ends[0].ndim != 1:
            raise DesignError.out_of_range("target", ends[1].shape, f"as many ends as source has ({ends[0].shape})")
        for name, end in zip(("source", "target"), ends, strict=True):
            if end.size and not (int(end.min()) >= 0 and int(end.max()) < codes.size):
                raise DesignError.out_of_range(name, int(end.max()), f"indices of users from 0 to {codes.size - 1}")
        if self.weight is not None:
            w = np.asarray(self.weight)
            if w.shape != ends[0].shape or not (np.isfinite(w).all() and bool((w > 0).all())):
                raise DesignError.out_of_range("weight", w.shape, "a finite weight above zero for each tie")

    @property
    def users(self) -> int:
        """Number N of users."""
        return int(self.workspace.size)

    @property
    def workspaces(self) -> int:
        """Number K of workspaces."""
        return int(self.workspace.max()) + 1

    @property
    def ties(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
        """Each tie between two users once, the smaller index first, in the order of the pairs; weights of a pair added up."""
        low, high = np.minimum(self.source, self.target), np.maximum(self.source, self.target)
        weight = np.ones(low.size) if self.weight is None else np.asarray(self.weight, dtype=np.float64)
        kept = low != high
        pair = low[kept] * np.int64(self.users) + high[kept]
        order = np.argsort(pair, kind="stable")
        code, first = np.unique(pair[order], return_index=True)
        total = np.add.reduceat(weight[kept][order], first) if code.size else np.zeros(0)
        return code // self.users, code % self.users, total
