"""What can go wrong with an answer on its way to people: reading a result back, making its page."""

from __future__ import annotations

from collections.abc import Sequence

from honestlift.errors.root import HonestliftError, nearest


class ReportError(HonestliftError, ValueError):
    """A result cannot be read back, or its page cannot be made or written."""

    @classmethod
    def not_found(cls, path: str) -> ReportError:
        return cls(f"There is no result at {path!r}. Expected the result.json that `run` writes. Check the path.")

    @classmethod
    def unreadable(cls, path: str, reason: str) -> ReportError:
        return cls(
            f"{path!r} is no result of honestlift: {reason}. Expected the result.json that `run` writes. Make it anew with `run`."
        )

    @classmethod
    def no_roles(cls, name: str) -> ReportError:
        return cls(
            f"The result of {name!r} does not say which of its metrics are guardrails. Expected the table 'metrics', which this "
            "version of `run` writes. Make it anew with `run`."
        )

    @classmethod
    def no_page(cls, kind: str) -> ReportError:
        return cls(
            f"There is no page for a study of kind {kind!r}. Expected 'cluster' or 'opt_in'. Print the result, or read its JSON."
        )

    @classmethod
    def no_picture(cls, path: str, kinds: Sequence[str]) -> ReportError:
        return cls(
            f"{path!r} has no ending that says what it is. Expected one of {', '.join('.' + k for k in kinds)}. Rename it."
        )

    @classmethod
    def no_figure(cls, name: str, there: Sequence[str]) -> ReportError:
        return cls(f"The result has no figure {name!r}, or not the numbers for it. {nearest(name, there)}")

    @classmethod
    def cannot_write(cls, path: str, reason: str) -> ReportError:
        return cls(f"{path!r} cannot be written: {reason}. Expected a folder of yours. Name another file.")


class LooksError(HonestliftError, ValueError):
    """A look does not fit the record of looks, or the record cannot be used."""

    @classmethod
    def another_question(cls, recorded: str, asked: str) -> LooksError:
        return cls(
            f"The record of looks is of the question {recorded[:12]}, and this result answers {asked[:12]}. Expected the same plan and "
            "seed at every look. Restore the plan, or begin another record: its first look is then the first."
        )

    @classmethod
    def out_of_order(cls, when: str, last: str) -> LooksError:
        return cls(
            f"This look was taken at {when}, before the last recorded one at {last}. Expected looks in their order. Run it anew."
        )

    @classmethod
    def malformed(cls, path: str, reason: str) -> LooksError:
        return cls(f"{path!r} is no record of looks: {reason}. Expected the file that `monitor` writes. Restore it.")

    @classmethod
    def no_cluster_study(cls, kind: str) -> LooksError:
        return cls(f"A study of kind {kind!r} cannot be monitored. Expected a cluster study, whose effect is randomized.")

    @classmethod
    def cannot_write(cls, path: str, reason: str) -> LooksError:
        return cls(f"{path!r} cannot be written: {reason}. Expected a folder of yours. Name another file.")
