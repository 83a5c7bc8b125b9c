"""Compiled execution: renders selection sets over records by joining JSON bytes.

Resolving field by field costs more than everything else together. If every field of a
selection set is read from a record (no resolver, no arguments), or computed from a record and
the time, the set is compiled once for its document into a `Projection`. The executor passes
whole objects and lists to the projection, which returns JSON. All other selections run in
the executor as usual.

A projection consists of parts. A part is one field of one type with the selections below it.
Equal parts of different documents are the same object, and the bytes of a part are cached
for each record. So a new document over known records mostly joins cached bytes. What changes
with the time of day is cached only for records whose prices do not.

A projection never reports errors. If a value does not match its type, it raises
`CannotProjectError`, and the executor completes that value as usual.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, cast

import msgspec
from graphql import (
    FieldNode,
    GraphQLField,
    GraphQLObjectType,
    GraphQLOutputType,
    get_named_type,
    get_nullable_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
)
from graphql.execution.collect_fields import FieldDetailsList

from catalograph.catalogue import records
from catalograph.catalogue.pricing import list_windows
from catalograph.graphql.run.needs import Need, ReadAt, find_field_need, find_reader

Selected = Mapping[str, Any]
"""Selected fields by response key: field nodes, or graphql-core's lists of details."""

Collect = Callable[[GraphQLObjectType, Any], Selected]
"""Collects the selections below a field for an object type, after `@include` and `@skip`."""

READ_WITHOUT_ARGUMENTS: Final = {("Model", "offerings"): "offerings"}
"""Fields whose resolver only reads an attribute if no argument is given."""

_SHARED = (records.Provider, records.Endpoint, records.Organisation)
"""Records that many models share, so their rendered bytes are cached on first use."""

_OBJECTS_PER_PIECE: Final = 20
"""Most objects of a piece. Rendering can yield between pieces; a large model takes 0.1 ms."""

_BYTES_PER_PIECE: Final = 64 * 1024
"""Bytes after which a piece ends early."""

_encode = msgspec.json.Encoder().encode


class CannotProjectError(Exception):
    """A value does not match its type; the executor reports the error."""


class RenderedParts:
    """Cache of rendered parts, by record.

    Args:
        max_bytes: Beyond this bound, the whole cache is cleared. Parts are quickly rendered
            again, and clearing also frees records that earlier refreshes have replaced.

    Attributes:
        slots: A record and its rendered parts, by the identity (`id`) of the record.
    """

    def __init__(self, max_bytes: int = 24 * 1024 * 1024) -> None:
        self._max_bytes = max_bytes
        self._held_bytes = 0
        # Keys are identities, because comparing records would cost more than rendering them.
        # The slot refers to the record, so that its id is not reused.
        self.slots: dict[int, tuple[object, dict[object, bytes]]] = {}

    def of(self, record: object) -> dict[object, bytes]:
        """Return the cached bytes of a record, by part or projection."""
        if self._held_bytes > self._max_bytes:
            self.slots.clear()
            self._held_bytes = 0
        slot = self.slots.get(id(record))
        if slot is None:
            slot = (record, {})
            self.slots[id(record)] = slot
            self._held_bytes += _BYTES_PER_SLOT
        return slot[1]

    def count(self, rendered: bytes) -> None:
        """Count the bytes of a rendered part that the caller adds to the cache."""
        self._held_bytes += len(rendered) + _BYTES_PER_FRAGMENT


_BYTES_PER_SLOT = 400
_BYTES_PER_FRAGMENT = 120
_BYTES_PER_PART = 300
"""Approximate memory of a part, and also of its entry in a projection."""


class Part:
    """One field of a type with the selections below it, without its response key."""

    __slots__ = (
        "_name",
        "_read",
        "_read_at",
        "_type",
        "below",
        "has_pieces",
        "is_timed",
        "needs",
    )

    def __init__(
        self,
        readable: "_Readable",
        read: Callable[[Any, str], object],
        below: "Projection | None",
    ) -> None:
        self._type = readable.type
        self._read_at = readable.read_at
        self.is_timed: bool = readable.read_at is not None or (
            below is not None and below.is_timed
        )
        is_list = is_list_type(get_nullable_type(readable.type))
        self.has_pieces = is_list and below is not None
        self._name = readable.attribute
        self._read = read
        self.below = below
        self.needs = readable.needs if below is None else readable.needs | below.needs

    def render(self, source: object, at: datetime) -> bytes:
        """Render the field of one object.

        Raises:
            CannotProjectError: The value does not match its type.
        """
        try:
            if self._read_at is None:
                value = self._read(source, self._name)
            else:
                value = self._read_at(source, at)
            return _render(self._type, value, self.below, at)
        except CannotProjectError:
            raise
        except Exception as exc:
            # Reading has no side effects: the executor reads again and reports the error.
            raise CannotProjectError from exc

    def pieces(self, source: object, at: datetime) -> Iterator[bytes]:
        """Render a list of objects in several pieces, anything else in one."""
        if self.has_pieces:
            try:
                value = self._read(source, self._name)
            except Exception as exc:
                raise CannotProjectError from exc  # as above
            if self.below is not None and isinstance(value, list | tuple):
                yield from self.below.pieces_of_list(value, at)
                return
        yield self.render(source, at)


def _render(type_: Any, value: Any, below: "Projection | None", at: datetime) -> bytes:
    if is_non_null_type(type_):
        if value is None:
            raise CannotProjectError
        type_ = type_.of_type
    elif value is None:
        return b"null"
    if is_list_type(type_):
        if not isinstance(value, list | tuple):
            raise CannotProjectError
        if below is not None:
            return b"[%b]" % b",".join([below.render(one, at) for one in value])
        of_type = type_.of_type
        return b"[%b]" % b",".join([_render(of_type, one, None, at) for one in value])
    if below is not None:
        return below.render(value, at)
    return _encode(type_.coerce_output_value(value))


class Projection:
    """A compiled selection set over one object type.

    Args:
        parts: Prefix (comma, response key, colon) and part of each field. Bytes instead of
            a part are the same for every object, as of `__typename`.
        fragments: Cache of rendered parts.

    Attributes:
        needs: Data that the fields need together.
        is_timed: Whether a field depends on the time.
    """

    __slots__ = (
        "_fragments",
        "_is_repeated",
        "_parts",
        "_template",
        "is_timed",
        "needs",
    )

    def __init__(
        self, parts: Sequence[tuple[bytes, Part | bytes]], fragments: RenderedParts
    ) -> None:
        self._parts: list[Part] = []
        # Constant bytes alternate with empty places, one for each part.
        self._template: list[bytes] = [b"{"]
        self.needs = Need.NOTHING
        for prefix, part in parts:
            self._template[-1] += prefix
            if isinstance(part, bytes):
                self._template[-1] += part
                continue
            self._template += (b"", b"")
            self._parts.append(part)
            if part.needs is not Need.NOTHING:
                self.needs |= part.needs
        self._template[-1] += b"}"
        self.is_timed: bool = any(part.is_timed for part in self._parts)
        self._fragments = fragments
        self._is_repeated = False

    def mark_repeated(self) -> None:
        """Record that the document was run before, so that whole models are cached."""
        if not self._is_repeated:
            self._is_repeated = True
            for part in self._parts:
                if part.below is not None:
                    part.below.mark_repeated()

    def render(self, source: object, at: datetime) -> bytes:
        """Render one object.

        Args:
            source: The object.
            at: The time for fields that depend on it.

        Raises:
            CannotProjectError: A value does not match its type.
        """
        is_shared = isinstance(source, _SHARED)
        if not is_shared and not isinstance(source, records.Model):
            return self._join(source, at)
        cached = self._fragments.of(source)
        whole = cached.get(self)
        if whole is None:
            if (
                self.is_timed
                and isinstance(source, records.Model)
                and list_windows((source,))
            ):
                return self._join(source, at)
            whole = self._join_cached(source, cached, at)
            # A whole model is cached on the second run of a document, because documents that
            # run only once would evict useful entries.
            if is_shared or self._is_repeated:
                cached[self] = whole
                self._fragments.count(whole)
        return whole

    def pieces(self, source: object, at: datetime) -> Iterator[bytes]:
        """Render one object as `render` does, in pieces if it holds lists of objects.

        A record is a single piece, which is small enough.

        Raises:
            CannotProjectError: See `render`; discard the pieces that were yielded before.
        """
        if isinstance(source, (*_SHARED, records.Model)):
            yield self.render(source, at)
            return
        template = iter(self._template[::2])
        small = [next(template)]
        for part, between in zip(self._parts, template, strict=True):
            if part.has_pieces:
                yield b"".join(small)
                small = [between]
                yield from part.pieces(source, at)
            else:
                small += (part.render(source, at), between)
        yield b"".join(small)

    def pieces_of_list(
        self, sources: Sequence[object], at: datetime
    ) -> Iterator[bytes]:
        """Render a list in pieces of a few objects each, or of one if objects are large."""
        find = self._fragments.slots.get
        count = len(sources)
        start, end = 0, 1
        separator = b"["
        while start < count:
            batch = sources[start:end]
            # Looked up together to save calls: in most long lists, all are cached.
            slots = list(map(find, map(id, batch)))
            wholes = [None if slot is None else slot[1].get(self) for slot in slots]
            rendered = [
                self.render(source, at) if whole is None else whole
                for source, whole in zip(batch, wholes, strict=True)
            ]
            piece = b",".join(rendered)
            yield separator + piece
            separator = b","
            in_piece = _BYTES_PER_PIECE * len(rendered) // (len(piece) + 1)
            start, end = end, end + max(1, min(in_piece, _OBJECTS_PER_PIECE))
        yield b"]" if count else b"[]"

    def _join(self, source: object, at: datetime) -> bytes:
        return self._fill([part.render(source, at) for part in self._parts])

    def _join_cached(
        self, source: object, cached: dict[object, bytes], at: datetime
    ) -> bytes:
        # `map` is faster than a loop. This runs for every model of every new document, and
        # usually all parts are cached.
        rendered = list(map(cached.get, self._parts))
        if None in rendered:
            for place, part in enumerate(self._parts):
                if rendered[place] is None:
                    rendered[place] = cached[part] = fragment = part.render(source, at)
                    self._fragments.count(fragment)
        return self._fill(cast("list[bytes]", rendered))

    def _fill(self, rendered: list[bytes]) -> bytes:
        pieces = self._template.copy()
        pieces[1::2] = rendered
        return b"".join(pieces)


class _Readable:
    """A field that only reads its object.

    Attributes:
        type: Type of the field in the schema.
        attribute: Name of the attribute.
        needs: Data that the field needs.
        object_type: Type whose fields are selected below it; None for a leaf.
        read_at: Computes the value at a time; None if the attribute is the value.
    """

    __slots__ = ("attribute", "needs", "object_type", "read_at", "type")

    def __init__(
        self,
        type_: GraphQLOutputType,
        attribute: str,
        needs: Need,
        object_type: GraphQLObjectType | None = None,
        read_at: ReadAt | None = None,
    ) -> None:
        self.read_at = read_at
        self.type = type_
        self.attribute = attribute
        self.needs = needs
        self.object_type = object_type


class Projector:
    """Compiles selection sets, and interns equal parts and projections.

    Args:
        read: Reads the field of an object, by name, if it has no resolver.
        max_interned_bytes: Bound on interned parts and projections, whose response keys
            clients choose. Beyond it, all of them are dropped.
    """

    def __init__(
        self,
        read: Callable[[Any, str], object],
        *,
        max_interned_bytes: int = 8 * 1024 * 1024,
    ) -> None:
        self._read = read
        self._max_interned_bytes = max_interned_bytes
        self._interned_bytes = 0
        self._fragments = RenderedParts()
        self._readables: dict[tuple[GraphQLObjectType, str], _Readable | None] = {}
        self._parts: dict[tuple[_Readable, Projection | None], Part] = {}
        self._projections: dict[tuple[Any, ...], Projection] = {}

    def compile(
        self,
        type_: GraphQLObjectType,
        selected: Selected,
        collect: Collect,
    ) -> Projection | None:
        """Compile the selections on a type; None if a field needs a resolver.

        Args:
            type_: The type that the fields belong to.
            selected: The selected fields.
            collect: Collects the selections below one of them, in the same form.
        """
        parts: list[tuple[bytes, Part | bytes]] = []
        for key, field in selected.items():
            part = self._compile_field(type_, field, collect)
            if part is None:
                return None
            comma = b"," if parts else b""
            parts.append((comma + _encode(key) + b":", part))
        if not any(isinstance(part, Part) for _, part in parts):
            # Only `__typename` is selected. Nothing would be read from the object, so an
            # object of the wrong type would not be noticed.
            return None
        return self._intern(type_.name, tuple(parts))

    def _compile_field(
        self,
        type_: GraphQLObjectType,
        selected: FieldNode | FieldDetailsList,
        collect: Collect,
    ) -> Part | bytes | None:
        node = selected if isinstance(selected, FieldNode) else selected[0].node
        name = node.name.value
        if name == "__typename":
            return _encode(type_.name)
        if node.arguments:
            return None
        found = self._find_readable(type_, name)
        if found is None:
            return None
        below: Projection | None = None
        if found.object_type is not None:
            fields = collect(found.object_type, selected)
            below = self.compile(found.object_type, fields, collect)
            if below is None:
                return None
        interned = (found, below)
        part = self._parts.get(interned)
        if part is None:
            part = Part(found, self._read, below)
            self._parts[interned] = part
            self._interned_bytes += _BYTES_PER_PART
        return part

    def _find_readable(self, type_: GraphQLObjectType, name: str) -> _Readable | None:
        """Describe a field that only reads its object; None for any other field."""
        key = (type_, name)
        if key not in self._readables:
            self._readables[key] = _describe(type_, name)
        return self._readables[key]

    def _intern(
        self, type_name: str, parts: tuple[tuple[bytes, Part | bytes], ...]
    ) -> Projection:
        projection = self._projections.get((type_name, parts))
        if projection is not None:
            projection.mark_repeated()
            return projection
        if self._interned_bytes > self._max_interned_bytes:
            self._projections.clear()
            self._parts.clear()
            self._interned_bytes = 0
        projection = Projection(parts, self._fragments)
        self._interned_bytes += sum(len(key) + _BYTES_PER_PART for key, _ in parts)
        self._projections[type_name, parts] = projection
        return projection


def _describe(type_: GraphQLObjectType, name: str) -> _Readable | None:
    field = type_.fields.get(name)
    if field is None:
        return None
    needs = find_field_need(type_, name)
    named = get_named_type(field.type)
    read_at = find_reader(type_, name)
    if read_at is not None and is_leaf_type(named) and not field.args:
        return _Readable(field.type, name, needs, read_at=read_at)
    attribute = _find_attribute(type_, name, field)
    if attribute is None:
        return None
    if isinstance(named, GraphQLObjectType):
        return _Readable(field.type, attribute, needs, named)
    return _Readable(field.type, attribute, needs) if is_leaf_type(named) else None


def _find_attribute(
    type_: GraphQLObjectType, name: str, field: GraphQLField
) -> str | None:
    """Find the attribute that a field reads; None if the field has a resolver."""
    if (type_.name, name) in READ_WITHOUT_ARGUMENTS:
        return READ_WITHOUT_ARGUMENTS[type_.name, name]
    if field.args or not getattr(field.resolve, "_is_default", False):
        return None
    python_name: str = field.extensions["strawberry-definition"].python_name
    return python_name
