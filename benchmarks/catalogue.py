"""Measures how the catalogue index scales: `python benchmarks/catalogue.py [SIZE ...]`.

Models are generated with a fixed seed. Each has up to three provider rows; the numbers of
organisations and providers grow with the catalogue. Times are the best of several runs, each
with a new query, so that no cache answers. Memory is that of the index without the
records.
"""

import datetime
import random
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator

from catalograph.catalogue.filter import EVERYTHING, ModelsFilter
from catalograph.catalogue.index import CatalogueIndex
from catalograph.catalogue.query import ModelsOrder, OrderField
from catalograph.catalogue.records import (
    Endpoint,
    Model,
    ModelData,
    ModelGateway,
    Offering,
    Organisation,
    Provider,
)
from catalograph.catalogue.selection import (
    Anchor,
    count_facets,
    find_unknown_values,
    select,
)

SIZES = (600, 6_000, 60_000)
RUNS = 7
FAMILIES = ("Gemini", "Llama", "Claude", "GPT", "Qwen", "Mistral", "Nova", "Command")
VARIANTS = ("Mini", "Pro", "Instruct", "Vision", "Coder", "Preview", "8B", "70B")
ENDPOINTS = tuple(
    Endpoint(endpoint_id=endpoint)
    for endpoint in (
        "audio.speech",
        "batch",
        "chat.completions",
        "embeddings",
        "image.generations",
        "moderations",
        "realtime",
        "responses",
    )
)
STATUSES = ("Available", "Available", "Available", "Retired", "Deprecated", None)
MODALITIES = ("text", "image", "audio", "video")


def make_models(size: int) -> tuple[Model, ...]:
    """Generate a catalogue in the upstream's order, newest first."""
    dice = random.Random(size)  # noqa: S311 - no secret depends on it
    organisations = [
        Organisation(organisation_id=f"lab-{i}", name=f"Lab {i}")
        for i in range(10 + size // 100)
    ]
    providers = [
        Provider(provider_id=f"host-{i}", name=f"Host {i}")
        for i in range(10 + size // 500)
    ]
    models = []
    for number in range(size):
        organisation = dice.choice(organisations)
        name = (
            f"{dice.choice(FAMILIES)} {dice.randrange(1, 6)}.{dice.randrange(10)}"
            f" {dice.choice(VARIANTS)} {number}"
        )
        slug = name.lower().replace(" ", "-").replace(".", "-")
        model_id = f"{organisation.organisation_id}/{slug}"
        rows = tuple(
            Offering(
                model_id=model_id,
                provider=dice.choice(providers),
                endpoint=dice.choice(ENDPOINTS),
                provider_model_slug=slug,
            )
            for _ in range(dice.randrange(4))
        )
        models.append(
            Model(
                model_id=model_id,
                name=name,
                status_label=dice.choice(STATUSES),
                release_date=datetime.date(2025, 12, 1)
                - datetime.timedelta(days=number * 1500 // size),
                organisation=organisation,
                aliases=(f"{model_id}-latest",) if number % 40 == 0 else (),
                data=ModelData(
                    input_modalities=tuple(MODALITIES[: dice.randrange(5)]),
                    output_modalities=MODALITIES[:1],
                ),
                gateway=ModelGateway(
                    is_routable=bool(rows),
                    endpoints=tuple(
                        {
                            row.endpoint.endpoint_id: row.endpoint for row in rows
                        }.values()
                    ),
                    providers=tuple(
                        {
                            row.provider.provider_id: row.provider for row in rows
                        }.values()
                    ),
                    offerings=rows,
                ),
            )
        )
    return tuple(models)


def measure(run: Callable[[int], object], runs: int = RUNS) -> float:
    """Time `run(0)`, `run(1)`, …; return the best time in microseconds."""
    best = float("inf")
    for number in range(runs):
        started = time.perf_counter()
        run(number)
        best = min(best, time.perf_counter() - started)
    return best * 1e6


def measure_memory(models: tuple[Model, ...]) -> float:
    """Build the index with memory tracing; return the memory that it holds, in MB."""
    tracemalloc.start()
    index = CatalogueIndex.build(models, as_of_s=0)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return held / 1e6 if index.models else 0.0


def measure_queries(index: CatalogueIndex) -> Iterator[tuple[str, float]]:
    """Time each kind of query on a new index, whose caches are empty."""
    ids = [model.model_id for model in index.models]

    def facets(number: int) -> None:
        search = f"{FAMILIES[number]} {VARIANTS[number]}"
        select(index, EVERYTHING, search=search).window(0, 50)
        count_facets(index, EVERYTHING, search=search)

    def broad(number: int) -> None:
        select(index, EVERYTHING, search="glcqmnv"[number]).window(0, 50)

    def page(number: int) -> None:
        asked = ModelsFilter(
            providers=(f"host-{number}",),
            endpoints=("chat.completions", "responses"),
            input_modalities=("text",),
            include_retired=False,
        )
        select(index, asked).window(0, 50)

    def ordered(number: int) -> None:
        order = ModelsOrder(OrderField.NAME)
        asked = ModelsFilter(organisations=(f"lab-{number}",))
        select(index, asked, order=order).window(0, 50)

    def gap(number: int) -> None:
        anchor = Anchor(
            offset=0, model_id="gone", date=datetime.date(2024, 1, 1 + number), name="x"
        )
        select(index, EVERYTHING).find_place(anchor)

    def unknown(number: int) -> None:
        asked = ModelsFilter(model_ids=(ids[number][:-1] + "x",))
        list(find_unknown_values(index, asked))

    yield "by id", measure(lambda number: index.find_model(ids[number]), 100)
    yield "filtered page", measure(page)
    yield "first page by name", measure(lambda _: ordered(0), 1)
    yield "next pages by name", measure(ordered)
    yield "search of 2 words, facets", measure(facets)
    yield "search of 1 letter", measure(broad)
    yield "first cursor of a lost model", measure(gap, 1)
    yield "cursor of a lost model", measure(gap)
    yield "suggestion for an id", measure(unknown)


def main(sizes: list[int]) -> None:
    """Print one column for each size."""
    columns: list[dict[str, str]] = []
    for size in sizes:
        models = make_models(size)
        started = time.perf_counter()
        index = CatalogueIndex.build(models, as_of_s=0)
        built_s = time.perf_counter() - started
        column = {
            "build, s": f"{built_s:.3f}",
            "memory beside the records, MB": f"{measure_memory(models):.1f}",
        }
        for name, taken_us in measure_queries(index):
            column[f"{name}, µs"] = f"{taken_us:,.1f}"
        columns.append(column)
    print(f"{'models':34}" + "".join(f"{size:>12,}" for size in sizes))
    for row in columns[0]:
        print(f"{row:34}" + "".join(f"{column[row]:>12}" for column in columns))


if __name__ == "__main__":
    main([int(size) for size in sys.argv[1:]] or list(SIZES))
