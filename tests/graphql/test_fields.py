"""Every field of every type can be read, and declares the data that it needs."""

import datetime
from decimal import Decimal
from typing import Any

import pytest
from graphql import GraphQLField, GraphQLObjectType, is_non_null_type

from catalograph.catalogue import prices, records
from catalograph.graphql.run.needs import Need, find_field_need
from catalograph.graphql.schema import build_schema, read_field

PROVIDER = records.Provider(
    provider_id="a", name="A", link="https://a.test", country_code="FR", description="."
)
ENDPOINT = records.Endpoint(
    endpoint_id="text.generate", public_path="/v1/chat/completions", collection="text"
)
ORGANISATION = records.Organisation(
    organisation_id="acme",
    name="Acme",
    country_code="FR",
    description=".",
    colour="#000000",
)
PARAMETER = records.Parameter(
    name="temperature",
    type="number",
    values=("1",),
    default="1",
    minimum=0.0,
    maximum=2.0,
    aliases=("heat",),
    is_required=False,
    notes=".",
    providers=(PROVIDER,),
)
PRICE = prices.Price(
    meter="input_text_tokens",
    unit="token",
    unit_size=1_000_000,
    amount=Decimal("0.25"),
    currency="USD",
    conditions=(
        prices.PriceCondition(
            parameter="input_tokens", operator="lte", values=("5",), group=1
        ),
    ),
    windows=(
        prices.PriceWindow(
            label="peak",
            start="01:00",
            end="02:00",
            time_zone="UTC",
            amount=Decimal("0.5"),
        ),
    ),
)
PRICE_LIST = prices.PriceList(kind=prices.PriceListKind.STANDARD, prices=(PRICE,))
OFFERING = records.Offering(
    model_id="acme/one",
    provider=PROVIDER,
    endpoint=ENDPOINT,
    provider_model_slug="one",
    input_modalities=("text",),
    output_modalities=("text",),
    effective_from=datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC),
    effective_to=datetime.datetime(2027, 1, 1, tzinfo=datetime.UTC),
    status=records.Availability.ACTIVE,
    status_reason="active",
    parameters=(PARAMETER,),
    price_lists=(PRICE_LIST,),
)
DAY = datetime.date(2026, 1, 1)
BARE_MODEL = records.Model(
    model_id="acme/one",
    name="One",
    status_label="active",
    release_date=DAY,
    announcement_date=DAY,
    deprecation_date=DAY,
    retirement_date=DAY,
    organisation=ORGANISATION,
    aliases=("acme/1",),
    description=".",
    variant="standard",
    base_model_id="acme/one",
    max_input_tokens=1,
    max_output_tokens=1,
    replacement_id="acme/two",
    lifecycle_message=".",
)
MODEL = records.Model(
    **{name: getattr(BARE_MODEL, name) for name in BARE_MODEL.__struct_fields__}
    | {
        "data": records.ModelData(
            input_modalities=("text",), output_modalities=("text",)
        ),
        "gateway": records.ModelGateway(
            is_routable=True,
            endpoints=(ENDPOINT,),
            providers=(PROVIDER,),
            offerings=(OFFERING,),
            availability=records.Availability.ACTIVE,
            parameters=(PARAMETER,),
        ),
    }
)
RECORDS: dict[str, object] = {
    "Model": MODEL,
    "Offering": OFFERING,
    "Provider": PROVIDER,
    "Endpoint": ENDPOINT,
    "Organisation": ORGANISATION,
    "Parameter": PARAMETER,
    "PriceList": PRICE_LIST,
    "Price": PRICE,
    "PriceCondition": PRICE.conditions[0],
    "PriceWindow": PRICE.windows[0],
}

_SCHEMA = build_schema()._schema  # noqa: SLF001 - Strawberry has no public name for it


def read_fields(type_name: str) -> list[tuple[str, GraphQLField, str]]:
    """Name the fields of a type that are read from its record, with the attribute."""
    type_ = _SCHEMA.type_map.get(type_name)
    if not isinstance(type_, GraphQLObjectType):
        return []
    return [
        (name, field, field.extensions["strawberry-definition"].python_name)
        for name, field in type_.fields.items()
        if getattr(field.resolve, "_is_default", False)
    ]


FIELDS = [
    pytest.param(type_name, name, field, attribute, id=f"{type_name}.{name}")
    for type_name in RECORDS
    for name, field, attribute in read_fields(type_name)
]


@pytest.mark.parametrize(("type_name", "name", "field", "attribute"), FIELDS)
def test_a_field_is_read_from_a_complete_record(
    type_name: str, name: str, field: GraphQLField, attribute: str
) -> None:
    value = read_field(RECORDS[type_name], attribute)

    assert value is not None, (type_name, name)
    if is_non_null_type(field.type):
        assert value not in ((), []), (type_name, name)


@pytest.mark.parametrize(
    ("type_name", "name", "field", "attribute"),
    [field for field in FIELDS if field.values[0] == "Model"],
)
def test_a_field_says_which_section_it_is_in(
    type_name: str, name: str, field: GraphQLField, attribute: str
) -> None:
    del field
    type_ = _SCHEMA.type_map[type_name]
    assert isinstance(type_, GraphQLObjectType)
    need = find_field_need(type_, name)

    if need in Need.DATA | Need.GATEWAY and need is not Need.NOTHING:
        with pytest.raises(records.SectionMissingError):
            read_field(BARE_MODEL, attribute)
    else:
        read_field(BARE_MODEL, attribute)


def test_every_type_that_is_read_from_a_record_is_tried() -> None:
    kinds: dict[str, Any] = {
        name: type_
        for name, type_ in _SCHEMA.type_map.items()
        if isinstance(type_, GraphQLObjectType)
        and (hasattr(records, name) or hasattr(prices, name))
    }

    assert sorted(kinds) == sorted(name for name in RECORDS if read_fields(name))
