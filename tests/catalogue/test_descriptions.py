"""Values that side tables add to models."""

from decimal import Decimal

import msgspec

from catalograph.catalogue.descriptions import describe
from catalograph.catalogue.prices import ListedPrices, Price, PriceList, PriceListKind
from catalograph.catalogue.records import (
    Endpoint,
    Model,
    ModelGateway,
    Offering,
    Organisation,
    Parameter,
    Provider,
)
from catalograph.catalogue.side_tables import SideTable, TableKind

A = Provider(provider_id="a", name="A")
TEXT = Endpoint(endpoint_id="text.generate")
FLOOR = Price(
    meter="input_text_tokens",
    unit="token",
    unit_size=1_000_000,
    amount=Decimal("0.1"),
    currency="USD",
)
DEARER = msgspec.structs.replace(FLOOR, amount=Decimal("0.2"))
OFFERING = Offering(
    model_id="acme/one", provider=A, endpoint=TEXT, floor_prices=(FLOOR,)
)
MODEL = Model(
    model_id="acme/one",
    organisation=Organisation(organisation_id="acme", colour="#000000"),
    gateway=ModelGateway(
        endpoints=(TEXT,),
        providers=(A,),
        offerings=(OFFERING,),
        parameters=(Parameter(name="temperature", providers=(A,)),),
    ),
)


def test_tables_add_what_a_model_does_not_say() -> None:
    a = Provider(provider_id="a", name="Other", link="https://a.test", description=".")
    acme = Organisation(
        organisation_id="acme", name="Acme", country_code="FR", colour="#ffffff"
    )
    # Of the same group as `text.generate`.
    chat = Endpoint(endpoint_id="chat.completions", public_path="/v1/chat")
    tables = [
        SideTable(kind=TableKind.PROVIDERS, as_of_s=0.0, providers=(a,)),
        SideTable(kind=TableKind.ORGANISATIONS, as_of_s=0.0, organisations=(acme,)),
        SideTable(kind=TableKind.ENDPOINTS, as_of_s=0.0, endpoints=(chat,)),
    ]

    (found,) = describe([MODEL], tables)

    provider = Provider(
        provider_id="a", name="A", link="https://a.test", description="."
    )
    endpoint = Endpoint(endpoint_id="text.generate", public_path="/v1/chat")
    assert found == Model(
        model_id="acme/one",
        organisation=Organisation(
            organisation_id="acme", country_code="FR", colour="#000000"
        ),
        gateway=ModelGateway(
            endpoints=(endpoint,),
            providers=(provider,),
            offerings=(
                msgspec.structs.replace(
                    OFFERING,
                    provider=provider,
                    endpoint=endpoint,
                    price_lists=(PriceList(kind=PriceListKind.FLOOR, prices=(FLOOR,)),),
                ),
            ),
            parameters=(Parameter(name="temperature", providers=(provider,)),),
        ),
    )


def test_the_first_list_of_an_offering_is_the_standard_one() -> None:
    def listed(endpoint_id: str, price: Price) -> ListedPrices:
        return ListedPrices(
            provider_id="a",
            model_id="acme/one",
            endpoint_id=endpoint_id,
            prices=(price,),
        )

    prices = (
        listed("chat.completions", DEARER),
        listed("batch", FLOOR),
        listed("chat.completions", FLOOR),
    )
    table = SideTable(kind=TableKind.PRICES, as_of_s=0.0, prices=prices)

    (found,) = describe([MODEL], [table])

    assert found.offerings[0].price_lists == (
        PriceList(kind=PriceListKind.STANDARD, prices=(DEARER,)),
        PriceList(kind=PriceListKind.OTHER, prices=(FLOOR,)),
    )


def test_a_table_of_prices_leaves_no_room_for_the_floor() -> None:
    (found,) = describe([MODEL], [SideTable(kind=TableKind.PRICES, as_of_s=0.0)])

    assert found.offerings[0].price_lists == ()


def test_without_tables_and_prices_nothing_changes() -> None:
    bare = Model(model_id="acme/two", gateway=ModelGateway(providers=(A,)))

    assert describe([bare], [])[0] is bare
