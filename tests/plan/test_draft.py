"""The first plan of a table: the roles guessed on known tables, clear placeholders, and names that need quotes."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from honestlift.design.cluster import Treatment
from honestlift.errors import PlanError
from honestlift.plan import ColumnSketch, Plan, draft, read_plan
from honestlift.plan.document import parse
from honestlift.plan.guess import guess_roles

ROWS = 50_000


def sketch(name: str, kind: str, distinct: int, *values: object, rows: int = ROWS) -> ColumnSketch:
    return ColumnSketch(name=name, kind=kind, distinct=distinct, rows=rows, values=values)


# The published collaboration data set: 50,000 users, 50 workspaces, 52 weeks of signing up, the rest in the order of its columns.
PUBLISHED = [
    sketch("user_id", "integer", 50_000),
    sketch("engagement_tier", "text", 3, "heavy", "light", "medium"),
    sketch("workspace_id", "integer", 50),
    sketch("signup_week", "integer", 52),
    sketch("query_confidence", "number", 7_000),
    sketch("opt_in_agent_mode", "integer", 2, 0, 1),
    sketch("task_completed", "integer", 2, 0, 1),
    sketch("thumbs_up", "integer", 2, 0, 1),
    sketch("session_minutes", "number", 1_400),
    sketch("retained_7d", "integer", 2, 0, 1),
    sketch("wave", "integer", 2, 1, 2),
    sketch("treatment_week", "integer", 2, 20, 30),
    sketch("treated_post", "integer", 2, 0, 1),
    sketch("routed_to_premium", "integer", 2, 0, 1),
    sketch("prompt_variant", "integer", 2, 0, 1),
    sketch("cost_usd", "number", 400),
    sketch("treated", "integer", 2, 0, 1),
    sketch("spillover_exposed", "integer", 2, 0, 1),
    sketch("session_minutes_obs", "number", 50_000),
]


@pytest.fixture
def read(tmp_path: Path):
    def plan(text: str) -> Plan:
        path = tmp_path / "plan.yaml"
        path.write_text(text, encoding="utf-8")
        return read_plan(path)

    return plan


@pytest.mark.parametrize("columns", [PUBLISHED, PUBLISHED[::-1]])
def test_the_published_table_gets_a_plan_that_can_be_read(read, columns: list[ColumnSketch]) -> None:
    study = read(draft(columns, "users.parquet")).study
    design = study.design
    assert (design.unit, design.cluster, design.treatment, design.uptake) == ("user_id", "workspace_id", "treated", None)
    assert (design.exposure.column, design.exposure.randomized) == ("spillover_exposed", False)
    assert [(m.column, m.better, m.role) for m in study.metrics] == [("session_minutes_obs", "higher", "primary")]
    assert (study.covariates, study.rows) == ((), "units")


def test_every_guess_bears_its_reason_and_the_rest_is_named() -> None:
    lines = draft(PUBLISHED, "users.parquet").splitlines()
    for key in (
        "unit: user_id",
        "  cluster: workspace_id",
        "  treatment: treated",
        "  exposure:",
        "  - column: session_minutes_obs",
    ):
        comment = lines[lines.index(key) - 1]
        assert comment.strip().startswith("#")
    assert "# A column that names a user: 50,000 different values on 50,000 rows. Check that it does." in lines
    assert "  # - {column: cost_usd, better: lower}  # also has the name of an outcome" in lines
    assert lines[-1].startswith(
        "# Without a role: engagement_tier, signup_week, query_confidence, opt_in_agent_mode, session_minutes,"
    )


def test_no_guess_leaves_empty_keys_that_the_reader_names_with_their_lines(read, tmp_path: Path) -> None:
    text = draft([sketch("x", "text", 3)], "users.csv")
    with pytest.raises(PlanError) as caught:
        read(text)
    messages = str(caught.value).replace(f"{tmp_path}/plan.yaml, line ", "").split("\n")
    rows = text.splitlines()
    assert [(rows[int(m.split(":")[0]) - 1].strip(), m.split(": ")[1].split(". ")[0]) for m in messages] == [
        ("unit:", "unit is empty"),
        ("cluster:", "design.cluster is empty"),
        ("treatment:", "design.treatment is empty"),
        ("- column:", "metrics[0].column is empty"),
    ]
    assert all("FILL IN" in rows[int(m.split(":")[0]) - 2] for m in messages)


@pytest.mark.parametrize(
    ("values", "arms"),
    [
        (("control", "treatment"), ("treatment", "control")),
        (("OFF", "On", "beta"), ("On", "OFF")),
        (("blue", "green"), None),
        (("treatment", "test", "control"), None),
        ((), None),
    ],
)
def test_arms_in_words_are_told_apart_or_left_to_fill_in(read, values, arms) -> None:
    columns = [
        sketch("member", "text", ROWS),
        sketch("teamId", "text", 90),
        sketch("arm", "text", 3, *values),
        sketch("revenue", "number", 9),
    ]
    text = draft(columns, "x.csv")
    if arms is None:
        with pytest.raises(PlanError, match=r"design\.treatment\.treated is empty(.|\n)*design\.treatment\.control is empty"):
            read(text)
    else:
        assert read(text).study.design.treatment == Treatment(column="arm", treated=arms[0], control=arms[1])


def test_arms_coded_one_and_two_are_not_taken_for_zero_and_one() -> None:
    columns = [sketch("treatment", "integer", 2, 1, 2)]
    assert "    treated:\n    control:\n" in draft(columns, "x.csv")


@pytest.mark.parametrize(
    ("columns", "role", "expected"),
    [
        # the most detailed identifier of a person is the unit, and a count of users is none
        (
            [sketch("user_count", "integer", 90), sketch("customer_id", "text", 40), sketch("userID", "text", 900)],
            "unit",
            "userID",
        ),
        ([sketch("row_id", "integer", ROWS), sketch("x", "number", ROWS)], "unit", "row_id"),
        ([sketch("user_id", "number", ROWS)], "unit", None),
        # a group has an identifier or a bare name, fewer values than users, and more than two
        ([sketch("user_id", "text", ROWS), sketch("account_id", "text", ROWS)], "cluster", None),
        ([sketch("user_id", "text", ROWS), sketch("team_size", "integer", 40), sketch("team", "text", 80)], "cluster", "team"),
        ([sketch("group", "text", 2, "control", "test")], "cluster", None),
        ([sketch("org_id", "text", 9), sketch("workspace_id", "text", 40)], "cluster", "workspace_id"),
        # a treatment has two values, or few and a usual name, and is not a date
        ([sketch("treatment_week", "integer", 2), sketch("is_treated", "boolean", 2)], "treatment", "is_treated"),
        ([sketch("variant", "text", 2), sketch("treated", "boolean", 2)], "treatment", "treated"),
        ([sketch("feature_treated", "integer", 2)], "treatment", "feature_treated"),
        ([sketch("treated", "number", 900)], "treatment", None),
        ([sketch("pre_treatment", "integer", 2)], "treatment", None),
        ([sketch("exposure_score", "number", 40)], "exposure", None),
        ([sketch("isExposed", "boolean", 2)], "exposure", "isExposed"),
        ([sketch("used_feature", "boolean", 2)], "uptake", "used_feature"),
        ([sketch("minutes_used", "number", 90)], "uptake", None),
    ],
)
def test_one_role(columns: list[ColumnSketch], role: str, expected: str | None) -> None:
    found = getattr(guess_roles(columns), role)
    assert (found and found.name) == expected


def test_outcomes_are_numbers_by_name_and_measures_from_before_are_covariates() -> None:
    columns = [
        sketch("sessions_before", "number", 90),
        sketch("baseline_tier", "text", 3),
        sketch("previous_plan", "text", 4_000),
        sketch("pre_date", "time", 30),
        sketch("message_id", "integer", 70),
        sketch("active", "boolean", 1),
        sketch("error_count", "integer", 8),
        sketch("revenue", "number", 90),
    ]
    roles = guess_roles(columns)
    assert [c.name for c in roles.metrics] == ["error_count", "revenue"]
    assert [c.name for c in roles.covariates] == ["sessions_before", "baseline_tier"]
    assert "    better: lower\n" in draft(columns, "x.csv")


@pytest.mark.parametrize(("distinct", "rows"), [(50_000, "units"), (48_000, "units"), (9_000, "events")])
def test_far_fewer_users_than_rows_are_events(read, distinct: int, rows: str) -> None:
    assert read(draft([sketch("user_id", "integer", distinct), *PUBLISHED[1:]], "x.csv")).study.rows == rows


AWKWARD = [
    "{}: x",
    "yes {}",
    "*{}",
    "{} #1",
    "- {}",
    "{}\nx",
    "'{}'",
    '"{}"',
    "[{}",
    "é {}",
    "{} ",
    "!{}",
    "%{}",
    "1 {}",
    "{}\u2028",
    "@{}",
]


@pytest.mark.parametrize("form", AWKWARD)
def test_names_that_need_quotes_come_out_right(read, form: str) -> None:
    unit, cluster, treatment, exposure = (form.format(w) for w in ("user id", "team id", "the treatment", "exposed"))
    outcome, other, before = (form.format(w) for w in ("revenue", "clicks", "before"))
    columns = [
        sketch(unit, "text", ROWS),
        sketch(cluster, "text", 99),
        sketch(treatment, "integer", 2),
        sketch(exposure, "integer", 2),
    ]
    columns += [
        sketch(outcome, "number", 9),
        sketch(other, "number", 9),
        sketch(before, "number", 9),
        sketch(form.format("zz"), "text", 9),
    ]
    study = read(draft(columns, form.format("x.csv"))).study
    assert (study.design.unit, study.design.cluster, study.design.treatment) == (unit, cluster, treatment)
    assert (study.design.exposure.column, study.metrics[0].column, study.covariates) == (exposure, outcome, (before,))


def test_bare_words_of_yaml_stay_text(read) -> None:
    columns = [*PUBLISHED[:16], sketch("arm", "text", 2, "on", "off")]
    assert read(draft(columns, "yes")).study.design.treatment == Treatment(column="arm", treated="on", control="off")
    assert read(draft(columns, "1e5")).data.path.endswith("/1e5")


names = st.sampled_from([c.name for c in PUBLISHED]) | st.text(st.characters(codec="utf-8"), max_size=9)
kinds = st.sampled_from(["number", "integer", "boolean", "text", "time"])
values = st.lists(
    st.sampled_from([0, 1, 2, True, "on", "off", "1"]) | st.text(st.characters(codec="utf-8"), max_size=4), max_size=3
)
sketches = st.builds(
    ColumnSketch, name=names, kind=kinds, distinct=st.integers(0, 99), rows=st.just(99), values=values.map(tuple)
)


@settings(max_examples=200, deadline=None)
@given(st.lists(sketches, max_size=12, unique_by=lambda c: c.name), st.text(st.characters(codec="utf-8"), min_size=1))
def test_any_table_gets_a_draft_in_yaml_that_gives_no_column_two_roles(columns: list[ColumnSketch], data: str) -> None:
    roles = guess_roles(columns)
    single = [roles.unit, roles.cluster, roles.treatment, roles.exposure, roles.uptake]
    used = [c.name for c in (*single, *roles.metrics, *roles.covariates, *roles.unused) if c]
    assert sorted(used) == sorted(c.name for c in columns)
    document = parse(draft(columns, data), "p")
    assert document.problems == ()
    assert document.values["data"] == data
    assert document.values["unit"] == (roles.unit and roles.unit.name)
