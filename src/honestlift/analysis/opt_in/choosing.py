"""Who opts in: a propensity fitted to everybody, then to those who are kept, and which estimands these support."""

from __future__ import annotations

from dataclasses import dataclass

from honestlift.analysis.opt_in.checking import Gate, gate
from honestlift.analysis.opt_in.fits import Trimmed, propensity_of, trim, trimming
from honestlift.analysis.opt_in.gathering import reach_of
from honestlift.analysis.opt_in.reading import OptInReading
from honestlift.analysis.opt_in.streaming import Streaming
from honestlift.design.opt_in import OptInStudy
from honestlift.diagnostics.overlap import Reach
from honestlift.estimators.propensity import Propensity
from honestlift.moments.patterns import Patterns


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Choice:
    """The model of the choice.

    Attributes:
        everyone: all users, or a sample weighted up to them.
        first: the propensity fitted to all users.
        bounds: propensities that are kept; None for all.
        users: the users within the bounds.
        propensity: fitted to them.
        stream: the users within the bounds in their engine, where they are too many patterns to hold.
        reach: range of the propensity in each arm, where the users are a sample.
        support: which estimands they support.
    """

    everyone: Patterns
    first: Propensity
    bounds: Trimmed | None
    users: Patterns
    propensity: Propensity
    stream: Streaming | None
    reach: Reach | None
    support: Gate


def model_choice(reading: OptInReading, study: OptInStudy) -> Choice:
    """Fit, trim and fit again, and look whom the data support.

    Raises:
        DataError: if the covariates determine who opted in, or trimming leaves an arm empty.
        DesignError: if a covariate is collinear with others.
    """
    stream = reading.stream
    everyone = reading.users if reading.clustered or stream else reading.users.collapsed()
    first = propensity_of(everyone, study) if stream is None else stream.propensity()
    bounds = trimming(everyone, first, study)
    users, propensity = everyone, first
    if bounds is not None:
        stream = None if stream is None else stream.trimmed(bounds)
        users = trim(everyone, bounds) if stream is None else stream.patterns(None)
        propensity = propensity_of(users, study) if stream is None else stream.propensity()
    reach = None if stream is None else reach_of(stream)
    return Choice(
        everyone=everyone,
        first=first,
        bounds=bounds,
        users=users,
        propensity=propensity,
        stream=stream,
        reach=reach,
        support=gate(users, propensity, study, reach),
    )
