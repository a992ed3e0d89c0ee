"""Make complier.json: two-stage least squares by linearmodels on rows of tests/estimators/test_compliers.py.

Run from tests/ with linearmodels installed: python oracles/complier.py
"""

from __future__ import annotations

import importlib.metadata
import json
import sys
from pathlib import Path

import pandas as pd
from linearmodels.iv import IV2SLS

sys.path.insert(0, str(Path(__file__).parents[1]))
from estimators.test_compliers import rows

SEED, CLUSTERS = 20261126, 14


def main() -> None:
    """Fit with and without the covariate, clustered, with and without Stata's small-sample factor."""
    cluster, arm, use, y, x = rows(SEED, clusters=CLUSTERS)
    frame = pd.DataFrame({"cluster": cluster, "arm": arm, "use": use, "y": y, "x": x, "one": 1.0})
    made: dict[str, object] = {
        "_about": "linearmodels IV2SLS, cov_type='clustered'; debiased: G/(G-1)·(n-1)/(n-k)",
        "versions": {name: importlib.metadata.version(name) for name in ("linearmodels", "numpy", "pandas")},
        "seed": SEED,
        "clusters": CLUSTERS,
    }
    for name, exogenous in (("plain", ["one"]), ("covariate", ["one", "x"])):
        model = IV2SLS(frame["y"], frame[exogenous], frame[["use"]], frame[["arm"]])
        plain = model.fit(cov_type="clustered", clusters=frame["cluster"], debiased=False)
        debiased = model.fit(cov_type="clustered", clusters=frame["cluster"], debiased=True)
        made[name] = {
            "coef": float(plain.params["use"]),
            "se_clustered": float(plain.std_errors["use"]),
            "se_clustered_debiased": float(debiased.std_errors["use"]),
            "first_stage": float(plain.first_stage.individual["use"].params["arm"]),
        }
    Path(__file__).with_suffix(".json").write_text(json.dumps(made, indent=1) + "\n")


if __name__ == "__main__":
    main()
