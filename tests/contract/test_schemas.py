"""The two schemas: what clients see, and what routers and their composers see."""

from pathlib import Path

import graphql
from graphql import ObjectTypeDefinitionNode

from catalograph.graphql.schema import build_schema
from catalograph.graphql.sdl import print_api_sdl, print_subgraph_sdl

ROOT = Path(__file__).parents[2]
SUBGRAPH = ROOT / "examples/federation/catalograph.graphql"


def root_fields(sdl: str) -> set[str]:
    return {
        field.name.value
        for definition in graphql.parse(sdl).definitions
        if isinstance(definition, ObjectTypeDefinitionNode)
        if definition.name.value == "Query"
        for field in definition.fields or ()
    }


async def test_service_serves_the_committed_subgraph_schema() -> None:
    result = await build_schema().execute("{ _service { sdl } }")

    assert result.errors is None
    assert result.data == {"_service": {"sdl": SUBGRAPH.read_text(encoding="utf-8")}}


def test_no_router_is_told_of_node_and_nodes() -> None:
    assert root_fields(print_api_sdl()) - root_fields(print_subgraph_sdl()) == {
        "node",
        "nodes",
    }


def test_the_api_schema_stands_alone() -> None:
    """Plain SDL, without the directives and types that only federation needs."""
    schema = graphql.build_schema(print_api_sdl())

    own = {name for name in schema.type_map if not name.startswith("__")}
    assert [name for name in own if name.startswith("_") or "__" in name] == []
    assert list(schema.directives) == list(graphql.specified_directives)


def test_clients_that_introspect_see_no_directive_of_federation() -> None:
    """Its scalars would have to be mapped by every client that generates types."""
    result = build_schema().execute_sync(
        "{ __schema { types { name } directives { name } } }"
    )

    assert result.data is not None
    shown = {kind["name"] for kind in result.data["__schema"]["types"]}
    described = set(graphql.build_schema(print_api_sdl()).type_map)
    assert shown - described == {"_Any", "_Entity", "_Service"}
    assert [one["name"] for one in result.data["__schema"]["directives"]] == [
        one.name for one in graphql.specified_directives
    ]


def test_introspection_lists_the_catalogue_before_federation_fields() -> None:
    """Explorers list fields and types in this order, below the schema's description."""
    result = build_schema().execute_sync(
        "{ __schema { description queryType { fields { name } } types { name } } }"
    )

    assert result.data is not None
    shown = result.data["__schema"]
    fields = [field["name"] for field in shown["queryType"]["fields"]]
    types = [kind["name"] for kind in shown["types"]]
    assert fields[:2] == ["models", "model"]
    assert fields[-2:] == ["_entities", "_service"]
    assert sorted(types[-3:]) == ["_Any", "_Entity", "_Service"]
    assert shown["description"].startswith("A catalogue of AI models")


def test_everything_is_described() -> None:
    """Each type, field, argument, value and input field says what it is."""
    silent: list[str] = []
    for name, kind in graphql.build_schema(print_api_sdl()).type_map.items():
        if name.startswith("__") or graphql.is_specified_scalar_type(kind):
            continue
        parts = {name: kind} | {
            f"{name}.{part}": value
            for attribute in ("fields", "values")
            for part, value in getattr(kind, attribute, {}).items()
        }
        parts |= {
            f"{field}({argument}:)": value
            for field, definition in parts.items()
            for argument, value in getattr(definition, "args", {}).items()
        }
        silent += [part for part, value in parts.items() if not value.description]

    assert silent == []
