"""The study: one primary metric, one role per column, one hash per question."""

from dataclasses import replace

import pytest

from honestlift import ClusterDesign, Exposure, Mean, Study, Treatment, assign
from honestlift.design.assignment import Rule
from honestlift.errors import DesignError

DESIGN = ClusterDesign(unit="user", cluster="workspace", treatment="treated")
STUDY = Study(design=DESIGN, metrics=(Mean("minutes"),))


def test_the_first_metric_is_primary_unless_another_says_so():
    first = replace(STUDY, metrics=(Mean("a"), Mean("b"), Mean("c", role="guardrail")))
    assert first.primary is first.metrics[0]
    assert [first.role(m) for m in first.metrics] == ["primary", "secondary", "guardrail"]
    second = replace(STUDY, metrics=(Mean("a"), Mean("b", role="primary")))
    assert second.primary.column == "b"
    assert [second.role(m) for m in second.metrics] == ["secondary", "primary"]


@pytest.mark.parametrize(
    ("option", "value"),
    [
        *(("level", value) for value in (0.49, 1.0, 1 - 1e-16, float("nan"), 95)),
        *(("bootstrap", value) for value in (-1, 1, 19)),
        *(("seed", -1), ("rows", "user"), ("headline", "gate")),
    ],
)
def test_values_out_of_range_are_refused_by_name(option: str, value: object):
    with pytest.raises(DesignError, match=f"^{option} is {value!r}. Expected"):
        replace(STUDY, **{option: value})


@pytest.mark.parametrize(
    ("option", "value"), [("level", 0.5), ("level", 0.999999), ("bootstrap", 0), ("bootstrap", 20), ("seed", 2**80)]
)
def test_values_at_the_edge_are_taken(option: str, value: object):
    assert getattr(replace(STUDY, **{option: value}), option) == value


def test_a_study_has_a_metric_and_no_two_of_a_name():
    with pytest.raises(DesignError, match="names no metric"):
        replace(STUDY, metrics=())
    with pytest.raises(DesignError, match="Two metrics are called 'Minutes'"):
        replace(STUDY, metrics=(Mean("a", name="Minutes"), Mean("b", name="Minutes")))
    assert replace(STUDY, metrics=(Mean("a"), Mean("a", name="again")))


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"metrics": (Mean("user"),)}, "both as unit and as metric"),
        ({"metrics": (Mean("treated"),)}, "both as treatment and as metric"),
        ({"covariates": ("workspace",)}, "both as cluster and as covariate"),
        ({"covariates": ("minutes",)}, "both as metric and as covariate"),
        ({"covariates": ("x", "x")}, "twice as covariate"),
        ({"negative_controls": ("minutes",)}, "both as metric and as negative control"),
        ({"negative_controls": ("treated",)}, "both as treatment and as negative control"),
        ({"negative_controls": ("x", "x")}, "twice as negative control"),
        ({"metrics": (Mean("minutes", pre="minutes"),)}, "both as metric and as pre"),
        ({"metrics": (Mean("minutes", pre="treated"),)}, "both as treatment and as pre"),
        ({"design": replace(DESIGN, strata=("treated",))}, "both as treatment and as strata"),
        ({"design": replace(DESIGN, strata=("s", "s"))}, "twice as strata"),
        ({"design": replace(DESIGN, strata=("s",)), "metrics": (Mean("s"),)}, "both as strata and as metric"),
        ({"design": replace(DESIGN, exposure=Exposure(column="treated"))}, "both as treatment and as exposure"),
        ({"design": replace(DESIGN, treatment=Treatment(column="user", treated=1, control=0))}, "both as unit and as treatment"),
        ({"design": replace(DESIGN, uptake="x"), "covariates": ("x",)}, "both as covariate and as uptake"),
        ({"design": replace(DESIGN, uptake="user")}, "both as unit and as uptake"),
    ],
)
def test_columns_in_two_roles_are_refused(changed: dict[str, object], named: str):
    with pytest.raises(DesignError, match=named):
        replace(STUDY, **changed)


@pytest.mark.parametrize(
    "changed",
    [
        {"metrics": (Mean("minutes", pre="x"),), "covariates": ("x",), "negative_controls": ("x",)},
        {"design": replace(DESIGN, strata=("s",)), "covariates": ("s",)},
        {"metrics": (Mean("a", pre="x"), Mean("b", pre="x"))},
        {"design": replace(DESIGN, uptake="treated")},
        {"design": replace(DESIGN, uptake="used"), "metrics": (Mean("used"),)},
    ],
)
def test_roles_that_go_together_are_taken(changed: dict[str, object]):
    assert replace(STUDY, **changed)


def test_the_hash_is_that_of_the_question():
    again = Study(design=ClusterDesign(unit="user", cluster="workspace", treatment="treated"), metrics=(Mean("minutes"),))
    assert again.sha256() == STUDY.sha256()
    others = [
        replace(STUDY, seed=1),
        replace(STUDY, level=0.9),
        replace(STUDY, name="Other"),
        replace(STUDY, covariates=("x",)),
        replace(STUDY, metrics=(Mean("minutes", better="lower"),)),
        replace(STUDY, design=replace(DESIGN, exposure=Exposure(column="e"))),
        replace(STUDY, design=replace(DESIGN, exposure=Exposure(column="e", randomized=True))),
        replace(STUDY, design=replace(DESIGN, assignment=assign(["a", "b", "c", "d"], Rule(), seed=1))),
        replace(STUDY, design=replace(DESIGN, assignment=assign(["a", "b", "c", "d"], Rule(), seed=2))),
    ]
    hashes = [study.sha256() for study in (STUDY, *others)]
    assert len(set(hashes)) == len(hashes)
    assert all(len(h) == 64 for h in hashes)


def test_the_canonical_form_is_plain():
    values = replace(STUDY, design=replace(DESIGN, assignment=assign(list("abcd"), Rule(), seed=1))).canonical()
    assert values["design"]["kind"] == "cluster"
    assert values["design"]["assignment"]["clusters"] == 4
