"""Balance, overlap and sensitivity against R's cobalt, WeightIt, sensemakr, EValue and rbounds, and DoubleML."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from honestlift.diagnostics import bounds, choice
from honestlift.diagnostics.covariates import balance, column_balance, weighted_smd
from honestlift.diagnostics.overlap import ArmOverlap, crump_cutoff, effective_sizes, overlap_checks, overlap_level
from honestlift.diagnostics.sensitivity import (
    Benchmark,
    adjust,
    benchmark,
    erasing_times,
    groups_of_columns,
    partial_linear,
    robustness_value,
    strongest,
)
from honestlift.estimators.doubly_robust import augmented
from honestlift.estimators.outcome import fit_outcome
from honestlift.estimators.propensity import fit_propensity
from honestlift.estimators.stack import solve
from honestlift.estimators.tilt import arm_weights
from honestlift.moments.patterns import Patterns, patterns_of_rows
from optin_data import CATTANEO, cattaneo, fixtures, llm


def published() -> Patterns:
    return replace(
        llm(),
        covariates=("engagement_tier", "engagement_tier", "query_confidence"),
        references={"engagement_tier": "engagement_tier = heavy"},
    )


BALANCED = [("cattaneo2", cattaneo(*CATTANEO), "ATT"), *(("llm", published(), e) for e in ("ATE", "ATT", "ATC", "ATO"))]


@pytest.mark.parametrize(("name", "patterns", "estimand"), BALANCED)
def test_balance_is_that_of_cobalt(name: str, patterns: Patterns, estimand) -> None:
    fixture = fixtures()[f"{name}.balance.{estimand}"]
    e = fit_propensity(patterns).e
    order = np.argsort(e)
    weights = patterns.count * arm_weights(e, estimand)
    rows = [column_balance("e", "e", e[order], patterns.count[order], weights[order], estimand)]
    rows += balance(patterns, e, estimand)
    pairs = {"diff_un": "smd", "diff_adj": "weighted_smd", "vr_un": "ratio", "vr_adj": "weighted_ratio"}
    for key, field in (pairs | {"ks_un": "ks", "ks_adj": "weighted_ks"}).items():
        told = [np.nan if v == "NA" else v for v in fixture["values"][key]]
        made = [getattr(row, field) for row in rows]
        assert made == pytest.approx(told, rel=fixture["rtol"], abs=1e-9, nan_ok=True)  # differences of zero by construction


def test_the_published_smds() -> None:
    """engagement_tier = heavy +.742 raw, +.002 weighted; query_confidence −.032 and −.003 (L2 penalty)."""
    from honestlift.estimators.propensity import fit_like_scikit_learn

    rows = {b.name: b for b in balance(published(), fit_like_scikit_learn(published()).e, "ATE")}
    heavy, confidence = rows["engagement_tier = heavy"], rows["query_confidence"]
    made = [heavy.smd, heavy.weighted_smd, confidence.smd, confidence.weighted_smd]
    assert [round(v, 3) for v in made] == [0.742, 0.002, -0.032, -0.003]
    check = weighted_smd(list(rows.values()), "ATE")
    assert check.level == "ok"
    assert "pooled standard deviation" in check.statement


@pytest.mark.parametrize("estimand", ["ATE", "ATT", "ATC", "ATO"])
@pytest.mark.parametrize(("name", "patterns"), [("cattaneo2", cattaneo(*CATTANEO)), ("llm", llm())])
def test_effective_sizes_and_largest_weights_are_those_of_weightit(name: str, patterns: Patterns, estimand) -> None:
    fixture = fixtures()[f"{name}.hajek.{estimand}"]
    control, treated = effective_sizes(patterns, fit_propensity(patterns).e, estimand)
    answer = fixture["values"]
    made = [treated.effective, control.effective, treated.largest, control.largest]
    told = [answer[k] for k in ("ess_treated", "ess_control", "max_w_t", "max_w_c")]
    assert made == pytest.approx(told, rel=fixture["rtol"])


def scored(e: list[float], control: list[float], treated: list[float]) -> tuple[Patterns, np.ndarray]:
    count = np.array([control, treated], dtype=float).T
    made = Patterns(names=("x",), x=np.array(e)[:, None], count=count, total=count * 0, square=count * 0)
    return made, np.array(e)


def test_the_gate_names_the_number_that_failed_and_what_is_supported() -> None:
    """185 opted in at e = .001 (2 of them) or .5: the ATE rests on two, the ATT does not mind."""
    patterns, e = scored([0.001, 0.5], [2_000, 200], [2, 183])
    checks = {
        c.code: c
        for c in overlap_checks({"ATE": effective_sizes(patterns, e, "ATE"), "ATT": effective_sizes(patterns, e, "ATT")})
    }
    stop = checks["overlap:ATE"]
    assert stop.level == "stop"
    effective = (2 * 1000 + 183 * 2) ** 2 / (2 * 1000**2 + 183 * 4)  # (Σw)²/Σw²
    assert stop.evidence["effective"] == pytest.approx(effective)
    assert stop.statement == "ATE: 3 effective opted-in users of 185. The ATT is supported."
    assert stop.concerns == ("ATE",)
    assert checks["overlap:ATT"].level == "caution"  # 204 effective controls of 2,200: under a fifth, over a twentieth
    assert checks["max_weight_share:ATE"].level == "stop"
    assert checks["max_weight_share:ATE"].evidence["share"] == pytest.approx(1000 / 2366)


@pytest.mark.parametrize(
    ("treated", "level"),
    [([100.0, 900.0], "ok"), ([30.0, 10.0], "stop"), ([60.0, 5.0], "ok")],
)
def test_fewer_than_fifty_of_an_arm_stop_every_estimand(treated, level: str) -> None:
    patterns, e = scored([0.4, 0.5], [1_000, 1_000], treated)
    assert overlap_checks({"ATT": effective_sizes(patterns, e, "ATT")})[0].level == level


def test_crumps_cutoff_minimizes_what_it_says() -> None:
    rng = np.random.default_rng(0)
    e = rng.beta(0.5, 2, 400).clip(1e-4, 1 - 1e-4)
    alpha = crump_cutoff(e, np.ones(400))
    g = np.sort(1 / (e * (1 - e)))
    k = 1 + int(np.argmin(np.cumsum(g) / np.arange(1, 401) ** 2))
    assert alpha == pytest.approx(0.5 - np.sqrt(0.25 - 1 / (2 * g[:k].mean())))
    grouped, count = np.unique(e.round(3).clip(0.001), return_counts=True)
    assert crump_cutoff(grouped, count.astype(float)) == pytest.approx(crump_cutoff(np.repeat(grouped, count), np.ones(400)))
    assert crump_cutoff(np.array([0.4, 0.5, 0.6]), np.ones(3)) == 0.0


def test_omitted_variable_bias_is_that_of_sensemakr() -> None:
    fixture = fixtures()["llm.ovb"]
    answer, tolerance = fixture["values"], fixture["rtol"]
    fit = partial_linear(published())
    stats, t = answer["stats"], fit.effect / fit.std_error
    made = [fit.effect, fit.std_error, t, fit.dof, robustness_value(t, fit.dof), robustness_value(t, fit.dof, level=0.95)]
    told = [stats[k] for k in ("estimate", "se", "t_statistic", "dof", "rv_q", "rv_qa")]
    assert made == pytest.approx(told, rel=tolerance)
    for bound, times in zip(answer["bounds"], (1, 2), strict=True):
        b = benchmark(fit, "light", [0], times, 0.95)
        made = [b.r2_treatment, b.r2_outcome, b.adjusted, b.std_error, b.low, b.high]
        keys = ("r2dz.x", "r2yz.dx", "adjusted_estimate", "adjusted_se", "adjusted_lower_CI", "adjusted_upper_CI")
        assert made == pytest.approx([bound[k] for k in keys], rel=tolerance)


def test_the_tier_as_a_whole_flips_the_sign_and_less_than_half_of_it_erases_the_effect() -> None:
    """Adjusted −.127 for a cause as strong as the tier (seeds: group, not the light dummy alone)."""
    fit = partial_linear(published())
    name, columns = strongest(fit, 0.95)
    assert (name, columns) == ("engagement_tier", [0, 1])
    assert groups_of_columns(fit) == {"engagement_tier": [0, 1], "query_confidence": [2]}
    assert benchmark(fit, name, columns, 1.0, 0.95).adjusted == pytest.approx(-0.127, abs=0.0005)
    times, interval = erasing_times(fit, columns), erasing_times(fit, columns, 0.95)
    assert interval < times < 0.5
    assert benchmark(fit, name, columns, times, 0.95).adjusted == pytest.approx(0.0, abs=1e-9)
    assert benchmark(fit, name, columns, interval, 0.95).low == pytest.approx(0.0, abs=1e-9)
    value = robustness_value(fit.effect / fit.std_error, fit.dof)
    assert adjust(fit, value, value)[0] == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("estimand", ["ATE", "ATT"])
def test_sensitivity_of_augmented_weighting_by_its_formula_on_rows(estimand) -> None:
    """Chernozhukov et al. (2022) computed row by row from their definitions; a constant score makes ν² known: 1/(p(1 − p))."""
    patterns = llm()
    e, models = fit_propensity(patterns).e, (fit_outcome(patterns, 0), fit_outcome(patterns, 1))
    effect = solve(augmented(patterns, fit_propensity(patterns), models, estimand), patterns).effect
    found = bounds.doubly_robust(patterns, e, models, effect, estimand)
    t, y = patterns.count[:, 1], patterns.total.sum(axis=1)
    residual = y - np.where(t == 1, models[1].mean, models[0].mean)
    p = t.mean()
    alpha = t / e - (1 - t) / (1 - e) if estimand == "ATE" else (t - (1 - t) * e / (1 - e)) / p
    m_alpha = 1 / e + 1 / (1 - e) if estimand == "ATE" else t * (1 + e / (1 - e)) / p**2
    scale = np.sqrt(np.mean(residual**2) * (2 * np.mean(m_alpha) - np.mean(alpha**2)))
    assert found.scale == pytest.approx(scale, rel=1e-10)
    assert found.bias(found.robustness, found.robustness) == pytest.approx(abs(effect), rel=1e-10)
    assert bounds.doubly_robust(patterns, e, models, effect, "ATO") is None


def test_e_values() -> None:
    fixture = fixtures()["evalue"]
    told, tolerance = fixture["values"], fixture["rtol"]

    def pair(ratio: float, low: float, high: float) -> list[float]:
        return [bounds.e_value(ratio), bounds.e_value_of_interval(ratio, low, high)]

    hazards, odds = bounds.ratio_of_hazards, bounds.ratio_of_odds
    made = {
        "RR 3.9 (1.8,8.7)": pair(3.9, 1.8, 8.7),
        "RR 0.80 (0.71,0.91)": pair(0.80, 0.71, 0.91),
        "HR 0.56 (0.46,0.69) rare": pair(0.56, 0.46, 0.69),
        "HR 0.56 common": pair(hazards(0.56), hazards(0.46), hazards(0.69)),
        "OR 0.86 (0.75,0.99) common": pair(odds(0.86), odds(0.75), odds(0.99)),
        "MD d=0.5 se 0.25": pair(*bounds.ratio_of_difference(0.5, 0.25)),
        "OLS est 0.3 se 0.05 sd 1.2": pair(*bounds.ratio_of_difference(0.3 / 1.2, 0.05 / 1.2)),
    }
    for key, values in made.items():
        assert values == pytest.approx(told[key], rel=tolerance), key
    assert bounds.e_value_of_interval(1.2, 0.9, 1.5) == 1.0


@pytest.mark.parametrize(
    ("key", "table"),
    [
        ("RD 2x2 397/78557/51/108778", (397, 78557, 51, 108778)),
        ("RD 2x2 8200/5251/13400/23149", (8200, 5251, 13400, 23149)),
    ],
)
def test_e_value_of_a_risk_difference(key: str, table) -> None:
    a, b, c, d = table
    p1, p0 = a / (a + b), c / (c + d)
    told = fixtures()["evalue"]["values"][key]
    assert f"{bounds.e_value(p1 / p0):.7g}" == f"{told[0]:.7g}"  # printed with seven digits
    variances = (p0 * (1 - p0) / (c + d), p1 * (1 - p1) / (a + b))
    factor = bounds.bias_factor_of_risk_difference((p0, p1), variances, 1.959963984540054)
    assert (
        f"{bounds.e_value(np.ceil(factor * 1e4) / 1e4):.7g}" == f"{told[1]:.7g}"
    )  # EValue searches the factor on a grid of 0.0001


def test_rosenbaum_bounds_are_those_of_rbounds() -> None:
    fixture = fixtures()["rosenbaum"]
    values = fixture["values"]
    for row in values["psens"]:  # printed with four decimals
        low, high = bounds.signed_rank_bounds(values["diff"], row["Gamma"])
        assert [round(low, 4), round(high, 4)] == pytest.approx([row["Lower bound"], row["Upper bound"]], abs=1e-9)
    for row in values["binarysens_2_25"]:
        # rbounds leaves out the observed count itself: its P(X > 25) is our P(X >= 26). Printed with five decimals.
        strict = bounds.mcnemar_bound(26, 1, row["Gamma"])
        assert round(strict, 5) == pytest.approx(row["Upper bound"], abs=1e-9)
        assert bounds.mcnemar_bound(25, 2, row["Gamma"]) > strict


def test_hodges_lehmann_bounds_by_the_signed_rank_statistic() -> None:
    """Rbounds steps by 0.1 from the estimate .90004 until the statistic passes its bound at Γ."""
    values = fixtures()["rosenbaum"]["values"]
    diff = np.array(values["diff"])
    most = diff.size * (diff.size + 1) / 2
    up = down = values["hlsens"][0]["Upper bound"]
    for row in values["hlsens"][1:]:
        share = row["Gamma"] / (1 + row["Gamma"])
        while bounds.signed_rank(diff - up)[0] > (1 - share) * most:
            up += 0.1
        while bounds.signed_rank(diff - down)[0] < share * most:
            down -= 0.1
        assert [down, up] == pytest.approx([row["Lower bound"], row["Upper bound"]], rel=fixtures()["rosenbaum"]["rtol"])


def test_the_critical_gamma_is_where_the_test_stops_rejecting() -> None:
    gamma = bounds.critical_gamma(25, 2)
    assert bounds.mcnemar_bound(25, 2, gamma - 1e-6) <= 0.05 < bounds.mcnemar_bound(25, 2, gamma + 1e-6)
    assert bounds.critical_gamma(5, 5) == 1.0


def test_no_cause_of_a_kind_that_tells_nothing_erases_an_effect() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2_000, 1))
    treated = np.arange(2_000) % 2 == 0
    x[:, 0] -= np.where(treated, x[treated].mean(), x[~treated].mean())  # exactly unrelated to the choice
    fit = partial_linear(patterns_of_rows(x, treated, treated + 0.1 * rng.normal(size=2_000)))
    assert erasing_times(fit, [0]) is None


def bench(*, low: float, high: float, r2: float) -> Benchmark:
    return Benchmark(name="tier", times=1.0, r2_treatment=r2, r2_outcome=0.1, adjusted=0.1, std_error=0.01, low=low, high=high)


@pytest.mark.parametrize(
    ("worst", "interval_times", "level", "said"),
    [
        (bench(low=0.05, high=0.2, r2=0.2), 3.0, "ok", "4.0 times as strong as tier"),
        (bench(low=-0.05, high=0.2, r2=0.2), 3.0, "caution", "would erase the effect"),
        (bench(low=0.05, high=0.2, r2=0.2), 0.8, "caution", "0.80 times as strong, and the interval contains zero"),
        (bench(low=0.05, high=0.2, r2=0.001), 3.0, "caution", "of who opts in: a feeble yardstick"),
        (bench(low=-0.05, high=0.2, r2=0.001), 0.0, "ok", "The interval contains zero as it is"),
    ],
)
def test_a_fragile_effect_and_a_feeble_yardstick(worst: Benchmark, interval_times: float, level: str, said: str) -> None:
    check = choice.fragile("m", worst, 4.0, interval_times, 0.1)
    assert (check.level, said in check.statement) == (level, True), check.statement
    assert bool(check.remedy) == (level == "caution")


@pytest.mark.parametrize(
    ("rows", "unreached", "level"), [(200, 0.05, "ok"), (2_000, 0.05, "caution"), (2_000, 0.008, "ok"), (200, 0.2, "stop")]
)
def test_a_few_users_beyond_a_small_arm_are_chance(rows: float, unreached: float, level: str) -> None:
    """12/200 is 6 %, 12/2,000 is 0.6 %: the larger of that and 1 % counts."""
    control, treated = (
        ArmOverlap(arm=a, rows=rows, effective=rows, largest=1.0, share=1 / rows, unreached=unreached if a else 0.0)
        for a in (0, 1)
    )
    assert overlap_level((control, treated), "ATE") == level
    (check, _) = overlap_checks({"ATE": (control, treated)})
    assert ("have a propensity that no opted-in user has" in check.statement) == (level != "ok")
