"""Finds and renders the models of a request, in a period in which nothing changes."""

import datetime
import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from catalograph.catalogue.collation import collation_key
from catalograph.demo.replies import write_json
from catalograph.demo.rows import parse_instant
from catalograph.demo.v2026_08.free_router import (
    FREE_ROUTER_ID,
    build_free_router,
    find_pool,
)
from catalograph.demo.v2026_08.lifecycle import (
    JudgedRow,
    Listed,
    find_status_word,
    judge_row,
    show_status,
    write_message,
)
from catalograph.demo.v2026_08.pricing import Floors
from catalograph.demo.v2026_08.question import Question
from catalograph.demo.v2026_08.records import build_offers, build_record
from catalograph.demo.v2026_08.rows import Catalogue, ProviderRow, StoredModel

_FIELDS: Final[Mapping[str, Callable[[JudgedRow], str]]] = {
    "provider": lambda judged: judged.row.provider_id,
    "endpoints": lambda judged: judged.row.endpoint,
    "provider_status": lambda judged: judged.row.provider_status,
    "provider_routing_status": lambda judged: judged.row.provider_routing,
    "model_routing_status": lambda judged: judged.row.model_routing,
    "capability_status": lambda judged: judged.row.capability_status,
    "provider_availability_status": lambda judged: judged.status,
    "provider_availability_reason": lambda judged: judged.reason,
}


_CACHED_LISTS = 8
_CACHED_RECORDS = 2048
"""Number of cached records. One with many offers takes 30 kilobytes, most less than 10."""


class Listing:
    """The models that a request finds, in order, with `phaseo/free` first.

    Args:
        snapshot: Renders the models.
        found: Models with at least one row.
        router: The encoded record of `phaseo/free`; None if it is not listed.

    Attributes:
        found: The models without the router.
        ids: Ids of all models, including the router.
    """

    def __init__(
        self, snapshot: "Snapshot", found: Sequence[Listed], router: bytes | None
    ) -> None:
        self.found = found
        self.ids = [listed.model.id for listed in found]
        self._snapshot = snapshot
        self._router = router
        if router is not None:
            self.ids.insert(0, FREE_ROUTER_ID)
        self._replacement_ids: dict[str, str] = {}
        self._variants: dict[str, tuple[StoredModel, ...]] = {}
        for model in (listed.model for listed in found):
            for predecessor_id in model.predecessor_ids:
                self._replacement_ids.setdefault(predecessor_id, model.id)
            base_id = model.base_model_id or model.id
            self._variants[base_id] = (*self._variants.get(base_id, ()), model)

    def encode(self, place: int) -> bytes:
        """Encode the model at a position, indented as in a response."""
        if self._router is not None:
            if place == 0:
                return self._router
            place -= 1
        listed = self.found[place]
        model = listed.model
        return self._snapshot.encode(
            model.id,
            listed.rows,
            tuple(
                (each.variant, each.id, each.name)
                for each in self._variants[model.base_model_id or model.id]
            ),
            self._replacement_ids.get(model.id),
        )


class Snapshot:
    """The catalogue in a period in which nothing changes.

    Args:
        catalogue: The stored catalogue, its models in list order.
        floors: Lowest prices by model id.
        now: An instant in the period.

    Attributes:
        models: All models with at least one row, in order.
        provider_names: Display names by provider id.
        find: `_find`, with a small cache.
        encode: `_encode`, with a cache.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        floors: Mapping[str, Floors],
        now: datetime.datetime,
    ) -> None:
        self.models = [
            Listed(model, tuple(judge_row(row, now) for row in model.rows))
            for model in catalogue.models
            if model.rows
        ]
        self._routable = [
            Listed(listed.model, rows)
            for listed in self.models
            if (rows := tuple(row for row in listed.rows if row.status == "active"))
        ]
        self.provider_names = {
            provider.api_provider_id: provider.api_provider_name
            for provider in catalogue.providers
        }
        self._floors = floors
        self._status_words = {
            model.id: find_status_word(model, now) for model in catalogue.models
        }
        self._free_router = catalogue.free_router
        whole_pool = find_pool(self.models)
        self._priced_id = whole_pool[0][1].row.provider_id if whole_pool else ""
        self._models = {listed.model.id: listed.model for listed in self.models}
        self.find = functools.lru_cache(_CACHED_LISTS)(self._find)
        self.encode = functools.lru_cache(_CACHED_RECORDS)(self._encode)

    def _find(self, question: Question) -> Listing:
        """Find the models that match, each with the rows that match all row filters."""
        found = [
            Listed(listed.model, rows)
            for listed in (self._routable if question.is_active_only else self.models)
            if self._matches(listed.model, question)
            and (rows := _find_rows(listed.rows, question))
        ]
        # As in the real service, any endpoint filter removes the router.
        pool = [] if question.has_endpoints else find_pool(found)
        if not pool:
            return Listing(self, found, None)
        router = build_free_router(
            self._free_router, pool, self.provider_names, self._priced_id
        )
        return Listing(self, found, _lay_out(router))

    def _encode(
        self,
        model_id: str,
        rows: tuple[JudgedRow, ...],
        variants: tuple[tuple[str, str, str], ...],
        replacement_id: str | None,
    ) -> bytes:
        """Encode a model, indented as in a list.

        Args:
            model_id: Id of a model with rows.
            rows: Its rows that match the request.
            variants: Kind, id and name of each of its variants in the list.
            replacement_id: Id of its successor in the list; None without one.
        """
        model = self._models[model_id]
        floors = self._floors[model_id]
        status = show_status(self._status_words[model_id])
        record = build_record(
            model,
            build_offers(model, rows, floors=floors, names=self.provider_names),
            floors=floors,
            variants={
                kind: {"model_id": variant_id, "name": name}
                for kind, variant_id, name in variants
            },
            lifecycle={
                "status": status,
                "released_at": model.released_at,
                "deprecated_at": model.deprecated_at,
                "retires_at": model.retires_at,
                "replacement_id": replacement_id,
                "message": write_message(model, status, replacement_id),
            },
        )
        return _lay_out(record)

    def _matches(self, model: StoredModel, question: Question) -> bool:
        organization_id = model.organization.id if model.organization else None
        return (
            _holds_any([organization_id], question.organisations)
            and _holds_any(map(str.lower, model.input), question.input_types)
            and _holds_any(map(str.lower, model.output), question.output_types)
            and _holds_any([self._status_words[model.id]], question.statuses)
        )


def _holds_any(values: Iterable[str | None], wanted: Sequence[str]) -> bool:
    return not wanted or any(value in wanted for value in values)


def _find_rows(
    rows: tuple[JudgedRow, ...], question: Question
) -> tuple[JudgedRow, ...]:
    for name, values in question.rows:
        find = _FIELDS[name]
        rows = tuple(judged for judged in rows if find(judged).lower() in values)
    return find_supporting(rows, question.params)


def find_supporting(
    rows: tuple[JudgedRow, ...], params: Sequence[str]
) -> tuple[JudgedRow, ...]:
    """Find the rows that support one of these parameters; all rows if the list is empty."""
    if not params:
        return rows
    return tuple(judged for judged in rows if _supports(judged.row, params))


def _supports(row: ProviderRow, params: Sequence[str]) -> bool:
    return any(
        name in params or any(alias in params for alias in details.get("aliases", ()))
        for name, details in row.parameters.items()
    )


def _lay_out(record: Mapping[str, Any]) -> bytes:
    # Line feeds within strings are escaped, so this only indents lines.
    return write_json(record).replace(b"\n", b"\n    ")


def sort_models(models: Iterable[StoredModel]) -> tuple[StoredModel, ...]:
    """Sort by release date, newest first, undated last; then by name, then by id."""

    def key(model: StoredModel) -> tuple[object, ...]:
        released = parse_instant(model.released_at)
        return (
            -released.timestamp() if released else float("inf"),
            collation_key(model.name),
            collation_key(model.id),
            model.id,
        )

    return tuple(sorted(models, key=key))
