"""Decodes upstream responses and builds records; tolerates malformed rows and fields."""

from collections.abc import Sequence
from typing import Annotated, Any, Final

import msgspec

from catalograph.catalogue.filter import EVERYTHING
from catalograph.catalogue.query import BARE, ModelsPage, ModelsQuery, Sections
from catalograph.catalogue.records import Model
from catalograph.errors import UpstreamResponseError
from catalograph.observability.logs import get_logger
from catalograph.observability.metrics import MALFORMED
from catalograph.redaction import redact
from catalograph.upstream.lifetime import NO_LIFETIME, Lifetime
from catalograph.upstream.salvage import Tally, salvage
from catalograph.upstream.text import mend
from catalograph.upstream.versions import Version, Versions
from catalograph.upstream.versions.dialect import Pairs
from catalograph.upstream.versions.making import RecordMaker
from catalograph.upstream.versions.tables import TableRecord, TableRoute

MAX_TOTAL: Final = 1_000_000
"""Maximum size of a catalogue in models; a greater `total` is an error of the upstream."""

MAX_ROW_BYTES: Final = 1024 * 1024
"""Maximum size of one row in bytes; the largest ever seen has 0.16 MB."""


class _Envelope(msgspec.Struct, frozen=True):
    """The strict part of a page. Rows stay raw, so that a malformed row affects no other."""

    ok: bool
    limit: int
    offset: int
    total: Annotated[int, msgspec.Meta(ge=0, le=MAX_TOTAL)]
    models: list[msgspec.Raw]
    availability_mode: str | None = None


_TABLE = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ROWS = msgspec.json.Decoder(
    Annotated[list[msgspec.Raw], msgspec.Meta(max_length=100_000)]
)
_TOTAL = msgspec.json.Decoder(Annotated[int, msgspec.Meta(ge=0, le=MAX_TOTAL)])
_ENVELOPE = msgspec.json.Decoder(_Envelope)
_DECODERS: dict[type[msgspec.Struct], msgspec.json.Decoder[Any]] = {}


def read_page(
    body: bytes,
    query: ModelsQuery,
    *,
    as_of_s: float,
    versions: Versions | None = None,
    sent: Pairs | None = None,
    lifetime: Lifetime = NO_LIFETIME,
) -> ModelsPage:
    """Decode the body of a 200 as the response to `query`.

    Args:
        body: Complete JSON text.
        query: The query that was sent; the response must echo its limit and offset.
        as_of_s: Unix time in seconds at which the request was sent.
        versions: Upstream versions to expect; None: all known ones.
        sent: The parameters that were sent, to find filters that were ignored; None: assume
            none was.
        lifetime: Freshness according to `Cache-Control`.

    Returns:
        The page. Malformed rows are left out and counted in `lost`.

    Raises:
        UpstreamResponseError: The body is not JSON, not the envelope of a page, not the
            requested page, or has rows but none that is a model of an expected version.
    """
    versions = versions or Versions()
    tally = Tally()
    body, envelope = _decode_envelope(body, tally)
    _check_envelope(envelope, query)
    total, sections = envelope.total, query.sections
    models: tuple[Model, ...] = ()
    if envelope.models:
        version = versions.recognise(filter(_is_readable, envelope.models))
        if version is None:
            raise UpstreamResponseError(
                detail=f"models: none of {len(envelope.models)} rows is a model of a "
                f"version that is expected here ({versions.release})"
            )
        models, sections = _build_models(version, envelope.models, query, tally)
    else:
        # An empty page has every section that was asked for.
        version = None
        if len(body) <= MAX_ROW_BYTES:
            version = versions.recognise_empty(body)
    lost = len(envelope.models) - len(models)
    if version is not None:
        models, total = _take_router_out(version, models, total, query)
    _report(tally, limit=query.limit, offset=query.offset)
    return ModelsPage(
        models=models,
        total=total,
        limit=envelope.limit,
        offset=envelope.offset,
        sections=sections,
        as_of_s=as_of_s,
        lost=lost,
        version=None if version is None else version.name,
        max_age_s=lifetime.max_age_s,
        stale_s=lifetime.stale_s,
        ignored_filters=()
        if version is None or sent is None
        else version.dialect.find_ignored(query.filter, sent),
    )


class TablePage(msgspec.Struct, frozen=True):
    """One page of a side table.

    Attributes:
        records: In upstream order.
        total: Rows of the whole table; None when it is not paged.
        lifetime: Freshness according to `Cache-Control`.
    """

    records: tuple[TableRecord, ...]
    total: int | None
    lifetime: Lifetime


def read_table_page(body: bytes, route: TableRoute, lifetime: Lifetime) -> TablePage:
    """Read the body of a 200 as a page of a side table.

    Raises:
        UpstreamResponseError: The body is not JSON, or not a page of this table.
    """
    tally = Tally()
    try:
        envelope = _TABLE.decode(body)
        rows = _ROWS.decode(envelope.get(route.rows, b"null"))
        total = _TOTAL.decode(envelope["total"]) if route.is_paged else None
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, KeyError) as exc:
        detail = f"{route.path}: not the table that is expected: {exc}"
        raise UpstreamResponseError(detail=detail) from exc
    make = RecordMaker(tally)
    records = (
        route.build(row, make) for row in _decode_rows(route.row_type, rows, tally)
    )
    page = TablePage(tuple(one for one in records if one is not None), total, lifetime)
    _report(tally, path=route.path)
    return page


def _take_router_out(
    version: Version[Any], models: Sequence[Model], total: int, query: ModelsQuery
) -> tuple[tuple[Model, ...], int]:
    """Remove the router from the first page of a filtered list, and from its total.

    The upstream lists it whether or not it matches; see `Dialect.router_id`.
    """
    router_id = version.dialect.router_id
    if (
        query.filter == EVERYTHING
        or router_id is None
        or query.offset
        or not models
        or models[0].model_id != router_id
    ):
        return tuple(models), total
    return tuple(models[1:]), max(0, total - 1)


def _decode_envelope(body: bytes, tally: Tally) -> tuple[bytes, _Envelope]:
    """Decode the envelope.

    Returns:
        The body, with invalid text repaired where it did not decode as it was; and the
        envelope.
    """
    try:
        return body, _ENVELOPE.decode(body)
    except msgspec.ValidationError as exc:
        raise UpstreamResponseError(detail=str(exc)) from exc
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        mended = mend(body)
        reason = str(exc)
    except RecursionError as exc:
        raise UpstreamResponseError(detail="the body is nested too deeply") from exc
    try:
        envelope = _ENVELOPE.decode(mended)
    except msgspec.ValidationError as exc:
        raise UpstreamResponseError(detail=str(exc)) from exc
    except (msgspec.MsgspecError, RecursionError) as exc:
        shown = redact(body[:400].decode(errors="replace"))[:80]
        raise UpstreamResponseError(
            detail=f"the body is no JSON: {reason}; it begins {shown!r}"
        ) from exc
    tally.add("text", reason)
    return mended, envelope


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
    if problem is not None:
        raise UpstreamResponseError(detail=problem)


def _build_models(
    version: Version[Any],
    raws: Sequence[msgspec.Raw],
    query: ModelsQuery,
    tally: Tally,
) -> tuple[tuple[Model, ...], Sections]:
    rows = _decode_rows(version.row_type, raws, tally)
    carried = [version.sections_of(row) for row in rows]
    sections = BARE
    for some in carried:
        sections |= some
    for some in carried:
        if some != sections:  # Absent from this row only: the section counts as empty.
            tally.add("section", str(some))
    make = RecordMaker(tally, is_whole_list=query.filter == EVERYTHING)
    models = tuple(version.build(row, sections, make) for row in rows)
    narrowed = version.dialect.find_narrowed(query.filter) & sections
    if narrowed != BARE and not _shows_no_filter(models, query.filter.providers):
        # The filter also removed offerings inside each model. Such incomplete sections must
        # not be cached or shown as those of the model.
        sections = sections.without(narrowed)
        models = tuple(_drop(model, narrowed) for model in models)
    return models, sections


def _drop(model: Model, sections: Sections) -> Model:
    return msgspec.structs.replace(
        model,
        data=None if sections.data else model.data,
        gateway=None if sections.gateway else model.gateway,
    )


def _is_readable(row: msgspec.Raw) -> bool:
    """Whether a row is short enough to be decoded at once."""
    return len(memoryview(row)) <= MAX_ROW_BYTES


def _decode_rows(
    row_type: type[msgspec.Struct], raws: Sequence[msgspec.Raw], tally: Tally
) -> list[Any]:
    decoder = _DECODERS.get(row_type)
    if decoder is None:
        decoder = _DECODERS[row_type] = msgspec.json.Decoder(row_type)
    rows = []
    for raw in raws:
        if not _is_readable(raw):
            tally.add("model", bytes(raw))
            continue
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
        return _decode_mended(raw)


def _decode_mended(raw: bytes) -> object:
    try:
        return msgspec.json.decode(mend(raw))
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _shows_no_filter(
    models: Sequence[Model], provider_ids: Sequence[str | None]
) -> bool:
    """Whether rows of other providers show that the upstream ignored a provider filter.

    The sections are kept then: `data.source` needs them to detect the ignored filter.
    """
    if not provider_ids:
        return False
    wanted = set(provider_ids)
    return not all(
        model.gateway is not None
        and model.gateway.providers
        and all(provider.provider_id in wanted for provider in model.gateway.providers)
        for model in models
    )


def _report(tally: Tally, **where: object) -> None:
    if not tally.lost:
        return
    for what, count in tally.lost.items():
        MALFORMED.labels(what).inc(count)
    get_logger().warning(
        "parts of an upstream page could not be read and were left out",
        lost=dict(tally.lost),
        example=tally.example,
        **where,
    )
