"""Studies whose query is compared with a scan, and how the two answers are compared."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

import honestlift as hl
from studies import DESIGN, frame, without_clock

HOSTILE = (
    'x"; drop table t; --',
    "back`tick",
    "it's",
    "a.b",
    "*",
    "back\\slash",
    "new\nline -- ",
    "select",
    "ünï 'c' \"o\" /* d */ $1 %s ?",
)
"""Names of columns that are SQL, or look like it."""


def rich(seed: int = 3) -> pd.DataFrame:
    """Strata, exposure, use, text with quotes, gaps, an offset, a ratio, and hostile names."""
    made, rng = frame(24, 20, seed=seed), np.random.default_rng(seed)
    n = len(made)
    made["tier"] = rng.choice(["it's", 'a "b"', "ünï"], n)
    made["plan"] = np.where(made["workspace"] % 4 < 2, "pro", "free")
    made["used"] = made["treated"] * rng.binomial(1, 0.7, n)
    made[HOSTILE[0]] = 1e9 + rng.normal(0, 1, n) + made["treated"]
    made.loc[rng.random(n) < 0.1, "minutes"] = np.nan
    made["usual"] = rng.normal(5, 1, n)
    made["cost"], made["tasks"] = rng.exponential(2, n), rng.poisson(3, n) + 1
    made["tail"] = np.exp(rng.normal(0, 3, n)) * 1e-3
    return made


def rich_study(**changed: Any) -> hl.Study:
    design = hl.ClusterDesign(**DESIGN, strata="plan", exposure=hl.Exposure(column="exposed"), uptake="used")
    metrics = (hl.Mean("minutes", pre="before"), hl.Ratio("cost", "tasks"), hl.Mean(HOSTILE[0]), hl.Mean("tail"))
    asked: dict[str, Any] = {"design": design, "metrics": metrics, "covariates": ("tier", "usual"), "bootstrap": 20, "seed": 4}
    return hl.Study(**{**asked, **changed})


def plain_study(**changed: Any) -> hl.Study:
    asked: dict[str, Any] = {"design": hl.ClusterDesign(**DESIGN), "metrics": (hl.Mean("minutes"),), "bootstrap": 0}
    return hl.Study(**{**asked, **changed})


def gaps(data: pd.DataFrame) -> pd.DataFrame:
    data = data.copy()
    data.loc[::17, "tier"] = None
    data.loc[::19, "usual"] = np.nan
    return data


def events(data: pd.DataFrame) -> pd.DataFrame:
    """Some users on several rows."""
    return pd.concat([data, data.sample(150, random_state=1)], ignore_index=True)


def armed(values: list[str]) -> pd.DataFrame:
    return frame(32, 12).assign(arm=lambda d: [values[w % 4] for w in d["workspace"]])


def arms(treated: Any, control: Any) -> hl.ClusterDesign:
    return hl.ClusterDesign(
        unit="user", cluster="workspace", treatment=hl.Treatment(column="arm", treated=treated, control=control)
    )


def hostile() -> tuple[pd.DataFrame, hl.Study]:
    """Every role has a hostile name."""
    unit, cluster, treatment, stratum, outcome, before, text, use, segment = HOSTILE
    made = frame(24, 20).rename(columns={"user": unit, "workspace": cluster, "treated": treatment, "minutes": outcome})
    made = made.rename(columns={"before": before}).drop(columns=["exposed"])
    made[stratum] = np.where(made[cluster] % 4 < 2, "'; drop table t; --", "\\")
    made[text] = np.where(np.arange(len(made)) % 3 == 0, 'x"', "y\\")
    made[use] = made[treatment] * (np.arange(len(made)) % 2)
    made[segment] = np.arange(len(made)) % 2
    design = hl.ClusterDesign(unit=unit, cluster=cluster, treatment=treatment, strata=stratum, uptake=use)
    asked: dict[str, Any] = {"covariates": (text,), "segments": (segment,), "bootstrap": 0}
    return made, hl.Study(design=design, metrics=(hl.Mean(outcome, pre=before),), **asked)


def cases() -> dict[str, tuple[pd.DataFrame, hl.Study]]:
    """Studies that differ in what the query has to do."""
    data, booleans = rich(), frame(24, 20).assign(treated=lambda d: d["treated"] == 1)
    one = armed(["off", "on", "off", "beta"])
    one.loc[one["arm"] == "on", "minutes"] += 3
    return {
        "plain": (frame(24, 20), plain_study()),
        "rich": (data, rich_study()),
        "hostile": hostile(),
        "segments": (data, rich_study(segments=("tier",), covariates=("usual",))),
        "missing: drop": (gaps(data), rich_study(missing="drop")),
        "missing: category": (gaps(data), rich_study(missing="category")),
        "an arm left out": (one, plain_study(design=arms("on", "off"))),
        "several arms": (armed(["off", "small", "large", "other"]), plain_study(design=arms(("small", "large"), "off"))),
        "arms by number": (
            armed(["0", "1", "0", "2"]).assign(arm=lambda d: d["arm"].astype(int)),
            plain_study(design=arms(1, 0)),
        ),
        "true and false": (booleans, plain_study()),
        "events": (events(data), rich_study(rows="events")),
        "events, true and false": (events(booleans), plain_study(rows="events")),
        "events, an arm left out, gaps": (
            events(gaps(one.assign(tier="a", usual=1.0 + one["user"] % 7))),
            plain_study(design=arms("on", "off"), rows="events", covariates=("usual",), missing="drop"),
        ),
    }


def told(lift: hl.Lift) -> dict[str, Any]:
    """A result without what a query elsewhere cannot give: the picture, the engine's name, and the check that says so."""
    values = without_clock(lift)
    values["checks"] = [c for c in values["checks"] if c["code"] != "stored_moments"]
    del values["tables"]["outcome_density"], values["data"]["engine"]
    return values
