"""The second half of the demo: the published opt-in scenario, whose truth is known, in numbers and in words."""

from __future__ import annotations

import io
from pathlib import Path

import pyarrow.parquet
from rich.console import RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.text import Text

from honestlift.analysis.analyze import run
from honestlift.cli.screen import stages, write
from honestlift.design.metric import Mean
from honestlift.design.opt_in import OptInDesign, OptInStudy
from honestlift.plan import DataPath, plan_text
from honestlift.report import words
from honestlift.report.html import report_html
from honestlift.result import Lift
from honestlift.simulate import World, published

STUDY = OptInStudy(
    name="Agent mode",
    design=OptInDesign(unit="user_id", treatment="opt_in_agent_mode"),
    metrics=(Mean("task_completed", name="Task completed", role="primary"),),
    covariates=("engagement_tier", "query_confidence"),
    seed=7,
)


def opt_in_demo(folder: Path, quiet: bool) -> tuple[Lift, RenderableType]:
    """Make the data, answer the question, and say what only the maker of the data knows.

    Args:
        folder: where the data, the plan, the result and its page go.
        quiet: no progress on stderr.
    """
    with stages(quiet) as step:
        step("Making 50,000 users who choose by themselves")
        world = published()
        buffer = io.BytesIO()
        pyarrow.parquet.write_table(world.table, buffer)  # pyright: ignore[reportUnknownMemberType]
        write(folder / "users.parquet", buffer.getvalue())
        place = DataPath(path=str((folder / "users.parquet").resolve()))
        write(folder / "plan.yaml", plan_text(STUDY, place, folder.resolve()))
        lift = run(folder / "users.parquet", STUDY, step)
        step("Making the page")
        html = report_html(lift)
        write(folder / "result.json", lift.to_json())
        write(folder / "report.html", html)
    return lift, _truth(world, lift)


def _truth(world: World, lift: Lift) -> RenderableType:
    headline = lift.headline()
    naive, truth = lift.find("naive", headline.estimand), world.truth[headline.estimand]
    low, high = headline.conf_low or 0.0, headline.conf_high or 0.0
    body = Text()
    body.append(f"True effect of opting in: {words.signed(truth)}.\n\n")
    ratio = (naive.estimate or 0.0) / truth
    body.append("What the dashboard says. ", style="bold")
    body.append(f"{words.signed(naive.estimate, 4)}: {words.times(ratio)} times the truth, with a narrow interval. ")
    body.append("Heavy users opt in more often, and complete more anyway.\n")
    body.append("What the honest one says. ", style="bold")
    body.append(f"{words.signed(headline.estimate, 4)} ({words.interval(low, high, 4)}): an interval that ")
    body.append(f"{'contains' if low <= truth <= high else 'misses'} the truth, because in this made-up world all that makes ")
    body.append(
        "people opt in was measured. In yours nobody can know; the line on an unmeasured cause says how strong it would have "
    )
    body.append("to be.")
    return Padding(Panel(body, title=" What only the maker of the data knows ", title_align="left", padding=(1, 2)), (1, 0))
