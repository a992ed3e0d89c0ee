"""Every kind of mistake in a plan, told with its line, its key, what was expected and what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

ADD = "Expected it here. Add it; `honestlift schema` lists all keys."
SCHEMA = "Change it; `honestlift schema` lists what each key takes."


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        # unknown, misplaced, missing, empty and repeated keys
        ("unit: user_id", "unti: user_id", "plan.yaml, line 2: there is no key 'unti'. Did you mean 'unit'?"),
        ("  cluster:", "  Cluster:", "plan.yaml, line 5, in design: there is no key 'Cluster'. Did you mean 'cluster'?"),
        (
            "- session_minutes",
            "- {column: y, collumn: z}",
            "plan.yaml, line 8, in metrics[0]: there is no key 'collumn'. Did you mean 'column'?",
        ),
        (
            "data: users.parquet",
            "data: {database: a, table: b, quux: c}",
            "plan.yaml, line 1, in data: there is no key 'quux'. It has: database, table.",
        ),
        (
            "  kind:",
            "  seed: 3\n  kind:",
            "plan.yaml, line 4, in design: the key 'seed' does not stand here. Expected it at the left margin. Move it there.",
        ),
        (
            "metrics:",
            "uptake: a\nmetrics:",
            "plan.yaml, line 7: the key 'uptake' does not stand here. Expected it under 'design'. Move it there.",
        ),
        (
            "unit: user_id\n",
            "",
            f"plan.yaml, line 1: the key 'unit' is missing. {ADD}",
        ),
        (
            "  cluster: workspace_id\n",
            "",
            f"plan.yaml, line 3: the key 'design.cluster' is missing. {ADD}",
        ),
        (
            "cluster: workspace_id",
            "cluster:",
            f"plan.yaml, line 5: design.cluster is empty. Expected the column that names the randomized cluster. {SCHEMA}",
        ),
        (
            "unit: user_id",
            "unit: user_id\nunit: id",
            "plan.yaml, line 3: the key 'unit' already stands on line 2. Expected it once. Remove one of them.",
        ),
        # values of the wrong type, out of range, or not among the known words
        ("unit: user_id", "unit: 3", f"plan.yaml, line 2: unit is 3. Expected text; put it in quotes if it is a name. {SCHEMA}"),
        ("unit: user_id", "unit: ''", f"plan.yaml, line 2: unit is ''. Expected text that is not empty. {SCHEMA}"),
        ("unit: user_id", "unit: [a, b]", f"plan.yaml, line 2: unit is a list. Expected text. {SCHEMA}"),
        ("data: users.parquet", "data: 5", f"plan.yaml, line 1: data is 5. Expected text or a mapping. {SCHEMA}"),
        (
            "kind: cluster",
            "kind: switchback",
            f"plan.yaml, line 4: design.kind is 'switchback'. Expected 'cluster', 'opt_in' or 'waves'. {SCHEMA}",
        ),
        ("- session_minutes", "- 3", f"plan.yaml, line 8: metrics[0] is 3. Expected text or a mapping. {SCHEMA}"),
        ("- session_minutes", "-", f"plan.yaml, line 8: metrics[0] is empty. Expected text or a mapping. {SCHEMA}"),
        ("\n  - session_minutes", " y", f"plan.yaml, line 7: metrics is 'y'. Expected a list, for example [a, b]. {SCHEMA}"),
        ("\n  - session_minutes", " []", f"plan.yaml, line 7: metrics is an empty list. Expected at least one. {SCHEMA}"),
        (
            "- session_minutes",
            "- {column: y,\n     better: up}",
            f"plan.yaml, line 9: metrics[0].better is 'up'. Expected 'higher' or 'lower'. {SCHEMA}",
        ),
        (
            "- session_minutes",
            "- {column: y, margin: 1}",
            f"plan.yaml, line 8: metrics[0].margin is 1. Expected less than 1. {SCHEMA}",
        ),
        (
            "- session_minutes",
            "- {column: y, margin: -.1}",
            f"plan.yaml, line 8: metrics[0].margin is -0.1. Expected 0 or more. {SCHEMA}",
        ),
        (
            "treatment: treated",
            "treatment: {column: arm, treated: {a: 1}, control: b}",
            f"plan.yaml, line 6: design.treatment.treated is a mapping. Expected text, a number, true or false. {SCHEMA}",
        ),
        (
            "treatment: treated",
            "treatment:\n    column: arm\n    treated: a\n    control: a",
            f"plan.yaml, line 9: design.treatment.control is 'a'. Expected another value than that of the treated arm. {SCHEMA}",
        ),
        (
            "treatment: treated",
            "treatment: treated\n  exposure: exposed",
            f"plan.yaml, line 7: design.exposure is 'exposed'. Expected a mapping of keys to values. {SCHEMA}",
        ),
        (
            "treatment: treated",
            "treatment: treated\n  exposure: {column: e, randomized: yes}",
            f"plan.yaml, line 7: design.exposure.randomized is 'yes'. Expected true or false, without quotes. {SCHEMA}",
        ),
        (
            "metrics:",
            "level: '0.95'\nmetrics:",
            f"plan.yaml, line 7: level is '0.95'. Expected a number, without quotes. {SCHEMA}",
        ),
        ("metrics:", "level: 95\nmetrics:", f"plan.yaml, line 7: level is 95. Expected less than 1. {SCHEMA}"),
        ("metrics:", "level: 0.05\nmetrics:", f"plan.yaml, line 7: level is 0.05. Expected 0.5 or more. {SCHEMA}"),
        ("metrics:", "level: .nan\nmetrics:", f"plan.yaml, line 7: level is nan. Expected a finite number. {SCHEMA}"),
        ("metrics:", "level: true\nmetrics:", f"plan.yaml, line 7: level is True. Expected a number. {SCHEMA}"),
        ("metrics:", "seed: true\nmetrics:", f"plan.yaml, line 7: seed is True. Expected a whole number. {SCHEMA}"),
        ("metrics:", "seed: 7.0\nmetrics:", f"plan.yaml, line 7: seed is 7.0. Expected a whole number. {SCHEMA}"),
        ("metrics:", "seed: -1\nmetrics:", f"plan.yaml, line 7: seed is -1. Expected 0 or more. {SCHEMA}"),
        (
            "metrics:",
            "bootstrap: 5\nmetrics:",
            f"plan.yaml, line 7: bootstrap is 5. Expected 0 (none) or at least 20 replicates. {SCHEMA}",
        ),
        ("metrics:", "rows: days\nmetrics:", f"plan.yaml, line 7: rows is 'days'. Expected 'units' or 'events'. {SCHEMA}"),
        # what only the study as a whole can see
        (
            "metrics:",
            "covariates:\n  - age\n  - user_id\nmetrics:",
            "plan.yaml, line 9: Column 'user_id' is named both as unit and as covariate. Expected one role per column. "
            "Remove one.",
        ),
        (
            "- session_minutes",
            "- a\n  - {column: b, name: a}",
            "plan.yaml, line 9: Two metrics are called 'a'. Expected different names. Give one of them a name of its own.",
        ),
    ],
)
def test_a_mistake_is_told_with_its_line_its_key_and_what_was_expected(minimal, refuse, old: str, new: str, message: str) -> None:
    assert minimal.count(old) == 1
    assert refuse(minimal.replace(old, new)) == [message]


@pytest.mark.parametrize(
    ("exposure", "told"),
    [
        ("{edges: {data: e.parquet}}", "the key 'design.exposure.edges.source' is missing"),
        ("{edges: {data: e, source: a, target: b, wieght: n}}", "there is no key 'wieght'. Did you mean 'weight'?"),
        ("{column: e, rule: {count: 2}}", "a rule and a launch only with edges or artifacts"),
        ("{column: e, edges: {data: e, source: a, target: b}}", "one of column, edges and artifacts"),
        ("{rule: any}", "one of column, edges and artifacts"),
        ("{edges: {data: e, source: a, target: a}}", "named both as source and as target"),
        ("{edges: {data: e, source: a, target: b}, rule: all}", "'any' or 'fraction'"),
        ("{edges: {data: e, source: a, target: b}, rule: {fraction: 2}}", "fraction is 2"),
        ("{edges: {data: e, source: a, target: b}, rule: {count: 0}}", "count is 0"),
        ("{edges: {data: e, source: a, target: b}, launch: soon}", "a day such as '2026-03-01'"),
        ("{edges: {data: e, source: a, target: b}, randomized: true}", "only with a column"),
    ],
)
def test_an_exposure_that_cannot_be(minimal, refuse, exposure: str, told: str) -> None:
    messages = refuse(minimal.replace("  kind:", f"  exposure: {exposure}\n  kind:"))
    assert any(told in message for message in messages), messages


def test_the_keys_of_a_ratio_are_its_own(minimal, refuse) -> None:
    def told(metric: str) -> list[str]:
        return [m.removeprefix("plan.yaml, line 8") for m in refuse(minimal.replace("- session_minutes", f"- {metric}"))]

    (short,) = told("{kind: ratio, numerator: a}")
    assert short.startswith(": the key 'metrics[0].denominator' is missing.")
    (mean,) = told("{column: a, denominator: b}")
    assert "'denominator'" in mean
    assert "kind: ratio" in mean
    (extra,) = told("{kind: ratio, numerator: a, denominator: b, column: c}")
    assert extra.startswith(", in metrics[0]: there is no key 'column'.")
    assert "numerator" in extra
    (empty,) = told("{kind: ratio, numerator: a, denominator: }")
    assert "metrics[0].denominator is empty. Expected the column that is summed below it" in empty
    (same,) = told("{kind: ratio, numerator: a, denominator: a}")
    assert "another column than the numerator" in same


def test_all_problems_come_at_once_in_the_order_of_the_file(refuse) -> None:
    text = """\
data: users.parquet
untt: user_id
design:
  kind: cluster
  cluster: workspace_id
  cluster: team_id
  treatment: [treated]
metrics:
  - {column: y, better: up, role: 3}
headline: gat
level: high
"""
    assert [m.split(". ")[0] for m in refuse(text)] == [
        "plan.yaml, line 2: there is no key 'untt'",
        "plan.yaml, line 6: the key 'cluster' already stands on line 5",
        "plan.yaml, line 7: design.treatment is a list",
        "plan.yaml, line 9: metrics[0].better is 'up'",
        "plan.yaml, line 9: metrics[0].role is 3",
        "plan.yaml, line 10: headline is 'gat'",
        "plan.yaml, line 11: level is 'high'",
    ]


def test_a_misspelt_optional_key_without_a_value_is_still_told(minimal, refuse) -> None:
    assert refuse(minimal + "covariats:\n") == ["plan.yaml, line 9: there is no key 'covariats'. Did you mean 'covariates'?"]


def test_keys_that_look_like_inner_marks_of_validation_are_told_as_they_stand(minimal, refuse) -> None:
    assert refuse(minimal + "(text): 1\n")[0].startswith("plan.yaml, line 9: there is no key '(text)'. It has: name, data, ")


def test_an_assignment_record_that_cannot_be_used_is_told_at_its_line(minimal, refuse, tmp_path: Path) -> None:
    text = minimal.replace("treatment: treated", "treatment: treated\n  assignment: record.json")
    start = "plan.yaml, line 7: design.assignment is 'record.json'. "
    assert refuse(text)[0].startswith(f"{start}There is no such file. Expected the record written by `honestlift assign`")
    record = tmp_path / "record.json"
    record.write_bytes(b"\xff\xfe")
    assert refuse(text)[0].startswith(f"{start}The file is not UTF-8 text.")
    record.write_text("{}", encoding="utf-8")
    assert refuse(text)[0].startswith("plan.yaml, line 7: The assignment record 'record.json' cannot be used: KeyError")
    record.unlink()
    record.mkdir()
    assert refuse(text)[0].startswith(f"{start}The file cannot be read (")


def test_a_bad_record_and_a_bad_design_are_told_together(minimal, refuse) -> None:
    text = minimal.replace("treatment: treated", "treatment: user_id\n  assignment: record.json")
    assert [m.split(". ")[0] for m in refuse(text)] == [
        "plan.yaml, line 6: Column 'user_id' is named both as unit and as treatment",
        "plan.yaml, line 7: design.assignment is 'record.json'",
    ]
