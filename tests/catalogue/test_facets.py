from catalograph.catalogue.filter import EVERYTHING, ModelsFilter
from catalograph.catalogue.records import (
    Endpoint,
    Offering,
    Parameter,
    Provider,
    Status,
)
from catalograph.catalogue.selection import (
    FacetCount,
    Facets,
    count_facets,
    select,
)
from support.catalogues import build_index, build_model

CATALOGUE = build_index(
    [
        build_model(
            "meta/1",
            status="Available",
            organisation="meta",
            inputs=["Text"],
            outputs=["text"],
            rows=[("azure", "batch"), ("groq", "chat")],
        ),
        build_model(
            "meta/2",
            status="available",
            organisation="meta",
            inputs=["text", "image"],
            rows=[("azure", "chat")],
        ),
        build_model(
            "openai/3",
            status="Available",
            organisation="openai",
            inputs=["text"],
            rows=[("groq", "chat")],
        ),
        build_model("x/4", status="Rumoured"),
        build_model("x/5", status="Withdrawn"),
        build_model("x/6"),
    ]
)


def test_each_dimension_is_counted_most_first_then_by_value() -> None:
    assert count_facets(CATALOGUE, EVERYTHING) == Facets(
        providers=(
            FacetCount(None, None, 3),
            FacetCount("azure", "Azure", 2),
            FacetCount("groq", "Groq", 2),
        ),
        organisations=(
            FacetCount(None, None, 3),
            FacetCount("meta", "Meta", 2),
            FacetCount("openai", "Openai", 1),
        ),
        endpoints=(
            FacetCount("chat", None, 3),
            FacetCount(None, None, 3),
            FacetCount("batch", None, 1),
        ),
        input_modalities=(
            FacetCount("Text", None, 3),
            FacetCount(None, None, 3),
            FacetCount("image", None, 1),
        ),
        output_modalities=(FacetCount(None, None, 5), FacetCount("text", None, 1)),
        statuses=(
            FacetCount("AVAILABLE", "Available", 3),
            FacetCount("OTHER", None, 1),
            FacetCount("RUMOURED", "Rumoured", 1),
            FacetCount(None, None, 1),
        ),
        parameters=(FacetCount(None, None, 6),),
        availability=(FacetCount(None, None, 6),),
        variants=(FacetCount(None, None, 6),),
    )


def test_a_dimension_is_counted_without_its_own_filter_and_under_all_others() -> None:
    facets = count_facets(CATALOGUE, ModelsFilter(organisations=("openai",)))

    assert facets.organisations == count_facets(CATALOGUE, EVERYTHING).organisations
    assert facets.providers == (FacetCount("groq", "Groq", 1),)


def test_endpoints_under_a_provider_are_those_it_serves_itself() -> None:
    facets = count_facets(CATALOGUE, ModelsFilter(providers=("azure",)))

    assert facets.endpoints == (
        FacetCount("batch", None, 1),
        FacetCount("chat", None, 1),
    )


def test_providers_under_an_endpoint_are_those_that_serve_it_themselves() -> None:
    facets = count_facets(CATALOGUE, ModelsFilter(endpoints=("chat",)))

    assert facets.providers == (
        FacetCount("groq", "Groq", 2),
        FacetCount("azure", "Azure", 1),
    )


def test_models_without_rows_stay_in_the_count_under_an_excluded_endpoint() -> None:
    facets = count_facets(CATALOGUE, ModelsFilter(exclude_endpoints=("chat",)))

    assert facets.providers == (
        FacetCount(None, None, 3),
        FacetCount("azure", "Azure", 1),
    )


def test_both_endpoint_lists_are_the_own_filter_of_endpoints() -> None:
    asked = ModelsFilter(endpoints=("batch",), exclude_endpoints=("chat",))

    facets = count_facets(CATALOGUE, asked)

    assert facets.endpoints == count_facets(CATALOGUE, EVERYTHING).endpoints


def test_flags_and_statuses_are_the_own_filter_of_statuses() -> None:
    asked = ModelsFilter(statuses=(Status.RETIRED,), include_rumoured=False)

    facets = count_facets(CATALOGUE, asked)

    assert facets.statuses == count_facets(CATALOGUE, EVERYTHING).statuses
    assert facets.providers == ()


def test_a_provider_fixed_by_a_parent_stays() -> None:
    facets = count_facets(
        CATALOGUE, ModelsFilter(providers=("azure",)), fixed="providers"
    )

    assert facets.providers == (
        FacetCount("azure", "Azure", 2),
        FacetCount("groq", "Groq", 1),
    )


def test_an_endpoint_fixed_by_a_parent_stays() -> None:
    asked = ModelsFilter(endpoints=("batch",), exclude_endpoints=("chat",))

    facets = count_facets(CATALOGUE, asked, fixed="endpoints")

    assert facets.endpoints == (
        FacetCount("batch", None, 1),
        FacetCount("chat", None, 1),
    )


def test_an_organisation_fixed_by_a_parent_stays() -> None:
    facets = count_facets(
        CATALOGUE, ModelsFilter(organisations=("openai",)), fixed="organisations"
    )

    assert facets.organisations == (FacetCount("openai", "Openai", 1),)


def test_facets_are_counted_under_the_search() -> None:
    facets = count_facets(CATALOGUE, EVERYTHING, search="meta")

    assert facets.organisations == (FacetCount("meta", "Meta", 2),)
    assert facets.statuses == (FacetCount("AVAILABLE", "Available", 2),)


def test_an_empty_catalogue_has_no_facets() -> None:
    assert count_facets(build_index([]), EVERYTHING).statuses == ()


def test_a_parameter_counts_the_models_that_know_it_by_another_name() -> None:
    def offer(model_id: str, parameter: Parameter) -> Offering:
        return Offering(
            model_id=model_id,
            provider=Provider(provider_id="azure"),
            endpoint=Endpoint(endpoint_id="chat"),
            parameters=(parameter,),
        )

    index = build_index(
        [
            build_model("x/1", offers=[offer("x/1", Parameter(name="ratio"))]),
            build_model(
                "x/2", offers=[offer("x/2", Parameter(name="size", aliases=("ratio",)))]
            ),
        ]
    )

    facets = count_facets(index, EVERYTHING)

    assert facets.parameters == (
        FacetCount("ratio", None, 2),
        FacetCount("size", None, 1),
    )
    assert select(index, ModelsFilter(parameters=("ratio",))).total == 2
