"""Effects by wave and period from sums per cluster and period: differences in differences with not-yet-treated controls.

Callaway & Sant'Anna (2021, Journal of Econometrics 225): every wave g and period t ≥ g has an effect of its own,
ATT(g, t) = (Ȳ_gt − Ȳ_Ct) − Σ_s w_s (Ȳ_gs − Ȳ_Cs), with C the clusters that start after t, s the base periods before g and
w_s their shares of the wave's users. No cluster that was treated earlier is ever a control, unlike in a two-way fixed-effects regression.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

Base = Literal["all", "last"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Panel:
    """Sums per cluster and period.

    Attributes:
        count, total: (K, T) rows and sum of the outcome.
        start: (K,) the period, 0 to T, from which a cluster is treated; T for a cluster that is not treated in these periods.
    """

    count: Floats
    total: Floats
    start: Ints


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Support:
    """What can be compared, of all clusters; it stays when one of them is left out.

    Attributes:
        cells: (M, 2) wave and period of each effect.
        base: for each of these the base periods; all empty where no wave has any.
        before: wave to its periods before the start, at least two, for the slope of the gap there.
        users: (M,) treated rows of each effect: its weight.
    """

    cells: Ints
    base: tuple[Ints, ...]
    before: dict[int, Ints]
    users: Floats

    @property
    def since(self) -> Ints:
        """(E,) periods since the start, each once."""
        return np.unique(self.cells[:, 1] - self.cells[:, 0])

    @property
    def based(self) -> bool:
        """Whether differences before the start are taken off."""
        return any(periods.size for periods in self.base)


def supported(panel: Panel, base: Base) -> Support:
    """Waves and periods with at least two clusters on either side there, and in a base period if any wave has one.

    Args:
        panel: the sums.
        base: the periods before a wave's start that it is compared with: all of them, or the last.
    """
    there, periods = panel.count > 0, panel.count.shape[1]
    waves = [int(g) for g in np.unique(panel.start) if g < periods]

    def both(g: int, t: int, s: int) -> bool:
        return bool(there[panel.start == g, s].sum() >= 2 and there[panel.start > t, s].sum() >= 2)

    def earlier(g: int, t: int) -> Ints:
        return np.array([s for s in range(g) if both(g, t, s)], dtype=np.int64)

    cells = [(g, t) for g in waves for t in range(g, periods) if both(g, t, t)]
    found = [earlier(g, t)[-1 if base == "last" else 0 :] for g, t in cells]
    kept = [i for i in range(len(cells)) if found[i].size or not any(f.size for f in found)]
    before = {g: s for g in dict.fromkeys(cells[i][0] for i in kept) if (s := earlier(g, g)).size >= 2}
    return Support(
        cells=np.array([cells[i] for i in kept], dtype=np.int64).reshape(-1, 2),
        base=tuple(found[i] for i in kept),
        before=before,
        users=np.array([panel.count[panel.start == cells[i][0], cells[i][1]].sum() for i in kept]),
    )


def effects(waves: Panel, on: Support) -> Floats:
    """The M effects, then the overall one, one per period since the start, the slope over these, and the slope before the start.

    Args:
        waves: the sums, of clusters or of whole waves.
        on: what is compared.
    """
    each = np.empty(len(on.cells))
    for i, (g, t) in enumerate(on.cells.tolist()):
        gap, size = _gap(waves, g, t)
        s = on.base[i]
        each[i] = gap[t] - (gap[s] @ size[s] / size[s].sum() if s.size else 0.0)
    w, since = on.users, on.cells[:, 1] - on.cells[:, 0]
    by_lag = np.array([each[since == e] @ w[since == e] / w[since == e].sum() for e in on.since])
    of_lag = np.array([w[since == e].sum() for e in on.since])
    told = [each, [each @ w / w.sum()], by_lag, [slope(on.since, by_lag, of_lag)], [_slope_before(waves, on)]]
    return np.concatenate(told)


def _gap(waves: Panel, g: int, t: int) -> tuple[Floats, Floats]:
    """(T,) the wave's mean minus that of clusters which start after ``t``; and the wave's rows."""
    mine, others = waves.start == g, waves.start > t
    size = waves.count[mine].sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        control = waves.total[others].sum(axis=0) / waves.count[others].sum(axis=0)
        return waves.total[mine].sum(axis=0) / size - control, size


def slope(x: Ints, y: Floats, w: Floats) -> float:
    """Of a weighted line; NaN for one point."""
    if x.size < 2:
        return float("nan")
    centred = x - (x @ w) / w.sum()
    return float((centred * w) @ y / ((centred * w) @ x))


def _slope_before(waves: Panel, on: Support) -> float:
    """Change per period, before the start, of the gap to the clusters that start later than the wave; waves weighted by rows."""
    found: list[tuple[float, float]] = []
    for g, s in on.before.items():
        gap, size = _gap(waves, g, g)
        found.append((slope(s, gap[s], size[s]), float(size[s].sum())))
    return sum(b * n for b, n in found) / sum(n for _, n in found) if found else float("nan")


def by_wave(panel: Panel) -> Panel:
    """The sums of whole waves."""
    starts = np.unique(panel.start)
    of = (panel.start[None, :] == starts[:, None]).astype(np.float64)
    return Panel(count=np.einsum("wk,kt->wt", of, panel.count), total=np.einsum("wk,kt->wt", of, panel.total), start=starts)


def without_each(panel: Panel, on: Support) -> Floats:
    """(K, P) the vector of ``effects`` without each cluster in turn."""
    whole = by_wave(panel)
    made: list[Floats] = []
    starts: list[int] = panel.start.tolist()
    for k, g in enumerate(starts):
        own = (whole.start == g)[:, None]
        count, total = whole.count - own * panel.count[k], whole.total - own * panel.total[k]
        made.append(effects(Panel(count=count, total=total, start=whole.start), on))
    return np.array(made)
