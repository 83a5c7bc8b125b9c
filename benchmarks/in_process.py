"""A gateway in this process, over a REST server of any number of models: what grows with them.

    python in_process.py URL TOKEN RUNS REFRESHES

Prints a line of JSON: for each operation, a list of `Step`, one for each run. The event loop
is watched from a task of its own, which an HTTP client cannot do. Responses are not cached, and
each run has other arguments. `URL` is that of `upstream.py`. Its older version serves no prices,
and the newer one at most 5,250 models; therefore `PricedClient` adds prices to what it reads,
unless RUNS is 0.
"""

import asyncio
import decimal
import json
import sys
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
import uvloop
from queries import TYPICAL

from catalograph.app import Gateway
from catalograph.catalogue.prices import Price, PriceList, PriceListKind
from catalograph.catalogue.query import ModelsPage, ModelsQuery
from catalograph.catalogue.records import Model, Offering
from catalograph.catalogue.side_tables import TableKind
from catalograph.data.access import Access
from catalograph.graphql.run.request import Caller, Operation
from catalograph.observability.logs import configure_logging
from catalograph.server.gc_tuning import (
    COLLECTOR,
    pause_collector,
    tune_collector,
    tune_threads,
)
from catalograph.settings import Settings
from catalograph.upstream.client import UpstreamClient

SEARCH: Final = "search with order and facets"
PRICE: Final = "price filter and order"
READ: Final = "first reading of the index"
REFRESH: Final = "index refresh"

_BEAT_S: Final = 0.001
_CENTS: Final = 997
_WORDS: Final = ("heron", "ibis mini", "egret 70b", "ultra", "kestrel large")
_CRAWL_WITHIN_S: Final = 60


class Step(NamedTuple):
    """One execution of an operation.

    Attributes:
        block_ms: Longest time for which the event loop ran nothing else, by the clock.
        block_cpu_ms: The same in CPU time of this process, with all its threads: what other
            processes use does not count.
        cpu_ms: CPU time of the process, with all its threads.
        took_ms: Time until the response, by the clock.
        rss_mb: Resident memory after it.
        peak_mb: Peak of the resident memory during it.
    """

    block_ms: float
    block_cpu_ms: float
    cpu_ms: float
    took_ms: float
    rss_mb: float
    peak_mb: float


class PricedClient(UpstreamClient):
    """Adds a standard price list to every offering that it reads."""

    async def fetch_page(
        self,
        query: ModelsQuery,
        *,
        token: str | None = None,
        version: str | None = None,
    ) -> ModelsPage:
        """Fetch one page of models; see `UpstreamClient`."""
        page = await super().fetch_page(query, token=token, version=version)
        models = tuple(map(_add_prices, page.models))
        return msgspec.structs.replace(page, models=models)


class Heart:
    """Measures how long the event loop is blocked, from a task that beats on it."""

    def __init__(self) -> None:
        self.longest_s = 0.0
        self.longest_cpu_s = 0.0

    async def beat(self) -> None:
        """Run until cancelled."""
        while True:
            before_s, before_cpu_s = time.perf_counter(), time.process_time()
            await asyncio.sleep(_BEAT_S)
            took_s = time.perf_counter() - before_s - _BEAT_S
            cpu_s = time.process_time() - before_cpu_s
            self.longest_s = max(self.longest_s, took_s)
            self.longest_cpu_s = max(self.longest_cpu_s, min(took_s, cpu_s))


def _add_prices(model: Model) -> Model:
    gateway = model.gateway
    if gateway is None or not gateway.offerings:
        return model
    offerings = tuple(map(_add_price, gateway.offerings))
    return msgspec.structs.replace(
        model, gateway=msgspec.structs.replace(gateway, offerings=offerings)
    )


def _add_price(offering: Offering) -> Offering:
    cents = 1 + len(offering.provider.provider_id) * sum(offering.model_id.encode())
    prices = tuple(
        Price(
            meter=meter,
            unit="token",
            unit_size=1_000_000,
            amount=decimal.Decimal(factor * (cents % _CENTS)) / 100,
            currency="USD",
        )
        for meter, factor in (("input_text_tokens", 1), ("output_text_tokens", 4))
    )
    lists = (PriceList(kind=PriceListKind.STANDARD, prices=prices),)
    return msgspec.structs.replace(offering, price_lists=lists)


def _search(number: int) -> str:
    word = json.dumps(_WORDS[number % len(_WORDS)])
    facets = (
        "facets{providers{value count}organisations{value count}statuses{value count}}"
    )
    order = "orderBy:{field:NAME direction:ASC}"
    arguments = f"search:{word} limit:20 offset:{number} {order}"
    return f"{{models({arguments}){{totalCount nodes{{{TYPICAL}}}{facets}}}}}"


def _filter_prices(number: int) -> str:
    order = "orderBy:{field:INPUT_PRICE direction:ASC}"
    most = f'filter:{{maxInputPrice:"{2 + number / 10}" isRoutable:true}}'
    nodes = f"nodes{{{TYPICAL} inputPrice outputPrice}}"
    return f"{{models({most} {order} limit:20){{totalCount {nodes}}}}}"


async def _watch(run: Callable[[], Awaitable[object]]) -> Step:
    """Run an operation, and measure it."""
    # As the server does while it has no requests.
    COLLECTOR.collect_if_due()
    _reset_peak()
    heart = Heart()
    beating = asyncio.create_task(heart.beat())
    await asyncio.sleep(2 * _BEAT_S)
    began_s, began_cpu_s = time.perf_counter(), time.process_time()
    await run()
    cpu_s, took_s = time.process_time() - began_cpu_s, time.perf_counter() - began_s
    await asyncio.sleep(2 * _BEAT_S)
    beating.cancel()
    return Step(
        block_ms=max(0.0, heart.longest_s) * 1000,
        block_cpu_ms=heart.longest_cpu_s * 1000,
        cpu_ms=cpu_s * 1000,
        took_ms=took_s * 1000,
        rss_mb=_read_status_mb("VmRSS"),
        peak_mb=_read_status_mb("VmHWM"),
    )


def _reset_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5", "ascii")


def _read_status_mb(name: str) -> float:
    _, _, rest = Path("/proc/self/status").read_text("utf-8").partition(f"{name}:")
    return int(rest.split()[0]) / 1024


async def _measure(
    url: str, token: str, runs: int, refreshes: int
) -> dict[str, list[Step]]:
    environment = {
        "CATALOGRAPH_UPSTREAM_URL": url,
        "CATALOGRAPH_UPSTREAM_TOKEN": token,
        # A refresh would otherwise go on in the background, where it is not measured.
        "CATALOGRAPH_UPSTREAM_TIMEOUT_S": str(_CRAWL_WITHIN_S),
        "CATALOGRAPH_UPSTREAM_TOTAL_TIMEOUT_S": str(_CRAWL_WITHIN_S + 1),
        "CATALOGRAPH_REQUEST_TIMEOUT_S": str(_CRAWL_WITHIN_S + 2),
    }
    make = PricedClient if runs else UpstreamClient
    gateway = Gateway(
        Settings.from_environ(environment),
        client=make(
            base_url=url,
            token=token,
            attempt_timeout_s=_CRAWL_WITHIN_S,
            total_timeout_s=_CRAWL_WITHIN_S,
        ),
        building=pause_collector,
    )
    # As the server does when it starts.
    tune_collector()
    tune_threads()
    access = Access()
    access.tables = frozenset(TableKind)

    async def read() -> None:
        await gateway.source.fetch_index(access, oldest_s=time.time())

    async def send(document: str) -> None:
        operation = Operation(document=document, variables={})
        answer = await gateway.engine.execute(operation, Caller(request_id="benchmark"))
        page = json.loads(answer.body)["data"]["models"]
        if not page["totalCount"]:
            raise SystemExit(f"nothing is found by {document}")

    try:
        return {
            READ: [await _watch(read)],
            SEARCH: [await _watch(partial(send, _search(n))) for n in range(runs)],
            PRICE: [
                await _watch(partial(send, _filter_prices(n))) for n in range(runs)
            ],
            REFRESH: [await _watch(read) for _ in range(refreshes)],
        }
    finally:
        await gateway.aclose()


def main() -> None:
    """Measure, and print the figures."""
    configure_logging(level="critical")
    url, token, runs, refreshes = sys.argv[1:5]
    print(json.dumps(uvloop.run(_measure(url, token, int(runs), int(refreshes)))))


if __name__ == "__main__":
    main()
