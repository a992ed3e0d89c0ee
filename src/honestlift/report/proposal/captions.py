"""What each figure of a proposal shows, in a sentence that is true of it, and the table behind it."""

from __future__ import annotations

from collections.abc import Callable

from honestlift.proposal import Proposal
from honestlift.report import words
from honestlift.report.captions.caption import Caption
from honestlift.report.names import WHOM
from honestlift.report.proposal.names import design_name
from honestlift.report.proposal.terminal import effect, records
from honestlift.report.twins import Twin


def caption(proposal: Proposal, name: str) -> Caption:
    """The words of a figure."""
    return CAPTIONS[name](proposal)


def twin(proposal: Proposal, name: str) -> Twin:
    """The table of a figure."""
    return TWINS[name](proposal)


def _target(proposal: Proposal) -> str:
    return words.of_hundred(proposal.inputs["target"])


def _power_curve(proposal: Proposal) -> Caption:
    row = proposal.answer()
    seen = f"An effect of {effect(row.mde)} is seen in {_target(proposal)} studies"
    if row.power is not None:
        seen = f"An effect of {effect(row.effect)} is seen in {words.of_hundred(row.power)} studies; one of {effect(row.mde)} in "
        seen += words.of_hundred(proposal.inputs["target"], short=True)
    of = f" on {WHOM[row.estimand]}" if proposal.kind == "opt_in" else ""
    table = records(proposal.tables["power_curve"])
    alt = (
        f"Chance that a study announces a true effect{of}, rising from 5 of 100 without an effect: {seen[0].lower()}{seen[1:]}. "
    )
    alt += f"The curve is drawn for effects from 0 to {effect(table[-1]['effect'])}."
    return Caption(title="Power against the effect", finding=f"{seen}.", alt=alt)


def _mde_by_clusters(proposal: Proposal) -> Caption:
    rows, here = records(proposal.tables["mde_by_clusters"]), proposal.inputs["clusters"]
    first, last = rows[0], rows[-1]
    now = next(r["mde"] for r in rows if r["clusters"] == here)
    finding = f"{here:,} workspaces see {effect(now)}; {last['clusters']:,} would see {effect(last['mde'])}."
    alt = (
        f"The smallest effect seen in {_target(proposal)} studies falls from {effect(first['mde'])} with "
        f"{first['clusters']:,} workspaces "
    )
    alt += f"to {effect(last['mde'])} with {last['clusters']:,}; this study, with {here:,}, sees {effect(now)}."
    return Caption(title="What more workspaces would see", finding=finding, alt=alt)


def _mde_by_adoption(proposal: Proposal) -> Caption:
    rows, here = records(proposal.tables["mde_by_adoption"]), proposal.inputs["adoption"]
    now = next(r for r in rows if r["adoption"] == here)
    best = min(rows, key=lambda r: r["ATT"])
    finding = (
        f"With {words.percent(here)} opting in, an effect on those who opt in is seen from {effect(now['ATT'])} up; "
        "on everyone from "
    )
    finding += f"{effect(now['ATE'])}."
    alt = (
        f"The smallest effect seen in {_target(proposal)} studies by the share that opts in, for three estimands. On "
        "those who opt in it is "
    )
    alt += (
        f"least, {effect(best['ATT'])}, where {words.percent(best['adoption'])} opt in, and {effect(now['ATT'])} at "
        f"{words.percent(here)}."
    )
    return Caption(title="What more adoption would see", finding=finding, alt=alt)


def _levers(proposal: Proposal) -> Caption:
    rows, base = records(proposal.tables["levers"]), proposal.answer().mde
    open_rows = [r for r in rows if not r["done"]]
    best = min(open_rows or rows, key=lambda r: r["mde"])
    finding = f"Most would help: {words.clean(best['name'])}, with an MDE of {effect(best['mde'])} instead of {effect(base)}."
    listed = "; ".join(f"{words.clean(r['name'])} {effect(r['mde'])}" for r in rows)
    return Caption(
        title="What would help",
        finding=finding,
        alt=f"The smallest effect seen, {effect(base)} as the study is, under each change: {listed}.",
    )


def _designs(proposal: Proposal) -> Caption:
    rows = records(proposal.tables["designs"])
    best = next(r for r in rows if r["recommended"])
    own = next(r for r in rows if r["design"] == "workspace")
    finding = f"Randomizing workspaces shows {words.percent(1 + own['bias'])} of the effect of launching; "
    if best["design"] == "workspace":
        finding += "no other unit here does better for the precision it costs."
    else:
        finding += (
            f"{design_name(best['design'], best['clusters'])} would show {words.percent(1 + best['bias'])}, and see an effect of "
        )
        finding += f"{effect(best['mde_launch'])} instead of {effect(own['mde_launch'])}."
    listed = "; ".join(
        f"{design_name(r['design'], r['clusters'])}: {words.percent(abs(r['bias']))} not shown, standard error "
        f"{effect(r['std_error'])}"
        for r in rows
    )
    alt = (
        f"Each unit by the part of the effect of launching that it does not show and by the standard error that it "
        f"costs. {listed}."
    )
    return Caption(title="Which unit: bias against precision", finding=finding, alt=alt)


def _curve_twin(proposal: Proposal) -> Twin:
    table = proposal.tables["power_curve"]
    rows = tuple((effect(row[0]), *(words.number(100 * p, 0) for p in row[1:])) for row in table.rows[::4])
    heads = {"formula": "Closed form, of 100", "simulated": "Simulated, of 100"}
    return Twin(heads=("True effect", *(heads.get(c, f"{c}, of 100") for c in table.columns[1:])), rows=rows, named=0)


def _clusters_twin(proposal: Proposal) -> Twin:
    rows = tuple(
        (f"{r['clusters']:,}", effect(r["formula"]), effect(r["mde"]), "closed form" if r["trusted"] else "simulated")
        for r in records(proposal.tables["mde_by_clusters"])
    )
    return Twin(heads=("Workspaces", "Closed form", "Answer", "By"), rows=rows, named=0)


def _adoption_twin(proposal: Proposal) -> Twin:
    table = proposal.tables["mde_by_adoption"]
    rows = tuple((words.percent(row[0]), *(effect(v) for v in row[1:])) for row in table.rows)
    return Twin(heads=("Opt in", *table.columns[1:]), rows=rows, named=0)


def _levers_twin(proposal: Proposal) -> Twin:
    rows = tuple(
        (
            words.clean(r["name"]),
            "in the study" if r["done"] else "known" if r["measured"] else "assumed",
            effect(r["mde"]),
            words.percent(r["change"], sign=True),
            "–" if r["worth_clusters"] is None else f"{r['worth_clusters']:,}",
        )
        for r in records(proposal.tables["levers"])
    )
    return Twin(heads=("Change", "Strength", "MDE", "Change of it", "Worth workspaces"), rows=rows, named=2)


def _designs_twin(proposal: Proposal) -> Twin:
    rows = tuple(
        (
            design_name(r["design"], r["clusters"]),
            words.percent(r["leakage"]),
            words.percent(r["exposed"]),
            words.percent(r["bias"], sign=True),
            effect(r["std_error"]),
            effect(r["mde"]),
            effect(r["mde_launch"]),
        )
        for r in records(proposal.tables["designs"])
    )
    heads = ("Unit", "Ties that leave it", "Controls exposed", "Bias", "Std. error", "MDE", "MDE of launching")
    return Twin(heads=heads, rows=rows, named=1)


CAPTIONS: dict[str, Callable[[Proposal], Caption]] = {
    "power_curve": _power_curve,
    "mde_by_clusters": _mde_by_clusters,
    "mde_by_adoption": _mde_by_adoption,
    "levers": _levers,
    "designs": _designs,
}
TWINS: dict[str, Callable[[Proposal], Twin]] = {
    "power_curve": _curve_twin,
    "mde_by_clusters": _clusters_twin,
    "mde_by_adoption": _adoption_twin,
    "levers": _levers_twin,
    "designs": _designs_twin,
}
