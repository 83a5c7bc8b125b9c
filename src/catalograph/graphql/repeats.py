"""Operations asked again: what their root fields ask for is known, and how to render it.

What the arguments mean, which sections are needed and what is selected depend on the
document and the variables alone. An operation that went well once, and asked for nothing
but lists of models that were projected, needs neither the executor nor a resolver the
second time: its lists are looked up and joined. Whenever a list is not fresh in memory,
or a value is not what its type promises, the operation runs the ordinary way.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from graphql import FieldNode, OperationDefinitionNode

from catalograph.graphql.connections import ModelConnectionSource
from catalograph.graphql.lists import name_order
from catalograph.graphql.projection import CannotProjectError, Projection
from catalograph.listings import Listing, ModelsRequest

MAX_REPEATS = 512
"""Operations that are remembered for one document, by their variables."""

RepeatKey = tuple[str | None, bytes]

_encode = msgspec.json.Encoder(order="deterministic").encode


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

    def render(self, listings: Sequence[Listing]) -> msgspec.Raw | None:
        """Render `data`; None when some value is not what its type promises."""
        pieces: list[bytes] = []
        try:
            for prefix, projection, listing, order in zip(
                self.prefixes, self.projections, listings, self.order_names, strict=True
            ):
                projection.mark_repeated()
                pieces.append(prefix)
                pieces.append(projection.render(ModelConnectionSource(listing, order)))
        except CannotProjectError:
            return None
        return msgspec.Raw(b"{%b}" % b"".join(pieces))


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


def repeat_key(name: str | None, variables: Mapping[str, Any]) -> RepeatKey:
    """What tells the operations of a document apart: name and variables."""
    return name, _encode(variables) if variables else b""
