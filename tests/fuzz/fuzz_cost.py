"""Random operations below the cost ceiling must stay cheap: `make fuzz`.

The estimate of an operation's cost decides whether it may run. This looks for operations
that are allowed and yet hold the event loop up, make a large answer or take much memory.
The gateway runs in this process over `catalograph upstream --models N`, so that the event
loop can be watched: a heartbeat measures the processor time between two turns of its own.
What other processes do on the machine does not count.

Usage: python tests/fuzz/fuzz_cost.py SECONDS [MODELS ...]
"""

import asyncio
import contextlib
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from catalograph.app import Gateway
from catalograph.demo.service import DEMO_TOKEN
from catalograph.graphql.run.request import Answer, Caller, Operation
from catalograph.graphql.schema import build_schema
from catalograph.observability.logs import configure_logging
from catalograph.server.gc_tuning import COLLECTOR, tune_collector, tune_threads
from catalograph.settings import Settings
from support.memory import forget_peak_memory, memory_bytes, peak_memory_bytes
from support.nightly import chance
from support.random_documents import DocumentWriter

MAX_BLOCK_MS: Final = 50.0
MAX_ANSWER_MIB: Final = 16.0
MAX_GROWTH_MIB: Final = 64.0
SIZES: Final = (162, 6_000, 60_000)

_MIB: Final = 1024 * 1024
_SCHEMA: Final = build_schema()._schema  # noqa: SLF001 - Strawberry has no public name for it
_WORDS: Final = (
    "gpt",
    "claude",
    "llama",
    "mini",
    "pro",
    "a",
    "e",
    "7b",
    "vision",
    "zz",
)
_ORDERS: Final = ("NAME", "RELEASE_DATE", "MODEL_ID")
_FACETS: Final = (
    *("providers", "organisations", "endpoints", "statuses"),
    *("inputModalities", "outputModalities"),
)
_LEAVES: Final = "id modelId name status releaseDate aliases inputModalities isRoutable"
_BELOW: Final = (
    "providers { name endpoints { endpointId } }",
    "offerings { id providerModelSlug provider { name } endpoint { id } model { name } }",
    "organisation { name }",
    "endpoints { providers { providerId } }",
)


class Question(msgspec.Struct, frozen=True):
    """One operation.

    Attributes:
        text: GraphQL.
        variables: By name.
    """

    text: str
    variables: dict[str, Any]


class Worst(msgspec.Struct):
    """The largest figure of one kind, and what caused it."""

    figure: float = 0.0
    cause: str = ""

    def note(self, figure: float, question: Question) -> None:
        """Keep the larger figure."""
        if figure > self.figure:
            self.figure = figure
            self.cause = f"{question.text[:600]} {json.dumps(question.variables)[:200]}"


class Heart:
    """Measures for how long, in processor time, the loop was held by one piece of work."""

    def __init__(self) -> None:
        self.longest_ms = 0.0

    async def beat(self) -> None:
        """Run beside the operation until cancelled."""
        while True:
            before_s = time.thread_time()
            await asyncio.sleep(0)
            held_ms = (time.thread_time() - before_s) * 1_000
            self.longest_ms = max(self.longest_ms, held_ms)


class HeavyWriter:
    """Writes operations that ask for much, in every way the graph offers.

    Args:
        rng: Where chance comes from.
        ids: Global ids by type name.
    """

    def __init__(self, seed: int, ids: dict[str, Sequence[str]]) -> None:
        self._rng = chance(seed)
        self._ids = ids

    def write(self) -> Question:
        """Write one operation."""
        rng = self._rng
        kind = rng.randrange(5)
        lists = " ".join(
            self._list(place, nested=kind != 0) for place in range(rng.randint(1, 20))
        )
        if kind == 0:
            return Question("{ " + lists + " }", {})
        if kind == 1:
            parent = rng.choice(("providers", "organisations", "endpoints"))
            size = rng.choice((5, 25, 100, 250))
            return Question(
                f"{{ {parent}(limit: {size}) {{ nodes {{ {lists} }} }} }}", {}
            )
        if kind == 2:
            return self._nodes(lists)
        if kind == 3:
            return self._page()
        operation = DocumentWriter(_SCHEMA, rng).write()
        return Question(operation.text, dict(operation.variables))

    def _nodes(self, lists: str) -> Question:
        rng = self._rng
        type_name = rng.choice(sorted(self._ids))
        known = self._ids[type_name]
        count = rng.choice((10, 100, 500, 1_000))
        ids = [
            rng.choice(known) if rng.random() < 0.9 else f"no id {place}"
            for place in range(count)
        ]
        below = _LEAVES.split()[0] if type_name == "Model" else lists
        text = f"query ($i: [ID!]!) {{ nodes(ids: $i) {{ ... on {type_name} {{ {below} }} }} }}"
        return Question(text, {"i": ids})

    def _page(self) -> Question:
        rng = self._rng
        alias = "a" * rng.choice((1, 60, 256))
        below = " ".join(rng.sample(_BELOW, rng.randint(1, len(_BELOW))))
        size = rng.choice((50, 250))
        return Question(
            f"{{ models(limit: {size}) {{ nodes {{ {alias}: name {_LEAVES} {below} }} "
            f"edges {{ cursor node {{ {_LEAVES} }} }} }} }}",
            {},
        )

    def _list(self, place: int, *, nested: bool) -> str:
        rng = self._rng
        arguments = [f"limit: {rng.choice((1, 1, 5, 50, 250, 999))}"]
        if rng.random() < 0.5:
            words = " ".join(rng.choice(_WORDS) for _ in range(rng.randint(1, 6)))
            arguments.append(f'search: "{words} {place}"')
        if rng.random() < 0.5:
            direction = rng.choice(("ASC", "DESC"))
            order = f"{{field: {rng.choice(_ORDERS)}, direction: {direction}}}"
            arguments.append(f"orderBy: {order}")
        if rng.random() < 0.5:
            arguments.append(f"filter: {{{self._filter(nested=nested)}}}")
        selected = ["totalCount"]
        if rng.random() < 0.5:
            selected.append("nodes { name organisation { name } }")
        if rng.random() < 0.3:
            dimensions = rng.sample(_FACETS, rng.randint(1, len(_FACETS)))
            counted = " ".join(f"{one} {{ value count }}" for one in dimensions)
            selected.append(f"facets {{ {counted} }}")
        if rng.random() < 0.3:
            selected.append("unknownFilterValues { value suggestion }")
        return f"l{place}: models({', '.join(arguments)}) {{ {' '.join(selected)} }}"

    def _filter(self, *, nested: bool) -> str:
        rng = self._rng
        choices = [
            'releaseDate: {from: "2024-01-01"}',
            "isRoutable: true",
            "statuses: [AVAILABLE, RETIRED]",
            'inputModalities: ["text", "image"]',
            'allOutputModalities: ["text"]',
            "modelIds: ["
            + " ".join(f'"x/{n}"' for n in range(rng.randint(1, 60)))
            + "]",
        ]
        if not nested:
            choices.append('providers: ["openai", "azure", "nothing"]')
        return ", ".join(rng.sample(choices, rng.randint(1, 3)))


@contextlib.contextmanager
def serve_models(count: int) -> Iterator[str]:
    """Serve a catalogue of that many models; give its address."""
    port = find_port()
    command = [sys.executable, "-m", "catalograph", "upstream", f"--port={port}"]
    environ = {k: v for k, v in os.environ.items() if not k.startswith("CATALOGRAPH_")}
    process = subprocess.Popen(  # noqa: S603
        [*command, f"--models={count}"], env=environ, stderr=subprocess.DEVNULL
    )
    url = f"http://127.0.0.1:{port}/v1"
    try:
        _wait_for(url)
        yield url
    finally:
        process.terminate()
        process.wait()


def find_port() -> int:
    """Give a port that was free just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_for(url: str) -> None:
    request = urllib.request.Request(  # noqa: S310 - our own address
        f"{url}/models?limit=1", headers={"Authorization": f"Bearer {DEMO_TOKEN}"}
    )
    for _ in range(600):
        try:
            with urllib.request.urlopen(request, timeout=60):  # noqa: S310
                return
        except OSError:
            time.sleep(0.1)
    raise TimeoutError(url)


async def fuzz(url: str, models: int, seconds: float) -> bool:
    """Throw operations at a gateway for so long; say whether all figures were small."""
    settings = Settings.from_environ(
        {"CATALOGRAPH_UPSTREAM_URL": url, "CATALOGRAPH_UPSTREAM_TOKEN": DEMO_TOKEN}
    )
    gateway = Gateway(settings)
    tune_collector()
    tune_threads()
    try:
        ids = await _read_ids(gateway)
        return await _throw(gateway, ids, models, seconds)
    finally:
        await gateway.aclose()


async def _read_ids(gateway: Gateway) -> dict[str, Sequence[str]]:
    fields = ("models", "providers", "organisations", "endpoints")
    text = (
        "{ "
        + " ".join(f"{one} {{ nodes {{ __typename id }} }}" for one in fields)
        + " }"
    )
    await ask(gateway, Question('{ model(modelId: "x") { id } }', {}))
    answer = await ask(gateway, Question(text, {}))
    found: dict[str, list[str]] = {}
    for connection in msgspec.json.decode(answer.body)["data"].values():
        for node in connection["nodes"]:
            found.setdefault(node["__typename"], []).append(node["id"])
    return dict(found)


async def ask(gateway: Gateway, question: Question) -> Answer:
    """Run one operation as the web layer does."""
    operation = Operation(document=question.text, variables=question.variables)
    return await gateway.engine.execute(operation, Caller(request_id="fuzz"))


async def _throw(
    gateway: Gateway, ids: dict[str, Sequence[str]], models: int, seconds: float
) -> bool:
    blocks, answers, growths, works = Worst(), Worst(), Worst(), Worst()
    until_s = time.monotonic() + seconds
    tried = refused = 0
    while time.monotonic() < until_s:
        question = HeavyWriter(tried, ids).write()
        tried += 1
        heart = Heart()
        # As the server does while it has no requests.
        COLLECTOR.collect_if_due()
        forget_peak_memory()
        before_bytes = memory_bytes()
        beating = asyncio.create_task(heart.beat())
        await asyncio.sleep(0)
        started_s = time.process_time()
        answer = await ask(gateway, question)
        works.note((time.process_time() - started_s) * 1_000, question)
        beating.cancel()
        grown_bytes = peak_memory_bytes() - before_bytes
        if "INTERNAL_SERVER_ERROR" in answer.codes:
            print(f"an internal error: {question.text[:2_000]}")
            return False
        refused += "OPERATION_TOO_COMPLEX" in answer.codes
        blocks.note(heart.longest_ms, question)
        answers.note(len(answer.body) / _MIB, question)
        growths.note(grown_bytes / _MIB, question)
    print(f"{models:,} models: {tried:,} operations, {refused:,} refused")
    bounds = (
        ("longest block of the loop, ms of CPU", blocks, MAX_BLOCK_MS),
        ("largest answer, MiB", answers, MAX_ANSWER_MIB),
        ("largest growth of the peak memory, MiB", growths, MAX_GROWTH_MIB),
        ("most work, ms of CPU", works, float("inf")),
    )
    for what, worst, bound in bounds:
        print(f"  {what}: {worst.figure:.1f}")
        if worst.figure > bound:
            print(f"    more than {bound:g}: {worst.cause}")
    return all(worst.figure <= bound for _, worst, bound in bounds)


def main() -> int:
    """Run for the seconds given, shared among the sizes."""
    configure_logging(level="critical")
    seconds = float(sys.argv[1])
    sizes = [int(one) for one in sys.argv[2:]] or list(SIZES)
    are_small = True
    for models in sizes:
        with serve_models(models) as url:
            are_small &= asyncio.run(fuzz(url, models, seconds / len(sizes)))
    return 0 if are_small else 1


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))
    raise SystemExit(main())
