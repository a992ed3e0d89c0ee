"""What power and design share: their options, and from these the Proposal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from functools import wraps
from pathlib import Path
from typing import Any

import click

from honestlift.analysis.joining import rows_of
from honestlift.analysis.power.designs import Designs, compare_designs
from honestlift.analysis.power.graph import collaboration_of
from honestlift.analysis.power.measuring import measure
from honestlift.analysis.power.propose import power
from honestlift.cli.run import open_rows
from honestlift.design.study import Study
from honestlift.design.variation import Variation
from honestlift.errors import PlanningError
from honestlift.inference.opt_in_power import Selection
from honestlift.plan import read_plan
from honestlift.proposal import Proposal
from honestlift.source.connect import Source, connect

PLANS = (".yaml", ".yml")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The options, as they came."""

    data: str | None
    cluster: str | None
    metric: str | None
    covariates: tuple[str, ...]
    strata: tuple[str, ...]
    unit: str | None
    clusters: int | None
    size: float | None
    size_cv: float
    icc: float | None
    sd: float | None
    mean: float | None
    r2_between: float | None
    r2_within: float | None
    users: int | None
    adoption: float | None
    strength: float
    effect: float | None
    relative: float | None
    spillover: float | None
    share: float
    wanted: float
    level: float
    edges: str | None
    edge_source: str
    edge_target: str
    edge_weight: str | None
    ratio: float
    communities: bool
    draws: int
    seed: int


SHOWN: list[Any] = [
    click.argument("data", required=False),
    click.option("--cluster", "-c", help="Column that names the workspace."),
    click.option("--metric", "-m", help="Column of the outcome, before the study."),
    click.option("--covariate", "covariates", multiple=True, help="Numeric column known before; may be repeated."),
    click.option("--strata", "-s", multiple=True, help="Column within whose values to randomize; may be repeated."),
    click.option("--unit", "-u", help="Column that names the user; needed with --edges."),
    click.option("--clusters", type=click.IntRange(min=4), help="Workspaces, without DATA or instead of as many as it has."),
    click.option("--size", type=float, help="Users per workspace."),
    click.option("--size-cv", type=float, default=0.0, show_default=True, help="Variation of the sizes, sd over mean."),
    click.option("--icc", type=float, help="Intraclass correlation."),
    click.option("--sd", type=float, help="Standard deviation of the outcome."),
    click.option("--mean", type=float, help="Mean of the outcome, for --relative."),
    click.option("--r2-between", type=float, help="Share of the variance between workspaces that covariates explain."),
    click.option("--r2-within", type=float, help="Share of the variance within that they explain."),
    click.option("--users", type=click.IntRange(min=20), help="Users who choose: a study without randomization."),
    click.option("--adoption", type=float, help="Share of them that opts in."),
    click.option(
        "--strength", type=float, default=1.0, show_default=True, help="Sd of the logit of opting in: how strong selection is."
    ),
    click.option("--effect", "-e", type=float, help="Effect to be seen, in the unit of the outcome."),
    click.option("--relative", type=float, help="The same as a share of the mean, e.g. 0.02."),
    click.option("--spillover", type=float, help="Effect on workspaces whose neighbours are treated."),
    click.option("--share", type=float, default=0.5, show_default=True, help="Share of the workspaces that is treated."),
    click.option("--power", "wanted", type=float, default=0.8, show_default=True, help="Chance wanted to see the effect."),
    click.option("--level", type=float, default=0.95, show_default=True, help="Nominal coverage of the intervals."),
    click.option("--edges", help="Table of who works with whom: units are compared by what leaks."),
    click.option("--edge-source", default="source", show_default=True, help="Its column with one end."),
    click.option("--edge-target", default="target", show_default=True, help="Its column with the other."),
    click.option("--edge-weight", help="Its column with the weight [default: each row counts one]."),
    click.option("--ratio", type=float, default=0.5, show_default=True, help="Spillover over direct effect, assumed."),
    click.option("--communities/--no-communities", default=True, show_default=True, help="Also try communities of the graph."),
    click.option("--draws", type=click.IntRange(200, 1_000_000), default=4_000, show_default=True, help="Simulated studies."),
    click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Start of every random draw."),
]


def planning(command: Callable[..., None]) -> Callable[..., None]:
    """The options on a command, which hears of them as one value, ``options``."""

    @wraps(command)  # and with it the options that are there already
    def collected(**given: Any) -> None:
        named = {field.name for field in fields(Options)}
        options = Options(**{k: v for k, v in given.items() if k in named})
        command(options=options, **{k: v for k, v in given.items() if k not in named})

    made: Any = collected
    for option in reversed(SHOWN):
        made = option(made)
    return made


def proposal_of(options: Options, step: Callable[[str], None], name: str | None, question: str) -> Proposal:
    """The proposal that the options ask for.

    Raises:
        HonestliftError: if data cannot be used, or numbers are missing or out of range.
        click.UsageError: if options contradict each other.
    """
    step("Reading what is known")
    if options.users is not None or options.adoption is not None:
        return _choosers(options, step, name, question)
    known, source, unit, cluster, title = _known(options)
    known = known if source is None else _assumed(options, known)
    effect = _effect(options, known.mean)
    designs = _designs(options, known, source, unit, cluster, effect, step)
    return power(
        known,
        effect=effect,
        spillover=options.spillover,
        share=options.share,
        target=options.wanted,
        level=options.level,
        name=name or title,
        question=question,
        designs=designs,
        draws=options.draws,
        seed=options.seed,
        step=step,
    )


def _assumed(o: Options, known: Variation) -> Variation:
    """What was measured, with another number of workspaces, or with covariates that the data do not have.

    Raises:
        click.UsageError: if a number is given that was measured.
    """
    for name, given in (
        ("--size", o.size),
        ("--size-cv", o.size_cv or None),
        ("--icc", o.icc),
        ("--sd", o.sd),
        ("--mean", o.mean),
    ):
        if given is not None:
            raise click.UsageError(f"{name} is measured on DATA. Leave one of them out.")
    if o.clusters is not None:
        known = known.with_clusters(o.clusters)
    if not (o.r2_between or o.r2_within):
        return known
    if o.covariates:
        raise click.UsageError(
            "--covariate is measured on DATA, --r2-between and --r2-within are assumed. Give one or the other."
        )
    between = 1 - (1 - known.r2_between) * (1 - (o.r2_between or 0.0))
    source = f"{known.source}, with an assumed covariate"
    return replace(known, r2_between=between, r2_within=o.r2_within or 0.0, covariates=known.covariates + 1, source=source)


def _choosers(o: Options, step: Callable[[str], None], name: str | None, question: str) -> Proposal:
    if o.users is None or o.adoption is None or o.data is not None:
        raise click.UsageError("A study of users who choose takes --users, --adoption, --strength and --sd, and no DATA.")
    known = Selection(users=o.users, adoption=o.adoption, strength=o.strength, sd=1.0 if o.sd is None else o.sd)
    effect = _effect(o, o.mean)
    text = name or "Untitled proposal"
    return power(known, effect=effect, target=o.wanted, level=o.level, name=text, question=question, seed=o.seed, step=step)


def _known(o: Options) -> tuple[Variation, Source | None, str | None, str | None, str]:
    """What is known, the rows if there are any, their columns of users and workspaces, and the plan's title."""
    if o.data is None:
        if o.clusters is None or o.size is None or o.icc is None or o.sd is None:
            raise PlanningError.numbers_missing("the numbers --clusters, --size, --icc and --sd")
        r2 = (o.r2_between or 0.0, o.r2_within or 0.0)
        known = Variation.of(
            clusters=o.clusters,
            mean_size=o.size,
            icc=o.icc,
            sd=o.sd,
            size_cv=o.size_cv,
            r2_between=r2[0],
            r2_within=r2[1],
            covariates=1 if any(r2) else 0,
            mean=o.mean,
            metric=o.metric or "outcome",
        )
        return known, None, None, None, "Untitled proposal"
    if Path(o.data).suffix.lower() in PLANS:
        return _planned(o, Path(o.data))
    if o.cluster is None or o.metric is None:
        raise click.UsageError(
            "DATA needs --cluster and --metric, its columns of workspaces and of the outcome before the study."
        )
    source = connect(o.data)
    known = measure(source, cluster=o.cluster, metric=o.metric, covariates=o.covariates, strata=o.strata, unit=o.unit)
    return known, source, o.unit, o.cluster, "Untitled proposal"


def _planned(o: Options, path: Path) -> tuple[Variation, Source | None, str | None, str | None, str]:
    """From a plan: the primary metric's own measure before, else its column, and the covariates that are numbers."""
    read = read_plan(path)
    study = read.study
    if not isinstance(study, Study):
        raise click.UsageError(
            "The plan is of users who choose. Expected a cluster plan, or --users, --adoption and --sd without one."
        )
    source, primary = rows_of(open_rows(read), study), study.primary
    metric = o.metric or primary.pre or primary.columns[0]
    numbers = [c for c in study.covariates if c in source.columns and source.kind(c) in ("integer", "number", "boolean")]
    known = measure(
        source,
        cluster=o.cluster or study.design.cluster,
        metric=metric,
        covariates=o.covariates or [c for c in numbers if c != metric],
        strata=o.strata or study.design.strata,
        unit=study.design.unit if study.rows == "units" else None,
    )
    return known, source, study.design.unit, study.design.cluster, study.name


def _effect(o: Options, mean: float | None) -> float | None:
    if o.relative is None:
        return o.effect
    if o.effect is not None:
        raise click.UsageError("--effect and --relative say the same thing. Give one of them.")
    if not mean:
        raise click.UsageError("--relative is a share of the mean, which is not known. Give --mean too, or DATA.")
    return o.relative * abs(mean)


def _designs(
    o: Options,
    known: Variation,
    source: Source | None,
    unit: str | None,
    cluster: str | None,
    effect: float | None,
    step: Callable[[str], None],
) -> Designs | None:
    """The units compared, where there are edges."""
    if o.edges is None:
        return None
    if source is None or unit is None or cluster is None:
        raise click.UsageError("--edges needs DATA with --unit and --cluster: whose edges these are.")
    step("Reading who works with whom")
    graph = collaboration_of(
        source,
        connect(o.edges),
        unit=unit,
        cluster=cluster,
        source=o.edge_source,
        target=o.edge_target,
        weight=o.edge_weight,
    )
    options: dict[str, Any] = {} if o.communities else {"resolutions": ()}
    return compare_designs(
        graph,
        known,
        ratio=o.ratio,
        effect=effect,
        share=o.share,
        target=o.wanted,
        level=o.level,
        seed=o.seed,
        step=step,
        **options,
    )
