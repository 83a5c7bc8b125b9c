"""Search over the words of models, tolerant of typing mistakes, best match first.

A search is a set of words in any order. Case and accents do not count; every character
that is neither letter nor digit separates words. A model must match each word. A match
scores these points:

    8  a whole word of the title: the name, or the part of an id or alias after the slash
    7  its plural or singular; a whole word of the organisation's id or name
    5  the beginning of a word of the title, or of several words in a row: `gpt4o`
    4  the same of the organisation: `openai`, `open ai`
    2  a whole word of a provider, or of an ability: modality, endpoint, parameter, variant;
       its plural or singular
    1  the beginning of such a word, or a whole word of the description, its plural or singular

Words may be joined or split: two or three adjacent words also match as one word, and an
unknown word may match as two. Known phrases such as `text to speech` count as one word. A
word that no model has in any of these places is treated as a misspelt word of a title,
organisation or provider, for 2 points. If no known word is close, the search finds nothing.
Stop words such as `the` count only if there are no other words.

Results are ordered by points. Models whose name or id is the whole search come first, then
those whose title begins with it. Among equals, active models come first, then catalogue
order, newest first.

A search without letters and digits finds the models with these characters in their name,
id or aliases. The slash that follows the organisation in every id does not count.
"""

import re
import unicodedata
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache, reduce
from itertools import chain
from operator import itemgetter, or_
from typing import Final

from rapidfuzz import process
from rapidfuzz.distance import OSA

from catalograph.catalogue.postings import build_mask, find_positions
from catalograph.catalogue.records import Model, ModelData, ModelGateway, Status
from catalograph.concurrency.sorting import sort_in_runs

Matches = Sequence[tuple[int, int]]
"""Pairs of points and set of models (see `postings`), most points first; no model twice."""

_WORD = re.compile(r"[^\W_]+")
_SIGNS = re.compile(r"[\W_]+")
_LAST_CHARACTER = "\U0010ffff"

MAX_WORDS: Final = 16
"""Number of words that score points and can be joined; further words only have to match."""

_TITLE, _MAKER, _TITLE_START, _MAKER_START = 8, 7, 5, 4
_OTHER_NUMBER: Final = 7
_SECONDARY, _SECONDARY_START, _DESCRIPTION, _MISSPELT = 2, 1, 1, 2
_WHOLE_SEARCH = 16 * MAX_WORDS
_BEGINS_TITLE = 1

_MAX_JOINED = 3
_SHORTEST_NOUN: Final = 4
_MIN_PART = 3
_NUMBER_BEHIND = re.compile(r"([^\W\d_]{3,})(\d[^\W_]*)")

_RANKS: Final = 3
"""Ranks among equal points: active, not active, at the end of life."""

_SHORTEST_MISSPELT: Final = 3
_SHORTEST_WITH_EXTRA: Final = 8
_MAX_MISSPELT: Final = 4
"""Unknown words of one search that are compared with the whole vocabulary, 1 ms each."""

_MAX_SUGGESTED: Final = 5
"""Words of a suggested search; each is left out once to see what the others find."""

_MAX_GUESSED_LENGTH: Final = 32
"""Longer words are not corrected, and not split into two."""

_MAX_MISTAKES_BY_LENGTH: Final = ((3, 0), (6, 1), (10, 2))
"""Words shorter than the first number may have the second number of mistakes; others three."""

_FILLERS: Final = frozenset(
    [
        "a",
        "an",
        "and",
        "any",
        "are",
        "be",
        "best",
        "by",
        "can",
        "do",
        "find",
        "for",
        "from",
        "good",
        "has",
        "have",
        "i",
        "in",
        "is",
        "it",
        "llm",
        "me",
        "model",
        "models",
        "my",
        "need",
        "newest",
        "of",
        "on",
        "or",
        "show",
        "some",
        "supports",
        "that",
        "the",
        "to",
        "use",
        "want",
        "what",
        "which",
        "with",
        "you",
    ]
)

_ABILITIES: Final[Mapping[str, tuple[str, ...]]] = {
    "input image": ("vision", "visual", "multimodal"),
    "input video": ("vision", "multimodal"),
    "input audio": ("listening", "multimodal"),
    "output image": ("drawing", "pictures"),
    "output audio": ("speech", "voice"),
    "output embeddings": ("embed", "vector"),
    "endpoint audio.speech": ("tts", "speaking", "text to speech"),
    "endpoint audio.transcribe": ("stt", "asr", "transcription", "speech to text"),
    "endpoint audio.transcription": ("stt", "asr", "transcribe", "speech to text"),
    "endpoint audio.transcriptions": ("stt", "asr", "transcribe", "speech to text"),
    "endpoint image.generate": ("text to image",),
    "endpoint image.generations": ("text to image",),
    "endpoint images.generations": ("text to image",),
    "endpoint video.generate": ("text to video", "image to video"),
    "endpoint video.generation": ("text to video", "image to video"),
    "endpoint video.generations": ("text to video", "image to video"),
}
"""Synonyms of modalities and endpoints that people search for; phrases match as a whole."""

_NAMES_OF_PARAMETERS: Final[Mapping[str, tuple[str, ...]]] = {
    "tools": ("function", "functions", "calling", "agentic"),
    "reasoning": ("thinking", "think"),
    "structured_outputs": ("json", "schema", "json mode"),
    "response_format": ("json", "json mode"),
}
"""Synonyms of parameters; phrases match as a whole."""

_PHRASES: Final[Mapping[tuple[str, ...], str]] = {
    tuple(synonym.split()): synonym.replace(" ", "")
    for synonyms in (*_ABILITIES.values(), *_NAMES_OF_PARAMETERS.values())
    for synonym in synonyms
    if " " in synonym
}
"""The phrases among all synonyms: their words, mapped to these words joined."""

_LONGEST_PHRASE: Final = max(map(len, _PHRASES))


def fold_words(text: str) -> tuple[str, ...]:
    """Split into words without case and accents; empty if there is no letter or digit."""
    if not text.isascii():
        text = unicodedata.normalize("NFKD", text)
        text = "".join(c for c in text if not unicodedata.combining(c))
        # Twice: folding case can compose characters, and decomposing can produce capitals.
        text = unicodedata.normalize("NFKD", text.casefold())
        return tuple(_WORD.findall(text))
    return tuple(_WORD.findall(text.lower()))


def parse_search(text: str | None) -> tuple[str, ...]:
    """Parse a search; equivalent searches give equal tuples.

    Returns:
        The words of the search. A search without words gives one string of all its
        characters. A blank text gives an empty tuple.
    """
    signs = (text or "").strip()
    return fold_words(signs) or ((signs,) if signs else ())


class _Vocabulary:
    """Sorted words, with the positions of the models that have each word.

    Args:
        positions_by_word: Emptied word by word. Freeing all lists at once would hold the GIL
            for 50 ms with 60,000 models.
        size: Number of models.
    """

    def __init__(self, positions_by_word: dict[str, list[int]], size: int) -> None:
        self.words = sort_in_runs(list(positions_by_word))
        self._words_by_length: dict[int, list[str]] = {}
        for word in self.words:
            self._words_by_length.setdefault(len(word), []).append(word)
        # One array for all words, so that all words with a prefix are one slice.
        self._positions = array("I")
        self._starts = array("I", (0,))
        for word in self.words:
            self._positions.extend(positions_by_word.pop(word))
            self._starts.append(len(self._positions))
        self._size = size

    def find_closest(self, word: str, most: int) -> tuple[int, str] | None:
        """Find the closest word, with its number of mistakes; None if it has more than `most`.

        Of equally close words, the first in alphabetical order is found.
        """
        found = [
            process.extractOne(
                word,
                self._words_by_length.get(length, ()),
                scorer=OSA.distance,
                score_cutoff=most,
            )
            # A word of another length has at least the difference in mistakes.
            for length in range(len(word) - most, len(word) + most + 1)
        ]
        return min(((int(one[1]), one[0]) for one in found if one), default=None)

    def find_containing(self, part: str) -> int:
        """Find the models that have a word that contains this part."""
        found = chain.from_iterable(
            self._positions[self._starts[place] : self._starts[place + 1]]
            for place, word in enumerate(self.words)
            if part in word
        )
        return build_mask(list(found), self._size)

    def find_whole(self, word: str) -> int:
        """Find the models that have exactly this word."""
        place = bisect_left(self.words, word)
        if place == len(self.words) or self.words[place] != word:
            return 0
        return self._build(place, place + 1)

    def find_start(self, start: str) -> int:
        """Find the models that have a word that begins like this."""
        return self._build(
            bisect_left(self.words, start),
            bisect_left(self.words, start + _LAST_CHARACTER),
        )

    def _build(self, first: int, last: int) -> int:
        found = self._positions[self._starts[first] : self._starts[last]]
        return build_mask(found, self._size) if found else 0


class _Words:
    """Collects positions by word before a vocabulary is built."""

    def __init__(self) -> None:
        self._positions: dict[str, list[int]] = {}

    def add(self, position: int, words: Iterable[str]) -> None:
        for word in words:
            positions = self._positions.setdefault(word, [])
            if not positions or positions[-1] != position:
                positions.append(position)

    def build(self, size: int) -> _Vocabulary:
        return _Vocabulary(self._positions, size)


class _Texts:
    """Collects the words of searched texts: alone, and joined with all words that follow."""

    def __init__(self) -> None:
        self._whole, self._joined = _Words(), _Words()

    def add(self, position: int, words: Sequence[str]) -> None:
        self._whole.add(position, words)
        self._joined.add(position, ("".join(words[i:]) for i in range(len(words))))

    def build(self, size: int) -> tuple[_Vocabulary, _Vocabulary]:
        return self._whole.build(size), self._joined.build(size)


class SearchIndex:
    """The search index of a catalogue."""

    def __init__(self, models: Sequence[Model]) -> None:
        titles, makers = _Texts(), _Texts()
        spelt, secondary, descriptions, signs = _Words(), _Words(), _Words(), _Words()
        # Organisations and providers repeat, so results of splitting them are cached.
        fold: Callable[[str], tuple[str, ...]] = lru_cache(maxsize=4_096)(fold_words)
        ranks: list[list[int]] = [[] for _ in range(_RANKS)]
        for position, model in enumerate(models):
            owners: set[str] = set()
            if model.organisation is not None:
                owners.add(model.organisation.organisation_id)
                owners.add(model.organisation.name or "")
            title_words = [fold_words(model.name or "")]
            for model_id in (model.model_id, *model.aliases):
                owner, slash, title = model_id.rpartition("/")
                owners.add(owner)
                title_words.append(fold_words(title))
                if slash:
                    whole = "".join((*fold(owner), *title_words[-1]))
                    spelt.add(position, (whole,))
            signs.add(position, _SIGNS.findall((model.name or "").casefold()))
            for model_id in (model.model_id, *model.aliases):
                # The slash after the organisation is in every id, so it distinguishes nothing.
                for part in model_id.casefold().rpartition("/")[::2]:
                    signs.add(position, _SIGNS.findall(part))
            for words in dict.fromkeys(title_words):
                titles.add(position, words)
                spelt.add(position, ("".join(words),))
            for owner in sorted(owners):
                makers.add(position, fold(owner))
            texts = _list_secondary(model)
            secondary.add(
                position, dict.fromkeys(chain.from_iterable(map(fold, texts)))
            )
            descriptions.add(position, sorted(set(fold_words(model.description or ""))))
            ranks[_find_rank(model)].append(position)
        size = len(models)
        self._size = size
        self._everything = (1 << size) - 1
        self._titles, self._title_starts = titles.build(size)
        self._makers, self._maker_starts = makers.build(size)
        self._spelt = spelt.build(size)
        self._secondary = secondary.build(size)
        self._descriptions = descriptions.build(size)
        self._signs = signs.build(size)
        self._ranks = [build_mask(rank, size) for rank in ranks]

    def find(self, search: Sequence[str]) -> Matches:
        """Find the models that match a search from `parse_search`."""
        if not search:
            return ((0, self._everything),)
        if not _WORD.search(search[0]):
            return self._rank({0: self._signs.find_containing(search[0].casefold())})
        words = self._list_counting(search)
        classes = self._find_all(words)
        joined = "".join(search)
        found = reduce(or_, classes.values(), 0)
        # A search that equals a name or an id always matches, whatever its words match.
        exact = self._spelt.find_whole(joined)
        begins = self._title_starts.find_start(joined) & found
        points: dict[int, int] = {}
        for count, mask in classes.items():
            for bonus, part in (
                (0, mask & ~begins & ~exact),
                (_BEGINS_TITLE, mask & begins & ~exact),
            ):
                if part:
                    points[count + bonus] = points.get(count + bonus, 0) | part
        if exact:
            points[_WHOLE_SEARCH] = exact
        return self._rank(points)

    def find_spelt(self, words: Sequence[str]) -> Sequence[int]:
        """List the models whose name, id or alias equals these words without separators."""
        return find_positions(self._spelt.find_whole("".join(words)))

    def find_similar(self, words: Sequence[str], at_most: int) -> list[int]:
        """List the models that share the most words with `words`, best first.

        Returns:
            Positions of at most `at_most` models; ties are in catalogue order.
        """
        # Entry i holds the models that share i words with those processed so far.
        classes = [self._everything]
        for word in tuple(dict.fromkeys(words))[:MAX_WORDS]:
            sharing = self._title_starts.find_start(word)
            sharing |= self._maker_starts.find_start(word)
            stay = [mask & ~sharing for mask in classes]
            come = [mask & sharing for mask in classes]
            classes = [
                one | other for one, other in zip([*stay, 0], [0, *come], strict=True)
            ]
        similar: list[int] = []
        for mask in reversed(classes[1:]):
            similar.extend(find_positions(mask)[: at_most - len(similar)])
            if len(similar) == at_most:
                break
        return similar

    def suggest(self, search: Sequence[str]) -> str | None:
        """Suggest a similar search that has results, for a search without results.

        Misspelt words are corrected if a known word is close. Then words are dropped, one
        at a time, until something is found. The dropped word is the one whose absence gives
        the best match; of equals, the last one.

        Returns:
            The suggested search; None if there is none, or if the search has no words.
        """
        if not search or not _WORD.search(search[0]):
            return None
        words: list[str] = []
        guesses = 0
        for word in self._list_counting(search)[:_MAX_SUGGESTED]:
            if self._find_known(word):
                words.append(word)
            elif guesses < _MAX_MISSPELT:
                guesses += 1
                words += filter(None, (self._find_close(word, extra=1),))
        while words:
            if self._find_all(words):
                return " ".join(words)
            fewer = [words[:i] + words[i + 1 :] for i in reversed(range(len(words)))]
            words = max(fewer, key=lambda some: max(self._find_all(some), default=-1))
        return None

    def _list_counting(self, search: Sequence[str]) -> list[str]:
        """List the distinct words of a search without stop words; known phrases are joined."""
        words: list[str] = []
        start = 0
        while start < len(search):
            for length in range(_LONGEST_PHRASE, 1, -1):
                phrase = _PHRASES.get(tuple(search[start : start + length]))
                if phrase is not None and self._secondary.find_whole(phrase):
                    words.append(phrase)
                    start += length
                    break
            else:
                words.append(search[start])
                start += 1
        distinct = dict.fromkeys(words)
        return [word for word in distinct if word not in _FILLERS] or list(distinct)

    def _rank(self, points: Mapping[int, int]) -> Matches:
        """Split models with equal points by rank, active models first, and sort by points."""
        ranked = [
            (count * _RANKS + rank, mask & self._ranks[rank])
            for count, mask in points.items()
            for rank in range(_RANKS)
        ]
        return sorted((pair for pair in ranked if pair[1]), reverse=True)

    def _find_all(self, words: Sequence[str]) -> dict[int, int]:
        """Find the models that match all words, by points; each model only at its best score."""
        head, tail = words[:MAX_WORDS], words[MAX_WORDS:]
        levels_of = {word: self._find_known(word) for word in head}
        unknown = [word for word, levels in levels_of.items() if not levels]
        levels_of |= {
            word: self._find_misspelt(word) for word in unknown[:_MAX_MISSPELT]
        }
        # Dynamic programming over the words: entry i holds the matches of the first i words.
        reached: list[dict[int, int]] = [{} for _ in range(len(head) + 1)]
        reached[0] = {0: self._everything}
        for start in range(len(head)):
            # A lower score of the same model can no longer win. Dropping it bounds the work.
            classes = _keep_best(reached[start])
            for length in range(1, min(_MAX_JOINED, len(head) - start) + 1):
                word = "".join(head[start : start + length])
                levels = levels_of[word] if length == 1 else self._find_joined(word)
                target = reached[start + length]
                for count, mask in classes.items():
                    for level, matched in levels:
                        if both := mask & matched:
                            # Words that match joined score more than each word alone.
                            better = count + level * length + 2 * (length - 1)
                            target[better] = target.get(better, 0) | both
        classes = _keep_best(reached[-1])
        for word in tail:
            if not classes:
                break
            matched = reduce(or_, (mask for _, mask in self._find_known(word)), 0)
            classes = {
                count: mask & matched
                for count, mask in classes.items()
                if mask & matched
            }
        return classes

    def _find_misspelt(self, word: str) -> Matches:
        """Find the models that have the word that a misspelt word probably means."""
        close = self._find_close(word)
        if close is None:
            return ()
        mask = self._titles.find_whole(close) | self._makers.find_whole(close)
        return ((_MISSPELT, mask | self._secondary.find_whole(close)),)

    def _find_known(self, word: str) -> Matches:
        """Group the models that match one word, or its plural or singular, by points."""
        forms = _list_forms(word)
        found = [
            (_TITLE, self._titles.find_whole(word)),
            (_OTHER_NUMBER, _find_any(self._titles, forms[1:])),
            (_MAKER, self._makers.find_whole(word)),
            (_TITLE_START, self._title_starts.find_start(word)),
            (_MAKER_START, self._maker_starts.find_start(word)),
            (_SECONDARY, _find_any(self._secondary, forms)),
        ]
        if number := _NUMBER_BEHIND.fullmatch(word):
            found.append((_SECONDARY, self._find_parts(*number.groups())))
        if len(word) >= _MIN_PART:
            found.append((_SECONDARY_START, self._secondary.find_start(word)))
        found.append((_DESCRIPTION, _find_any(self._descriptions, forms)))
        levels = _subtract(found)
        if levels:
            return levels
        if len(word) > _MAX_GUESSED_LENGTH:
            return ()
        joined = 0
        for end in range(_MIN_PART, len(word) - _MIN_PART + 1):
            joined |= self._find_parts(word[:end], word[end:])
        return ((_SECONDARY, joined),) if joined else ()

    def _find_parts(self, first: str, second: str) -> int:
        """Find the models with `first` as a whole word, and `second` as the start of a word."""
        mask = self._titles.find_whole(first) | self._makers.find_whole(first)
        mask |= self._secondary.find_whole(first)
        return mask and mask & (
            self._title_starts.find_start(second) | self._secondary.find_whole(second)
        )

    def _find_joined(self, word: str) -> Matches:
        """Group the models that match several joined words by points."""
        return _subtract(
            [
                (_TITLE, self._titles.find_whole(word)),
                (_MAKER, self._makers.find_whole(word)),
                (_TITLE_START, self._title_starts.find_start(word)),
                (_MAKER_START, self._maker_starts.find_start(word)),
            ]
        )

    def _find_close(self, word: str, extra: int = 0) -> str | None:
        """Find the closest word of a title, organisation or provider; None if none is close.

        Args:
            word: The word as it was typed.
            extra: Additional mistakes that are allowed in words of eight letters or more.
        """
        if len(word) > _MAX_GUESSED_LENGTH:
            return None
        most = next(
            (most for length, most in _MAX_MISTAKES_BY_LENGTH if len(word) < length), 3
        )
        if not most:
            return None
        if len(word) >= _SHORTEST_WITH_EXTRA:
            most += extra
        if len(word) == _SHORTEST_MISSPELT:
            # A wrong letter in a word of three letters gives another word, so only swapped
            # letters are corrected.
            swapped = (word[1] + word[0] + word[2], word[0] + word[2] + word[1])
            return next((one for one in swapped if self._titles.find_whole(one)), None)
        vocabularies = (self._titles, self._makers, self._secondary)
        found = filter(None, (each.find_closest(word, most) for each in vocabularies))
        # Of equally close words, that of the first vocabulary counts.
        best = min(found, key=itemgetter(0), default=None)
        return None if best is None else best[1]


def _find_any(vocabulary: _Vocabulary, words: Iterable[str]) -> int:
    """Find the models that have any of these words."""
    return reduce(or_, map(vocabulary.find_whole, words), 0)


def _list_forms(word: str) -> tuple[str, ...]:
    """List a word, and its plural or singular if it may be an English noun."""
    if len(word) < _SHORTEST_NOUN or not (word.isascii() and word.isalpha()):
        return (word,)
    is_plural = word.endswith("s") and not word.endswith("ss")
    return (word, word[:-1] if is_plural else word + "s")


def _subtract(found: Iterable[tuple[int, int]]) -> Matches:
    """Keep each model only in the first group that has it; drop empty groups."""
    levels: list[tuple[int, int]] = []
    better = 0
    for level, mask in found:
        if mask & ~better:
            levels.append((level, mask & ~better))
        better |= mask
    return levels


def _keep_best(classes: Mapping[int, int]) -> dict[int, int]:
    """Keep each model only in the group with the most points."""
    return dict(_subtract(sorted(classes.items(), reverse=True)))


def _find_rank(model: Model) -> int:
    if model.status in {Status.DEPRECATED, Status.RETIRED}:
        return 0
    return 2 if model.gateway is not None and model.gateway.is_routable else 1


def _list_secondary(model: Model) -> Iterable[str]:
    """List the secondary texts of a model: providers, modalities, endpoints, parameters."""
    data, gateway = model.data or ModelData(), model.gateway or ModelGateway()
    for provider in gateway.providers:
        yield provider.provider_id
        yield provider.name or ""
    abilities = [
        *(("input", one) for one in data.input_modalities),
        *(("output", one) for one in data.output_modalities),
        *(("endpoint", one.endpoint_id) for one in gateway.endpoints),
        ("variant", model.variant or ""),
    ]
    for kind, ability in abilities:
        yield ability
        yield from _list_synonyms(_ABILITIES, f"{kind} {ability.lower()}")
    for parameter in gateway.parameters:
        yield parameter.name
        yield from _list_synonyms(_NAMES_OF_PARAMETERS, parameter.name)


def _list_synonyms(synonyms: Mapping[str, tuple[str, ...]], name: str) -> Iterable[str]:
    """List the synonyms of a name; a phrase is joined into one word."""
    return (synonym.replace(" ", "") for synonym in synonyms.get(name, ()))
