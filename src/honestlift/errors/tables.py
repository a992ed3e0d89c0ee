"""What can be wrong with tables that are to be joined."""

from __future__ import annotations

from collections.abc import Sequence

from honestlift.errors.root import HonestliftError, listed


class TablesError(HonestliftError, ValueError):
    """Tables cannot be joined as the study asks."""

    @classmethod
    def none(cls) -> TablesError:
        return cls("No table is named. Expected an assignment table, a table of events, or both. Leave it out, or name one.")

    @classmethod
    def one_key(cls) -> TablesError:
        return cls("The assignment table names both a cluster and a unit, or neither. Expected one of them: what a row assigns.")

    @classmethod
    def rule(cls, name: str, value: object, known: Sequence[str]) -> TablesError:
        return cls(f"{name} is {value!r}. Expected one of {listed(known, 9)}.")

    @classmethod
    def needs_time(cls, what: str, key: str) -> TablesError:
        return cls(f"{what[0].upper()}{what[1:]} needs a time. Expected {key}. Name its column, or ask for another rule.")

    @classmethod
    def no_name(cls) -> TablesError:
        return cls("A column that is made from events has no name. Expected a column to sum, or a name for the number of events.")

    @classmethod
    def nobody_exposed(cls, unit: str) -> TablesError:
        return cls(
            f"No user's {unit!r} stands in the exposure table after the assignment. Expected the same names and clock in both tables. "
            "Compare a few rows."
        )

    @classmethod
    def no_sums(cls) -> TablesError:
        return cls("The table of events makes no column. Expected at least one sum. Name the column that is to be summed.")

    @classmethod
    def repeated(cls, name: str) -> TablesError:
        return cls(f"Two columns that are made from events are called {name!r}. Expected one. Give one of them another name.")

    @classmethod
    def window(cls, value: str) -> TablesError:
        return cls(f"The window {value!r} is no time. Expected a number of hours, days or weeks, e.g. '12h', '14d' or '2w'.")

    @classmethod
    def pre_window_alone(cls, value: str) -> TablesError:
        return cls(
            f"`pre_window: {value!r}` stands in a metric without `window`. Expected both, over the same events. Add the other."
        )

    @classmethod
    def window_without_events(cls, column: str) -> TablesError:
        return cls(
            f"A metric over {column!r} has a window, and the plan names no events. Expected `events` beside `data`. "
            "Name their table, or leave the window out."
        )

    @classmethod
    def not_given(cls, name: str, needed: Sequence[str]) -> TablesError:
        return cls(
            f"The study joins tables, and {name} is not among the data. Expected a mapping with {listed(needed, 5)}. Pass every table."
        )

    @classmethod
    def too_many(cls, names: Sequence[str]) -> TablesError:
        return cls(
            f"The data have {listed(names)}, which the study does not join. Expected one table. Name the others in the study."
        )

    @classmethod
    def two_engines(cls, first: str, second: str) -> TablesError:
        return cls(
            f"One table is in {first} and another in {second}, which cannot be joined. Expected all in one engine. "
            "Write them to where the users are, or all to files."
        )

    @classmethod
    def unlike(cls, first: str, held: str, second: str, other: str) -> TablesError:
        return cls(
            f"{first} holds {held} and {second} {other}, which cannot be compared. Expected the same type in both. Convert one of them."
        )

    @classmethod
    def column_there(cls, name: str, where: str) -> TablesError:
        return cls(
            f"The users have a column {name!r} already, which is also made from {where}. Expected one. Rename one of them."
        )

    @classmethod
    def several_arms(cls, key: str, example: object, count: int) -> TablesError:
        return cls(
            f"{count:,} values of {key!r} in the assignment table have several arms, such as {example!r}. Expected one arm for each. "
            "Find out which one holds."
        )

    @classmethod
    def no_arm(cls, key: str, count: int) -> TablesError:
        return cls(
            f"{count:,} values of {key!r} in the assignment table have no arm. Expected one. Fill it in, or remove these rows."
        )

    @classmethod
    def nobody(cls, key: str) -> TablesError:
        return cls(
            f"No user's {key!r} stands in the assignment table. Expected the same names in both. Compare a few; text and case count."
        )

    @classmethod
    def late(cls, count: int) -> TablesError:
        return cls(
            f"{count:,} users joined after the assignment. Expected none, as the plan says. "
            "Write `late: drop` to leave them out, or `late: keep`."
        )

    @classmethod
    def several_values(cls, column: str, count: int) -> TablesError:
        return cls(
            f"{count:,} users who stand on several rows have several values of {column!r}. Expected one per user and cluster. "
            "Settle them, or leave these users out with `moves: drop`."
        )

    @classmethod
    def no_time(cls, column: str, what: str, count: int) -> TablesError:
        return cls(f"Column {column!r}, {what}, is missing on {count:,} rows. Expected a time on every row. Fill it in.")

    @classmethod
    def too_short(cls, name: str) -> TablesError:
        return cls(
            f"No user's window of {name!r} is over by the end of the events. Expected some. Wait, shorten the window, or set `until`."
        )

    @classmethod
    def not_a_time(cls, column: str, held: str) -> TablesError:
        return cls(f"Column {column!r} holds {held}. Expected dates or times. Convert it, or name another column.")

    @classmethod
    def cluster_only(cls) -> TablesError:
        return cls("Only cluster studies join tables. Expected one table of users. Join them first, e.g. in a view.")
