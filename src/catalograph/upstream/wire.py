"""The JSON as it really is, decoded and turned into records."""

import json
from collections.abc import Sequence
from typing import Annotated, Any

import msgspec

from catalograph.catalogue.query import BARE, ModelsPage, ModelsQuery, Sections
from catalograph.catalogue.records import Model
from catalograph.errors import UpstreamResponseError
from catalograph.observability.logs import get_logger
from catalograph.observability.metrics import MALFORMED
from catalograph.upstream.salvage import Tally, salvage
from catalograph.upstream.shapes import Shape, find_shape
from catalograph.upstream.shapes.making import RecordMaker


class _Envelope(msgspec.Struct, frozen=True):
    """The strict part of an answer. Rows stay raw, so that a sick one costs itself alone."""

    ok: bool
    limit: int
    offset: int
    total: Annotated[int, msgspec.Meta(ge=0)]
    models: list[msgspec.Raw]


_ENVELOPE = msgspec.json.Decoder(_Envelope)
_DECODERS: dict[type[msgspec.Struct], msgspec.json.Decoder[Any]] = {}


def read_page(body: bytes, query: ModelsQuery, *, as_of_s: float) -> ModelsPage:
    """Read the body of a 200 as the answer to `query`.

    Args:
        body: JSON, complete.
        query: What was asked; the answer must echo its window.
        as_of_s: Unix time in seconds at which it was asked.

    Raises:
        UpstreamResponseError: The body is no JSON, or its envelope is not that of a page, or
            not of this one, or no row in it is a model of a known shape.
    """
    tally = Tally()
    envelope = _decode_envelope(body, tally)
    _check_envelope(envelope, query)
    if not envelope.models:
        # An empty page has no shape: every model of it carries whatever was asked for.
        models: tuple[Model, ...] = ()
        sections = query.sections
        ignored_filters: tuple[str, ...] = ()
    else:
        shape = find_shape(envelope.models)
        if shape is None:
            raise UpstreamResponseError(
                detail=f"models: none of {len(envelope.models)} rows is a model of a known shape"
            )
        models, sections = _build_models(shape, envelope.models, query, tally)
        ignored_filters = shape.ignored_filters
    _report(tally, query)
    return ModelsPage(
        models=models,
        total=envelope.total,
        limit=envelope.limit,
        offset=envelope.offset,
        sections=sections,
        as_of_s=as_of_s,
        lost=len(envelope.models) - len(models),
        ignored_filters=ignored_filters,
    )


def _decode_envelope(body: bytes, tally: Tally) -> _Envelope:
    try:
        return _ENVELOPE.decode(body)
    except msgspec.ValidationError as exc:
        raise UpstreamResponseError(detail=str(exc)) from exc
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        mended = _mend_text(body)
        if mended is None:
            raise UpstreamResponseError(
                detail=f"the body is no JSON: {exc}; it begins {body[:80]!r}"
            ) from exc
        tally.add("text", str(exc))
    except RecursionError as exc:
        raise UpstreamResponseError(detail="the body is nested too deeply") from exc
    try:
        return _ENVELOPE.decode(mended)
    except (msgspec.MsgspecError, RecursionError) as exc:
        raise UpstreamResponseError(detail=str(exc)) from exc


def _mend_text(body: bytes) -> bytes | None:
    """Replace half characters, which JavaScript cuts and sends without a word.

    Our decoder refuses the whole body for one of them; the standard library does not.
    None when that is not what ails the body.
    """
    try:
        text = json.dumps(
            json.loads(body.decode(errors="replace")),
            ensure_ascii=False,
            allow_nan=False,
        )
    except (ValueError, RecursionError):
        return None
    return text.encode(errors="replace")


def _check_envelope(envelope: _Envelope, query: ModelsQuery) -> None:
    found = len(envelope.models)
    problem: str | None = None
    if not envelope.ok:
        problem = "ok: false with status 200"
    elif envelope.limit != query.limit:
        problem = f"limit: asked for {query.limit}, echoed {envelope.limit}"
    elif envelope.offset != query.offset:
        problem = f"offset: asked for {query.offset}, echoed {envelope.offset}"
    elif found > query.limit:
        problem = f"models: {found} of them with a limit of {query.limit}"
    elif found and query.offset + found > envelope.total:
        problem = (
            f"total: {envelope.total}, with {found} models from offset {query.offset}"
        )
    if problem is not None:
        raise UpstreamResponseError(detail=problem)


def _build_models(
    shape: Shape[Any], raws: Sequence[msgspec.Raw], query: ModelsQuery, tally: Tally
) -> tuple[tuple[Model, ...], Sections]:
    rows = _decode_rows(shape.row_type, raws, tally)
    carried = [shape.sections_of(row) for row in rows]
    sections = BARE
    for some in carried:
        sections |= some
    for some in carried:
        if some != sections:  # absent in this row alone: it reads as empty
            tally.add("section", str(some))
    make = RecordMaker(tally)
    models = tuple(shape.build(row, sections, make) for row in rows)
    if (
        shape.narrows_by_provider
        and sections.gateway
        and _may_be_narrowed(models, query.filter.providers)
    ):
        sections = Sections(data=sections.data)
        models = tuple(msgspec.structs.replace(model, gateway=None) for model in models)
    return models, sections


def _decode_rows(
    row_type: type[msgspec.Struct], raws: Sequence[msgspec.Raw], tally: Tally
) -> list[Any]:
    decoder = _DECODERS.get(row_type)
    if decoder is None:
        decoder = _DECODERS[row_type] = msgspec.json.Decoder(row_type)
    rows = []
    for raw in raws:
        try:
            row = decoder.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError):
            row = salvage(row_type, _decode_anyhow(bytes(raw), tally), tally)
            if row is None:
                tally.add("model", bytes(raw))
                continue
        rows.append(row)
    return rows


def _decode_anyhow(raw: bytes, tally: Tally) -> object:
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        tally.add("text", str(exc))
        return msgspec.json.decode(_mend_text(raw) or b"null")


def _may_be_narrowed(
    models: Sequence[Model], provider_ids: Sequence[str | None]
) -> bool:
    """Whether the nested rows may have been cut down to the providers asked for.

    Such rows are not what the model is, so they must not leave this package. A page that
    shows other providers, or a model with none, was not narrowed: the upstream ignored the
    filter, and whoever compares the answer with the question must be able to see it.
    """
    if not provider_ids:
        return False
    wanted = set(provider_ids)
    return all(
        model.gateway is not None
        and model.gateway.providers
        and all(provider.provider_id in wanted for provider in model.gateway.providers)
        for model in models
    )


def _report(tally: Tally, query: ModelsQuery) -> None:
    if not tally.lost:
        return
    for what, count in tally.lost.items():
        MALFORMED.labels(what).inc(count)
    get_logger().warning(
        "parts of an upstream page could not be read and were left out",
        lost=dict(tally.lost),
        example=tally.example,
        limit=query.limit,
        offset=query.offset,
    )
