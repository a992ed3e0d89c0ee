"""A study as one query for a warehouse that honestlift cannot reach: what it needs of the columns, and what no query can give."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields, replace
from typing import Any, Literal

from honestlift.analysis.joined_query import joined_columns, joins_of, not_joined_in_a_query, require_places, with_facts
from honestlift.analysis.requirements import numeric
from honestlift.analysis.stored import UNTOUCHED, not_in_a_query, study_layout
from honestlift.design.asked import AnyStudy
from honestlift.design.cluster import ClusterDesign, Treatment
from honestlift.design.exposure import Exposure
from honestlift.design.study import Study
from honestlift.errors import MomentsError
from honestlift.source.connect import Kind
from honestlift.version import __version__

KNOWN: dict[type, frozenset[str]] = {
    Study: frozenset(
        ("design", "metrics", "covariates", "negative_controls", "segments", "rows", "missing", "tables", *UNTOUCHED)
    ),
    ClusterDesign: frozenset(("unit", "cluster", "treatment", "strata", "exposure", "uptake", "assignment")),
    Exposure: frozenset(("column", "randomized", "misclassification")),
}
"""What of a study the query knows of; anything else that is asked for is refused, not left out."""


def moments_query(
    study: AnyStudy,
    table: str | Mapping[str, str],
    *,
    dialect: str = "duckdb",
    kinds: Mapping[str, Kind] | None = None,
    exact_names: bool = False,
    source: Literal["table", "parquet", "dbt"] = "table",
    zoned: bool | None = None,
) -> str:
    """The query whose answer, saved as parquet or CSV, ``read_moments`` takes for the rows of a cluster study.

    Origins and grids are found by the query itself, so that one query is all there is, and its sums are exact in any order: the answer
    of DuckDB, Spark and PostgreSQL is, to the bit, what honestlift would have summed.

    Args:
        study: the question.
        table: the table in the warehouse; dots part catalog, schema and name, but not within double quotes. See ``source``. Where the
            study joins tables, a mapping of ``users``, ``assignment_table``, ``exposure_table`` and ``events``, as many as there are.
        dialect: ``duckdb``, ``spark`` or ``postgres``, executed in the tests; ``bigquery`` or ``snowflake``, only parsed there.
        kinds: what columns hold, where that is known: ``text`` covariates become categories, ``boolean`` measures 1 and 0; all else is
            taken for numbers. Columns of the events are named ``events.minutes``.
        exact_names: Snowflake: look for plain lower-case names as they are, not in capitals.
        source: what ``table`` is: ``parquet`` a path or glob that DuckDB reads itself; ``dbt`` a model of a dbt project, or with a dot
            one of its sources.
        zoned: whether the times of the events have a zone, where a window can reach beyond the end of the data.

    Raises:
        MomentsError: if the study needs its rows, a name cannot stand in a query, or the package ``sqlglot`` is not there.

    Example:
        >>> design = hl.ClusterDesign(unit="user_id", cluster="workspace_id", treatment="treated")
        >>> study = hl.Study(design=design, metrics=(hl.Mean("session_minutes_obs"),), bootstrap=0)
        >>> query = hl.moments_query(study, "users.parquet", source="parquet")
        >>> hl.connect("users.parquet").connection.sql(query).write_parquet("sums.parquet")
        >>> hl.run(hl.read_moments("sums.parquet"), study).headline() == hl.run("users.parquet", study).headline()
        True
    """
    reasons = not_in_a_query(study) + (not_joined_in_a_query(study, zoned=zoned) if isinstance(study, Study) else [])
    if not isinstance(study, Study) or reasons:
        raise MomentsError.no_query(reasons)
    unknown = _unknown(study) + _unknown(study.design) + (_unknown(study.design.exposure) if study.design.exposure else [])
    if unknown:
        raise MomentsError.no_query(unknown)
    try:
        from honestlift.moments.query import names
        from honestlift.moments.query.statement import statement
    except ImportError as reason:
        if (reason.name or "").split(".")[0] != "sqlglot":
            raise
        raise MomentsError.no_sqlglot() from reason
    if dialect not in names.DIALECTS:
        raise MomentsError.no_dialect(dialect, names.DIALECTS)
    asked = _asked(study, kinds or {}, dialect)
    columns = [c.name for c in (*asked.keys, asked.unit, *asked.measures)]
    _speakable([*columns, *joined_columns(study)], names.JINJA if source == "dbt" else ())
    places = {name: _place(one, source, dialect, exact=exact_names) for name, one in require_places(study, table).items()}
    joins = joins_of(study, places, kinds or {}, zoned=zoned)
    asked = (
        asked if joins is None else replace(asked, joined=True, keeps=joins.keeps, layout=with_facts(asked.layout, joins.facts))
    )
    tried = names.EXECUTED if joins is None else names.EXECUTED[:1]
    how = "executed in honestlift's tests" if dialect in tried else "only parsed in honestlift's tests, never executed there"
    head = [
        f"honestlift {__version__}: the sums of a cluster study, for `honestlift run PLAN --moments ANSWER`.",
        f"Dialect {dialect}: {how}. Save the whole answer, as parquet, or as CSV with all digits.",
    ]
    return "".join(f"-- {line}\n" for line in head) + statement(asked, places["users"], dialect, exact=exact_names, joins=joins)


def _place(table: str, source: str, dialect: str, *, exact: bool) -> Any:
    from honestlift.moments.query import names

    if source == "dbt" and not names.DBT.fullmatch(table):
        raise MomentsError.no_model(table)
    if not table or "\0" in table:
        raise MomentsError.unspeakable(table)
    return names.place(table, source, dialect, exact)


def _speakable(columns: Sequence[str], marks: Sequence[str]) -> None:
    """No name holds what no quotes can hold."""
    for name in columns:
        if not name or "\0" in name or any(mark in name for mark in marks):
            raise MomentsError.unspeakable(name)


def _unknown(part: Any) -> list[str]:
    """What is asked for that the query does not know of."""
    known, found = KNOWN[type(part)], list[str]()
    for field in fields(part):
        default = field.default_factory() if field.default_factory is not MISSING else field.default
        if field.name not in known and getattr(part, field.name) != default:
            found.append(field.name)
    return found


def _asked(study: Study, kinds: Mapping[str, Kind], dialect: str) -> Any:
    from honestlift.moments.query.asked import Asked, Column

    d = study.design
    categories = [c for c in study.covariates if kinds.get(c) == "text"]
    keys, measures, sums, layout = study_layout(study, categories)
    told = json.loads(layout) | {"dialect": dialect, "kinds": [kinds.get(k) for k in keys]}
    roles = numeric(study, [c for c in study.covariates if c not in categories])
    fixed = {d.cluster, d.arm, *d.strata, *study.segments, *study.covariates, *([d.mark] if d.mark else [])}
    summed = frozenset(m for m in measures if m not in fixed and "uptake" not in roles[m])
    return Asked(
        unit=Column(d.unit, kinds.get(d.unit)),
        keys=tuple(Column(k, kinds.get(k)) for k in keys),
        measures=tuple(Column(m, kinds.get(m)) for m in measures),
        sums=tuple(sums),
        layout=json.dumps(told, ensure_ascii=False),
        arm=keys.index(d.arm),
        arms=_arms(d),
        complete=study.covariates if study.missing == "drop" else (),
        summed=summed if study.rows == "events" else None,
        highest=frozenset({d.uptake} if d.uptake else ()),
    )


def _arms(design: ClusterDesign) -> tuple[str, ...]:
    """The values of the arms as engines write them as text; none where the treatment is 0 and 1 throughout."""
    texts: list[str] = []
    for two in design.contrasts:
        if isinstance(two.treatment, Treatment):
            for value in (*two.treatment.arms, two.treatment.control):
                texts += [str(value).lower()] if isinstance(value, bool) else [str(value)]
                texts += [f"{value}.0"] if isinstance(value, int) and not isinstance(value, bool) else []
    return tuple(dict.fromkeys(texts))
