"""The small records of one page, made once each."""

import datetime

from catalograph.catalogue.records import Endpoint, Organisation, Provider
from catalograph.upstream.salvage import Tally

_NO_WORDS: tuple[str, ...] = ()


class RecordMaker:
    """Makes the records of one page; equal values are one object, so that a page is small."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._organisations: dict[tuple[str | None, ...], Organisation] = {}
        self._providers: dict[tuple[str | None, ...], Provider] = {}
        self._endpoints: dict[str, Endpoint] = {}
        self._endpoint_lists: dict[tuple[str, ...], tuple[Endpoint, ...]] = {}
        self._words: dict[tuple[str, ...], tuple[str, ...]] = {}

    def organisation(
        self,
        organisation_id: str,
        name: str | None = None,
        country_code: str | None = None,
    ) -> Organisation:
        """Make or find an organisation with exactly these values."""
        key = (organisation_id, name, country_code)
        found = self._organisations.get(key)
        if found is None:
            found = self._organisations[key] = Organisation(
                organisation_id=organisation_id, name=name, country_code=country_code
            )
        return found

    def provider(
        self,
        provider_id: str,
        name: str | None = None,
        link: str | None = None,
        country_code: str | None = None,
    ) -> Provider:
        """Make or find a provider with exactly these values."""
        key = (provider_id, name, link, country_code)
        found = self._providers.get(key)
        if found is None:
            found = self._providers[key] = Provider(
                provider_id=provider_id, name=name, link=link, country_code=country_code
            )
        return found

    def endpoint(self, endpoint_id: str) -> Endpoint:
        """Make or find an endpoint."""
        found = self._endpoints.get(endpoint_id)
        if found is None:
            found = self._endpoints[endpoint_id] = Endpoint(endpoint_id=endpoint_id)
        return found

    def endpoints(self, endpoint_ids: tuple[str, ...] | None) -> tuple[Endpoint, ...]:
        """The endpoints of a list, distinct, in the list's order; none for null."""
        if not endpoint_ids:
            return ()
        found = self._endpoint_lists.get(endpoint_ids)
        if found is None:
            distinct = dict.fromkeys(endpoint_ids)
            found = self._endpoint_lists[endpoint_ids] = tuple(
                self.endpoint(endpoint_id) for endpoint_id in distinct
            )
        return found

    def words(self, words: tuple[str, ...] | None) -> tuple[str, ...]:
        """A list as it is, repeats and all; empty for null."""
        return self._words.setdefault(words, words) if words else _NO_WORDS

    def day(self, field: str, text: str | None) -> datetime.date | None:
        """The calendar day as written, whatever time and zone follow it; None for a word."""
        if text is None:
            return None
        try:
            return datetime.datetime.fromisoformat(text).date()
        except ValueError:
            self._tally.add(field, text)
            return None

    def instant(self, field: str, text: str | None) -> datetime.datetime | None:
        """An instant in UTC; one without zone is in UTC already; None for a word."""
        if text is None:
            return None
        try:
            found = datetime.datetime.fromisoformat(text)
            if found.tzinfo is None:
                return found.replace(tzinfo=datetime.UTC)
            return found.astimezone(datetime.UTC)
        except (ValueError, OverflowError):  # the latter: a zone at the end of time
            self._tally.add(field, text)
            return None
