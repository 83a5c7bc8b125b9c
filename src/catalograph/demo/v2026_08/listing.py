"""The models that a request finds, in order, while the same rows can be routed."""

import datetime
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from catalograph.catalogue.ordering import collation_key
from catalograph.demo.rows import parse_instant
from catalograph.demo.v2026_08.free_router import build_free_router, find_pool
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


class Listing:
    """What one request found: records are built when asked for.

    Args:
        found: In order; each has at least one row.
        build_router: Builds the record of `phaseo/free`; None where it is not listed.
    """

    def __init__(
        self,
        snapshot: "Snapshot",
        found: Sequence[Listed],
        build_router: Callable[[], dict[str, Any]] | None,
    ) -> None:
        self.found = found
        self.build_router = build_router
        self._snapshot = snapshot
        self._replacements: dict[str, str] = {}
        self._variants: dict[str, dict[str, dict[str, str]]] = {}
        for listed in found:
            model = listed.model
            for predecessor_id in model.predecessor_ids:
                self._replacements.setdefault(predecessor_id, model.id)
            self._variants.setdefault(model.base_model_id or model.id, {})[
                model.variant
            ] = {"model_id": model.id, "name": model.name}

    def build(self, listed: Listed) -> dict[str, Any]:
        """Show one model of this list."""
        model = listed.model
        floors = self._snapshot.floors[model.id]
        replacement_id = self._replacements.get(model.id)
        status = show_status(self._snapshot.status_words[model.id])
        return build_record(
            model,
            build_offers(
                model,
                listed.rows,
                floors=floors,
                names=self._snapshot.provider_names,
            ),
            floors=floors,
            variants=self._variants[model.base_model_id or model.id],
            lifecycle={
                "status": status,
                "released_at": model.released_at,
                "deprecated_at": model.deprecated_at,
                "retires_at": model.retires_at,
                "replacement_id": replacement_id,
                "message": write_message(model, status, replacement_id),
            },
        )


class Snapshot:
    """The catalogue between two instants at which anything changes.

    Args:
        catalogue: With models in the order in which they are listed.
        floors: Prices by model id.
        now: An instant within that time.

    Attributes:
        models: Every model that has a row, in order, all its rows judged.
        status_words: What the filter `status` looks at, by model id.
        provider_names: Display names by provider id.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        floors: Mapping[str, Floors],
        now: datetime.datetime,
    ) -> None:
        self.floors = floors
        self.models = [
            Listed(model, tuple(judge_row(row, now) for row in model.rows))
            for model in catalogue.models
            if model.rows
        ]
        self.status_words = {
            model.id: find_status_word(model, now) for model in catalogue.models
        }
        self.provider_names = {
            provider.api_provider_id: provider.api_provider_name
            for provider in catalogue.providers
        }
        self._free_router = catalogue.free_router
        whole_pool = find_pool(self.models)
        self._priced_id = whole_pool[0][1].row.provider_id if whole_pool else ""

    def find(self, question: Question) -> Listing:
        """Find the models that match, each with the rows that match together."""
        found = [
            Listed(listed.model, rows)
            for listed in self.models
            if self._matches(listed.model, question)
            and (rows := tuple(_find_rows(listed.rows, question)))
        ]
        # An endpoint filter leaves nothing of the pool, whatever it asks for.
        pool = [] if question.has_endpoints else find_pool(found)
        return Listing(
            self,
            found,
            (
                lambda: build_free_router(
                    self._free_router, pool, self.provider_names, self._priced_id
                )
            )
            if pool
            else None,
        )

    def _matches(self, model: StoredModel, question: Question) -> bool:
        organization_id = model.organization.id if model.organization else None
        return (
            _holds_any([organization_id], question.organisations)
            and _holds_any(map(str.lower, model.input), question.input_types)
            and _holds_any(map(str.lower, model.output), question.output_types)
            and _holds_any([self.status_words[model.id]], question.statuses)
        )


def _holds_any(values: Iterable[str | None], wanted: Sequence[str]) -> bool:
    return not wanted or any(value in wanted for value in values)


def _find_rows(rows: Iterable[JudgedRow], question: Question) -> Iterator[JudgedRow]:
    for judged in rows:
        if question.is_active_only and judged.status != "active":
            continue
        if all(
            _FIELDS[name](judged).lower() in values for name, values in question.rows
        ) and _supports(judged.row, question.params):
            yield judged


def find_supporting(
    rows: Iterable[JudgedRow], params: Sequence[str]
) -> tuple[JudgedRow, ...]:
    """Find the rows that take one of these parameters; all of them if none is named."""
    return tuple(judged for judged in rows if _supports(judged.row, params))


def _supports(row: ProviderRow, params: Sequence[str]) -> bool:
    return not params or any(
        name in params or any(alias in params for alias in details.get("aliases", ()))
        for name, details in row.parameters.items()
    )


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
