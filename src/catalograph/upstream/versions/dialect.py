"""Dialects: the request parameters of a version of the upstream, and their effects."""

import enum
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias
from urllib.parse import quote, urlencode

import msgspec

from catalograph.catalogue.filter import (
    DIMENSIONS,
    EVERYTHING,
    ModelsFilter,
    is_sendable,
    normalise,
)
from catalograph.catalogue.query import BARE, MAX_LIMIT, ModelsQuery, Sections
from catalograph.catalogue.side_tables import TableKind

Pairs: TypeAlias = tuple[tuple[str, str], ...]
"""Names and values of query parameters, in the order in which they are sent."""


class Comparison(enum.Enum):
    """How a version compares the values of a parameter."""

    EXACT = "exact"
    CASELESS = "without case"


class Parameter(msgspec.Struct, frozen=True, kw_only=True):
    """The REST parameter of one field of a filter.

    Attributes:
        name: Name of the query parameter.
        compares: How the upstream compares its values.
        narrows: Sections of which the upstream returns only the matching rows, such as the
            offerings of one provider. They are then incomplete, and cannot be used.
    """

    name: str
    compares: Comparison = Comparison.EXACT
    narrows: Sections = BARE


class Dialect(msgspec.Struct, frozen=True, kw_only=True):
    """The dialect of one version for lists of models.

    Attributes:
        parameters: Parameters by field of `ModelsFilter`. A field without an entry can only
            be answered from the index.
        section_switches: By section, the parameter that leaves it out when `false`.
        constants: Parameters of every request.
        apart: Fields whose combination means something else upstream than in the graph. Two
            of them in one filter are answered from the index.
        max_offset: Greatest offset that the upstream accepts; None: no bound.
        router_id: Id of the router, a model that forwards to other models. The upstream puts
            it first in a list that holds any of these, whether or not it matches the filter
            itself. None: there is no router.
        tables: Kinds of the side tables.
    """

    parameters: Mapping[str, tuple[Parameter, ...]]
    section_switches: Mapping[str, str] = {}
    constants: Pairs = ()
    apart: frozenset[str] = frozenset()
    max_offset: int | None = None
    router_id: str | None = None
    tables: frozenset[TableKind] = frozenset()

    @property
    def most_models(self) -> int | None:
        """How many models can be listed by paging; None: no bound."""
        return None if self.max_offset is None else self.max_offset + MAX_LIMIT

    def can_ask(self, query: ModelsQuery) -> bool:
        """Whether the upstream gives exactly the models and complete sections of this query."""
        used = query.filter.used
        return (self.max_offset is None or query.offset <= self.max_offset) and (
            not used
            or (
                all(self._can_ask(field, query.filter) for field in used)
                and len(self.apart.intersection(used)) <= 1
                and not query.sections.overlaps(self._find_narrowed(used))
            )
        )

    def find_narrowed(self, asked: ModelsFilter) -> Sections:
        """Find the sections of the listed models that a filter narrows."""
        return self._find_narrowed(asked.used)

    def _find_narrowed(self, used: Iterable[str]) -> Sections:
        narrowed = BARE
        for field in used:
            for parameter in self.parameters.get(field, ()):
                narrowed |= parameter.narrows
        return narrowed

    def find_ignored(self, asked: ModelsFilter, sent: Pairs) -> tuple[str, ...]:
        """List the used fields of a filter that an upstream of this dialect ignored.

        Args:
            asked: The filter.
            sent: The parameters that were sent for it, perhaps in another dialect.
        """
        names = {name for name, _ in sent}
        return tuple(
            field
            for field in asked.used
            if not any(
                parameter.name in names for parameter in self.parameters.get(field, ())
            )
        )

    def is_understood(self, query: ModelsQuery, sent: Pairs) -> bool:
        """Whether parameters of another dialect mean the same in this one."""
        return (
            self.can_ask(query)
            and set(self._write_filter(query.filter)) <= set(sent)
            and (self.router_id is None or query.filter == EVERYTHING)
        )

    def widen(self, query: ModelsQuery) -> ModelsQuery | None:
        """Enlarge the window of a query so that it is complete after the router is removed.

        The window begins at offset 0: only the first row shows whether the list has the
        router, and so whether all offsets are shifted by one.

        Returns:
            The query itself where no router is possible; None when the window would be
            larger than a page.
        """
        if self.router_id is None or query.filter == EVERYTHING:
            return query
        end = query.offset + query.limit + 1
        if end > MAX_LIMIT:
            return None
        return msgspec.structs.replace(query, offset=0, limit=end)

    def write(self, query: ModelsQuery) -> Pairs:
        """Write a query as parameters; equal queries give equal parameters in equal order.

        Raises:
            ValueError: This dialect cannot express the query; see `can_ask`.
        """
        pairs = self._write_filter(query.filter)
        pairs += (
            (name, "false")
            for section, name in self.section_switches.items()
            if not getattr(query.sections, section)
        )
        pairs += (("limit", str(query.limit)), ("offset", str(query.offset)))
        return tuple(pairs)

    def _write_filter(self, asked: ModelsFilter) -> list[tuple[str, str]]:
        pairs = list(self.constants)
        for field in asked.used:
            if not self._can_ask(field, asked):
                raise ValueError(f"{field} cannot be asked of the upstream")
            value = getattr(asked, field)
            text = "false" if value is False else ",".join(normalise(value))
            pairs += ((one.name, text) for one in self.parameters[field])
        return pairs

    def _can_ask(self, field: str, asked: ModelsFilter) -> bool:
        parameters = self.parameters.get(field, ())
        value = getattr(asked, field)
        if not parameters:
            return False
        if value is False:
            return True
        return isinstance(value, tuple) and all(
            isinstance(one, str) and _can_be_sent(one, field, parameters)
            for one in value
        )


def combine(dialects: Iterable[Dialect]) -> Dialect:
    """Combine dialects into one that all their versions understand.

    Every parameter is sent under all of its names. Parameters that only some versions have,
    and sections that only some narrow, are allowed here: the response shows its version, and
    is then checked against the dialect of that version.
    """
    parameters: dict[str, tuple[Parameter, ...]] = {}
    switches: dict[str, str] = {}
    constants: dict[str, str] = {}
    bounds = []
    known = list(dialects)
    for dialect in known:
        for field, found in dialect.parameters.items():
            names = {one.name for one in parameters.get(field, ())}
            parameters[field] = (
                *parameters.get(field, ()),
                *(one for one in found if one.name not in names),
            )
        switches |= dialect.section_switches
        constants |= dict(dialect.constants)
        if dialect.max_offset is not None:
            bounds.append(dialect.max_offset)
    narrowing = {
        field: tuple(
            msgspec.structs.replace(one, narrows=_narrowed_by_all(field, known))
            for one in found
        )
        for field, found in parameters.items()
    }
    return Dialect(
        parameters=narrowing,
        section_switches=switches,
        constants=tuple(constants.items()),
        max_offset=min(bounds, default=None),
        tables=frozenset().union(*(dialect.tables for dialect in known)),
    )


def build_query_string(pairs: Pairs) -> str:
    """Encode parameters as a query string, without `?`; commas stay as they are."""
    return urlencode(pairs, safe=",", quote_via=quote)


def _narrowed_by_all(field: str, dialects: Iterable[Dialect]) -> Sections:
    narrowed: Any = None
    for dialect in dialects:
        for parameter in dialect.parameters.get(field, ()):
            narrowed = (
                parameter.narrows if narrowed is None else narrowed & parameter.narrows
            )
    return narrowed or BARE


def _can_be_sent(value: str, field: str, parameters: Iterable[Parameter]) -> bool:
    if not is_sendable(value):
        return False
    # Versions differ in whether case matters here, and another one than expected may answer.
    # The index compares as the version does that it was read from, so it answers such a value.
    dimension = DIMENSIONS.get(field)
    return (
        value == value.lower()
        or (dimension is not None and dimension.ignores_case)
        or all(one.compares is Comparison.EXACT for one in parameters)
    )
