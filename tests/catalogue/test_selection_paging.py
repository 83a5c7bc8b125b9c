"""Paging by cursor returns every model that keeps its place exactly once."""

import random
from collections import Counter
from collections.abc import Callable
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given, settings, strategies as st

from catalograph.catalogue.filter import EVERYTHING, ModelsFilter
from catalograph.catalogue.prices import Price, PriceList, PriceListKind
from catalograph.catalogue.query import ModelsOrder, OrderField
from catalograph.catalogue.records import (
    Endpoint,
    Model,
    ModelData,
    Offering,
    Provider,
)
from catalograph.catalogue.selection import Anchor, Selection, select
from support.catalogues import build_index, build_model
from support.strategies import AMOUNTS, DAYS, NAMES, TOKENS, sort_as_upstream

ORDERS = [None, *(ModelsOrder(f, d) for f in OrderField for d in (False, True))]
QUESTIONS = [
    *((order, search) for order in ORDERS for search in (None, "gpt")),
    (None, "ete"),
]
TEXT_ONLY = ModelsFilter(input_modalities=("text",))


class Upstream:
    """A catalogue that changes, with a record of each of its states."""

    def __init__(
        self, seed: int, question: tuple[ModelsOrder | None, str | None]
    ) -> None:
        self._random = random.Random(seed)  # noqa: S311 - no secret depends on it
        self._order, self._search = question
        self._filter = self._random.choice((EVERYTHING, TEXT_ONLY))
        self._models = [self._make(i) for i in range(self._random.randrange(2, 20))]
        self._made = len(self._models)
        self.states: list[list[Model]] = []

    def ask(self) -> Selection:
        """Answer from the current state, and then change it."""
        index = build_index(sort_as_upstream(tuple(self._models)))
        selection = select(index, self._filter, search=self._search, order=self._order)
        self.states.append(list(selection.window(0, selection.total)))
        # Changes end at some time, so that paging ends.
        if len(self.states) < 12:
            for _ in range(self._random.randrange(4)):
                self._change()
        return selection

    def _change(self) -> None:
        if self._random.random() < 0.3 or not self._models:
            self._models.append(self._make(self._made))
            self._made += 1
            return
        place = self._random.randrange(len(self._models))
        model = self._models.pop(place)
        changed = self._random.random()
        if changed < 0.2:
            other = self._make(0)
            self._models.append(
                msgspec.structs.replace(
                    model,
                    name=other.name,
                    release_date=other.release_date,
                    max_input_tokens=other.max_input_tokens,
                    gateway=other.gateway,
                )
            )
        elif changed < 0.4:
            self._models.append(msgspec.structs.replace(model, data=ModelData()))

    def _make(self, number: int) -> Model:
        pick = self._random.choice
        return build_model(
            # Ids are unordered, so that ties by id make a difference.
            f"lab/{number * 7919 % 1000}",
            name=pick(NAMES),
            released=pick((None, *DAYS)),
            announced=pick((None, *DAYS)),
            inputs=pick(((), ("text",), ("text", "image"))),
            tokens=(pick(TOKENS), pick(TOKENS)),
            offers=[build_priced(pick((None, *AMOUNTS)), pick((None, *AMOUNTS)))],
        )


def build_priced(*amounts: Decimal | None) -> Offering:
    """Build an offering with prices for input and output; None: without this price."""
    meters = ("input_text_tokens", "output_text_tokens")
    prices = tuple(
        Price(
            meter=meter,
            unit="token",
            unit_size=1_000_000,
            amount=amount,
            currency="USD",
        )
        for meter, amount in zip(meters, amounts, strict=True)
        if amount is not None
    )
    return Offering(
        model_id="",
        provider=Provider(provider_id="azure"),
        endpoint=Endpoint(endpoint_id="chat"),
        is_routable=True,
        price_lists=(PriceList(kind=PriceListKind.STANDARD, prices=prices),),
    )


def walk_forward(upstream: Upstream, limit: int) -> list[Model]:
    met: list[Model] = []
    anchor: Anchor | None = None
    while True:
        selection = upstream.ask()
        start = 0
        if anchor is not None:
            place, is_present = selection.find_place(anchor)
            start = place + is_present
        page = selection.window(start, limit)
        if not page:
            return met
        met.extend(page)
        anchor = selection.anchor(start + len(page) - 1)


def walk_backward(upstream: Upstream, limit: int) -> list[Model]:
    met: list[Model] = []
    anchor: Anchor | None = None
    while True:
        selection = upstream.ask()
        end = selection.total if anchor is None else selection.find_place(anchor)[0]
        start = max(0, end - limit)
        page = selection.window(start, end - start)
        if not page:
            return met
        met.extend(reversed(page))
        anchor = selection.anchor(start)


def get_key(model: Model) -> tuple[object, ...]:
    return (
        model.model_id,
        model.name,
        model.release_date,
        model.announcement_date,
        model.max_input_tokens,
        model.max_output_tokens,
        tuple(offering.price_lists for offering in model.offerings),
    )


@pytest.mark.parametrize("walk", [walk_forward, walk_backward])
@pytest.mark.parametrize("question", QUESTIONS)
@given(seed=st.integers(0, 2**32), limit=st.integers(1, 5))
@settings(max_examples=60, deadline=None)
def test_unchanged_models_are_listed_exactly_once(
    seed: int,
    limit: int,
    question: tuple[ModelsOrder | None, str | None],
    walk: Callable[[Upstream, int], list[Model]],
) -> None:
    upstream = Upstream(seed, question)

    met = Counter(map(get_key, walk(upstream, limit)))

    stayed = set.intersection(*({*map(get_key, state)} for state in upstream.states))
    assert {key: met[key] for key in stayed} == dict.fromkeys(stayed, 1)
    # Models that came or went meanwhile may be missing, but are never repeated.
    assert set(met.values()) <= {1}
