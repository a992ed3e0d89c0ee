"""How the numbers of a cluster study were made: plain words, and each method with its source."""

from __future__ import annotations

from honestlift.report import words
from honestlift.report.names import is_adjusted
from honestlift.result import Lift

PLAIN = (
    "Whole workspaces were given the feature or not, so that the workspace is what was randomized, not the user.",
    "The effect is the mean of users in treated workspaces minus the mean of users in control workspaces: what turning the "
    "feature on did to a user's workspace, whether or not that user used it (intention to treat).",
    "Its interval comes from how much workspaces differ among themselves. Were the study repeated many times with new "
    "workspaces, {level} of such intervals would contain the true effect.",
)

DIRECT = (
    "The direct effect compares treated users with unexposed controls, spillover compares exposed with unexposed controls. "
    "Both say what the feature does only if the design, and not the user, decides who is exposed."
)

TWO_STAGE = (
    "Workspaces were drawn to saturations, and in each that share of the users was given the feature, both by chance. Users with and "
    "without it in one workspace show what the own feature does among so many treated colleagues; users without it in workspaces of "
    "different saturations show what the colleagues' feature does; all users of a workspace show what a wider launch does. Every workspace "
    "counts once."
)

FORMAL = {
    "two_stage": (
        "With ȳ_g(z; a) the mean of users with own arm z in workspace g of saturation a: direct mean[ȳ_g(1; a) − ȳ_g(0; a)], its variance "
        "that of the differences over K_a with K_a − 1 degrees of freedom; the others are differences of means over the workspaces of two "
        "saturations: of ȳ_g(0), of ȳ_g(1) and ȳ_g(0), of ȳ_g, with s²_a/K_a + s²_b/K_b and Welch's degrees of freedom.",
        "Hudgens & Halloran (2008), Journal of the American Statistical Association 103; Baird, Bohren, McIntosh & Özler (2018), Review of "
        "Economics and Statistics 100.",
    ),
    "naive_ols": (
        "y_i = α + τ·T_i + ε_i over users, with the variance of independent errors and a t distribution with n − 2 degrees of "
        "freedom. Shown for comparison: it ignores that workspaces were randomized.",
        "",
    ),
    "cluster_wls": (
        "Difference of the workspace means weighted by their size, with the variance between workspaces and a t distribution "
        "with K − 2 degrees of freedom.",
        "Donner & Klar (2000), Design and Analysis of Cluster Randomization Trials in Health Research.",
    ),
    "user_ols": (
        "y_ig = α + τ·T_g + ε_ig over users; the CR2 covariance clustered by workspace, a t distribution with Satterthwaite's "
        "degrees of freedom.",
        "Bell & McCaffrey (2002), Survey Methodology 28; Pustejovsky & Tipton (2018), Journal of Business & Economic Statistics 36.",
    ),
    "cluster_means": (
        "ȳ_g = α + τ·T_g + ε_g over workspaces, each counted once; CR2 and Satterthwaite's degrees of freedom.",
        "Kahan et al. (2023), International Journal of Epidemiology 52.",
    ),
    "two_exposure_ols": (
        "y_ig = α + δ·T_g + σ·(1 − T_g)·E_ig + ε_ig over users, E the exposure; δ is direct, σ spillover. CR2 clustered by workspace.",
        "Hudgens & Halloran (2008), Journal of the American Statistical Association 103.",
    ),
    "exposure_strata_ols": (
        "y_ig on the four levels of exposure (own arm × exposed) and indicators of cells of users to whom the design gives the same "
        "probabilities of all four, or, where there are too many cells, of bins of them with the probabilities beside. CR2 by workspace.",
        "Aronow & Samii (2017), Annals of Applied Statistics 11; Borusyak & Hull (2023), Econometrica 91.",
    ),
    "exposure_hajek": (
        "Difference of the means at two levels, each user weighted by one over the probability of the level that was had, which is least "
        "squares with these weights. CR2 by workspace.",
        "Aronow & Samii (2017), Annals of Applied Statistics 11; Gao & Ding (2023), arXiv 2309.07476.",
    ),
    "difference_in_means": (
        "The effect per user taken for that of a launch: too small by what leaks to control workspaces, and by what treated users would "
        "gain from the workspaces that are still without.",
        "",
    ),
    "surrounded": (
        "Treated minus control among users all of whose partner workspaces have their own arm.",
        "Leung (2025), on cluster-randomized trials with cross-cluster interference.",
    ),
    "surrounded_hajek": (
        "The same, each user weighted by one over the probability of being surrounded by the own arm; who could not have been by both "
        "arms are left out.",
        "Leung (2025), on cluster-randomized trials with cross-cluster interference.",
    ),
    "linear_in_fraction": (
        "y_ig = α + δ·T_g + β₀·(1 − T_g)·f_ig + β₁·T_g·f_ig + indicators of the number of partner workspaces, f the treated share of the "
        "ties to other workspaces. With everyone on f is 1 for whoever has such ties: the effect is δ + β₁·(share of users who have). It "
        "rests on the line between. CR2 by workspace.",
        "Hudgens & Halloran (2008), Journal of the American Statistical Association 103.",
    ),
    ":design": (
        "Standard error of the design: the arms are re-drawn by the recorded rule, outcomes follow the fitted effects, and each re-draw is "
        "analysed; the spread of the estimates is the error, however the ties tie outcomes together.",
        "Athey, Eckles & Imbens (2018), Journal of the American Statistical Association 113.",
    ),
    "published_rollout": (
        "δ + (share of exposed controls)·σ, which has been published as the effect of a full roll-out. It adds the spillover that "
        "controls received to an effect that already is against unexposed controls, and is shown only for comparison.",
        "",
    ),
    ":unadjusted": (
        "Without covariates. With them, the means x̄_g of the workspaces stand beside T_g, centred at their mean over users (over "
        "workspaces for the effect per workspace) and, where both arms have workspaces enough, multiplied with it too.",
        "Lin (2013), Annals of Applied Statistics 7; Su & Ding (2021), Journal of the Royal Statistical Society B 83.",
    ),
    "covariates, by exposure": (
        "Beside the levels of exposure, and beside the line through the treated share of ties, stand x̄_g and x_ig − x̄_g, centred at the "
        "mean of the users compared: the exposure varies within workspaces too. They are added, not multiplied. Contrasts by inverse "
        "probability, and of surrounded users, are of the outcome without what these slopes say of it.",
        "Aronow & Samii (2017), Annals of Applied Statistics 11; Gao & Ding (2023), arXiv 2309.07476.",
    ),
    ":unwinsorized": (
        "The same effect on the metric without its cap. With it, a value beyond counts as the cap, min(y, c), and the question is the "
        "mean of that. A cap that is a quantile of the measure before treatment is the same for both arms, and no arm can move it.",
        "Dixon & Tukey (1968), Technometrics 10.",
    ),
    "iv_2sls": (
        "Two-stage least squares: use replaces the arm among the regressors, and the arm is its instrument. τ is the effect on users who "
        "use the feature because it is offered, if the offer works through their own use alone and moves nobody away from use.",
        "Angrist, Imbens & Rubin (1996), Journal of the American Statistical Association 91.",
    ),
    ":anderson_rubin": (
        "The effects r at which the arm does not move y − r·use, tested as the headline is: right however little the offer moves use.",
        "Anderson & Rubin (1949), Annals of Mathematical Statistics 20.",
    ),
    ":always_valid": (
        "An interval that holds at all looks together: a confidence sequence in the time of information "
        "1/SE², with the workspace as the unit.",
        "Waudby-Smith, Arbour, Sinha, Kennedy & Ramdas (2024), Annals of Statistics 52.",
    ),
    ":cr0": (
        "Variance alternative: the sandwich as it is, without any correction for few workspaces, and G − 1 degrees of freedom.",
        "Liang & Zeger (1986), Biometrika 73.",
    ),
    ":cr1": (
        "Variance alternative: the sandwich with Stata's correction, G/(G − 1)·(n − 1)/(n − k), and G − 1 degrees of freedom.",
        "Liang & Zeger (1986), Biometrika 73.",
    ),
    ":cr3": (
        "Variance alternative: each workspace's residuals are inflated by (I − H)⁻¹; G − 1 degrees of freedom.",
        "Bell & McCaffrey (2002), Survey Methodology 28.",
    ),
    ":cv3": (
        "Variance alternative: the same times (G − 1)/G, which is the jackknife that leaves out one workspace at a time.",
        "MacKinnon, Nielsen & Webb (2023), Journal of Applied Econometrics 38.",
    ),
    ":bootstrap": (
        "Interval alternative: percentiles of the estimate over workspaces drawn with replacement.",
        "Cameron, Gelbach & Miller (2008), Review of Economics and Statistics 90.",
    ),
    ":inversion": (
        "Interval alternative for a quantile: in each arm the values v at which no test of F(v) = q rejects, F with CR2 by workspace; the "
        "arms' limits are joined to those of the difference.",
        "Woodruff (1952), Journal of the American Statistical Association 47; Zou & Donner (2008), Statistics in Medicine 27.",
    ),
    ":wild": (
        "Beside the headline when workspaces are few: the restricted wild cluster bootstrap, whose draws change the signs of whole "
        "workspaces; its interval holds the effects that it does not reject.",
        "Roodman, MacKinnon, Nielsen & Webb (2019), Stata Journal 19; MacKinnon, Nielsen & Webb (2023), Journal of Applied "
        "Econometrics 38.",
    ),
    ":webb": (
        "The same with six-point weights, where so few workspaces have few sign vectors; shown beside these, never in their place.",
        "Webb (2023), Canadian Journal of Economics 56.",
    ),
    ":randomization": (
        "Beside the headline when workspaces are few: the t of the headline, with its strata, pairs and covariates, under arms re-drawn by "
        "the recorded rule; its interval holds the constant effects that it does not reject.",
        "Wu & Ding (2021), Journal of the American Statistical Association 116; Zhao & Ding (2021), Journal of Econometrics 225.",
    ),
}


ADJUSTED = (
    "Workspaces that differed before are compared as if they had been alike: the effect is adjusted for what was measured before the "
    "treatment. The number without it stands beside it."
)
LAUNCH = (
    "The headline is the effect of launching: everyone on against everyone off. The data hold users with more and fewer treated partners; "
    "a line through these is drawn to the ends, where all partners have the feature or none has."
)
GRAPH = (
    "Who works with whom was recorded, so that each user's chance of having treated partners follows from the draw of the workspaces. "
    "Users with the same chance are compared: who was reached among them was decided by the draw."
)
RATIO = (
    "A ratio is the sum of one column over the sum of another in each arm, and its effect the difference of the two ratios; both sums "
    "vary between workspaces, and the interval knows it."
)

QUANTILE = (
    "A quantile is the value that the stated share of an arm's users do not exceed, and its effect the difference of the two arms' values: "
    "where that part of the users lies, not what any user gained."
)
RULES = {
    "matched_pairs": "Workspaces that were alike formed pairs, and of each pair one got the feature: the two are compared with each other.",
    "rerandomized": "The split was drawn again until both arms were alike in what was known before, by a rule that was written down; the "
    "numbers are adjusted for it, and the test draws by the same rule.",
    "stratified": "Workspaces were randomized within strata, and are compared within them.",
}


def plain(lift: Lift) -> list[str]:
    """The method in sentences for everyone."""
    level = words.level(lift.estimates[0].level)
    if "saturations" in lift.tables:
        return [TWO_STAGE, PLAIN[-1].format(level=level)]
    text = [sentence.format(level=level) for sentence in PLAIN]
    headlines = [e for e in lift.estimates if e.headline]
    text += [LAUNCH] if any(e.estimand == "gate" for e in headlines) else []
    text += [ADJUSTED] if any(is_adjusted(e) for e in headlines) else []
    text += [RATIO] if any(e.scale == "difference of ratios" for e in headlines) else []
    text += [QUANTILE] if any(e.scale == "difference of quantiles" for e in headlines) else []
    rule = RULES.get(lift.population.get("assignment", {}).get("rule", ""))
    text += [rule] if rule else []
    if any(e.method == "exposure_strata_ols" for e in lift.estimates):
        return [*text, GRAPH]
    return text + ([DIRECT] if any(e.estimand == "spillover" for e in lift.estimates) else [])
