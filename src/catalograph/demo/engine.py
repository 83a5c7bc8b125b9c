"""The embedded upstream without HTTP: a question in, the bytes of the answer out.

The real upstream loads and filters its whole catalogue for every request. Here each
value that can be filtered by has a bit set over the models in list order, so that a
catalogue of 100,000 models answers as fast as one of a hundred.
"""

import bisect
import datetime
import functools
import itertools
from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Sequence

import msgspec

from catalograph.catalogue.ordering import collation_key
from catalograph.catalogue.postings import build_flags, build_mask
from catalograph.demo.parameters import Question, print_number
from catalograph.demo.rows import ProviderRow, StoredModel, parse_instant
from catalograph.demo.shapes import Shape

_KEPT_FRAGMENTS = 8192
"""Encoded models kept; a model takes about a kilobyte."""


class Engine:
    """A catalogue that answers questions as one version of the upstream does.

    Args:
        models: In any order; ids are unique.
        shape: Which version.
    """

    def __init__(self, models: Iterable[StoredModel], shape: Shape) -> None:
        self._shape = shape
        self._models = sorted(models, key=self._listing_key)
        self._turns = sorted(
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
        """Build the body of the answer.

        Args:
            question: Already corrected, see `parameters`.
            now: Decides which rows are within their effective dates; has a time zone.

        Returns:
            JSON as the upstream lays it out, indented by two spaces.
        """
        return self._find_snapshot(now).answer(question)

    def _find_snapshot(self, now: datetime.datetime) -> "_Snapshot":
        """Between two turns the same rows are active, so one snapshot serves them all."""
        period = bisect.bisect_right(self._turns, now)
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
    """The catalogue while the same rows are active."""

    def __init__(
        self, models: Sequence[StoredModel], shape: Shape, now: datetime.datetime
    ) -> None:
        self._models = models
        self._shape = shape
        self._rows = [_active_rows(model, now) for model in models]
        self._everything = (1 << len(models)) - 1
        self._bits = _index(zip(models, self._rows, strict=True), len(models))
        self._fragment = functools.lru_cache(_KEPT_FRAGMENTS)(self._encode)

    def answer(self, question: Question) -> bytes:
        matches = self._match(question)
        total = matches.bit_count()
        # Only these parts of a question change how a model looks.
        view = Question(
            providers=question.providers, data=question.data, gateway=question.gateway
        )
        fragments = [
            self._fragment(place, view)
            for place in _find_page(matches, total, question)
        ]
        head = (
            f'{{\n  "ok": true,\n  "limit": {question.limit},'
            f'\n  "offset": {print_number(question.offset)},\n  "total": {total},'
        ).encode()
        if not fragments:
            return head + b'\n  "models": []\n}'
        return (
            head + b'\n  "models": [\n    ' + b",\n    ".join(fragments) + b"\n  ]\n}"
        )

    def _match(self, question: Question) -> int:
        matches = self._everything
        for field, values in (
            ("provider", question.providers),
            ("organisation", question.organisations),
            ("input", question.input_types),
            ("output", question.output_types),
            ("param", question.params),
        ):
            if values:
                matches &= self._any_of((field, value) for value in values)
        if question.include_endpoints:
            matches &= self._served(question.include_endpoints, question.providers)
        if question.exclude_endpoints:
            matches &= ~self._served(question.exclude_endpoints, question.providers)
        return matches & ~self._any_of(
            ("status", status) for status in question.dropped_statuses
        )

    def _served(self, endpoints: Iterable[str], providers: Iterable[str]) -> int:
        """Find who is served at these endpoints, by these providers if any are named."""
        pairs = itertools.product(providers or (None,), endpoints)
        return self._any_of(("served", *pair) for pair in pairs)

    def _any_of(self, keys: Iterable[Hashable]) -> int:
        matches = 0
        for key in keys:
            matches |= self._bits.get(key, 0)
        return matches

    def _encode(self, place: int, view: Question) -> bytes:
        rows = self._rows[place]
        if view.providers:
            rows = tuple(row for row in rows if row.api_provider_id in view.providers)
        model = self._shape.render(self._models[place], rows, view)
        indented = msgspec.json.format(msgspec.json.encode(model), indent=2)
        # A line feed within a string is escaped, so each one here ends a line.
        return indented.replace(b"\n", b"\n    ")


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


def _index(
    models: Iterable[tuple[StoredModel, Sequence[ProviderRow]]], count: int
) -> dict[Hashable, int]:
    """Build a bit set for each value: bit n stands for the model in place n."""
    places: dict[Hashable, list[int]] = defaultdict(list)
    for place, (model, rows) in enumerate(models):
        for key in _keys(model, rows):
            places[key].append(place)
    return {key: build_mask(found, count) for key, found in places.items()}


def _keys(model: StoredModel, rows: Iterable[ProviderRow]) -> Iterator[Hashable]:
    if model.organisation is not None:
        yield "organisation", model.organisation.organisation_id
    if model.status is not None:
        yield "status", model.status.lower()
    for kind in model.data.input_types:
        yield "input", kind.lower()
    for kind in model.data.output_types:
        yield "output", kind.lower()
    for row in rows:
        yield "provider", row.api_provider_id
        yield "served", None, row.endpoint
        yield "served", row.api_provider_id, row.endpoint
        for param in model.params.get(row.api_provider_id, ()):
            yield "param", param


def _find_page(matches: int, total: int, question: Question) -> Sequence[int]:
    """Find the places of one page's models, in order."""
    if question.offset >= total:
        return ()
    start = int(question.offset)
    stop = min(start + question.limit, total)
    if total == matches.bit_length():
        return range(start, stop)  # no gaps
    places = itertools.compress(itertools.count(), build_flags(matches, 0))
    return tuple(itertools.islice(places, start, stop))
