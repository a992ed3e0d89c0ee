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

    @property
    def periods(self) -> int:
        """T."""
        return self.count.shape[1]

    @property
    def treated(self) -> NDArray[np.bool_]:
        """(K, T) whether a cluster is treated in a period."""
        return np.arange(self.periods) >= self.start[:, None]

    @property
    def waves(self) -> list[int]:
        """The starts within these periods."""
        return [int(g) for g in np.unique(self.start) if g < self.periods]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Support:
    """What can be compared, of all clusters; it stays when one of them is left out.

    Attributes:
        cells: (M, 2) wave and period of each effect.
        base: for each of these the base periods; all empty where no wave has any.
        before: wave to its periods before the start, at least two, for the gaps there and their slope.
        users: (M,) treated rows of each effect: its weight.
        reach: periods from the base to the effects, on average: how far a drift of one per period moves the overall effect.
        last: whether gaps before the start are told from the last of these periods, not from their mean.
    """

    cells: Ints
    base: tuple[Ints, ...]
    before: dict[int, Ints]
    users: Floats
    reach: float
    last: bool

    @property
    def waves(self) -> Ints:
        """(W,) waves, each once."""
        return np.unique(self.cells[:, 0])

    @property
    def since(self) -> Ints:
        """(E,) periods since the start, each once."""
        return np.unique(self.cells[:, 1] - self.cells[:, 0])

    @property
    def until(self) -> Ints:
        """(F,) periods before the start in which there is a gap to tell, as negative numbers; the reference itself is none."""
        found = {int(s) - g for g, periods in self.before.items() for s in (periods[:-1] if self.last else periods)}
        return np.array(sorted(found), dtype=np.int64)

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
    there, periods = (panel.count > 0).astype(np.int64), panel.periods
    own = {g: there[panel.start == g].sum(axis=0) >= 2 for g in panel.waves}
    later = [there[panel.start > t].sum(axis=0) >= 2 for t in range(periods)]

    def earlier(g: int, t: int) -> Ints:
        return np.flatnonzero(own[g][:g] & later[t][:g])

    cells = [(g, t) for g in panel.waves for t in range(g, periods) if own[g][t] and later[t][t]]
    found = [earlier(g, t)[-1 if base == "last" else 0 :] for g, t in cells]
    kept = [i for i in range(len(cells)) if found[i].size or not any(f.size for f in found)]
    before = {g: s for g in dict.fromkeys(cells[i][0] for i in kept) if (s := earlier(g, g)).size >= 2}
    rows = {g: panel.count[panel.start == g].sum(axis=0) for g in panel.waves}
    users = np.array([rows[cells[i][0]][cells[i][1]] for i in kept])
    far = [cells[i][1] - np.average(found[i], weights=rows[cells[i][0]][found[i]]) for i in kept if found[i].size]
    return Support(
        cells=np.array([cells[i] for i in kept], dtype=np.int64).reshape(-1, 2),
        base=tuple(found[i] for i in kept),
        before=before,
        users=users,
        reach=float(np.average(far, weights=users)) if far else 0.0,
        last=base == "last",
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Effects:
    """Estimates from all clusters, and without each: the first row of every array is of all, row 1 + k is without cluster k.

    Attributes:
        cells: (1 + K, M) effects by wave and period.
        overall: (1 + K, 1) their mean, weighted by treated rows.
        treated: (1 + K, 1) mean outcome of the same treated rows.
        waves: (1 + K, W) their means by wave, of the waves that have any, in order.
        since: (1 + K, E) effects by periods since the start.
        change: (1 + K, 1) the slope over these; NaN for one of them.
        gaps: (1 + K, F) differences before the start, from what they are there on average or were last.
        drift: (1 + K, 1) their slope; NaN where no wave has two periods before its start.
    """

    cells: Floats
    overall: Floats
    treated: Floats
    waves: Floats
    since: Floats
    change: Floats
    gaps: Floats
    drift: Floats


def effects(panel: Panel, on: Support) -> Effects:
    """All estimates, of all clusters and without each in turn: a mean without a cluster is its sum less that cluster's.

    Args:
        panel: the sums.
        on: what is compared.

    Returns:
        Every estimate 1 + K times. Work grows as K·T per effect, in matrix products.
    """
    own = {g: _Means.of(panel, panel.start == g) for g in panel.waves}
    lag, w = on.cells[:, 1] - on.cells[:, 0], on.users
    cells = np.empty((panel.start.size + 1, len(w)))
    treated = np.zeros(panel.start.size + 1)
    for t in np.unique(on.cells[:, 1]).tolist():
        later = _Means.of(panel, panel.start > t)
        for i in np.flatnonzero(on.cells[:, 1] == t).tolist():
            wave = own[int(on.cells[i, 0])]
            cells[:, i] = _cell(wave, later, t, on.base[i], panel.start.size)
            treated += w[i] / w.sum() * wave.at(t, panel.start.size)
    since = cells @ np.array([(lag == e) * w / w[lag == e].sum() for e in on.since]).T
    by_wave = [(on.cells[:, 0] == g) * w / w[on.cells[:, 0] == g].sum() for g in on.waves]
    gaps, drift = _before(panel, own, on)
    return Effects(
        cells=cells,
        overall=(cells @ (w / w.sum()))[:, None],
        treated=treated[:, None],
        waves=cells @ np.array(by_wave).T,
        since=since,
        change=(since @ line(on.since, np.array([w[lag == e].sum() for e in on.since])))[:, None],
        gaps=gaps,
        drift=drift,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Means:
    """Means by period of some clusters, of all m of them and without each; NaN where nobody is.

    Attributes:
        members: (m,) which clusters.
        count, total: (1 + m, T) rows and sums: of all of them, then without each.
        mean: (1 + m, T) their ratio.
    """

    members: Ints
    count: Floats
    total: Floats
    mean: Floats

    @classmethod
    def of(cls, panel: Panel, some: NDArray[np.bool_]) -> _Means:
        members = np.flatnonzero(some)
        count, total = (_and_without_each(values[members]) for values in (panel.count, panel.total))
        with np.errstate(invalid="ignore", divide="ignore"):
            return cls(members=members, count=count, total=total, mean=total / count)

    def at(self, t: int, clusters: int) -> Floats:
        """(1 + K,) the mean in a period, without each cluster of the study."""
        made = np.full(clusters + 1, self.mean[0, t])
        made[1 + self.members] = self.mean[1:, t]
        return made


def _and_without_each(values: Floats) -> Floats:
    whole = values.sum(axis=0)
    return np.concatenate([whole[None], whole - values])


def _cell(wave: _Means, later: _Means, t: int, s: Ints, clusters: int) -> Floats:
    """(1 + K,) ATT(g, t). Without a cluster of the wave the controls stay, and the other way round."""
    own, others = wave.mean[:, t], later.mean[:, t]
    base_own, base_others = np.zeros_like(own), np.zeros_like(others)
    at_whole = np.zeros_like(own)
    if s.size:
        size = wave.count[:, s]
        share = size / size.sum(axis=1, keepdims=True)
        base_own = wave.total[:, s].sum(axis=1) / size.sum(axis=1)
        base_others, at_whole = later.mean[:, s] @ share[0], share @ later.mean[0, s]
    made = np.full(clusters + 1, own[0] - others[0] - (base_own[0] - base_others[0]))
    made[1 + wave.members] = (own - others[0] - (base_own - at_whole))[1:]
    made[1 + later.members] = (own[0] - others - (base_own[0] - base_others))[1:]
    return made


def _before(panel: Panel, own: dict[int, _Means], on: Support) -> tuple[Floats, Floats]:
    """(1 + K, F) gaps before the start, and (1 + K, 1) their slope; waves weighted by the rows of all clusters."""
    rows, until = panel.start.size + 1, on.until
    gaps, drift = np.zeros((rows, until.size)), np.full((rows, 1), np.nan)
    weight = np.zeros(until.size)
    if not on.before:
        return gaps, drift
    every = sum(float(own[g].count[0, s].sum()) for g, s in on.before.items())
    drift = np.zeros((rows, 1))
    for g, s in on.before.items():
        wave, later = own[g], _Means.of(panel, panel.start > g)
        size, gap = np.tile(wave.count[0, s], (rows, 1)), np.tile(wave.mean[0, s] - later.mean[0, s], (rows, 1))
        size[1 + wave.members] = wave.count[1:, s]
        gap[1 + wave.members] = wave.mean[1:, s] - later.mean[0, s]
        gap[1 + later.members] = wave.mean[0, s] - later.mean[1:, s]
        n = size[0].sum()
        drift[:, 0] += n / every * (line(s, size) * gap).sum(axis=1)
        from_ = gap[:, -1] if on.last else (size * gap).sum(axis=1) / size.sum(axis=1)
        told: list[int] = (s[:-1] if on.last else s).tolist()
        for j, period in enumerate(told):
            at = int(np.searchsorted(until, period - g))
            gaps[:, at] += size[0, j] * (gap[:, j] - from_)
            weight[at] += size[0, j]
    return gaps / weight, drift


def line(x: Ints, w: Floats) -> Floats:
    """(…, n) what each value counts in the slope of a weighted line over ``x``; NaN for one point.

    Args:
        x: (n,) where the values are.
        w: (…, n) their weights.
    """
    if x.size < 2:
        return np.full(w.shape, np.nan)
    centred = x - (w @ x / w.sum(axis=-1))[..., None]
    return centred * w / (centred**2 * w).sum(axis=-1, keepdims=True)
