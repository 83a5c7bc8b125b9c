"""Unknown filter values, and suggestions for them."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping

import msgspec
from rapidfuzz import fuzz, process

from catalograph.catalogue.filter import DIMENSIONS, FIELDS, ModelsFilter, to_camel_case
from catalograph.catalogue.index import CatalogueIndex
from catalograph.catalogue.postings import find_positions
from catalograph.catalogue.records import Model
from catalograph.catalogue.search import MAX_WORDS, fold_words

_CLOSE = 75
"""Smallest similarity, in percent, of a close spelling."""

_MAX_LENGTH = 100
"""Longer values get no suggestion; all ids are far shorter."""

_MAX_SUGGESTIONS = 3

_MAX_CANDIDATES = 64
"""Number of models compared with an unknown id: those that share the most words with it."""

_MAX_COMPARISONS = 25_000
"""Most comparisons of one operation, about 1 µs each; beyond that, nothing is suggested."""

_SEARCH_EFFORT = 50
"""Number of comparisons that take as long as one search of the index."""

_TRAILING_DAY = re.compile(r"-\d{4}-\d{2}-\d{2}$")


class UnknownValue(msgspec.Struct, frozen=True):
    """A value of a filter list that no model of the catalogue has.

    Attributes:
        field: Name of the list in the GraphQL schema.
        value: The value in the filter.
        suggestion: A similar value of the catalogue; None if there is none.
    """

    field: str
    value: str
    suggestion: str | None


def find_unknown_values(
    index: CatalogueIndex,
    asked: ModelsFilter,
    speller: "Speller | None" = None,
) -> Iterator[UnknownValue]:
    """Find the values of a filter that the catalogue does not hold.

    Values are compared as the upstream compares them: modalities without case, all others
    exactly. `modelIds` accepts aliases. The suggestion is the same value in another case,
    else the id of the object with that name, else the closest spelling.

    Args:
        index: The catalogue.
        asked: The filter.
        speller: Shared by all filters of an operation; None creates a new one.

    Yields:
        Unknown values, in the order in which the GraphQL schema declares the lists, then
        by value.
    """
    speller = speller or Speller()
    for name in FIELDS:
        if name not in asked.used or not (name == "model_ids" or _is_open_list(name)):
            continue
        values = [value for value in getattr(asked, name) if value is not None]
        if name == "model_ids":
            yield from _list_unknown_ids(index, values, speller)
        else:
            yield from _list_unknown(index, name, values, speller)


def _is_open_list(name: str) -> bool:
    dimension = FIELDS[name].dimension
    return (
        FIELDS[name].match is None
        and dimension is not None
        and DIMENSIONS[dimension].is_open
    )


def _list_unknown(
    index: CatalogueIndex, name: str, values: Iterable[str], speller: "Speller"
) -> Iterator[UnknownValue]:
    dimension = FIELDS[name].dimension or ""
    postings, find_label = index.postings, DIMENSIONS[dimension].label
    masks = postings.find_masks(dimension)
    names: dict[str, str | None] = {}
    id_by_folded: dict[str, str] = {}
    for value in sorted(set(values)):
        if postings.find_values(dimension, value):
            continue
        if not names:
            names = {
                held: find_label(index, held) for held in masks if held is not None
            }
            id_by_folded = _fold_names(names)
        same = id_by_folded.get(value.casefold())
        close = same or speller.find_closest(value, names)
        yield UnknownValue(
            to_camel_case(name), value, postings.find_spelling(dimension, close)
        )


def _list_unknown_ids(
    index: CatalogueIndex, values: Iterable[str], speller: "Speller"
) -> Iterator[UnknownValue]:
    for value in sorted(set(values)):
        if index.find_position_of(value) is None:
            suggestion = _suggest_model_id(value, index, speller)
            yield UnknownValue("modelIds", value, suggestion)


def _fold_names(names: Mapping[str, str | None]) -> dict[str, str]:
    """Map folded ids and names to ids; ids win over names, and the first name over later ones."""
    id_by_folded: dict[str, str] = {}
    for known in names:
        id_by_folded.setdefault(known.casefold(), known)
    for known, name in names.items():
        if name is not None:
            id_by_folded.setdefault(name.casefold(), known)
    return id_by_folded


def _suggest_model_id(
    value: str, index: CatalogueIndex, speller: "Speller"
) -> str | None:
    by_alias = index.find_model_by_alias(value)
    if by_alias is not None:
        return by_alias.model_id
    if not speller.spend(_SEARCH_EFFORT):
        return None
    words = fold_words(value)
    if not words:
        return None
    spelt = [index.models[place] for place in index.words.find_spelt(words)]
    if spelt:
        folded = value.casefold()

        def rank(spelling: Iterable[str]) -> bool:
            return folded not in (known.casefold() for known in spelling)

        # The sort is stable: candidates that are equal here stay in catalogue order.
        best = min(spelt, key=lambda m: (rank((m.model_id,)), rank(m.aliases)))
        return best.model_id
    if speller.is_exhausted:
        return None
    id_by_spelling: dict[str, str] = {}
    for place in index.words.find_similar(words, _MAX_CANDIDATES):
        model = index.models[place]
        for spelling in _list_spellings(model):
            id_by_spelling.setdefault(spelling, model.model_id)
    close = speller.find_closest(value, id_by_spelling)
    return close and id_by_spelling[close]


def suggest_model_ids(
    value: str, index: CatalogueIndex, speller: "Speller"
) -> tuple[str, ...]:
    """Suggest ids of models for an id that the catalogue does not hold, closest first.

    Returns:
        At most three ids; empty if none is close, or if `value` has no letters and digits.
    """
    words = fold_words(value)[:MAX_WORDS]
    if not words:
        return ()
    suggested = dict.fromkeys(
        one for one in (_suggest_model_id(value, index, speller),) if one is not None
    )
    if len(value) <= _MAX_LENGTH and speller.spend(_SEARCH_EFFORT):
        for _, mask in index.words.find(words):
            for position in find_positions(mask)[:_MAX_SUGGESTIONS]:
                suggested[index.models[position].model_id] = None
            if len(suggested) >= _MAX_SUGGESTIONS:
                break
    return tuple(suggested)[:_MAX_SUGGESTIONS]


def _list_spellings(model: Model) -> Iterator[str]:
    """Yield the usual spellings of a model: ids with and without organisation and date."""
    for model_id in (model.model_id, *model.aliases):
        for spelling in (model_id, model_id.rpartition("/")[2]):
            yield spelling
            yield _TRAILING_DAY.sub("", spelling)


class Speller:
    """Finds close spellings for one operation, with a bound on all its comparisons."""

    def __init__(self) -> None:
        self._comparisons_left = _MAX_COMPARISONS

    @property
    def is_exhausted(self) -> bool:
        """Whether the bound is reached."""
        return self._comparisons_left <= 0

    def spend(self, comparisons: int) -> bool:
        """Count comparisons before they are made; False if the bound is reached."""
        if self.is_exhausted:
            return False
        self._comparisons_left -= comparisons
        return True

    def find_closest(self, value: str, candidates: Collection[str]) -> str | None:
        """Find the closest candidate; None if none is close. Of equals, the first one wins."""
        if len(value) > _MAX_LENGTH or not self.spend(len(candidates)):
            return None
        found = process.extractOne(
            value,
            list(candidates),  # given a mapping, the library would compare its values
            scorer=fuzz.ratio,
            processor=str.lower,
            score_cutoff=_CLOSE,
        )
        return None if found is None else str(found[0])
