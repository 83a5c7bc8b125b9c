"""The whole catalogue in memory, with look-ups by id and alias and between entities."""

import copy
import datetime
import hashlib
from collections import Counter
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from catalograph.catalogue.descriptions import describe
from catalograph.catalogue.endpoint_groups import resolve
from catalograph.catalogue.postings import Postings, build_mask
from catalograph.catalogue.pricing import PricePostings
from catalograph.catalogue.records import Endpoint, Model, Organisation, Provider
from catalograph.catalogue.search import SearchIndex
from catalograph.catalogue.side_tables import SideTable, TableKind
from catalograph.concurrency.bounded_lru import BoundedLru

_RECENT_ANSWERS = 64
"""Selections cached for each state of the catalogue; one with 60,000 models takes 240 kB."""

_BYTES_PER_ENCODED_BYTE = 3
"""Memory that a model and its part of the index take for each byte of its JSON; measured."""


_MAX_STATES_OF_PRICES = 8
"""Cached states, one for each set of open price windows; the real catalogue has two."""


class CatalogueIndex:
    """One state of the catalogue; immutable once it is built.

    All tables are built up front, in a thread. A table built on first use would block the
    event loop during a request.

    Attributes:
        models: In catalogue order, the order in which the upstream listed them.
        as_of_s: Unix time in seconds at which reading the catalogue began.
        answered_by: Name of the upstream version that listed the models; None if unknown.
        listed: The models as they were listed, before side tables were added to them.
        tables: The side tables that were added, by kind; None for a table that could not be
            read. A kind that is missing was not requested.
        ignoring_case: Dimensions in which values are compared without case.
        size_bytes: Memory of the whole index, roughly.
        version: Hash of the records and their order, sixteen hexadecimal digits; equal
            catalogues have equal versions in every process, whenever they were read.
        providers: Distinct, sorted by id; each as the first model that names it describes it.
        endpoints: Distinct, sorted by id.
        organisations: Distinct, sorted by id; described as providers are.
        postings: Which models have which value. From here on, attributes are internal to
            the package `catalogue`.
        prices: Prices of models at one moment; see `at`.
        words: Search index.
        recent: Cache of selections and searches.
    """

    def __init__(
        self,
        models: Iterable[Model],
        as_of_s: float,
        ignoring_case: Collection[str],
        marks: "_Marks",
    ) -> None:
        self.models: Final = tuple(models)
        self._position_by_id: Final = {
            model.model_id: position for position, model in enumerate(self.models)
        }
        self.as_of_s: Final = as_of_s
        self.answered_by: str | None = None
        self.listed: Sequence[Model] = self.models
        self.tables: Mapping[TableKind, SideTable | None] = {}
        self.ignoring_case: Final = frozenset(ignoring_case)
        self.version: Final = marks.version
        self.size_bytes: Final = marks.encoded_bytes * _BYTES_PER_ENCODED_BYTE
        self._position_by_alias: Final = {
            alias: position
            # In reverse, so that the first model with an alias wins.
            for position, model in reversed(list(enumerate(self.models)))
            for alias in model.aliases
        }
        self._position_by_folded_key: Final[dict[str, int]] = {}
        for keys in (self._position_by_id, self._position_by_alias):
            for key, position in keys.items():
                self._position_by_folded_key.setdefault(key.casefold(), position)
        self._gather_entities()
        self.postings: Final[Postings] = Postings(self.models, ignoring_case)
        self._relate_entities()
        self.words: Final = SearchIndex(self.models)
        self.prices: PricePostings = PricePostings(
            self.models, to_moment(as_of_s), self.postings.ids.rising
        )
        self._prices_of_a_day: Final = self.prices.list_of_a_day(_MAX_STATES_OF_PRICES)
        self.recent: BoundedLru[Hashable, Any] = BoundedLru(max_weight=_RECENT_ANSWERS)
        self._at_other_hours = _build_states()

    @classmethod
    def build(
        cls,
        models: Sequence[Model],
        *,
        as_of_s: float,
        ignoring_case: Collection[str] = (),
        before: "CatalogueIndex | None" = None,
        tables: Mapping[TableKind, SideTable | None] | None = None,
        answered_by: str | None = None,
    ) -> "CatalogueIndex":
        """Build the index of a catalogue.

        Takes about 300 µs of CPU time for each model, so it must run in a thread.

        Args:
            models: Each with both sections, in the upstream's order; of records with the
                same id, the first one counts.
            as_of_s: Unix time in seconds at which reading the catalogue began.
            ignoring_case: Dimensions (see `filter.DIMENSIONS`) in which this version of
                the upstream compares without case.
            before: The previous state. Its postings and caches are reused if the catalogue
                has not changed, which is true of most refreshes.
            tables: Side tables to add to the models, by kind; None if there are none.
            answered_by: Name of the upstream version that listed the models; None if unknown.
        """
        by_id: dict[str, Model] = {}
        for model in models:
            by_id.setdefault(model.model_id, model)
        listed = distinct = tuple(by_id.values())
        if tables:
            read = [table for table in tables.values() if table is not None]
            distinct = describe(listed, read)
        marks = _measure(distinct)
        if (
            before is not None
            and before.version == marks.version
            and before.ignoring_case == frozenset(ignoring_case)
        ):
            index = copy.copy(before)
            index.__dict__["as_of_s"] = as_of_s
            # The cached states of other hours carry the old `as_of_s`.
            index._at_other_hours = _build_states()  # noqa: SLF001 - its own
        else:
            index = cls(distinct, as_of_s, ignoring_case, marks)
        index.answered_by = answered_by
        index.listed = listed
        index.tables = tables or {}
        return index

    def at(self, now_s: float) -> "CatalogueIndex":
        """Return the same catalogue with the prices of another moment.

        Args:
            now_s: Unix time in seconds.

        Returns:
            This index itself, unless a price window has opened or closed.
        """
        now = to_moment(now_s)
        if self.prices.holds_at(now):
            return self
        key = self.prices.find_open(now)
        state = self._at_other_hours.get(key)
        if state is None:
            state = copy.copy(self)
            state.prices = self._prices_of_a_day.get(key) or self.prices.move_to(now)
            state.recent = BoundedLru(max_weight=_RECENT_ANSWERS)
            self._at_other_hours.put(key, state)
        return state

    def hold_for_s(self, now_s: float) -> float:
        """Return for how many more seconds these prices apply; infinity if they never change."""
        return self.prices.find_seconds_left(to_moment(now_s))

    def keep_unchanged(self, models: Iterable[Model]) -> tuple[Model, ...]:
        """Replace models by equal objects of this catalogue, so that memory is shared."""
        kept = []
        for model in models:
            position = self._position_by_id.get(model.model_id)
            known = model if position is None else self.listed[position]
            kept.append(known if known == model else model)
        return tuple(kept)

    def find_model(self, key: str) -> Model | None:
        """Find a model by id, else by alias, else by either without regard to case."""
        position = self.find_position_of(key)
        if position is None:
            position = self._position_by_folded_key.get(key.casefold())
        return None if position is None else self.models[position]

    def find_model_by_id(self, model_id: str) -> Model | None:
        """Find a model by its id; an alias finds nothing."""
        position = self._position_by_id.get(model_id)
        return None if position is None else self.models[position]

    def find_model_by_alias(self, alias: str) -> Model | None:
        """Find the first model in catalogue order that has this alias."""
        position = self._position_by_alias.get(alias)
        return None if position is None else self.models[position]

    def find_position(self, model_id: str) -> int | None:
        """Find the position of a model in catalogue order, from 0."""
        return self._position_by_id.get(model_id)

    def find_position_of(self, key: str) -> int | None:
        """Find the position of the model with this id, or else with this alias."""
        position = self._position_by_id.get(key)
        return self._position_by_alias.get(key) if position is None else position

    def match_ids(self, keys: Iterable[str]) -> int:
        """Find the models with these ids or aliases; unknown ones match nothing."""
        positions = map(self.find_position_of, keys)
        return build_mask(
            [one for one in positions if one is not None], len(self.models)
        )

    def variants_of(self, base_model_id: str) -> tuple[Model, ...]:
        """Return the models with this base model, in catalogue order; empty if there are none."""
        return self._variants_by_base.get(base_model_id, ())

    def find_provider(self, provider_id: str) -> Provider | None:
        """Find a provider by its id."""
        return self._provider_by_id.get(provider_id)

    def find_endpoint(self, name: str) -> Endpoint | None:
        """Find an endpoint by its id, or else the one of its group with the most models."""
        held = [
            one for one in self.resolve_endpoint(name) if one in self._endpoint_by_id
        ]
        if not held:
            return None
        return self._endpoint_by_id[
            max(held, key=lambda one: self._models_by_endpoint[one])
        ]

    def resolve_model_id(self, name: str) -> tuple[str, ...]:
        """Resolve an id or alias, case-sensitively; an unknown name is returned as it is."""
        found = self.find_model_by_id(name) or self.find_model_by_alias(name)
        return (name if found is None else found.model_id,)

    def resolve_endpoint(self, name: str) -> tuple[str, ...]:
        """Resolve a name to the ids of endpoints; see `endpoint_groups.resolve`."""
        return resolve(name, self._endpoint_by_id)

    def find_organisation(self, organisation_id: str) -> Organisation | None:
        """Find an organisation by its id."""
        return self._organisation_by_id.get(organisation_id)

    def suggest_search(self, words: tuple[str, ...]) -> str | None:
        """Suggest a similar search that has results; None when there is none."""
        key = ("suggestion", words)
        found = self.recent.get(key)
        if found is None:
            found = (self.words.suggest(words),)
            self.recent.put(key, found)
        suggestion: str | None = found[0]
        return suggestion

    def endpoints_of(self, provider_id: str) -> tuple[Endpoint, ...]:
        """Return the endpoints on which a provider serves any model, sorted by id."""
        return self._endpoints_by_provider.get(provider_id, ())

    def providers_of(self, endpoint_id: str) -> tuple[Provider, ...]:
        """Return the providers that serve any model on an endpoint, sorted by id."""
        return self._providers_by_endpoint.get(endpoint_id, ())

    def _gather_entities(self) -> None:
        providers: dict[str, Provider] = {}
        endpoints: dict[str, Endpoint] = {}
        organisations: dict[str, Organisation] = {}
        for model in self.models:
            organisation = model.organisation
            if organisation is not None:
                known = organisations.setdefault(
                    organisation.organisation_id, organisation
                )
                if known.name is None and organisation.name is not None:
                    organisations[organisation.organisation_id] = organisation
            if model.gateway is None:
                continue
            for endpoint in model.gateway.endpoints:
                endpoints.setdefault(endpoint.endpoint_id, endpoint)
            for provider in model.gateway.providers:
                described = providers.setdefault(provider.provider_id, provider)
                if described.name is None and provider.name is not None:
                    providers[provider.provider_id] = provider
        self._provider_by_id = dict(sorted(providers.items()))
        self._endpoint_by_id = dict(sorted(endpoints.items()))
        self._organisation_by_id = dict(sorted(organisations.items()))
        self.providers = tuple(self._provider_by_id.values())
        self.endpoints = tuple(self._endpoint_by_id.values())
        self.organisations = tuple(self._organisation_by_id.values())

    def _relate_entities(self) -> None:
        self._models_by_endpoint = Counter(
            endpoint.endpoint_id
            for model in self.models
            if model.gateway is not None
            for endpoint in model.gateway.endpoints
        )
        variants: dict[str, list[Model]] = {}
        for model in self.models:
            if model.base_model_id is not None:
                variants.setdefault(model.base_model_id, []).append(model)
        self._variants_by_base = {
            base: tuple(models) for base, models in variants.items()
        }
        pairs = self._find_pairs()
        self._endpoints_by_provider = {
            provider_id: tuple(
                endpoint
                for endpoint_id, endpoint in self._endpoint_by_id.items()
                if (provider_id, endpoint_id) in pairs
            )
            for provider_id in self._provider_by_id
        }
        self._providers_by_endpoint = {
            endpoint_id: tuple(
                provider
                for provider_id, provider in self._provider_by_id.items()
                if (provider_id, endpoint_id) in pairs
            )
            for endpoint_id in self._endpoint_by_id
        }

    def _find_pairs(self) -> set[tuple[str | None, str | None]]:
        """Find the pairs of provider and endpoint with at least one offering."""
        masks = self.postings.rows.masks
        return {
            (provider_id, endpoint_id)
            for provider_id, of_provider in masks["providers"].items()
            for endpoint_id, of_endpoint in masks["endpoints"].items()
            if of_provider & of_endpoint
        }


def _build_states() -> "BoundedLru[tuple[bool | None, ...], CatalogueIndex]":
    return BoundedLru(max_weight=_MAX_STATES_OF_PRICES)


def to_moment(unix_s: float) -> datetime.datetime:
    """Convert Unix time to a datetime in UTC."""
    return datetime.datetime.fromtimestamp(unix_s, tz=datetime.UTC)


class _Marks(msgspec.Struct, frozen=True):
    """Version and size of a catalogue, both computed by encoding it once.

    Attributes:
        version: See `CatalogueIndex`.
        encoded_bytes: Size of all models as JSON.
    """

    version: str
    encoded_bytes: int


def _measure(models: Sequence[Model]) -> _Marks:
    encoder = msgspec.json.Encoder()
    digest = hashlib.blake2b(digest_size=8)
    size = 0
    for model in models:
        encoded = encoder.encode(model)
        size += len(encoded)
        digest.update(encoded)
        digest.update(b"\n")
    return _Marks(digest.hexdigest(), size)
