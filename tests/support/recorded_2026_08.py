"""The recorded catalogue of August 2026 as stored rows, as far as answers reveal them."""

import collections
import functools
import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from catalograph.demo.v2026_08.rows import (
    Catalogue,
    FreeRouter,
    Organisation,
    Price,
    PriceList,
    Provider,
    ProviderRow,
    StoredModel,
)

TODAY = Path(__file__).parents[3] / "shared" / "upstream" / "today"
DATA = TODAY / "data"

_FREE_ROUTER_ID = "phaseo/free"

# Reason by rollout state, which no answer shows.
_ROLLOUT = {"provider_not_ready": "not_ready", "preview_only": "alpha"}


@functools.cache
def read(name: str) -> Any:
    return json.loads(gzip.decompress((DATA / f"{name}.json.gz").read_bytes()))


@functools.cache
def build_catalogue() -> Catalogue:
    """Store what the whole recorded catalogue tells.

    Rows of one provider are united in an offer. What of it belongs to which row is told
    by the catalogue of what can be routed, and by the recorded requests with one filter.
    """
    router, *records = read("catalogue-today-all")["models"]
    active = {
        (record["id"], offer["provider"]["id"]): offer
        for record in read("catalogue-today")["models"]
        for offer in record["offers"]
    }
    predecessors = collections.defaultdict(list)
    for catalogue in ("catalogue-today-all", "catalogue-today"):
        for record in read(catalogue)["models"]:
            replacement_id = record["lifecycle"]["replacement_id"]
            if replacement_id:
                predecessors[replacement_id].append(record["id"])
    hints = _Hints()
    words = _read_words()
    return Catalogue(
        models=tuple(
            _build_model(
                record,
                [
                    row
                    for offer in record["offers"]
                    for row in _split_offer(
                        record["id"],
                        offer,
                        active.get((record["id"], offer["provider"]["id"])),
                        hints,
                    )
                ],
                status=words.get(record["id"], record["lifecycle"]["status"]),
                predecessor_ids=tuple(predecessors[record["id"]]),
            )
            for record in records
        ),
        providers=msgspec.convert(read("providers")["providers"], tuple[Provider, ...]),
        organisations=msgspec.convert(
            read("organisations")["organisations"], tuple[Organisation, ...]
        ),
        free_router=FreeRouter(router["name"], router["description"]),
    )


class _Hints:
    """What the answers to requests with a single filter tell about single rows.

    Attributes:
        fields: Values of rows by field, by model, provider, endpoint and status. More
            than one value of a field means that there are several rows.
        params: Endpoints that take a parameter, by model, provider and parameter.
    """

    def __init__(self) -> None:
        self.fields: dict[tuple[str, str, str, str], dict[str, set[str]]] = {}
        self.params: dict[tuple[str, str, str], set[str]] = {}
        for case in read("truth"):
            filters = [name for name in case["query"] if name not in _PAGING]
            if len(filters) != 1 or len(case["query"][filters[0]]) != 1:
                continue
            [name], [value] = filters, case["query"][filters[0]]
            if "," in value:
                continue
            for model_id, offers in case.get("offer_rows", {}).items():
                for provider_id, status, *endpoints in offers:
                    if name in {"params", "supported_parameters"}:
                        key = model_id, provider_id, value
                        self.params.setdefault(key, set()).update(endpoints)
                    if name not in _FIELDS and name != "endpoints":
                        continue
                    for endpoint in endpoints:
                        row = model_id, provider_id, endpoint, status
                        told = self.fields.setdefault(row, {})
                        if name in _FIELDS:
                            told.setdefault(_FIELDS[name], set()).add(value.lower())

    def takes(
        self, model_id: str, offer: dict[str, Any], endpoint: str, name: str
    ) -> bool:
        """Tell whether a parameter of an offer is one of its row for an endpoint."""
        if len(offer["endpoints"]) == 1:
            return True
        told = self.params.get((model_id, offer["provider"]["id"], name))
        if told:
            return endpoint in told
        if "batch" in offer["endpoints"]:
            return (endpoint == "batch") == (name in {"completion_window", "endpoint"})
        return True


_PAGING = {"availability", "limit", "offset"}
_FIELDS = {
    "provider_status": "provider_status",
    "provider_routing_status": "provider_routing",
    "model_routing_status": "model_routing",
    "capability_status": "capability_status",
    "provider_availability_reason": "reason",
}
_PAST = "2026-01-01T00:00:00+00:00"


def _build_model(
    record: dict[str, Any], rows: list[ProviderRow], **more: object
) -> StoredModel:
    lifecycle = record["lifecycle"]
    names = ("id", "name", "description", "variant", "base_model_id", "aliases")
    return msgspec.convert(
        {
            **{name: record[name] for name in (*names, "organization")},
            "released_at": lifecycle["released_at"],
            "deprecated_at": lifecycle["deprecated_at"],
            "retires_at": lifecycle["retires_at"],
            **record["modalities"],
            **record["limits"],
            "rows": msgspec.to_builtins(rows),
            "price_lists": msgspec.to_builtins(_build_prices(record)),
            **more,
        },
        StoredModel,
    )


def _split_offer(
    model_id: str, offer: dict[str, Any], active: dict[str, Any] | None, hints: _Hints
) -> list[ProviderRow]:
    """Split an offer into its rows."""
    shown = active or offer
    rows = [
        _build_row(model_id, shown, endpoint, hints) for endpoint in shown["endpoints"]
    ]
    hidden = [
        _build_hidden_row(model_id, offer, endpoint, told, reason, details)
        for endpoint, told, reason, details in _find_hidden(
            model_id, offer, shown, rows, hints
        )
    ]
    # The first row gives its name to the offer.
    return hidden + rows if shown["model"] != offer["model"] else rows + hidden


_Told = dict[str, set[str]]


def _find_hidden(
    model_id: str,
    offer: dict[str, Any],
    shown: dict[str, Any],
    rows: list[ProviderRow],
    hints: _Hints,
) -> Iterator[tuple[str, _Told, str, dict[str, Any]]]:
    """Find rows that cannot be routed beside better ones of the same provider."""
    known = shown["capabilities"]["parameter_details"]
    left = {
        name: details
        for name, details in offer["capabilities"]["parameter_details"].items()
        if name not in known
    }
    for endpoint in offer["endpoints"]:
        key = model_id, offer["provider"]["id"], endpoint
        seen = {shown["status_reason"] for row in rows if row.endpoint == endpoint} | {
            "active"
        }
        for status in ("inactive", "coming_soon"):
            told = hints.fields.get((*key, status), {})
            for reason in sorted(told.get("reason", set()) - seen):
                seen.add(reason)
                yield endpoint, told, reason, left
        if (
            seen == {"active"}
            and shown["status"] == "active"
            and (left or endpoint not in shown["endpoints"])
        ):
            yield endpoint, {}, "inactive", left


def _build_hidden_row(
    model_id: str,
    offer: dict[str, Any],
    endpoint: str,
    told: _Told,
    reason: str,
    details: dict[str, Any],
) -> ProviderRow:
    del model_id

    def choose(field: str, default: str) -> str:
        values = told.get(field, {default})
        return next((value for value in sorted(values) if value != "active"), "active")

    return ProviderRow(
        provider_id=offer["provider"]["id"],
        endpoint=endpoint,
        model=offer["model"],
        provider_status=_ROLLOUT.get(reason, "active"),
        provider_routing=choose("provider_routing", "active"),
        model_routing=choose("model_routing", "active"),
        capability_status=choose("capability_status", "active"),
        is_on=False,
        input=tuple(offer["modalities"]["input"]),
        output=tuple(offer["modalities"]["output"]),
        effective_from=offer["effective"]["from"],
        effective_to=_PAST if reason == "retired" else None,
        parameters=details,
    )


_ROLLOUT = {"provider_not_ready": "not_ready", "preview_only": "alpha"}


def _build_row(
    model_id: str, offer: dict[str, Any], endpoint: str, hints: _Hints
) -> ProviderRow:
    provider_id = offer["provider"]["id"]
    told = hints.fields.get((model_id, provider_id, endpoint, offer["status"]), {})

    def choose(field: str, default: str) -> str:
        values = told.get(field, {default})
        return default if default in values else min(values)

    reason = choose("reason", offer["status_reason"])
    return ProviderRow(
        provider_id=provider_id,
        endpoint=endpoint,
        model=offer["model"],
        provider_status=choose("provider_status", _ROLLOUT.get(reason, "active")),
        provider_routing=choose("provider_routing", offer["routing"]["provider"]),
        model_routing=choose("model_routing", offer["routing"]["model"]),
        capability_status=choose("capability_status", offer["routing"]["capability"]),
        is_on=offer["routable"],
        input=tuple(offer["modalities"]["input"]),
        output=tuple(offer["modalities"]["output"]),
        effective_from=offer["effective"]["from"],
        effective_to=offer["effective"]["to"],
        parameters={
            name: details
            for name, details in offer["capabilities"]["parameter_details"].items()
            if hints.takes(model_id, offer, endpoint, name)
        },
    )


def _read_words() -> dict[str, str]:
    """Find the models whose stored word is neither shown nor `active`."""
    return {
        model_id: case["query"]["status"][0]
        for case in read("truth")
        if case["query"].get("status") in (["draft"], ["disabled"])
        for model_id in case["ids"]
    }


def _build_prices(record: dict[str, Any]) -> list[PriceList]:
    """Store the lists in force, and what is lower as a list that has ended."""
    in_force = [
        PriceList(
            provider_id=entry["provider"],
            endpoint=entry["endpoint"],
            prices=msgspec.convert(entry["meters"], tuple[Price, ...]),
        )
        for entry in _read_prices().get(record["id"], ())
    ]
    ended = [
        PriceList(
            provider_id=offer["provider"]["id"],
            endpoint=offer["endpoints"][0],
            prices=tuple(
                Price(
                    name, **{key: meter[key] for key in meter if key != "provider_id"}
                )
                for name, meter in offer["pricing"]["meters"].items()
                if meter is not None
            ),
            until=_PAST,
        )
        for offer in record["offers"]
    ]
    return in_force + ended


@functools.cache
def _read_prices() -> dict[str, list[dict[str, Any]]]:
    found = collections.defaultdict(list)
    for entry in read("pricing-models")["body"]["models"]:
        found[entry["model"]].append(entry)
    return found
