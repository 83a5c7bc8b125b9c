"""Operations of which it is known what their root fields ask for, and how to render it.

What the arguments mean, which sections are needed and what is selected depend on the
document and the variables alone. An operation that went well once, and asked for nothing
but lists of models that were projected, needs neither the executor nor a resolver the
second time: its lists are looked up and joined. The plainest operations (no variables, no
fragments, paging arguments alone) are seen through the first time already. Whenever a
list is not fresh in memory, or a value is not what its type promises, the operation runs
the ordinary way.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, cast

import msgspec
from graphql import (
    FieldNode,
    GraphQLError,
    GraphQLObjectType,
    GraphQLSchema,
    OperationDefinitionNode,
)
from graphql.execution.values import get_argument_values

from catalograph.concurrency.time_slice import TimeSlice
from catalograph.data.slices import Listing, ModelsRequest
from catalograph.errors import LimitError, UserInputError
from catalograph.graphql.run.projection import CannotProjectError, Projection, Projector
from catalograph.graphql.types.connections import ModelConnectionSource
from catalograph.graphql.types.lists import build_request, name_order

MAX_REPEATS = 512
"""Operations that are remembered for one document, by their variables."""

_LONGEST_KEY: Final = 8_192
_OVERHEAD_BYTES: Final = 1_024
_BYTES_PER_LIST: Final = 512
_BYTES_PER_KEY_BYTE: Final = 10
"""Filters are made of the variables: a short text takes ten times its JSON. All measured."""

RepeatKey = tuple[str | None, bytes, str]
"""Operation name, variables, and whose it is: what it costs depends on their catalogue."""

_PLAIN_ARGUMENTS: Final = frozenset(
    {"limit", "offset", "first", "after", "last", "before", "search"}
)

_encode = msgspec.json.Encoder(order="deterministic").encode


class NotPlainError(Exception):
    """The operation is not plain; the executor answers it."""


class Repeat(msgspec.Struct, frozen=True):
    """One operation with its variables.

    Attributes:
        requests: What each root field asks for, in order.
        prefixes: Comma, response key and colon of each.
        projections: How the connection of each is rendered.
        order_names: Of each list, for its cursors.
        cost: As it was estimated.
    """

    requests: Sequence[ModelsRequest]
    prefixes: Sequence[bytes]
    projections: Sequence[Projection]
    order_names: Sequence[str]
    cost: int

    def render(
        self,
        listings: Sequence[Listing],
        time_slice: TimeSlice,
        *,
        is_first: bool = False,
    ) -> msgspec.Raw | None:
        """Render `data`.

        Args:
            listings: Of each root field.
            time_slice: Of the operation.
            is_first: Whether nobody has asked for this before, so that it may be the
                last time too.

        Returns:
            None when some value is not what its type promises, or when it takes longer
            than a turn; what has been rendered of the models is kept.
        """
        pieces: list[bytes] = []
        try:
            for prefix, projection, listing, order in zip(
                self.prefixes, self.projections, listings, self.order_names, strict=True
            ):
                if not is_first:
                    projection.mark_repeated()
                steps = projection.steps(ModelConnectionSource(listing, order))
                rendered = time_slice.advance(steps)
                if rendered is None:
                    return None
                pieces += (prefix, rendered)
        except CannotProjectError:
            return None
        return msgspec.Raw(b"{%b}" % b"".join(pieces))


def plan_repeat(
    operation: OperationDefinitionNode,
    *,
    schema: GraphQLSchema,
    projector: Projector,
    price: Callable[[], int],
) -> Repeat | None:
    """Plan an operation that asks for nothing but lists of models, in the plainest way.

    Args:
        operation: As parsed, and valid.
        schema: What it is of.
        projector: Compiles the selections.
        price: Estimates the cost.

    Returns:
        None for whatever has variables, directives, fragments, filters or orders, or
        cannot be projected, or is wrong: the executor sees to it.
    """
    if operation.variable_definitions or operation.directives:
        return None
    query_type = cast("GraphQLObjectType", schema.query_type)
    try:
        chosen = [
            (key, *_plan_list(node, query_type, schema, projector))
            for key, node in collect_plain(query_type, operation).items()
        ]
        return _build(chosen, price())
    except (NotPlainError, UserInputError, GraphQLError, LimitError):
        return None


def _plan_list(
    node: FieldNode,
    query_type: GraphQLObjectType,
    schema: GraphQLSchema,
    projector: Projector,
) -> tuple[ModelsRequest, Projection]:
    if node.name.value != "models":
        raise NotPlainError
    arguments = get_argument_values(query_type.fields["models"], node)
    if not _PLAIN_ARGUMENTS.issuperset(arguments):
        raise NotPlainError
    type_ = cast("GraphQLObjectType", schema.get_type("ModelConnection"))
    projection = projector.compile(type_, collect_plain(type_, node), collect_plain)
    if projection is None:
        raise NotPlainError
    return build_request(None, projection.needs, **arguments), projection


def collect_plain(
    _type: GraphQLObjectType, parent: OperationDefinitionNode | FieldNode
) -> dict[str, FieldNode]:
    """Collect selected fields where that takes no thought: each key once, no conditions.

    Raises:
        NotPlainError: It takes some.
    """
    selection_set = parent.selection_set
    selections = () if selection_set is None else selection_set.selections
    fields: dict[str, FieldNode] = {}
    for node in selections:
        if not isinstance(node, FieldNode) or node.directives:
            raise NotPlainError
        fields[(node.alias or node.name).value] = node
    if len(fields) < len(selections):
        raise NotPlainError
    return fields


def build_repeat(
    operation: OperationDefinitionNode,
    requests: Mapping[str, ModelsRequest],
    plans: Mapping[tuple[Any, ...], Projection | None],
    connection_type: object,
    cost: int,
) -> Repeat | None:
    """Remember an operation that has just gone well.

    Args:
        operation: As parsed.
        requests: What its root fields asked for, by response key.
        plans: The document's projections.
        connection_type: The GraphQL type of a list of models.
        cost: As it was estimated.

    Returns:
        None when it holds anything else than projected lists of models, each selected by
        one plain field.
    """
    chosen: list[tuple[str, ModelsRequest, Projection]] = []
    for node in operation.selection_set.selections:
        if not isinstance(node, FieldNode) or node.directives:
            return None
        key = node.alias.value if node.alias else node.name.value
        request = requests.get(key)
        projection = plans.get((connection_type, id(node)))
        if request is None or projection is None:
            return None
        chosen.append((key, request, projection))
    return _build(chosen, cost)


def _build(
    chosen: Sequence[tuple[str, ModelsRequest, Projection]], cost: int
) -> Repeat:
    return Repeat(
        requests=[request for _, request, _ in chosen],
        prefixes=[
            (b"," if place else b"") + _encode(key) + b":"
            for place, (key, _, _) in enumerate(chosen)
        ],
        projections=[projection for _, _, projection in chosen],
        order_names=[
            name_order(request.order, request.search) for _, request, _ in chosen
        ],
        cost=cost,
    )


def repeat_key(
    name: str | None, variables: Mapping[str, Any], partition: str
) -> RepeatKey:
    """What tells the operations of a document apart: name, variables, and who may ask."""
    return name, _encode(variables) if variables else b"", partition


def weigh_repeat(key: RepeatKey, repeat: Repeat) -> int | None:
    """Memory that it takes, roughly; None when it is too large to be remembered."""
    if len(key[1]) > _LONGEST_KEY:
        return None
    return (
        _OVERHEAD_BYTES
        + _BYTES_PER_LIST * len(repeat.requests)
        + _BYTES_PER_KEY_BYTE * len(key[1])
    )
