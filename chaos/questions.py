"""The questions, and how an answer shows from which version of the catalogue it comes."""

import datetime
import random
import re
from collections.abc import Iterator
from typing import Any

import msgspec

from chaos.truth import MODELS, PROVIDERS, Truth

_VERSION = re.compile(r" v(\d+)$")

_CATALOGUE = "catalogue { asOf isStale totalModels }"


class Question(msgspec.Struct, frozen=True):
    """One operation.

    Attributes:
        text: GraphQL document.
        is_known: Whether it was asked before the first fault, so that its pages are cached.
        counts_all: Whether its `totalCount` is the size of the whole catalogue.
    """

    text: str
    is_known: bool = True
    counts_all: bool = True


def _list_known() -> Iterator[Question]:
    for offset in (0, 50, 250, 500):
        yield Question(
            f"{{ models(limit: 50, offset: {offset}) {{ totalCount nodes {{ modelId name }} }} }}"
        )
    yield Question(
        "{ models(limit: 20) { totalCount nodes { modelId name inputModalities "
        "providers { providerId } } } }"
    )
    for provider in range(2):
        yield Question(
            f'{{ models(filter: {{ providers: ["provider-{provider}"] }}) '
            "{ nodes { modelId name } } }",
            counts_all=False,
        )
    # Two pages of one operation: their ages may differ by the fresh age at most.
    yield Question(
        "{ a: models(limit: 20) { totalCount nodes { name } } "
        "b: models(limit: 20, offset: 300) { totalCount nodes { name } } }"
    )
    # Answered from the index: one state of it must answer the whole operation.
    yield Question(
        f"{{ {_CATALOGUE} models(limit: 100, orderBy: {{ field: NAME, direction: ASC }}) "
        "{ totalCount nodes { name } } }"
    )
    yield Question(
        f'{{ {_CATALOGUE} model(modelId: "{Truth.model_id(7)}") {{ name }} '
        f'other: model(modelId: "{Truth.model_id(590)}") {{ name }} }}'
    )
    yield Question(
        f'{{ {_CATALOGUE} provider(providerId: "provider-3") '
        "{ models(limit: 30) { nodes { name } } } }",
        counts_all=False,
    )


KNOWN = tuple(_list_known())
"""Questions that are asked again and again."""


def invent(chance: random.Random) -> Question:
    """Build a random question that has probably not been asked before."""
    number = chance.randrange(MODELS)
    match chance.randrange(3):
        case 0:
            text = f'{{ {_CATALOGUE} model(modelId: "{Truth.model_id(number)}") {{ name }} }}'
        case 1:
            text = (
                f"{{ models(limit: {chance.randrange(1, 40)}, offset: {number}) "
                "{ totalCount nodes { name } } }"
            )
        case _:
            text = (
                f'{{ {_CATALOGUE} models(search: "model {number:04d}", limit: 5, filter: '
                f'{{ providers: ["provider-{number % PROVIDERS}"] }}) '
                "{ nodes { name } } }"
            )
            return Question(text, is_known=False, counts_all=False)
    return Question(text, is_known=False)


class Seen(msgspec.Struct, frozen=True):
    """Versions and times that an answer shows.

    Attributes:
        versions: Versions of the catalogue, by root field.
        totals: Stated sizes of the whole catalogue, each with the version beside it.
        as_of_s: Unix time of `catalogue.asOf`; None if it was not selected.
        stale_as_of_s: Oldest Unix time of the warnings; None if there are no warnings.
    """

    versions: dict[str, set[int]]
    totals: list[tuple[int, int]]
    as_of_s: float | None
    stale_as_of_s: float | None


def read_answer(question: Question, body: dict[str, Any]) -> Seen:
    """Find the versions and the times in an answer."""
    data: dict[str, Any] = body["data"]
    versions: dict[str, set[int]] = {}
    totals: list[tuple[int, int]] = []
    as_of_s = None
    for field, value in data.items():
        if field == "catalogue":
            as_of_s = _read_time(value["asOf"])
            continue
        versions[field] = set(_find_versions(value))
        count = value.get("totalCount") if isinstance(value, dict) else None
        if question.counts_all and count is not None and len(versions[field]) == 1:
            totals.append((count, next(iter(versions[field]))))
    if as_of_s is not None:
        everything = set().union(*versions.values())
        if len(everything) == 1:
            totals.append(
                (data["catalogue"]["totalModels"], next(iter(everything))),
            )
    warnings = body.get("extensions", {}).get("warnings", [])
    times = [_read_time(one["asOf"]) for one in warnings if one["code"] == "STALE_DATA"]
    return Seen(versions, totals, as_of_s, min(times) if times else None)


def _find_versions(value: object) -> Iterator[int]:
    match value:
        case dict():
            for part in value.values():
                yield from _find_versions(part)
        case list():
            for part in value:
                yield from _find_versions(part)
        case str():
            found = _VERSION.search(value)
            if found is not None:
                yield int(found[1])


def _read_time(text: str) -> float:
    return datetime.datetime.fromisoformat(text).timestamp()
