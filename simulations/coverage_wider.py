"""Coverage where the headline is stretched: covariates, strata, pairs, ratios, heavy tails, a rare binary outcome, few treated workspaces.

Run with `python -m simulations.coverage_wider`; it rewrites the second table of docs/explanation/coverage.md. Worlds are sums per
workspace: about 60 users each (log-normal sizes, CV .5), a baseline that varies between workspaces, an effect of 0.3 that varies too.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from honestlift.estimators import itt
from honestlift.estimators.adjusted import Covariate
from honestlift.estimators.fit import least_squares
from honestlift.estimators.ratio import ratio_outcome, workspace_ratios
from honestlift.inference.interval import t_interval
from honestlift.inference.sandwich import covariance, satterthwaite, whiten
from honestlift.moments.cells import Cells, Outcome
from honestlift.moments.cluster import ClusterMoments
from honestlift.moments.spec import Sum
from honestlift.moments.table import Moments
from simulations.coverage import LEVEL, PAGE, SEED

Floats = NDArray[np.float64]
WORLDS, EFFECT, USERS = 1_000, 0.3, 60
COLUMNS = ("per user, plain", "per user, adjusted", "per workspace, adjusted", "width, adjusted / plain")
START, END = "<!-- wider: begin -->", "<!-- wider: end -->"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class World:
    """One study: its outcome per user, per workspace, a covariate per workspace (or none), and the true effect."""

    outcome: Outcome
    workspaces: Outcome | None
    covariate: Floats | None
    truth: float


def _sizes(clusters: int, rng: np.random.Generator) -> Floats:
    return np.maximum(2, np.round(USERS * rng.lognormal(-0.112, 0.473, clusters)))


def _arms(clusters: int, treated: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    return rng.permutation(clusters) < treated


def _outcome(
    n: Floats, total: Floats, square: Floats, arm: NDArray[np.bool_], stratum: NDArray[np.int64] | None = None
) -> Outcome:
    return Outcome(
        cluster=np.arange(n.size),
        treated=arm,
        exposed=None,
        count=n,
        total=total,
        square=square,
        arm=arm,
        stratum=stratum,
        origin=0.0,
    )


def _normal(mean: Floats, n: Floats, arm: NDArray[np.bool_], rng: np.random.Generator, **more: NDArray[np.int64]) -> Outcome:
    """Sums of normal outcomes with a spread of 1 within workspaces."""
    total = n * mean + rng.normal(0, np.sqrt(n))
    return _outcome(n, total, total**2 / n + rng.chisquare(n - 1), arm, **more)


def covariate(clusters: int, treated: int) -> Callable[[np.random.Generator], World]:
    """A measure from before that explains four fifths of the variation between workspaces."""

    def draw(rng: np.random.Generator) -> World:
        n, arm, base = _sizes(clusters, rng), _arms(clusters, treated, rng), rng.normal(0, 0.5, clusters)
        before = base + rng.normal(0, 0.25, clusters)
        o = _normal(base + arm * rng.normal(EFFECT, 0.2, clusters), n, arm, rng)
        return World(outcome=o, workspaces=o, covariate=before, truth=EFFECT)

    return draw


def strata(clusters: int, shares: tuple[float, ...]) -> Callable[[np.random.Generator], World]:
    """Strata of one size whose baselines lie apart, with unequal shares of treated workspaces."""
    each = clusters // len(shares)

    def draw(rng: np.random.Generator) -> World:
        stratum = np.repeat(np.arange(len(shares)), each)
        arm = np.concatenate([_arms(each, round(each * share), rng) for share in shares])
        n = _sizes(clusters, rng)
        mean = stratum + rng.normal(0, 0.3, clusters) + arm * rng.normal(EFFECT, 0.2, clusters)
        o = _normal(mean, n, arm, rng, stratum=stratum)
        return World(outcome=o, workspaces=o, covariate=None, truth=EFFECT)

    return draw


def pairs(count: int) -> Callable[[np.random.Generator], World]:
    """Matched pairs: two workspaces of nearly one baseline, one of them treated."""

    def draw(rng: np.random.Generator) -> World:
        pair = np.repeat(np.arange(count), 2)
        arm = (rng.random(count) < 0.5)[pair] ^ (np.arange(2 * count) % 2 == 0)
        n = _sizes(2 * count, rng)
        mean = rng.normal(0, 0.5, count)[pair] + rng.normal(0, 0.2, pair.size) + arm * EFFECT
        o = _normal(mean, n, arm, rng, stratum=pair)
        return World(outcome=o, workspaces=o, covariate=None, truth=EFFECT)

    return draw


def by_user(clusters: int, treated: int, kind: str) -> Callable[[np.random.Generator], World]:
    """Outcomes drawn user by user: ``heavy`` log-normal ones, or ``binary`` ones that are 1 for one user in twenty."""

    def draw(rng: np.random.Generator) -> World:
        n, arm, base = _sizes(clusters, rng), _arms(clusters, treated, rng), rng.normal(0, 0.3, clusters)
        cluster = np.repeat(np.arange(clusters), n.astype(np.int64))
        if kind == "binary":
            total = rng.binomial(n.astype(np.int64), np.clip(0.05 * np.exp(base - 0.045), 0, 1)).astype(np.float64)
            o = _outcome(n, total, total, arm)
            return World(outcome=o, workspaces=o, covariate=base + rng.normal(0, 0.15, clusters), truth=0.0)
        y = rng.lognormal(base[cluster], 1.5)
        total, square = (np.bincount(cluster, v, clusters) for v in (y, y**2))
        o = _outcome(n, total, square, arm)
        return World(outcome=o, workspaces=o, covariate=base + rng.normal(0, 0.15, clusters), truth=0.0)

    return draw


def ratio(clusters: int, treated: int) -> Callable[[np.random.Generator], World]:
    """Cost per task: both vary between workspaces, and the price falls by a tenth in treated ones."""

    def draw(rng: np.random.Generator) -> World:
        n, arm = _sizes(clusters, rng), _arms(clusters, treated, rng)
        tasks, price = rng.gamma(8, 0.5, clusters), rng.normal(0.5, 0.1, clusters)
        before = price + rng.normal(0, 0.05, clusters)
        lower = rng.poisson(n * tasks).astype(np.float64)
        upper = lower * (price - 0.1 * arm) + rng.normal(0, np.sqrt(n))
        squares = {("a", "a"): upper**2 / n + n, ("b", "b"): lower**2 / n + lower, ("a", "b"): upper * lower / n}
        sums = {Sum((), ("a", "b")): n, Sum(("a",), ("a", "b")): upper, Sum(("b",), ("a", "b")): lower}
        sums |= {Sum(pair, ("a", "b")): v for pair, v in squares.items()}
        moments = Moments(keys={}, rows=n.astype(np.int64), sums=sums, origin={"a": 0.0, "b": 0.0})
        names = tuple(range(clusters))
        cells = Cells(moments=moments, names=names, cluster=np.arange(clusters), arm=arm, exposed=None, stratum=None)
        ratios = workspace_ratios(cells, "a", "b")
        return World(outcome=ratio_outcome(cells, "a", "b"), workspaces=ratios, covariate=before, truth=-0.1)

    return draw


ROWS: dict[str, Callable[[np.random.Generator], World]] = {
    "50 (25), covariate, interacted": covariate(50, 25),
    "20 (10), covariate, additive": covariate(20, 10),
    "20 (3), covariate": covariate(20, 3),
    "48 (24), three strata, shares 1/4, 1/2, 3/4": strata(48, (0.25, 0.5, 0.75)),
    "40 (20), matched pairs": pairs(20),
    "50 (25), ratio, covariate": ratio(50, 25),
    "20 (10), ratio, covariate": ratio(20, 10),
    "50 (25), heavy tails": by_user(50, 25, "heavy"),
    "50 (25), binary, 5 %": by_user(50, 25, "binary"),
    "20 (3), binary, 5 %": by_user(20, 3, "binary"),
}


def coverage(label: str, worlds: int = WORLDS, seed: int = SEED) -> tuple[float, ...]:
    """Share of the worlds in which each interval covers the truth, and the median ratio of widths, in the order of ``COLUMNS``."""
    rng = np.random.default_rng([seed, list(ROWS).index(label)])
    found = np.array([_one(ROWS[label](rng)) for _ in range(worlds)])
    return (*found[:, :3].mean(axis=0).tolist(), float(np.median(found[:, 3])))


def _one(world: World) -> list[float]:
    o, stratified = world.outcome, world.outcome.stratum is not None
    known = [] if world.covariate is None else [Covariate(name="before", values=world.covariate[:, None])]
    made = itt.choose_covariates(o, known, "interacted", strata=stratified)
    adjustment = made if made.form != "none" else None
    plain = _ends(itt.user_moments(o))
    users = _ends(itt.user_moments(o, strata=stratified, adjustment=adjustment))
    means = itt.cluster_mean_moments(world.workspaces or o, strata=stratified, adjustment=adjustment)
    hits = [float(low <= world.truth <= high) for low, high in (plain, users, _ends(means))]
    return [*hits, (users[1] - users[0]) / (plain[1] - plain[0])]


def _ends(moments: ClusterMoments) -> tuple[float, float]:
    white = whiten(least_squares(moments))
    pick = white.fit.contrast("itt")
    error = float(pick @ covariance(white, "CR2") @ pick) ** 0.5
    found = t_interval(float(pick @ white.fit.theta), error, satterthwaite(white, pick), LEVEL)
    return found.low, found.high


def section(worlds: int) -> str:
    """The second part of the page, between its marks."""
    error = (LEVEL * (1 - LEVEL) / worlds) ** 0.5
    lines = [
        START,
        "## With covariates, strata and difficult outcomes",
        "",
        f"Share of {worlds:,} worlds in which the headline's interval (CR2, Satterthwaite) covers the truth; Monte Carlo standard",
        f"error {error:.3f}. About {USERS} users a workspace, log-normal sizes with a CV of .5; covariates explain about four fifths of",
        "the variation between workspaces. *Adjusted* has the covariate or the strata, *plain* neither. Made by",
        "`python -m simulations.coverage_wider`.",
        "",
        "| workspaces (treated), situation | " + " | ".join(COLUMNS) + " |",
        "|---" * (len(COLUMNS) + 1) + "|",
    ]
    lines += [f"| {label} | " + " | ".join(f"{c:.3f}" for c in coverage(label, worlds)) + " |" for label in ROWS]
    lines += [
        "",
        "What to take from it: a good covariate halves the interval and leaves its coverage where it was, with few",
        "workspaces too. Strata with unequal shares of treated workspaces must be in the analysis;",
        "pairs that are left out of it make the interval too wide.",
    ]
    return "\n".join([*lines, "", END, ""])


def with_section(page: str, text: str) -> str:
    """A page with its second part replaced, or added."""
    first, _, rest = page.partition(START)
    return f"{first.rstrip()}\n\n{text}" + rest.partition(END)[2].lstrip("\n")


def main() -> None:
    """Rewrite the second part of the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worlds", type=int, default=WORLDS)
    text = section(parser.parse_args().worlds)
    PAGE.write_text(with_section(PAGE.read_text(encoding="utf-8"), text), encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
