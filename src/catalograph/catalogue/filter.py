"""The filter of a list of models, and the table that defines the behaviour of each field.

A field is defined in two places here: an attribute of `ModelsFilter` and a line of
`FIELDS`. The line decides how the index matches it, when an answer of the upstream
contradicts it, which facet leaves it out, and whether its values get suggestions. The
input type of the graph gives it a description. A version of the upstream that can filter
by it names its parameter; a field without a parameter is answered from the index.
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
    """Whether the upstream would read a value as this one value."""
    return _NOT_SENDABLE.search(value) is None


def to_camel_case(name: str) -> str:
    """Spell the name of a field as the graph does: `endpoint_id` is `endpointId`."""
    first, *others = name.split("_")
    return first + "".join(map(str.capitalize, others))


def normalise(values: Iterable[str]) -> tuple[str, ...]:
    """Sort and drop repeats, so that equal filters share a cache entry."""
    return tuple(sorted(set(values)))


class DayRange(msgspec.Struct, frozen=True):
    """Days from `first` to `last`, both included; None: no bound."""

    first: datetime.date | None = None
    last: datetime.date | None = None


class ModelsFilter(msgspec.Struct, frozen=True, kw_only=True, cache_hash=True):
    """A filter of models. Lists: any of; fields: all of; empty or None: no restriction.

    Lists are sorted and without repeats, None last. Each field has a default that
    restricts nothing, and a line in `FIELDS`.

    Attributes:
        release_date: Models without a release date never match.
        min_input_tokens: Models without a limit never match; so the next.
        max_input_price: Of the model now, in US dollars per million text tokens; models
            without such a price never match; so the next.
        is_free: True: one offering that counts costs nothing for text; False: none does.
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
    def used(self) -> frozenset[str]:
        """Names of the fields that restrict anything."""
        return frozenset(
            name
            for name, default in zip(
                self.__struct_fields__, self.__struct_defaults__, strict=True
            )
            if getattr(self, name) != default
        )

    def fits(self, supported: frozenset[str]) -> bool:
        """Whether an upstream can be asked for all of this filter.

        Args:
            supported: Names of the fields that it has a parameter for. A field that is
                missing here, a value that it would misread, and models without a value
                are answered from the index. So forgetting a field never widens an answer.
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
    """A property of models, by whose values they are filtered and counted.

    Attributes:
        read: The values of a model; None when the record lacks the section.
        read_offering: The values of one offering, where offerings differ in them. Filters
            on several such dimensions are satisfied by one offering together.
        read_aliases: Other names of the values of a model, by value, under which a filter
            finds them, too.
        label: Finds the display name of a value; None when the catalogue has none.
        is_open: Whether the upstream adds values without notice. Values of such a dimension
            that the catalogue does not hold are reported.
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
    """One field of a filter.

    Attributes:
        kind: How its values are compared.
        dimension: The dimension whose values it compares, and whose facet leaves it out.
        match: Finds the matching models, where the field is not a list of values.
        contradicts: Whether a model shows that the list was not filtered by this value,
            where the field is not a list of values.
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
    # Not the part of the model id before the slash: the upstream compares the object, so a
    # model without one matches no organisation.
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
"""In the order in which the graph declares them."""

ROW_DIMENSIONS: Final = {
    name: (dimension.read, dimension.read_offering)
    for name, dimension in DIMENSIONS.items()
    if dimension.read_offering is not None
}
"""How to read the dimensions in which offerings differ: of a model, and of an offering."""


def _any_of(dimension: str) -> FilterField:
    return FilterField(kind=Kind.ANY, dimension=dimension)


def _all_of(dimension: str) -> FilterField:
    return FilterField(kind=Kind.ALL, dimension=dimension)


def _none_of(dimension: str) -> FilterField:
    return FilterField(kind=Kind.NONE, dimension=dimension)


def _includes(status: Status) -> FilterField:
    """Make an include flag: when it is False, models of a status are dropped."""
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
"""Every attribute of `ModelsFilter`, in the order in which the graph declares them."""


def fold_value(value: object) -> str | None:
    """Convert a value of a list to the form that dimensions use: enums become their name."""
    return value.name if isinstance(value, Enum) else value  # type: ignore[return-value]


def list_rows(model: Model) -> list[Mapping[str, Collection[str]]]:
    """List the rows that filters on offerings compare: values by dimension.

    Each offering is a row. Values that the model lists but no offering has form one more
    row. Where the upstream gives no offerings, it is the only row, and each provider is
    assumed to serve each endpoint.

    Returns:
        At least one row, in the order of the offerings.
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
