"""Look-ups by natural key suggest similar keys for misspelt ones."""

from support.graph_gateway import GraphGateway
from support.stub_upstream import StubUpstream


def fill(upstream: StubUpstream) -> None:
    upstream.add_model("openai/gpt-5", name="GPT-5", aliases=["openai/gpt-5-latest"])
    upstream.add_model("openai/gpt-5-mini", name="GPT-5 mini")
    upstream.add_model("mistral/large", name="Mistral Large")


async def test_a_model_is_found_without_case(
    gateway: GraphGateway, upstream: StubUpstream
) -> None:
    fill(upstream)

    data = await gateway.ask(
        """{
          id: model(modelId: "OpenAI/GPT-5") { modelId }
          alias: model(modelId: "openai/GPT-5-latest") { modelId }
        }"""
    )

    assert data == {
        "id": {"modelId": "openai/gpt-5"},
        "alias": {"modelId": "openai/gpt-5"},
    }


async def test_an_unknown_model_has_suggestions(
    gateway: GraphGateway, upstream: StubUpstream
) -> None:
    fill(upstream)

    result = await gateway.query(
        """{
          short: model(modelId: "gpt-5-mini") { modelId }
          typo: model(modelId: "mistral/lagre") { modelId }
          none: model(modelId: "zzz") { modelId }
          empty: model(modelId: "") { modelId }
          signs: model(modelId: "-/-") { modelId }
        }"""
    )

    assert result.data == dict.fromkeys(("short", "typo", "none", "empty", "signs"))
    assert result.errors == []
    assert result.extensions == {
        "suggestions": [
            {
                "path": ["short"],
                "value": "gpt-5-mini",
                "suggestions": ["openai/gpt-5-mini"],
            },
            {
                "path": ["typo"],
                "value": "mistral/lagre",
                "suggestions": ["mistral/large"],
            },
        ]
    }


async def test_models_by_id_keep_their_order_and_take_aliases(
    gateway: GraphGateway, upstream: StubUpstream
) -> None:
    fill(upstream)

    data = await gateway.ask(
        """{
          modelsById(modelIds: [
            "mistral/large", "nothing", "openai/gpt-5-latest", "mistral/large"
          ]) { modelId }
        }"""
    )

    assert data == {
        "modelsById": [
            {"modelId": "mistral/large"},
            None,
            {"modelId": "openai/gpt-5"},
            {"modelId": "mistral/large"},
        ]
    }


async def test_models_by_id_are_bounded(
    gateway: GraphGateway, upstream: StubUpstream
) -> None:
    fill(upstream)

    result = await gateway.query(
        "query ($ids: [String!]!) { modelsById(modelIds: $ids) { modelId } }",
        {"ids": ["x"] * 1_001},
    )

    assert result.codes == ["OPERATION_TOO_COMPLEX"]


async def test_the_filter_takes_aliases(
    gateway: GraphGateway, upstream: StubUpstream
) -> None:
    fill(upstream)

    data = await gateway.ask(
        """{
          models(filter: {modelIds: ["openai/gpt-5-latest"]}) {
            nodes { modelId } unknownFilterValues { value }
          }
        }"""
    )

    assert data["models"] == {
        "nodes": [{"modelId": "openai/gpt-5"}],
        "unknownFilterValues": [],
    }


async def test_a_search_without_results_has_a_suggestion(
    gateway: GraphGateway, upstream: StubUpstream
) -> None:
    fill(upstream)

    data = await gateway.ask(
        """{
          found: models(search: "mistal") { totalCount searchSuggestion }
          nothing: models(search: "gpt large") { totalCount searchSuggestion }
          plain: models { searchSuggestion }
        }"""
    )

    assert data == {
        "found": {"totalCount": 1, "searchSuggestion": None},
        "nothing": {"totalCount": 0, "searchSuggestion": "gpt"},
        "plain": {"searchSuggestion": None},
    }
