"""How the numbers of an opt-in study were made: plain words, and each method with its source."""

from __future__ import annotations

from honestlift.report import words
from honestlift.report.names import WHOM
from honestlift.result import Lift

PLAIN = (
    "Users chose the feature themselves, so those who have it differ from those who do not: the raw difference mixes what the feature "
    "does with who they are.",
    "From what was known of each user before the choice, the chance to opt in was modelled: the propensity. Users are then weighted "
    "so that both groups look alike in all that was measured, and compared. The quoted number also models the outcome: it is right if "
    "either of the two models is.",
    "This is the effect on {whom}. Its interval allows for chance and for the estimated propensity: were the study repeated many "
    "times, {level} of such intervals would contain the effect, provided that everything which drives both choice and outcome was "
    "measured. No data can show that; the section on what we did not measure says how wrong it would have to be.",
)

STACKED = "Standard errors from stacked estimating equations, so that the uncertainty of the propensity travels."

FORMAL = {
    "naive": ("ȳ₁ − ȳ₀, users as they are, with the variances of two samples. Shown for comparison.", ""),
    "regression": (
        "Linear outcome models m₀ and m₁ per group, their difference averaged over the population of the estimand. " + STACKED,
        "Imbens & Rubin (2015), Causal Inference for Statistics, Social, and Biomedical Sciences.",
    ),
    "ipw": (
        "Weighted means Σ w y / Σ w with w₁ = h/e and w₀ = h/(1 − e): h is 1 for the ATE, e for the ATT, 1 − e for the ATC, e(1 − e) for "
        "the ATO, min(e, 1 − e) for the ATM. " + STACKED,
        "Hirano, Imbens & Ridder (2003), Econometrica 71; Li, Morgan & Zaslavsky (2018), Journal of the American Statistical "
        "Association 113; Li & Greene (2013), International Journal of Biostatistics 9.",
    ),
    "aipw": (
        "The regression's contrast plus the weighted means of its residuals: right if the propensity or the outcome models are. "
        + STACKED,
        "Robins, Rotnitzky & Zhao (1994), Journal of the American Statistical Association 89.",
    ),
    "entropy": (
        "Weights nearest to uniform that reproduce the covariate means of the target exactly.",
        "Hainmueller (2012), Political Analysis 20.",
    ),
    "matching_nn": (
        "Each user of the target against the nearest users of the other group on the propensity, ties kept.",
        "Abadie & Imbens (2006), Econometrica 74; (2016), Econometrica 84.",
    ),
    ":cr1": (
        "Variance alternative where users are nested in workspaces: sums of the influence within workspaces, G − 1 degrees of freedom. "
        "The default there is the one-step jackknife over workspaces.",
        "Liang & Zeger (1986), Biometrika 73.",
    ),
    ":bootstrap": (
        "Interval alternative: percentiles over resampled groups of users, the propensity fitted anew. It is not valid for matching.",
        "Abadie & Imbens (2008), Econometrica 76.",
    ),
    ":cross_fitted": (
        "Flexible learners for both models, fitted on other users than those they are used for.",
        "Chernozhukov et al. (2018), Econometrics Journal 21.",
    ),
}

AROUND = (
    (
        "sensitivity",
        "sensitivity to what was not measured",
        "In the linear regression of the outcome on choice and covariates, a left-out cause with partial R² d with the choice and y with "
        "the outcome moves the effect by se·√(df·y·d/(1 − d)). The robustness value is the d = y that erases it; benchmarks are "
        "multiples of measured covariates.",
        "Cinelli & Hazlett (2020), Journal of the Royal Statistical Society B 82.",
    ),
    (
        "balance",
        "balance",
        "Differences of means over a standard deviation of the unweighted users: pooled, or that of the group the estimand speaks of.",
        "Austin (2009), Statistics in Medicine 28.",
    ),
    (
        "weights",
        "effective users",
        "(Σw)²/Σw², what weighted users are worth in unweighted ones. An estimand is refused below 50, or below 5 % of the group, or when "
        "its weights leave a covariate more than 0.25 standard deviations apart.",
        "Kish (1965), Survey Sampling.",
    ),
    (
        "trimming",
        "cutoff for trimming",
        "The range of propensities that gives the ATE its least variance. It is shown, and used only where the plan asks for it.",
        "Crump, Hotz, Imbens & Mitnik (2009), Biometrika 96.",
    ),
    (
        "rosenbaum",
        "bounds for pairs",
        "The greatest one-sided p-value of McNemar's test, were the odds of opting in within a pair up to Γ to one.",
        "Rosenbaum (2002), Observational Studies.",
    ),
)
E_VALUE = (
    "E-value",
    "The risk ratio that an unmeasured cause must have with both choice and outcome to explain the effect away: R + √(R(R − 1)).",
    "VanderWeele & Ding (2017), Annals of Internal Medicine 167.",
)


def plain(lift: Lift) -> list[str]:
    """The method in sentences for everyone."""
    e = lift.headline()
    whom = WHOM.get(e.estimand, e.estimand)
    return [sentence.format(level=words.level(e.level), whom=whom) for sentence in PLAIN]


def around(lift: Lift) -> list[dict[str, str]]:
    """What is computed around the estimates, where the result holds it."""
    made = [
        {"code": code, "name": name, "text": text, "source": source} for code, name, text, source in AROUND if code in lift.tables
    ]
    table = lift.tables.get("sensitivity")
    if table is not None and any(row[table.columns.index("e_value")] is not None for row in table.rows):
        name, text, source = E_VALUE
        made.insert(1, {"code": "e_value", "name": name, "text": text, "source": source})
    return made
