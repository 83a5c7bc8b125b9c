"""The embedded upstream of December 2025 without HTTP: parameters in, body out.

Like the real one it filters the whole catalogue for each list. The result of a filter is
cached, so that paging through 60,000 models is cheap.
"""

import bisect
import datetime
import functools
from collections.abc import Iterable, Sequence

import msgspec

from catalograph.catalogue.collation import collation_key
from catalograph.demo.parameters import Question, print_number
from catalograph.demo.replies import write_json
from catalograph.demo.rows import ProviderRow, StoredModel, parse_instant
from catalograph.demo.shapes import Shape

_CACHED_FRAGMENTS = 8192
"""Number of cached encoded models; each takes about a kilobyte."""

_CACHED_LISTS = 64
"""Number of cached filter results."""


class Engine:
    """Answers list requests as one version of the upstream does.

    Args:
        models: The catalogue, in any order; ids are unique.
        shape: The version.
    """

    def __init__(self, models: Iterable[StoredModel], shape: Shape) -> None:
        self._shape = shape
        self._models = sorted(models, key=self._listing_key)
        self._changes = sorted(
            {
                instant
                for model in self._models
                for row in model.gateway.providers
                for instant in _window(row)
                if instant is not None
            }
        )
        self._snapshot: tuple[int, _Snapshot] | None = None

    def answer(self, question: Question, now: datetime.datetime) -> bytes:
        """Build the body of a response.

        Args:
            question: The parameters, already normalised; see `parameters`.
            now: Decides which rows are within their effective dates; has a time zone.

        Returns:
            JSON, indented by two spaces as that of the upstream.
        """
        return self._find_snapshot(now).answer(question)

    def _find_snapshot(self, now: datetime.datetime) -> "_Snapshot":
        """Find or build the snapshot of a moment.

        Rows only become active or inactive at one of `_changes`, so a snapshot is valid from
        one of these instants to the next.
        """
        period = bisect.bisect_right(self._changes, now)
        if self._snapshot is None or self._snapshot[0] != period:
            self._snapshot = period, _Snapshot(self._models, self._shape, now)
        return self._snapshot[1]

    def _listing_key(self, model: StoredModel) -> tuple[object, ...]:
        instant = self._shape.find_listing_instant(model)
        return (
            -instant.timestamp() if instant else float("inf"),
            collation_key(model.name or ""),
            collation_key(model.model_id),
            model.model_id,
        )


class _Snapshot:
    """The catalogue in a period in which the same rows are active."""

    def __init__(
        self, models: Sequence[StoredModel], shape: Shape, now: datetime.datetime
    ) -> None:
        self._shape = shape
        self._models = [(model, _active_rows(model, now)) for model in models]
        self._find = functools.lru_cache(_CACHED_LISTS)(self._filter)
        self._fragment = functools.lru_cache(_CACHED_FRAGMENTS)(self._encode)

    def answer(self, question: Question) -> bytes:
        found = self._find(msgspec.structs.replace(question, limit=1, offset=0.0))
        # Only these parameters change how a model is rendered.
        view = Question(
            providers=question.providers, data=question.data, gateway=question.gateway
        )
        start = int(min(question.offset, len(found)))
        fragments = [
            self._fragment(place, view)
            for place in found[start : start + question.limit]
        ]
        head = (
            f'{{\n  "ok": true,\n  "limit": {question.limit},'
            f'\n  "offset": {print_number(question.offset)},'
            f'\n  "total": {len(found)},'
        ).encode()
        if not fragments:
            return head + b'\n  "models": []\n}'
        return (
            head + b'\n  "models": [\n    ' + b",\n    ".join(fragments) + b"\n  ]\n}"
        )

    def _filter(self, question: Question) -> tuple[int, ...]:
        """Find the positions of the models that match, in order."""
        return tuple(
            place
            for place, (model, rows) in enumerate(self._models)
            if _matches(model, rows, question)
        )

    def _encode(self, place: int, view: Question) -> bytes:
        model, rows = self._models[place]
        shown = self._shape.render(model, _narrow(rows, view), view)
        # Line feeds within strings are escaped, so this only indents lines.
        return write_json(shown).replace(b"\n", b"\n    ")


def _matches(
    model: StoredModel, rows: Sequence[ProviderRow], question: Question
) -> bool:
    rows = _narrow(rows, question)
    organisation_id = model.organisation.organisation_id if model.organisation else None
    params = [
        param for row in rows for param in model.params.get(row.api_provider_id, ())
    ]
    endpoints = [row.endpoint for row in rows]
    return (
        (bool(rows) or not question.providers)
        and _holds_any([organisation_id], question.organisations)
        and _holds_any(map(str.lower, model.data.input_types), question.input_types)
        and _holds_any(map(str.lower, model.data.output_types), question.output_types)
        and _holds_any(params, question.params)
        and _holds_any(endpoints, question.include_endpoints)
        and not any(each in question.exclude_endpoints for each in endpoints)
        and (model.status or "").lower() not in question.dropped_statuses
    )


def _holds_any(values: Iterable[str | None], wanted: Sequence[str]) -> bool:
    return not wanted or any(value in wanted for value in values)


def _narrow(rows: Sequence[ProviderRow], question: Question) -> Sequence[ProviderRow]:
    """Filter rows by the requested providers."""
    if not question.providers:
        return rows
    return [row for row in rows if row.api_provider_id in question.providers]


def _window(
    row: ProviderRow,
) -> tuple[datetime.datetime | None, datetime.datetime | None]:
    return parse_instant(row.effective_from), parse_instant(row.effective_to)


def _active_rows(model: StoredModel, now: datetime.datetime) -> tuple[ProviderRow, ...]:
    rows = [row for row in model.gateway.providers if _is_active(row, now)]
    return tuple(sorted(rows, key=_row_key))


def _is_active(row: ProviderRow, now: datetime.datetime) -> bool:
    since, until = _window(row)
    return (
        row.is_active_gateway
        and (since is None or since <= now)
        and (until is None or now < until)
    )


def _row_key(row: ProviderRow) -> tuple[object, ...]:
    return (
        collation_key(row.api_provider_name or row.api_provider_id),
        collation_key(row.endpoint),
        collation_key(row.provider_model_slug or ""),
    )
