"""What keeps a study from rows that live in a database or a cluster: addresses, credentials, packages, rights."""

from __future__ import annotations

from honestlift.errors.rows import SourceError


class ReachError(SourceError):
    """The engine that holds the rows cannot be reached, or does not do what the study needs."""

    @classmethod
    def not_an_address(cls) -> ReachError:
        return cls(
            "The address of the database cannot be read; it is not repeated here, since it may hold a password. Expected "
            "scheme://user@host:port/database, other signs in percent code, such as %40 for @. Write it so."
        )

    @classmethod
    def address_without_table(cls, place: str) -> ReachError:
        return cls(f"{place} is a database, and no table in it is named. Expected an address and a table. Name it: table=….")

    @classmethod
    def no_such_variable(cls, name: str) -> ReachError:
        return cls(f"The environment has no variable {name!r}, which the address of the data names. Expected its value. Set it.")

    @classmethod
    def unreachable(cls, place: str, reason: str) -> ReachError:
        return cls(
            f"{place} cannot be reached: {reason}. Expected a database that lets this user in. Check the address, and the "
            "credentials in the environment."
        )

    @classmethod
    def no_extra(cls, extra: str, missing: str) -> ReachError:
        return cls(
            f"These rows need the package {missing!r}, which is not installed. Expected honestlift with its extra. "
            f"Install it: pip install 'honestlift[{extra}]'."
        )

    @classmethod
    def two_sessions(cls, first: str, second: str) -> ReachError:
        return cls(
            f"One table is in {first} and the other in {second}, or in another session, and cannot be joined with it. Expected both in one "
            "session of one engine. Connect both by the same address, or write both to files."
        )

    @classmethod
    def no_copy(cls, engine: str, reason: str) -> ReachError:
        return cls(
            f"{engine} wrote no temporary table: {reason}. Events, and ties between users, are first summed into one. Expected a user "
            "who may write temporary tables, not on a read-only replica. Grant it, or make one row per user before the analysis."
        )

    @classmethod
    def two_engines(cls, first: str, second: str) -> ReachError:
        return cls(
            f"The users are in {first} and the ties in {second}, which cannot be joined. Expected both in one engine. "
            f"Write the ties to where the users are, or both to files."
        )
