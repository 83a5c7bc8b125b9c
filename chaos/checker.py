"""Compares every answer with the catalogue as it was at the time that the answer claims."""

import re
from collections.abc import Iterator, Mapping

import msgspec

from chaos.questions import Seen
from chaos.truth import Truth

_MAX_AGE = re.compile(r"max-age=(\d+)")

_SLACK_S = 0.25
"""Tolerance for the time between reading a clock and acting on it."""

_KEPT_WHILE_STALE_S = 1.0
"""A gateway may cache a response for this long, although its data is no longer fresh."""


class Ages(msgspec.Struct, frozen=True):
    """The cache settings of the gateways, in seconds.

    Attributes:
        fresh_s: Up to this age, data is served without a refresh.
        stale_s: Up to this age, data is served and refreshed in the background.
        asking_s: Longest time for fetching one page from the upstream.
    """

    fresh_s: float
    stale_s: float
    asking_s: float


class Checker:
    """Finds statements of answers that contradict the real catalogue."""

    def __init__(self, truth: Truth, ages: Ages) -> None:
        self._truth = truth
        self._ages = ages

    def find_lies(
        self,
        seen: Seen,
        headers: Mapping[str, str],
        *,
        sent_s: float,
        received_s: float,
    ) -> list[str]:
        """Describe every wrong statement of an answer; empty if there is none.

        Args:
            seen: Versions and times in the answer.
            headers: Headers of the answer.
            sent_s: Unix time at which the request was sent.
            received_s: Unix time at which the answer was complete.
        """
        return [
            *self._compare_sizes(seen),
            *self._compare_states(seen),
            *self._compare_ages(seen, headers, sent_s, received_s),
        ]

    def _compare_sizes(self, seen: Seen) -> Iterator[str]:
        for total, version in seen.totals:
            expected = self._truth.count_models(version)
            if total != expected:
                yield f"{total} models in version {version}, which has {expected}"

    def _compare_states(self, seen: Seen) -> Iterator[str]:
        """Check that a list, and all that uses the index, comes from one catalogue version."""
        for field, versions in seen.versions.items():
            if len(versions) > 1:
                yield f"{field} mixes versions {sorted(versions)}"
        everything = set().union(*seen.versions.values())
        if seen.as_of_s is not None and len(everything) > 1:
            yield f"one operation sees versions {sorted(everything)} of the index"
        if len(everything) > 1:
            period_s = self._truth.period_s
            # The smallest possible difference in age between the two pages.
            apart_s = (max(everything) - min(everything) - 1) * period_s
            if apart_s > self._ages.fresh_s + self._ages.asking_s:
                yield f"pages of one operation are {apart_s:.1f} s apart"

    def _compare_ages(
        self,
        seen: Seen,
        headers: Mapping[str, str],
        sent_s: float,
        received_s: float,
    ) -> Iterator[str]:
        everything = set().union(*seen.versions.values())
        if not everything:
            return
        oldest, youngest = min(everything), max(everything)
        ages = self._ages
        at_most_s = received_s
        if seen.as_of_s is not None:
            at_least_s = seen.as_of_s
            at_most_s = min(received_s, seen.as_of_s + ages.asking_s)
        elif seen.stale_as_of_s is not None:
            at_least_s = seen.stale_as_of_s
        else:
            at_least_s = sent_s - self._allowed_age_s(headers)
        if oldest < self._truth.version_at(at_least_s - _SLACK_S):
            yield (
                f"version {oldest} in an answer that says to be of version "
                f"{self._truth.version_at(at_least_s)} or later"
            )
        if youngest > self._truth.version_at(at_most_s + _SLACK_S):
            yield f"version {youngest} in an answer of before it"
        claimed_s = seen.as_of_s
        if (
            claimed_s is not None
            and seen.stale_as_of_s is None
            and sent_s - claimed_s > self._allowed_age_s(headers) + _SLACK_S
        ):
            yield f"{sent_s - claimed_s:.1f} s old, and no warning"

    def _allowed_age_s(self, headers: Mapping[str, str]) -> float:
        """Return the greatest age that an answer without a warning may have."""
        control = headers.get("cache-control", "")
        found = _MAX_AGE.search(control)
        if found is not None:
            return self._ages.fresh_s - int(found[1]) + float(headers.get("age", "0"))
        return self._ages.stale_s + _KEPT_WHILE_STALE_S
