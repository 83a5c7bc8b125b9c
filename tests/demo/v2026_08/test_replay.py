"""The embedded upstream of August 2026 gives the recorded answers for the recorded rows.

Rows are rebuilt from answers (`support.recorded_2026_08`). Where one provider has several
rows for a model, answers show them united, so a few requests that tell them apart cannot
be checked; they are named here.
"""

import datetime
import functools
import hashlib
import json
import re
from typing import Any, Final

import msgspec
import pytest

from catalograph.demo.replies import Reply
from catalograph.demo.v2026_08.keys import TOKEN
from catalograph.demo.v2026_08.service import Upstream
from support.recorded_2026_08 import TODAY, build_catalogue, read

pytestmark = pytest.mark.skipif(
    not TODAY.is_dir(), reason="the recorded answers are not here"
)

CLOCK: Final = datetime.datetime(2026, 8, 22, 12, tzinfo=datetime.UTC)
ORIGIN: Final = "https://api.phaseo.app"

# Each asks for a state or a parameter of one row of several that no answer tells apart.
UNTOLD: Final = frozenset(
    {
        "endpoints=video.generate&availability=all&limit=250",
        "provider_status=active&availability=all&limit=250",
        "provider_status=not_ready&availability=all&limit=250",
        "model_routing_status=disabled&availability=all&limit=250",
        "capability_status=active&availability=all&limit=250",
        "capability_status=coming_soon&availability=all&limit=250",
        "capability_status=disabled&availability=all&limit=250",
        "provider_availability_status=coming_soon&availability=all&limit=250",
        "provider_availability_status=inactive&availability=all&limit=250",
        "provider_availability_reason=model_disabled&availability=all&limit=250",
        "provider_availability_reason=inactive&availability=all&limit=250",
        (
            "availability=all&limit=10&provider_routing_status=active&offset=60"
            "&provider_routing_status=disabled&provider_routing_status=disabled"
            "&model_routing_status=disabled"
        ),
        (
            "offset=1&limit=10&output_types=audio,image,audio_tts"
            "&params=include_reasoning&availability=all"
        ),
        "limit=10&availability=all&params=seed&offset=1&model_routing_status=active",
    }
)

# Records of `availability=all` whose united rows are ordered in a way that is not told.
UNORDERED: Final = frozenset(
    {
        "google/gemini-3.1-flash-image-preview",
        "google/gemini-3-pro-image-preview",
        "openai/gpt-4-turbo",
        "openai/sora-2",
        "z-ai/glm-4.5-air",
    }
)


class Seen(msgspec.Struct):
    """What of an answer was recorded; `ids` of the whole list or of the page."""

    mode: str
    limit: int
    offset: int
    total: int
    ids: list[str]
    offer_rows: dict[str, list[list[str]]] | None


@functools.cache
def build_upstream() -> Upstream:
    return Upstream(build_catalogue(), clock=lambda: CLOCK)


def ask(path: str, query: str = "", method: str = "GET") -> Reply:
    return build_upstream().reply(
        method, f"/v1{path}", query, f"Bearer {TOKEN}", origin=ORIGIN
    )


def ask_for_all(query: str, total: int) -> list[dict[str, Any]]:
    """Ask for every page; of `limit` and `offset` the first ones count."""
    return [
        model
        for offset in range(0, total, 250)
        for model in json.loads(
            ask("/models", f"limit=250&offset={offset}&{query}").body
        )["models"]
    ]


def digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def drop_cors(headers: dict[str, str]) -> dict[str, str]:
    """Leave the headers that were recorded: without the four CORS ones."""
    return {
        name: value
        for name, value in headers.items()
        if not name.startswith("access-control-")
    }


def see(case: dict[str, Any], body: bytes) -> Seen:
    answer = json.loads(body)
    models = answer["models"]
    if case["ids_cover"] == "all" and answer["total"] > len(models):
        models = ask_for_all(case["query_string"], answer["total"])
    return Seen(
        mode=answer["availability_mode"],
        limit=answer["limit"],
        offset=answer["offset"],
        total=answer["total"],
        ids=[model["id"] for model in models],
        offer_rows={
            model["id"]: [
                [offer["provider"]["id"], offer["status"], *offer["endpoints"]]
                for offer in model["offers"]
            ]
            for model in models
        }
        if "offer_rows" in case
        else None,
    )


def test_every_recorded_list_is_found() -> None:
    """Most have the recorded bytes, too: all that do not show one of several rows alone."""
    cases = [case for case in read("truth") if case["status"] == 200]
    same_bytes = 0

    for case in cases:
        reply = ask("/models", case["query_string"])
        assert reply.status == 200
        if digest(reply.body) == case["sha256"]:
            same_bytes += 1
            if case["ids_cover"] == "page" or case["total"] <= case["limit"]:
                continue
        if case["query_string"] in UNTOLD:
            continue
        assert see(case, reply.body) == Seen(
            mode=case["availability_mode"],
            limit=case["limit"],
            offset=case["offset"],
            total=case["total"],
            ids=case["ids"],
            offer_rows=case.get("offer_rows"),
        ), case["query_string"]

    assert (len(cases), same_bytes) == (563, 447)
    assert {case["query_string"] for case in cases} > UNTOLD


def test_every_recorded_refusal_has_its_body() -> None:
    cases = [case for case in read("truth") if case["status"] != 200]

    for case in cases:
        reply = ask("/models", case["query_string"])
        assert (reply.status, json.loads(reply.body)) == (
            case["status"],
            case["body"],
        ), case["query_string"]

    assert len(cases) == 14


def test_every_page_of_what_is_active_has_its_bytes() -> None:
    pages = [
        page for page in read("pages")["pages"] if page["availability"] == "active"
    ]

    for page in pages:
        reply = ask("/models", page["query_string"])
        assert (digest(reply.body), len(reply.body)) == (page["sha256"], page["bytes"])
        assert (
            drop_cors(reply.headers) | {"content-length": str(len(reply.body))}
            == page["headers"]
        )

    assert len(pages) == 2


def test_every_record_of_all_models_is_as_recorded() -> None:
    """As text, because the order of the fields is part of it."""
    recorded = read("catalogue-today-all")["models"]

    models = ask_for_all("availability=all", len(recorded))

    assert [model["id"] for model in models] == [model["id"] for model in recorded]
    assert {
        model["id"]
        for model, expected in zip(models, recorded, strict=True)
        if json.dumps(model) != json.dumps(expected)
    } == UNORDERED


@pytest.mark.parametrize("name", ["organisations", "providers"])
def test_side_tables_have_their_recorded_bytes(name: str) -> None:
    """But for providers of one name, whose order the store decides."""
    pages = read(name)["pages"]

    for page in pages:
        reply = ask(f"/{name}", page["query_string"])
        assert (
            drop_cors(reply.headers) | {"content-length": str(len(reply.body))}
            == page["headers"]
        ), page["query_string"]
        body = json.loads(reply.body)
        if name == "providers":
            for rows in (body[name], page["body"][name]):
                rows.sort(key=lambda row: (row["api_provider_name"], str(row)))
        assert body == page["body"], page["query_string"]
        if name == "organisations":
            assert digest(reply.body) == page["sha256"]

    assert len(pages) == 11


def test_prices_have_their_recorded_bytes() -> None:
    recorded = read("pricing-models")

    reply = ask("/pricing/models")

    assert (digest(reply.body), len(reply.body)) == (
        recorded["sha256"],
        recorded["bytes"],
    )


def test_endpoints_fail_at_a_capability_without_a_public_name() -> None:
    recorded = read("endpoints")
    catalogue = build_catalogue()
    without = Upstream(
        msgspec.structs.replace(
            catalogue,
            models=tuple(
                model
                for model in catalogue.models
                if model.id != "fish-audio/voice-design-1"
            ),
        ),
        clock=lambda: CLOCK,
    )

    failed = ask("/endpoints")
    answered = without.reply("GET", "/v1/endpoints", "", f"Bearer {TOKEN}")

    published = recorded["as_published"]
    assert (failed.status, json.loads(failed.body)) == (
        published["status"],
        published["body"],
    )
    assert digest(answered.body) == recorded["without_one_row"]["sha256"]


def test_endpoints_of_one_model_are_as_recorded() -> None:
    """Status, headers and rows, without parameters and prices of combined rows."""
    answers = read("model-endpoints")["answers"]

    for answer in answers:
        path = answer["request"].split()[1].partition("?")[0].removeprefix("/v1")
        reply = ask(path, answer["query_string"])
        body = json.loads(reply.body)
        assert (reply.status, drop_cors(reply.headers)["cache-control"]) == (
            answer["status"],
            answer["headers"]["cache-control"],
        ), answer["request"]
        assert list(body) == list(answer["body"])
        untold = {"status", "modalities", "capabilities", "routing", "pricing"}
        for rows in (body.get("endpoints", []), answer["body"].get("endpoints", [])):
            for row in rows:
                for name in untold:
                    del row[name]
        assert body == answer["body"], answer["request"]

    assert len(answers) == 63


def test_endpoints_of_most_models_have_their_recorded_bytes() -> None:
    answers = read("model-endpoints")["answers"]

    same = [
        answer["request"]
        for answer in answers
        if digest(
            ask(
                answer["request"].split()[1].partition("?")[0].removeprefix("/v1"),
                answer["query_string"],
            ).body
        )
        == answer["sha256"]
    ]

    assert len(same) == 47


@pytest.mark.parametrize("kind", ["rss", "atom"])
def test_feeds_have_their_recorded_bytes(kind: str) -> None:
    reply = ask("/models", f"format={kind}&limit=5")

    assert reply.body == (TODAY / "recorded" / f"models-{kind}.xml").read_bytes()
    assert reply.headers["content-type"] == f"application/{kind}+xml; charset=utf-8"


# What has to be sent for each recorded envelope; the kid chooses what goes wrong.
ENVELOPES: Final[dict[str, tuple[str, str, str, str | None]]] = {
    "error-400-availability": ("GET", "/models", "availability=none", TOKEN),
    "error-400-format": ("GET", "/models", "format=xml", TOKEN),
    "error-400-offset-before-auth": ("GET", "/models", "offset=5001", None),
    "error-400-offset": ("GET", "/models", "offset=5001", TOKEN),
    "error-400-path": ("GET", "/models/%E0%A4%A/x/endpoints", "", TOKEN),
    "error-400-privacy-scope": ("GET", "/models", "privacy_scope=shared", TOKEN),
    "error-401-bad-format": ("GET", "/models", "", "bad"),
    "error-401-db-error": ("GET", "/models", "", "phaseo_v1_sk_dberror_x"),
    "error-401-expired": ("GET", "/models", "", "phaseo_v1_sk_expired_x"),
    "error-401-jwt": ("GET", "/models", "", "eyJhbGciOiJIUzI1NiJ9.e30.x"),
    "error-401-management-key": ("GET", "/models", "", "phaseo_v1_mk_kidkid_x"),
    "error-401-no-header": ("GET", "/models", "", None),
    "error-401-old-form": ("GET", "/models", "", "aistats_v1_k_kidkid_x"),
    "error-401-revoked": ("GET", "/models", "", "phaseo_v1_sk_revoked_x"),
    "error-401-unknown": ("GET", "/models", "", "phaseo_v1_sk_unknown_x"),
    "error-401-wrong-secret": ("GET", "/models", "", "phaseo_v1_sk_kidkid_wrong"),
    "error-404-data-models": ("GET", "/data/models", "", TOKEN),
    "error-404-gateway-models": ("GET", "/gateway/models", "", TOKEN),
    "error-404-model": ("GET", "/models/no/such/endpoints", "", TOKEN),
    "error-404-post": ("POST", "/models", "", TOKEN),
    "error-404-single-model": ("GET", "/models/openai/gpt-5-nano", "", TOKEN),
    "error-404-trailing-slash": ("GET", "/models/", "", TOKEN),
    "error-500-aliases": ("GET", "/models", "", "phaseo_v1_sk_noaliases_x"),
    "error-500-capabilities": ("GET", "/models", "", "phaseo_v1_sk_nocapabilities_x"),
    "error-500-details": ("GET", "/models", "", "phaseo_v1_sk_nodetails_x"),
    "error-500-endpoints": ("GET", "/endpoints", "", TOKEN),
    "error-500-fetch-failed": ("GET", "/models", "", "phaseo_v1_sk_noconnection_x"),
    "error-500-model-endpoints": (
        "GET",
        "/models/z-ai/glm-5.3/endpoints",
        "",
        "phaseo_v1_sk_nomodels_x",
    ),
    "error-500-models": ("GET", "/models", "", "phaseo_v1_sk_nomodels_x"),
    "error-500-pricing-meters": ("GET", "/models", "", "phaseo_v1_sk_nometers_x"),
    "error-500-pricing-skus": ("GET", "/models", "", "phaseo_v1_sk_noskus_x"),
    "error-500-providers-route": (
        "GET",
        "/providers",
        "",
        "phaseo_v1_sk_noproviders_x",
    ),
    "error-500-providers": ("GET", "/models", "", "phaseo_v1_sk_noproviders_x"),
    "error-500-redacted": ("GET", "/models", "", "phaseo_v1_sk_noconnection_x"),
    "error-500-routes": ("GET", "/models", "", "phaseo_v1_sk_noroutes_x"),
    "error-500-text": ("GET", "/models", "", "phaseo_v1_sk_throwing_x"),
    "error-501-me": ("GET", "/models/me", "", TOKEN),
    "health": ("GET", "/health", "", None),
    "options": ("OPTIONS", "/models", "", None),
}


def read_envelope(name: str) -> dict[str, Any]:
    envelope: dict[str, Any] = json.loads(
        (TODAY / "recorded" / f"{name}.json").read_text()
    )
    return envelope


def forget_id(body: str) -> str:
    """Replace what is drawn anew for each request."""
    return re.sub("G-[0-9A-HJKMNP-TV-Z]{26}", "G-ID", body)


@pytest.mark.parametrize("name", ENVELOPES)
def test_envelopes_have_their_recorded_bytes(name: str) -> None:
    method, path, query, token = ENVELOPES[name]
    envelope = read_envelope(name)

    reply = build_upstream().reply(
        method, f"/v1{path}", query, token and f"Bearer {token}"
    )

    headers = reply.headers if name == "options" else drop_cors(reply.headers)
    assert (reply.status, forget_id(reply.body.decode())) == (
        envelope["status"],
        forget_id(envelope["body_text"]),
    )
    assert headers | {"content-length": str(len(reply.body))} == envelope["headers"]


def test_every_recorded_envelope_is_asked_for() -> None:
    """But for HEAD and the lower-case scheme, which another test sends."""
    recorded = {
        path.stem
        for path in (TODAY / "recorded").glob("*.json")
        if path.name.startswith(("error-", "health", "options", "head"))
    }

    assert recorded - set(ENVELOPES) == {"head", "error-401-lower-case-bearer"}
