"""What can be wrong with a file of sums that was made earlier, or elsewhere."""

from __future__ import annotations

from collections.abc import Sequence

from honestlift.errors.root import HonestliftError, listed, nearest


class MomentsError(HonestliftError, ValueError):
    """A file of sums cannot be used for this question.

    Example:
        >>> try:
        ...     hl.read_moments("no-such.parquet")
        ... except hl.HonestliftError as problem:
        ...     print(type(problem).__name__)
        MomentsError
    """

    @classmethod
    def not_found(cls, path: str) -> MomentsError:
        return cls(f"There is no file of sums at {path!r}. Expected the file that `run --save-moments` writes. Check the path.")

    @classmethod
    def unreadable(cls, path: str, reason: str) -> MomentsError:
        return cls(
            f"{path!r} is no file of sums: {reason}. Expected a parquet file in the schema of docs/reference/moments.md, whole. "
            "Make it anew with `run --save-moments`."
        )

    @classmethod
    def version(cls, path: str, found: object, known: int) -> MomentsError:
        return cls(
            f"{path!r} has schema version {found!r} of the sums. Expected version {known}. Make it anew with this version of honestlift."
        )

    @classmethod
    def incomplete(cls, path: str, what: str, found: int, expected: int) -> MomentsError:
        return cls(
            f"{path!r} holds {found:,} {what} and says that they were {expected:,}. Expected the whole answer of the query. "
            "Export it again; it may have been cut short."
        )

    @classmethod
    def edited(cls, path: str) -> MomentsError:
        return cls(
            f"{path!r} was changed after it was made: its contents do not have the hash that it bears. Expected the file as it was "
            "written. Make it anew with `run --save-moments`."
        )

    @classmethod
    def impossible(cls, path: str, what: str) -> MomentsError:
        return cls(
            f"{path!r} holds sums that no rows can have: {what}. Expected the answer of the query as it was. Run it again."
        )

    @classmethod
    def another_question(cls, stored: str, asked: str) -> MomentsError:
        return cls(
            f"The sums were made for the question {stored[:12]}, and this plan needs those of {asked[:12]}. Expected the same columns, "
            "roles, metrics and covariates. Restore the plan, or make the sums anew with `run --save-moments`."
        )

    @classmethod
    def unlike(cls, first: str, second: str, what: str) -> MomentsError:
        return cls(
            f"The sums of {first!r} and {second!r} cannot be added: {what}. Expected files made by one plan from different rows. "
            "Make them anew with the same plan and the same types of columns."
        )

    @classmethod
    def overlapping(cls, first: str, second: str, units: int, one_in: int) -> MomentsError:
        share = "" if one_in == 1 else f" among one user in {one_in:,}"
        who = f"One user{share} stands" if units == 1 else f"{units:,} users{share} stand"
        return cls(
            f"{who} both in {first!r} and in {second!r}. Expected files of different users: sums over days of "
            "the same users cannot be added, for a user's days are not independent. Split the rows by user, or sum each user's days "
            "first (`rows: events` over all days)."
        )

    @classmethod
    def no_header(cls, path: str) -> MomentsError:
        return cls(
            f"{path!r} was not written by honestlift, and the study is one of users who choose. Expected the sums of a cluster study "
            "from a query, or a file that `run --save-moments` wrote. Make it with `run --save-moments`."
        )

    @classmethod
    def needs_rows(cls) -> MomentsError:
        return cls(
            "This study needs a scan that the sums do not hold. Expected rows. Run the plan on its data, without --moments."
        )

    @classmethod
    def no_query(cls, reasons: Sequence[str]) -> MomentsError:
        return cls(
            f"No query can make the sums of this study: {listed(reasons)}. Expected a cluster study of means and ratios, without caps. "
            "Leave these out, or run the plan where honestlift can reach the rows."
        )

    @classmethod
    def no_sqlglot(cls) -> MomentsError:
        return cls(
            "Queries are written by the package 'sqlglot', which is not installed. Expected version 26 or later. "
            "Install it: pip install 'honestlift[sql]'."
        )

    @classmethod
    def no_dialect(cls, dialect: str, known: Sequence[str]) -> MomentsError:
        return cls(f"There is no dialect {dialect!r}. {nearest(dialect, known)}")

    @classmethod
    def no_model(cls, name: str) -> MomentsError:
        return cls(
            f"{name!r} is no name of a dbt model or source. Expected letters, digits and underscores, and a dot between a source and its "
            "table. Check the name."
        )

    @classmethod
    def unspeakable(cls, name: str) -> MomentsError:
        return cls(
            f"The name {name!r} cannot stand in this query. Expected a name that is not empty, without NUL, and in a dbt model without "
            "'{{', '{%' or '{#', which dbt would run. Rename the column in a view."
        )

    @classmethod
    def repeated(cls, unit: str, rows: int, users: int) -> MomentsError:
        return cls(
            f"The query counted {rows:,} rows and {users:,} different values of {unit!r}. Expected one row per user. Aggregate to one "
            "row per user, or set `rows: events` if the rows are events, and print the query anew."
        )

    @classmethod
    def several_values(cls, unit: str, users: int) -> MomentsError:
        return cls(
            f"{users:,} values of {unit!r} have events with more than one cluster, arm, stratum, exposure, segment or covariate. "
            "Expected one per user. Decide to which one they belong before the query."
        )

    @classmethod
    def not_savable(cls, reasons: Sequence[str]) -> MomentsError:
        return cls(
            f"The sums of this study cannot be kept in a file, for it needs the rows: {listed(reasons)}. Expected means, ratios and "
            "covariates in a cluster study, or few patterns of covariates in an opt-in study. Leave --save-moments out."
        )
