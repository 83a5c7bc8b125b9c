"""Which filters the upstream can be asked for."""

import pytest

from catalograph.catalogue.filter import ModelsFilter
from catalograph.catalogue.query import BARE, REST_FIELDS, ModelsQuery
from catalograph.data.slices import ModelsRequest, Slice
from catalograph.upstream.request import build_query_string


class FilterWithNewField(ModelsFilter, frozen=True, kw_only=True):
    """A filter as it is when somebody adds a field and changes nothing else."""

    country_codes: tuple[str, ...] = ()


def test_a_field_that_is_not_known_to_the_upstream_goes_to_the_index() -> None:
    asked = FilterWithNewField(country_codes=("FR",))

    request = ModelsRequest(filter=asked, part=Slice(limit=50, offset=0), sections=BARE)

    assert asked.used == {"country_codes"}
    assert request.page_query() is None


def test_a_field_that_is_not_known_to_the_upstream_is_never_left_out_of_a_request() -> (
    None
):
    query = ModelsQuery(filter=FilterWithNewField(country_codes=("FR",)))

    with pytest.raises(ValueError, match="no parameter"):
        build_query_string(query)


def test_a_new_field_that_restricts_nothing_changes_nothing() -> None:
    asked = FilterWithNewField(providers=("openai",))

    assert asked.used == {"providers"}
    assert asked.fits(REST_FIELDS)
