"""What a collaboration graph says, in words: who was exposed by arm, what leaks, and what a split of users would have done."""

from __future__ import annotations

from honestlift.report import words
from honestlift.report.asked import primary, records
from honestlift.report.names import GROUPS
from honestlift.report.page import FEWEST, told
from honestlift.result import Lift


def exposure(lift: Lift) -> list[tuple[str, str, str]]:
    """Users by arm and exposure, and what there is to say of each; empty where there is no exposure."""
    if "exposure_levels" in lift.tables:
        return _levels(lift)
    counts = {str(k): int(v) for k, v in lift.population.get("exposure_counts", {}).items()}
    if not {"exposed control", "pure control"} <= counts.keys():
        return []
    control = counts["exposed control"] + counts["pure control"]
    made: list[tuple[str, str, str]] = []
    for group in ("exposed control", "pure control"):
        few = min(counts["exposed control"], counts["pure control"]) < FEWEST
        share = "–" if few else words.percent(counts[group] / control if control else None)
        made.append((GROUPS[group], told(counts[group]), f"{share} of control users"))
    treated = counts.get("treated")
    return [("Treated", told(treated), "all reached by their own treatment"), *made] if treated is not None else made


def _levels(lift: Lift) -> list[tuple[str, str, str]]:
    """The four levels of the primary metric's users, with what the design gave them."""
    made: list[tuple[str, str, str]] = []
    for row in records(lift, "exposure_levels"):
        if row["metric"] != primary(lift):
            continue
        text = f"{words.percent(row['mean_probability'])} by the design"
        if row["share_without"]:
            text += f"; {words.percent(row['share_without'])} of users could not have it"
        users = f"under {FEWEST}" if row["users"] is None else f"{row['users']:,}"
        made.append((row["level"].capitalize(), users, text))
    return made


def facts(lift: Lift) -> dict[str, float | None]:
    """The quantities of the table ``contamination``; empty without a collaboration graph."""
    if "contamination" not in lift.tables:
        return {}
    return {row["quantity"]: row["value"] for row in records(lift, "contamination")}


def lead(lift: Lift) -> str:
    """What leaks, what the workspaces keep in, and what it does to the contrast of the arms."""
    found = facts(lift)
    if not found:
        return ""
    text = f"{words.percent(found['share_of_ties_between_workspaces'])} of the ties lead to other workspaces. "
    realized, split = found["control_exposure_realized"], found["control_exposure_by_user_split"]
    text += f"Of a control user's ties {words.percent(realized)} lead to treated users"
    expected = found["control_exposure_expected"]
    text += (
        f" ({words.percent(expected)} were to be expected); had users been split one by one, it would be {words.percent(split)}. "
    )
    reach = found["gate_per_unit_of_ratio"]
    text += f"{words.percent(found['surrounded_control'])} of control and {words.percent(found['surrounded_treated'])} of treated users "
    text += "have partners of their own arm only. "
    if reach:
        text += "If a user whose partners elsewhere all have the feature gains r times what the own feature gives, a launch gives 1 + "
        text += f"{words.number(reach)} r of it, of which the arms' contrast shows 1 {_minus(found['itt_per_unit_of_ratio'])} r: "
        text += f"a launch would turn to harm at r below {words.number(found['break_even_ratio'])}."
    return text


def _minus(value: float | None) -> str:
    """A signed number with a blank between sign and size."""
    said = words.signed(value or 0.0)
    return f"{said[0]} {said[1:]}"
