"""The request: which sums, by which keys. Requests merge with ``|``, so that several questions share one scan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from honestlift.errors import DesignError


@dataclass(frozen=True, slots=True, order=True)
class Sum:
    """A sum over rows of a product of columns, each about its origin.

    Attributes:
        factors: columns whose product is summed; none counts rows, one sums, two sum a product (or a square).
        present: columns that must have a value for a row to count; the factors are always among them.
    """

    factors: tuple[str, ...] = ()
    present: tuple[str, ...] = ()

    @classmethod
    def of(cls, *factors: str, present: Sequence[str] = ()) -> Sum:
        """A sum in its normal form: factors sorted, the columns that must be present sorted and each once."""
        return cls(tuple(sorted(factors)), tuple(sorted({*factors, *present})))

    def where_missing(self, incomplete: frozenset[str]) -> Sum:
        """The same sum, asking only for the presence of columns that have missing values at all."""
        return Sum(self.factors, tuple(name for name in self.present if name in incomplete))


@dataclass(frozen=True, slots=True)
class Spec:
    """Sums by cluster and cell.

    Attributes:
        cluster: column that names the cluster.
        cells: discrete columns that split clusters into cells; they are grouped by, never multiplied out.
        sums: what is summed, each once, in the order asked for.
    """

    cluster: str
    cells: tuple[str, ...] = ()
    sums: tuple[Sum, ...] = ()

    @classmethod
    def of_outcome(cls, cluster: str, outcome: str, covariates: Sequence[str] = (), *, cells: Sequence[str] = ()) -> Spec:
        """All that least squares of an outcome on cells and covariates needs, over the rows where none of these is missing."""
        columns = present = (outcome, *(c for c in covariates if c != outcome))
        singles = [Sum.of(c, present=present) for c in columns]
        pairs = [Sum.of(a, b, present=present) for i, a in enumerate(columns) for b in columns[i:]]
        return cls(cluster, tuple(cells), tuple(dict.fromkeys([Sum.of(present=present), *singles, *pairs])))

    def __or__(self, other: Spec) -> Spec:
        """Both requests in one, each sum once, in stable order.

        Raises:
            DesignError: if the two are by different clusters.
        """
        if self.cluster != other.cluster:
            raise DesignError.out_of_range("cluster", other.cluster, f"the same cluster in both requests ({self.cluster!r})")
        cells = tuple(dict.fromkeys((*self.cells, *other.cells)))
        return Spec(self.cluster, cells, tuple(dict.fromkeys((*self.sums, *other.sums))))

    @property
    def measures(self) -> tuple[str, ...]:
        """The columns that are summed or must be present, each once, in the order of the request."""
        factors = [name for s in self.sums for name in s.factors]
        return tuple(dict.fromkeys([*factors, *(name for s in self.sums for name in s.present)]))
