"""Postings: which models have which value, as bit sets of positions.

A set of positions is an integer whose bit `i` stands for the model at position `i`. So a
filter is a few ANDs and ORs over integers, and counting is one call of `int.bit_count`.
"""

import datetime
from array import array
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import compress, count, groupby
from operator import itemgetter
from typing import Any, Final, TypeAlias

from catalograph.catalogue.collation import collation_key
from catalograph.catalogue.filter import DIMENSIONS, ROW_DIMENSIONS, list_rows
from catalograph.catalogue.records import Model, Status
from catalograph.concurrency.sorting import sort_in_runs

Masks: TypeAlias = Mapping[str | None, int]
"""Sets by value; the key None holds the models or rows without a value."""

_FLAG_BY_DIGIT = bytes.maketrans(b"01", b"\x00\x01")
_DIGIT_BY_FLAG = bytes.maketrans(b"\x00\x01", b"01")

_DENSE = 16
"""A set that holds more than one in 16 positions is built faster from bytes than from bits."""

_BLOCK = 1_024
"""Models between two precomputed prefixes of a `Ranked`."""


def build_mask(positions: Collection[int], size: int) -> int:
    """Build a set from positions below `size`, in any order; duplicates are allowed."""
    if len(positions) * _DENSE > size:
        flags = bytearray(size)
        for position in positions:
            flags[position] = 1
        return _pack(flags)
    packed = bytearray(size // 8 + 1)
    for position in positions:
        packed[position >> 3] |= 1 << (position & 7)
    return int.from_bytes(packed, "little")


def build_flags(mask: int, size: int) -> bytes:
    """Convert a set to bytes: byte `i` of `size` is 1 if position `i` is in the set."""
    # The detour over binary digits runs entirely in C; a loop over bits would not.
    digits = format(mask, "b").encode("ascii")
    return digits.translate(_FLAG_BY_DIGIT)[::-1].ljust(size, b"\x00")


def find_positions(mask: int) -> Sequence[int]:
    """List the positions of a set in ascending order, as an array of four bytes each."""
    return array("I", compress(count(), build_flags(mask, 0)))


def _pack(flags: bytes | bytearray) -> int:
    return int(flags[::-1].translate(_DIGIT_BY_FLAG) or b"0", 2)


class _Gatherer:
    """Collects positions by value before the sets are built; None stands for no value."""

    def __init__(self) -> None:
        self._positions: dict[str | None, list[int]] = {}

    def add(self, position: int, values: Iterable[str | None]) -> None:
        for value in values:
            self._positions.setdefault(value, []).append(position)

    def build(self, size: int) -> dict[str | None, int]:
        return {
            value: build_mask(positions, size)
            for value, positions in self._positions.items()
        }


class RowPostings:
    """Which rows of models (see `filter.list_rows`) have which value.

    The rows of a model are adjacent bits, followed by one extra bit: the end of the model.
    `find_ends` shows what it is for.

    Attributes:
        masks: Sets of rows, by dimension and value.
        aliases: Sets of rows, by dimension and other name of a value.
        everything: All rows.
    """

    def __init__(self, models: Sequence[Model], fold: "_Folder") -> None:
        gatherers = {name: _Gatherer() for name in ROW_DIMENSIONS}
        readers = {
            name: read
            for name in ROW_DIMENSIONS
            if (read := DIMENSIONS[name].read_aliases) is not None
        }
        aliases = {name: _Gatherer() for name in readers}
        ends: list[int] = []
        place = 0
        for model in models:
            rows = list_rows(model)
            lacking = [
                name for name in ROW_DIMENSIONS if not any(row[name] for row in rows)
            ]
            for row in rows:
                for name, gatherer in gatherers.items():
                    gatherer.add(place, dict.fromkeys(fold(name, row[name])))
                for name in lacking:
                    gatherers[name].add(place, (None,))
                for name, read in readers.items():
                    by_value = read(model)
                    for value in row[name] if by_value else ():
                        aliases[name].add(place, by_value.get(value, ()))
                place += 1
            ends.append(place)
            place += 1
        self._size = place
        self._ends = array("I", ends)
        self._all_ends = build_mask(ends, place)
        self.everything: Final = ((1 << place) - 1) & ~self._all_ends
        self.masks: Final[Mapping[str, Masks]] = {
            name: gatherer.build(place) for name, gatherer in gatherers.items()
        }
        self.aliases: Final[Mapping[str, Masks]] = {
            name: gatherer.build(place) for name, gatherer in aliases.items()
        }

    def find_ends(self, rows: int) -> int:
        """Find the end bits of the models that have at least one of these rows."""
        # `everything` has all row bits set: k ones for a model with k rows. Adding any of its
        # rows carries into its end, and never beyond. One addition answers for all models.
        return (rows + self.everything) & self._all_ends

    def spread(self, models: int) -> int:
        """Convert a set of models to the set of their end bits."""
        chosen = compress(self._ends, build_flags(models, len(self._ends)))
        return build_mask(list(chosen), self._size)

    def collapse(self, rows: int) -> int:
        """Convert a set of rows to the set of models that have any of them."""
        ends = self.find_ends(rows)
        if not ends:
            return 0
        if ends == self._all_ends:
            return (1 << len(self._ends)) - 1
        flags = build_flags(ends, self._size)
        if len(self._ends) == 1:
            return flags[self._ends[0]]
        return _pack(bytes(itemgetter(*self._ends)(flags)))


class Ranked:
    """Models ranked by a value, for ordered lists and for ranges.

    Args:
        values: One for each position. A model with None comes last in both directions, and
            is in no range.
        by_id: All positions in the order of model ids, which breaks ties.

    Attributes:
        values: As given.
        rising: All positions, lowest value first.
        falling: All positions, highest value first.
    """

    def __init__(self, values: Sequence[Any], by_id: Sequence[int]) -> None:
        ranked = sort_in_runs(
            [position for position in by_id if values[position] is not None],
            key=values.__getitem__,
        )
        lacking = [position for position in by_id if values[position] is None]
        reversed_ = (
            position
            for _, equals in groupby(reversed(ranked), key=values.__getitem__)
            for position in reversed(list(equals))
        )
        self.values: Final = values
        self.rising: Final = array("I", (*ranked, *lacking))
        self.falling: Final = array("I", (*reversed_, *lacking))
        self._size = len(values)
        self._valued = len(ranked)
        # A range is the difference of two prefixes. Every 1,024th prefix is computed in
        # advance, so that a range costs at most two short rests.
        self._blocks = [0]
        for start in range(0, len(ranked), _BLOCK):
            block = build_mask(ranked[start : start + _BLOCK], self._size)
            self._blocks.append(self._blocks[-1] | block)

    def find(self, first: Any, last: Any) -> int:
        """Find the models from `first` to `last`, both included; None means no bound."""
        end = self._valued
        read = self.values.__getitem__
        start = (
            0 if first is None else bisect_left(self.rising, first, 0, end, key=read)
        )
        if last is not None:
            end = bisect_right(self.rising, last, 0, end, key=read)
        return self._find_beginning(end) & ~self._find_beginning(start)

    def _find_beginning(self, end: int) -> int:
        block = end // _BLOCK
        rest = self.rising[block * _BLOCK : end]
        return self._blocks[block] | build_mask(rest, self._size)


def build_listing_key(
    day: datetime.date | None, name: tuple[str, str] | None
) -> tuple[int, tuple[str, str]]:
    """Build a sort key for the upstream's order: newest day first, undated last, then by name.

    Args:
        day: See `Model.listing_date`.
        name: From `collation_key`; None if the model has no name.
    """
    return (1 if day is None else -day.toordinal()), name or ("", "")


class _Folder:
    """Lowers the case of values where a catalogue ignores case, and remembers spellings."""

    def __init__(self, ignoring_case: Collection[str]) -> None:
        self._folded = {
            name
            for name, dimension in DIMENSIONS.items()
            if dimension.ignores_case or name in ignoring_case
        }
        self.spellings: dict[str, dict[str, str]] = {name: {} for name in self._folded}

    def __call__(self, name: str, values: Iterable[str]) -> Iterable[str]:
        if name not in self._folded:
            return values
        spellings = self.spellings[name]
        folded = []
        for value in values:
            lowered = value.lower()
            spellings.setdefault(lowered, value)
            folded.append(lowered)
        return folded


class Postings:
    """The sets of a catalogue, by dimension and value.

    Args:
        models: In catalogue order.
        ignoring_case: Dimensions in which this version of the upstream compares without
            case, in addition to those in which every version does.

    Attributes:
        everything: All models.
        routable: Models that the gateway can route.
        masks: Sets of models, by dimension and value.
        rows: Sets of rows, for the dimensions in which offerings differ.
        status_words: Sets of models, by the upstream's word for the status in lower case.
        status_labels: By status name, the upstream's most frequent word for it.
        ids: Models ranked by id.
        names: Models ranked by name, see `collation_key`.
        released: Models ranked by release date.
        input_tokens: Models ranked by the most tokens that a request may hold.
        output_tokens: Models ranked by the most tokens that an answer may hold.
        listing: Models in the upstream's order, as far as it is known; see
            `build_listing_key`.
    """

    def __init__(
        self, models: Sequence[Model], ignoring_case: Collection[str] = ()
    ) -> None:
        size = len(models)
        self._fold = _Folder(ignoring_case)
        readers = {
            name: dimension.read
            for name, dimension in DIMENSIONS.items()
            if name not in ROW_DIMENSIONS
        }
        gatherers = {name: _Gatherer() for name in readers}
        words = _Gatherer()
        labels: dict[str, Counter[str]] = {}
        routable: list[int] = []
        for position, model in enumerate(models):
            for name, read in readers.items():
                values = dict.fromkeys(self._fold(name, read(model) or ()))
                gatherers[name].add(position, values or (None,))
            label, status = model.status_label, model.status
            words.add(position, (label and label.lower(),))
            if label is not None and status is not None:
                labels.setdefault(status.name, Counter())[label.strip()] += 1
            if model.gateway is not None and model.gateway.is_routable:
                routable.append(position)
        self.everything: Final = (1 << size) - 1
        self.routable: Final = build_mask(routable, size)
        self.masks: Final[Mapping[str, Masks]] = {
            name: gatherer.build(size) for name, gatherer in gatherers.items()
        }
        self.rows: Final = RowPostings(models, self._fold)
        self.status_words: Final = words.build(size)
        ids = [model.model_id for model in models]
        by_id = sort_in_runs(range(size), key=ids.__getitem__)

        def rank(values: Iterable[Any]) -> Ranked:
            return Ranked(list(values), by_id)

        self.ids: Final[Ranked] = rank(ids)
        keys = [None if one.name is None else collation_key(one.name) for one in models]
        self.names: Final[Ranked] = rank(keys)
        self.listing: Final[Ranked] = rank(
            build_listing_key(model.listing_date, key)
            for model, key in zip(models, keys, strict=True)
        )
        self.released: Final[Ranked] = rank(model.release_date for model in models)
        self.input_tokens: Final[Ranked] = rank(
            model.max_input_tokens for model in models
        )
        self.output_tokens: Final[Ranked] = rank(
            model.max_output_tokens for model in models
        )
        self.status_labels: Final[Mapping[str, str]] = {
            name: counter.most_common(1)[0][0]
            for name, counter in labels.items()
            if name != Status.OTHER.name
        }

    def match_other_words(self, word: str) -> int:
        """Find the models whose status the upstream does not call by this word."""
        return self.everything & ~self.status_words.get(word, 0)

    def match_routable(self, *, is_routable: bool) -> int:
        """Find the models that the gateway can route, or those that it cannot."""
        return self.routable if is_routable else self.everything & ~self.routable

    def find_masks(self, dimension: str) -> Masks:
        """Find the sets of a dimension: of rows if offerings differ in it, else of models."""
        masks = self.masks.get(dimension)
        return self.rows.masks[dimension] if masks is None else masks

    def find_values(self, dimension: str, value: str | None) -> int:
        """Find the models or rows that have a value, or have it as an alias of a value."""
        masks = self.find_masks(dimension)
        folded = self.fold(dimension, value)
        found = masks.get(folded, 0)
        if value is None or folded is None:
            return found
        return found | self.rows.aliases.get(dimension, {}).get(folded, 0)

    def fold(self, dimension: str, value: str | None) -> str | None:
        """Convert a value to lower case if this catalogue ignores case in the dimension."""
        if value is None or dimension not in self._fold.spellings:
            return value
        return value.lower()

    def find_spelling(self, dimension: str, value: str | None) -> str | None:
        """Find how the catalogue first spells a folded value; None stays None."""
        if value is None:
            return None
        return self._fold.spellings.get(dimension, {}).get(value, value)
