"""What can be wrong with the question: the design, the assignment, the plan file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from honestlift.errors.root import HonestliftError, listed, nearest


class DesignError(HonestliftError, ValueError):
    """A design or an option of the analysis that cannot be."""

    @classmethod
    def out_of_range(cls, name: str, value: object, expected: str) -> DesignError:
        return cls(f"{name} is {value!r}. Expected {expected}. Change it.")

    @classmethod
    def no_metric(cls) -> DesignError:
        return cls("The study names no metric. Expected at least one outcome. Add one, for example Mean('session_minutes').")

    @classmethod
    def repeated_metric(cls, name: str) -> DesignError:
        return cls(f"Two metrics are called {name!r}. Expected different names. Give one of them a name of its own.")

    @classmethod
    def column_in_two_roles(cls, name: str, first: str, second: str) -> DesignError:
        named = f"twice as {first}" if first == second else f"both as {first} and as {second}"
        return cls(f"Column {name!r} is named {named}. Expected one role per column. Remove one.")

    @classmethod
    def winsorize_without_pre(cls, name: str, quantile: float) -> DesignError:
        return cls(
            f"{name!r} is to be winsorized at its quantile {quantile:g}, and no measure before treatment is named. Expected `pre`, "
            "whose quantile it is: one of the outcome over both arms would move with the effect. Name `pre`, or state a value: {above: 9}."
        )

    @classmethod
    def strata_without_contrast(cls, columns: Sequence[str]) -> DesignError:
        return cls(
            f"No stratum of {listed(columns)} has clusters of both arms. Expected strata within which clusters were randomized. "
            "Name coarser strata, or none."
        )

    @classmethod
    def collinear(cls, name: str, others: Sequence[str]) -> DesignError:
        why = f"a linear combination of {listed(others)}" if others else "zero on every row"
        return cls(f"The regressor {name!r} is {why}. Expected values of its own. Leave it out, or merge its categories.")

    @classmethod
    def no_intercept(cls) -> DesignError:
        return cls("The regressors have no intercept. Expected one, or the sums of the regressors per cluster. Pass these sums.")

    @classmethod
    def no_maximum(cls) -> DesignError:
        return cls(
            "The logit of opting in has no maximum: the covariates tell some choosers for certain. Expected overlap. "
            "Leave the covariate "
            "out that follows from the choice, or merge rare categories."
        )

    @classmethod
    def certain_propensity(cls, edge: float) -> DesignError:
        return cls(
            f"The classifier gives some user a probability within {edge:g} of 0 or 1. Expected calibrated probabilities inside. "
            "Calibrate it, or use one that smooths; nothing is clipped."
        )

    @classmethod
    def opt_in_only(cls) -> DesignError:
        return cls(
            "propensity, matching, trim, learners and measured_at are options of an opt-in study, and the design is a "
            "cluster experiment. "
            "Expected none of them. Remove them, or pass an OptInDesign."
        )

    @classmethod
    def not_of_waves(cls, named: Sequence[str]) -> DesignError:
        return cls(
            f"{listed(named)} cannot be asked of a roll-out in waves. Expected metrics, negative controls, a level and a seed. "
            "Remove them; name as `negative_controls` what the feature cannot move."
        )

    @classmethod
    def no_covariates(cls) -> DesignError:
        return cls(
            "The opt-in study names no covariates. Expected what was known of the users before they chose, for without it "
            "the naive "
            "difference is all there is. Add covariates, for example engagement before the launch."
        )

    @classmethod
    def no_treatment_time(cls, covariate: str, measured_at: str) -> DesignError:
        return cls(
            f"The covariate {covariate!r} says when it was measured ({measured_at!r}), and the design does not say when "
            "users opted in. "
            "Expected both, to compare them. Add `treatment_time: column` to the design, or leave `measured_at` out."
        )

    @classmethod
    def cannot_balance(cls, arm: str) -> DesignError:
        return cls(
            f"No weights on the {arm} users reproduce the covariate means of the target population. Expected a target "
            "within the reach "
            "of this arm. Drop the covariate that separates the arms, or ask for another estimand."
        )


class AssignmentError(HonestliftError, ValueError):
    """An assignment that cannot be drawn, or a record that cannot be read."""

    @classmethod
    def malformed(cls, path: str, reason: str) -> AssignmentError:
        return cls(f"The assignment record {path!r} cannot be used: {reason}. Expected a file written by `honestlift assign`.")

    @classmethod
    def too_small(cls, sizes: Mapping[str, int]) -> AssignmentError:
        told = [f"{size:,} {name}" for name, size in sizes.items()]
        return cls(
            f"The draw would leave {' and '.join(told) if len(told) == 2 else ', '.join(told)} clusters. Expected at "
            "least 2 in each arm. "
            "Add clusters, or change the share."
        )

    @classmethod
    def other_clusters(cls, clusters: int) -> AssignmentError:
        return cls(
            f"The assignment record is not of the {clusters} workspaces '0' to '{clusters - 1}' in two arms. Expected the "
            "record of a simulated "
            "world's own workspaces. Draw it from that world's table."
        )

    @classmethod
    def no_stratum(cls, count: int, example: object) -> AssignmentError:
        return cls(f"{count:,} clusters have no stratum, for example {example!r}. Expected one per cluster. Add them.")

    @classmethod
    def cluster_in_strata(cls, count: int, example: object) -> AssignmentError:
        return cls(
            f"{count:,} clusters have more than one stratum, for example {example!r}. Expected one per cluster. "
            "Choose strata that are known per cluster."
        )

    @classmethod
    def no_covariates(cls, count: int, example: object, names: Sequence[str]) -> AssignmentError:
        return cls(
            f"{count:,} clusters have not one number for each of {listed(names)}, for example {example!r}. Expected what "
            "was known of "
            "every cluster before the draw. Add the numbers, or leave these clusters out."
        )

    @classmethod
    def user_in_clusters(cls, count: int, example: object) -> AssignmentError:
        return cls(
            f"{count:,} users are in more than one cluster, for example {example!r}. Expected each in one, as both stages of the draw "
            "need. Leave them out, or put them where they work most."
        )

    @classmethod
    def covariate_unknown(cls, name: str, count: int) -> AssignmentError:
        return cls(
            f"The covariate {name!r} is missing or infinite for {count:,} clusters. Expected a number for every cluster. "
            "Fill it in, or use another covariate."
        )

    @classmethod
    def covariate_constant(cls, name: str) -> AssignmentError:
        return cls(f"The covariate {name!r} is the same in all clusters. Expected one that tells clusters apart. Leave it out.")

    @classmethod
    def covariate_combined(cls, name: str, others: Sequence[str]) -> AssignmentError:
        return cls(
            f"The covariate {name!r} is a linear combination of {listed(others)}. Expected numbers of its own. Leave it out."
        )

    @classmethod
    def few_accepted(cls, accepted: int, fewest: int, possible: int, acceptance: float) -> AssignmentError:
        enough = fewest / possible if possible else 2.0
        remedy = f"Accept {enough:.2g} of the draws or more" if enough <= 1 else "Use matched pairs or strata instead"
        return cls(
            f"Accepting {acceptance:g} of {possible:,} draws leaves {accepted:,} assignments. Expected at least "
            f"{fewest:,}, so that tests "
            f"have something to draw from. {remedy}, or add clusters."
        )

    @classmethod
    def nothing_accepted(cls, tried: int) -> AssignmentError:
        return cls(
            f"None of {tried:,} draws was as balanced as the record's threshold demands. Expected a threshold that "
            "`honestlift assign` "
            "made for these clusters. Restore the record."
        )

    @classmethod
    def held_arms_impossible(cls) -> AssignmentError:
        return cls(
            "The rule could not have given the arms that are to be held: a stratum has more of one arm than the rule gives it. Expected "
            "arms that follow the record. Hold the data to it with `honestlift check`."
        )

    @classmethod
    def not_in_record(cls, count: int, example: object) -> AssignmentError:
        return cls(
            f"{count:,} clusters are not in the assignment record, for example {example!r}, and it refuses late ones. "
            "Expected the "
            "clusters of the draw. Leave the others out, or draw with a rule for late ones."
        )

    @classmethod
    def cannot_hash(cls, count: int, example: object) -> AssignmentError:
        return cls(
            f"{count:,} ids cannot be hashed as a flag platform does, for example {example!r}. Expected text of plain ASCII characters, "
            "which all its SDKs hash alike. Leave the others out."
        )

    @classmethod
    def nobody_included(cls, key: str, counts: Mapping[str, int]) -> AssignmentError:
        told = ", ".join(f"{count:,} into {arm!r}" for arm, count in counts.items())
        return cls(
            f"The flag {key!r} puts {told}. Expected two clusters or more in each arm. Check its key, seed, hash version, coverage and "
            "namespace against the platform, and that the ids are those that it hashes."
        )

    @classmethod
    def in_another_arm(cls, cluster: object, arm: str, compared: Sequence[str]) -> AssignmentError:
        return cls(
            f"The cluster {cluster!r} is in the arm {arm!r} of the record. Expected one of {listed(compared)}. Leave it "
            "out of the "
            "comparison."
        )


class PlanError(HonestliftError, ValueError):
    """A plan file that cannot be read or does not follow the schema."""

    @classmethod
    def not_found(cls, path: str) -> PlanError:
        return cls(f"There is no plan at {path!r}. Expected a YAML file. Write one with `honestlift init`.")

    @classmethod
    def not_yaml(cls, path: str, reason: str) -> PlanError:
        return cls(f"{path}: this is not YAML: {reason}. Expected keys and values as in `honestlift init`. Mend the line.")

    @classmethod
    def unreadable(cls, path: str, reason: str) -> PlanError:
        return cls(f"{path!r} cannot be read: {reason}. Expected a plan in YAML. Check the path and who may read it.")

    @classmethod
    def several(cls, problems: Sequence[PlanError]) -> PlanError:
        return cls("\n".join(str(problem) for problem in problems))

    @classmethod
    def wrong_shape(cls, where: str, key: str, found: str, expected: str) -> PlanError:
        return cls(f"{where}: {key} is {found}. {expected}. Change it; `honestlift schema` lists what each key takes.")

    @classmethod
    def repeated_key(cls, where: str, key: str, first: int) -> PlanError:
        return cls(f"{where}: the key {key!r} already stands on line {first}. Expected it once. Remove one of them.")

    @classmethod
    def misplaced_key(cls, where: str, key: str, section: str) -> PlanError:
        return cls(f"{where}: the key {key!r} does not stand here. Expected it {section}. Move it there.")

    @classmethod
    def unknown_key(cls, where: str, key: str, known: Sequence[str]) -> PlanError:
        return cls(f"{where}: there is no key {key!r}. {nearest(key, known)}")

    @classmethod
    def missing_key(cls, where: str, key: str) -> PlanError:
        return cls(f"{where}: the key {key!r} is missing. Expected it here. Add it; `honestlift schema` lists all keys.")

    @classmethod
    def bad_value(cls, where: str, key: str, value: object, reason: str) -> PlanError:
        return cls(f"{where}: {key} is {value!r}. {reason}. Change it; `honestlift schema` lists what each key takes.")

    @classmethod
    def bad_lock(cls, path: str, reason: str) -> PlanError:
        return cls(
            f"{path!r} is no lock of a plan: {reason}. Expected the file that `honestlift lock` writes. Restore it, or remove it "
            "and lock the plan anew."
        )

    @classmethod
    def changed_since_lock(cls, plan: str, locked: str) -> PlanError:
        return cls(
            f"{plan} has changed since it was locked on {locked}. Expected the plan as it was then. Undo the change, or lock it "
            "anew, from now on, with --again."
        )

    @classmethod
    def answered_before_lock(cls, result: str) -> PlanError:
        return cls(
            f"{result} is there: outcomes have been read, and locking after the fact is no lock. Expected a plan without "
            "a result. "
            "Move the result away if it is of other data, or use --again, and the next result will say that the lock came late."
        )
