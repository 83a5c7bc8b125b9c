"""The filter of a list of models, and the table that defines the behaviour of each field.

A field is defined in two places here: an attribute of `ModelsFilter` and a line of
`FIELDS`. The line decides how the index matches it, when a page of the upstream contradicts
it, which facet ignores it, and whether its values get suggestions. The input type in the
GraphQL schema describes it to clients. `upstream/versions/` names the parameter of each
upstream version that can filter by it; without a parameter, the index answers.
"""

import datetime
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from decimal import Decimal
from enum import Enum
from itertools import chain
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import msgspec

from catalograph.catalogue.records import (
    Availability,
    Model,
    ModelGateway,
    Offering,
    Organisation,
    Provider,
    Status,
)

if TYPE_CHECKING:
    from catalograph.catalogue.index import CatalogueIndex

Values: TypeAlias = tuple[str | None, ...]
"""Values of a filter; None stands for models without a value."""

# The upstream splits at commas and white space, and reads braces and quotes as lists. It
# drops an empty filter and then answers with all models. A byte order mark is white space
# in JavaScript.
_NOT_SENDABLE: Final = re.compile(r"[\s\ufeff,{}\"']|^$")


def is_sendable(value: str) -> bool:
    """Whether the upstream would read this text as a single value."""
    return _NOT_SENDABLE.search(value) is None


def to_camel_case(name: str) -> str:
    """Spell a field name as the GraphQL schema does: `endpoint_id` becomes `endpointId`."""
    first, *others = name.split("_")
    return first + "".join(map(str.capitalize, others))


def normalise(values: Iterable[str]) -> tuple[str, ...]:
    """Sort and drop duplicates, so that equal filters share a cache entry."""
    return tuple(sorted(set(values)))


class DayRange(msgspec.Struct, frozen=True):
    """Days from `first` to `last`, both included; None means no bound."""

    first: datetime.date | None = None
    last: datetime.date | None = None


class ModelsFilter(msgspec.Struct, frozen=True, kw_only=True, cache_hash=True):
    """A filter of models: a model matches if it satisfies every field.

    A list is satisfied by any of its values, an `all_…` list by all of them. An empty list
    and None restrict nothing. Lists are sorted and without duplicates, None last. Each field
    has a default that restricts nothing, and a line in `FIELDS`.

    Attributes:
        release_date: Models without a release date never match.
        min_input_tokens: Models without a known limit never match.
        min_output_tokens: Models without a known limit never match.
        max_input_price: Current price in US dollars per million input text tokens; models
            without such a price never match.
        max_output_price: The same for output text tokens.
        is_free: True: at least one compared offering (see `pricing.list_compared`) costs
            nothing for text. False: no such offering is free.
    """

    providers: Values = ()
    organisations: Values = ()
    endpoints: Values = ()
    exclude_endpoints: Values = ()
    input_modalities: Values = ()
    output_modalities: Values = ()
    include_rumoured: bool = True
    include_deprecated: bool = True
    include_retired: bool = True
    model_ids: tuple[str, ...] = ()
    statuses: tuple[Status | None, ...] = ()
    is_routable: bool | None = None
    release_date: DayRange | None = None
    all_input_modalities: Values = ()
    all_output_modalities: Values = ()
    parameters: Values = ()
    all_parameters: Values = ()
    availability: tuple[Availability | None, ...] = ()
    variants: Values = ()
    min_input_tokens: int | None = None
    min_output_tokens: int | None = None
    max_input_price: Decimal | None = None
    max_output_price: Decimal | None = None
    is_free: bool | None = None

    @property
    def used(self) -> tuple[str, ...]:
        """Names of the fields that restrict the list, in the order of declaration."""
        if self == EVERYTHING:
            return ()
        return tuple(
            name
            for name, default in zip(
                self.__struct_fields__, self.__struct_defaults__, strict=True
            )
            if getattr(self, name) != default
        )

    def fits(self, supported: frozenset[str]) -> bool:
        """Whether the upstream can apply the whole filter; otherwise the index must.

        The upstream cannot apply an unsupported field, a value that it would misread, or
        None, which stands for models without a value. A field that is missing in `supported`
        by mistake goes to the index, so a mistake never widens an answer.

        Args:
            supported: Names of the fields for which the upstream has a parameter.
        """
        return all(
            name in supported and _is_all_sendable(getattr(self, name))
            for name in self.used
        )


EVERYTHING: Final = ModelsFilter()


def _is_all_sendable(value: object) -> bool:
    return not isinstance(value, tuple) or all(
        isinstance(one, Enum) or (isinstance(one, str) and is_sendable(one))
        for one in value
    )


class Dimension(msgspec.Struct, frozen=True, kw_only=True):
    """A property by whose values models are filtered and counted.

    Attributes:
        read: Reads the values of a model; gives None when the record lacks the section.
        read_offering: Reads the values of one offering; None if offerings do not differ in
            them. One offering must satisfy the filters on all such dimensions together.
        read_aliases: Reads other names of a model's values, by value, under which filters
            find them, too; None if values have no other names.
        label: Finds the display name of a value; gives None when the catalogue has none.
        is_open: Whether the upstream adds values without notice. Filter values of such a
            dimension that the catalogue does not hold are reported to the client.
        ignores_case: Whether every version of the upstream compares without case.
    """

    read: Callable[[Model], Iterable[str] | None]
    read_offering: Callable[[Offering], Iterable[str]] | None = None
    read_aliases: Callable[[Model], Mapping[str, Iterable[str]]] | None = None
    label: Callable[["CatalogueIndex", str], str | None] = lambda _index, _value: None
    is_open: bool = True
    ignores_case: bool = False


class Kind(Enum):
    """How the values of a filter field are compared with those of a model."""

    ANY = "has any of them"
    ALL = "has all of them"
    NONE = "has none of them"
    OTHER = "is compared by the field's own function"


class FilterField(msgspec.Struct, frozen=True, kw_only=True):
    """The behaviour of one filter field.

    Attributes:
        kind: How its values are compared with those of a model.
        dimension: The dimension that it filters; facets of this dimension ignore it. None
            if it filters no dimension.
        match: Finds the matching models; None for a list of values.
        contradicts: Whether a model proves that the upstream did not apply the field; None
            for a list of values, and if no model can prove it.
        reads_prices: Whether matching needs the table of prices.
    """

    kind: Kind = Kind.OTHER
    dimension: str | None = None
    match: Callable[["CatalogueIndex", Any], int] | None = None
    contradicts: Callable[[Any, Model], bool] | None = None
    reads_prices: bool = False


def _read_data(name: str) -> Callable[[Model], Iterable[str] | None]:
    def read(model: Model) -> Iterable[str] | None:
        return None if model.data is None else getattr(model.data, name)

    return read


def _read_organisation(model: Model) -> Iterable[str]:
    # The upstream compares the organisation object, not the prefix of the model id. So a
    # model without that object matches no organisation.
    return (model.organisation.organisation_id,) if model.organisation else ()


def _read_status(model: Model) -> Iterable[str]:
    return (model.status.name,) if model.status else ()


def _read_providers(model: Model) -> Iterable[str] | None:
    if model.gateway is None:
        return None
    return [provider.provider_id for provider in model.gateway.providers]


def _read_endpoints(model: Model) -> Iterable[str] | None:
    if model.gateway is None:
        return None
    return [endpoint.endpoint_id for endpoint in model.gateway.endpoints]


def _read_parameters(model: Model) -> Iterable[str] | None:
    if model.gateway is None:
        return None
    return [parameter.name for parameter in model.gateway.parameters]


def _read_parameter_aliases(model: Model) -> Mapping[str, Iterable[str]]:
    gateway = model.gateway or ModelGateway()
    aliases = {one.name: one.aliases for one in gateway.parameters if one.aliases}
    for offering in gateway.offerings:
        for one in offering.parameters:
            if one.aliases:
                aliases.setdefault(one.name, one.aliases)
    return aliases


def _read_availability(model: Model) -> Iterable[str] | None:
    if model.gateway is None:
        return None
    availability = model.gateway.availability
    return () if availability is None else (availability.name,)


def _name(entity: Provider | Organisation | None) -> str | None:
    return None if entity is None else entity.name


DIMENSIONS: Final[Mapping[str, Dimension]] = {
    "providers": Dimension(
        read=_read_providers,
        read_offering=lambda one: (one.provider.provider_id,),
        label=lambda index, value: _name(index.find_provider(value)),
    ),
    "organisations": Dimension(
        read=_read_organisation,
        label=lambda index, value: _name(index.find_organisation(value)),
    ),
    "endpoints": Dimension(
        read=_read_endpoints,
        read_offering=lambda one: (one.endpoint.endpoint_id,),
    ),
    "input_modalities": Dimension(
        read=_read_data("input_modalities"), ignores_case=True
    ),
    "output_modalities": Dimension(
        read=_read_data("output_modalities"), ignores_case=True
    ),
    "statuses": Dimension(
        read=_read_status,
        label=lambda index, value: index.postings.status_labels.get(value),
        is_open=False,
    ),
    "parameters": Dimension(
        read=_read_parameters,
        read_offering=lambda one: [parameter.name for parameter in one.parameters],
        read_aliases=_read_parameter_aliases,
    ),
    "availability": Dimension(read=_read_availability, is_open=False),
    "variants": Dimension(read=lambda model: (model.variant,) if model.variant else ()),
}
"""Dimensions by name, in the order in which the GraphQL schema declares them."""

ROW_DIMENSIONS: Final = {
    name: (dimension.read, dimension.read_offering)
    for name, dimension in DIMENSIONS.items()
    if dimension.read_offering is not None
}
"""Dimensions in which offerings differ: how to read the values of a model, and of an offering."""


def _any_of(dimension: str) -> FilterField:
    return FilterField(kind=Kind.ANY, dimension=dimension)


def _all_of(dimension: str) -> FilterField:
    return FilterField(kind=Kind.ALL, dimension=dimension)


def _none_of(dimension: str) -> FilterField:
    return FilterField(kind=Kind.NONE, dimension=dimension)


def _includes(status: Status) -> FilterField:
    """Build an include flag: when it is False, models with this status are dropped."""
    return FilterField(
        dimension="statuses",
        match=lambda index, _: index.postings.match_other_words(status.value),
        contradicts=lambda _, model: model.status is status,
    )


FIELDS: Final[Mapping[str, FilterField]] = {
    "providers": _any_of("providers"),
    "organisations": _any_of("organisations"),
    "endpoints": _any_of("endpoints"),
    "exclude_endpoints": _none_of("endpoints"),
    "input_modalities": _any_of("input_modalities"),
    "output_modalities": _any_of("output_modalities"),
    "include_rumoured": _includes(Status.RUMOURED),
    "include_deprecated": _includes(Status.DEPRECATED),
    "include_retired": _includes(Status.RETIRED),
    "model_ids": FilterField(
        match=lambda index, model_ids: index.match_ids(model_ids),
        contradicts=lambda model_ids, model: model.model_id not in model_ids,
    ),
    "statuses": _any_of("statuses"),
    "is_routable": FilterField(
        match=lambda index, wanted: index.postings.match_routable(is_routable=wanted)
    ),
    "release_date": FilterField(
        match=lambda index, days: index.postings.released.find(days.first, days.last)
    ),
    "all_input_modalities": _all_of("input_modalities"),
    "all_output_modalities": _all_of("output_modalities"),
    "parameters": _any_of("parameters"),
    "all_parameters": _all_of("parameters"),
    "availability": _any_of("availability"),
    "variants": _any_of("variants"),
    "min_input_tokens": FilterField(
        match=lambda index, least: index.postings.input_tokens.find(least, None)
    ),
    "min_output_tokens": FilterField(
        match=lambda index, least: index.postings.output_tokens.find(least, None)
    ),
    "max_input_price": FilterField(
        match=lambda index, most: index.prices.input.find(None, most),
        reads_prices=True,
    ),
    "max_output_price": FilterField(
        match=lambda index, most: index.prices.output.find(None, most),
        reads_prices=True,
    ),
    "is_free": FilterField(
        match=lambda index, wanted: index.prices.match_free(is_free=wanted),
        reads_prices=True,
    ),
}
"""Every attribute of `ModelsFilter`, in the order in which the GraphQL schema declares them."""


def fold_value(value: object) -> str | None:
    """Convert a filter value to the form that dimensions use: an enum becomes its name."""
    return value.name if isinstance(value, Enum) else value  # type: ignore[return-value]


def list_rows(model: Model) -> list[Mapping[str, Collection[str]]]:
    """List the rows that filters on offerings compare: values by dimension.

    Each offering is a row. Values that the model lists, but none of its offerings has, form
    one more row. A model without offerings has only that row: each of its providers is
    assumed to serve each of its endpoints.

    Returns:
        At least one row; offerings first, in their order.
    """
    readers = ROW_DIMENSIONS.items()
    offerings = () if model.gateway is None else model.gateway.offerings
    rows: list[Mapping[str, Collection[str]]] = [
        {name: tuple(read(offering)) for name, (_, read) in readers}
        for offering in offerings
    ]
    rest: dict[str, Collection[str]] = {}
    for name, (read, _) in readers:
        offered = set(chain.from_iterable(row[name] for row in rows))
        rest[name] = [value for value in read(model) or () if value not in offered]
    if not rows or any(rest.values()):
        rows.append(rest)
    return rows
