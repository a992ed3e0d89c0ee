"""A study written as a plan reads back as the same study, whatever its columns are called."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from honestlift.design.assignment import Rule, assign
from honestlift.design.cluster import ClusterDesign, Treatment
from honestlift.design.exposure import Exposure
from honestlift.design.metric import Mean, Ratio
from honestlift.design.study import Study
from honestlift.errors import DesignError
from honestlift.plan import DataPath, DataTable, plan_text, read_plan
from honestlift.plan.location import resolve, shorten
from honestlift.plan.write import scalar

AWKWARD = [
    "yes",
    "on",
    "null",
    "~",
    "1",
    "1e5",
    "010",
    "*a",
    "&a",
    "a: b",
    "a #b",
    "- a",
    " a ",
    "'",
    '"',
    "[",
    "{x",
    "é",
    "a\nb",
    "!x",
]

# Text that UTF-8 can hold: all but lone surrogates.
text = st.one_of(st.sampled_from(AWKWARD), st.text(st.characters(codec="utf-8"), min_size=1, max_size=8))
numbers = st.floats(allow_nan=False, allow_infinity=False)
arm_values = st.one_of(text, st.integers(), st.booleans(), numbers)


@st.composite
def studies(draw) -> Study:
    columns = iter(draw(st.lists(text, min_size=17, max_size=17, unique=True)))
    arms = draw(st.none() | st.lists(arm_values, min_size=2, max_size=2).filter(lambda pair: pair[0] != pair[1]))
    treatment = next(columns)
    better, role = st.sampled_from(["higher", "lower"]), st.sampled_from([None, "primary", "secondary", "guardrail"])
    margin = st.none() | st.floats(0, 1, exclude_max=True)
    names = draw(st.lists(text, min_size=2, max_size=2, unique=True))
    return Study(
        name=draw(text),
        design=ClusterDesign(
            unit=next(columns),
            cluster=next(columns),
            treatment=treatment if arms is None else Treatment(column=treatment, treated=arms[0], control=arms[1]),
            strata=tuple(next(columns) for _ in range(draw(st.integers(0, 2)))),
            exposure=draw(st.none() | st.builds(Exposure, column=st.just(next(columns)), randomized=st.booleans())),
            uptake=draw(st.none() | st.just(next(columns))),
        ),
        metrics=tuple(
            Mean(
                next(columns),
                name=name,
                better=draw(better),
                role=draw(role),
                margin=draw(margin),
                pre=draw(st.none() | st.just(next(columns))),
            )
            for name in names
        )
        + draw(st.just(()) | st.builds(lambda a, b: (Ratio(a, b, margin=0.1),), st.just(next(columns)), st.just(next(columns)))),
        covariates=tuple(next(columns) for _ in range(draw(st.integers(0, 2)))),
        negative_controls=tuple(next(columns) for _ in range(draw(st.integers(0, 2)))),
        rows=draw(st.sampled_from(["units", "events"])),
        adjustment=draw(st.sampled_from(["interacted", "additive", "none"])),
        missing=draw(st.sampled_from(["error", "drop", "category"])),
        level=draw(st.floats(0.5, 0.999999)),
        seed=draw(st.integers(0, 2**128)),
        bootstrap=draw(st.just(0) | st.integers(20, 10**6)),
    )


def same_type(study: Study) -> list[type]:
    arms = study.design.treatment
    return [type(arms.treated), type(arms.control)] if isinstance(arms, Treatment) else []


@settings(max_examples=150, deadline=None)
@given(study=studies(), file=st.sampled_from(["users.parquet", "~u.csv", "a b: #*.csv", "yes", "1e5"]), inside=st.booleans())
def test_reading_what_was_written_gives_the_same(study: Study, file: str, inside: bool) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        place = str(folder / file) if inside else f"/elsewhere/{file}"
        data = DataPath(path=place) if study.seed % 2 else DataTable(database=place, table=study.name)
        (folder / "plan.yaml").write_text(plan_text(study, data, folder), encoding="utf-8", newline="")
        plan = read_plan(folder / "plan.yaml")
    assert plan.study == study
    assert same_type(plan.study) == same_type(study)
    assert plan.data == data


@given(value=text)
def test_a_value_stands_on_one_line_and_reads_back_in_a_list_a_mapping_and_a_block(value: str) -> None:
    written = scalar(value)
    assert len(written.splitlines()) == 1
    for plan in (f"[{written}]", f"{{key: {written}}}", f"key: {written}  # comment"):
        loaded = yaml.safe_load(plan)
        assert (loaded[0] if isinstance(loaded, list) else loaded["key"]) == value


def test_defaults_that_say_nothing_are_left_out_and_the_rest_is_in_the_order_of_the_contract(tmp_path: Path) -> None:
    study = Study(design=ClusterDesign(unit="u", cluster="w", treatment="t"), metrics=(Mean("y"),))
    assert plan_text(study, DataPath(path=str(tmp_path / "x.csv")), tmp_path) == (
        "name: Untitled study\ndata: x.csv\nunit: u\nrows: units\n"
        "design:\n  kind: cluster\n  cluster: w\n  treatment: t\n"
        "metrics:\n- column: y\n  better: higher\n"
        "headline: itt\nlevel: 0.95\nseed: 0\nbootstrap: 500\n"
    )


def test_an_assignment_goes_to_a_file_of_its_own(tmp_path: Path) -> None:
    record = assign([f"w{i}" for i in range(6)], Rule(), seed=1)
    study = Study(design=ClusterDesign(unit="u", cluster="w", treatment="t", assignment=record), metrics=(Mean("y"),))
    data, beside = DataPath(path="s3://bucket/x.parquet"), tmp_path / "record.json"
    with pytest.raises(DesignError, match="assignment is None"):
        plan_text(study, data, tmp_path)
    beside.write_text(record.to_json(), encoding="utf-8")
    written = plan_text(study, data, tmp_path, assignment=str(beside))
    assert "assignment: record.json\n" in written
    (tmp_path / "plan.yaml").write_text(written, encoding="utf-8")
    assert read_plan(tmp_path / "plan.yaml").study == study


def test_what_no_key_holds_is_refused_rather_than_lost(tmp_path: Path) -> None:
    study = Study(design=ClusterDesign(unit="u", cluster="w", treatment="t"), metrics=(Mean("y"),), exact_duplicates=True)
    with pytest.raises(DesignError, match="exact_duplicates is True"):
        plan_text(study, DataPath(path="/x.csv"), tmp_path)


@pytest.mark.parametrize(
    "path", ["/a/b/x.csv", "/a/bc/x.csv", "/a/b", "/x.csv", "/a/b/~x", "/a/b/~/x", "s3://b/x", "/a/b/c/*.csv"]
)
def test_shortening_a_path_and_resolving_it_are_inverse(path: str) -> None:
    assert resolve(shorten(path, Path("/a/b")), Path("/a/b")) == path
    assert (shorten(path, Path("/a/b")) != path) == path.startswith("/a/b/")
