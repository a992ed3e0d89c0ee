"""What can be wrong with the rows: where they are, their columns, their values."""

from __future__ import annotations

from collections.abc import Sequence

from honestlift.errors.root import HonestliftError, listed, nearest


class SourceError(HonestliftError, OSError):
    """The rows cannot be reached or read."""

    @classmethod
    def not_found(cls, path: str) -> SourceError:
        return cls(f"There is no file at {path!r}. Expected a parquet or CSV file, or a glob that matches some. Check the path.")

    @classmethod
    def unreadable(cls, path: str, reason: str) -> SourceError:
        return cls(f"{path!r} cannot be read: {reason}. Expected a complete parquet or CSV file. Write it again.")

    @classmethod
    def unknown_format(cls, path: str) -> SourceError:
        return cls(
            f"{path!r} is neither parquet nor CSV. Expected a name that ends in .parquet, .pq, .csv, .tsv or "
            ".csv.gz. Rename it, or load it and pass the frame."
        )

    @classmethod
    def unsupported(cls, kind: str) -> SourceError:
        return cls(
            f"A {kind} is not a table that honestlift can read. Expected a path, a DuckDB relation, an Ibis table, or a pandas, "
            "Polars, Arrow or PySpark frame."
        )

    @classmethod
    def no_table(cls, name: str, known: Sequence[str]) -> SourceError:
        return cls(f"The database has no table {name!r}. {nearest(name, known)}")

    @classmethod
    def which_table(cls, path: str, known: Sequence[str]) -> SourceError:
        return cls(f"{path!r} is a database, and no table in it is named. Expected one of: {listed(known, 12)}. Name it.")

    @classmethod
    def database(cls, path: str, reason: str) -> SourceError:
        return cls(
            f"{path!r} cannot be opened: {reason}. Expected a DuckDB database that no other process is writing to. "
            "Close the other connection, or pass a relation of it."
        )

    @classmethod
    def changed(cls) -> SourceError:
        return cls(
            "The rows changed between two scans. Expected the same rows from the first scan to the last. "
            "Run again when nothing writes to them, or copy them first."
        )

    @classmethod
    def engine(cls, reason: str) -> SourceError:
        return cls(f"The engine stopped: {reason}. Nothing was estimated. Mend the data or give the engine more room.")

    @classmethod
    def no_room(cls, reason: str) -> SourceError:
        return cls(
            f"The engine has run out of room: {reason}. Nothing was estimated. Expected memory, or space on disk, for what a scan has "
            "to hold. Raise --memory-limit, name a folder on a larger disk by --spill, or use fewer --threads."
        )


class ColumnError(HonestliftError, LookupError):
    """A column that the study names is not in the table, or is there more than once."""

    @classmethod
    def missing(cls, name: str, role: str, known: Sequence[str]) -> ColumnError:
        return cls(f"The table has no column {name!r}, which the plan names as {role}. {nearest(name, known)}")

    @classmethod
    def ambiguous(cls, name: str) -> ColumnError:
        return cls(f"The table has more than one column called {name!r}. Expected one. Rename the others.")


class DataError(HonestliftError, ValueError):
    """The values are not what the study needs."""

    @classmethod
    def empty(cls) -> DataError:
        return cls("The table has no rows. Expected one row per user. Check the file or the filter that made it.")

    @classmethod
    def missing_values(cls, column: str, role: str, count: int) -> DataError:
        return cls(
            f"{count:,} rows have no value of {column!r}, the {role}. Expected one on every row. "
            "Remove these rows, or fill them in, before the analysis."
        )

    @classmethod
    def not_numeric(cls, column: str, role: str, dtype: str) -> DataError:
        return cls(f"Column {column!r}, the {role}, holds {dtype}. Expected numbers or 0/1. Convert it, or name another column.")

    @classmethod
    def all_missing(cls, column: str, role: str) -> DataError:
        return cls(f"Column {column!r}, the {role}, has no value on any row. Expected numbers. Check how the table was made.")

    @classmethod
    def constant(cls, column: str, role: str, value: float) -> DataError:
        return cls(
            f"Column {column!r}, the {role}, is {value:g} on every row. Expected values that vary: a constant has no "
            "effect to estimate. Name another column."
        )

    @classmethod
    def infinite(cls, column: str, role: str, count: int) -> DataError:
        return cls(
            f"Column {column!r}, the {role}, is infinite on {count:,} rows. Expected finite numbers. "
            "Find the division by zero that made them, or set them to missing."
        )

    @classmethod
    def beyond_doubles(cls, column: str, role: str) -> DataError:
        return cls(
            f"Column {column!r}, the {role}, holds whole numbers beyond 2^53, which lose digits as doubles. Expected smaller ones. "
            "Take a constant off it, or leave it out if it is an id."
        )

    @classmethod
    def too_large(cls, column: str, largest: float) -> DataError:
        return cls(
            f"Column {column!r} reaches {largest:g}, and its square does not fit a double. Expected values below 1e150. "
            "Change its unit."
        )

    @classmethod
    def duplicated_units(cls, column: str, example: object, count: int, *, sampled: bool = False) -> DataError:
        at_least = "at least " if sampled else ""
        return cls(
            f"{at_least}{count:,} values of {column!r} stand on more than one row, for example {example!r}. Expected one row per "
            "user. Aggregate to one row per user, or set `rows: events` if the rows are events."
        )

    @classmethod
    def unit_in_clusters(cls, unit: str, what: str, count: int, example: object) -> DataError:
        return cls(
            f"{count:,} values of {unit!r} have rows with more than one {what}, for example {example!r}. Expected one per user. "
            "Decide to which one they belong before the analysis."
        )

    @classmethod
    def treatment_not_binary(cls, column: str, values: Sequence[object]) -> DataError:
        return cls(
            f"Treatment column {column!r} holds {listed(values)}. Expected 0/1 or true/false. Name the two arms: "
            f"treatment: {{column: {column}, treated: …, control: …}}."
        )

    @classmethod
    def arm_empty(cls, column: str, arm: str, value: object, values: Sequence[object]) -> DataError:
        return cls(
            f"No row of {column!r} is in the {arm} arm ({value!r}). Expected both arms; the column holds {listed(values)}. "
            "Check the coding of the treatment."
        )

    @classmethod
    def treatment_varies(cls, treatment: str, cluster: str, count: int, example: object) -> DataError:
        return cls(
            f"{treatment!r} varies within {count:,} values of {cluster!r}, for example {example!r}. Expected one arm per cluster, "
            "since whole clusters are randomized. Check which column was randomized, or name the right cluster."
        )

    @classmethod
    def too_few_clusters(cls, cluster: str, treated: int, control: int) -> DataError:
        return cls(
            f"{cluster!r} has {treated:,} treated and {control:,} control clusters. Expected at least 2 in each arm: "
            "with fewer the variation between clusters cannot be seen. Randomize more clusters."
        )

    @classmethod
    def not_binary(cls, column: str, role: str, values: Sequence[object]) -> DataError:
        return cls(f"Column {column!r}, the {role}, holds {listed(values)}. Expected 0/1 or true/false. Recode it.")

    @classmethod
    def too_many_levels(cls, column: str, count: int, most: int) -> DataError:
        return cls(
            f"Text column {column!r} has {count:,} different values. Expected at most {most} categories in a covariate. "
            "Group them, or leave the column out."
        )

    @classmethod
    def float_ids(cls, column: str) -> DataError:
        return cls(f"Column {column!r}, the unit, holds floating-point numbers. Expected integers or text. Cast it.")

    @classmethod
    def not_integer_ids(cls, column: str, example: object, count: int) -> DataError:
        return cls(
            f"{count:,} rows have a value of {column!r}, the unit, that is no whole number, for example {example!r}. Expected whole "
            "numbers of at most 38 digits, as unit_type says. Set `unit_type: text`, or mend the ids."
        )

    @classmethod
    def not_a_time(cls, column: str, role: str, held: str) -> DataError:
        return cls(
            f"Column {column!r}, the {role}, holds {held}. Expected dates or timestamps. Convert it, or leave it out of the plan."
        )

    @classmethod
    def mixed_zones(cls, first: str, second: str) -> DataError:
        return cls(
            f"{first!r} has a time zone and {second!r} has none, so that nobody can say which of two times is the earlier. Expected both "
            "with a zone, or both without. Convert one of them."
        )

    @classmethod
    def no_outcome_in_arm(cls, column: str, arm: str) -> DataError:
        return cls(f"No {arm} user has a value of {column!r}. Expected outcomes in both arms. Check the join that made it.")

    @classmethod
    def outcome_in_few_clusters(cls, column: str, role: str, cluster: str, treated: int, control: int) -> DataError:
        return cls(
            f"Column {column!r}, the {role}, has values in {treated:,} treated and {control:,} control clusters of {cluster!r}. "
            "Expected at least 2 in each arm. Check the join that made it, or leave it out."
        )

    @classmethod
    def no_denominator(cls, column: str, arm: str) -> DataError:
        return cls(
            f"Column {column!r}, the denominator, does not add up to more than zero among {arm} users. Expected a positive sum in both "
            "arms: a ratio of nothing is no number. Name another denominator, or the numerator alone as a mean."
        )

    @classmethod
    def stratum_varies(cls, stratum: str, cluster: str, count: int, example: object) -> DataError:
        return cls(
            f"{stratum!r} varies within {count:,} values of {cluster!r}, for example {example!r}. Expected one stratum per "
            "cluster, since clusters were randomized within strata. Choose strata that are known per cluster."
        )

    @classmethod
    def no_category(cls, column: str, role: str) -> DataError:
        return cls(
            f"Column {column!r}, the {role}, holds lists, structures, intervals or raw bytes. Expected numbers, text or dates. "
            "Cast it, or name another column."
        )

    @classmethod
    def too_many_values(cls, column: str, role: str, count: int, most: int) -> DataError:
        return cls(
            f"Column {column!r}, the {role}, has {count:,} different values. Expected at most {most:,}. Check which column is meant."
        )

    @classmethod
    def cannot_recentre(cls, what: str) -> DataError:
        return cls(
            f"The sum of {what} cannot be moved to another origin: the sums of its factors or the count of its rows are missing. "
            "Expected them over the same rows. Ask for them in the same request."
        )

    @classmethod
    def extreme_spread(cls, column: str, spread: float, least: float, most: float) -> DataError:
        return cls(
            f"Column {column!r} varies by about {spread:.1g}, and the fourth power of that does not fit a double. "
            f"Expected a spread from {least:g} to {most:g}. Change its unit."
        )

    @classmethod
    def unlike_moments(cls) -> DataError:
        return cls("These tables of sums cannot be merged: their sums or keys differ. Expected tables that one plan asked for.")

    @classmethod
    def one_value(cls, column: str, role: str, value: object) -> DataError:
        return cls(
            f"Column {column!r}, the {role}, is {value!r} on every row. Expected values that vary: a constant tells nobody apart. "
            "Leave it out."
        )

    @classmethod
    def determines_treatment(cls, treatment: str, columns: Sequence[str]) -> DataError:
        which = f"{listed(columns)} tells" if len(columns) == 1 else f"{listed(columns)} together tell"
        return cls(
            f"{which} who is treated by {treatment!r}: no user with the same covariates chose otherwise. Expected overlap. Leave "
            "such a column out if it follows from the choice, or restrict the study to users who could choose."
        )

    @classmethod
    def one_arm_level(cls, column: str, level: object, arm: str, count: int) -> DataError:
        return cls(
            f"All {count:,} users with {column!r} = {level!r} are {arm}. Expected both arms in every category. "
            "Merge the category with another, or leave these users out and say so."
        )

    @classmethod
    def follows_choice(cls, column: str, treatment: str) -> DataError:
        return cls(
            f"Column {column!r}, the outcome, is the same for all users of either arm of {treatment!r}: it is the choice itself, or "
            "follows from it. Expected outcomes that vary within the arms. Name another column."
        )

    @classmethod
    def no_users_left(cls, why: str) -> DataError:
        return cls(f"{why} leaves no users in one of the arms. Expected some in both. Widen it, or leave it out.")
