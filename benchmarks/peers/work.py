"""The peers' side, run by the Python of their own environment: each task as each peer's documentation does it.

`python -m benchmarks.peers.work TASK PEER WARM COUNTED`: the frames are read before anything is timed. Nothing of honestlift is here.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from typing import Any

from benchmarks.peers.side import Answer, serve

COVARIATES = ["x1", "x2", "x3"]
CONFOUNDERS = [*COVARIATES, "x4"]
FORMULA = "y ~ treated + x1 + x2 + x3"
DRAWS, SEED, FOLDS = 9_999, 7, 5
PART, REPLICATES = 10, 500
"""Replicates of a bootstrap that are timed, and those that are asked for: the time is taken so many times as much."""

DOWHY_REPLICATES = 4
"""Timed beside DoWhy's estimate itself: five fits of the five hundred and one that are asked for."""


def effect(estimate: Any, std_error: Any = None, name: str = "effect") -> dict[str, float]:
    """One estimate and its standard error, where there is one."""
    made = {name: float(estimate)}
    return made if std_error is None else made | {f"se {name}": float(std_error)}


def statsmodels_cluster(frame: Any) -> Answer:
    import statsmodels.formula.api as smf

    fit = smf.ols(FORMULA, frame).fit(cov_type="cluster", cov_kwds={"groups": frame["workspace_id"]})
    return effect(fit.params["treated"], fit.bse["treated"])


def statsmodels_arrays(frame: Any) -> Answer:
    """Without the formula, whose parsing and copying of the frame cost more than the fit."""
    import statsmodels.api as sm

    x = sm.add_constant(frame[["treated", *COVARIATES]].to_numpy())
    groups = frame["workspace_id"].to_numpy()
    fit = sm.OLS(frame["y"].to_numpy(), x).fit(cov_type="cluster", cov_kwds={"groups": groups})
    return effect(fit.params[1], fit.bse[1])


def pyfixest_cluster(kind: str, **factors: bool) -> Callable[[Any], Answer]:
    def call(frame: Any) -> Answer:
        import pyfixest as pf

        fit = pf.feols(FORMULA, frame, vcov={kind: "workspace_id"}, ssc=pf.ssc(**factors))
        return effect(fit.coef()["treated"], fit.se()["treated"])

    return call


def statspai_cluster(**kind: str) -> Callable[[Any], Answer]:
    def call(frame: Any) -> Answer:
        import statspai as sp

        fit = sp.regress(FORMULA, frame, cluster="workspace_id", **kind)
        return effect(fit.params["treated"], fit.std_errors["treated"])

    return call


def wildboottest_wild(frame: Any) -> Answer:
    import statsmodels.api as sm
    from wildboottest.wildboottest import wildboottest

    model = sm.OLS(frame["y"], sm.add_constant(frame[["treated", *COVARIATES]]))
    table = wildboottest(model, param="treated", B=DRAWS, cluster=frame["workspace_id"], seed=SEED, show=False)
    return {"p": float(table["p-value"].iloc[0])}


def pyfixest_wild(frame: Any) -> Answer:
    import pyfixest as pf

    fit = pf.feols(FORMULA, frame, vcov={"CRV1": "workspace_id"})
    return {"p": float(fit.wildboottest(reps=DRAWS, cluster="workspace_id", param="treated", seed=SEED)["Pr(>|t|)"])}


def statspai_wild(frame: Any) -> Answer:
    import statspai as sp

    found = sp.wild_cluster_bootstrap(
        frame, y="y", x=["treated", *COVARIATES], cluster="workspace_id", test_var="treated", n_boot=DRAWS, seed=SEED
    )
    return {"p": float(found["p_boot"])}


def pyfixest_randomization(frame: Any) -> Answer:
    import numpy as np
    import pyfixest as pf

    fit = pf.feols("y ~ treated", frame.astype({"treated": float}), vcov={"CRV1": "workspace_id"})  # it refuses whole numbers
    found = fit.ritest("treated", cluster="workspace_id", reps=DRAWS, rng=np.random.default_rng(SEED))
    return effect(fit.coef()["treated"]) | {"p": float(found["Pr(>|t|)"])}


def statspai_randomization(frame: Any) -> Answer:
    import statspai as sp

    found = sp.ri_test(frame, y="y", treat="treated", n_perms=DRAWS, cluster="workspace_id", seed=SEED)
    return effect(found["observed"]) | {"p": float(found["p_value"])}


def _statsmodels_treatment(frame: Any) -> Any:
    import statsmodels.api as sm
    from statsmodels.treatment.treatment_effects import TreatmentEffect

    x, chosen = sm.add_constant(frame[CONFOUNDERS].to_numpy()), frame["opt_in"].to_numpy()
    score = sm.Logit(chosen, x).fit(disp=False)
    return TreatmentEffect(sm.OLS(frame["y"].to_numpy(), x), chosen, results_select=score)


def statsmodels_weighting(frame: Any) -> Answer:
    asked = _statsmodels_treatment(frame)
    ate, att = asked.ipw(), asked.ipw(effect_group=1)
    return effect(ate.effect[0], ate.sd[0], "ATE") | effect(att.effect[0], att.sd[0], "ATT")


def statsmodels_doubly_robust(frame: Any) -> Answer:
    found = _statsmodels_treatment(frame).aipw()
    return effect(found.effect[0], found.sd[0], "ATE")


def statspai_weighting(frame: Any) -> Answer:
    import statspai as sp

    made: dict[str, float] = {}
    for estimand in ("ATE", "ATT"):
        found = sp.ipw(frame, y="y", treat="opt_in", covariates=CONFOUNDERS, estimand=estimand, se_method="sandwich")
        made |= effect(found.estimate, found.se, estimand)
    return made


def statspai_doubly_robust(frame: Any) -> Answer:
    import statspai as sp

    found = sp.aipw(frame, y="y", treat="opt_in", covariates=CONFOUNDERS, cross_fit=False, se_method="sandwich", trim=0.0)
    return effect(found.estimate, found.se, "ATE")


def scikit_learn_bootstrap(frame: Any) -> Answer:
    """The loop that people write: logit and weighted means, all again for every resample."""
    import numpy as np
    from sklearn.linear_model import LogisticRegression

    def estimates(rows: Any) -> tuple[float, float]:
        x, t, y = rows[CONFOUNDERS].to_numpy(), rows["opt_in"].to_numpy(), rows["y"].to_numpy()
        e = LogisticRegression(C=np.inf).fit(x, t).predict_proba(x)[:, 1]
        ate = np.average(y, weights=t / e) - np.average(y, weights=(1 - t) / (1 - e))
        return ate, y[t == 1].mean() - np.average(y[t == 0], weights=(e / (1 - e))[t == 0])

    drawn = [estimates(frame.sample(len(frame), replace=True, random_state=b)) for b in range(PART)]
    (ate, att), (ate_error, att_error) = np.mean(drawn, axis=0), np.std(drawn, axis=0, ddof=1)
    return effect(ate, ate_error, "ATE") | effect(att, att_error, "ATT")


def dowhy_bootstrap(frame: Any) -> Answer:
    found = _dowhy(frame, "backdoor.propensity_score_weighting", "ate", "ips_normalized_weight")
    error = found.get_standard_error(method="bootstrap", num_simulations=DOWHY_REPLICATES, sample_size_fraction=1.0)
    return effect(found.value, error, "ATE")


def _dowhy(frame: Any, method: str, units: str, scheme: str | None = None) -> Any:
    import logging

    import numpy as np
    from dowhy import CausalModel
    from sklearn.linear_model import LogisticRegression

    logging.getLogger("dowhy").setLevel(logging.ERROR)
    model = CausalModel(frame.copy(), treatment="opt_in", outcome="y", common_causes=CONFOUNDERS)
    wanted = {"propensity_score_model": LogisticRegression(C=np.inf)}
    wanted |= {} if scheme is None else {"weighting_scheme": scheme, "min_ps_score": 0.0, "max_ps_score": 1.0}
    asked = model.identify_effect(proceed_when_unidentifiable=True)
    return model.estimate_effect(asked, method_name=method, target_units=units, method_params={"init_params": wanted})


def doubleml_cross_fitted(frame: Any) -> Answer:
    import doubleml as dml
    import numpy as np
    from sklearn.linear_model import LinearRegression, LogisticRegression

    np.random.seed(SEED)  # noqa: NPY002  the folds are drawn from it
    data = dml.DoubleMLData(frame, "y", "opt_in", CONFOUNDERS)
    model = dml.DoubleMLIRM(data, LinearRegression(), LogisticRegression(C=np.inf), n_folds=FOLDS)
    model.fit()
    return effect(model.coef[0], model.se[0], "ATE")


def statspai_cross_fitted(frame: Any) -> Answer:
    import numpy as np
    import statspai as sp
    from sklearn.linear_model import LinearRegression, LogisticRegression

    learners = {"ml_g": LinearRegression(), "ml_m": LogisticRegression(C=np.inf)}
    found = sp.dml(frame, y="y", treat="opt_in", covariates=CONFOUNDERS, model="irm", n_folds=FOLDS, **learners)
    return effect(found.estimate, found.se, "ATE")


def statspai_matching(se: str) -> Callable[[Any], Answer]:
    def call(frame: Any) -> Answer:
        import statspai as sp

        ties = {"ties": "all", "tie_tolerance": 1e-24}  # of squared distances: what rounding makes of equal scores
        found = sp.match(frame, y="y", treat="opt_in", covariates=CONFOUNDERS, distance="propensity", se_method=se, **ties)
        return effect(found.estimate, found.se, "ATT")

    return call


def dowhy_matching(frame: Any) -> Answer:
    return effect(_dowhy(frame, "backdoor.propensity_score_matching", "att").value, name="ATT")


def statspai_balancing(frame: Any) -> Answer:
    import statspai as sp

    found = sp.match(frame, y="y", treat="opt_in", covariates=CONFOUNDERS, method="ebalance")
    return effect(found.estimate, found.se, "ATT")


PEERS: dict[str, dict[str, Callable[[Any], Answer]]] = {
    "CR1": {
        "statsmodels": statsmodels_cluster,
        "statsmodels on arrays": statsmodels_arrays,
        "pyfixest": pyfixest_cluster("CRV1"),
        "StatsPAI": statspai_cluster(),
    },
    "CR2": {"StatsPAI": statspai_cluster(vce="cr2")},
    "CR3": {"pyfixest": pyfixest_cluster("CRV3", k_adj=False, G_adj=False), "StatsPAI": statspai_cluster(vce="cr3")},
    "wild bootstrap": {"wildboottest": wildboottest_wild, "pyfixest": pyfixest_wild, "StatsPAI": statspai_wild},
    "randomization test": {"pyfixest": pyfixest_randomization, "StatsPAI": statspai_randomization},
    "weighting": {"statsmodels": statsmodels_weighting, "StatsPAI": statspai_weighting},
    "doubly robust": {"statsmodels": statsmodels_doubly_robust, "StatsPAI": statspai_doubly_robust},
    "bootstrap": {"scikit-learn": scikit_learn_bootstrap, "DoWhy": dowhy_bootstrap},
    "cross-fitted": {"DoubleML": doubleml_cross_fitted, "StatsPAI": statspai_cross_fitted},
    "matching, known score": {"StatsPAI": statspai_matching("abadie_imbens_pop"), "DoWhy": dowhy_matching},
    "matching": {"StatsPAI": statspai_matching("abadie_imbens_2016")},
    "balancing": {"StatsPAI": statspai_balancing},
}
"""Every task, and the peers that do it."""

PACKAGES = {
    "statsmodels": "statsmodels",
    "statsmodels on arrays": "statsmodels",
    "pyfixest": "pyfixest",
    "StatsPAI": "StatsPAI",
    "wildboottest": "wildboottest",
    "scikit-learn": "scikit-learn",
    "DoWhy": "dowhy",
    "DoubleML": "DoubleML",
}
"""The package of each peer."""


def main(task: str, peer: str, warm: str, counted: str) -> None:
    """Serve one task of one peer."""
    import pandas as pd

    warnings.simplefilter("ignore")
    frames = [pd.read_parquet(path) for path in (warm, counted)]
    serve(PEERS[task][peer], *frames, (PACKAGES[peer], "numpy", "pandas"))


if __name__ == "__main__":
    main(*sys.argv[1:])
