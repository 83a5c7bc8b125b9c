"""Which models have which value: one set of positions for each value of each dimension."""

import datetime
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from catalograph.catalogue.bitset import build_mask
from catalograph.catalogue.records import Model, ModelData, ModelGateway, Status

_NO_DATA = ModelData()
_NO_GATEWAY = ModelGateway()


class _Gatherer:
    """Positions by value, on their way to masks; None gathers the models without a value."""

    def __init__(self) -> None:
        self._positions: dict[str | None, list[int]] = {}

    def add(self, position: int, values: Iterable[str]) -> None:
        is_empty = True
        for value in values:
            is_empty = False
            self._positions.setdefault(value, []).append(position)
        if is_empty:
            self._positions.setdefault(None, []).append(position)

    def build(self, size: int) -> dict[str | None, int]:
        return {
            value: build_mask(positions, size)
            for value, positions in self._positions.items()
        }


class Postings:
    """The masks of a catalogue, by dimension and value.

    In each mapping the key None holds the models that have no value at all.

    Attributes:
        everything: All models.
        routable: Models that the gateway can route.
        providers: By provider id: models with a row of it.
        organisations: By id of the model's organisation object. Not by the part of the
            model id before the slash: the upstream compares the object, and a model
            whose organisation it does not know matches no organisation.
        endpoints: By endpoint id: models that list it.
        endpoints_by_provider: By provider id, then endpoint id: models with such a row.
            Where the upstream gives no rows, models that list both.
        input_modalities: By modality in lower case.
        output_modalities: By modality in lower case.
        status_words: By the upstream's word in lower case.
        statuses: By the name of the status.
        input_spellings: Input modalities in lower case, to the spelling first met.
        output_spellings: The same of output modalities.
        status_labels: Status names, to the word the upstream uses most for it.
    """

    def __init__(self, models: Sequence[Model]) -> None:
        size = len(models)
        providers, organisations, endpoints = _Gatherer(), _Gatherer(), _Gatherer()
        inputs, outputs, words, statuses = (_Gatherer() for _ in range(4))
        pairs: dict[str, _Gatherer] = {}
        routable: list[int] = []
        released: list[tuple[datetime.date, int]] = []
        labels: dict[str, Counter[str]] = {}
        self.input_spellings: Final[dict[str, str]] = {}
        self.output_spellings: Final[dict[str, str]] = {}

        for position, model in enumerate(models):
            data = model.data or _NO_DATA
            gateway = model.gateway or _NO_GATEWAY
            rows = _list_rows(gateway)
            # A mapping drops repeats and keeps the order, which makes builds repeatable.
            providers.add(position, dict.fromkeys(provider for provider, _ in rows))
            endpoints.add(
                position,
                dict.fromkeys(endpoint.endpoint_id for endpoint in gateway.endpoints),
            )
            for provider, endpoint in dict.fromkeys(rows):
                if endpoint is not None:
                    gatherer = pairs.setdefault(provider, _Gatherer())
                    gatherer.add(position, (endpoint,))
            inputs.add(position, _fold(data.input_modalities, self.input_spellings))
            outputs.add(position, _fold(data.output_modalities, self.output_spellings))
            organisation = model.organisation
            organisations.add(
                position, (organisation.organisation_id,) if organisation else ()
            )
            label, status = model.status_label, model.status
            words.add(position, () if label is None else (label.lower(),))
            statuses.add(position, () if status is None else (status.name,))
            if label is not None and status is not None:
                labels.setdefault(status.name, Counter())[label.strip()] += 1
            if gateway.is_routable:
                routable.append(position)
            if model.release_date is not None:
                released.append((model.release_date, position))

        released.sort()
        self._size = size
        self._release_days = [day for day, _ in released]
        self._release_positions = [position for _, position in released]
        self.everything: Final = (1 << size) - 1
        self.routable: Final = build_mask(routable, size)
        self.providers: Final = providers.build(size)
        self.organisations: Final = organisations.build(size)
        self.endpoints: Final = endpoints.build(size)
        self.endpoints_by_provider: Final = {
            provider: gatherer.build(size) for provider, gatherer in pairs.items()
        }
        self.input_modalities: Final = inputs.build(size)
        self.output_modalities: Final = outputs.build(size)
        self.status_words: Final = words.build(size)
        self.statuses: Final = statuses.build(size)
        self.status_labels: Final = {
            name: counter.most_common(1)[0][0]
            for name, counter in labels.items()
            if name != Status.OTHER.name
        }

    def find_released(
        self, first: datetime.date | None, last: datetime.date | None
    ) -> int:
        """Find the models released from `first` to `last`, both included, None for open."""
        days = self._release_days
        start = 0 if first is None else bisect_left(days, first)
        end = len(days) if last is None else bisect_right(days, last)
        return build_mask(self._release_positions[start:end], self._size)


def _fold(modalities: Iterable[str], spellings: dict[str, str]) -> dict[str, None]:
    folded: dict[str, None] = {}
    for modality in modalities:
        lowered = modality.lower()
        spellings.setdefault(lowered, modality)
        folded[lowered] = None
    return folded


def _list_rows(gateway: ModelGateway) -> list[tuple[str, str | None]]:
    """List provider and endpoint of each row.

    The flat upstream gives no rows, only what there is of either: there each provider
    is taken to serve each endpoint. None stands for a provider without any endpoint.
    """
    if gateway.offerings:
        return [
            (offering.provider.provider_id, offering.endpoint.endpoint_id)
            for offering in gateway.offerings
        ]
    endpoint_ids: list[str | None] = [
        endpoint.endpoint_id for endpoint in gateway.endpoints
    ]
    return [
        (provider.provider_id, endpoint_id)
        for provider in gateway.providers
        for endpoint_id in endpoint_ids or [None]
    ]
