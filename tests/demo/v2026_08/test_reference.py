"""Random requests give the same answers as a slow and simple reference.

The reference below knows nothing of the service: it walks over all rows for each request.
"""

import datetime
import json
import math
import urllib.parse
from collections.abc import Iterator
from typing import Any, Final

from hypothesis import given, settings, strategies as st

from catalograph.catalogue.collation import collation_key
from catalograph.demo.v2026_08.catalogue import read_catalogue
from catalograph.demo.v2026_08.keys import TOKEN
from catalograph.demo.v2026_08.rows import ProviderRow, StoredModel
from catalograph.demo.v2026_08.service import Upstream

CATALOGUE: Final = read_catalogue()
NOW: Final = datetime.datetime(2026, 8, 22, 12, tzinfo=datetime.UTC)
UPSTREAM: Final = Upstream(CATALOGUE, clock=lambda: NOW)

Asked = dict[str, list[str]]
"""Wanted values by the name of the parameter, already split."""

ENDPOINT_SYNONYMS: Final = {"videos": "video.generate", "batches": "batch"}


def is_past(day: str | None) -> bool:
    return day is not None and datetime.datetime.fromisoformat(day) <= NOW


def is_ahead(day: str | None) -> bool:
    return day is not None and datetime.datetime.fromisoformat(day) > NOW


def reason_of(row: ProviderRow) -> str:  # noqa: PLR0911 - one for each reason
    if is_past(row.effective_to):
        return "retired"
    if row.provider_status == "not_ready":
        return "provider_not_ready"
    if row.provider_status in {"alpha", "beta"}:
        return "preview_only"
    if row.provider_routing == "disabled":
        return "provider_disabled"
    if row.model_routing == "disabled":
        return "model_disabled"
    if row.capability_status == "disabled":
        return "capability_disabled"
    if row.capability_status == "coming_soon":
        return "coming_soon"
    if is_ahead(row.effective_from):
        return "scheduled"
    return "active" if row.is_on else "inactive"


def status_of(row: ProviderRow) -> str:
    reason = reason_of(row)
    if reason in {"active", "retired"}:
        return {"active": "active", "retired": "inactive"}[reason]
    is_coming = (
        row.provider_status in {"alpha", "beta"}
        or row.capability_status == "coming_soon"
        or is_ahead(row.effective_from)
    )
    return "coming_soon" if is_coming else "inactive"


def lifecycle_of(model: StoredModel) -> str:
    if is_past(model.retires_at):
        return "retired"
    if is_past(model.deprecated_at):
        return "deprecated"
    return {None: "active", "available": "active"}.get(model.status, model.status or "")


def names_of(row: ProviderRow) -> Iterator[str]:
    for name, details in row.parameters.items():
        yield name
        yield from details.get("aliases", ())


def row_passes(row: ProviderRow, asked: Asked) -> bool:
    held = {
        "provider": row.provider_id,
        "endpoints": row.endpoint,
        "provider_status": row.provider_status,
        "provider_routing_status": row.provider_routing,
        "model_routing_status": row.model_routing,
        "capability_status": row.capability_status,
        "provider_availability_status": status_of(row),
        "provider_availability_reason": reason_of(row),
    }
    for name, value in held.items():
        wanted = [each.lower() for each in asked.get(name, [])]
        if name == "endpoints":
            wanted = [ENDPOINT_SYNONYMS.get(each, each) for each in wanted]
        if wanted and value not in wanted:
            return False
    params = asked.get("params", []) + asked.get("supported_parameters", [])
    return not params or bool(set(params) & set(names_of(row)))


def model_passes(model: StoredModel, asked: Asked) -> bool:
    organisations = asked.get("organisation", [])
    if organisations and (
        model.organization is None or model.organization.id not in organisations
    ):
        return False
    for names, held in (
        (("input_types", "input_modalities"), model.input),
        (("output_types", "output_modalities"), model.output),
        (("status",), (lifecycle_of(model),)),
    ):
        wanted = {each.lower() for name in names for each in asked.get(name, [])}
        if wanted and not wanted & set(held):
            return False
    return True


def order_of(model: StoredModel) -> tuple[Any, ...]:
    released = model.released_at
    return (
        -datetime.datetime.fromisoformat(released).timestamp()
        if released
        else math.inf,
        collation_key(model.name),
        model.id,
    )


def find(asked: Asked, *, is_active_only: bool) -> list[tuple[str, list[ProviderRow]]]:
    found = []
    for model in sorted(CATALOGUE.models, key=order_of):
        rows = [
            row
            for row in model.rows
            if row_passes(row, asked)
            and (status_of(row) == "active" or not is_active_only)
        ]
        if rows and model_passes(model, asked):
            found.append((model.id, rows))
    is_routed = "endpoints" not in asked and any(
        model_id.endswith(":free")
        and status_of(row) == "active"
        and row.endpoint == "text.generate"
        for model_id, rows in found
        for row in rows
    )
    return [("phaseo/free", [])] * is_routed + found


def summarise(model_id: str, rows: list[ProviderRow], listed: set[str]) -> Any:
    """Tell of a record what depends on the filters."""
    [model] = [model for model in CATALOGUE.models if model.id == model_id]
    offers = {}
    for provider_id in sorted({row.provider_id for row in rows}):
        own = [row for row in rows if row.provider_id == provider_id]
        ranks = ["active", "coming_soon", "inactive"]
        offers[provider_id] = {
            "status": ranks[min(ranks.index(status_of(row)) for row in own)],
            "endpoints": sorted({row.endpoint for row in own}),
            "parameters": {name for row in own for name in row.parameters},
        }
    statuses = [offer["status"] for offer in offers.values()]
    base = model.base_model_id or model.id
    kinds = {"standard": base, "free": f"{base}:free"}
    successors = [
        each.id
        for each in sorted(CATALOGUE.models, key=order_of)
        if model_id in each.predecessor_ids and each.id in listed
    ]
    return {
        "offers": offers,
        "counts": [
            statuses.count(status) for status in ("active", "coming_soon", "inactive")
        ],
        "endpoints": sorted({row.endpoint for row in rows}),
        "parameters": {name for row in rows for name in row.parameters},
        "variants": {kind for kind, each in kinds.items() if each in listed},
        "replacement": successors[0] if successors else None,
        "prices": price(model, set(offers)),
    }


def price(model: StoredModel, offered: set[str]) -> dict[str, tuple[str, float]]:
    """Find the lowest price ever stored, by meter, under the name of the last provider."""
    served = {(row.provider_id, row.endpoint) for row in model.rows}
    seen: dict[str, list[tuple[str, float]]] = {}
    for prices in model.price_lists:
        if (prices.provider_id, prices.endpoint) not in served:
            continue
        for each in prices.prices:
            amounts = [
                float(each.price_per_unit),
                *(window.price_per_unit for window in each.time_windows),
            ]
            seen.setdefault(each.meter, []).append((prices.provider_id, min(amounts)))
    return {
        meter: (max(pairs)[0], min(amount for _, amount in pairs))
        for meter, pairs in seen.items()
        if max(pairs)[0] in offered and meter not in NOT_SHOWN
    }


NOT_SHOWN: Final = frozenset(
    {"image_pixels", "output_video_seconds", "output_videos", "search_units"}
)


def summarise_record(record: dict[str, Any]) -> Any:
    availability = record["availability"]
    return {
        "offers": {
            offer["provider"]["id"]: {
                "status": offer["status"],
                "endpoints": offer["endpoints"],
                "parameters": set(offer["capabilities"]["parameters"]),
            }
            for offer in record["offers"]
        },
        "counts": [
            availability[f"{status}_provider_count"]
            for status in ("active", "coming_soon", "inactive")
        ],
        "endpoints": record["capabilities"]["endpoints"],
        "parameters": set(record["capabilities"]["parameters"]),
        "variants": set(record["variants"]),
        "replacement": record["lifecycle"]["replacement_id"],
        "prices": {
            name: (meter["provider_id"], float(meter["price_per_unit"]))
            for name, meter in record["pricing"]["meters"].items()
            if meter is not None
        },
    }


ROWS: Final = [row for model in CATALOGUE.models for row in model.rows]

VALUES: Final[dict[str, list[str]]] = {
    "provider": sorted({row.provider_id for row in ROWS}),
    "endpoints": [*sorted({row.endpoint for row in ROWS}), "videos", "batches"],
    "provider_status": ["active", "alpha", "beta", "not_ready"],
    "provider_routing_status": ["active", "disabled"],
    "model_routing_status": ["active", "disabled"],
    "capability_status": ["active", "coming_soon", "disabled"],
    "provider_availability_status": ["active", "coming_soon", "inactive"],
    "provider_availability_reason": sorted({reason_of(row) for row in ROWS}),
    "params": sorted({name for row in ROWS for name in names_of(row)}),
    "supported_parameters": ["tools", "seconds", "resolution"],
    "organisation": sorted(
        {model.organization.id for model in CATALOGUE.models if model.organization}
    ),
    "input_types": ["text", "image", "audio", "video"],
    "input_modalities": ["text", "video"],
    "output_types": ["text", "image", "audio", "video", "moderation"],
    "output_modalities": ["text", "image"],
    "status": ["active", "deprecated", "retired"],
    "id": [model.id for model in CATALOGUE.models] + ["phaseo/free"],
}
EXACT: Final = frozenset({"params", "supported_parameters", "organisation", "id"})


@st.composite
def filters(draw: st.DrawFn) -> list[tuple[str, list[str]]]:
    """Draw up to three filters of few values, so that they often match."""
    names = draw(st.lists(st.sampled_from(sorted(VALUES)), max_size=3, unique=True))
    chosen = []
    for name in names:
        known = st.sampled_from(VALUES[name])
        if name not in EXACT:
            known |= st.sampled_from(VALUES[name]).map(str.upper)
        values = st.lists(known | st.just("unknown"), min_size=1, max_size=3)
        chosen.append((name, draw(values)))
    return chosen


@st.composite
def queries(draw: st.DrawFn) -> tuple[str, Asked]:
    """Write filters in each of the ways that lists can be written."""
    pairs: list[tuple[str, str]] = []
    asked: Asked = {}
    for name, values in draw(filters()):
        asked[name] = values
        way = draw(st.sampled_from([",", " ", "\t", "{}", "repeat"]))
        if way == "repeat":
            pairs += [(name, value) for value in values]
        elif way == "{}":
            pairs.append((name, "{" + ",".join(f'"{each}"' for each in values) + "}"))
        else:
            pairs.append((name, way.join(values)))
    ignored = [
        ("sort", "name"),
        ("endpoint", "batch"),
        ("provider", ""),
        ("params", ","),
    ]
    pairs += draw(st.lists(st.sampled_from(ignored), max_size=1))
    return urllib.parse.urlencode(pairs), asked


@given(
    query=queries(),
    mode=st.sampled_from(["active", "all", ""]),
    limit=st.integers(1, 300),
    offset=st.integers(0, 40),
)
@settings(max_examples=60, deadline=None)
def test_random_requests_have_the_answers_of_a_plain_reading(
    query: tuple[str, Asked], mode: str, limit: int, offset: int
) -> None:
    text, asked = query
    text += f"&availability={mode}&limit={limit}&offset={offset}"
    ids = asked.get("id")
    listed = find(asked, is_active_only=mode != "all")
    expected = [entry for entry in listed if not ids or entry[0] in ids]

    reply = UPSTREAM.reply("GET", "/v1/models", text, f"Bearer {TOKEN}")

    answer = json.loads(reply.body)
    page = expected[offset : offset + min(limit, 250)]
    assert (answer["total"], answer["availability_mode"]) == (
        len(expected),
        mode or "active",
    )
    assert [model["id"] for model in answer["models"]] == [id for id, _ in page]
    listed_ids = {id for id, _ in listed}
    for model, (model_id, rows) in zip(answer["models"], page, strict=True):
        if model_id != "phaseo/free":
            assert summarise_record(model) == summarise(model_id, rows, listed_ids)


def test_a_filter_on_rows_and_one_on_parameters_look_at_the_same_row() -> None:
    """Many models take `completion_window`, on their batch row alone."""
    answers = [
        json.loads(UPSTREAM.reply("GET", "/v1/models", query, f"Bearer {TOKEN}").body)[
            "total"
        ]
        for query in (
            "params=completion_window",
            "params=completion_window&endpoints=batch",
            "params=completion_window&endpoints=text.generate",
        )
    ]

    assert answers[0] == answers[1] > 20
    assert answers[2] == 0
