"""Re-draws of every rule: uniform over what is admissible, which is counted by brute force; and promises on balance kept."""

from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from honestlift.design.assignment import Assignment, Redraw, Rule, arm_counts, arm_sizes, assign, draw, fixed_counts, redraws
from honestlift.design.assignment.balance import whitened
from honestlift.design.assignment.pairs import matched_pairs
from honestlift.errors import AssignmentError, DesignError

NAMES = [f"w{i}" for i in range(8)]
SIZE = {name: (float(v),) for name, v in zip(NAMES, (3, 14, 15, 92, 65, 35, 89, 79), strict=True)}
THREE = {"control": 2.0, "short": 1.0, "long": 1.0}
RNG = np.random.default_rng


def record(kind: str, names: list[str] = NAMES, seed: int = 5, **options: object) -> Assignment:
    on = {"covariates": ("size",)} if kind in ("matched_pairs", "rerandomized") else {}
    known = {name: SIZE[name] if name in SIZE else (float(i * i % 17),) for i, name in enumerate(names)} if on else None
    strata = {name: "a" if i < 3 else "b" for i, name in enumerate(names)} if kind == "stratified" else None
    return assign(names, Rule(kind=kind, **on, **options), seed=seed, strata=strata, covariates=known)  # type: ignore[arg-type]


def keys(codes: NDArray[np.generic]) -> list[tuple[int, ...]]:
    return [tuple(int(c) for c in row) for row in codes]


def uniform(counts: Counter[tuple[int, ...]], possible: int) -> float:
    """p-value of a chi-square test that all admissible assignments are equally likely."""
    seen = list(counts.values())
    return float(stats.chisquare(seen + [0] * (possible - len(seen))).pvalue)


def brute(redraw: Redraw) -> set[tuple[int, ...]]:
    """Every assignment that fits the numbers of each stratum, by going through all."""
    found: set[tuple[int, ...]] = set()
    for codes in product(range(len(redraw.arms)), repeat=redraw.strata.size):
        row = np.array(codes)
        ok = all(
            counts[0] < 0 or (np.bincount(row[redraw.strata == s], minlength=len(counts)) == counts).all()
            for s, counts in enumerate(redraw.counts)
        )
        if ok and (redraw.balance is None or redraw.balance.accepts(row[None], len(redraw.arms))[0]):
            found.add(codes)
    return found


@pytest.mark.parametrize(
    ("made", "possible"),
    [
        (record("complete"), math.comb(8, 4)),
        (record("complete", share=0.25), math.comb(8, 2)),
        (record("stratified"), math.comb(3, 2) * math.comb(5, 2)),
        (record("bernoulli"), 2**8),
        (record("matched_pairs"), 2**4),
        (record("matched_pairs", NAMES[:7]), 2**4),  # three pairs, and a coin for the one without a partner
        (record("complete", arms=THREE), 8 * 7 * math.comb(6, 2) // 2 * 1),
        (record("saturation", saturations=(0, 0.5, 1), names=NAMES[:6]), 90),
    ],
    ids=lambda v: v.rule.kind if isinstance(v, Assignment) else str(v),
)
def test_redraws_are_uniform_over_all_that_the_rule_admits(made: Assignment, possible: int) -> None:
    again = redraws(made)
    admitted = brute(again)
    assert again.admissible == len(admitted)
    if made.rule.kind != "complete" or made.rule.arms is None:
        assert len(admitted) == possible
    drawn = Counter(keys(again(RNG(11), 150 * len(admitted))))
    assert set(drawn) == admitted
    assert uniform(drawn, len(admitted)) > 0.001  # one fixed seed; a uniform draw fails for one seed in a thousand
    blocks, enumerated = again.blocks(RNG(0), len(admitted), block=64)
    every = [row for block in blocks for row in keys(block)]
    assert enumerated
    assert len(every) == len(set(every))
    assert set(every) == admitted
    assert tuple(again.arms.index(arm) for arm in made.assigned.values()) in admitted


def test_rerandomized_draws_are_uniform_over_the_balanced_ones() -> None:
    names = [f"w{i}" for i in range(14)]
    made = record("rerandomized", names, acceptance=0.5)
    again = redraws(made)
    assert again.balance is not None
    admitted = brute(again)
    assert again.admissible == len(admitted)
    assert abs(len(admitted) / math.comb(14, 7) - 0.5) < 0.01  # the threshold is the quantile of all 3,432
    drawn = again(RNG(3), 40_000)
    assert again.balance.accepts(drawn, 2).all()
    counts = Counter(keys(drawn))
    assert set(counts) <= admitted
    assert uniform(counts, len(admitted)) > 0.001


def test_the_distance_is_that_of_the_paper() -> None:
    """K p(1 − p)(x̄₁ − x̄₀)'S⁻¹(x̄₁ − x̄₀), written out; with three arms the trace of the between-arm scatter in S."""
    rng = RNG(2)
    x, names = rng.normal(size=(20, 3)) @ rng.normal(size=(3, 3)) + 1e6, ("a", "b", "c")
    made = assign(
        [str(i) for i in range(20)],
        Rule(kind="rerandomized", share=0.3, covariates=names),
        seed=1,
        covariates={str(i): x[i].tolist() for i in range(20)},
    )
    again = redraws(made)
    assert again.balance is not None
    arms = again(rng, 5)
    s = np.linalg.inv(np.cov(x.T, ddof=1))
    for row, found in zip(arms, again.balance.distance(arms, 2), strict=True):
        gap = x[row].mean(axis=0) - x[~row].mean(axis=0)
        assert found == pytest.approx(20 * 0.3 * 0.7 * gap @ s @ gap, rel=1e-7)
        assert found <= made.rule.threshold * (1 + 1e-9)  # type: ignore[operator]


def test_a_rerandomized_rule_accepts_the_share_that_it_promises() -> None:
    made = record("rerandomized", [f"w{i}" for i in range(30)], acceptance=0.05)
    again = redraws(made)
    assert again.balance is not None
    plain = replace(again, balance=None, acceptance=1.0)
    accepted = again.balance.accepts(plain(RNG(9), 40_000), 2).mean()
    assert accepted == pytest.approx(0.05, abs=0.006)  # the quantile of 10,000 draws is off by .002 itself


@pytest.mark.parametrize("kind", ["complete", "stratified", "bernoulli", "matched_pairs"])
@pytest.mark.parametrize("share", [0.5, 0.3])
def test_every_record_survives_json_and_reproduces(kind: str, share: float) -> None:
    if kind == "matched_pairs" and share != 0.5:
        pytest.skip("a pair has one of both")
    made = record(kind, [f"w{i}" for i in range(20)], share=share)
    again = Assignment.from_json(made.to_json())
    assert again == made
    assert again.to_json() == made.to_json()
    assert again.reproduces()
    assert again == record(kind, [f"w{i}" for i in range(20)][::-1], share=share) or kind in ("stratified", "matched_pairs")


@pytest.mark.parametrize(
    "made",
    [
        record("rerandomized", [f"w{i}" for i in range(20)], late="control"),
        record("complete", arms=THREE, late="hash"),
        record("saturation", saturations=(0, 0.25, 1)),
        record("bernoulli", [f"w{i}" for i in range(30)], arms={"off": 1, "on": 2}),
    ],
    ids=lambda made: made.rule.kind,
)
def test_other_records_survive_json_too(made: Assignment) -> None:
    again = Assignment.from_json(json.dumps(json.loads(made.to_json()), sort_keys=True))
    assert (again.rule.kind, again.rule.shares, again.seed) == (made.rule.kind, made.rule.shares, made.seed)
    assert again.reproduces()
    assert again.roster_sha256 == made.roster_sha256
    assert (again.rule.late, again.rule.threshold) == (made.rule.late, made.rule.threshold)


def test_an_edited_threshold_or_covariate_is_noticed() -> None:
    made = record("rerandomized", [f"w{i}" for i in range(20)])
    looser = json.loads(made.to_json())
    looser["rule"]["threshold"] *= 2
    assert not Assignment.from_json(json.dumps(looser)).reproduces()
    moved = json.loads(made.to_json())
    moved["covariates"]["w3"] = [1e3]
    with pytest.raises(AssignmentError, match="edited"):
        Assignment.from_json(json.dumps(moved))
    for broken, said in (([], "one number"), ([float("nan")], "finite"), (["x"], "could not")):
        moved["covariates"]["w3"] = broken
        with pytest.raises(AssignmentError, match=said):
            Assignment.from_json(json.dumps(moved))


def test_pairs_and_late_clusters_when_some_are_told() -> None:
    made = record("matched_pairs", late="hash")
    partner = {a: b for a in NAMES for b in NAMES if a != b and made.strata and made.strata[a] == made.strata[b]}
    told = [NAMES[0], NAMES[3], partner[NAMES[3]], "new"]
    drawn = redraws(made, told)(RNG(1), 400)
    assert drawn.shape == (400, 4)
    assert (drawn[:, 1] != drawn[:, 2]).all()
    assert {tuple(row) for row in drawn[:, [0, 3]].tolist()} == set(product((False, True), repeat=2))
    always = redraws(replace(made, rule=replace(made.rule, late="control")), told)(RNG(1), 400)
    assert not always[:, 3].any()
    with pytest.raises(AssignmentError, match="not in the assignment record, for example 'new'"):
        redraws(replace(made, rule=replace(made.rule, late="refuse")), told)


def test_a_rerandomized_rule_tells_some_clusters_as_it_tells_all() -> None:
    made = record("rerandomized", [f"w{i}" for i in range(20)])
    some = ["w7", "w2", "w19"]
    columns = [sorted(made.assigned, key=lambda n: int(n[1:])).index(name) for name in some]
    everything, told = redraws(made), redraws(made, some)
    names = list(made.assigned)
    assert np.array_equal(told(RNG(4), 50), everything(RNG(4), 50)[:, [names.index(n) for n in some]]), columns


def test_two_of_three_arms_are_compared_with_the_third_held() -> None:
    made = record("complete", arms=THREE, seed=2)
    two = [name for name, arm in made.assigned.items() if arm != "long"]
    again = redraws(made, two, arms=("control", "short"))
    assert again.admissible == math.comb(6, 2)
    drawn = again(RNG(0), 30)
    assert drawn.dtype == np.bool_
    assert (drawn.sum(axis=1) == 2).all()
    with pytest.raises(AssignmentError, match="in the arm 'long'"):
        redraws(made, arms=("control", "short"))


def test_coins_can_be_held_at_their_numbers() -> None:
    made = record("bernoulli", share=0.3)
    again = redraws(made)
    assert not again.enumerable
    treated = np.array([arm == "treated" for arm in made.assigned.values()])
    held = again.given(treated)
    assert held.admissible == math.comb(8, int(treated.sum()))
    assert again(RNG(1), 40_000).mean() == pytest.approx(0.3, abs=0.005)


@given(
    st.lists(st.integers(1, 40), min_size=1, max_size=6),
    st.lists(st.integers(1, 9), min_size=2, max_size=5),
)
@settings(max_examples=200, deadline=None)
def test_arm_counts_add_up_and_stay_near_their_shares(sizes: list[int], weights: list[int]) -> None:
    shares = [w / sum(weights) for w in weights]
    counts = arm_counts(sizes, shares)
    assert counts.min() >= 0
    assert counts.sum(axis=1).tolist() == sizes
    assert np.abs(counts.sum(axis=0) - np.array(shares) * sum(sizes)).max() < 1.0
    if len(shares) == 2:
        assert counts[:, 1].tolist() == arm_sizes(sizes, shares[1]).tolist()


def test_late_arms_lie_as_they_should_and_do_not_change() -> None:
    made = record("complete", share=0.3, late="hash")
    arms = Counter(made.late_arm(f"late {i}") for i in range(4_000))
    assert arms["treated"] / 4_000 == pytest.approx(0.3, abs=0.03)
    # Written down when the rule was first defined: sha256("5\tlate 0") = 4a… lies at .29 of the way.
    import hashlib

    place = int.from_bytes(hashlib.sha256(b"5\tlate 0").digest()[:8], "big") / 2**64
    assert made.late_arm("late 0") == ("treated" if place < 0.3 else "control")
    assert record("complete").late_arm("late 0") is None


def test_pairs_are_the_best_there_are() -> None:
    """Against every way to pair eight clusters."""

    def ways(left: list[int]) -> list[list[tuple[int, int]]]:
        if not left:
            return [[]]
        return [[(left[0], j), *rest] for j in left[1:] for rest in ways([x for x in left[1:] if x != j])]

    close = 0
    for seed in range(30):
        z = RNG(seed).normal(size=(8, 2))
        pair = matched_pairs(z)
        assert sorted(np.bincount(pair).tolist()) == [2, 2, 2, 2]
        found = sum(float(np.linalg.norm(np.subtract(*z[pair == p]))) for p in range(4))
        best = min(sum(float(np.linalg.norm(z[i] - z[j])) for i, j in way) for way in ways(list(range(8))))
        assert found <= best * 1.25
        close += found <= best * (1 + 1e-9)
    assert close >= 25


def test_pairs_of_one_covariate_are_neighbours_and_many_clusters_are_paired_in_parts() -> None:
    z = RNG(1).permutation(np.arange(2_501.0))[:, None]
    pair = matched_pairs(z)
    sizes = np.bincount(pair)
    assert sorted(set(sizes.tolist())) == [1, 2]
    assert (sizes == 1).sum() == 1
    gaps = [abs(float(np.diff(z[pair == p, 0])[0])) for p in range(sizes.size) if sizes[p] == 2]
    assert np.mean(gaps) < 1.01
    assert pair[0] == 0


def test_covariates_that_say_nothing_are_refused() -> None:
    x = RNG(0).normal(size=(9, 2))
    with pytest.raises(AssignmentError, match="'b' is the same in all clusters"):
        whitened(np.column_stack([x[:, 0], np.full(9, 1e9)]), ("a", "b"))
    with pytest.raises(AssignmentError, match="'c' is a linear combination of 'a', 'b'"):
        whitened(np.column_stack([x, x.sum(axis=1)]), ("a", "b", "c"))
    with pytest.raises(AssignmentError, match="missing or infinite for 1 clusters"):
        whitened(np.where(np.arange(18).reshape(9, 2) == 3, np.nan, x), ("a", "b"))
    z = whitened(x * 1e-9 + 1e3, ("a", "b"))
    assert z.mean(axis=0) == pytest.approx([0, 0], abs=1e-12)
    assert np.cov(z.T, ddof=1) == pytest.approx(np.eye(2), abs=1e-9)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"kind": "coin"}, "rule is 'coin'"),
        ({"kind": "matched_pairs"}, "covariates"),
        ({"covariates": ("size",)}, "covariates"),
        ({"kind": "matched_pairs", "covariates": ("size",), "share": 0.3}, "one half"),
        ({"kind": "matched_pairs", "covariates": ("size",), "arms": THREE}, "one half"),
        ({"kind": "saturation"}, "saturations"),
        ({"kind": "saturation", "saturations": (0.5,)}, "two or more different"),
        ({"kind": "saturation", "saturations": (0, 2)}, "two or more different"),
        ({"saturations": (0, 1)}, "saturations"),
        ({"kind": "saturation", "saturations": (0, 1), "arms": {"0": 1, "2": 1}}, "a weight for each of 0, 1"),
        ({"arms": {"one": 1}}, "two or more named arms"),
        ({"arms": {"one": 1, "two": -1}}, "two or more named arms"),
        ({"acceptance": 0}, "acceptance"),
        ({"late": "whenever"}, "late"),
    ],
)
def test_rules_that_cannot_be(options: dict[str, object], said: str) -> None:
    with pytest.raises(DesignError, match=said):
        Rule(**options)  # type: ignore[arg-type]


def test_draws_that_cannot_be() -> None:
    with pytest.raises(AssignmentError, match=r"Accepting 0.05 of 70 draws leaves 3 assignments.*Use matched pairs"):
        record("rerandomized")
    with pytest.raises(AssignmentError, match=r"Accept 0.29 of the draws or more"):
        record("rerandomized", [f"w{i}" for i in range(14)])
    rule = Rule(kind="matched_pairs", covariates=("size",))
    with pytest.raises(AssignmentError, match="1 clusters have not one number"):
        assign([*NAMES, "w9"], rule, seed=0, covariates=SIZE)
    with pytest.raises(DesignError, match="covariates"):
        assign(NAMES, rule, seed=0)
    with pytest.raises(DesignError, match="covariates"):
        assign(NAMES, Rule(), seed=0, covariates=SIZE)
    with pytest.raises(AssignmentError, match="8 control, 0 short, 0 long"):
        assign(NAMES, Rule(arms={"control": 98, "short": 1, "long": 1}), seed=0)


def test_the_old_names_draw_what_they_drew() -> None:
    strata, treated = np.array([0, 1, 0, 1, 1]), np.array([1, 2])
    assert np.array_equal(draw(strata, treated, RNG(3), 20), fixed_counts(strata, treated)(RNG(3), 20))


def test_the_smallest_p_of_each_rule() -> None:
    assert redraws(record("matched_pairs")).smallest_p(9_999) == 2 / 2**4
    assert redraws(record("complete")).smallest_p(9_999) == 2 / 70
    assert redraws(record("complete", share=0.25)).smallest_p(9_999) == 1 / 28
    assert redraws(record("complete", [str(i) for i in range(60)])).smallest_p(9_999) == 1 / 10_000


def test_a_rerandomized_draw_takes_as_much_variance_away_as_the_paper_says() -> None:
    """Var(x̄₁ − x̄₀) falls by v_a = P(χ²_{q+2} ≤ a)/P(χ²_q ≤ a); with 60 clusters the χ² is close (Morgan & Rubin 2012, theorem 3.1)."""
    names = [str(i) for i in range(60)]
    known = {name: RNG(i).normal(size=2).tolist() for i, name in enumerate(names)}
    for acceptance in (0.2, 0.02):
        rule = Rule(kind="rerandomized", covariates=("a", "b"), acceptance=acceptance)
        again = redraws(assign(names, rule, seed=3, covariates=known))
        assert again.balance is not None
        x = np.array([known[name] for name in names])
        spread = []
        for rule_drawn in (again, replace(again, balance=None, acceptance=1.0)):
            arms = rule_drawn(RNG(7), 20_000).astype(np.float64)
            spread.append(((arms - (1 - arms)) @ x / 30).var(axis=0))
        limit = again.balance.threshold
        expected = stats.chi2.cdf(limit, 4) / stats.chi2.cdf(limit, 2)
        assert spread[0] / spread[1] == pytest.approx([expected] * 2, rel=0.05)  # 20,000 draws: 1 % each
