"""Search by words in names, ids, aliases and organisations.

A search is words, in any order. Case and accents do not count; whatever is neither
letter nor digit separates words. A model is found when each word of the search is the
beginning of one of its words, or when the search spells its name, its id or an alias
in full, separators aside. A word of letters takes the numbers behind it along, so that
`gpt4o` finds `gpt-4o`.

Best first means by score, highest first, then catalogue order:

    score = 256 * match + 255 - min(255, length of the name)
    match = 65 if the search spells name, id or alias, else the sum over its words of
        4  a whole word of the name, or of id and alias behind the slash
        3  a whole word of the organisation's id or name
        2  the beginning of a word of the name, or of id and alias behind the slash
        1  the beginning of a word of the organisation's id or name

The words beyond the sixteenth must match like all others, but do not score.
"""

import re
import unicodedata
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from itertools import accumulate, chain

from catalograph.catalogue.postings import build_mask, find_positions
from catalograph.catalogue.records import Model

Matches = Sequence[tuple[int, int]]
"""Models by how well they match: `match` and mask, the highest match first."""

_WORD = re.compile(r"[^\W_]+")
_MAX_SCORED_WORDS = 16
_EXACT = 4 * _MAX_SCORED_WORDS + 1
_MAX_LENGTH = 255
_LAST_CHARACTER = "\U0010ffff"


def fold_words(text: str) -> tuple[str, ...]:
    """Split into words without case and accents; empty when there is no letter or digit."""
    if not text.isascii():
        text = unicodedata.normalize("NFKD", text)
        text = "".join(c for c in text if not unicodedata.combining(c))
        # Folding case can compose anew, and decomposing can bring capitals.
        text = unicodedata.normalize("NFKD", text.casefold())
        return tuple(_WORD.findall(text))
    return tuple(_WORD.findall(text.lower()))


class _Vocabulary:
    """Words in order, and the positions of the models that have each."""

    def __init__(self, positions_by_word: dict[str, list[int]]) -> None:
        self._words = sorted(positions_by_word)
        groups = [positions_by_word[word] for word in self._words]
        # One array for all words: a prefix is then one slice of it.
        self._positions = array("I", chain.from_iterable(groups))
        self._starts = array("I", accumulate(map(len, groups), initial=0))

    def find_whole(self, word: str) -> Sequence[int]:
        """List the models that have exactly this word."""
        place = bisect_left(self._words, word)
        if place == len(self._words) or self._words[place] != word:
            return ()
        return self._slice(place, place + 1)

    def find_prefix(self, prefix: str) -> Sequence[int]:
        """List the models that have a word with this beginning, some more than once."""
        return self._slice(
            bisect_left(self._words, prefix),
            bisect_left(self._words, prefix + _LAST_CHARACTER),
        )

    def _slice(self, first: int, last: int) -> Sequence[int]:
        return self._positions[self._starts[first] : self._starts[last]]


class _Words:
    """Positions by word, on their way to a vocabulary."""

    def __init__(self) -> None:
        self._positions: dict[str, list[int]] = {}

    def add(self, position: int, words: Iterable[str]) -> None:
        for word in words:
            positions = self._positions.setdefault(word, [])
            if not positions or positions[-1] != position:
                positions.append(position)

    def build(self) -> _Vocabulary:
        return _Vocabulary(self._positions)


class SearchIndex:
    """The words of a catalogue.

    Attributes:
        name_lengths: By position, how long the model's name is, 255 for all that are
            longer; the id stands in for a name that is missing.
    """

    def __init__(self, models: Sequence[Model]) -> None:
        names, joined, organisations, spelt = (_Words() for _ in range(4))
        # Organisations come again and again; their words need to be found only once.
        fold: Callable[[str], tuple[str, ...]] = lru_cache(maxsize=4096)(fold_words)
        for position, model in enumerate(models):
            owners: set[str] = set()
            if model.organisation is not None:
                owners.add(model.organisation.organisation_id)
                owners.add(model.organisation.name or "")
            titles = [fold_words(model.name or "")]
            for model_id in (model.model_id, *model.aliases):
                owner, slash, title = model_id.rpartition("/")
                owners.add(owner)
                titles.append(fold_words(title))
                if slash:
                    whole = "".join((*fold(owner), *titles[-1]))
                    spelt.add(position, (whole,))
            for words in dict.fromkeys(titles):
                names.add(position, words)
                joined.add(position, _join_numbers(words))
                spelt.add(position, ("".join(words),))
            for owner in sorted(owners):
                organisations.add(position, fold(owner))
        self._size = len(models)
        self._names = names.build()
        self._joined = joined.build()
        self._organisations = organisations.build()
        self._spelt = spelt.build()
        self.name_lengths = bytes(
            min(_MAX_LENGTH, len(model.name or model.model_id)) for model in models
        )

    def find(self, words: Sequence[str]) -> Matches:
        """Find the models that match all words, which `fold_words` has made."""
        classes = {0: (1 << self._size) - 1}
        for place, word in enumerate(dict.fromkeys(words)):
            levels = self._find_levels(word)
            scores = place < _MAX_SCORED_WORDS
            refined: dict[int, int] = {}
            for match, mask in classes.items():
                for level, matched in levels:
                    both = mask & matched
                    if both:
                        better = match + level if scores else match
                        refined[better] = refined.get(better, 0) | both
            classes = refined
            if not classes:
                break
        exact = build_mask(self.find_spelt(words), self._size)
        matches = [(match, mask & ~exact) for match, mask in classes.items()]
        matches.append((_EXACT, exact))
        return sorted((pair for pair in matches if pair[1]), reverse=True)

    def find_spelt(self, words: Sequence[str]) -> Sequence[int]:
        """List the models whose name, id or alias these words spell, separators aside."""
        return self._spelt.find_whole("".join(words))

    def find_similar(self, words: Sequence[str], at_most: int) -> list[int]:
        """List the models that share the most words with these, fewest last.

        Returns:
            All of the best until there are `at_most`; of the last group its first ones
            in catalogue order.
        """
        classes = [(1 << self._size) - 1]
        for word in tuple(dict.fromkeys(words))[:_MAX_SCORED_WORDS]:
            sharing = 0
            for _, matched in self._find_levels(word):
                sharing |= matched
            kept = [mask & ~sharing for mask in classes]
            moved = [mask & sharing for mask in classes]
            classes = [
                stay | come for stay, come in zip([*kept, 0], [0, *moved], strict=True)
            ]
        similar: list[int] = []
        for mask in reversed(classes[1:]):
            similar.extend(find_positions(mask)[: at_most - len(similar)])
            if len(similar) == at_most:
                break
        return similar

    def score(self, match: int, position: int) -> int:
        """Give the score of a model with this match."""
        return (match + 1) * (_MAX_LENGTH + 1) - 1 - self.name_lengths[position]

    def _find_levels(self, word: str) -> Matches:
        """Split the models that match one word by how well they do."""
        found = (
            (4, self._names.find_whole(word)),
            (3, self._organisations.find_whole(word)),
            (2, [*self._names.find_prefix(word), *self._joined.find_prefix(word)]),
            (1, self._organisations.find_prefix(word)),
        )
        levels: list[tuple[int, int]] = []
        better = 0
        for level, positions in found:
            mask = build_mask(positions, self._size) & ~better
            better |= mask
            levels.append((level, mask))
        return levels


def _join_numbers(words: Sequence[str]) -> Iterable[str]:
    """Join words that end in a letter with the one or two numbers that follow."""
    for place in range(1, len(words)):
        before, number = words[place - 1], words[place]
        if number[0].isdigit() and not before[-1].isdigit():
            after = words[place + 1] if place + 1 < len(words) else " "
            yield before + number + (after if after[0].isdigit() else "")
