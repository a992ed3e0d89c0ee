"""demo: the two published scenarios, whose truth is known, in numbers and in words."""

from __future__ import annotations

import io
from pathlib import Path

import click
import numpy as np
from pyarrow.parquet import write_table  # pyright: ignore[reportUnknownVariableType]
from rich.console import RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.text import Text

from honestlift.analysis.analyze import run
from honestlift.cli.demo_opt_in import opt_in_demo
from honestlift.cli.help import command
from honestlift.cli.screen import out, shown, stages, write, write_all
from honestlift.design.cluster import ClusterDesign
from honestlift.design.exposure import Exposure
from honestlift.design.metric import Mean
from honestlift.design.study import Study
from honestlift.plan import DataPath, plan_text
from honestlift.report import words
from honestlift.report.html import report_html
from honestlift.report.terminal import renderable
from honestlift.result import Lift
from honestlift.simulate import World, collaboration, decompose, redraw_splits

SPLITS = 4_000
STUDY = Study(
    name="AI meeting notes",
    design=ClusterDesign(
        unit="user_id",
        cluster="workspace_id",
        treatment="treated",
        exposure=Exposure(column="spillover_exposed"),
    ),
    metrics=(Mean("session_minutes_obs", name="Session minutes", role="primary"),),
    covariates=("engagement_tier", "query_confidence"),
    adjustment="none",  # as published
    seed=7,
)


@command(short_help="See it at work on made-up data whose truth is known.")
@click.option(
    "--out",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    default="demo",
    show_default=True,
    help="Folder of the data, plans and results.",
)
@click.option("--quiet", "-q", is_flag=True, help="No progress on stderr.")
def demo(folder: Path, quiet: bool) -> None:
    """Run the two published scenarios: a roll-out by workspace from which colleagues gain too, and a feature that users choose.

    \b
    Example:
      honestlift demo --out demo
    """
    screen = out()
    lift, truth = _collaboration(folder, quiet)
    screen.print(renderable(lift))
    screen.print(truth)
    chosen, known = opt_in_demo(folder / "opt_in", quiet)
    screen.print(renderable(chosen))
    screen.print(known)
    pages = f"{shown(folder / 'report.html')} and {shown(folder / 'opt_in' / 'report.html')}"
    plans = f"{shown(folder / 'plan.yaml')} or {shown(folder / 'opt_in' / 'plan.yaml')}"
    screen.print(
        f"The data, the plans and the results are in {shown(folder)}/. Open {pages}, or: honestlift run {plans}", markup=False
    )


def _collaboration(folder: Path, quiet: bool) -> tuple[Lift, RenderableType]:
    """The cluster experiment."""
    with stages(quiet) as step:
        step("Making 50,000 users")
        world = collaboration()
        buffer = io.BytesIO()
        write_table(world.table, buffer)
        write(folder / "users.parquet", buffer.getvalue())
        write(folder / "plan.yaml", plan_text(STUDY, DataPath(path=str((folder / "users.parquet").resolve())), folder.resolve()))
        lift = run(folder / "users.parquet", STUDY, step)
        step("Making the page")
        html = report_html(lift)
        write_all({folder / "result.json": lift.to_json(), folder / "report.html": html})
        step(f"Re-drawing the split {SPLITS:,} times")
        return lift, _truth(world, lift)


def _truth(world: World, lift: Lift) -> RenderableType:
    """What only the maker of the data can say: how far each number is off, and why."""
    parts, splits = decompose(world), redraw_splits(world, SPLITS, np.random.default_rng(STUDY.seed))
    naive, honest = lift.find("naive_ols"), lift.headline()
    short = -parts.miss / parts.target
    ratio = (honest.std_error or 0.0) / (naive.std_error or 1.0)
    nearer = float(np.mean(np.abs(splits.naive - parts.target) < np.abs(splits.two_exposure - parts.target)))
    body = Text()
    body.append(f"True effect of the feature: {words.signed(parts.target)}; true spillover on exposed colleagues: ")
    body.append(f"{words.signed(world.truth['spillover'])}.\n\n")
    places = words.places_of(naive.conf_low, naive.conf_high)
    body.append("What the naive test claims. ", style="bold")
    body.append(f"{words.signed(naive.estimate, places)} ({words.interval(naive.conf_low, naive.conf_high, places)}): ")
    body.append(f"{words.percent(short)} under the truth, with a standard error {words.times(ratio)} times too small.\n")
    body.append("What the honest one says. ", style="bold")
    body.append(f"{words.signed(honest.estimate)} ({words.interval(honest.conf_low, honest.conf_high, 2)}): ")
    inside = (honest.conf_low or 0.0) <= parts.target <= (honest.conf_high or 0.0)
    body.append(f"the same number, and an interval that {'contains' if inside else 'misses'} the truth.\n")
    body.append(f"Why it is off by {words.signed(parts.miss, 3)}. ", style="bold")
    body.append(f"{words.signed(parts.contamination, 3)} is contamination: exposed controls gained too. ")
    body.append(
        f"{words.signed(parts.baselines, 3)} is the luck of this one split: the treated workspaces were lower to begin with "
    )
    body.append(
        f"({words.signed(parts.noise + parts.effects, 3)} is the luck of the users). Re-drawing the split {SPLITS:,} times, the naive "
    )
    body.append(f"estimate averages {words.signed(float(splits.naive.mean()), 3)} and the two-exposure one ")
    body.append(f"{words.signed(float(splits.two_exposure.mean()), 3)}, both with a standard deviation of ")
    body.append(
        f"{words.number(float(splits.naive.std(ddof=1)), 3)}; the naive one is nearer to the truth in {words.percent(nearer)} of the "
    )
    body.append("splits. One data set cannot show that a method works.\n")
    body.append("Why direct and spillover are associations. ", style="bold")
    body.append(
        "“Exposed” means “opted in” here, a choice of the user. No re-draw of the workspaces changes it for a user whose arm is "
    )
    body.append(
        "held fixed, so the contrast compares kinds of users, not exposures. It comes out right in this made-up world only because "
    )
    body.append("these users differ in nothing else.")
    return Padding(Panel(body, title=" What only the maker of the data knows ", title_align="left", padding=(1, 2)), (1, 0))
