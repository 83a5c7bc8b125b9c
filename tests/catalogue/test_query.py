"""Filters that the upstream can answer."""

import pytest

from catalograph.catalogue.filter import ModelsFilter
from catalograph.catalogue.query import BARE, ModelsQuery
from catalograph.data.slices import ModelsRequest, Slice
from catalograph.upstream.versions import VERSIONS, Dialect, Versions

EVERY_DIALECT = [
    *(version.dialect for version in VERSIONS),
    Versions().choose_dialect(None, None),
]


class FilterWithNewField(ModelsFilter, frozen=True, kw_only=True):
    """A filter with a new field, without any other change."""

    country_codes: tuple[str, ...] = ()


@pytest.mark.parametrize("dialect", EVERY_DIALECT)
def test_a_field_that_is_not_known_to_the_upstream_goes_to_the_index(
    dialect: Dialect,
) -> None:
    asked = FilterWithNewField(country_codes=("FR",))

    request = ModelsRequest(filter=asked, part=Slice(limit=50, offset=0), sections=BARE)

    assert asked.used == ("country_codes",)
    assert request.page_query(dialect) is None


@pytest.mark.parametrize("dialect", EVERY_DIALECT)
def test_a_field_that_is_not_known_to_the_upstream_is_never_left_out_of_a_request(
    dialect: Dialect,
) -> None:
    query = ModelsQuery(filter=FilterWithNewField(country_codes=("FR",)))

    with pytest.raises(ValueError, match="cannot be asked"):
        dialect.write(query)


def test_a_new_field_without_a_value_is_not_used() -> None:
    asked = FilterWithNewField(providers=("openai",))

    assert asked.used == ("providers",)
    assert all(
        dialect.can_ask(ModelsQuery(filter=asked))
        == ("providers" in dialect.parameters)
        for dialect in EVERY_DIALECT
    )
