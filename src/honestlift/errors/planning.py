"""What can be wrong before a study: data too few to plan from, a proposal that cannot be read, a library that is not there."""

from __future__ import annotations

from honestlift.errors.root import HonestliftError


class PlanningError(HonestliftError, ValueError):
    """Data or numbers from which no study can be planned."""

    @classmethod
    def too_few(cls, clusters: int, users: int) -> PlanningError:
        return cls(
            f"The pre-period data have {clusters:,} workspaces with {users:,} users who have every value. Expected at "
            "least 4 workspaces "
            "and more users than workspaces, to tell variation between from variation within. Use a longer period, or "
            "give the numbers."
        )

    @classmethod
    def numbers_missing(cls, names: str) -> PlanningError:
        return cls(
            f"There are neither pre-period data nor {names}. Expected one or the other. Name a table with --cluster and "
            "--metric, or give "
            "--clusters, --size, --icc and --sd."
        )

    @classmethod
    def no_library(cls) -> PlanningError:
        return cls(
            "Clusters of the graph need the package networkx, which is not installed. Expected it beside honestlift. "
            "Install it with "
            "`pip install 'honestlift[graph]'`, or leave graph clusters out."
        )

    @classmethod
    def no_edges(cls) -> PlanningError:
        return cls(
            "No edge joins two different users of the table. Expected a collaboration graph between them. Check that the "
            "columns of the "
            "edges name users as the table does."
        )

    @classmethod
    def ids_differ(cls, edges: str, unit: str) -> PlanningError:
        return cls(
            f"The ends of the edges ({edges!r}) and the users ({unit!r}) are not of one type. Expected both to be text or "
            "both whole numbers. "
            "Convert one of them."
        )

    @classmethod
    def not_positive(cls, column: str, least: float) -> PlanningError:
        return cls(f"The weight {column!r} is {least:g} on some edge. Expected weights above zero. Leave these edges out.")

    @classmethod
    def unreadable(cls, path: str, reason: str) -> PlanningError:
        return cls(f"{path!r} cannot be used as a proposal: {reason}. Expected the design.json that `honestlift design` writes.")
