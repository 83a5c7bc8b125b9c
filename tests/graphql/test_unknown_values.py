"""Filter values that the catalogue does not hold are reported, with suggestions."""

from typing import Any

import pytest

from support.graph_gateway import GraphGateway
from support.stub_upstream import SIZE, StubUpstream

UNKNOWN = """query ($f: ModelFilter) { models(filter: $f) {
  totalCount unknownFilterValues { field value suggestion } } }"""


@pytest.fixture(autouse=True)
def filled(upstream: StubUpstream) -> None:
    upstream.add_model(
        "openai/gpt-5",
        aliases=["gpt-five"],
        rows=[("azure", "audio.speech")],
        input_types=["Text"],
        output_types=["image"],
    )


@pytest.mark.parametrize(
    ("field", "value", "suggestion"),
    [
        ("providers", "azur", "azure"),
        ("providers", "zzzzzz", None),
        ("organisations", "opnai", "openai"),
        ("organisations", "OpenAI", "openai"),
        ("endpoints", "audio.speach", "audio.speech"),
        ("excludeEndpoints", "audio.speach", "audio.speech"),
        ("inputModalities", "texts", "Text"),
        ("outputModalities", "imag", "image"),
        ("allInputModalities", "texxt", "Text"),
        ("allOutputModalities", "nothing-like-it", None),
        ("modelIds", "openai/gpt5", "openai/gpt-5"),
    ],
)
async def test_an_unknown_value_is_named(
    gateway: GraphGateway, field: str, value: str, suggestion: str | None
) -> None:
    data = await gateway.ask(UNKNOWN, {"f": {field: [value]}})

    assert data["models"]["unknownFilterValues"] == [
        {"field": field, "value": value, "suggestion": suggestion}
    ]
    assert data["models"]["totalCount"] == (1 if field == "excludeEndpoints" else 0)


@pytest.mark.parametrize(
    ("field", "value"), [("providers", "Azure"), ("endpoints", "Audio.Speech")]
)
async def test_case_matters_where_it_does_upstream(
    gateway: GraphGateway, upstream: StubUpstream, field: str, value: str
) -> None:
    data = await gateway.ask(UNKNOWN, {"f": {field: [value]}})

    unknown = {"field": field, "value": value, "suggestion": value.lower()}
    assert data["models"] == (
        {"totalCount": 0, "unknownFilterValues": [unknown]}
        if upstream.version == "2025-12"
        else {"totalCount": 1, "unknownFilterValues": []}
    )


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"providers": ["azure"], "organisations": ["openai"]},
        {"inputModalities": ["TEXT"], "allOutputModalities": ["Image"]},
        {"modelIds": ["openai/gpt-5"]},
    ],
)
async def test_known_values_are_compared_as_the_upstream_compares(
    gateway: GraphGateway, asked: dict[str, Any]
) -> None:
    data = await gateway.ask(UNKNOWN, {"f": asked})

    assert data["models"] == {"totalCount": 1, "unknownFilterValues": []}


async def test_only_asking_for_them_costs_the_index(
    gateway: GraphGateway, upstream: StubUpstream
) -> None:
    document = """query ($ask: Boolean!) { models(filter: {organisations: ["no"]}) {
      totalCount unknownFilterValues @include(if: $ask) { value } } }"""
    await gateway.ask(SIZE)
    upstream.calls.clear()

    await gateway.ask(document, {"ask": False})
    assert upstream.calls == [upstream.bare_call(limit=50, offset=0, organisation="no")]

    upstream.calls.clear()
    await gateway.ask(document, {"ask": True})
    assert upstream.calls == upstream.reading_calls(1)


async def test_below_a_parent_its_own_id_is_known(gateway: GraphGateway) -> None:
    data = await gateway.ask(
        """{ provider(providerId: "azure") { models(filter: {organisations: ["x"]}) {
             unknownFilterValues { field value } } } }"""
    )

    assert data["provider"]["models"]["unknownFilterValues"] == [
        {"field": "organisations", "value": "x"}
    ]


@pytest.mark.parametrize(
    "asked",
    [
        {"isRoutable": True},
        {"isRoutable": None},
        {"statuses": ["AVAILABLE"]},
        {"releaseDate": {"from": "2024-01-01"}},
        {"includeRetired": False},
    ],
)
async def test_fields_without_open_values_have_no_unknown_ones(
    gateway: GraphGateway, upstream: StubUpstream, asked: dict[str, object]
) -> None:
    upstream.add_model("acme/one")

    data = await gateway.ask(
        """query ($f: ModelFilter) {
          models(filter: $f) { unknownFilterValues { field value } }
        }""",
        {"f": asked},
    )

    assert data == {"models": {"unknownFilterValues": []}}
