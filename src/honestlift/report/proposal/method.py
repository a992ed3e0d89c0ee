"""How the numbers of a proposal are made, the rule by which it would be assigned, and what is assumed."""

from __future__ import annotations

from dataclasses import dataclass

from honestlift.proposal import Proposal
from honestlift.report import words
from honestlift.report.proposal.terminal import effect


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A formula: what it is for, how it goes, and where it comes from."""

    name: str
    text: str
    source: str


def rule(proposal: Proposal) -> str:
    """The rule of assignment in a sentence."""
    made = proposal.inputs
    if proposal.kind == "opt_in":
        return (
            "No rule: users choose by themselves. The study is observational, and rests on what was measured before they chose."
        )
    text = (
        f"{made['rule'].capitalize()}: {made['treated']:,} of {made['clusters']:,} workspaces are treated, every such "
        "choice alike. Draw it with "
    )
    return text + "`honestlift assign`, keep the record, and name it in the plan: whoever has it can draw it again."


def assumptions(proposal: Proposal) -> list[tuple[str, str]]:
    """Every number that the answers rest on."""
    made = proposal.inputs
    shared = [
        ("Effect to be seen", effect(made["effect"]) if made["effect"] is not None else "none named"),
        ("Power wanted", words.of_hundred(made["target"])),
        ("Test", f"two-sided, {words.level(made['level'])} intervals"),
    ]
    if proposal.kind == "opt_in":
        return [
            ("Users", f"{made['users']:,}"),
            ("Share that opts in", words.percent(made["adoption"])),
            (
                "Strength of selection",
                f"standard deviation of the logit {words.number(made['strength'], 2)}, AUC {words.number(made['auc'], 2)}",
            ),
            ("Standard deviation among users alike", effect(made["sd"])),
            *shared,
        ]
    size = made["size"]
    return [
        ("Source", words.clean(made["source"])),
        ("Outcome", words.clean(made["metric"])),
        ("Workspaces", f"{made['clusters']:,}, {made['treated']:,} of them treated"),
        (
            "Users per workspace",
            f"mean {size['mean']:,.0f}, median {size['median']:,.0f}; sizes vary by {words.percent(made['size_cv'])} of "
            "their mean",
        ),
        ("Standard deviation of the outcome", effect(made["sd"])),
        ("Intraclass correlation", words.number(made["icc"], 3)),
        ("Explained before, between workspaces", words.percent(made["r2_between"])),
        ("Explained before, within them", words.percent(made["r2_within"])),
        *shared,
        *([("Spillover ratio", words.number(made["ratio"], 2))] if "ratio" in made else []),
    ]


CHOSEN = Entry(
    name="Standard error",
    text=(
        "σ²/n · E[h²/e + h²/(1 − e)]/E[h]², h = 1 (ATE), e (ATT), e(1 − e) (ATO); the logit of the "
        "propensity e is normal over users."
    ),
    source="Hahn (1998); Li, Morgan & Zaslavsky (2018).",
)
"""Of users who choose."""

WORKSPACES = (
    Entry(
        name="Closed form, per user",
        text=(
            "SE² = σ²[ρ(1 − R²_B)(1 + CV²) + (1 − ρ)(1 − R²_W)/m̄]/(p(1 − p)K); MDE = (t_{1−α/2} + t_power)·SE with "
            "K − 2 − q degrees of freedom."
        ),
        source="Donner & Klar (2000); Eldridge, Ashby & Kerry (2006).",
    ),
    Entry(
        name="Closed form, per workspace",
        text="SE² = σ²[ρ(1 − R²_B) + (1 − ρ)(1 − R²_W)·mean(1/n_g)]/(p(1 − p)K).",
        source="Donner & Klar (2000).",
    ),
    Entry(
        name="Simulated test",
        text=(
            "Arms are drawn anew, workspace means are normal with variance τ²(1 − R²_B) + σ²_W(1 − R²_W)/n_g, and "
            "each study is analysed as it "
            "will be: difference of means, CR2, Satterthwaite degrees of freedom. It is the answer where the smaller arm "
            "has under 10 workspaces or "
            "sizes vary by more than 0.6 of their mean."
        ),
        source="Bell & McCaffrey (2002).",
    ),
)
"""Of studies of workspaces."""

UNITS = Entry(
    name="Units",
    text=(
        "A user gains 1 by the own treatment and r times the treated share of the ties. Arms are expected to "
        "differ by "
        "1 + r(E[f|treated] − E[f|control]); launching gives 1 + r·c, c the share of users with ties. Communities "
        "by the method of Louvain."
    ),
    source="Blondel et al. (2008); Ugander & Yin (2023).",
)
"""Of units that are compared."""


def method(proposal: Proposal) -> list[Entry]:
    """The formulas."""
    if proposal.kind == "opt_in":
        return [CHOSEN]
    return [*WORKSPACES, *([UNITS] if "designs" in proposal.tables else [])]
